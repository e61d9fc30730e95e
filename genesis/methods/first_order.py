"""Methods that take one gradient a step: torch.optim, with clipping and a schedule of the learning rate."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.methods.light_start import light
from genesis.methods.method import Ending, Group, Needs, Objective, all_leaves, learned, no_value
from genesis.methods.schedulers import Schedule, make_scheduler

# A step that ends where every environment diverges is taken again this much shorter, one that has lost some is followed by such a one; later
# ones grow back. None is shorter than LEAST of what the method asks for.
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

    needs: Needs = "gradient"
    revisits, masks = False, True

    objective: Objective
    groups: list[Group]
    leaves: list[Tensor]
    optimizer: torch.optim.Optimizer
    measured: list[tuple[Tensor, Tensor, Tensor]]  # leaf, the same in units of its size, which torch moves, and the size
    scheduler: Schedule | None

    def __init__(
        self, kind: type[torch.optim.Optimizer], options: dict[str, Any], schedule: dict[str, Any], iterations: int
    ) -> None:
        self.torch_class, self.schedule, self.iterations = kind, schedule, iterations
        self.kind = kind.__name__.lower()
        self.options: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
        }
        self.clip_norm: float | None = self.options.pop("clip_norm", None)
        self.clip_value: float | None = self.options.pop("clip_value", None)

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Raises: InputError for options that torch refuses."""
        self.objective, self.groups = objective, learned(objective)
        self.leaves = all_leaves(self.groups)
        sets, self.measured = [], []
        for group in self.groups:
            moved = group.leaves
            if group.size is not None:
                moved = [torch.zeros_like(leaf, requires_grad=True) for leaf in moved]
                self.measured += zip(group.leaves, moved, group.size, strict=True)
            sets.append({"params": moved, **({} if group.lr is None else {"lr": group.lr})})
        try:
            self.optimizer = light(self.torch_class)(sets, **self.options)  # type: ignore[arg-type]  # cache wants what hashes
        except ValueError as error:
            raise InputError(f"optimizer: {error}.") from error
        self.scheduler = make_scheduler(self.schedule, self.optimizer, self.iterations)
        self.factor = 1.0
        self.lost: set[int] | None = None  # environments that were left out at the last good leaves; None: there are none yet
        self.good: list[Tensor] = []  # the last leaves with a value; empty: none are known
        self.value = float("inf")

    def look(self) -> Ending | None:
        """The objective here, or nearer to the good leaves."""
        for _ in range(RETRIES if self.good else 0):
            self.value = self.objective.evaluate()
            if self.value < float("inf"):
                return None
            self.factor = max(LEAST, self.factor * SHORTER)
            _shorten(self.leaves, self.good, SHORTER)
        self.value = self.objective.evaluate()
        return None if self.value < float("inf") else no_value(self.objective)

    def step(self) -> Ending | None:
        """Clip, step, keep within bounds."""
        lost = set(self.objective.diverged)
        self.good = [leaf.detach().clone() for leaf in self.leaves]
        grew = self.lost is not None and not lost <= self.lost
        self.factor = max(LEAST, self.factor * SHORTER) if grew else min(1.0, self.factor * LONGER)
        self.lost = lost
        self._move()
        if self.factor < 1.0:
            _shorten(self.leaves, self.good, self.factor)
        if self.scheduler is not None:
            self.scheduler(None if lost or not self.objective.exact else self.value)
        for group in self.groups:
            group.project()
        return None

    def _move(self) -> None:
        """Clip and step, numbers with a size in units of it."""
        with torch.no_grad():
            for leaf, unit, size in self.measured:
                unit.copy_(leaf / size)
                unit.grad = None if leaf.grad is None else leaf.grad * size
        moved = self._moved()
        if self.clip_value is not None:
            torch.nn.utils.clip_grad_value_(moved, self.clip_value)
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(moved, self.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            for leaf, unit, size in self.measured:
                leaf.copy_(unit * size)

    def _moved(self) -> list[Tensor]:
        """What torch moves: the leaves, or their stand-ins in units of their size."""
        return [leaf for group in self.optimizer.param_groups for leaf in group["params"]]

    def told(self) -> dict[str, float]:
        """Nothing beside the rates."""
        return {}

    def learning_rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {
            "factor": self.factor,
            "lost": None if self.lost is None else sorted(self.lost),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.factor, lost = state["factor"], state["lost"]
        self.lost = None if lost is None else set(lost)
        # torch casts what it loads to the leaves' type, which changes the last bits of NAdam's running product: put the originals back.
        for index, leaf in enumerate(self._moved()):
            for name, value in state["optimizer"]["state"].get(index, {}).items():
                if isinstance(value, torch.Tensor):
                    self.optimizer.state[leaf][name] = value.clone()
        if self.scheduler is not None and state["scheduler"] is not None:
            self.scheduler.load_state_dict(state["scheduler"])


def _shorten(leaves: list[Tensor], good: list[Tensor], factor: float) -> None:
    """Put the leaves where this part of the step from the good ones ends."""
    with torch.no_grad():
        for leaf, start in zip(leaves, good, strict=True):
            leaf.copy_(start + factor * (leaf - start))
