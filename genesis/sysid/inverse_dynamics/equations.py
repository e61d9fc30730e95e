"""Identification from torques: the forces that the measured motion needs against those that acted.

    r = A xi(z) + f(z) - u(z),   A = [Y | a | v | tanh(v / slip) | q | -1],   xi = (phi of bodies, armature, damping, dry friction,
    stiffness, stiffness times rest position),   f = forces of friction laws,   u = forces of joint controllers and actuators, or what a
    channel of kind joint_torque has measured

No simulation is run: a second of a log costs as much as it has samples, and where only xi and gains are learned the least squares are linear.
Motion is filtered without phase, equations are means over short intervals (`genesis.sysid.inverse_dynamics.signals`).
Source: Atkeson, An, Hollerbach, 1986; Gautier, Khalil, 1992; Swevers et al., Optimal robot excitation and identification, 1997.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from genesis.channels.joint_torque import JointForces
from genesis.channels.sample import Sample
from genesis.errors import InputError
from genesis.observations import Recording
from genesis.parameters.friction_law import JointFrictionLaw
from genesis.selection import indices, joints_of
from genesis.sysid.drive import Drive
from genesis.sysid.inverse_dynamics.regressor import TorqueRegressor, described_phi
from genesis.sysid.inverse_dynamics.signals import TorqueFilter, TorqueSamples, torque_samples
from genesis.sysid.passive_forces import law_forces
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.shooting import Batch

CHUNK = 2048  # samples whose regressor is held at once
JOINT = ("dof_armature", "dof_damping", "dof_frictionloss", "dof_stiffness", "qpos_spring")
FORCE = (
    "dof_kp", "dof_kv", "dof_force_lo", "dof_force_hi", "act_gain", "act_bias0", "act_bias1", "act_bias2", "ctrl_lo", "ctrl_hi", "force_lo",
    "force_hi", "trn_coef",
)  # fmt: skip
LAW = ("dof_frictionlaw", "act_frictionlaw")
GEOMETRY = ("gravity", "link_pos", "link_quat", "jnt_offset", "jnt_scale")


@dataclass(frozen=True)
class TorqueOptions:
    """cutoff, order, equations: see `TorqueFilter`. slip: speed at which dry friction has turned over [rad/s | m/s]. regularization: weight
    of the divergence of bodies from their description. folds: parts of the recordings that are held out in turns."""

    cutoff: float | None = None
    order: int = 4
    equations: float | None = None
    slip: float = 0.01
    regularization: float = 1.0
    folds: int = 5

    def __post_init__(self) -> None:
        """Raises: InputError for a weight that holds nothing."""
        if not self.regularization > 0.0:
            raise InputError(f"torque.regularization: is {self.regularization:g}; allowed: more than 0.")

    @property
    def filter(self) -> TorqueFilter:
        """Of motion and equations."""
        return TorqueFilter(self.cutoff, self.order, self.equations)


@dataclass
class Equations:
    """Those of one recording. columns (rows, nv, k): A; samples: the motion behind them; controls: grid of the inputs."""

    recording: Recording
    samples: TorqueSamples
    motion: tuple[Tensor, Tensor, Tensor]
    columns: np.ndarray
    drive: Drive
    batch: Batch
    steps: Tensor
    sensed: dict[int, np.ndarray]


class TorqueEquations:
    """Of all recordings of a problem.

    dofs (m,): joints whose force is known; labels, units (nv,). size: k, numbers of xi. sigma (nv,): what a residual of each counts.

    Raises: InputError for motion or forces that are not measured, joints of several degrees of freedom, parameters that torques cannot
    tell, recordings that are too short.
    """

    def __init__(
        self, problem: RecordingProblem, options: TorqueOptions | None = None, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self.problem, self.options = problem, options or TorqueOptions()
        model = problem.solver.model
        self.regressor, self.forces = TorqueRegressor(model), JointForces(model)
        self.nv, self.coordinate = model.nv, [int(q) for q in model.integers["dof_qadr"]]
        self.labels, self.units = _dof_names(problem)
        self.positions, self.torques = self._measured()
        self.dofs = np.arange(self.nv) if problem.dataset.inputs else np.array(sorted(self.torques), int)
        self._refuse()
        self.size = 10 * self.regressor.count + 5 * self.nv
        self.sigma = np.ones(self.nv)
        self._slope_at: tuple[Tensor, np.ndarray] | None = None
        with torch.no_grad():
            self.theta0 = self.problem.theta(self.problem.targets(self.problem.z0))
            self.parts = [
                self._equations(k, recording, lambda done, k=k: tell(_progress(k, done, problem)))  # type: ignore[misc]
                for k, recording in enumerate(problem.recordings)
            ]

    # ---- what is measured

    def _measured(self) -> tuple[list[tuple[str, int]], dict[int, tuple[str, int]]]:
        """(channel, number) of each coordinate, and of the force of each degree of freedom that has one."""
        positions: dict[int, tuple[str, int]] = {}
        torques: dict[int, tuple[str, int]] = {}
        setting = self.problem.setting
        for name, channel in self.problem.channels.items():
            if channel.kind == "joint_position":
                for k, q in enumerate(channel.selection or []):
                    positions.setdefault(q, (name, k))
            elif channel.kind == "joint_torque":
                spec = self.problem.dataset.specs[name]
                entity = setting.entity(f"{spec.where}.entity", spec.entity)
                joints = {joint.name: joint for joint in joints_of(entity)}
                for k, joint in enumerate(spec.names):
                    torques.setdefault(joints[joint].dofs[0], (name, k))
        lacking = [self.labels[d] for d in range(self.nv) if self.coordinate[d] not in positions]
        if lacking:
            raise InputError(
                f"residual=torque: the position of {', '.join(lacking[:4])} is not measured; give a channel of kind joint_position for every "
                "joint, or use residual=motion."
            )
        if not torques and not self.problem.dataset.inputs:
            raise InputError(
                "residual=torque: no force is measured; give an input of kind joint_force (or targets of known gains), or a channel of kind "
                "joint_torque."
            )
        return [positions[q] for q in range(self.problem.space.nq)], torques

    def _refuse(self) -> None:
        """Raises: InputError for loops of the robot, and parameters that have no meaning here."""
        if self.regressor.model.integers["eq_active"].any():
            raise InputError(
                "residual=torque: the robot has active equalities (loops, tied joints), whose forces no drive measures; use residual=motion."
            )
        drive = self.problem.drive
        blind = [self.labels[d] for d in np.flatnonzero((drive.kp | drive.kv)[0]) if d not in self.torques]
        for parameter in self.problem.learned:
            changes = self.problem.changes(parameter)
            sensors = [name for name in changes.sensors if self.problem.channels[name].kind.startswith("joint_")]
            if sensors:
                raise InputError(
                    f'{parameter.where}: changes the channel "{sensors[0]}", whose numbers the equations of residual=torque are made of; '
                    "hold it (learn: false), use input_gain or input_bias for a force, or residual=motion."
                )
            if isinstance(parameter, JointFrictionLaw) and parameter.bent:
                raise InputError(
                    f"{parameter.where}.numbers: residual=torque finds what forces are linear in, and {parameter.bent[0]} is not; choose among "
                    f"{', '.join(parameter.straight)} and give the others by init, or use residual=motion."
                )
            gains = [name for name in changes.physical if name in ("dof_kp", "dof_kv")]
            if gains and blind:
                raise InputError(
                    f"{parameter.where}: with learned gains the force of {blind[0]} is not known, and gains of zero explain everything; give "
                    "a channel of kind joint_torque, hold the gains (learn: false), or use residual=motion."
                )

    def touches(self, names: tuple[str, ...]) -> bool:
        """Whether something that is learned changes these physical parameters."""
        return any(name in names for parameter in self.problem.learned for name in self.problem.changes(parameter).physical)

    # ---- making

    def _equations(self, k: int, recording: Recording, tell: Callable[[float], None]) -> Equations:
        samples = torque_samples(recording, self.positions, self.options.filter)
        at = np.array(self.coordinate)
        motion = tuple(torch.as_tensor(x) for x in (samples.q, samples.v[:, at], samples.a[:, at]))
        step = 1.0 / samples.rate
        count = round((samples.time[-1] - samples.time[0]) * samples.rate) + 1
        drive = Drive(self.problem.setting, self.problem.dataset, step)
        start = np.array([samples.time[0] - 0.5 * step])
        state = torch.zeros(1, self.problem.space.nx, dtype=torch.float64)
        batch = Batch([0], indices([k]), start, np.array([count]), count, state)
        batch.inputs = drive.recorded(batch, self.problem.recordings)
        steps = torch.as_tensor(np.round((samples.time - samples.time[0]) * samples.rate).astype(int))
        sensed = {dof: _read(recording, *column, samples.time) for dof, column in self.torques.items()}
        made = Equations(recording, samples, motion, np.zeros(0), drive, batch, steps, sensed)  # type: ignore[arg-type]
        made.columns = self.columns(samples, motion, self._theta_of(self.theta0, k), tell)  # type: ignore[arg-type]
        return made

    def columns(
        self, samples: TorqueSamples, motion: tuple[Tensor, Tensor, Tensor], theta: Tensor, tell: Callable[[float], None]
    ) -> np.ndarray:
        """(rows, nv, k): A of a recording."""
        width = samples.width
        means = np.zeros((len(samples.time) // width, self.nv, self.size))
        length = max(1, CHUNK // width) * width
        for first in range(0, len(samples.time), length):
            q, v, a = (x[first : first + length] for x in motion)
            body = self.regressor.columns(theta, q, v, a).reshape(len(q), self.nv, -1).numpy()
            means[first // width : (first + len(q)) // width, :, : body.shape[-1]] = samples.means(body)
            tell((first + len(q)) / len(samples.time))
        for dof in range(self.nv):
            for block, column in enumerate(self.of_joint(motion, dof)):
                means[:, dof, 10 * self.regressor.count + block * self.nv + dof] = samples.means(column.numpy())
        return samples.thinned(means)

    def of_joint(self, motion: tuple[Tensor, Tensor, Tensor], dof: int) -> list[Tensor]:
        """Columns (N,) of armature, damping, dry friction, stiffness and the rest position of a spring."""
        q, v, a = motion
        v = v[:, dof]
        return [a[:, dof], v, torch.tanh(v / self.options.slip), q[:, self.coordinate[dof]], -torch.ones_like(v)]

    # ---- at a point

    def lifted(self, theta: Tensor) -> Tensor:
        """xi (k,) of packed parameters (P,)."""
        value = self.regressor.value
        bodies = self.regressor.bodies(theta, described_phi(lambda name: value(theta, name)))
        stiffness = value(theta, "dof_stiffness")
        rest = value(theta, "qpos_spring")[self.coordinate]
        joint = [value(theta, name) for name in ("dof_armature", "dof_damping", "dof_frictionloss")]
        return torch.cat([bodies.reshape(-1), *joint, stiffness, stiffness * rest])

    def lifted_at(self, z: Tensor) -> Tensor:
        """xi (R, k) of free numbers, R = 1 or the recordings."""
        theta = self.problem.theta(self.problem.targets(z))
        return torch.stack([self.lifted(row) for row in (theta if theta.dim() == 2 else theta.unsqueeze(0))])

    def lifted_slope(self, z: Tensor) -> np.ndarray:
        """d xi / dz (R, k, n)."""
        if self._slope_at is None or not torch.equal(self._slope_at[0], z):
            self._slope_at = z.clone(), torch.autograd.functional.jacobian(self.lifted_at, z).numpy()
        return self._slope_at[1]

    def applied(self, part: Equations, z: Tensor) -> np.ndarray:
        """u (rows, nv) of a recording: the forces that acted, filtered."""
        with torch.no_grad():
            return part.samples.filtered(self._applied(part, z).numpy())

    def recorded(self, part: Equations, z: Tensor) -> np.ndarray:
        """(N, nv) the forces that acted, at every sample."""
        with torch.no_grad():
            made: np.ndarray = self._applied(part, z).numpy()
        return made

    def needed(self, part: Equations, z: Tensor) -> np.ndarray:
        """(rows, nv) forces that the motion needs, filtered."""
        with torch.no_grad():
            if self.touches(GEOMETRY):
                made = part.samples.filtered(self._needed(part, z).numpy())
            else:
                lifted = self.lifted_at(z)
                made = part.columns @ lifted[self._number(part) if len(lifted) > 1 else 0].numpy()
        return made + self.law(part, z)

    def law(self, part: Equations, z: Tensor) -> np.ndarray:
        """f (rows, nv) of a recording: forces of friction laws, filtered."""
        return part.samples.filtered(self._law(part, z).detach().numpy())

    def beside(self, part: Equations, z: Tensor) -> np.ndarray:
        """u - f (rows, nv): all that does not come out of A xi."""
        return self.applied(part, z) - self.law(part, z)

    def beside_slope(self, part: Equations, z: Tensor, chosen: Sequence[int]) -> np.ndarray:
        """d(u - f) / dz (rows, nv, chosen), by one pass of the forward mode for each."""
        return self._slope(part, lambda own, at: self._applied(own, at) - self._law(own, at), z, chosen)

    def needed_slope(self, part: Equations, z: Tensor, chosen: Sequence[int]) -> np.ndarray:
        """Derivative of A xi to z (rows, nv, chosen), through the geometry too."""
        return self._slope(part, self._needed, z, chosen)

    def residual(self, part: Equations, z: Tensor) -> np.ndarray:
        """(rows, nv) needed less applied [N m | N]."""
        return self.needed(part, z) - self.applied(part, z)

    def slope(self, part: Equations, z: Tensor) -> np.ndarray:
        """(rows, nv, n) derivative of what is needed less what acted [N m | N]."""
        slope, columns = self.lifted_slope(z), part.columns
        turning, acting = self.places(GEOMETRY), self.acting
        k = self._number(part)
        if turning:
            with torch.no_grad():
                theta = self._theta_of(self.problem.theta(self.problem.targets(z)), k)
                columns = self.columns(part.samples, part.motion, theta, lambda done: None)
        made = columns @ slope[k if len(slope) > 1 else 0]
        if turning:
            made[:, :, turning] = self.needed_slope(part, z, turning)
        if acting:
            made[:, :, acting] -= self.beside_slope(part, z, acting)
        return made

    @property
    def driving(self) -> list[int]:
        """Numbers of z that change the forces that acted."""
        inputs = [range(p.start, p.stop) for parameter, _, p in self.problem.slices if self.problem.changes(parameter).inputs]
        return sorted({k for places in inputs for k in places} | set(self.places(FORCE)))

    @property
    def acting(self) -> list[int]:
        """Numbers of z that change u or f."""
        return sorted({*self.driving, *self.places(LAW)})

    def places(self, names: Sequence[str]) -> list[int]:
        """Numbers of z that change one of these physical parameters, themselves or through what follows them."""
        changes = self.problem.changes
        chosen = [part for parameter, _, part in self.problem.slices if set(changes(parameter).physical) & set(names)]
        return [k for part in chosen for k in range(part.start, part.stop)]

    def _slope(
        self, part: Equations, force: Callable[[Equations, Tensor], Tensor], z: Tensor, chosen: Sequence[int]
    ) -> np.ndarray:
        made = []
        for k in chosen:
            with forward_ad.dual_level():
                unit = torch.zeros_like(z)
                unit[k] = 1.0
                tangent = forward_ad.unpack_dual(force(part, forward_ad.make_dual(z, unit))).tangent
                made.append(np.zeros((part.samples.rows, self.nv)) if tangent is None else part.samples.filtered(tangent.numpy()))
        return np.stack(made, -1) if made else np.zeros((part.samples.rows, self.nv, 0))

    def _applied(self, part: Equations, z: Tensor) -> Tensor:
        """(N, nv) at every sample."""
        k = self._number(part)
        targets = self.problem.targets(z)
        target, theta = targets[k if len(targets) > 1 else 0], self._theta_of(self.problem.theta(targets), k)
        q, v, a = part.motion
        force = torch.zeros_like(v)
        if self.problem.dataset.inputs:
            gains = {name: target.value(name) for name in ("dof_kp", "dof_kv")}
            dof_ctrl, act_ctrl = part.drive.controls(part.batch, self.problem.recordings, target.recorded, gains)
            here = dof_ctrl[:, 0][part.steps], None if act_ctrl is None else act_ctrl[:, 0][part.steps]
            theta = part.drive.unlimited(theta)
            force = self.forces.of(Sample(self.problem.physics, theta, part.drive.dt, q, v, (q, v), (q, v), a, *here))
        for dof, values in part.sensed.items():
            force = force.index_copy(1, indices([dof]), torch.as_tensor(values)[:, None])
        return force

    def _law(self, part: Equations, z: Tensor) -> Tensor:
        """(N, nv) at every sample."""
        theta, (q, v, a) = self._theta_of(self.problem.theta(self.problem.targets(z)), self._number(part)), part.motion
        sample = Sample(self.problem.physics, theta, part.drive.dt, q, v, (q, v), (q, v), a, torch.zeros_like(v))
        return law_forces(self.forces, sample, v)

    def _needed(self, part: Equations, z: Tensor) -> Tensor:
        """A xi (N, nv) at every sample."""
        theta = self._theta_of(self.problem.theta(self.problem.targets(z)), self._number(part))
        xi, count = self.lifted(theta), 10 * self.regressor.count
        made = []
        for first in range(0, len(part.samples.time), CHUNK):
            q, v, a = (x[first : first + CHUNK] for x in part.motion)
            made.append(self.regressor.columns(theta, q, v, a).reshape(len(q), self.nv, -1) @ xi[:count])
        joint = [
            sum(column * xi[count + block * self.nv + dof] for block, column in enumerate(self.of_joint(part.motion, dof)))
            for dof in range(self.nv)
        ]
        return torch.cat(made) + torch.stack(joint, -1)  # type: ignore[arg-type]

    def _theta_of(self, theta: Tensor, recording: int) -> Tensor:
        return theta[recording] if theta.dim() == 2 else theta

    def _number(self, part: Equations) -> int:
        return int(part.batch.recording[0])


def _read(recording: Recording, channel: str, k: int, times: np.ndarray) -> np.ndarray:
    """(N,) a number of a channel at times, on lines between its samples."""
    series = recording.channels[channel]
    known = np.isfinite(series.values[:, k])
    made: np.ndarray = np.interp(times, series.time[known], series.values[known, k])
    return made


def _dof_names(problem: RecordingProblem) -> tuple[list[str], list[str]]:
    """Name of the joint and unit of the force of each degree of freedom."""
    model = problem.solver.model
    labels, units = [""] * model.nv, [""] * model.nv
    several = len(problem.setting.entities) > 1
    for joint in model.joints:
        for k in range(joint.nv):
            entity = f"{model.entities[joint.entity].name}/" if several else ""
            labels[joint.dof_adr + k] = f"{entity}{joint.kind.label(joint.name, k)}"
            units[joint.dof_adr + k] = joint.kind.dofs[k].force
    return labels, units


def _progress(k: int, done: float, problem: RecordingProblem) -> str:
    total = len(problem.recordings)
    return f"regressor of recording {k + 1} of {total}, {100.0 * done:.0f} %" if total > 1 else f"regressor {100.0 * done:.0f} %"
