"""Derivatives of residuals to the states, controls and parameters that they see."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.losses.term import Squares


@dataclass(frozen=True)
class Seeds:
    """Of residuals (S, B, m) that see J = reach + 1 steps: state (J, S, B, m, nx), controls (J, S, B, m, nv) of the j-th of them, and
    parameters (S, B, m, F), in which these may not be told apart; None where there is no dependence."""

    state: Tensor | None
    controls: Tensor | None
    parameters: Tensor | None


def seeds(part: Squares, leaves: Sequence[Tensor], columns: Tensor) -> Seeds:
    """One reverse pass for each of the m numbers of a row and each of the J steps it sees: rows that are J apart see nothing in common, so
    that the gradient of their sum holds the gradient of each.

    Args:
        part: residuals with their graph. leaves: x (T+1, B, nx), controls (T, B, nv), and, or not, theta (T+1, B, P).
        columns: (F,) entries of theta that derivatives are wanted to.
    """
    batch, many = leaves[0].shape[1], part.reach + 1
    values = part.values if part.values.ndim == 3 else part.values.unsqueeze(1)
    count, _, size = values.shape
    found: list[Tensor | None] = [None, None, None]
    if not values.requires_grad:
        return Seeds(*found)
    for k in range(size):
        for c in range(min(many, count)):
            bars = torch.autograd.grad(values[c::many, :, k].sum(), leaves, retain_graph=True, allow_unused=True)
            for i, bar in enumerate(bars):
                if bar is None:
                    continue
                bar = bar if i < 2 else bar.index_select(-1, columns)
                table = found[i]
                if table is None:
                    table = found[i] = bar.new_zeros(many, count, batch, size, bar.shape[-1])
                for j in range(many):
                    taken = bar[part.first + c + j :: many][: len(range(c, count, many))]  # there is no control at the last state
                    table[j, c::many, :, k][: len(taken)] = taken
    parameters = found[2]
    return Seeds(found[0], found[1], None if parameters is None else parameters.sum(0))
