"""The costs of many candidates in one launch: candidates times windows are environments."""

from collections.abc import Sequence

import numpy as np
import torch

from genesis.methods.residuals import LOSSES
from genesis.sysid.measure import measure
from genesis.sysid.problem import Problem
from genesis.sysid.shooting import Batch, Samples

MOST = 4096  # environments of a launch


def population_costs(problem: Problem, candidates: Sequence[np.ndarray]) -> np.ndarray:
    """(C,) costs of free numbers z (n,), start states as measured; infinite for a candidate that diverges."""
    groups = max(1, MOST // max(1, max(len(batch) for batch in problem.batches)))
    made = [_costs(problem, candidates[first : first + groups]) for first in range(0, len(candidates), groups)]
    return np.concatenate(made)


def _costs(problem: Problem, candidates: Sequence[np.ndarray]) -> np.ndarray:
    count = len(candidates)
    with torch.no_grad():
        points = [torch.as_tensor(z) for z in candidates]
        targets = [target for z in points for target in problem.targets(z)]
        theta = problem.theta(targets)
        total = np.array([0.5 * float((problem.prior_rows(z) ** 2).sum()) for z in points])
        for batch in problem.batches:
            total += _batch_costs(problem, _repeated(problem, batch, count), targets, theta, count, len(batch))
    return np.where(np.isfinite(total), total, np.inf)


def _batch_costs(problem: Problem, batch: Batch, targets, theta, count: int, windows: int) -> np.ndarray:
    motion = problem.simulate(batch, targets, theta, None, expect_finite=False)
    bad = (~torch.isfinite(motion.x).all(-1)).any(0).view(count, windows).any(1).numpy()
    motion.x = torch.nan_to_num(motion.x, nan=0.0, posinf=0.0, neginf=0.0)
    total = np.zeros(count)
    for name in problem.judged:
        rows = measure(problem, batch, motion, targets, name)
        if rows is None:
            continue
        spec = problem.dataset.specs[name]
        value = LOSSES[spec.loss]((rows.values.numpy() / spec.loss_scale) ** 2)[0].sum(-1)
        total += 0.5 * spec.loss_scale**2 * np.bincount(rows.samples.env.numpy() // windows, value, count)
    return np.where(bad, np.inf, total)


def _repeated(problem: Problem, batch: Batch, count: int) -> Batch:
    """The batch once for each candidate, each with its own targets."""
    b, many = len(batch), len(problem.recordings) if problem.by_recording else 1
    shift = torch.arange(count).repeat_interleave(b)
    made = Batch(
        batch.windows * count, batch.recording.repeat(count), np.tile(batch.start, count), np.tile(batch.steps, count), batch.horizon,
        batch.state.repeat(count, 1),
    )  # fmt: skip
    made.target = shift * many + (made.recording if many > 1 else 0)
    made.inputs = {name: series.repeat(1, count, 1) for name, series in batch.inputs.items()}
    for name, s in batch.samples.items():
        env = (s.env[None] + b * torch.arange(count)[:, None]).reshape(-1)
        made.samples[name] = Samples(
            env, s.time.repeat(count), s.measured.repeat(count, 1), np.tile(s.recording, count), np.tile(s.order, count)
        )
    return made
