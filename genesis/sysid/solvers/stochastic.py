"""Adam on random windows, for long logs: each step simulates a few windows, forward and adjoint once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.methods.residuals import LOSSES
from genesis.sysid.linearization import FAILURES, Point
from genesis.sysid.measure import measure
from genesis.sysid.problem import Problem
from genesis.sysid.solvers.global_search import widths
from genesis.sysid.solvers.solver import After, LeastSquares, Report


@dataclass
class Adam:
    """windows: of a mini-batch. learning_rate: in units of the bounds, or of the start values where there are none; it falls to a
    hundredth by a cosine. every: iterations between evaluations of the whole cost."""

    iterations: int = 500
    windows: int = 16
    learning_rate: float = 0.01
    every: int = 20
    seed: int = 0

    def run(self, squares: LeastSquares, start: Point, after: After, state: dict[str, Any] | None = None) -> tuple[bool, str]:
        """See `Solver.run`. Raises: InputError where gaps between windows count, since a step sees only some windows."""
        if squares.gap_weight > 0.0:
            raise InputError(
                "solver: adam sees some windows at a time and closes no gaps; set shooting.continuity=0, or use another solver."
            )
        low, high = squares.bounds()
        descent = _Descent(self, squares, start)
        first = descent.restore(state) if state else 0
        lowest, best = float("inf"), start
        for iteration in range(first, self.iterations + 1):
            if iteration % self.every == 0 or iteration == self.iterations:
                point = descent.point(low, high)
                value = squares.cost(point)
                if value < lowest:
                    lowest, best = value, point
                memory = {**descent.memory(), "iteration": iteration, "point": best}
                after(Report(iteration, value, point, descent.rate, float("nan"), descent.norm), memory)
            if iteration == self.iterations:
                break
            descent.step(low, high)
        return True, f"the {self.iterations} iterations of the schedule are done"


class _Descent:
    """The numbers on their way down: z in units of its reasonable size, start states as they are.

    Reports come from `Adam.run` before a step, so that `restore` and the steps after it repeat what an uninterrupted run does.
    """

    def __init__(self, adam: Adam, squares: LeastSquares, start: Point) -> None:
        self.squares, self.windows = squares, adam.windows
        self.scale = torch.as_tensor(0.1 * widths(start.z, *squares.bounds()))
        self.z = (torch.as_tensor(start.z) / self.scale).requires_grad_()
        self.starts = None if start.starts is None else torch.tensor(start.starts, requires_grad=True)
        self.leaves = [self.z] if self.starts is None else [self.z, self.starts]
        self.before = [leaf.detach().clone() for leaf in self.leaves]
        self.optimizer = torch.optim.Adam(self.leaves, lr=10.0 * adam.learning_rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, max(adam.iterations, 1), 0.1 * adam.learning_rate
        )
        self.random = np.random.default_rng(adam.seed)
        self.norm = float("nan")

    @property
    def rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def point(self, low: np.ndarray, high: np.ndarray) -> Point:
        z = np.clip((self.z.detach() * self.scale).numpy(), low, high)
        return Point(z, None if self.starts is None else self.starts.detach().numpy().copy())

    def step(self, low: np.ndarray, high: np.ndarray) -> None:
        """One step on random windows; where these cannot be simulated, back to the point before, and half as far from now on."""
        self.optimizer.zero_grad()
        try:
            mini_batch_loss(self.squares, self.z * self.scale, self.starts, self.windows, self.random).backward()
        except FAILURES:
            self._put(self.before)
            for group in self.optimizer.param_groups:
                group["lr"] *= 0.5
            return
        self.norm = float(self.z.grad.norm()) if self.z.grad is not None else float("nan")
        self.before = [leaf.detach().clone() for leaf in self.leaves]
        self.optimizer.step()
        self.schedule.step()
        with torch.no_grad():
            self.z.clamp_(torch.as_tensor(low) / self.scale, torch.as_tensor(high) / self.scale)

    def memory(self) -> dict[str, Any]:
        return {
            "scale": self.scale, "leaves": [leaf.detach().clone() for leaf in self.leaves], "before": self.before,
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(), "norm": self.norm,
            "random": self.random.bit_generator.state,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> int:
        """From `memory`; returns the iteration."""
        self.scale, self.before, self.norm = state["scale"], state["before"], state["norm"]
        self._put(state["leaves"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.random.bit_generator.state = state["random"]
        return int(state["iteration"])

    def _put(self, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for leaf, value in zip(self.leaves, values, strict=True):
                leaf.copy_(value)


def mini_batch_loss(squares: LeastSquares, z: torch.Tensor, starts: torch.Tensor | None, size: int, generator) -> torch.Tensor:
    """Robust cost of some windows with the priors of their start states, scaled to all windows, and all priors; with its graph."""
    problem = squares.problem
    batch = problem.batches[int(generator.choice(len(problem.batches), p=_shares(problem)))]
    chosen = np.sort(generator.choice(len(batch), min(size, len(batch)), replace=False))
    part = batch.part(chosen.tolist())
    targets = problem.targets(z)
    tangents = None if starts is None else starts[part.windows]
    motion = problem.simulate(part, targets, problem.theta(targets), tangents)
    total = z.new_zeros(())
    for name in problem.judged:
        rows = measure(problem, part, motion, targets, name)
        if rows is not None:
            spec = problem.dataset.specs[name]
            total = total + robust_sum(rows.values, spec.loss, spec.loss_scale)
    if tangents is not None and problem.start is not None:
        total = total + 0.5 * (tangents * problem.start.weights(problem.space.nv)).square().sum()
    return total * (len(problem.windows) / len(part)) + 0.5 * problem.prior_rows(z).square().sum()


def _shares(problem: Problem) -> np.ndarray:
    """How often each batch is drawn: every window equally often."""
    counts = np.array([len(batch) for batch in problem.batches], float)
    return counts / counts.sum()


def robust_sum(r: torch.Tensor, loss: str, scale: float) -> torch.Tensor:
    """½ Σ scale² ρ((r / scale)²), differentiable; the derivative is that of `LOSSES`."""
    s = (r / scale) ** 2
    value, first, _ = LOSSES[loss](s.detach().numpy())
    linear = torch.as_tensor(first) * (s - s.detach())  # zero, with the slope of the loss
    return 0.5 * scale**2 * (torch.as_tensor(value) + linear).sum()
