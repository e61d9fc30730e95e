"""Why a model does not fit, found by what would make the forces balance over the measured motion.

    e = applied - (inertial(q, v, a) + gravity(q) + passive(q, v)),    U = mean over joints of Σ e² / Σ (applied² + inertial² + gravity²)

A cause is a change of the data or of the model with few numbers, fitted by least squares: another factor on the torques of a joint, another
clock, another unit of the angles, another gravity, friction, mass or inertia. The likeliest is the one under which the least is left
unbalanced; none is named where all leave more than half. No simulation is run.
Source: Atkeson, An, Hollerbach, Estimation of inertial parameters of manipulator loads and links, 1986; Ljung (1999), §16.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from genesis.channels.joint_torque import JointForces
from genesis.channels.sample import Sample
from genesis.scene.names import row_names
from genesis.selection import SceneJoint, joints_of
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.shooting import Batch

INSTANTS = 3000  # at which forces are balanced
SMOOTH = 0.02  # [s] to each side, over which accelerations are differences and inputs means: drives and encoders are rough
SLIP = 0.05  # [rad/s | m/s] at which dry friction has turned over
BALANCED = 0.02  # of the forces that friction leaves unbalanced in a good model
HALF = 0.5  # of what is unbalanced that a cause must explain
PRICE = 0.01  # on what a cause leaves, for each number that it fits
SURE = 0.6  # correlation of needed and measured torque that says something
LATEST, SHIFTS = 0.5, 60  # [s] of a shifted clock, and how many shifts there are to each side
UNITS = {
    1e3: "mNm",
    1e-3: "kNm",
    180.0 / math.pi: "the torque of a degree",
    9.80665: "kgf m",
}  # needed over measured is 1 / factor
MOST_LINKS = 24


@dataclass
class Found:
    """A cause: what it leaves unbalanced, with its price, and the words."""

    left: float
    words: str


@dataclass
class Forces:
    """Over N instants, each (N, nv): what was applied; what inertia with Coriolis, gravity, and damping, friction, springs need."""

    applied: np.ndarray
    inertial: np.ndarray
    gravity: np.ndarray
    passive: np.ndarray

    def missing(self) -> np.ndarray:
        return self.applied - self.inertial - self.gravity - self.passive

    def unbalanced(self, missing: np.ndarray | None = None, applied: np.ndarray | None = None) -> np.ndarray:
        """(nv,) share of the forces that do not balance; 0 where there are none."""
        e, tau = (self.missing() if missing is None else missing), (self.applied if applied is None else applied)
        size = (tau**2 + self.inertial**2 + self.gravity**2).sum(0)
        return np.where(size > 1e-12 * max(size.max(initial=0.0), 1e-300), (e**2).sum(0) / np.maximum(size, 1e-300), 0.0)


def likeliest_cause(problem: RecordingProblem, best: np.ndarray | None) -> str:
    """In words, "" where the channels do not tell the motion of the joints. best: free numbers (n,) of an estimate that can be meant.

    The described model is asked first, since an estimate has bent itself around what is wrong.
    """
    if not _told(problem):
        return ""
    motion = _Motion(problem)
    found: list[Found] = []
    for z in (problem.z0.numpy(), *(() if best is None else (best,))):
        found = _Balance(motion, torch.as_tensor(z)).causes()
        if found:
            return min(found, key=lambda one: one.left).words
    return "neither sign, units, clock, gravity, friction nor a mass explains it: the structure of the model, or contacts"


def _told(problem: RecordingProblem) -> bool:
    """Positions of all joints are measured, and all are plain numbers."""
    measured = {q for c in problem.channels.values() if c.kind == "joint_position" for q in c.selection or []}
    return not problem.space.quats and measured == set(range(problem.space.nq))


class _Motion:
    """The smoothed motion of whole recordings: q, v, a (N, n) at up to INSTANTS instants; places of these in the batches."""

    def __init__(self, problem: RecordingProblem) -> None:
        whole = replace(problem.shooting, window=None, curriculum=None, overlap=0.0, mini_batch=None)
        self.problem = replace(problem, shooting=whole, start=None, simulations=0, windows=[], batches=[])
        total = sum(int(batch.steps.sum()) for batch in self.problem.batches)
        stride = max(1, math.ceil(total / INSTANTS))
        self.instants: list[tuple[Batch, Tensor, Tensor]] = []
        parts: list[tuple[np.ndarray, ...]] = []
        for batch in self.problem.batches:
            t, e = np.nonzero(
                (np.arange(batch.horizon)[:, None] < batch.steps[None]) & (np.arange(batch.horizon)[:, None] % stride == 0)
            )
            self.instants.append((batch, torch.as_tensor(t), torch.as_tensor(e)))
            parts.append(self._at(batch, t, e))
        self.q, self.v, self.a = (torch.as_tensor(np.concatenate(x)) for x in zip(*parts, strict=True))

    def _at(self, batch: Batch, t: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, ...]:
        """q, v, a at steps t of windows e."""
        problem, dt = self.problem, self.problem.dt
        q, v, a = (np.zeros((len(t), n)) for n in (problem.space.nq, problem.space.nv, problem.space.nv))
        for b, r in enumerate(batch.recording.tolist()):
            rows = np.flatnonzero(e == b)
            times, end = batch.start[b] + t[rows] * dt, batch.start[b] + batch.steps[b] * dt
            q[rows], v[rows] = problem.start_states(problem.recordings[r], times)[:2]
            ahead, back = np.minimum(times + SMOOTH, end), np.maximum(times - SMOOTH, batch.start[b])
            later, earlier = (problem.start_states(problem.recordings[r], at)[1] for at in (ahead, back))
            a[rows] = (later - earlier) / (ahead - back)[:, None]
        return q, v, a


class _Balance:
    """Forces over a motion with the parameters of z (n,), and the causes that would balance them."""

    def __init__(self, motion: _Motion, z: Tensor) -> None:
        self.motion, self.problem = motion, motion.problem
        self.physics, self.model = self.problem.physics, self.problem.solver.model
        self.joint_forces = JointForces(self.model)
        with torch.no_grad():
            self.targets = self.problem.targets(z)
            theta = self.problem.theta(self.targets)
            self.theta = self._unlimited(theta if theta.dim() == 1 else theta[0])
            self.controls = [self._smoothed(batch) for batch, _, _ in motion.instants]
            self.forces = self._forces(motion.q, motion.v, motion.a)
        self.names = self._names()
        self.inputs = self._inputs()

    def causes(self) -> list[Found]:
        """Those that explain more than half of what is missing; none where little is."""
        now = float(self.forces.unbalanced().mean())
        if now < BALANCED:
            return []
        asked: Sequence[Callable[[], Found | None]] = (
            self._scaled, self._late, self._degrees, self._gravity, self._friction, self._mass, self._armature,
        )  # fmt: skip
        with torch.no_grad():
            found = [one for ask in asked if (one := ask()) is not None]
        return [one for one in found if one.left < HALF * now]

    # ---- forces

    def _needed(self, q: Tensor, v: Tensor, a: Tensor, theta: Tensor | None = None) -> np.ndarray:
        sample = self._sample(q, v, a, self.theta if theta is None else theta)
        made = sample.in_blocks(lambda *x: (self.physics.inverse_dynamics(sample.theta, *x),), q, v, a)
        force: np.ndarray = made[0].numpy()
        return force

    def _sample(self, q: Tensor, v: Tensor, a: Tensor, theta: Tensor, late: int = 0) -> Sample:
        """late: steps by which the inputs come later than recorded."""
        driven = [self._at_instants(k, late) for k in range(len(self.motion.instants))]
        dof_ctrl = torch.cat([u for u, _ in driven])
        act = [c for _, c in driven if c is not None]
        return Sample(
            self.physics, theta.contiguous(), self.problem.dt, q, v, (q, v), (q, v), a, dof_ctrl, torch.cat(act) if act else None
        )

    def _smoothed(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        dof_ctrl, act_ctrl = self.problem.controls(batch, self.targets)
        return self._mean(dof_ctrl, batch), None if act_ctrl is None else self._mean(act_ctrl, batch)

    def _mean(self, controls: Tensor, batch: Batch) -> Tensor:
        """Controls (T, B, n) as means over what lies within SMOOTH of each step."""
        half = round(SMOOTH / self.problem.dt)
        total = torch.cat([torch.zeros_like(controls[:1]), controls.cumsum(0)])
        step = torch.arange(batch.horizon)[:, None].expand(-1, len(batch))
        steps, env = torch.as_tensor(batch.steps), torch.arange(len(batch))
        low, high = (step - half).clamp(min=0).minimum(steps - 1), (step + half + 1).minimum(steps)
        return (total[high, env] - total[low, env]) / (high - low)[..., None]

    def _at_instants(self, k: int, late: int) -> tuple[Tensor, Tensor | None]:
        (batch, t, e), (dof_ctrl, act_ctrl) = self.motion.instants[k], self.controls[k]
        at = (t - late).clamp(min=0).minimum(torch.as_tensor(batch.steps - 1)[e])
        return dof_ctrl[at, e], None if act_ctrl is None else act_ctrl[at, e]

    def _applied(self, q: Tensor, v: Tensor, late: int = 0) -> np.ndarray:
        applied: np.ndarray = self.joint_forces.of(self._sample(q, v, v, self.theta, late)).numpy()
        return applied

    def _unlimited(self, theta: Tensor) -> Tensor:
        """Without limits of force: what was recorded has acted."""
        made = theta.clone()
        for name, value in (("dof_force_lo", -math.inf), ("dof_force_hi", math.inf)):
            first, count = self.model.parameter_offsets[name]
            made[first : first + count] = value
        return made

    def _forces(self, q: Tensor, v: Tensor, a: Tensor) -> Forces:
        still = torch.zeros_like(v)
        gravity = self._needed(q, still, still)
        sample = self._sample(q, v, a, self.theta)
        value = sample.parameter
        passive = value("dof_damping") * v + value("dof_frictionloss") * torch.tanh(v / SLIP)
        passive = passive + value("dof_stiffness") * (q - value("qpos_spring"))[:, self.joint_forces.coordinates]
        return Forces(self._applied(q, v), self._needed(q, v, a) - gravity, gravity, passive.numpy())

    # ---- causes

    def _scaled(self) -> Found | None:
        """The measured torques of some joints are another multiple of the needed ones."""
        forces, needed = self.forces, self.forces.missing() - self.forces.applied
        applied, factors = forces.applied.copy(), {}
        for j in range(applied.shape[1]):
            tau, want = forces.applied[:, j], -needed[:, j]
            if tau.std() <= 1e-9 * max(np.abs(tau).max(), 1e-300) or want.std() == 0.0:
                continue
            correlation = float(np.corrcoef(tau, want)[0, 1])
            factor = float(tau @ want / (tau @ tau))
            if abs(correlation) > SURE and not 0.4 < factor < 2.5:
                applied[:, j] *= factor
                factors[j] = (factor, correlation)
        if not factors:
            return None
        left = forces.unbalanced(applied + needed, applied).mean() + PRICE * len(factors) / applied.shape[1]
        return Found(float(left), "; ".join(self._factor(j, *of) for j, of in factors.items()))

    def _factor(self, j: int, factor: float, correlation: float) -> str:
        said = f"correlation of needed and measured torque {correlation:.2f}"
        name, key = self.names[j], self.inputs[j]
        if -2.5 < factor < -0.4:
            return f"the torque of {name} seems to have the opposite sign ({said}; {key}.scale: -1)"
        near = next((unit for number, unit in UNITS.items() if 0.6 < abs(factor) * number < 1.7), "")
        unit = f" ({near}?)" if near else ""
        sign = " and the opposite sign" if factor < 0.0 else ""
        return f"the torque of {name} seems to be in another unit{unit}{sign}: needed is {factor:.3g} times measured ({said}; {key}.scale)"

    def _late(self) -> Found | None:
        """The inputs come earlier or later than recorded, all alike."""
        forces, dt = self.forces, self.problem.dt
        longest = max(int(batch.steps.max()) for batch, _, _ in self.motion.instants)
        most = min(round(LATEST / dt), longest // 4)
        if not self.problem.dataset.inputs or most < 1:
            return None
        coarse = max(1, most // SHIFTS)

        def left(late: int) -> float:
            applied = self._applied(self.motion.q, self.motion.v, late)
            return float(forces.unbalanced(forces.missing() - forces.applied + applied, applied).mean())

        known = {late: left(late) for late in range(-coarse * (most // coarse), most + 1, coarse)}
        best = min(known, key=lambda late: known[late])
        known |= {late: left(late) for late in range(best - coarse + 1, best + coarse) if late not in known}
        best = min(known, key=lambda late: known[late])
        if abs(best) < 3:
            return None
        keys = "; ".join(
            f"{spec.where}.delay: {spec.source.delay + best * dt:.3g}" for spec in self.problem.dataset.inputs.values()
        )
        when = "later" if best > 0 else "earlier"
        return Found(
            known[best] + PRICE,
            f"the inputs seem to be on another clock: {abs(best) * dt:.3g} s {when} they balance all but {known[best]:.0%} of the forces, "
            f"as recorded all but {known.get(0, float(forces.unbalanced().mean())):.0%} ({keys})",
        )

    def _degrees(self) -> Found | None:
        """Angles are degrees, or turns: all, or those of one joint."""
        turns = [j for j in range(self.problem.space.nv) if self._turns(j)]
        choices = [turns, *([j] for j in turns if len(turns) > 1)]
        best: Found | None = None
        for unit, factor in (("degrees", math.pi / 180.0), ("turns", 2.0 * math.pi)):
            for chosen in choices:
                scale = torch.ones(self.problem.space.nv, dtype=self.motion.q.dtype)
                scale[chosen] = factor
                q, v, a = self.motion.q * scale[self._dof_of_q()], self.motion.v * scale, self.motion.a * scale
                left = float(self._forces(q, v, a).unbalanced().mean()) + PRICE
                if chosen and (best is None or left < best.left):
                    names = ", ".join(self.names[j] for j in chosen)
                    most = float(self.motion.q[:, [self._q_of_dof()[j] for j in chosen]].abs().max())
                    said = f"the angles of {names} seem to be {unit} (they reach {most:.3g}; as {unit} the forces balance all but {left:.0%})"
                    best = Found(left, f"{said}: observation.channels.*.unit")
        return best

    def _gravity(self) -> Found | None:
        """Another gravity, in size or direction."""
        first, count = self.model.parameter_offsets["gravity"]
        given: np.ndarray = self.theta[first : first + count].numpy()
        still = torch.zeros_like(self.motion.v)
        columns = []
        for k in range(3):
            theta = self.theta.clone()
            theta[first : first + count] = torch.eye(3, dtype=theta.dtype)[k]
            columns.append(self._needed(self.motion.q, still, still, theta))
        table, forces = np.stack(columns, -1), self.forces
        weight = 1.0 / np.sqrt((forces.applied**2 + forces.inertial**2 + forces.gravity**2).sum(0) + 1e-300)
        change: np.ndarray = np.linalg.lstsq(
            (table * weight[:, None]).reshape(-1, 3), (forces.missing() * weight).reshape(-1), rcond=1e-3
        )[0]
        found, gravity = given + change, forces.gravity + table @ change
        made = replace(forces, gravity=gravity)
        if float(np.linalg.norm(change)) < 0.1 * max(float(np.linalg.norm(given)), 1e-9):
            return None
        vector = "[" + ", ".join(f"{x:.3g}" for x in found) + "]"
        turned = float(found @ given) < 0.0
        also = " (or the angle that is called 0 is half a turn off)" if turned else ""
        return Found(
            float(made.unbalanced().mean()) + PRICE,
            f"gravity seems to be {vector} m/s² and not {np.array2string(given, precision=3, separator=', ')}{also} (scene.gravity)",
        )

    def _friction(self) -> Found | None:
        """Dry and viscous friction of joints, never negative."""
        missing, speed = self.forces.missing(), self.motion.v.numpy()
        left, said = missing.copy(), []
        for j in range(missing.shape[1]):
            table = np.stack([np.tanh(speed[:, j] / SLIP), speed[:, j]], 1)
            weights, rest = nnls(table, missing[:, j])
            if float(rest) ** 2 < HALF * float(missing[:, j] @ missing[:, j]):
                left[:, j] = missing[:, j] - table @ weights
                said.append(f"{self.names[j]} ({weights[0]:.2g} dry, {weights[1]:.2g} per speed)")
        if not said:
            return None
        price = 2.0 * PRICE * len(said) / missing.shape[1]
        return Found(
            float(self.forces.unbalanced(left).mean()) + price,
            f"friction seems to be missing at {', '.join(said)} (parameters of kind dry_friction, damping)",
        )

    def _mass(self) -> Found | None:
        """Another mass of one link, where its centre is: a payload, or one that is not there."""
        (first, count), names = self.model.parameter_offsets["link_mass"], row_names(self.model, "link_mass")
        forces, still = self.forces, torch.zeros_like(self.motion.v)
        best: Found | None = None
        for k in range(min(count, MOST_LINKS)):
            theta = self.theta.clone()
            theta[first + k] += 1.0
            gravity = self._needed(self.motion.q, still, still, theta)
            inertial = self._needed(self.motion.q, self.motion.v, self.motion.a, theta) - gravity - forces.inertial
            gravity = gravity - forces.gravity
            column = inertial + gravity
            power = float((column**2).sum())
            if power <= 1e-12 * float((forces.inertial**2 + forces.gravity**2).sum()):
                continue
            change = max(float((column * forces.missing()).sum()) / power, -float(self.theta[first + k]))
            made = replace(forces, inertial=forces.inertial + change * inertial, gravity=forces.gravity + change * gravity)
            left = float(made.unbalanced().mean()) + PRICE
            if best is None or left < best.left:
                word = "heavier" if change > 0.0 else "lighter"
                best = Found(left, f"{names[k]} seems to be {abs(change):.2g} kg {word} (a payload? parameter of kind mass)")
        return best

    def _armature(self) -> Found | None:
        """Inertia of joints: rotors that the model has not."""
        missing, a = self.forces.missing(), self.motion.a.numpy()
        left, said = missing.copy(), []
        for j in range(missing.shape[1]):
            inertia = float(missing[:, j] @ a[:, j] / max(float(a[:, j] @ a[:, j]), 1e-300))
            rest = missing[:, j] - inertia * a[:, j]
            if inertia > 0.0 and float(rest @ rest) < HALF * float(missing[:, j] @ missing[:, j]):
                left[:, j] = rest
                said.append(f"{self.names[j]} ({inertia:.2g})")
        if not said:
            return None
        price = PRICE * len(said) / missing.shape[1]
        return Found(
            float(self.forces.unbalanced(left).mean()) + price,
            f"inertia seems to be missing at {', '.join(said)} (a rotor behind a gear? kind armature)",
        )

    # ---- names

    def _names(self) -> list[str]:
        """(nv,) of the joints."""
        made = [f"degree of freedom {j}" for j in range(self.problem.space.nv)]
        for joint in self._joints():
            for dof in joint.dofs:
                made[dof] = joint.name
        return made

    def _joints(self) -> list[SceneJoint]:
        return [joint for entity in self.problem.setting.entities.values() for joint in joints_of(entity)]

    def _turns(self, j: int) -> bool:
        return any(j in joint.dofs and joint.turns for joint in self._joints())

    def _q_of_dof(self) -> dict[int, int]:
        return dict(zip(self.problem.space.plain_v.tolist(), self.problem.space.plain_q.tolist(), strict=True))

    def _dof_of_q(self) -> list[int]:
        back = {q: v for v, q in self._q_of_dof().items()}
        return [back[q] for q in range(self.problem.space.nq)]

    def _inputs(self) -> list[str]:
        """(nv,) key of the input that drives each."""
        made = ["observation.inputs"] * self.problem.space.nv
        for item in self.problem.drive.inputs.values():
            if item.spec.kind != "actuator":
                for place in item.places.tolist():
                    made[place] = item.spec.where
        return made
