"""Small identifications on shipped robots: recordings are simulated here, step by step, so that the truth is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from genesis.methods import Ending, make_method
from genesis.methods.residuals import ResidualBlock
from genesis.observations import Dataset, Recording, Series, Smoothing
from genesis.observations.spec import channel_spec, input_spec, settle
from genesis.scene import morphs
from genesis.scene.names import row_names
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.physical import Loops
from genesis.scene.scene import Scene
from genesis.setting import Setting
from genesis.sysid.build import problem_of
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import Residuals, of_windows
from genesis.sysid.shooting import Shooting
from tests.settings import numbers, setting_of

ARM = "double_pendulum"
TRUTH = {"mass/lower": 1.3, "damping/shoulder": 0.05, "damping/elbow": 0.03}
PARAMETERS = {
    "mass": {"kind": "mass", "names": ["lower"], "inertia": "keep", "bounds": [0.5, 2.0]},
    "damping": {"kind": "damping", "log": True, "bounds": [0.005, 0.2]},
}
EXACT = Smoothing(window=1, velocity="measured")  # start states are the samples themselves
JOINTS = {"double_pendulum": ("shoulder", "elbow"), "cartpole": ("slider", "hinge"), "driven": ("slide", "swing")}
DRIVEN = """<mujoco model="driven"><worldbody><body name="cart"><joint name="slide" type="slide" axis="1 0 0" damping="0.3"/>
  <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
  <body name="arm"><joint name="swing" type="hinge" axis="0 1 0" damping="0.02"/>
    <inertial pos="0 0 -0.4" mass="0.5" diaginertia="0.01 0.01 0.001"/></body></body></worldbody>
  <actuator><motor name="push" joint="slide" gear="2"/><position name="servo" joint="swing" kp="3"/></actuator></mujoco>"""


@cache
def setting_for(robot: str, dt: float = 0.01) -> Setting:
    """A shipped robot, one with actuators ("driven"), or a sphere on a floor ("sphere")."""
    if robot not in ("driven", "sphere"):
        return setting_of(robot, dt=dt)
    collide = robot == "sphere"
    scene = Scene(
        sim_options=SimOptions(dt=dt, requires_grad=False),
        rigid_options=RigidOptions(enable_collision=collide, enable_joint_limit=False, contact="mujoco"),
    )
    entities = {}
    if collide:
        entities["floor"] = scene.add_entity(morphs.Plane(), name="floor")
    made = morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 0.099)) if collide else morphs.MJCF(file=DRIVEN)
    entities[robot] = scene.add_entity(made, name=robot)
    scene.build(n_envs=0)
    qpos = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone()
    return Setting(
        scene=scene, robot=entities[robot], entities=entities, tool=None, horizon=1, dt=dt, control="force", start_qpos=qpos,
        start_qvel=torch.zeros(scene.rigid_solver.model.nv, dtype=torch.float64), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip


def joints_of(robot: str) -> tuple[str, ...]:
    """Names of its movable joints."""
    return JOINTS[robot] if robot in JOINTS else tuple(f"panda_joint{k}" for k in range(1, 8))


def whole(robot: str, field: str, dt: float = 0.01, **rows: Any) -> Any:
    """A physical parameter of the scene with other values in rows by name."""
    solver = setting_for(robot, dt).scene.rigid_solver
    values = solver.parameters.value(field)[0].detach().clone()
    names = row_names(solver.model, field)
    for name, value in rows.items():
        values[names.index(name)] = torch.as_tensor(value, dtype=torch.float64)
    return values.tolist()


def pushes(time: np.ndarray, count: int, seed: int, size: float = 1.0) -> np.ndarray:
    """Smooth commands (N, count): a few sines with random phases."""
    random = np.random.default_rng(seed)
    phases, speeds = random.uniform(0.0, 6.0, (count, 3)), random.uniform(1.0, 8.0, (count, 3))
    return size * np.sin(speeds * time[:, None, None] + phases).sum(-1)


def recorded(
    robot: str,
    *,
    truth: Mapping[str, Any] | None = None,
    steps: int = 100,
    seed: int = 0,
    dt: float = 0.01,
    size: float = 1.0,
    noise: float = 0.0,
    name: str = "run",
    split: str = "train",
    start: Any = None,
    lag: float | None = None,
    channels: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    """A recording of every joint (angle, speed) under torques, with physical parameters (core name -> whole array) of the truth.

    lag: time constant of a first-order lag between the recorded torque and the robot [s].
    """
    setting = setting_for(robot, dt)
    solver = setting.scene.rigid_solver
    count = solver.model.nv
    time = np.arange(steps + 1) * dt
    torque = pushes(time, count, seed, size)
    middle = 0.5 * (torque[1:] + torque[:-1])
    if lag is not None:
        keep = np.exp(-dt / lag)
        for k in range(1, len(middle)):
            middle[k] = keep * middle[k - 1] + (1.0 - keep) * middle[k]
        middle[0] = 0.5 * (torque[1] + torque[0])
    physics = solver.physics
    given = {key: numbers(*value) if np.ndim(value) else numbers(value) for key, value in (truth or {}).items()}
    loops = Loops(np.zeros((1, count), bool), np.zeros((1, count), bool), None)
    theta = solver.parameters.packed(loops, {key: value[None] for key, value in given.items()})
    qpos, qvel = setting.one_start()
    qpos = qpos if start is None else numbers(*start)
    random = np.random.default_rng(seed + 1)
    q, v, _ = physics.rollout(theta, qpos[None], qvel[None], torch.as_tensor(middle)[:, None].contiguous())
    names = list(joints_of(robot))

    def series(x: torch.Tensor) -> Series:
        clean = x[:, 0].numpy()
        return Series(time.copy(), clean + noise * random.standard_normal(clean.shape), names)

    made = {"angle": series(q), "speed": series(v)}
    if channels is not None:
        made = {key: made["angle" if node["kind"] == "joint_position" else "speed"] for key, node in channels.items()}
    inputs = {"torque": Series(time.copy(), torque, names)}
    return Recording(name, None, 0, split, made, inputs, 0.0, float(time[-1]))  # type: ignore[arg-type]


def channel(kind: str, names: Any, sigma: float = 1.0, **more: Any) -> Any:
    """Spec of a channel whose columns are called as its names."""
    width = {"link_orientation": 4, "camera": 2}.get(kind, 1 if kind.startswith("joint") else 3)
    columns = {n: n if width == 1 else [f"{n}{k}" for k in range(width)] for n in names}
    spec = channel_spec("angle", {"kind": kind, "columns": columns, **more})
    settle(spec, [], "")
    spec.sigma = np.full(len(spec.names) * spec.about.residual_width, sigma)
    return spec


def driver(kind: str, names: Any, **more: Any) -> Any:
    """Spec of an input."""
    spec = input_spec("torque", {"kind": kind, "columns": {n: n for n in names}, **more})
    settle(spec, [], "")
    return spec


def joint_dataset(
    robot: str, recordings: list[Recording], *, smoothing: Smoothing = EXACT, sigma: float = 1e-3, **more: Any
) -> Dataset:
    """Angles and speeds of all joints measured, torques recorded."""
    names = joints_of(robot)
    specs = {
        "angle": channel("joint_position", names, sigma, **more),
        "speed": channel("joint_velocity", names, 10 * sigma, **more),
    }
    specs["speed"].name = "speed"
    for spec in specs.values():
        spec.source.stated = True  # radians, however far a random motion goes
    return Dataset(recordings, specs, {"torque": driver("joint_force", names)}, smoothing)


def truth(dt: float = 0.01) -> dict[str, Any]:
    """Physical parameters of the arm with `TRUTH` in them."""
    return {
        "link_mass": whole(ARM, "link_mass", dt, lower=TRUTH["mass/lower"]),
        "dof_damping": whole(ARM, "dof_damping", dt, shoulder=TRUTH["damping/shoulder"], elbow=TRUTH["damping/elbow"]),
    }


def joint_problem(
    robot: str,
    parameters: Mapping[str, Mapping[str, Any]],
    recordings: list[Recording] | None = None,
    shooting: Shooting | None = None,
    dt: float = 0.01,
    **more: Any,
) -> RecordingProblem:
    """The problem on angles and speeds."""
    made = [recorded(robot, dt=dt)] if recordings is None else recordings
    return problem_of(setting_for(robot, dt), joint_dataset(robot, made, **more), parameters, shooting or Shooting(window=0.5))


@dataclass
class Solved:
    """Points and costs at every look; why it ended (None: enough iterations)."""

    residuals: Residuals
    xs: list[np.ndarray]
    costs: list[float]
    ending: Ending | None = None

    @property
    def best(self) -> np.ndarray:
        """The flat point of the least cost."""
        return self.xs[int(np.argmin(self.costs))]

    @property
    def values(self) -> list[float]:
        """Natural values there."""
        problem = self.residuals.problem
        made: list[float] = problem.natural(torch.as_tensor(problem.split(self.best)[0])).tolist()
        return made


def solved(
    residuals: Residuals | RecordingProblem, kind: str = "levenberg_marquardt", iterations: int = 100, **options: Any
) -> Solved:
    """What a method makes of the residuals (of a problem: those of its windows)."""
    made = of_windows(residuals) if isinstance(residuals, RecordingProblem) else residuals
    method = make_method({"kind": kind, **options}, {"kind": "constant"}, iterations, 0)
    objective = LeastSquaresObjective(made)
    found = Solved(made, [], [])
    method.init(objective)
    for iteration in range(iterations + 1):
        ending = method.look()
        if objective.failure is None:
            assert objective.found is not None
            found.xs.append(objective.x)
            found.costs.append(objective.found.value)
        if ending is None and iteration < iterations:
            ending = method.step()
        if ending is not None:
            found.ending = ending
            break
    return found


def jacobian_of(blocks: Sequence[ResidualBlock], residuals: Residuals) -> np.ndarray:
    """(M, n + W nt) of blocks with their Jacobian."""
    nt, windows = residuals.nt, len(residuals.problem.windows)
    rows = []
    for block in blocks:
        right = np.zeros((len(block.r), windows, nt))
        for table, window in ((block.start, block.window), (block.after, block.after_window)):
            if table is not None:
                right[np.arange(len(block.r)), window] += table
        rows.append(np.hstack([block.z, right.reshape(len(block.r), -1)]))
    return np.vstack(rows)
