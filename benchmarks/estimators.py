"""Gradients of a jump, of a stiff impact and of a pivot: bias and variance of exact gradients, of values, and of their mixture; who learns.

    python benchmarks/estimators.py [--figure docs/images/estimators.png] [--seeds 5]

wall: a ball is thrown at a target behind a wall; it meets the edge, or just passes. momentum: a ball strikes another one, which shall get to
a mark; their contact is a spring, of a stiffness that grows. pivot: task `pivot`, in which a ball has to strike a board on a hinge.
Of each: the landscape along one number, bias and spread of gradients over the number of samples (of momentum also over the stiffness), and
the objective, in the mean over the noise, over iterations. Scenes after Suh, Simchowitz, Zhang, Tedrake, ICML 2022.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine, table

WALL = """<mujoco><worldbody><geom name="floor" type="plane" size="9 9 1" friction="0.5"/>
<geom name="wall" type="box" pos="2 0 0.5" size="0.02 2 0.5"/></worldbody></mujoco>"""
OTHER = """<mujoco><worldbody><body name="other"><freejoint/>
<geom name="other" type="sphere" size="0.1" density="119.366" priority="1" solref="-{stiffness:g} -1"/></body></worldbody></mujoco>"""
THROWN = [
    "task=pivot", "scene=ball", "parameter.velocity.bounds=null", "scene.collision=true", "multiple_shooting.segments=1",
]  # fmt: skip
SAMPLES, REPEATS = (8, 32, 128, 512), 300
ITERATIONS, EVERY = 80, 4
STIFFNESS = (1e3, 3e3, 1e4, 3e4, 1e5, 3e5)
ESTIMATORS = ("bundled", "zeroth", "mixed")
COLOURS = {"analytic": "#7f7f7f", "bundled": "#d95f02", "zeroth": "#1b9e77", "mixed": "#2c6fbb"}


@dataclass
class Scene:
    """number: the one that the landscape lies along, over a range. words: of the command line."""

    title: str
    words: list[str]
    sigma: float
    number: int
    label: str
    range: tuple[float, float]
    found: dict[str, Any] = field(default_factory=dict)


def wall(folder: Path) -> list[str]:
    (folder / "wall.xml").write_text(WALL)
    return [
        *THROWN, "scene.substeps=2", "robot.radius=0.03", "robot.density=4421", "robot.pos=[0, 0, 0.3]", "task.entity=ball",
        f"+scene.entities.wall={{kind: mjcf, file: {folder / 'wall.xml'}}}", "loss.edge.entity=ball", "task.horizon=150",
        "task.target_pos=[4, 0, 0.1]", "task.start_qvel=[3, 0, 4.1, 0, 0, 0]",
    ]  # fmt: skip


def momentum(folder: Path, stiffness: float, law: str = "mujoco") -> list[str]:
    file = folder / f"other_{stiffness:g}.xml"
    file.write_text(OTHER.format(stiffness=stiffness))
    return [
        *THROWN, "scene.dt=0.002", "scene.gravity=[0, 0, 0]", f"scene.contact={law}", "task.entity=other", "loss.edge.entity=other",
        f"+scene.entities.other={{kind: mjcf, file: {file}, pos: [0.6, 0, 0]}}", "task.horizon=250", "robot.pos=[0, 0, 0]",
        "task.target_pos=[1.5, 0, 0]", "task.start_qvel=[2, 0.02, 0, 0, 0, 0]",
    ]  # fmt: skip


def scenes(folder: Path) -> dict[str, Scene]:
    return {
        "wall": Scene("wall: a ball, a target behind a wall", wall(folder), 0.15, 2, "upward speed [m/s]", (3.5, 5.2)),
        "momentum": Scene("momentum: a ball strikes another", momentum(folder, 1e5), 0.1, 1, "sideward speed [m/s]", (-0.6, 0.6)),
        "pivot": Scene("pivot: a ball strikes a board on a hinge", ["task=pivot"], 0.2, 1, "sideward speed [m/s]", (-0.5, 2.0)),
    }


class Pool:
    """Pairs of samples around the start of a task: noise (K, n), values (2, K), gradients (2, K, n); of them estimates are drawn."""

    def __init__(self, words: list[str], sigma: float, pairs: int) -> None:
        import genesis as gs
        from genesis.methods.method import point, spans
        from genesis.runners.candidates import Candidates
        from genesis.runners.evaluate import TaskProblem

        task = gs.compose(*words).task
        problem, self.candidates = TaskProblem(task, remember=False), Candidates(task)
        self.here, self.scale = point(problem.groups), sigma * spans(problem.groups)
        self.noise = np.random.default_rng(7).standard_normal((pairs, len(self.here))) * self.scale
        made = [
            self.candidates.gradients(self.here + side * part)
            for part in np.split(self.noise, max(1, pairs // 1024))
            for side in (1, -1)
        ]
        self.values = np.stack([np.concatenate([v for v, _ in made[k::2]]) for k in (0, 1)])
        self.slopes = np.stack([np.concatenate([g for _, g in made[k::2]]) for k in (0, 1)])

    def estimate(self, kind: Any, rows: np.ndarray) -> Any:
        from genesis.runners.estimator import mixture

        noise = self.noise[rows]
        slopes = None if kind == "zeroth" else np.concatenate([self.slopes[0, rows], self.slopes[1, rows]])
        return mixture(
            slopes,
            np.concatenate([self.values[0, rows], self.values[1, rows]]),
            np.concatenate([noise, -noise]),
            self.scale,
            kind,
        )

    def errors(self) -> dict[str, dict[int, tuple[float, float, float]]]:
        """Of each estimator by samples: bias, spread and rms of the error, over the size of the gradient of all pairs by values."""
        rng, everything = np.random.default_rng(1), np.arange(len(self.noise))
        exact = self.estimate("zeroth", everything).gradient * self.scale
        drawn = {count: [rng.integers(0, len(everything), count // 2) for _ in range(REPEATS)] for count in SAMPLES}
        made: dict[str, dict[int, tuple[float, float, float]]] = {}
        for kind in ESTIMATORS:
            for count, some in drawn.items():
                found = np.array([self.estimate(kind, rows).gradient * self.scale for rows in some])
                bias, spread = np.linalg.norm(found.mean(0) - exact), np.linalg.norm(found.std(0))
                sizes = np.array([bias, spread, np.hypot(bias, spread)]) / np.linalg.norm(exact)
                made.setdefault(kind, {})[count] = (float(sizes[0]), float(sizes[1]), float(sizes[2]))
        return made

    def single(self) -> tuple[float, float, float]:
        """Spread of single exact gradients, of a pair of values, and bias of the exact ones, over the size of the gradient by values."""
        found = self.estimate("mixed", np.arange(len(self.noise)))
        size = float(np.linalg.norm(found.zeroth * self.scale))
        exact = np.concatenate(list(self.slopes)) * self.scale
        bias = float(np.linalg.norm((found.first - found.zeroth) * self.scale))
        return (
            float(np.linalg.norm(exact.std(0))) / size,
            (found.told["variance_zeroth"] * len(self.noise)) ** 0.5 / size,
            bias / size,
        )

    def landscape(self, scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers, the objective at them, and its mean under noise of that number alone."""
        low, high = scene.range
        margin = 4.0 * self.scale[scene.number]
        x = np.linspace(low - margin, high + margin, 801)
        points = np.tile(self.here, (len(x), 1))
        points[:, scene.number] = x
        y = self.candidates.values(points)
        kernel = np.exp(-0.5 * ((x[:, None] - x) / self.scale[scene.number]) ** 2)
        inside = (x >= low) & (x <= high)
        return x[inside], y[inside], ((kernel @ y) / kernel.sum(1))[inside]


