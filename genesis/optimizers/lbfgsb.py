"""L-BFGS-B of SciPy: quasi-Newton steps within bounds."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError
from genesis.optimizers.optimizer import After, Evaluate, Group, all_leaves


class LBFGSB:
    """Bounds of parameters with `transform: clamp` are kept by the algorithm itself.

    SciPy keeps its memory to itself, so the state is the list of all evaluations: going on from a checkpoint replays them,
    which costs no simulation and ends in the same bits.
    """

    revisits, masks = True, False

    def __init__(
        self,
        groups: list[Group],
        *,
        history_size: int = 20,
        max_eval: int = 20,
        tolerance_grad: float = 0.0,
        tolerance_change: float = 0.0,
    ) -> None:
        own = [group.name for group in groups if group.lr is not None]
        if own:
            raise InputError(
                f"parameter.{own[0]}.lr: lbfgsb finds one step for all groups; leave lr out, or use a first-order optimizer."
            )
        self.groups = groups
        self.options = {
            "maxcor": history_size, "maxls": max_eval, "gtol": tolerance_grad, "ftol": tolerance_change,
            "maxiter": 10**9, "maxfun": 10**9,
        }  # fmt: skip
        self.points: list[np.ndarray] = []
        self.values: list[float] = []
        self.gradients: list[np.ndarray] = []
        self.iteration = 0
        self.diverged = 0  # trial points of the present line search that diverged

    def minimise(self, evaluate: Evaluate, after: After) -> str:
        from scipy.optimize import Bounds, minimize

        leaves = all_leaves(self.groups)
        recorded, replay_until = len(self.points), self.iteration
        start = self.points[0] if recorded else flatten(leaves)
        calls, iteration = 0, 0

        def fun(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal calls
            calls += 1
            if calls <= recorded and np.array_equal(x, self.points[calls - 1]):
                return self.values[calls - 1], self.gradients[calls - 1]
            unflatten(x, leaves)
            try:
                value = evaluate()
                gradient = flatten([zero_if_none(leaf) for leaf in leaves])
            except DivergenceError as error:
                value, gradient = self._slope_upwards(x, error)
            self.points.append(x.copy())
            self.values.append(value)
            self.gradients.append(gradient)
            return value, gradient

        def callback(x: np.ndarray) -> None:
            nonlocal iteration
            iteration += 1
            if iteration < replay_until:
                return
            self.iteration, self.diverged = iteration, 0
            unflatten(x, leaves)
            evaluate()
            after()

        if replay_until == 0:
            unflatten(start, leaves)
            evaluate()
            after()
        low, high = self._bounds(leaves)
        result = minimize(
            fun, start, jac=True, method="L-BFGS-B", bounds=Bounds(low, high), callback=callback, options=self.options
        )
        return str(result.message).lower()

    def _slope_upwards(self, x: np.ndarray, error: DivergenceError) -> tuple[float, np.ndarray]:
        """Stand-in for a trial point where the simulation diverges: high, and rising away from the best point, so that the
        line search comes back.

        Raises: the error at hand if nothing better is known, or if the whole line search diverges.
        """
        self.diverged += 1
        if not self.values or self.diverged > self.options["maxls"]:
            raise error
        best = int(np.argmin(self.values))
        away = x - self.points[best]
        length = float(np.linalg.norm(away))
        value = 10.0 * max(np.abs(self.values)) + 1.0
        return value, away * ((value - self.values[best]) / max(length, 1e-300) ** 2)

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        arrays = {"points": self.points, "values": self.values, "gradients": self.gradients}
        return {"iteration": self.iteration, **{name: torch.as_tensor(np.array(value)) for name, value in arrays.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.iteration = int(state["iteration"])
        self.points = list(state["points"].numpy())
        self.values = [float(value) for value in state["values"]]
        self.gradients = list(state["gradients"].numpy())

    def _bounds(self, leaves: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Low and high of the flat vector."""
        pairs = [pair for group in self.groups for pair in group.bounds]
        low = [torch.full_like(leaf, -torch.inf) if pair is None else pair[0] for leaf, pair in zip(leaves, pairs, strict=True)]
        high = [torch.full_like(leaf, torch.inf) if pair is None else pair[1] for leaf, pair in zip(leaves, pairs, strict=True)]
        return flatten(low), flatten(high)


def flatten(tensors: list[Tensor]) -> np.ndarray:
    """One float64 vector."""
    vector: np.ndarray = torch.cat([t.detach().reshape(-1).double().cpu() for t in tensors]).numpy()
    return vector


def unflatten(x: np.ndarray, leaves: list[Tensor]) -> None:
    """The vector back into the leaves, in place."""
    offset = 0
    with torch.no_grad():
        for leaf in leaves:
            part = torch.from_numpy(x[offset : offset + leaf.numel()].copy())
            leaf.copy_(part.reshape(leaf.shape).to(leaf))
            offset += leaf.numel()


def zero_if_none(leaf: Tensor) -> Tensor:
    """The leaf's gradient; zero if the objective does not depend on it."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
