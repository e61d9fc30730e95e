"""Angles in degrees that are read as radians."""

from dataclasses import dataclass
from math import degrees, isfinite

import numpy as np

from genesis.errors import InputError
from genesis.observations.clocks import stretches
from genesis.observations.dataset import Dataset
from genesis.observations.noise import quantum
from genesis.observations.series import Series
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.selection import SceneJoint, limits

DEGREES = degrees(1.0)
TURNS = 25.0  # rad: four turns of a joint, or half a right angle in degrees
CERTAIN = 10.0  # times the limit
FAST, SLOW = 3.0, 1.5  # times the joint's limit of speed: as radians, and as degrees
RARE = 0.01  # of the values: outliers
WHILE = 0.02  # s over which speeds are taken
COUNTS = [360.0 / 2**n for n in range(9, 18)]  # degrees of one step of an encoder
CLOSE = 0.005  # of such a step


@dataclass
class _Joint:
    """Values (N,) [rad] of a joint as read, its limits, and the speeds that it is seen at and may have [rad/s]."""

    joint: SceneJoint
    values: np.ndarray
    low: float
    high: float
    speed: float
    fastest: float

    @property
    def text(self) -> str:
        low, high = float(self.values.min()), float(self.values.max())
        return f"{self.joint.name} goes from {low:.4g} to {high:.4g} rad"

    @property
    def reach(self) -> float:
        """Size that all but outliers keep within."""
        return float(np.quantile(np.abs(self.values), 1.0 - RARE))


def told(dataset: Dataset, spec: ChannelSpec | InputSpec, joints: list[SceneJoint], entity: object) -> list[str]:
    """A line for each joint whose angles fit its limits, its speed or the steps of an encoder as degrees only.

    Raises: InputError where they are far beyond the limits, or beyond those of position and of speed, and the user has named no unit.
    """
    periodic = isinstance(spec, ChannelSpec) and (spec.options.get("periodic") or spec.source.period)
    if spec.source.factor != 1.0 or periodic:
        return []
    low, high = (x.double().cpu().numpy() for x in limits(entity, joints, "position"))
    _, fastest = (x.double().cpu().numpy() for x in limits(entity, joints, "velocity"))
    found = []
    for k, joint in enumerate(joints):
        series = [(r.channels if isinstance(spec, ChannelSpec) else r.inputs)[spec.name] for r in dataset.train]
        values = np.concatenate([s.values[:, k] for s in series])
        values = values[np.isfinite(values)]
        if not joint.turns or not len(values):
            continue
        # a target may jump
        speed = max(_speed(s, k) for s in series) if isinstance(spec, ChannelSpec) else 0.0
        one = _Joint(joint, values, float(low[k]), float(high[k]), speed, float(fastest[k]))
        text = _beyond_limits(one, spec) or _too_fast(one) or _steps_of_degrees(one, spec) or _many_turns(one)
        if text:
            found.append(f"{spec.where}: {text}")
    return found


def _beyond_limits(one: _Joint, spec: ChannelSpec | InputSpec) -> str:
    slack = 0.5 * (one.high - one.low)
    if not isfinite(slack):
        return ""
    inside = (one.values > one.low - slack) & (one.values < one.high + slack)
    as_degrees = (one.values / DEGREES > one.low - slack) & (one.values / DEGREES < one.high + slack)
    if inside.mean() >= 1.0 - RARE or not as_degrees.all():
        return ""
    text, fast = f"{one.text}, its limits are {one.low:.4g} and {one.high:.4g} rad", _is_too_fast(one)
    certain = one.reach > CERTAIN * max(abs(one.low), abs(one.high)) or fast
    if not certain or spec.source.stated:
        return f"{text}; are the values degrees? (unit: deg)"
    also = f", at up to {one.speed:.3g} rad/s where {one.fastest:.3g} rad/s are its limit" if fast else ""
    raise InputError(f"{spec.where}: {text}{also}; as degrees the values fit. Set unit: deg (or unit: rad, if they are radians).")


def _is_too_fast(one: _Joint) -> bool:
    return one.speed > FAST * one.fastest and one.speed / DEGREES < SLOW * one.fastest


def _too_fast(one: _Joint) -> str:
    if _is_too_fast(one):
        return f"{one.text} at up to {one.speed:.3g} rad/s, its limit is {one.fastest:.3g} rad/s; are the values degrees? (unit: deg)"
    return ""


def _steps_of_degrees(one: _Joint, spec: ChannelSpec | InputSpec) -> str:
    step, plain = quantum(one.values), bool(np.all(spec.source.scale == 1.0))
    if plain and any(abs(step / count - 1.0) < CLOSE for count in COUNTS):
        return f"{one.text} in steps of {step:.5g}, 360 / {round(360.0 / step)}; are the values degrees? (unit: deg)"
    return ""


def _many_turns(one: _Joint) -> str:
    if isfinite(one.high - one.low) or not one.joint.is_periodic or float(np.abs(one.values).max()) <= TURNS:
        return ""
    return f"{one.text}; are the values degrees? (unit: deg)"


def _speed(series: Series, k: int) -> float:
    """The speed that all but outliers keep below."""
    found = []
    for rows in stretches(series.time):
        time, values = series.time[rows], series.values[rows, k]
        good = np.isfinite(values)
        time, values = time[good], values[good]
        if len(time) < 3:
            continue
        far = max(1, round(WHILE / float(np.median(np.diff(time)))))
        if len(time) > far:
            found.append(np.abs(values[far:] - values[:-far]) / (time[far:] - time[:-far]))
    return float(np.quantile(np.concatenate(found), 1.0 - RARE)) if found else 0.0
