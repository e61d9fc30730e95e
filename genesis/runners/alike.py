"""Whether two objects compute the same, so that one of them can stand for both."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch


def alike(first: Any, second: Any, free: set[int] | frozenset[int] = frozenset()) -> bool:
    """Same class and same content all the way down; tensors whose `id` is in `free` only need the same shape.

    Parts of a scene are alike if they have the same name: whose scenes may stand for each other has been decided before.
    """
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        if first.shape != second.shape or first.dtype != second.dtype:
            return False
        return (id(first) in free and id(second) in free) or torch.equal(first, second)
    if isinstance(first, torch.nn.Module):
        theirs = list(second.parameters())
        return repr(first) == repr(second) and all(alike(a, b, free) for a, b in zip(first.parameters(), theirs, strict=True))
    if isinstance(first, (str, bytes, int, float, bool, slice, range)):
        return bool(first == second)
    if isinstance(first, Mapping):
        return list(first) == list(second) and all(alike(first[key], second[key], free) for key in first)
    if isinstance(first, Sequence):
        return len(first) == len(second) and all(alike(a, b, free) for a, b in zip(first, second, strict=True))
    if type(first).__module__.startswith("genesis.scene"):
        return getattr(first, "name", None) == getattr(second, "name", None)
    if inspect.isroutine(first) or not isinstance(getattr(first, "__dict__", None), dict):
        return False
    return alike(vars(first), vars(second), free)


def partition(items: Sequence[Any], free: Sequence[set[int]] | None = None) -> list[int]:
    """Number of the group of each item: those of one group are alike."""
    firsts: list[int] = []
    groups = []
    for i, item in enumerate(items):
        for group, k in enumerate(firsts):
            if alike(items[k], item, (free[k] | free[i]) if free is not None else frozenset()):
                groups.append(group)
                break
        else:
            groups.append(len(firsts))
            firsts.append(i)
    return groups
