"""From a flat point to residual blocks of numpy arrays, with their Jacobian."""

import numpy as np
import torch
from torch import Tensor

from genesis.methods.residuals import ResidualBlock
from genesis.sysid.measure import ResidualRows, measure
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.sensitivity import channel_jacobian, outside, propagate, start_tangents
from genesis.sysid.shooting import Batch

SENSITIVITY_SIZE = 2**25  # numbers of one table of sensitivities; larger batches are taken in parts


def evaluate(problem: RecordingProblem, x: np.ndarray, jacobian: bool, gap_weight: float = 0.0) -> list[ResidualBlock]:
    """Residual blocks at a flat point (see `RecordingProblem.split`), with Jacobians if asked for.

    Args:
        gap_weight: of the continuity between windows.
    Raises: DivergenceError, and InputError at the start.
    """
    free, starts = problem.split(x)
    z = torch.as_tensor(free)
    blocks: list[ResidualBlock] = []
    with torch.no_grad():
        targets = problem.targets(z)
        theta = problem.theta(targets)
        ends: dict[int, tuple] = {}
        for batch in problem.batches:
            blocks += _batch_blocks(problem, batch, starts, z, targets, theta, jacobian, ends)
        if gap_weight > 0.0 and starts is not None:
            blocks += _gap_blocks(problem, starts, targets, z, ends, gap_weight, jacobian)
    blocks += prior_blocks(problem, z, jacobian)
    if starts is not None:
        blocks += _start_blocks(problem, starts, jacobian)
    return blocks


def tangents_of(starts: np.ndarray | None, batch: Batch) -> Tensor | None:
    """(B, nt) of the windows of a batch."""
    return None if starts is None else torch.as_tensor(starts[batch.windows])


