"""What success of a task means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from genesis.selection import SceneJoint
from genesis.view import View


@dataclass(frozen=True)
class Limit:
    """A metric may be at most this."""

    metric: str
    largest: float


#: A number, or a tensor of one element.
Number = float | Tensor
DEGREES = 180.0 / math.pi
LAST, LAST_TWO = slice(-1, None), slice(-2, None)  # states


@dataclass(frozen=True)
class Aim:
    """What a goal wants to see, as far as it can be drawn.

    body: (entity, link or site) that is to get there. pos (3,): a point, or (n, 3) a path [m]; quat (4,): an orientation there.
    qpos ([B,]nq): a configuration of the whole scene.
    """

    body: tuple[Any, str] | None = None
    pos: Tensor | None = None
    quat: Tensor | None = None
    qpos: Tensor | None = None


class Goal(Protocol):
    """Metrics of a trajectory, in units that their names tell, of the worst environment, and the limits that decide success.

    least: metrics of which the worst is the smallest; of the others it is the largest.
    """

    limits: list[Limit]
    least: tuple[str, ...]

    def metrics(self, trajectory: View) -> Mapping[str, Number]: ...

    def over_time(self, trajectory: View) -> Mapping[str, Tensor]:
        """(T+1,[B]) those metrics that every state has, by their names, in the same units."""
        ...

    def aim(self) -> Aim | None:
        """What it wants to see; None where nothing stands for it."""
        ...


class OfTrajectory:
    """Base of goals whose metrics are functions of the trajectory alone, in operations that `torch.vmap` knows."""

    least: tuple[str, ...] = ()

    def over_time(self, trajectory: View) -> Mapping[str, Tensor]:
        """None."""
        return {}

    def aim(self) -> Aim | None:
        return None


def numbers(metrics: Mapping[str, Number]) -> dict[str, float]:
    """Metrics as plain numbers."""
    return {name: float(value) for name, value in metrics.items()}


def limits_of(**largest: float | None) -> list[Limit]:
    """The limits that are not None."""
    return [Limit(metric, value) for metric, value in largest.items() if value is not None]


def met(limits: list[Limit], metrics: dict[str, float]) -> bool:
    """Every limit is kept (and there is one)."""
    return bool(limits) and all(metrics[limit.metric] <= limit.largest for limit in limits)


def largest(values: Tensor) -> Tensor:
    """Largest magnitude in double precision; 0 of nothing; NaN stays NaN."""
    return values.detach().abs().max().double() if values.numel() else values.new_zeros((), dtype=torch.float64)


def wrapped(angle: Tensor) -> Tensor:
    """The angle in [-π, π)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


class Angles:
    """The angles in qpos that belong to joints of one coordinate."""

    def __init__(self, joints: list[SceneJoint]) -> None:
        self.periodic = [joint.qs[0] for joint in joints if joint.is_periodic]
        self.others = [joint.qs[0] for joint in joints if joint.turns and not joint.is_periodic]

    def largest(self, qpos: Tensor) -> Tensor:
        """Largest magnitude [rad] of configurations (..., nq) or of their differences; where a full turn changes nothing, the nearest."""
        return torch.maximum(largest(wrapped(qpos[..., self.periodic])), largest(qpos[..., self.others]))

    @property
    def there(self) -> bool:
        """There is one."""
        return bool(self.periodic or self.others)

    def largest_each(self, qpos: Tensor) -> Tensor:
        """The same of each configuration, (...)."""
        return torch.cat([wrapped(qpos[..., self.periodic]), qpos[..., self.others]], -1).abs().amax(-1)


def slides(joints: list[SceneJoint]) -> list[int]:
    """Indices into qpos of sliding joints."""
    return [joint.qs[0] for joint in joints if joint.slides]
