"""Instants of simulated motion, as channels look at them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

BLOCK = 64  # instants that one launch works on side by side where they share the parameters

Kinematics = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass
class Sample:
    """N instants; each row may belong to another environment.

    physics: `genesis.grad.physics.Physics`; dt: time step [s]. theta: packed parameters, (P,) of all, (N, P) of each, or (B, P) of
    B environments where the instants go through all environments at one time, then at the next.
    qpos (N, nq), qvel (N, nv): state at the instant.
    left, right: (qpos, qvel) at both ends of the time step that holds the instant.
    qacc (N, nv): acceleration at the start of that step; dof_ctrl (N, nv): what the joint controllers get in it.
    act_ctrl (N, nu): controls of the actuators of the file in it, or None where they are off.
    """

    physics: Any
    theta: Tensor
    dt: float
    qpos: Tensor
    qvel: Tensor
    left: tuple[Tensor, Tensor]
    right: tuple[Tensor, Tensor]
    qacc: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None = None

    def __len__(self) -> int:
        return len(self.qpos)

    @cached_property
    def kinematics(self) -> Kinematics:
        """xpos (N, nlink, 3), xquat (N, nlink, 4), xvel (N, nlink, 3), xang (N, nlink, 3) of the links at the instant, world frame."""
        return self._links(self.qpos, self.qvel)

    @cached_property
    def kinematics_left(self) -> Kinematics:
        """The same at the start of the time step."""
        return self._links(*self.left)

    @cached_property
    def kinematics_right(self) -> Kinematics:
        """The same at the end of the time step."""
        return self._links(*self.right)

    @cached_property
    def contact_rows(self) -> Tensor | None:
        """(N, room, WIDTH) of `Physics.contacts` in the time step; None for a model without contacts."""
        driven = (self.dof_ctrl,) if self.act_ctrl is None else (self.dof_ctrl, self.act_ctrl)
        made = self.in_blocks(lambda *x: (self.physics.contacts(self.theta, *x),), *self.left, self.qacc, *driven)
        return made[0]

    def parameter(self, name: str) -> Tensor:
        """One physical parameter, (n) or (N, n)."""
        first, count = self.physics.model.parameter_offsets[name]
        value = self.theta[..., first : first + count]
        return value if value.dim() == 1 or len(value) == len(self) else value.repeat(len(self) // len(value), 1)

    def _links(self, qpos: Tensor, qvel: Tensor) -> Kinematics:
        return self.in_blocks(lambda q, v: self.physics.kinematics(self.theta, q, v), qpos, qvel)

    def in_blocks(self, function: Callable[..., Any], *states: Tensor) -> Any:
        """function over states (N, n), launched as (times, B, n) where there are B environments, else as (blocks, BLOCK, n): the arrays
        that a launch needs are kept for each number of environments, and N is another one in every call.
        """
        count = len(self.qpos)
        if self.theta.dim() == 2:
            if len(self.theta) == count:
                return function(*states)
            made = function(*(x.unflatten(0, (-1, len(self.theta))) for x in states))
            return tuple(None if x is None else x.flatten(0, 1) for x in made)
        width = min(BLOCK, 1 << max(count - 1, 0).bit_length())
        short = -count % width
        made = function(*(torch.cat([x, x[:1].expand(short, -1)]).view(-1, width, x.shape[-1]) for x in states))
        return tuple(None if x is None else x.flatten(0, 1)[:count] for x in made)
