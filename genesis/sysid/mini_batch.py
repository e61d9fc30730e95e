"""The cost of a few windows, differentiable: for long logs, where each step simulates some of them forward and adjoint once."""

import numpy as np
import torch

from genesis.methods.residuals import LOSSES
from genesis.sysid.measure import measure
from genesis.sysid.problem import RecordingProblem


def mini_batch_terms(
    problem: RecordingProblem, z: torch.Tensor, starts: torch.Tensor | None, size: int, generator: np.random.Generator
) -> dict[str, torch.Tensor]:
    """Robust costs of the channels in some windows and of the priors of their start states, scaled to all windows, and of all priors.

    z (n,), starts (W, nt) or None. With their graph. Gaps between windows are left out.
    """
    batch = problem.batches[int(generator.choice(len(problem.batches), p=_shares(problem)))]
    chosen = np.sort(generator.choice(len(batch), min(size, len(batch)), replace=False))
    part = batch.part(chosen.tolist())
    targets = problem.targets(z)
    tangents = None if starts is None else starts[part.windows]
    motion = problem.simulate(part, targets, problem.theta(targets), tangents)
    share = len(problem.windows) / len(part)
    made = {}
    for name in problem.judged:
        rows = measure(problem, part, motion, targets, name)
        if rows is not None:
            spec = problem.dataset.specs[name]
            made[name] = share * robust_sum(rows.values, spec.loss, spec.loss_scale)
    if tangents is not None:
        made["start"] = 0.5 * share * (tangents / torch.as_tensor(problem.start_std[part.windows])).square().sum()
    for label, known in (("prior", problem.prior_rows(z)), ("described", problem.described_rows(z))):
        if len(known):
            made[label] = 0.5 * known.square().sum()
    return made


def _shares(problem: RecordingProblem) -> np.ndarray:
    """How often each batch is drawn: every window equally often."""
    counts = np.array([len(batch) for batch in problem.batches], float)
    return counts / counts.sum()


def robust_sum(r: torch.Tensor, loss: str, scale: float) -> torch.Tensor:
    """½ Σ scale² ρ((r / scale)²), differentiable; the derivative is that of `LOSSES`."""
    s = (r / scale) ** 2
    value, first, _ = LOSSES[loss](s.detach().numpy())
    linear = torch.as_tensor(first) * (s - s.detach())  # zero, with the slope of the loss
    return 0.5 * scale**2 * (torch.as_tensor(value) + linear).sum()
