"""Schedules of the learning rate, from torch.optim.lr_scheduler."""

from typing import Any

import torch
from torch.optim import lr_scheduler

from genesis.errors import InputError, unknown_name


class Schedule:
    """One of torch's schedulers; called after every step with the objective, None where that is of some environments or of a mini-batch."""

    def __init__(self, scheduler: Any, length: int | None = None) -> None:
        self.scheduler, self.length, self.steps = scheduler, length, 0

    def __call__(self, objective: float | None) -> None:
        self.steps += 1
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            if objective is not None:
                self.scheduler.step(objective)
        elif self.length is None or self.steps < self.length:  # past its end a cycle stays at its last rate
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        self.scheduler.load_state_dict(state["scheduler"])


SCHEDULERS: dict[str, Any] = {
    "constant": None,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "step": lr_scheduler.StepLR,
    "exponential": lr_scheduler.ExponentialLR,
    "plateau": lr_scheduler.ReduceLROnPlateau,
    "one_cycle": lr_scheduler.OneCycleLR,
}


def make_scheduler(schedule: dict[str, Any], optimizer: torch.optim.Optimizer, iterations: int) -> Schedule | None:
    """The schedule for a torch optimizer; None: the rate stays.

    Args:
        schedule: kind and keyword arguments; `iterations` None means the whole run.
        iterations: length of the run.
    """
    options = dict(schedule)
    kind = options.pop("kind")
    if kind not in SCHEDULERS:
        raise unknown_name("scheduler", "kind", kind, SCHEDULERS)
    if kind == "constant":
        return None
    length = None
    if "iterations" in options:
        length = options.pop("iterations") or iterations
        options["T_max" if kind == "cosine" else "total_steps"] = max(length, 2)
    try:
        return Schedule(SCHEDULERS[kind](optimizer, **options), length)
    except (ValueError, TypeError) as error:
        raise InputError(f"scheduler: {error}.") from error
