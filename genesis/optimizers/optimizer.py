"""What an optimizer is: it moves leaves downhill, asks for evaluations, and reports before every step."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

#: Objective at the present leaves; their gradients are in `.grad` afterwards.
Evaluate = Callable[[], float]
#: Reports an evaluation; returns the environments that are left out of it: its objective is that of the others.
After = Callable[[], Collection[int] | None]


@dataclass
class Group:
    """Leaves of one parameter.

    bounds: low and high of each leaf, where they are kept by projection. lr: own learning rate.
    project: puts the leaves back within their bounds.
    """

    name: str
    leaves: list[Tensor]
    bounds: list[tuple[Tensor, Tensor] | None]
    lr: float | None
    project: Callable[[], None]


class Optimizer(Protocol):
    """Moves the leaves of its groups.

    revisits: it asks again for points that it has evaluated (line searches), so that remembering evaluations pays.
    masks: it can do with the gradient of some environments, where others diverge (a line search cannot: it compares values).
    """

    revisits: bool
    masks: bool

    def minimise(self, evaluate: Evaluate, after: After) -> str:
        """Step until `after` raises or no step helps; returns why it ended.

        `after` is called once an iteration, when the leaves have been evaluated and before they are moved. A trial point that diverges
        (`evaluate` raises DivergenceError) counts as one of infinite value: the step that led there is shortened.
        """
        ...

    def learning_rates(self) -> list[float]:
        """Present learning rate of each group (empty: the optimizer has none)."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit by bit."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def all_leaves(groups: list[Group]) -> list[Tensor]:
    """The leaves of every group, in order."""
    return [leaf for group in groups for leaf in group.leaves]