def _batch_blocks(problem, batch: Batch, starts, z, targets, theta, jacobian: bool, ends: dict) -> list[ResidualBlock]:
    tangents = tangents_of(starts, batch)
    columns = (0 if tangents is None else problem.space.nt) + problem.n
    most = max(1, SENSITIVITY_SIZE // max(1, (batch.horizon + 1) * problem.space.nx * columns))
    if jacobian and len(batch) > most:
        parts = [batch.part(range(first, min(first + most, len(batch)))) for first in range(0, len(batch), most)]
        return [block for part in parts for block in _batch_blocks(problem, part, starts, z, targets, theta, jacobian, ends)]
    motion = problem.simulate(batch, targets, theta, tangents)
    if not jacobian:
        _keep_ends(ends, batch, motion, None)
        made = [measure(problem, batch, motion, targets, name) for name in problem.judged]
        return [_block(problem, batch, rows, None) for rows in made if rows is not None]
    out = outside(problem, batch, z, tangents)
    free = None if tangents is None else start_tangents(problem, batch, targets, tangents)
    accelerated = any(problem.channels[name].uses_acceleration for name in problem.judged)
    sens = propagate(problem, batch, motion, out, free, accelerated)
    _keep_ends(ends, batch, motion, sens)
    found = [channel_jacobian(problem, batch, motion, targets, out, sens, name) for name in problem.judged]
    return [_block(problem, batch, *pair) for pair in found if pair is not None]


def _block(problem: RecordingProblem, batch: Batch, rows: ResidualRows, table: Tensor | None) -> ResidualBlock:
    spec, seen = problem.dataset.specs[rows.channel], rows.seen.numpy()
    sample, column = np.nonzero(seen)
    window = np.asarray(batch.windows)[rows.samples.env.numpy()[sample]]
    made = ResidualBlock(
        rows.channel, rows.values.numpy()[seen], window=window, column=column, loss=spec.loss, loss_scale=spec.loss_scale
    )
    if table is not None:
        jacobian, n = table.numpy()[seen], problem.n
        split = jacobian.shape[1] - n
        made.z, made.start = jacobian[:, split:], jacobian[:, :split] if split else None
    return made


def _keep_ends(ends: dict, batch: Batch, motion, sens) -> None:
    """State and sensitivity at the end of each window."""
    for b, w in enumerate(batch.windows):
        k = int(batch.steps[b])
        ends[w] = (motion.x[k, b], None if sens is None else sens.x[k, b])


def _gap_blocks(
    problem: RecordingProblem, starts: np.ndarray, targets, z, ends: dict, weight: float, jacobian: bool
) -> list[ResidualBlock]:
    """End of a window against the start of the one that goes on from it."""
    space = problem.space
    pairs = gap_pairs(problem)
    if not pairs:
        return []
    scale = gap_scale(problem, weight)
    begins = _begins(problem, starts, targets, z, jacobian)
    end = torch.stack([ends[i][0] for i, _ in pairs])
    start = torch.stack([begins[k][0] for _, k in pairs])
    gap = space.difference(end, start) * scale
    made = ResidualBlock("gap", gap.numpy().reshape(-1))
    made.window = np.repeat([i for i, _ in pairs], space.nt)
    made.after_window = np.repeat([k for _, k in pairs], space.nt)
    if jacobian:
        to_end, to_start = torch.func.vmap(torch.func.jacfwd(space.difference, argnums=(0, 1)))(end, start)
        at_end = scale[:, None] * (to_end @ torch.stack([ends[i][1] for i, _ in pairs]))
        at_start = scale[:, None] * (to_start @ torch.stack([begins[k][1] for _, k in pairs]))
        nt = space.nt
        made.z = (at_end[..., nt:] + at_start[..., nt:]).numpy().reshape(-1, problem.n)
        made.start, made.after = (x[..., :nt].numpy().reshape(-1, nt) for x in (at_end, at_start))
    return [made]


def gap_pairs(problem: RecordingProblem) -> list[tuple[int, int]]:
    """Windows of which the second goes on from the first."""
    return [(w.before, k) for k, w in enumerate(problem.windows) if w.before >= 0]


def gap_scale(problem: RecordingProblem, weight: float) -> Tensor:
    """(nt,) residual of a gap of one unit."""
    scales = problem.shooting.position_scale, problem.shooting.velocity_scale
    return torch.cat([torch.full((problem.space.nv,), 1.0 / s, dtype=torch.float64) for s in scales]) * weight**0.5


def _begins(problem: RecordingProblem, starts: np.ndarray, targets, z, jacobian: bool) -> dict[int, tuple]:
    """Start state of each window and its derivative (nx, nt + n)."""
    made = {}
    for batch in problem.batches:
        tangents = tangents_of(starts, batch)
        state = problem.begin(batch, targets, tangents)
        table = None
        if jacobian:
            assert tangents is not None
            table = torch.cat([start_tangents(problem, batch, targets, tangents), outside(problem, batch, z, tangents).start], -1)
        for b, w in enumerate(batch.windows):
            made[w] = (state[b], None if table is None else table[b])
    return made


def prior_blocks(problem: RecordingProblem, z: Tensor, jacobian: bool) -> list[ResidualBlock]:
    """What is known of the parameters beforehand, and what holds them, weakly, where the description has them."""
    made = []
    for label, function in (("prior", problem.prior_rows), ("described", problem.described_rows)):
        with torch.no_grad():
            rows = function(z)
        if len(rows):
            made.append(ResidualBlock(label, rows.numpy()))
            if jacobian:
                made[-1].z = torch.autograd.functional.jacobian(function, z).numpy()
    return made


def _start_blocks(problem: RecordingProblem, starts: np.ndarray, jacobian: bool) -> list[ResidualBlock]:
    """Priors of the start states around their measurements."""
    weights = 1.0 / problem.start_std
    window, chosen = np.nonzero(weights)
    if not len(chosen):
        return []
    made = ResidualBlock("start", starts[window, chosen] * weights[window, chosen], window=window)
    if jacobian:
        made.z = np.zeros((len(made.r), problem.n))
        made.start = np.zeros((len(made.r), problem.space.nt))
        made.start[np.arange(len(made.r)), chosen] = weights[window, chosen]
    return [made]
