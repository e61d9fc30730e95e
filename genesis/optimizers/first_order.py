"""Optimizers that take one gradient a step: torch.optim, with clipping and a schedule of the learning rate."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError
from genesis.methods.light_start import light
from genesis.methods.schedulers import make_scheduler
from genesis.optimizers.optimizer import After, Evaluate, Group, all_leaves

# A step that ends where every environment diverges is taken again this much shorter, one that has lost some is followed by such a one; later
# ones grow back. None is shorter than LEAST of what the optimizer asks for.
SHORTER, LONGER, RETRIES, LEAST = 0.25, 1.5, 8, 1e-3


class FirstOrder:
    """One of torch.optim's classes.

    Steps are scaled by `factor`, which is 1 until something diverges. Where all diverges, the leaves go back towards the last good ones and try
    again, at most `RETRIES` times; where some environments do, the gradient of the others counts, and the step is shorter only after one that
    has lost an environment: one that diverges wherever the leaves are, as from a bad start, must not stop the others.

    Args:
        kind: the class.
        options: its keyword arguments, and clip_norm, clip_value.
        schedule: kind and keyword arguments of the schedule; iterations: length of the run.
    """

    revisits, masks = False, True

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
        self.factor = 1.0
        self.lost: set[int] | None = None  # environments that were left out at the last good leaves; None: there are none yet

    def minimise(self, evaluate: Evaluate, after: After) -> str:
        leaves = all_leaves(self.groups)
        good: list[Tensor] = []
        while True:
            objective = self._evaluate(evaluate, leaves, good)
            lost = set(after() or ())
            good = [leaf.detach().clone() for leaf in leaves]
            grew = self.lost is not None and not lost <= self.lost
            self.factor = max(LEAST, self.factor * SHORTER) if grew else min(1.0, self.factor * LONGER)
            self.lost = lost
            if self.clip_value is not None:
                torch.nn.utils.clip_grad_value_(leaves, self.clip_value)
            if self.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(leaves, self.clip_norm)
            self.torch.step()
            if self.factor < 1.0:
                _shorten(leaves, good, self.factor)
            if self.scheduler is not None:
                self.scheduler(None if lost else objective)
            for group in self.groups:
                group.project()

    def _evaluate(self, evaluate: Evaluate, leaves: list[Tensor], good: list[Tensor]) -> float:
        """The objective here, or nearer to the good leaves. Raises: DivergenceError if it has no value there either, or none are known."""
        for _ in range(RETRIES if good else 0):
            try:
                return evaluate()
            except DivergenceError:
                self.factor = max(LEAST, self.factor * SHORTER)
                _shorten(leaves, good, SHORTER)
        return evaluate()

    def learning_rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.torch.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {
            "factor": self.factor,
            "lost": None if self.lost is None else sorted(self.lost),
            "optimizer": self.torch.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.torch.load_state_dict(state["optimizer"])
        self.factor, lost = state.get("factor", 1.0), state.get("lost")
        self.lost = None if lost is None else set(lost)
        # torch casts what it loads to the leaves' type, which changes the last bits of NAdam's running product: put the originals back.
        for index, leaf in enumerate(all_leaves(self.groups)):
            for name, value in state["optimizer"]["state"].get(index, {}).items():
                if isinstance(value, torch.Tensor):
                    self.torch.state[leaf][name] = value.clone()
        if self.scheduler is not None and state["scheduler"] is not None:
            self.scheduler.load_state_dict(state["scheduler"])


def _shorten(leaves: list[Tensor], good: list[Tensor], factor: float) -> None:
    """Put the leaves where this part of the step from the good ones ends."""
    with torch.no_grad():
        for leaf, start in zip(leaves, good, strict=True):
            leaf.copy_(start + factor * (leaf - start))
