"""Targets that a task's recorded trajectory gives."""

from typing import Any

from torch import Tensor

from genesis.errors import InputError


def reference(where: str, recorded: Any, field: str) -> Tensor:
    """The task's recorded trajectory: qpos or qvel (T+1,[B,]n)."""
    if recorded is None:
        raise InputError(f'{where}: target is "reference", but this task has no recorded trajectory; tasks with one: fit.')
    value: Tensor = getattr(recorded, field)
    return value
