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
from genesis.runners.identify import Identify, Plan
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.sysid.build import make_problem
from genesis.sysid.linearization import Point
from genesis.sysid.problem import Problem
from genesis.sysid.solvers import make_solver
from genesis.sysid.solvers.levenberg_marquardt import LevenbergMarquardt
from genesis.sysid.solvers.solver import LeastSquares
from genesis.sysid.statistics import certainty, estimates

DT = 0.002
LINKS = [f"panda_link{k}" for k in range(3, 8)]
JOINTS = [f"panda_joint{k}" for k in range(1, 8)]
HOME = np.array([0.0, -0.5, 0.0, -1.8, 0.0, 1.4, 0.7])
DAMPING = np.array([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])  # [Nms]
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


def panda() -> mujoco.MjSpec:
    """The arm with the true dampings."""
    spec = mujoco.MjSpec.from_file(str(models_folder() / "panda7.xml"))
    for name, damping in zip(JOINTS, DAMPING, strict=True):
        spec.joint(name).damping[0] = damping
    return spec


def record(steps: int) -> Data:
    """Motion under torques that hold the arm roughly and shake every joint by sines of its own."""
    spec = panda()
    model = spec.compile()
    data = mujoco.MjData(model)
    at = DT * np.arange(steps + 1)
    phase = np.random.RandomState(0).uniform(0.0, 2.0 * np.pi, (2, 7))
    shaken = np.array([20.0, 20.0, 15.0, 15.0, 4.0, 4.0, 1.5])
    torque = shaken * (np.sin(2.0 * np.pi * 2.3 * at[:, None] + phase[0]) + np.sin(2.0 * np.pi * 5.1 * at[:, None] + phase[1]))
    data.qpos[:] = HOME
    mujoco.mj_forward(model, data)
    torque += data.qfrc_bias
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


def problem(world: tuple[Any, Any], data: Data, start: Start, folder: Path, **changes: Any) -> Problem:
    """The same question for `genesis.sysid`. changes: window, sigma, more parameters."""
    np.savez(folder / "panda.npz", time=data.time, q=data.q, v=data.v, torque=data.torque)
    count = len(DAMPING)
    parameters = {
        "damping": {"kind": "damping", "init": list(data.truth[:count] * start.damping), "bounds": list(DAMPING_BOUNDS)},
        "mass": {"kind": "mass", "names": LINKS, "init": list(data.truth[count:] * start.mass), "bounds": list(MASS_BOUNDS)},
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


def ours(world: tuple[Any, Any], data: Data, start: Start, **how: Any) -> dict[str, Any]:
    """Estimates, windows simulated, CPU seconds, of a second run: kernels are compiled by then."""
    seconds = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(how.get("repeats", 3)):
            asked = problem(world, data, start, Path(folder), window=how.get("window"))
            solver = LevenbergMarquardt(cost_tolerance=1e-12)
            ended = Identify(asked, solver, Plan(equation_error=how.get("equation_error", False)))
            squares = LeastSquares(asked)
            reports: list = []
            begin = time.process_time()
            _, why = solver.run(squares, ended._starts(squares, squares.first())[0], lambda report, _: reports.append(report))
            seconds = min(seconds, time.process_time() - begin)
    found = asked.natural(torch.as_tensor(reports[-1].point.z)).numpy()
    return {"found": found, "simulations": asked.simulations, "seconds": seconds, "iterations": len(reports), "why": why}


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
