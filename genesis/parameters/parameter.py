"""What a parameter is, and what it changes of a rollout."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


@dataclass
class Inputs:
    """What one rollout takes; made anew for every evaluation and filled in by the parameters.

    qpos ([B,]nq), qvel ([B,]nv): start. controls (T,[B,]nv): open loop. physical: core name -> value.
    policies: functions from (qpos, qvel) ([B,]n) to controls ([B,]nv), added up.
    watched: the controls that acted, kept so that their gradients can be read: one tensor, or one for each step.
    """

    qpos: Tensor
    qvel: Tensor
    controls: Tensor
    physical: dict[str, Tensor] = field(default_factory=dict)
    policies: list[Callable[[Tensor, Tensor], Tensor]] = field(default_factory=list)
    watched: list[Tensor] = field(default_factory=list)

    def gradient_by_step(self) -> Tensor | None:
        """Norm of the objective's gradient with respect to the controls of each step (T,), after a backward pass."""
        if not self.watched or any(control.grad is None for control in self.watched):
            return None
        gradients = [control.grad for control in self.watched if control.grad is not None]
        series = gradients[0] if len(gradients) == 1 and gradients[0].ndim == self.controls.ndim else torch.stack(gradients)
        return series.flatten(1).norm(dim=1)


class Parameter(Protocol):
    """One group of what is optimised.

    learn: the optimizer may change it; lr: its own learning rate or None.
    """

    learn: bool
    lr: float | None

    def leaves(self) -> list[Tensor]:
        """The free numbers that the optimizer changes, in place."""
        ...

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        """Low and high for each leaf where bounds are kept by projection, else None."""
        ...

    def with_leaves(self, leaves: list[Tensor]) -> "Parameter":
        """The same parameter at other free numbers, in the order of `leaves`, which keep their graph."""
        ...

    def apply(self, inputs: Inputs) -> None:
        """Put the present value into the inputs of a rollout."""
        ...

    def controlled(self) -> list[int]:
        """Degrees of freedom (indices into qvel) whose controls it makes; empty for all but controls and policies."""
        ...

    def project(self) -> None:
        """Put the leaves back within their bounds after a step."""
        ...

    def value(self) -> Tensor:
        """The present value in its own units."""
        ...

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        """Low and high of the value, if bounded."""
        ...

    def labels(self) -> list[str]:
        """A name for each entry of a short value; empty if there are too many to name."""
        ...

    def set_value(self, value: Tensor) -> None:
        """Choose the leaves so that `value()` is this (as nearly as the bounds allow)."""
        ...
