"""The costs of many candidates in one launch: candidates times windows are environments."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from genesis.methods.residuals import LOSSES
from genesis.sysid.linearization import gap_pairs, gap_scale
from genesis.sysid.measure import measure
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.shooting import Batch, Samples

MOST = 4096  # environments of a launch


def population_costs(problem: RecordingProblem, points: Sequence[np.ndarray], gap_weight: float = 0.0) -> np.ndarray:
    """(C,) costs at flat points (see `RecordingProblem.split`); infinite for a candidate that diverges.

    Raises: InputError, torch.linalg.LinAlgError where parameters of a candidate cannot be simulated at all.
    """
    groups = max(1, MOST // max(1, max(len(batch) for batch in problem.batches)))
    made = [_costs(problem, points[first : first + groups], gap_weight) for first in range(0, len(points), groups)]
    return np.concatenate(made)


def _costs(problem: RecordingProblem, points: Sequence[np.ndarray], gap_weight: float) -> np.ndarray:
    count = len(points)
    split = [problem.split(x) for x in points]
    free = [torch.as_tensor(z) for z, _ in split]
    tangents_of_all = [tangents for _, tangents in split if tangents is not None]
    starts = torch.as_tensor(np.stack(tangents_of_all)) if tangents_of_all else None
    with torch.no_grad():
        targets = [target for z in free for target in problem.targets(z)]
        theta = problem.theta(targets)
        total = np.array([0.5 * float((problem.prior_rows(z) ** 2).sum() + (problem.described_rows(z) ** 2).sum()) for z in free])
        states = torch.zeros(2, count, len(problem.windows), problem.space.nx, dtype=torch.float64)  # at both ends of each window
        for batch in problem.batches:
            tangents = None if starts is None else starts[:, batch.windows].reshape(-1, problem.nt)
            repeated = _repeated(problem, batch, count)
            total += _batch_costs(problem, repeated, targets, theta, tangents, count, states)
        if starts is not None:
            total += 0.5 * (starts / torch.as_tensor(problem.start_std)).square().sum((1, 2)).numpy()
            total += _gap_costs(problem, states, gap_weight)
    return np.where(np.isfinite(total), total, np.inf)


def _batch_costs(
    problem: RecordingProblem, batch: Batch, targets, theta: Tensor, tangents: Tensor | None, count: int, states: Tensor
) -> np.ndarray:
    """(C,); leaves in ``states`` (2, C, W, nx) where the windows of the batch begin and end."""
    motion = problem.simulate(batch, targets, theta, tangents, expect_finite=False)
    windows = len(batch) // count
    bad = (~torch.isfinite(motion.x).all(-1)).any(0).view(count, windows).any(1).numpy()
    motion.x = torch.nan_to_num(motion.x, nan=0.0, posinf=0.0, neginf=0.0)
    own = batch.windows[:windows]
    states[0][:, own] = motion.x[0].view(count, windows, -1)
    states[1][:, own] = motion.x[torch.as_tensor(batch.steps), torch.arange(len(batch))].view(count, windows, -1)
    total = np.zeros(count)
    for name in problem.judged:
        rows = measure(problem, batch, motion, targets, name)
        if rows is None:
            continue
        spec = problem.dataset.specs[name]
        value = LOSSES[spec.loss]((rows.values.numpy() / spec.loss_scale) ** 2)[0].sum(-1)
        total += 0.5 * spec.loss_scale**2 * np.bincount(rows.samples.env.numpy() // windows, value, count)
    return np.where(bad, np.inf, total)


def _gap_costs(problem: RecordingProblem, states: Tensor, weight: float) -> np.ndarray | float:
    """(C,) of states (2, C, W, nx) at the ends of windows."""
    pairs = gap_pairs(problem)
    if not pairs or weight <= 0.0:
        return 0.0
    before, after = (list(column) for column in zip(*pairs, strict=True))
    gap = problem.space.difference(states[1][:, before], states[0][:, after]) * gap_scale(problem, weight)
    made: np.ndarray = 0.5 * gap.square().sum((1, 2)).numpy()
    return made


def _repeated(problem: RecordingProblem, batch: Batch, count: int) -> Batch:
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
