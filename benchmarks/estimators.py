"""Gradients of a jump, of a stiff impact and of a pivot: bias and variance of exact gradients, of values, and of their mixture; who learns.

    python benchmarks/estimators.py [--figure docs/images/estimators.png] [--seeds 5]

wall: a ball is thrown so that it just misses, or just meets, the edge of a wall; the slope of where it ends.
momentum: a ball meets another one head on, with contacts of a stiffness that grows; the slope of the other's speed.
pivot: task `pivot`, in which a ball has to strike a board on a hinge.
Of each the landscape, the exact gradient, and means over samples. Reference: Suh, Simchowitz, Zhang, Tedrake, ICML 2022.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine, table

WALL = """<mujoco><worldbody><geom name="floor" type="plane" size="9 9 1" friction="0.1"/>
<geom name="wall" type="box" pos="2 0 0.5" size="0.05 2 0.5"/></worldbody></mujoco>"""
SAMPLES = (8, 32, 128, 512)
TITLES = {"wall": "a ball at the edge of a wall", "momentum": "a ball strikes another"}


def thrown(folder: Path, stiffness: float | None) -> Any:
    """A task of one number: the upward speed of a ball that flies at a wall; or the speed of one that meets another one."""
    import genesis as gs

    (folder / "wall.xml").write_text(WALL)
    words = [
        "task=throw", "parameter.velocity.part=linear", "parameter.velocity.bounds=null", "multiple_shooting.segments=1",
        "optimizer=adam", "scene.dt=0.01", "scene.substeps=4", "scene.collision=true",
    ]  # fmt: skip
    if stiffness is None:
        words += [
            f"+scene.entities.wall={{kind: mjcf, file: {folder / 'wall.xml'}}}", "task.horizon=120", "task.target_pos=[3.0, 0.0, 0.1]",
            "task.start_qvel=[3.0, 0.0, 4.4, 0.0, 0.0, 0.0]", "robot.pos=[0.0, 0.0, 0.3]",
        ]  # fmt: skip
    else:
        words += [
            "+scene.entities.other={kind: sphere, radius: 0.1, pos: [1.0, 0.0, 0.0]}", "scene.gravity=[0, 0, 0]", "task.horizon=100",
            "task.target_pos=[0.4, 0.0, 0.0]", "task.start_qvel=[2.0, 0.02, 0.0, 0.0, 0.0, 0.0]", "scene.contact=mujoco",
        ]  # fmt: skip
    return gs.compose(*words).task


def problem_of(task: Any, estimator: str, samples: int, sigma: float, seed: int) -> Any:
    from genesis.runners.estimator import EstimatedProblem, GradientOptions

    return EstimatedProblem(task, GradientOptions(estimator, samples, sigma, seed=seed), remember=False)  # type: ignore[arg-type]


def compare(task: Any, sigma: float, seeds: int) -> tuple[np.ndarray, dict[str, dict[int, tuple[float, float]]]]:
    """Reference gradient by many values, and of each estimator and number of samples its error of the mean (bias) and its spread, both over
    the size of the reference."""
    from genesis.methods.method import move, point

    reference = problem_of(task, "zeroth", 8192, sigma, 99)
    here = point(reference.groups)
    reference.evaluate()
    exact = reference.latest.gradient
    size = float(np.linalg.norm(exact)) or 1.0
    made: dict[str, dict[int, tuple[float, float]]] = {}
    for estimator in ("bundled", "zeroth", "mixed"):
        for samples in SAMPLES:
            found = []
            for seed in range(seeds):
                problem = problem_of(task, estimator, samples, sigma, seed)
                move(problem.groups, here)
                problem.evaluate()
                found.append(problem.latest.gradient)
            mean, spread = np.mean(found, 0), np.std(found, 0)
            made.setdefault(estimator, {})[samples] = (
                float(np.linalg.norm(mean - exact)) / size,
                float(np.linalg.norm(spread)) / size,
            )
    return exact, made


def learned(estimator: str, seeds: int) -> list[list[float]]:
    """Objectives of task pivot over iterations, one list a seed."""
    import genesis as gs

    curves = []
    for seed in range(seeds):
        problem = gs.compose(
            "task=pivot",
            f"gradient.estimator={estimator}",
            f"runtime.seed={seed}",
            "stop.iterations=40",
            "stop.when_converged=false",
        )
        curve: list[float] = []
        problem.solve(observers=[lambda report, curve=curve: curve.append(report.evaluation.objective)])
        curves.append(curve)
    return curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    rows, found = [], {}
    with tempfile.TemporaryDirectory() as made:
        for name, task, sigma in (
            ("wall", thrown(Path(made), None), 0.1), ("momentum", thrown(Path(made), 1.0), 0.1),
        ):  # fmt: skip
            start = time.process_time()
            _, found[name] = compare(task, sigma, 4 * asked.seeds)
            for estimator, by in found[name].items():
                rows += [[name, estimator, str(n), f"{bias:.3f}", f"{spread:.3f}"] for n, (bias, spread) in by.items()]
            print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
    curves = {name: learned(name, asked.seeds) for name in ("analytic", "bundled", "zeroth", "mixed")}
    print(table(["scene", "estimator", "samples", "bias", "spread"], rows))
    ends = [
        [name, *(f"{np.median([c[min(k, len(c) - 1)] for c in some]):.2e}" for k in (0, 10, 20, 40))]
        for name, some in curves.items()
    ]
    print(table(["pivot", "start", "10", "20", "40 iterations"], ends), machine(), sep="\n")
    if asked.figure is not None:
        draw(found, curves, asked.figure)


def draw(found: dict[str, Any], curves: dict[str, list[list[float]]], file: Path) -> None:
    """Bias and spread over samples, and learning curves."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colours = {"analytic": "#7f7f7f", "bundled": "#d95f02", "zeroth": "#1b9e77", "mixed": "#2c6fbb"}
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), constrained_layout=True)
    for axis, (name, by) in zip(axes, found.items(), strict=False):
        for estimator, points in by.items():
            n = list(points)
            axis.loglog(n, [points[k][0] for k in n], "-o", ms=3, color=colours[estimator], label=f"{estimator}, bias")
            axis.loglog(n, [points[k][1] for k in n], "--", lw=1, color=colours[estimator], label=f"{estimator}, spread")
        axis.set(title=TITLES[name], xlabel="samples", ylabel="over the size of the gradient")
        axis.grid(alpha=0.3, which="both")
    axes[0].legend(fontsize=6, ncols=2)
    for name, some in curves.items():
        length = max(map(len, some))
        full = np.array([c + [c[-1]] * (length - len(c)) for c in some])
        axes[2].semilogy(np.median(full, 0), color=colours[name], label=name)
        axes[2].fill_between(range(length), full.min(0), full.max(0), color=colours[name], alpha=0.15)
    axes[2].set(title="task pivot", xlabel="iteration", ylabel="objective")
    axes[2].grid(alpha=0.3)
    axes[2].legend(fontsize=7)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
