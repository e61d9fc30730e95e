"""The peer of `trajectories.py`: iterative LQR on MuJoCo's engine, its steps linearised by finite differences (`mjd_transitionFD`).

Robot file, time step, substeps, controls and cost are those of a task; the cost is put together from the task's own loss terms, as squares of
numbers of the state and of the controls. The method is `genesis.methods.ddp.DDP` itself, so that sweep, regularisation, step lengths and
acceptance are the same, and what is compared is the engine: its steps and their derivatives. Step lengths are tried one after the other,
since MuJoCo has no batch of motions under feedback.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import torch

from genesis.grad.quadratics import BackwardPass, Quadratics
from genesis.grad.riccati import riccati
from genesis.losses.control_effort import ControlEffort
from genesis.losses.joint_tracking import JointTracking
from genesis.losses.orientation import Orientation
from genesis.losses.position import Position
from genesis.losses.velocity import Velocity
from genesis.methods.method import Group
from genesis.methods.optimal_control import Path, Trials
from genesis.selection import dofs, joints_of

STEP = 1e-6  # of the finite differences


@dataclass
class Squares:
    """½ Σ w (x ⊖ ref)² + ½ Σ wu (u − uref)²: w (T+1, 2nv) of the tangent of states, wu (T, m); rotations count as 2 sin(angle / 2).

    qpos (T+1, nq), qvel (T+1, nv), controls (T, m): ref, uref. turns: first of the three degrees of freedom of each free quaternion.
    """

    w: np.ndarray
    wu: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray
    controls: np.ndarray
    quaternions: list[tuple[int, int]]  # where one begins in qpos, and its angular velocity in qvel

    def off(self, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
        """Residuals (T+1, 2nv) of states, before their weights."""
        nv = self.qvel.shape[1]
        made = np.zeros((len(qpos), 2 * nv))
        plain = [v for v in range(nv) if not any(d <= v < d + 3 for _, d in self.quaternions)]
        coordinates = [
            v if all(v < d for _, d in self.quaternions) else v + sum(v >= d + 3 for _, d in self.quaternions) for v in plain
        ]
        made[:, plain] = qpos[:, coordinates] - self.qpos[:, coordinates]
        for q, d in self.quaternions:
            made[:, d : d + 3] = 2.0 * relative(self.qpos[:, q : q + 4], qpos[:, q : q + 4])[:, 1:]
        made[:, nv:] = qvel - self.qvel
        return made

    def cost(self, qpos: np.ndarray, qvel: np.ndarray, controls: np.ndarray) -> float:
        return 0.5 * float((self.w * self.off(qpos, qvel) ** 2).sum() + (self.wu * (controls - self.controls) ** 2).sum())

    def expansion(self, qpos: np.ndarray, qvel: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, ...]:
        """lx, lxx, lu, luu, lux with Gauss-Newton Hessians."""
        off, n, m = self.off(qpos, qvel), self.w.shape[1], controls.shape[1]
        jacobian = np.broadcast_to(np.eye(n), (len(off), n, n)).copy()
        for q, d in self.quaternions:
            w, v = np.split(relative(self.qpos[:, q : q + 4], qpos[:, q : q + 4]), [1], axis=1)
            jacobian[:, d : d + 3, d : d + 3] = w[..., None] * np.eye(3) + cross_matrix(v)
        weighted = self.w[..., None] * jacobian
        lx = np.einsum("tij,ti->tj", weighted, off)
        lxx = np.einsum("tki,tkj->tij", jacobian, weighted)
        lu, luu = self.wu * (controls - self.controls), self.wu[:, :, None] * np.eye(m)
        return lx, lxx, lu, luu, np.zeros((len(controls), m, n))


def relative(base: np.ndarray, quat: np.ndarray) -> np.ndarray:
    """base⁻¹ ⊗ quat, rows wxyz."""
    a, b, c, d = base.T
    w, x, y, z = quat.T
    return np.stack(
        [
            a * w + b * x + c * y + d * z,
            a * x - b * w - c * z + d * y,
            a * y + b * z - c * w - d * x,
            a * z - b * y + c * x - d * w,
        ],
        -1,
    )


def cross_matrix(v: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of v ×."""
    x, y, z = v.T
    o = np.zeros_like(x)
    return np.stack([np.stack([o, -z, y], -1), np.stack([z, o, -x], -1), np.stack([-y, x, o], -1)], -2)


