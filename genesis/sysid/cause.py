"""Why a model does not fit, found by what would make the forces balance over the measured motion.

A cause is a change with few numbers: of the data another factor on the torques of a joint, another clock, another unit of the angles, another
gravity; of the model friction, a mass, rotors. The likeliest is the one under which the least is left unbalanced (`force_balance`). Where
all leave more than half, the described masses, rotors and frictions may be off besides, and those of the data are asked once more beside
what suits them best of these; else none is named.
Source: Ljung, System Identification (1999), §16 (validation by what is left).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from genesis.scene.names import row_names
from genesis.selection import SceneJoint, joints_of
from genesis.sysid.force_balance import MOST_LINKS, ForceBalance, Forces, Slack, SmoothedMotion, balances
from genesis.sysid.passive_forces import SLIP
from genesis.sysid.problem import RecordingProblem

BALANCED = 0.01  # of the forces that smoothing leaves unbalanced in a good model
HALF = 0.5  # of what is unbalanced that a cause must explain
PRICE = 0.005  # on what a cause leaves, for each number that it fits
SURE = 0.6  # correlation of needed and measured torque that says something
SMALL = 0.02  # needed over measured torque that says something without any
RIGHT = (0.4, 2.5)  # needed over measured torque that is none of another unit
LATEST, SHIFTS = 0.5, 60  # [s] of a shifted clock, and how many shifts there are to each side
UNITS = {
    1e3: "mNm",
    1e-3: "kNm",
    180.0 / math.pi: "the torque of a degree",
    1.0 / 9.80665: "kgf m",
}  # of measured for one of needed
ANGLES = {"degrees": math.pi / 180.0, "turns": 2.0 * math.pi}
UNKNOWN = "neither sign, units, clock, gravity, friction nor a mass explains it: the structure of the model, or contacts"
NO_BALANCE = "structure of the model, units, time base or contacts: these channels do not tell the forces of the joints"


@dataclass
class Cause:
    """A cause: what it leaves unbalanced, with its price, and the words."""

    left: float
    words: str


def likeliest_cause(problem: RecordingProblem, best: np.ndarray | None) -> str:
    """In words. best: free numbers (n,) of an estimate that can be meant.

    The described model is asked first, since an estimate has bent itself around what is wrong.
    """
    apart = _clocks_apart(problem)
    if apart or not balances(problem):
        return apart or NO_BALANCE
    motion = SmoothedMotion(problem)
    for z in (problem.z0.numpy(), *(() if best is None else (best,))):
        found = Causes(ForceBalance(motion, torch.as_tensor(z))).found()
        if found:
            return min(found, key=lambda one: one.left).words
    return UNKNOWN


def _clocks_apart(problem: RecordingProblem) -> str:
    """That inputs are recorded at other times than the motion, where they cover less than half of it."""
    for recording in problem.recordings:
        for name, series in recording.inputs.items():
            first, last = float(series.time[0]), float(series.time[-1])
            covered = min(last, recording.end) - max(first, recording.start)
            if len(series.time) > 1 and covered < HALF * (recording.end - recording.start):
                return (
                    f"{recording.name}: input {name} is recorded from {first:.9g} to {last:.9g} s, the motion from {recording.start:.9g} to "
                    f"{recording.end:.9g} s: two clocks (observation.inputs.{name}.time)"
                )
    return ""


class Causes:
    """What would balance the forces."""

    def __init__(self, balance: ForceBalance) -> None:
        self.balance, self.motion, self.problem = balance, balance.motion, balance.problem
        self.forces, self.nv, self.some = balance.forces, balance.problem.space.nv, False
        self.slack = self._slack(self.motion.q, self.motion.v, self.motion.a, self.forces)
        self.joints: list[SceneJoint] = [j for entity in self.problem.setting.entities.values() for j in joints_of(entity)]
        self.names = [f"degree of freedom {j}" for j in range(self.nv)]
        for joint in self.joints:
            for dof in joint.dofs:
                self.names[dof] = joint.name

    def found(self) -> list[Cause]:
        """Those that explain more than half of what is missing; none where little is."""
        of_data = self.scaled, self.late, self.angles, self.gravity
        with torch.no_grad():
            found = self._among((*of_data, self.friction, self.mass, self.rotors))
            if not found:
                self.some = True
                self.slack = self._slack(self.motion.q, self.motion.v, self.motion.a, self.forces)
                found = self._among(of_data)
        return found

    def _among(self, asked: Sequence[Callable[[], Cause | None]]) -> list[Cause]:
        now = self.slack.unbalanced()
        found = [one for ask in asked if (one := ask()) is not None] if now > BALANCED else []
        return [one for one in found if one.left < HALF * now]

    def _slack(self, q: Tensor, v: Tensor, a: Tensor, forces: Forces) -> Slack:
        return self.balance.slack_of(q, v, a, forces, self.some)

    # ---- of the data

    def scaled(self) -> Cause | None:
        """The measured torques of some joints are another multiple of the needed ones."""
        forces, measured = self.forces, self.forces.applied
        driven = [j for j in range(self.nv) if measured[:, j].std() > 1e-9 * max(np.abs(measured[:, j]).max(), 1e-300)]
        if not driven:
            return None
        columns = -np.stack([measured[:, j : j + 1] * np.eye(self.nv)[j] for j in driven], -1)
        left, numbers = self.slack.left_with(forces.missing() - measured, columns)
        factors, applied = {}, measured.copy()
        for j, factor in zip(driven, numbers.tolist(), strict=True):
            needed = factor * measured[:, j] - left[:, j]
            correlation = float(np.corrcoef(measured[:, j], needed)[0, 1]) if needed.std() > 0.0 else 0.0
            if (abs(correlation) > SURE or abs(factor) < SMALL) and not RIGHT[0] < factor < RIGHT[1]:
                factors[j] = (factor, correlation)
                applied[:, j] *= factor
        if not factors:
            return None
        share = self.slack.unbalanced(forces.missing() - measured + applied, applied)
        return Cause(share + PRICE * len(factors), "; ".join(self._factor(j, *of) for j, of in factors.items()))

    def _factor(self, j: int, factor: float, correlation: float) -> str:
        said, name, key = f"correlation of needed and measured torque {correlation:.2f}", self.names[j], self._input(j)
        if RIGHT[0] < -factor < RIGHT[1]:
            return f"the torque of {name} seems to have the opposite sign ({said}; {key}.scale: -1)"
        near = next((unit for number, unit in UNITS.items() if 0.6 < abs(factor) * number < 1.7), "")
        unit, sign = f" ({near}?)" if near else "", " and the opposite sign" if factor < 0.0 else ""
        return f"the torque of {name} seems to be in another unit{unit}{sign}: needed is {factor:.3g} times measured ({said}; {key}.scale)"

    def late(self) -> Cause | None:
        """The inputs come earlier or later than recorded, all alike."""
        forces, dt, motion = self.forces, self.problem.dt, self.motion
        most = min(round(LATEST / dt), max(steps for *_, steps in motion.windows) // 4)
        if not self.problem.dataset.inputs or most < 1:
            return None
        coarse = max(1, most // SHIFTS)

        def left(steps: int) -> float:
            applied = self.balance.applied(motion.q, motion.v, steps)
            return self.slack.unbalanced(forces.missing() - forces.applied + applied, applied)

        known = {steps: left(steps) for steps in range(-coarse * (most // coarse), most + 1, coarse)}
        best = min(known, key=lambda steps: known[steps])
        known |= {steps: left(steps) for steps in range(best - coarse + 1, best + coarse) if steps not in known}
        best = min(known, key=lambda steps: known[steps])
        if abs(best) < 2:
            return None
        keys = "; ".join(
            f"{spec.where}.delay: {spec.source.delay + best * dt:.3g}" for spec in self.problem.dataset.inputs.values()
        )
        when = "later" if best > 0 else "earlier"
        now = 100.0 * self.slack.unbalanced()
        return Cause(
            known[best] + PRICE,
            f"the inputs seem to be on another clock: {abs(best) * dt:.3g} s {when} all but {100.0 * known[best]:.2g} % of the forces "
            f"balance, as recorded all but {now:.2g} % ({keys})",
        )

    def angles(self) -> Cause | None:
        """Angles are degrees, or turns: all, or those of one joint."""
        space = self.problem.space
        q_of = dict(zip(space.plain_v.tolist(), space.plain_q.tolist(), strict=True))
        dof_of = {q: v for v, q in q_of.items()}
        turns = [dof for joint in self.joints if joint.turns for dof in joint.dofs]
        choices = [turns, *([j] for j in turns)] if len(turns) > 1 else [turns]
        best: Cause | None = None
        for unit, factor in ANGLES.items():
            for chosen in choices if turns else ():
                scale = torch.ones(self.nv, dtype=self.motion.q.dtype)
                scale[chosen] = factor
                q, v, a = (
                    self.motion.q * scale[[dof_of[k] for k in range(space.nq)]], self.motion.v * scale, self.motion.a * scale,
                )  # fmt: skip
                left = self._slack(q, v, a, self.balance.forces_of(q, v, a)).unbalanced() + PRICE
                if best is None or left < best.left:
                    names, reach = (
                        ", ".join(self.names[j] for j in chosen),
                        self.motion.q[:, [q_of[j] for j in chosen]].abs().max(),
                    )
                    best = Cause(
                        left,
                        f"the angles of {names} seem to be {unit} (they reach {float(reach):.3g}; as {unit} all but {100.0 * left:.2g} % "
                        "of the forces balance; observation.channels.NAME.unit)",
                    )
        return best

    def gravity(self) -> Cause | None:
        """Another gravity, in size or direction; not beside another mass, which is the same for what only hangs."""
        given, still, columns = self.balance.parameter("gravity"), torch.zeros_like(self.motion.v), []
        for k in range(3):
            theta = self.balance.theta.clone()
            theta[self.balance.model.parameter_offsets["gravity"][0] :][:3] = torch.eye(3, dtype=theta.dtype)[k]
            columns.append(self.balance.needed(self.motion.q, still, still, theta))
        table = np.stack(columns, -1)
        left, change = self.slack.left_with(self.forces.missing(), table)
        found = given + change
        if float(np.linalg.norm(change)) < 0.1 * max(float(np.linalg.norm(given)), 1e-9):
            return None
        made = replace(self.forces, gravity=self.forces.gravity + table @ change)
        also = " (or the angle that is called 0 is half a turn off)" if float(found @ given) < 0.0 else ""
        return Cause(
            made.unbalanced(left) + PRICE,
            f"gravity seems to be {_vector(found)} m/s² and not {_vector(given)}{also} (scene.gravity)",
        )

    # ---- of the model

    def friction(self) -> Cause | None:
        """Dry and viscous friction of joints, never negative."""
        missing, v = self.forces.missing(), self.motion.v
        slipping, speed = self.motion.smooth(torch.tanh(v / SLIP).numpy()), self.motion.smooth(v.numpy())
        left, said = missing.copy(), []
        for j in range(self.nv):
            table = np.stack([slipping[:, j], speed[:, j]], 1)
            weights, rest = nnls(table, missing[:, j])
            if float(rest) ** 2 < HALF * float(missing[:, j] @ missing[:, j]):
                left[:, j] = missing[:, j] - table @ weights
                said.append(f"{self.names[j]} ({weights[0]:.2g} dry, {weights[1]:.2g} per speed)")
        words = f"friction seems to be missing at {', '.join(said)} (parameters of kind dry_friction, damping)"
        return Cause(self.forces.unbalanced(left) + 2.0 * PRICE * len(said), words) if said else None

    def mass(self) -> Cause | None:
        """Another mass of one link, where its centre is: a payload, or one that is not there."""
        forces, q, v, a = self.forces, self.motion.q, self.motion.v, self.motion.a
        still, best = torch.zeros_like(v), None
        names = row_names(self.balance.model, "link_mass")
        for k, mass in enumerate(self.balance.parameter("link_mass")[:MOST_LINKS].tolist()):
            theta = self.balance.with_value("link_mass", k, mass + 1.0)
            whole = self.balance.needed(q, v, a, theta) - forces.inertial - forces.gravity
            hanging = self.balance.needed(q, still, still, theta) - forces.gravity
            power = float((whole**2).sum())
            if power <= 1e-12 * float(forces.size().sum()):
                continue
            change = max(float((whole * forces.missing()).sum()) / power, -mass)
            made = replace(
                forces, inertial=forces.inertial + change * (whole - hanging), gravity=forces.gravity + change * hanging
            )
            left = made.unbalanced() + PRICE
            if best is None or left < best.left:
                word = "heavier" if change > 0.0 else "lighter"
                best = Cause(left, f"{names[k]} seems to be {abs(change):.2g} kg {word} (a payload? parameter of kind mass)")
        return best

    def rotors(self) -> Cause | None:
        """Inertia of joints that the model has not."""
        missing, a = self.forces.missing(), self.motion.smooth(self.motion.a.numpy())
        left, said = missing.copy(), []
        for j in range(self.nv):
            inertia = float(missing[:, j] @ a[:, j] / max(float(a[:, j] @ a[:, j]), 1e-300))
            rest = missing[:, j] - inertia * a[:, j]
            if inertia > 0.0 and float(rest @ rest) < HALF * float(missing[:, j] @ missing[:, j]):
                left[:, j] = rest
                said.append(f"{self.names[j]} ({inertia:.2g})")
        words = f"inertia seems to be missing at {', '.join(said)} (a rotor behind a gear? parameter of kind armature)"
        return Cause(self.forces.unbalanced(left) + PRICE * len(said), words) if said else None

    def _input(self, j: int) -> str:
        """Key of the input that drives a degree of freedom."""
        for item in self.problem.drive.inputs.values():
            if item.spec.kind != "actuator" and j in item.places.tolist():
                return item.spec.where
        return "observation.inputs.NAME"


def _vector(x: np.ndarray) -> str:
    return "[" + ", ".join(f"{value + 0.0:.3g}" for value in x) + "]"