def learned(scene: Scene, estimator: str, seeds: int, pool: Pool) -> np.ndarray:
    """(seeds, iterations / 4 + 1) what all of them lower: the mean of the objective over 1024 pairs of samples, the same everywhere."""
    import genesis as gs

    noise, curves = pool.noise[:1024], []
    for seed in range(seeds):
        problem = gs.compose(
            *scene.words, f"gradient.estimator={estimator}", f"gradient.sigma={scene.sigma}", f"runtime.seed={seed}", "gradient.samples=64",
            "optimizer=adam", "optimizer.lr=0.05", "scheduler=cosine", f"stop.iterations={ITERATIONS}", "stop.when_converged=false",
        )  # fmt: skip
        points: list[np.ndarray] = []
        problem.solve(observers=[lambda report, points=points: points.append(report.evaluation.point)])
        points += [points[-1]] * (ITERATIONS + 1 - len(points))
        curves.append([float(np.mean(pool.candidates.values(np.concatenate([x + noise, x - noise])))) for x in points[::EVERY]])
    return np.array(curves)


def stiffness(folder: Path) -> dict[str, list[tuple[float, float, float]]]:
    """`Pool.single` over the stiffness, of each law of contacts."""
    return {law: [Pool(momentum(folder, k, law), 0.1, 2048).single() for k in STIFFNESS] for law in ("mujoco", "smooth")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        found = scenes(Path(made))
        for name, scene in found.items():
            start = time.process_time()
            pool = Pool(scene.words, scene.sigma, 8192)
            scene.found = {"errors": pool.errors(), "landscape": pool.landscape(scene), "here": float(pool.here[scene.number])}
            scene.found["curves"] = {kind: learned(scene, kind, asked.seeds, pool) for kind in COLOURS}
            print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
        springs = stiffness(Path(made))
    tell(found, springs)
    if asked.figure is not None:
        draw(found, springs, asked.figure)


def tell(found: dict[str, Scene], springs: dict[str, list[tuple[float, float, float]]]) -> None:
    """The figures as tables; the last column is what is asked of the mixture: its error, or its end, over that of the better of both."""
    rows, ends = [], []
    for name, scene in found.items():
        errors, curves = scene.found["errors"], scene.found["curves"]
        for count in SAMPLES:
            cells = [f"{errors[kind][count][0]:.2f}, {errors[kind][count][1]:.2f}" for kind in ESTIMATORS]
            better = min(errors[kind][count][2] for kind in ("bundled", "zeroth"))
            rows.append([name, str(count), *cells, f"{errors['mixed'][count][2] / better:.2f}"])
        last = {kind: float(np.median(some[:, -1])) for kind, some in curves.items()}
        start = float(curves["mixed"][0, 0])
        ratio = last["mixed"] / min(last["bundled"], last["zeroth"])
        ends.append([name, f"{start:.3g}", *(f"{last[kind]:.2e}" for kind in COLOURS), f"{ratio:.2f}"])
    print(table(["scene", "samples", *(f"{kind}: bias, spread" for kind in ESTIMATORS), "mixed / better"], rows))
    head = ["law, stiffness [N/m]", "spread of an exact gradient", "spread of a pair of values", "bias of exact gradients"]
    of_laws = [(law, k, of) for law, some in springs.items() for k, of in zip(STIFFNESS, some, strict=True)]
    print(table(head, [[f"{law}, {k:g}", *(f"{x:.2f}" for x in of)] for law, k, of in of_laws]))
    print(table(["mean objective", "start", *COLOURS, "mixed / better"], ends), machine(), sep="\n")


def draw(found: dict[str, Scene], springs: dict[str, list[tuple[float, float, float]]], file: Path) -> None:
    """A row a scene: landscape; bias and spread over samples, or over stiffness; learning."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(12, 9), constrained_layout=True)
    for (land, error, learning), (name, scene) in zip(axes, found.items(), strict=True):
        x, y, smoothed = scene.found["landscape"]
        land.plot(x, y, color="#999999", lw=1, label="objective")
        land.plot(x, smoothed, color=COLOURS["mixed"], label="mean over the noise")
        land.axvline(scene.found["here"], color="k", lw=0.8, ls=":", label="start")
        land.set(title=scene.title, xlabel=scene.label, ylabel="objective")
        land.legend(fontsize=7)
        if name == "momentum":
            _springs(error, springs)
        else:
            for kind, points in scene.found["errors"].items():
                n = list(points)
                error.loglog(n, [points[k][0] for k in n], "-o", ms=3, color=COLOURS[kind], label=f"{kind}, bias")
                error.loglog(n, [points[k][1] for k in n], "--", lw=1, color=COLOURS[kind], label=f"{kind}, spread")
            error.set(title="error of the gradient at the start", xlabel="samples", ylabel="over the size of the gradient")
        error.legend(fontsize=6, ncols=2)
        for kind, some in scene.found["curves"].items():
            x = EVERY * np.arange(some.shape[1])
            learning.semilogy(x, np.median(some, 0), color=COLOURS[kind], label=kind)
            learning.fill_between(x, some.min(0), some.max(0), color=COLOURS[kind], alpha=0.15)
        learning.set(title="learning", xlabel="iteration", ylabel="mean objective over the noise")
        learning.legend(fontsize=7)
        for axis in (land, error, learning):
            axis.grid(alpha=0.3)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=100)


def _springs(axis: Any, springs: dict[str, list[tuple[float, float, float]]]) -> None:
    """Spread and bias over stiffness."""
    for (law, some), style in zip(springs.items(), ("-o", "--s"), strict=True):
        spread, values, bias = (list(part) for part in zip(*some, strict=True))
        axis.loglog(STIFFNESS, spread, style, ms=3, color=COLOURS["bundled"], label=f"exact, spread, {law} law")
        axis.loglog(STIFFNESS, values, style, ms=3, color=COLOURS["zeroth"], label=f"values, spread, {law} law")
        axis.loglog(STIFFNESS, bias, style, ms=3, color="#7570b3", label=f"exact, bias, {law} law")
    axis.set(
        title="spread of single samples, and bias",
        xlabel="stiffness of the contact [N/m]",
        ylabel="over the size of the gradient",
    )


if __name__ == "__main__":
    main()
