"""L-BFGS of torch with the strong Wolfe line search."""

from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.methods.method import Ending, Group, Needs, Objective, all_leaves, learned, no_value, refuse_rates

# A line search that meets a point without a value starts again with a step this much shorter, at most so often.
SHORTER, RETRIES = 0.1, 6
STUCK = "no step along the search direction lowers the objective"


class LBFGS:
    """One iteration is one line search along the quasi-Newton direction.

    Args:
        lr: first trial step of the line search. history_size: pairs kept. max_eval: evaluations of one line search, at most.
        tolerance_grad: of the largest entry of the gradient, tolerance_change: of the step.
    """

    kind = "lbfgs"
    needs: Needs = "gradient"
    revisits, masks = True, False

    objective: Objective
    groups: list[Group]
    leaves: list[Tensor]
    optimizer: torch.optim.LBFGS

    def __init__(
        self,
        *,
        lr: float = 1.0,
        history_size: int = 20,
        max_eval: int = 25,
        tolerance_grad: float = 1e-12,
        tolerance_change: float = 1e-16,
    ) -> None:
        self.lr, self.tolerance_grad = lr, tolerance_grad
        self.options: dict[str, Any] = {
            "max_eval": max_eval, "history_size": history_size, "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
        }  # fmt: skip

    def init(self, objective: Objective) -> None:
        """See `Method.init`. Raises: InputError for own rates and for bounds."""
        self.objective, self.groups = objective, learned(objective)
        refuse_rates(self.groups, "lbfgs")
        bounded = [group.name for group in self.groups if any(pair is not None for pair in group.bounds)]
        if bounded:
            raise InputError(
                f"parameter.{bounded[0]}.transform: clamp stops the line search of lbfgs at the bounds; use smooth, or optimizer=lbfgsb."
            )
        self.leaves = all_leaves(self.groups)
        self.optimizer = torch.optim.LBFGS(self.leaves, lr=self.lr, max_iter=1, line_search_fn="strong_wolfe", **self.options)

    def look(self) -> Ending | None:
        """The objective and its gradient here."""
        return None if self.objective.evaluate() < float("inf") else no_value(self.objective)

    def step(self) -> Ending | None:
        """One line search; if it does not move, another one without memory."""
        before = [leaf.detach().clone() for leaf in self.leaves]
        ending = self._search(before)
        if ending is None and self._still(before) and self._forget():
            ending = self._search(before)
        if ending is None and self._still(before):
            return self._stuck()
        return ending

    def _stuck(self) -> Ending:
        """Where the line search has no step left."""
        slopes = [float(leaf.grad.abs().max()) for leaf in self.leaves if leaf.grad is not None and leaf.numel()]
        vanishes = max(slopes, default=0.0) <= self.tolerance_grad
        return Ending(True, "the gradient vanishes") if vanishes else Ending(False, STUCK)

    def _still(self, before: list[Tensor]) -> bool:
        """The line search has not moved the leaves."""
        return all(torch.equal(old, leaf) for old, leaf in zip(before, self.leaves, strict=True))

    def _forget(self) -> bool:
        """Drop the curvature of earlier steps, so that the next direction is the steepest one; False: there was none."""
        state = self.optimizer.state[self.optimizer.param_groups[0]["params"][0]]
        had_memory = bool(state.get("old_dirs"))
        self.optimizer.state.clear()
        return had_memory

    def _search(self, before: list[Tensor]) -> Ending | None:
        """One line search; where it meets a point without a value, again without memory and with a shorter first step."""
        rates = self.optimizer.param_groups[0]
        failure: Ending | None = None
        for _ in range(RETRIES + 1):
            try:
                self.optimizer.step(self._closure)
            except _NoValue:
                failure = no_value(self.objective)
                with torch.no_grad():
                    for leaf, old in zip(self.leaves, before, strict=True):
                        leaf.copy_(old)
                self.optimizer.state.clear()
                rates["lr"] *= SHORTER
            else:
                rates["lr"] = self.lr
                return None
        return failure

    def _closure(self) -> Tensor:
        value = self.objective.evaluate()
        if not value < float("inf"):
            raise _NoValue
        return torch.as_tensor(value, dtype=self.leaves[0].dtype)

    def told(self) -> dict[str, float]:
        """Nothing: the line search keeps its step to itself."""
        return {}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])


class _NoValue(Exception):
    """Leaves torch's line search, which compares values, where there is none."""
