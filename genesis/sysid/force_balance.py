"""The balance of forces over the measured motion, smoothed: what was applied, what the model needs, and how much of it is unexplained.

    e = applied - (inertial(q, v, a) + gravity(q) + passive(q, v)),    U = mean over joints of Σ e² / Σ (applied² + inertial² + gravity²)

All terms are means over the same short time, so that what balances in each step still does. No simulation is run.
Source: Atkeson, An, Hollerbach, Estimation of inertial parameters of manipulator loads and links, 1986.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import lsq_linear
from torch import Tensor

from genesis.channels.joint_torque import JointForces
from genesis.channels.sample import Sample
from genesis.sysid.passive_forces import SLIP, passive_forces
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.shooting import Batch

MOST_STEPS = 8_000  # at which forces are balanced, of all recordings together
SMOOTH = 0.02  # [s] to each side of a mean over forces: drives and encoders are rough
MOST_LINKS = 24
LIGHTEST, HEAVIEST = -0.5, 1.0  # changes of a mass, in masses, that slack may take


def balances(problem: RecordingProblem) -> bool:
    """Positions of all joints are measured, and all are plain numbers."""
    measured = {q for c in problem.channels.values() if c.kind == "joint_position" for q in c.selection or []}
    return not problem.space.quats and measured == set(range(problem.space.nq))


class SmoothedMotion:
    """The smoothed motion of whole recordings: q, v, a (N, n) of the time steps of `windows`, (batch, window, first row, steps) each."""

    def __init__(self, problem: RecordingProblem) -> None:
        whole = replace(problem.shooting, window=None, curriculum=None, overlap=0.0, mini_batch=None)
        self.problem = replace(problem, shooting=whole, start=None, simulations=0, windows=[], batches=[])
        self.half = max(1, round(SMOOTH / problem.dt))
        most = max(MOST_STEPS // len(self.problem.windows), 8 * self.half)
        self.windows: list[tuple[int, int, int, int]] = []
        parts: list[tuple[np.ndarray, ...]] = []
        first = 0
        for k, batch in enumerate(self.problem.batches):
            for b in range(len(batch)):
                steps = min(int(batch.steps[b]), most)
                self.windows.append((k, b, first, steps))
                parts.append(self._steps(batch, b, steps))
                first += steps
        self.q, self.v, self.a = (torch.as_tensor(np.concatenate(x)) for x in zip(*parts, strict=True))

    def _steps(self, batch: Batch, b: int, steps: int) -> tuple[np.ndarray, ...]:
        """q, v at the start of each step, a over it."""
        problem = self.problem
        recording = problem.recordings[int(batch.recording[b])]
        q, v = problem.start_states(recording, batch.start[b] + np.arange(steps + 1) * problem.dt)[:2]
        return q[:-1], v[:-1], np.diff(v, axis=0) / problem.dt

    def smooth(self, x: np.ndarray) -> np.ndarray:
        """Means (M, n) over 2 half + 1 steps of rows (N, n), every half-th."""
        made = []
        for _, _, first, steps in self.windows:
            total = np.cumsum(np.concatenate([np.zeros_like(x[:1]), x[first : first + steps]]), 0)
            width = min(2 * self.half + 1, steps)
            made.append(((total[width:] - total[:-width]) / width)[:: self.half])
        return np.concatenate(made)


@dataclass
class Forces:
    """At M instants, each (M, nv): what was applied; what inertia with Coriolis, gravity, and `passive_forces` need."""

    applied: np.ndarray
    inertial: np.ndarray
    gravity: np.ndarray
    passive: np.ndarray

    def missing(self) -> np.ndarray:
        """(M, nv) e."""
        return self.applied - self.inertial - self.gravity - self.passive

    def size(self, applied: np.ndarray | None = None) -> np.ndarray:
        """(nv,) sums of squares."""
        tau = self.applied if applied is None else applied
        return np.asarray((tau**2 + self.inertial**2 + self.gravity**2).sum(0))

    def unbalanced(self, missing: np.ndarray | None = None, applied: np.ndarray | None = None) -> float:
        """U, with what is missing, or applied, in place of its own."""
        e, size = (self.missing() if missing is None else missing), self.size(applied)
        acting = size > 1e-12 * max(size.max(initial=0.0), 1e-300)
        return float(np.where(acting, (e**2).sum(0) / np.maximum(size, 1e-300), 0.0).mean())


class Slack:
    """What described parameters may be off: least squares of masses, rotors and frictions within bounds.

    columns (M, nv, K): forces that a unit of each takes; low, high (K,).
    """

    def __init__(self, forces: Forces, columns: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        self.forces, self.columns, self.low, self.high = forces, columns, low, high
        size = forces.size()
        self.weight = np.where(size > 0.0, 1.0 / np.sqrt(np.maximum(size, 1e-300)), 0.0)
        self.table = self._flat(columns)
        self.q, self.r = np.linalg.qr(self.table)

    def _flat(self, columns: np.ndarray) -> np.ndarray:
        return (columns * self.weight[:, None]).reshape(columns.shape[0] * columns.shape[1], columns.shape[-1])

    def left(self, missing: np.ndarray) -> np.ndarray:
        """(M, nv) of missing forces, those that no change within the bounds takes."""
        if not self.columns.shape[-1]:
            return missing
        target = self.q.T @ (missing * self.weight).reshape(-1)
        return missing - self.columns @ np.asarray(lsq_linear(self.r, target, (self.low, self.high), method="bvls").x)

    def left_with(self, missing: np.ndarray, more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same beside further columns (M, nv, k) without bounds: what is left, and their numbers (k,)."""
        q, r = np.linalg.qr(np.concatenate([self.table, self._flat(more)], 1))
        free = np.full(more.shape[-1], np.inf)
        bounds = np.r_[self.low, -free], np.r_[self.high, free]
        x = np.asarray(lsq_linear(r, q.T @ (missing * self.weight).reshape(-1), bounds, method="bvls").x)
        own = self.columns.shape[-1]
        return missing - self.columns @ x[:own] - more @ x[own:], x[own:]

    def unbalanced(self, missing: np.ndarray | None = None, applied: np.ndarray | None = None) -> float:
        """U of what is left."""
        return self.forces.unbalanced(self.left(self.forces.missing() if missing is None else missing), applied)