def squares_of(task: Any, free: list[int]) -> Squares:
    """The cost of a task whose terms are squares of coordinates, velocities, the pose of a free base, and controls.

    Raises: TypeError for another term.
    """
    setting = task.setting
    horizon, nv = setting.horizon, setting.start_qvel.shape[-1]
    qpos = np.repeat(setting.start_qpos.numpy()[None], horizon + 1, 0)
    quaternions = [(joint.qs[3], joint.dofs[3]) for joint in joints_of(setting.robot) if joint.is_free]
    made = Squares(np.zeros((horizon + 1, 2 * nv)), np.zeros((horizon, len(free))), qpos, np.zeros((horizon + 1, nv)),
                   np.zeros((horizon, len(free))), quaternions)  # fmt: skip
    for weight, loss in task.losses.values():
        _add(made, 2.0 * weight, loss, free, horizon)
    return made


def _add(made: Squares, weight: float, loss: Any, free: list[int], horizon: int) -> None:
    nv = made.qvel.shape[1]
    if isinstance(loss, ControlEffort):
        columns = [free.index(dof) for dof in loss.dofs]
        made.wu[:, columns] += weight / (horizon * len(columns)) / loss.scale.numpy() ** 2
        if loss.start is not None:
            made.controls[:, columns] = loss.start.numpy()
        return
    steps = loss.steps
    count = steps.stop - steps.start
    if isinstance(loss, JointTracking) and all(joint.is_scalar for joint in loss.joints):
        places = [joint.qs[0] for joint in loss.joints]
        made.w[steps, dofs(loss.joints)] += weight / (count * len(places))
        made.qpos[steps, places] = loss.target.numpy()[:, places]
    elif isinstance(loss, Velocity):
        made.w[steps, [nv + dof for dof in loss.dofs]] += weight / (count * len(loss.dofs))
        made.qvel[steps, loss.dofs] = loss.target.numpy()
    elif isinstance(loss, Position) and made.quaternions and loss.offset is None:
        made.w[steps, :3] += weight / count
        made.qpos[steps, :3] = loss.target.numpy()
    elif isinstance(loss, Orientation) and made.quaternions:
        ((q, d),) = made.quaternions
        made.w[steps, d : d + 3] += weight / count
        made.qpos[steps, q : q + 4] = loss.target.numpy()
    else:
        raise TypeError(f"{type(loss).__name__} is not among the terms that the peer knows")


def model_of(task: Any, checked: Any, free: list[int]) -> mujoco.MjModel:
    """The robot file on a floor, with one actuator for each free control: a motor, or with position control a servo of the robot's gains."""
    setting, scene = task.setting, checked.scene
    spec = mujoco.MjSpec.from_file(checked.robot.file)
    spec.option.timestep = scene.dt / scene.substeps
    for name, body in scene.entities.items():
        if body.kind != "plane":
            raise TypeError(f"scene.entities.{name} is no plane")
        floor = mujoco.MjSpec().worldbody.add_geom()  # with MuJoCo's defaults, not those of the robot's file
        same = {name: getattr(floor, name) for name in ("condim", "margin", "gap", "solref", "solimp", "contype", "conaffinity")}
        friction = [1.0 if body.friction is None else body.friction, 0.005, 0.0001]
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], friction=friction, **same)
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    kp, kv = setting.robot.get_dofs_kp().tolist(), setting.robot.get_dofs_kv().tolist()
    for joint in joints_of(setting.robot):
        for dof in joint.dofs:
            if dof not in free:
                continue
            servo = setting.control == "position"
            made = spec.add_actuator(target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT, name=f"u{dof}")
            made.gainprm[0] = kp[dof] if servo else 1.0
            if servo:
                made.biastype = mujoco.mjtBias.mjBIAS_AFFINE
                made.biasprm[1], made.biasprm[2] = -kp[dof], -kv[dof]
    return spec.compile()


