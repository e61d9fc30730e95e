"""L-BFGS of torch with the strong Wolfe line search."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError
from genesis.optimizers.optimizer import After, Evaluate, Group, all_leaves

# A line search that meets a diverging simulation starts again with a step this much shorter, at most so often.
SHORTER, RETRIES = 0.1, 6


class LBFGS:
    """One iteration is one line search along the quasi-Newton direction."""

    revisits, masks = True, False

    def __init__(
        self,
        groups: list[Group],
        *,
        lr: float = 1.0,
        history_size: int = 20,
        max_eval: int = 25,
        tolerance_grad: float = 1e-12,
        tolerance_change: float = 1e-16,
    ) -> None:
        own = [group.name for group in groups if group.lr is not None]
        if own:
            raise InputError(
                f"parameter.{own[0]}.lr: lbfgs finds one step for all groups; leave lr out, or use a first-order optimizer."
            )
        bounded = [group.name for group in groups if any(pair is not None for pair in group.bounds)]
        if bounded:
            raise InputError(
                f"parameter.{bounded[0]}.transform: clamp stops the line search of lbfgs at the bounds; use smooth, or optimizer=lbfgsb."
            )
        self.groups, self.lr = groups, lr
        self.torch = torch.optim.LBFGS(
            all_leaves(groups),
            lr=lr,
            max_iter=1,
            max_eval=max_eval,
            history_size=history_size,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            line_search_fn="strong_wolfe",
        )

    def minimise(self, evaluate: Evaluate, after: After) -> str:
        leaves = all_leaves(self.groups)

        def closure() -> Tensor:
            return torch.as_tensor(evaluate(), dtype=leaves[0].dtype)

        while True:
            evaluate()
            after()
            before = [leaf.detach().clone() for leaf in leaves]
            self._step(closure, before)
            if self._still(before) and self._forget():
                self._step(closure, before)
            if self._still(before):
                return "no step along the search direction lowers the objective"

    def _still(self, before: list[Tensor]) -> bool:
        """The line search has not moved the leaves."""
        return all(torch.equal(old, leaf) for old, leaf in zip(before, all_leaves(self.groups), strict=True))

    def _forget(self) -> bool:
        """Drop the curvature of earlier steps, so that the next direction is the steepest one; False: there was none."""
        state = self.torch.state[self.torch.param_groups[0]["params"][0]]
        had_memory = bool(state.get("old_dirs"))
        self.torch.state.clear()
        return had_memory

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.torch.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.torch.load_state_dict(state["optimizer"])

    def _step(self, closure: Callable[[], Tensor], before: list[Tensor]) -> None:
        """One line search; where it diverges, again without memory and with a shorter first step."""
        for attempt in range(RETRIES + 1):
            try:
                self.torch.step(closure)
            except DivergenceError:
                if attempt == RETRIES:
                    raise
                with torch.no_grad():
                    for leaf, old in zip(all_leaves(self.groups), before, strict=True):
                        leaf.copy_(old)
                self.torch.state.clear()
                self.torch.param_groups[0]["lr"] *= SHORTER
            else:
                self.torch.param_groups[0]["lr"] = self.lr
                return