class ForceBalance:
    """Forces over a motion with the parameters of free numbers z (n,)."""

    def __init__(self, motion: SmoothedMotion, z: Tensor) -> None:
        self.motion, self.problem = motion, motion.problem
        self.physics, self.model = self.problem.physics, self.problem.solver.model
        self.joint_forces = JointForces(self.model)
        with torch.no_grad():
            targets = self.problem.targets(z)
            theta = self.problem.theta(targets)
            self.theta = self.problem.drive.unlimited(theta if theta.dim() == 1 else theta[0])
            self.controls = [self.problem.controls(batch, targets) for batch in self.problem.batches]
            self.forces = self.forces_of(motion.q, motion.v, motion.a)

    def with_value(self, name: str, k: int, value: float) -> Tensor:
        """theta with another k-th number of a parameter."""
        theta = self.theta.clone()
        theta[self.model.parameter_offsets[name][0] + k] = value
        return theta

    def parameter(self, name: str) -> np.ndarray:
        """Numbers of a parameter."""
        first, count = self.model.parameter_offsets[name]
        values: np.ndarray = self.theta[first : first + count].numpy()
        return values

    def needed(self, q: Tensor, v: Tensor, a: Tensor, theta: Tensor | None = None) -> np.ndarray:
        """(M, nv) of inertia, Coriolis forces and gravity."""
        sample = self._sample(q, v, self.theta if theta is None else theta, 0)
        made = sample.in_blocks(lambda *x: (self.physics.inverse_dynamics(sample.theta, *x),), q, v, a)
        return self.motion.smooth(made[0].numpy())

    def applied(self, q: Tensor, v: Tensor, late: int = 0) -> np.ndarray:
        """(M, nv) of joint controllers and actuators; late: steps by which the inputs come later than recorded."""
        return self.motion.smooth(self.joint_forces.of(self._sample(q, v, self.theta, late)).numpy())

    def forces_of(self, q: Tensor, v: Tensor, a: Tensor) -> Forces:
        """Of a motion (N, n)."""
        still = torch.zeros_like(v)
        gravity = self.needed(q, still, still)
        passive = passive_forces(self.joint_forces, self._sample(q, v, self.theta, 0), q, v, v, SLIP)
        return Forces(self.applied(q, v), self.needed(q, v, a) - gravity, gravity, self.motion.smooth(passive.numpy()))

    def slack_of(self, q: Tensor, v: Tensor, a: Tensor, forces: Forces, some: bool) -> Slack:
        """Masses of links, and of every joint rotor, dry and viscous friction; without ``some`` none at all."""
        if not some:
            return Slack(forces, np.zeros((*forces.applied.shape, 0)), np.zeros(0), np.zeros(0))
        columns: list[np.ndarray] = []
        low: list[float] = []
        high: list[float] = []
        for k, mass in enumerate(self.parameter("link_mass")[:MOST_LINKS].tolist()):
            column = self.needed(q, v, a, self.with_value("link_mass", k, mass + 1.0)) - forces.inertial - forces.gravity
            if mass > 0.0 and np.abs(column).max() > 0.0:
                columns.append(column)
                low.append(LIGHTEST * mass)
                high.append(HEAVIEST * mass)
        unit = np.eye(v.shape[1])
        for x in (a, torch.tanh(v / SLIP), v):
            smooth = self.motion.smooth(x.numpy())
            columns += [smooth[:, j : j + 1] * unit[j] for j in range(len(unit))]
            low, high = low + [0.0] * len(unit), high + [np.inf] * len(unit)
        return Slack(forces, np.stack(columns, -1), np.array(low), np.array(high))

    def _sample(self, q: Tensor, v: Tensor, theta: Tensor, late: int) -> Sample:
        driven = [self._driven(*window, late) for window in self.motion.windows]
        act = [c for _, c in driven if c is not None]
        dof_ctrl, act_ctrl = torch.cat([u for u, _ in driven]), torch.cat(act) if act else None
        return Sample(self.physics, theta.contiguous(), self.problem.dt, q, v, (q, v), (q, v), v, dof_ctrl, act_ctrl)

    def _driven(self, k: int, b: int, first: int, steps: int, late: int) -> tuple[Tensor, Tensor | None]:
        """Controls of the steps of a window; before and after the recording its ends hold."""
        dof_ctrl, act_ctrl = self.controls[k]
        at = (torch.arange(steps) - late).clamp(0, int(self.problem.batches[k].steps[b]) - 1)
        return dof_ctrl[at, b], None if act_ctrl is None else act_ctrl[at, b]
