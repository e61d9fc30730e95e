"""What a parameter is, and what it changes of a rollout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import torch
from torch import Tensor


def _nothing() -> Tensor:
    return torch.empty(0)


@dataclass
class Inputs:
    """What one rollout takes; made anew for every evaluation and filled in by the parameters, each in turn.

    qpos ([B,]nq), qvel ([B,]nv): start. controls (T,[B,]nv): open loop. Empty where recordings bring them.
    described, physical: core name -> value; the former of the model, the latter what parameters have put in its place.
    policies: functions from (qpos, qvel) ([B,]n) to controls ([B,]nv), added up.
    sensors: (channel, "gain" | "bias" | "delay" | "clock_scale" | "clock_offset") -> value, (width,) or a number for those of time.
    recorded: (input, the same or "lag") -> likewise, of recorded inputs; a lag is a time constant [s].
    watched: the controls that acted, kept so that their gradients can be read: one tensor, or one for each step.
    taken: the parameters that have been put in so far, by name.
    """

    qpos: Tensor = field(default_factory=_nothing)
    qvel: Tensor = field(default_factory=_nothing)
    controls: Tensor = field(default_factory=_nothing)
    described: Mapping[str, Tensor] = field(default_factory=dict)
    physical: dict[str, Tensor] = field(default_factory=dict)
    policies: list[Callable[[Tensor, Tensor], Tensor]] = field(default_factory=list)
    sensors: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    recorded: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    watched: list[Tensor] = field(default_factory=list)
    taken: dict[str, "Parameter"] = field(default_factory=dict)

    def take(self, name: str, parameter: "Parameter") -> None:
        """Let a parameter put its value in; those that are tied to it find it under its name."""
        parameter.apply(self)
        self.taken[name] = parameter

    def value(self, name: str) -> Tensor:
        """A physical parameter as it stands: what an earlier parameter has left, else the described value."""
        return self.physical[name] if name in self.physical else self.described[name]

    def gradient_by_step(self) -> Tensor | None:
        """Norm of the objective's gradient with respect to the controls of each step (T,), after a backward pass."""
        if not self.watched or any(control.grad is None for control in self.watched):
            return None
        gradients = [control.grad for control in self.watched if control.grad is not None]
        series = gradients[0] if len(gradients) == 1 and gradients[0].ndim == self.controls.ndim else torch.stack(gradients)
        return series.flatten(1).norm(dim=1)


@dataclass(frozen=True)
class Changes:
    """What a parameter changes.

    physical: core names; scales: those of them that it multiplies, where others put a value in their place. controls: degrees of freedom
    (indices into qvel) whose controls it makes. start: the state at the start.
    sensors: channels, inputs: recorded inputs of whose numbers it changes a property.
    """

    physical: tuple[str, ...] = ()
    controls: tuple[int, ...] = ()
    start: bool = False
    sensors: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()


class Parameter(Protocol):
    """One group of what is learned: free numbers (leaves), the value that they stand for, and what it changes.

    learn: it may be changed; lr: its own learning rate or None.
    """

    learn: bool
    lr: float | None

    @property
    def changes(self) -> Changes:
        """What `apply` changes."""
        ...

    def leaves(self) -> list[Tensor]:
        """The free numbers, which an optimizer changes in place."""
        ...

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        """Low and high for each leaf where bounds are kept by projection, else None."""
        ...

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        """The same parameter at other free numbers, in the order of `leaves`, which keep their graph."""
        ...

    def apply(self, inputs: Inputs) -> None:
        """Put the present value into the inputs of a rollout."""
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

    def prior_residuals(self) -> Tensor | None:
        """(m,) how many standard deviations the value is from what is known beforehand; None where nothing is."""
        ...
