"""The cost of a path step by step: values, gradients and Gauss-Newton Hessians of the losses of a task in tangents and controls.

    l_t = Σ ½ |r|² over residuals that see step t:    l_x = Σ r_xᵀ r,   l_xx ≈ Σ r_xᵀ r_x,   and likewise l_u, l_ux, l_uu

A residual that sees J steps at once couples them, and a sweep over steps does not: its gradient is exact, and J times the diagonal blocks of
its Hessian stand for it, which bound it from above. Losses that are no sums of squares have an exact gradient and no Hessian.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.grad.tangent import columns_of
from genesis.losses import SumOfSquares
from genesis.losses.seeds import Seeds, seeds
from genesis.losses.term import Squares
from genesis.scene.linear import Probe, probe
from genesis.tasks.task import Task, divergence
from genesis.view import TrajectoryView


@dataclass(frozen=True)
class StageCosts:
    """lx (T+1, n), lxx (T+1, n, n), lu (T, m), luu (T, m, m), lux (T, m, n); n = 2 nv. terms: weighted losses by name."""

    lx: Tensor
    lxx: Tensor
    lu: Tensor
    luu: Tensor
    lux: Tensor
    terms: dict[str, float]
    trajectory: TrajectoryView


def without_squares(task: Task) -> list[str]:
    """Losses that have no Hessian here."""
    return [name for name, (weight, loss) in task.losses.items() if not (isinstance(loss, SumOfSquares) and weight > 0.0)]


def stage_costs(task: Task, trajectory: object, dofs: Sequence[int]) -> StageCosts:
    """Of one environment's trajectory, whose states need not follow from its controls.

    Args:
        dofs: m degrees of freedom whose controls are free.
    Raises: DivergenceError where a loss is not finite.
    """
    at = probe(trajectory, parameters=False)  # type: ignore[arg-type]
    whole, others = set(without_squares(task)), {}
    terms: dict[str, Tensor] = {}
    parts: list[tuple[Squares, float]] = []
    with torch.enable_grad():
        seen = TrajectoryView(at.trajectory)
        for name, (weight, loss) in task.losses.items():
            if name in whole:
                others[name] = weight * loss(seen)
                terms[name] = others[name].detach()
                continue
            assert isinstance(loss, SumOfSquares)
            own = loss.residuals(seen)
            terms[name] = weight * torch.stack([part.total().detach() for part in own]).sum()
            parts += [(part, 2.0 * weight * part.share()) for part in own]
        if not bool(torch.isfinite(torch.stack(list(terms.values()))).all()):
            raise divergence(seen, terms)
        found = [(part, scale, seeds(part, at.leaves(), torch.empty(0, dtype=torch.int64))) for part, scale in parts]
    costs = _Sums(task, at, dofs)
    with torch.no_grad():
        for part, scale, seed in found:
            costs.add_squares(part, scale, seed)
    if others:
        costs.add_gradient(sum(others.values(), start=torch.zeros(())))
    return StageCosts(
        costs.lx, costs.lxx, costs.lu, costs.luu, costs.lux, {name: float(value) for name, value in terms.items()}, seen
    )


class _Sums:
    """The sums, one loss after the other."""

    def __init__(self, task: Task, at: Probe, dofs: Sequence[int]) -> None:
        model = task.setting.scene.rigid_solver.model
        self.at, self.nv, self.nq = at, model.nv, model.nq
        self.dofs = torch.tensor(list(dofs), dtype=torch.int64)
        count, n, m = len(at.x), 2 * model.nv, len(dofs)
        new = at.x.new_zeros
        self.lx, self.lxx = new(count, n), new(count, n, n)
        self.lu, self.luu, self.lux = new(count - 1, m), new(count - 1, m, m), new(count - 1, m, n)
        flat = model.nq == model.nv
        self.columns = None if flat else columns_of(model, at.x[:, 0, : model.nq].detach())  # (T+1, nq, nv)

    def tangents(self, rows: Tensor, steps: slice) -> Tensor:
        """Derivatives (S, m, nx) to states as those to tangents (S, m, n)."""
        if self.columns is None:
            return rows
        return torch.cat([rows[..., : self.nq] @ self.columns[steps], rows[..., self.nq :]], -1)

    def add_squares(self, part: Squares, scale: float, seed: Seeds) -> None:
        values = part.values.detach()
        r = scale * (values if values.ndim == 2 else values[:, 0])  # (S, m)
        many = len(part.seen)
        for j, step in enumerate(part.seen):
            first = part.first + step
            x = None if seed.state is None else self.tangents(seed.state[j][:, 0], slice(first, first + len(r)))
            if x is not None:
                there = slice(first, first + len(x))
                self.lx[there] += (r[:, None] @ x)[:, 0]
                self.lxx[there] += (many * scale) * (x.mT @ x)
            if seed.controls is not None:
                u = seed.controls[j][:, 0].index_select(-1, self.dofs)[: len(self.lu) - first]
                there = slice(first, first + len(u))
                self.lu[there] += (r[: len(u), None] @ u)[:, 0]
                self.luu[there] += (many * scale) * (u.mT @ u)
                if x is not None:
                    self.lux[there] += (many * scale) * (u.mT @ x[: len(u)])

    def add_gradient(self, total: Tensor) -> None:
        x, u = torch.autograd.grad(total, self.at.leaves(), allow_unused=True)
        if x is not None:
            self.lx += self.tangents(x, slice(None))[:, 0]
        if u is not None:
            self.lu += u[:, 0].index_select(-1, self.dofs)
