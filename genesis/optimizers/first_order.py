"""Optimizers that take one gradient a step: torch.optim, with clipping and a schedule of the learning rate."""

from collections.abc import Callable
from typing import Any

import torch

from genesis.errors import InputError
from genesis.optimizers.light_start import light
from genesis.optimizers.optimizer import Evaluate, Group, all_leaves
from genesis.optimizers.schedulers import make_scheduler


class FirstOrder:
    """One of torch.optim's classes.

    Args:
        kind: the class.
        options: its keyword arguments, and clip_norm, clip_value.
        schedule: kind and keyword arguments of the schedule; iterations: length of the run.
    """

    revisits = False

    def __init__(
        self,
        kind: type[torch.optim.Optimizer],
        groups: list[Group],
        options: dict[str, Any],
        schedule: dict[str, Any],
        iterations: int,
    ) -> None:
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
        self.clip_norm, self.clip_value = options.pop("clip_norm", None), options.pop("clip_value", None)
        self.groups = groups
        sets = [{"params": g.leaves, **({} if g.lr is None else {"lr": g.lr})} for g in groups]
        try:
            self.torch: torch.optim.Optimizer = light(kind)(sets, **options)  # type: ignore[arg-type]  # cache wants what hashes
        except ValueError as error:
            raise InputError(f"optimizer: {error}.") from error
        self.scheduler = make_scheduler(schedule, self.torch, iterations)

    def minimise(self, evaluate: Evaluate, after: Callable[[], None]) -> str:
        leaves = all_leaves(self.groups)
        while True:
            objective = evaluate()
            after()
            if self.clip_value is not None:
                torch.nn.utils.clip_grad_value_(leaves, self.clip_value)
            if self.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(leaves, self.clip_norm)
            self.torch.step()
            if self.scheduler is not None:
                self.scheduler(objective)
            for group in self.groups:
                group.project()

    def learning_rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.torch.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {
            "optimizer": self.torch.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.torch.load_state_dict(state["optimizer"])
        # torch casts what it loads to the leaves' type, which changes the last bits of NAdam's running product: put the originals back.
        for index, leaf in enumerate(all_leaves(self.groups)):
            for name, value in state["optimizer"]["state"].get(index, {}).items():
                if isinstance(value, torch.Tensor):
                    self.torch.state[leaf][name] = value.clone()
        if self.scheduler is not None and state["scheduler"] is not None:
            self.scheduler.load_state_dict(state["scheduler"])
