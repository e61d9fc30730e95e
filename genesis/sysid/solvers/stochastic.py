"""Adam on random windows, for long logs: each step simulates a few windows, forward and adjoint once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genesis.errors import ContactOverflowError, DivergenceError
from genesis.sysid.linearization import Point
from genesis.sysid.measure import measure
from genesis.sysid.robust import LOSSES
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
        """See `Solver.run`."""
        low, high = squares.bounds()
        scale = 0.1 * widths(start.z, low, high)
        z = torch.tensor(start.z / scale, requires_grad=True)
        starts = None if start.starts is None else torch.tensor(start.starts, requires_grad=True)
        leaves = [z] if starts is None else [z, starts]
        optimizer = torch.optim.Adam(leaves, lr=10.0 * self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(self.iterations, 1), 0.1 * self.learning_rate)
        known = state or {}
        generator = np.random.default_rng(self.seed)
        if known:
            with torch.no_grad():
                for leaf, value in zip(leaves, known["leaves"], strict=True):
                    leaf.copy_(value)
            optimizer.load_state_dict(known["optimizer"])
            schedule.load_state_dict(known["schedule"])
            generator.bit_generator.state = known["random"]
        best, lowest = start, float("inf")
        for iteration in range(known.get("iteration", 0), self.iterations + 1):
            if iteration % self.every == 0 or iteration == self.iterations:
                point = Point(
                    np.clip(z.detach().numpy() * scale, low, high), None if starts is None else starts.detach().numpy().copy()
                )
                value = squares.cost(point)
                if value < lowest:
                    best, lowest = point, value
                memory = {
                    "iteration": iteration, "leaves": [leaf.detach().clone() for leaf in leaves], "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(), "random": generator.bit_generator.state, "point": best,
                }  # fmt: skip
                norm = float("nan") if z.grad is None else float(z.grad.norm())
                after(Report(iteration, value, point, optimizer.param_groups[0]["lr"], float("nan"), norm), memory)
            if iteration == self.iterations:
                break
            optimizer.zero_grad()
            try:
                mini_batch_loss(squares, z * torch.as_tensor(scale), starts, self.windows, generator).backward()
            except (DivergenceError, ContactOverflowError):  # these windows cannot be simulated here: step less far
                for group in optimizer.param_groups:
                    group["lr"] *= 0.5
                continue
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                z.clamp_(torch.as_tensor(low / scale), torch.as_tensor(high / scale))
        return True, f"the {self.iterations} iterations of the schedule are done"


def mini_batch_loss(squares: LeastSquares, z: torch.Tensor, starts: torch.Tensor | None, size: int, generator) -> torch.Tensor:
    """Robust cost of some windows, scaled to all of them, with its graph."""
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
    return total * (len(problem.windows) / len(part)) + 0.5 * problem.prior_rows(z).square().sum()


def _shares(problem) -> np.ndarray:
    counts = np.array([len(batch) for batch in problem.batches], float)
    return counts / counts.sum()


def robust_sum(r: torch.Tensor, loss: str, scale: float) -> torch.Tensor:
    """½ Σ scale² ρ((r / scale)²), differentiable; the derivative is that of `LOSSES`."""
    s = (r / scale) ** 2
    value, first, _ = LOSSES[loss](s.detach().numpy())
    linear = torch.as_tensor(first) * (s - s.detach())  # zero, with the slope of the loss
    return 0.5 * scale**2 * (torch.as_tensor(value) + linear).sum()
