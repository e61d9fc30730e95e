"""What success of a task means."""

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from genesis.selection import Joint
from genesis.view import View


@dataclass(frozen=True)
class Limit:
    """A metric may be at most this."""

    metric: str
    largest: float


class Goal(Protocol):
    """Metrics of a trajectory, in units that their names tell, and the limits that decide success."""

    limits: list[Limit]

    def metrics(self, trajectory: View) -> dict[str, float]: ...


def limits_of(**largest: float | None) -> list[Limit]:
    """The limits that are not None."""
    return [Limit(metric, value) for metric, value in largest.items() if value is not None]


def met(limits: list[Limit], metrics: dict[str, float]) -> bool:
    """Every limit is kept (and there is one)."""
    return bool(limits) and all(metrics[limit.metric] <= limit.largest for limit in limits)


def largest(values: Tensor) -> float:
    """Largest magnitude; 0 of nothing; NaN stays NaN."""
    return float(values.detach().abs().max()) if values.numel() else 0.0


def wrapped(angle: Tensor) -> Tensor:
    """The angle in [-π, π)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


def hinges(joints: list[Joint]) -> list[int]:
    """Indices into qpos of angles."""
    return [joint.qs[0] for joint in joints if joint.turns]


def slides(joints: list[Joint]) -> list[int]:
    """Indices into qpos of sliding joints."""
    return [joint.qs[0] for joint in joints if joint.slides]