class MujocoControl:
    """`genesis.methods.optimal_control.OptimalControl` on MuJoCo's engine: `mj_step` and `mjd_transitionFD`, one state after the other.

    low, high (m,): bounds of the controls. seconds: CPU time spent on derivatives and on trials.
    """

    def __init__(
        self, model: mujoco.MjModel, substeps: int, cost: Squares, low: np.ndarray, high: np.ndarray, sizes: np.ndarray
    ) -> None:
        self.model, self.substeps, self.cost = model, substeps, cost
        self.low, self.high, self.sizes = low, high, sizes
        self.data = mujoco.MjData(model)
        self.horizon, self.n = len(cost.wu), 2 * model.nv
        self.seconds = {"derivatives": 0.0, "trials": 0.0}
        self.begin: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self.value = np.inf

    def begin_at(self, qpos: np.ndarray, qvel: np.ndarray, controls: np.ndarray) -> None:
        """Start state, and the controls (T, m) to begin with."""
        self.begin = qpos.copy(), qvel.copy(), controls.copy()

    def start(self) -> Path:
        assert self.begin is not None
        return Path(*self._roll(self.begin[2]))

    def guesses(self, start: Path) -> Iterator[Path]:
        return iter(())

    def backward(self, model: Quadratics, rho: float) -> BackwardPass:
        return riccati(model, rho)

    def put(self, path: Path) -> Path:
        return path

    def expand(self, path: Path) -> tuple[Quadratics, float]:
        since = time.process_time()
        a, b = self._derivatives(path)
        self.seconds["derivatives"] += time.process_time() - since
        lx, lxx, lu, luu, lux = self.cost.expansion(path.qpos, path.qvel, path.controls)
        self.value = self.cost.cost(path.qpos, path.qvel, path.controls)
        gaps = np.zeros((self.horizon, self.n))
        return Quadratics(a, b, gaps, lx, lxx, lu, luu, lux, self.low - path.controls, self.high - path.controls), self.value

    def trials(self, path: Path, sweep: BackwardPass, lengths: np.ndarray) -> Trials:
        since = time.process_time()
        made = [self._roll(path.controls, path, sweep.gains, length * sweep.k) for length in lengths]
        values = np.array([self.cost.cost(*one) for one in made])
        qpos, qvel, controls = (np.stack(series, 1) for series in zip(*made, strict=True))
        self.seconds["trials"] += time.process_time() - since
        return Trials(np.where(np.isfinite(values), values, np.inf), qpos, qvel, controls)

    def _roll(
        self, controls: np.ndarray, around: Path | None = None, gains: np.ndarray | None = None, k: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """qpos (T+1, nq), qvel, controls that acted; with feedback around a path, if there is one."""
        assert self.begin is not None
        model, data, nv = self.model, self.data, self.model.nv
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = self.begin[:2]
        q, v = np.empty((self.horizon + 1, model.nq)), np.empty((self.horizon + 1, nv))
        acted, off = controls.copy(), np.empty(self.n)
        q[0], v[0] = data.qpos, data.qvel
        for t in range(self.horizon):
            if around is not None and gains is not None and k is not None:
                mujoco.mj_differentiatePos(model, off[:nv], 1.0, around.qpos[t], data.qpos)
                np.subtract(data.qvel, around.qvel[t], out=off[nv:])
                acted[t] = np.minimum(np.maximum(controls[t] + k[t] + gains[t] @ off, self.low), self.high)
            data.ctrl[:] = acted[t]
            mujoco.mj_step(model, data, self.substeps)
            q[t + 1], v[t + 1] = data.qpos, data.qvel
        return q, v, acted

    def _derivatives(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """A (T, n, n), B (T, n, m) of every control step, its substeps chained."""
        model, data, n, m = self.model, self.data, self.n, self.model.nu
        a, b = np.empty((self.horizon, n, n)), np.empty((self.horizon, n, m))
        one, to = np.zeros((n, n)), np.zeros((n, m))
        mujoco.mj_resetData(model, data)
        for t in range(self.horizon):
            data.qpos[:], data.qvel[:], data.ctrl[:] = path.qpos[t], path.qvel[t], path.controls[t]
            for k in range(self.substeps):
                mujoco.mjd_transitionFD(model, data, STEP, False, one, to, None, None)
                a[t], b[t] = (one, to) if k == 0 else (one @ a[t], one @ b[t] + to)
                if k + 1 < self.substeps:
                    mujoco.mj_step(model, data)
        return a, b


class Peer:
    """An objective for `genesis.methods.ddp.DDP`, as far as it asks one."""

    failure: Exception | None = None

    def __init__(self, control: MujocoControl) -> None:
        self.control = control
        leaf = torch.zeros(1, dtype=torch.float64)
        self.groups = [Group("controls", [leaf], [None], None, lambda: None)]

    def optimal_control(self) -> MujocoControl:
        return self.control


def peer_of(task: Any, checked: Any, parameter: Any) -> MujocoControl:
    """The peer of a task whose controls are one parameter of kind hold, at its present values."""
    free = list(parameter.dofs)
    pair = parameter.bounds()
    low, high = (np.full(len(free), side) for side in (-np.inf, np.inf)) if pair is None else (side.numpy() for side in pair)
    ranged = np.isfinite(high - low)
    sizes = np.where(ranged, 0.5 * np.where(ranged, high - low, 0.0), parameter.unit.diagonal().numpy())
    made = MujocoControl(model_of(task, checked, free), checked.scene.substeps, squares_of(task, free), low, high, sizes)
    made.begin_at(task.setting.start_qpos.numpy(), task.setting.start_qvel.numpy(), parameter.value().detach().numpy())
    return made
