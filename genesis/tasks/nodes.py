"""States between the segments of a motion as a parameter: free numbers of their own."""

from copy import copy
from typing import Self

import torch
from torch import Tensor

from genesis.grad.tangent import plus
from genesis.model.model import Model
from genesis.parameters.parameter import Changes, Inputs


class Nodes:
    """x_s = base_s ⊕ d_s: leaves d (S-1, 2nv) [rad | m, rad/s | m/s], zero at first.

    Args:
        qpos (S-1, nq), qvel (S-1, nv): the base.
    """

    def __init__(self, model: Model, qpos: Tensor, qvel: Tensor) -> None:
        self.learn, self.changes = True, Changes()
        self.lr: float | None = None
        self.model, self.qpos, self.qvel = model, qpos, qvel
        self.free = torch.zeros(len(qvel), 2 * model.nv, dtype=qvel.dtype, device=qvel.device).requires_grad_()

    def states(self) -> tuple[Tensor, Tensor]:
        """(S-1, nq), (S-1, nv)"""
        nv = self.model.nv
        return plus(self.model, self.qpos, self.free[..., :nv]), self.qvel + self.free[..., nv:]

    def leaves(self) -> list[Tensor]:
        return [self.free]

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [None]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = copy(self)
        (made.free,) = leaves
        return made

    def apply(self, inputs: Inputs) -> None:
        """A rollout from the start does not know them."""

    def project(self) -> None:
        """There are no bounds."""

    def value(self) -> Tensor:
        """(S-1, 2nv)"""
        return self.free

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return None

    def labels(self) -> list[str]:
        return []

    def set_value(self, value: Tensor) -> None:
        with torch.no_grad():
            self.free.copy_(value)

    def prior_residuals(self) -> Tensor | None:
        return None
