"""Small objectives with known minima, the loop in its shortest form, and checkpoints through a file."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError
from genesis.methods.method import Ending, Group, Method, all_leaves, flatten, point
from genesis.methods.residuals import Normal, ResidualBlock, cost

Bounds = tuple[float, float] | tuple[Sequence[float], Sequence[float]]


class FunctionOf:
    """The value f(*leaves) of float64 leaves, one group each; where it is not finite or f raises a DivergenceError, there is none."""

    def __init__(self, function: Callable[..., Tensor], *starts: Any, bounds: dict[int, Bounds] | None = None) -> None:
        self.function = function
        self.leaves = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in starts]
        self.groups = [self._group(k, leaf, (bounds or {}).get(k)) for k, leaf in enumerate(self.leaves)]
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.exact = True
        self.value = float("inf")  # of the last answer
        self.evaluations = 0

    @staticmethod
    def _group(k: int, leaf: Tensor, bounds: Bounds | None) -> Group:
        if bounds is None:
            return Group(f"x{k}", [leaf], [None], None, lambda: None)
        low, high = (torch.as_tensor(b, dtype=torch.float64).expand(leaf.shape).clone() for b in bounds)

        def project() -> None:
            with torch.no_grad():
                leaf.clamp_(low, high)

        return Group(f"x{k}", [leaf], [(low, high)], None, project)

    def evaluate(self, gradient: bool = True) -> float:
        self.evaluations += 1
        for leaf in self.leaves:
            leaf.grad = None
        try:
            value = self.function(*self.leaves)
            if not bool(torch.isfinite(value)):
                raise DivergenceError(f"f is {float(value.detach())}")
            if gradient:
                value.backward()
            self.failure, self.value = None, float(value.detach())
        except DivergenceError as error:
            self.failure, self.value = error, float("inf")
        return self.value

    def values(self, points: np.ndarray) -> np.ndarray:
        self.evaluations += len(points)
        return np.array([self._value(torch.as_tensor(x)) for x in points])

    def _value(self, x: Tensor) -> float:
        parts = x.split([leaf.numel() for leaf in self.leaves])
        try:
            value = float(self.function(*(part.reshape(leaf.shape) for part, leaf in zip(parts, self.leaves, strict=True))))
        except DivergenceError:
            return float("inf")
        return value if np.isfinite(value) else float("inf")

    def linearize(self) -> Sequence[ResidualBlock] | None:
        raise InputError("optimizer: this objective is no sum of squares.")

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        raise NotImplementedError


class SquaresOf(FunctionOf):
    """Half the sum of squares of r(x), x flat.

    windows (M,), nt: the last numbers of x are start states (W, nt), of which row i depends on that of its window alone.
    """

    def __init__(
        self, residuals: Callable[[Tensor], Tensor], *starts: Any, bounds: dict[int, Bounds] | None = None,
        windows: np.ndarray | None = None, nt: int = 0, loss: str = "linear",
    ) -> None:  # fmt: skip
        self.residuals, self.windows, self.nt, self.loss = residuals, windows, nt, loss
        self.count = 0 if windows is None else int(windows.max()) + 1
        super().__init__(self._half, *starts, bounds=bounds)
        self.n = sum(leaf.numel() for leaf in self.leaves) - self.count * nt

    def _half(self, *leaves: Tensor) -> Tensor:
        r = self.residuals(torch.cat([leaf.reshape(-1) for leaf in leaves]))
        assert self.loss in ("linear", "soft_l1")
        return 0.5 * r.square().sum() if self.loss == "linear" else ((1.0 + r.square()).sqrt() - 1.0).sum()

    def linearize(self) -> list[ResidualBlock] | None:
        self.evaluations += 1
        x = torch.as_tensor(point(self.groups))
        try:
            r = self.residuals(x)
            if not bool(torch.isfinite(r).all()):
                raise DivergenceError("a residual is not finite")
        except DivergenceError as error:
            self.failure, self.value = error, float("inf")
            return None
        jacobian = torch.func.jacrev(self.residuals)(x).numpy()
        block = ResidualBlock("r", r.numpy(), jacobian[:, : self.n], loss=self.loss)
        if self.windows is not None:
            starts = jacobian[:, self.n :].reshape(len(jacobian), self.count, self.nt)
            block.window, block.start = self.windows, starts[np.arange(len(jacobian)), self.windows]
        self.failure, self.value = None, cost([block])
        return [block]

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        return Normal.of(blocks, self.n, self.count, self.nt)


def quadratic(**how: Any) -> FunctionOf:
    """Σ a (x − x*)² + (y + 1)² / 2, x* = (0.5, −0.25, 0.75), with minimum zero."""
    scale = torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)
    goal = torch.tensor([0.5, -0.25, 0.75], dtype=torch.float64)
    return FunctionOf(lambda x, y: (scale * (x - goal) ** 2).sum() + 0.5 * (y + 1.0) ** 2, [0.0, 0.0, 0.0], 0.0, **how)


def rosenbrock(n: int = 2, **how: Any) -> SquaresOf:
    """(10 (x₂ − x₁²), 1 − x₁, …), with minimum zero at ones; starts at (−1.2, 1, −1.2, …)."""

    def residuals(x: Tensor) -> Tensor:
        return torch.cat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])

    return SquaresOf(residuals, [-1.2 if k % 2 == 0 else 1.0 for k in range(n)], **how)


def walled(start: float = 0.9) -> FunctionOf:
    """−log(1 − x) − log(1 + x): no value outside (−1, 1), minimum at 0."""
    return FunctionOf(lambda x: -torch.log(1.0 - x).sum() - torch.log(1.0 + x).sum(), [start])


@dataclass
class Trail:
    """Values and points at every look, and why it ended (None: enough iterations)."""

    values: list[float] = field(default_factory=list)
    points: list[np.ndarray] = field(default_factory=list)
    told: list[dict[str, float]] = field(default_factory=list)
    ending: Ending | None = None


def run(method: Method, objective: Any, iterations: int, *, begun: bool = False) -> Trail:
    """Look and step in turns, until `iterations` steps are done or the method ends."""
    if not begun:
        method.init(objective)
    trail = Trail()
    for k in range(iterations + 1):
        trail.ending = method.look()
        if objective.failure is None:
            trail.values.append(objective.value)
            trail.points.append(flatten(all_leaves(objective.groups)))
            trail.told.append(method.told())
        if trail.ending is not None or k == iterations:
            break
        trail.ending = method.step()
        if trail.ending is not None:
            break
    return trail


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """As a checkpoint gives it back."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    loaded: dict[str, Any] = torch.load(buffer, weights_only=True)
    return loaded
