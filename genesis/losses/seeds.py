"""Derivatives of residuals to the states, controls and parameters that they see."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.losses.term import Squares


@dataclass(frozen=True)
class Seeds:
    """Of residuals (S, B, m) that see J steps (`TimeRows.seen`): state (J, S, B, m, nx), controls (J, S, B, m, nv) of the j-th of them, and
    parameters (S, B, m, F), in which these may not be told apart; None where there is no dependence."""

    state: Tensor | None
    controls: Tensor | None
    parameters: Tensor | None


def seeds(part: Squares, leaves: Sequence[Tensor], columns: Tensor) -> Seeds:
    """One reverse pass for each of the m numbers of a row and each of the steps it reaches over: rows that are so far apart see nothing in
    common, so that the gradient of their sum holds the gradient of each. One pass for all m numbers where each sees a column of its own
    (`sees`).

    Args:
        part: residuals with their graph. leaves: x (T+1, B, nx), controls (T, B, nv), and, or not, theta (T+1, B, P).
        columns: (F,) entries of theta that derivatives are wanted to.
    """
    many = part.reach + 1
    values = part.values if part.values.ndim == 3 else part.values.unsqueeze(1)
    found: list[Tensor | None] = [None, None, None]
    if part.one_sided and not bool(values.any()):
        return Seeds(*found)
    if part.to_state is not None and len(leaves) == 2:
        return Seeds(part.to_state().unsqueeze(0), None, None)
    if not values.requires_grad:
        return Seeds(*found)
    if part.sees is not None:
        return _column_seeds(part, values, leaves)
    count, batch, size = values.shape[0], leaves[0].shape[1], values.shape[2]
    if part.claimed_by:
        _expect_own_steps(part, values, leaves[0])
    for k in range(size):
        for c in range(min(many, count)):
            bars = torch.autograd.grad(values[c::many, :, k].sum(), leaves, retain_graph=True, allow_unused=True)
            for i, bar in enumerate(bars):
                if bar is None:
                    continue
                bar = bar if i < 2 else bar.index_select(-1, columns)
                table = found[i]
                if table is None:
                    table = found[i] = bar.new_zeros(len(part.seen), count, batch, size, bar.shape[-1])
                for j, step in enumerate(part.seen):
                    taken = bar[part.first + c + step :: many][
                        : len(range(c, count, many))
                    ]  # there is no control at the last state
                    table[j, c::many, :, k][: len(taken)] = taken
    parameters = found[2]
    return Seeds(found[0], found[1], None if parameters is None else parameters.sum(0))


def _expect_own_steps(part: Squares, values: Tensor, x: Tensor) -> None:
    """Raises: InputError where a row depends on states of other steps than it is said to: rows are taken that leave steps out."""
    many = part.reach + 1
    rows = torch.arange(0, values.shape[0], 2 * many, device=x.device)
    (bar,) = torch.autograd.grad(values[rows].sum(), [x], retain_graph=True, allow_unused=True)
    own = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for j in range(many):
        own[(part.first + rows + j).clamp(max=len(x) - 1)] = True
    if bar is not None and bool(bar[~own].any()):
        step = int(bar[~own].flatten(1).abs().amax(1).argmax())
        other = int((~own).nonzero()[step])
        raise InputError(
            f"{part.claimed_by}: a row of numbers depends on the state of step {other}, which is not its own; set reach to the steps that "
            "follow its own and that it depends on, or return numbers of the whole motion (one axis)."
        )


def _column_seeds(part: Squares, values: Tensor, leaves: Sequence[Tensor]) -> Seeds:
    """The same of residuals whose numbers each see a column of their own."""
    assert part.sees is not None
    series, own = part.sees
    leaf = leaves[1] if series == "controls" else leaves[0]
    first = leaves[0].shape[-1] - leaves[1].shape[-1] if series == "qvel" else 0
    places, numbers = _places(tuple(own), first, leaf.device)
    many, count = part.reach + 1, values.shape[0]
    table = leaf.new_zeros(len(part.seen), count, leaf.shape[1], len(own), leaf.shape[-1])
    for c in range(min(many, count)):
        rows = values if many == 1 else values[c::many]
        (bar,) = torch.autograd.grad(rows, [leaf], torch.ones_like(rows), retain_graph=True)
        seen = bar.index_select(-1, places)
        for j, step in enumerate(part.seen):
            table[j, c::many][..., numbers, places] = seen[part.first + c + step :: many][: len(range(c, count, many))]
    return Seeds(None, table, None) if series == "controls" else Seeds(table, None, None)


@lru_cache(maxsize=64)
def _places(columns: tuple[int, ...], first: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Columns shifted by the first, and their numbers."""
    return torch.tensor(columns, device=device) + first, torch.arange(len(columns), device=device)
