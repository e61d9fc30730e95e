"""Does identification find the truth, with how many simulations, and are its error bars right?

    python benchmarks/sysid.py [near] [far] [coverage]

A Panda (7 joint dampings and 5 link masses unknown) moved by known torques for T steps of 2 ms, joint angles measured; MuJoCo makes the
data. `near` and `far`: data without noise, the same data, start and bounds given to `mujoco.sysid` and to `genesis.sysid`, one thread,
both in this run. `coverage`: 100 repetitions with noise: how often the 95 % interval of each parameter holds the truth.
Needs `pip install "mujoco[sysid]"` for the comparison.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import mujoco.rollout
import numpy as np
import torch
from measure import machine, models_folder, table

from genesis import runtime
from genesis.methods.levenberg_marquardt import LevenbergMarquardt
from genesis.methods.lower import lower
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.sysid.build import make_problem
from genesis.sysid.equation_error import of_forces
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import of_windows
from genesis.sysid.statistics import certainty, estimates

DT = 0.002
LINKS = [f"panda_link{k}" for k in range(3, 8)]
JOINTS = [f"panda_joint{k}" for k in range(1, 8)]
HOME = np.array([0.0, -0.5, 0.0, -1.8, 0.0, 1.4, 0.7])
DAMPING = np.full(7, 0.1)  # [Nms], the model's
MASS_BOUNDS, DAMPING_BOUNDS = (0.1, 20.0), (0.001, 10.0)


class Start(NamedTuple):
    """Factors on the true dampings (7,) and masses (5,), and how many steps are measured."""

    damping: np.ndarray
    mass: np.ndarray
    steps: int


STARTS = {
    "near": Start(np.full(7, 1.5), np.array([1.2, 0.8, 1.2, 0.8, 1.2]), 300),
    "far": Start(np.full(7, 3.0), np.array([1.5, 0.6, 1.5, 0.6, 1.5]), 500),
}


class Data(NamedTuple):
    """Exact motion: time (T+1,), q, v, torque (T+1, 7) each; true dampings and masses (12,); the model that made it."""

    time: np.ndarray
    q: np.ndarray
    v: np.ndarray
    torque: np.ndarray
    truth: np.ndarray
    spec: mujoco.MjSpec


def record(steps: int) -> Data:
    """Motion under random torques, under gravity."""
    spec = mujoco.MjSpec.from_file(str(models_folder() / "panda7.xml"))
    model = spec.compile()
    data = mujoco.MjData(model)
    at = DT * np.arange(steps + 1)
    torque = 5.0 * np.random.RandomState(0).randn(steps + 1, 7)
    data.qpos[:] = HOME
    state = np.zeros(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    motion = mujoco.rollout.rollout(model, data, state, torque[:-1])[0][0]
    q, v = np.vstack([HOME, motion[:, 1:8]]), np.vstack([np.zeros(7), motion[:, 8:15]])
    masses = np.array([model.body(name).mass[0] for name in LINKS])
    return Data(at, q, v, torque, np.concatenate([DAMPING, masses]), spec)


# ---- genesis


def scene() -> tuple[Any, Any]:
    made = Scene(
        sim_options=SimOptions(dt=DT, requires_grad=False),
        rigid_options=RigidOptions(enable_collision=False, enable_joint_limit=False, implicit_damping=False),
    )
    robot = made.add_entity(morphs.MJCF(file=str(models_folder() / "panda7.xml")), name="robot")
    made.build(n_envs=0)
    return made, robot


def problem(world: tuple[Any, Any], data: Data, start: Start, folder: Path, **changes: Any) -> RecordingProblem:
    """The same question for `genesis.sysid`. changes: window, sigma, more parameters."""
    np.savez(folder / "panda.npz", time=data.time, q=data.q, v=data.v, torque=data.torque)
    count = len(DAMPING)
    parameters = {
        "damping": {"kind": "damping", "init": list(data.truth[:count] * start.damping), "bounds": list(DAMPING_BOUNDS)},
        "mass": {"kind": "mass", "names": LINKS, "init": list(data.truth[count:] * start.mass), "bounds": list(MASS_BOUNDS)},
        "start": {"kind": "start_state", "learn": False, "position_std": None, "velocity_std": None},
        **changes.get("more", {}),
    }
    observation = {
        "files": ["panda.npz"],
        "smoothing": {"window": 1, "velocity": "measured"},
        "channels": {
            "angle": {
                "kind": "joint_position", "columns": {name: f"q[{k}]" for k, name in enumerate(JOINTS)}, "unit": "rad",
                "sigma": changes.get("sigma", 1e-3),
            },
            "speed": {  # for the start only
                "kind": "joint_velocity", "columns": {name: f"v[{k}]" for k, name in enumerate(JOINTS)}, "weight": 0.0,
            },
        },
        "inputs": {
            "torque": {
                "kind": "joint_force", "columns": {name: f"torque[{k}]" for k, name in enumerate(JOINTS)}, "unit": "Nm",
                "hold": "zero",
            },
        },
    }  # fmt: skip
    return make_problem(
        *world, {"robot": world[1]}, homes={"robot": list(HOME)}, tool=None, seed=0, observation=observation,
        parameters=parameters, shooting={"window": changes.get("window")}, base=folder,
    )  # fmt: skip


def errors(found: np.ndarray, truth: np.ndarray) -> float:
    """The largest relative error."""
    return float(np.abs(found / truth - 1.0).max())


def ours(world: tuple[Any, Any], data: Data, start: Start, **how: Any) -> dict[str, Any]:
    """Estimates, windows simulated, least CPU seconds of a few runs: kernels are compiled by then.

    how: window [s] of multiple shooting; equation_error: whether to start from that; repeats.
    """
    best: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(how.get("repeats", 3)):
            asked = problem(world, data, start, Path(folder), window=how.get("window"))
            run = solved(asked, how.get("equation_error", False))
            best = run if not best or run["seconds"] < best["seconds"] else best
    return best


def solved(asked: RecordingProblem, equation_error: bool) -> dict[str, Any]:
    """One run of Levenberg-Marquardt, from the parameters that explain the torques if asked for."""
    squares = LeastSquaresObjective(of_windows(asked))
    begin = time.process_time()
    if equation_error:
        torques = LeastSquaresObjective(of_forces(asked))
        lower(LevenbergMarquardt(cost_tolerance=1e-6), torques, 20)
        squares.put(torques.x)
    lower(LevenbergMarquardt(cost_tolerance=1e-12), squares, 100)
    seconds = time.process_time() - begin
    found = asked.natural(torch.as_tensor(squares.x)).numpy()
    return {"found": found, "simulations": asked.simulations, "seconds": seconds}


# ---- mujoco.sysid


def theirs(data: Data, start: Start) -> dict[str, Any]:
    """The same by `mujoco.sysid` with its default optimiser; rollouts are counted where it makes them."""
    from mujoco import sysid

    def damping(name: str) -> Any:
        def change(spec: mujoco.MjSpec, parameter: Any) -> None:
            spec.joint(name).damping[0] = parameter.value[0]

        return change

    def mass(name: str) -> Any:
        def change(spec: mujoco.MjSpec, parameter: Any) -> None:
            spec.body(name).mass = parameter.value[0]

        return change

    names, count = [*JOINTS, *LINKS], len(JOINTS)
    first = data.truth * np.concatenate([start.damping, start.mass])
    parameters = sysid.ParameterDict()
    for k, name in enumerate(names):
        low, high = DAMPING_BOUNDS if k < count else MASS_BOUNDS
        parameters.add(sysid.Parameter(name, first[k], low, high, modifier=(damping if k < count else mass)(name)))
    model = data.spec.compile()
    angles = sysid.TimeSeries.from_names(data.time, data.q, model, names=[f"{name}_qpos" for name in JOINTS])
    control = sysid.TimeSeries(data.time, data.torque, sysid.TimeSeries.compute_all_control_mapping(model))
    state = sysid.create_initial_state(model, data.q[0], data.v[0], np.zeros(0))
    measured = sysid.ModelSequences("panda", data.spec, "motion", state, control, angles, allow_missing_sensors=True)
    rollouts = 0

    def counted(**given: Any) -> Any:
        nonlocal rollouts
        rollouts += len(given["models"])
        given.pop("param_dicts")
        return sysid.sysid_rollout(**given)

    residual = sysid.build_residual_fn(models_sequences=[measured], custom_rollout=counted, n_threads=1)
    begin = time.process_time()
    best, result = sysid.optimize(parameters, residual, verbose=False)
    seconds = time.process_time() - begin
    return {"found": best.as_vector(), "simulations": rollouts, "seconds": seconds}


# ---- error bars


class Coverage(NamedTuple):
    """How often of ``repetitions`` the interval of each parameter held the truth; estimates of standard deviation: said, and found."""

    names: list[str]
    hits: np.ndarray
    said: np.ndarray
    found: np.ndarray


def coverage(world: tuple[Any, Any], repetitions: int, noise: float = 1e-3) -> Coverage:
    """95 % intervals under white noise [rad] on every angle; the start state is not known either."""
    data, rng = record(300), np.random.default_rng(0)
    free = {"start": {"kind": "start_state", "position_std": None, "velocity_std": None}}
    with tempfile.TemporaryDirectory() as folder:
        asked = problem(world, data, Start(np.ones(7), np.ones(5), 300), Path(folder), sigma=noise, more=free)
    residuals, samples = of_windows(asked), asked.batches[0].samples["angle"]
    exact = samples.measured.clone()
    inside, said, found = [], [], []
    for _ in range(repetitions):
        samples.measured = exact + torch.as_tensor(rng.normal(0.0, noise, tuple(exact.shape)))
        squares = LeastSquaresObjective(residuals)
        lower(LevenbergMarquardt(cost_tolerance=1e-6, damping=1e-6), squares, 100)
        made = estimates(asked, squares.x, certainty(residuals, squares.x, residuals.blocks(squares.x)))
        inside.append([e.low <= truth <= e.high for e, truth in zip(made, data.truth, strict=True)])
        said.append([e.std for e in made])
        found.append([e.value for e in made])
    return Coverage(asked.names(), np.sum(inside, 0), np.mean(said, 0), np.std(found, 0, ddof=1))


def compared(world: tuple[Any, Any], name: str) -> list[list[str]]:
    """Rows of the table: `mujoco.sysid`, and ours with whole motions, windows, and a start from the equation error."""
    start = STARTS[name]
    data = record(start.steps)
    runs = {"`mujoco.sysid`": theirs(data, start)}
    runs["whole motion"] = ours(world, data, start)
    runs["windows of 0.1 s"] = ours(world, data, start, window=0.1)
    runs["whole motion, from the equation error"] = ours(world, data, start, equation_error=True)
    whole = {"windows of 0.1 s": 0.1 / (DT * start.steps)}
    return [
        [
            name, label, f"{errors(run['found'], data.truth):.0e}", f"{run['simulations'] * whole.get(label, 1.0):.0f}",
            f"{run['seconds']:.2f} s",
        ]
        for label, run in runs.items()
    ]  # fmt: skip


def main() -> None:
    asked = sys.argv[1:] or ["near", "far", "coverage"]
    torch.set_num_threads(1)
    runtime.init(precision="64", logging_level="error", cpu_threads=1)
    world = scene()
    print(machine())
    rows = [row for name in asked if name in STARTS for row in compared(world, name)]
    if rows:
        print(table(["start", "by", "largest relative error", "simulations of the whole motion", "CPU"], rows))
    if "coverage" in asked:
        repetitions = 100
        made = coverage(world, repetitions)
        print(
            table(
                ["parameter", f"truth inside, of {repetitions}", "standard deviation said", "found"],
                [[n, str(h), f"{s:.2e}", f"{f:.2e}"] for n, h, s, f in zip(*made, strict=True)],
            )
        )


if __name__ == "__main__":
    main()
