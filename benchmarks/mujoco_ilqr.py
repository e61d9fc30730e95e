"""The peer of `trajectories.py`: iterative LQR on MuJoCo's engine, its steps linearised by finite differences (`mjd_transitionFD`).

The robot file, time step, substeps, controls and cost are those of a task; the cost is put together from the task's own loss terms, as squares of
numbers of the state and of the controls. Riccati sweep, regularisation, step lengths and acceptance are those of `optimizer=ddp`, so that what is
compared is the engine: its steps and their derivatives. Step lengths are tried one after the other, since MuJoCo has no batched feedback.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from genesis.grad.riccati import Quadratics, Sweep, riccati
from genesis.losses.control_effort import ControlEffort
from genesis.losses.joint_tracking import JointTracking
from genesis.losses.orientation import Orientation
from genesis.losses.position import Position
from genesis.losses.velocity import Velocity
from genesis.selection import dofs

STEP = 1e-6  # of the finite differences
ENOUGH, LEAST, LARGEST = 1e-4, 1e-9, 1e8  # as in genesis/methods/ddp.py


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
    quaternions = [(joint.qs[3], joint.dofs[3]) for joint in _joints(setting) if joint.is_free]
    made = Squares(np.zeros((horizon + 1, 2 * nv)), np.zeros((horizon, len(free))), qpos, np.zeros((horizon + 1, nv)),
                   np.zeros((horizon, len(free))), quaternions)  # fmt: skip
    for weight, loss in task.losses.values():
        _add(made, 2.0 * weight, loss, free, horizon)
    return made


def _joints(setting: Any) -> list[Any]:
    from genesis.selection import joints_of

    return joints_of(setting.robot)


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
    spec = mujoco.MjSpec.from_file(str(Path(checked.robot.file)))
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
    for joint in _joints(setting):
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


@dataclass
class Course:
    """What a run came through: costs and CPU seconds after each iteration, the first of the start."""

    costs: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=lambda: {"derivatives": 0.0, "sweep": 0.0, "trials": 0.0})


class Ilqr:
    """Single shooting with feedback, the best of a set of step lengths.

    low, high (m,): bounds of the controls.
    """

    def __init__(
        self, model: mujoco.MjModel, substeps: int, cost: Squares, start: tuple[np.ndarray, np.ndarray], low: np.ndarray, high: np.ndarray,
        lengths: np.ndarray,
    ) -> None:  # fmt: skip
        self.model, self.substeps, self.cost, self.start = model, substeps, cost, start
        self.low, self.high, self.lengths = low, high, lengths
        self.data = mujoco.MjData(model)
        self.horizon, self.n = len(cost.wu), 2 * model.nv

    def roll(self, controls: np.ndarray, around: tuple[np.ndarray, ...] | None = None) -> tuple[np.ndarray, ...]:
        """qpos (T+1, nq), qvel, controls that acted; around: states qpos, qvel and K (T, m, n), k (T, m) of a feedback."""
        model, data, nv = self.model, self.data, self.model.nv
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = self.start
        q, v = np.empty((self.horizon + 1, model.nq)), np.empty((self.horizon + 1, nv))
        acted, dx = controls.copy(), np.empty(self.n)
        q[0], v[0] = data.qpos, data.qvel
        for t in range(self.horizon):
            if around is not None:
                mujoco.mj_differentiatePos(model, dx[:nv], 1.0, around[0][t], data.qpos)
                dx[nv:] = data.qvel - around[1][t]
                acted[t] = np.minimum(np.maximum(controls[t] + around[3][t] + around[2][t] @ dx, self.low), self.high)
            data.ctrl[:] = acted[t]
            mujoco.mj_step(model, data, self.substeps)
            q[t + 1], v[t + 1] = data.qpos, data.qvel
        return q, v, acted

    def derivatives(self, q: np.ndarray, v: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A (T, n, n), B (T, n, m) of every control step, its substeps chained."""
        model, data, n, m = self.model, self.data, self.n, self.model.nu
        a, b = np.empty((self.horizon, n, n)), np.empty((self.horizon, n, m))
        one, to = np.zeros((n, n)), np.zeros((n, m))
        mujoco.mj_resetData(model, data)
        for t in range(self.horizon):
            data.qpos[:], data.qvel[:], data.ctrl[:] = q[t], v[t], controls[t]
            for k in range(self.substeps):
                mujoco.mjd_transitionFD(model, data, STEP, False, one, to, None, None)
                a[t], b[t] = (one, to) if k == 0 else (one @ a[t], one @ b[t] + to)
                if k + 1 < self.substeps:
                    mujoco.mj_step(model, data)
        return a, b

    def solve(self, controls: np.ndarray, iterations: int, until: float = -np.inf) -> Course:
        """Lower the cost; until: ends where it is below."""
        made = Course()
        since = time.process_time()
        self.q, self.v, self.controls = self.roll(controls)
        value = self.cost.cost(self.q, self.v, self.controls)
        made.costs, made.seconds = [value], [time.process_time() - since]
        rho, grow = 1e-6, 1.0
        while len(made.costs) <= iterations and made.costs[-1] > until and rho < LARGEST:
            begun = time.process_time()
            a, b = self.derivatives(self.q, self.v, self.controls)
            middle = time.process_time()
            made.shares["derivatives"] += middle - begun
            lx, lxx, lu, luu, lux = self.cost.expansion(self.q, self.v, self.controls)
            gaps = np.zeros((self.horizon, self.n))
            p = Quadratics(a, b, gaps, lx, lxx, lu, luu, lux, self.low - self.controls, self.high - self.controls)
            scale, accepted = float(np.trace(luu.sum(0)) / lu.size), False
            while not accepted and rho < LARGEST:
                sweep = riccati(p, rho * scale)
                swept = time.process_time()
                made.shares["sweep"] += swept - middle
                length = self._try(sweep, value) if sweep.failed < 0 else 0.0
                middle = time.process_time()
                made.shares["trials"] += middle - swept
                accepted = length > 0.0
                if length > 0.5:
                    grow = min(0.5, grow / 2.0)
                    rho = rho * grow if rho * grow > LEAST else 0.0
                elif length < 0.1:
                    grow = max(4.0, grow * 2.0)
                    rho = max(LEAST * 1e3, rho * grow)
            if not accepted:
                break
            value = self.cost.cost(self.q, self.v, self.controls)
            made.costs.append(value)
            made.seconds.append(made.seconds[-1] + time.process_time() - begun)
        return made

    def _try(self, sweep: Sweep, value: float) -> float:
        """Go to the best of the motions; its step length, 0 if none is lower by enough."""
        best: tuple[float, float, Any] = (value, 0.0, None)
        for length in self.lengths:
            made = self.roll(self.controls, (self.q, self.v, sweep.gains, length * sweep.k))
            cost = self.cost.cost(*made)
            if (
                np.isfinite(cost)
                and cost < best[0]
                and value - cost > -ENOUGH * (length * sweep.slope + 0.5 * length**2 * sweep.curve)
            ):
                best = (cost, float(length), made)
        if best[2] is not None:
            self.q, self.v, self.controls = best[2]
        return best[1]
