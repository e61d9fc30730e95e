"""The motion of a run by degrees of freedom, and how near it comes to their limits."""

import math
from dataclasses import dataclass, field

import numpy as np

from genesis.description.kinds import ANGLE, LENGTH, Unit
from genesis.runners.names import FORCE, LIMITED, LIMITS

NO_LIMIT = (-math.inf, math.inf)
#: Beyond a limit by less than this part of it counts as on it: bounds are kept to rounding.
ROUNDING = 1e-6
WORDS = {"position": "range", "velocity": "velocity limit", "force": "force limit"}


@dataclass
class Dof:
    """One degree of freedom over time; B environments.

    values: kind (position, velocity, force) -> (T+1, B) or (T, B); targets: the same of what the controls ask for. limits: kind -> (low, high)
    of the robot; bounds: of the controls that are learned.
    """

    name: str
    unit: Unit
    controlled: bool
    values: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    limits: dict[str, tuple[float, float]]
    bounds: tuple[float, float] = NO_LIMIT


@dataclass
class JointMotion:
    """time (T+1,) [s]. control: kind of the controls."""

    time: np.ndarray
    control: str
    dofs: list[Dof] = field(default_factory=list)

    @property
    def bounded(self) -> bool:
        """Controls have bounds that are not those of the robot."""
        return any(math.isfinite(end) and end not in dof.limits[self.control] for dof in self.dofs for end in dof.bounds)

    @property
    def envs(self) -> int:
        """B, 1 where there is no batch."""
        return next((x.shape[1] for dof in self.dofs for x in dof.values.values()), 1)


@dataclass(frozen=True)
class Closeness:
    """How near a motion comes to limits of one kind.

    dof: the one that comes nearest; use: largest share of the way from the middle of its range to a limit, above 1 beyond it.
    value, low, high [unit]; time [s], env: where. beyond: names of those that leave their limits.
    """

    kind: str
    dof: str
    unit: str
    use: float
    value: float
    low: float
    high: float
    time: float
    env: int
    beyond: tuple[str, ...]

    @property
    def excess(self) -> float:
        """How far beyond the limit [unit]; 0 within."""
        return max(self.low - self.value, self.value - self.high, 0.0)


def motion_of(arrays: dict[str, np.ndarray]) -> JointMotion | None:
    """From the arrays of a solution or trajectory; None where they hold no motion."""
    if any(name not in arrays for name in ("time", "qvel", "qpos")) or arrays["qvel"].ndim not in (2, 3):
        return None
    qpos, qvel, nv = _batched(arrays["qpos"]), _batched(arrays["qvel"]), arrays["qvel"].shape[-1]
    controls = _batched(arrays["controls"]) if "controls" in arrays else np.zeros((len(qvel) - 1, qvel.shape[1], nv))
    kind = str(arrays.get("control_kind", "force"))
    force = controls if kind == "force" else _batched(arrays[FORCE]) if FORCE in arrays else None
    names = [str(name) for name in arrays["dof_names"]] if "dof_names" in arrays else [f"dof {k}" for k in range(nv)]
    plain = nv if qpos.shape[-1] == nv else 0  # a coordinate for each, where no file says it
    places = arrays.get("dof_coordinates", np.where(np.arange(nv) < plain, np.arange(nv), -1))
    lengths = arrays.get("dof_kinds", np.full(nv, "angle")) == "length"
    there = {name: arrays.get(LIMITS + name) for name in (*LIMITED, "controls")}
    controlled = arrays.get("controlled", np.ones(nv, bool))
    made = JointMotion(arrays["time"], kind)
    for k in range(nv):
        values = {"velocity": qvel[..., k]}
        if places[k] >= 0:
            values["position"] = qpos[..., int(places[k])]
        if force is not None and controlled[k]:
            values["force"] = force[..., k]
        limits = {name: _pair(there[name], k) for name in LIMITED}
        targets = {kind: controls[..., k]} if kind != "force" and controlled[k] else {}
        unit = LENGTH if lengths[k] else ANGLE
        made.dofs.append(Dof(names[k], unit, bool(controlled[k]), values, targets, limits, _pair(there["controls"], k)))
    return made


def closeness(motion: JointMotion) -> list[Closeness]:
    """The nearest approach to limits of each kind that the robot has; none of a kind without limits, or of a motion that is not finite."""
    found = []
    for kind in LIMITED:
        rows = [(dof, _use(dof.values[kind], *dof.limits[kind])) for dof in motion.dofs if kind in dof.values]
        rows = [(dof, use) for dof, use in rows if np.isfinite(use).any()]
        if not rows:
            continue
        dof, use = max(rows, key=lambda row: float(np.nanmax(row[1])))
        step, env = (int(k) for k in np.unravel_index(np.nanargmax(use), use.shape))
        beyond = tuple(other.name for other, share in rows if np.nanmax(share) > 1.0 + ROUNDING)
        value, (low, high) = float(dof.values[kind][step, env]), dof.limits[kind]
        found.append(
            Closeness(
                kind, dof.name, getattr(dof.unit, kind), float(use[step, env]), value, low, high, float(motion.time[step]), env, beyond
            )
        )  # fmt: skip
    return found


def chosen_dofs(motion: JointMotion, most: int) -> list[Dof]:
    """Those worth seeing, in their order: beyond a limit, then controlled, then those that move most for their kind; not what stands still."""
    moving = [dof for dof in motion.dofs if dof.controlled or _span(dof) > 1e-9]

    def rank(dof: Dof) -> tuple[bool, bool, float]:
        uses = [_use(dof.values[kind], *dof.limits[kind]) for kind in dof.values]
        beyond = any(np.nanmax(use) > 1.0 + ROUNDING for use in uses if np.isfinite(use).any())
        return not beyond, not dof.controlled, -_span(dof)

    best = sorted(moving, key=rank)[:most]
    return [dof for dof in moving if any(dof is one for one in best)]


def _span(dof: Dof) -> float:
    values = dof.values.get("position", dof.values["velocity"])
    values = values[np.isfinite(values)]
    return float(np.ptp(values)) if len(values) else 0.0


def _use(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Distance from the middle over half the range; of one limit alone the value over it. NaN without limits."""
    if math.isfinite(low) and math.isfinite(high):
        half = 0.5 * (high - low)
        return np.abs(values - 0.5 * (low + high)) / half if half > 0.0 else np.full(values.shape, math.nan)
    if math.isfinite(low) or math.isfinite(high):
        end, sign = (high, 1.0) if math.isfinite(high) else (low, -1.0)
        return 1.0 + sign * (values - end) / max(abs(end), 1e-9)
    return np.full(values.shape, math.nan)


def _pair(table: np.ndarray | None, k: int) -> tuple[float, float]:
    return NO_LIMIT if table is None else (float(table[k, 0]), float(table[k, 1]))


def _batched(values: np.ndarray) -> np.ndarray:
    """(T, B, n)"""
    return values if values.ndim == 3 else values[:, None]
