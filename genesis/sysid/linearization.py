"""The problem as solvers see it: numpy residuals and Jacobian at a point, robust losses applied."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.methods.residuals import Block, cost
from genesis.sysid.measure import Rows, measure
from genesis.sysid.problem import Problem
from genesis.sysid.sensitivity import channel_jacobian, outside, propagate, start_tangents
from genesis.sysid.shooting import Batch

FAILURES = (DivergenceError, ContactOverflowError, InputError, torch.linalg.LinAlgError)  # of points that cannot be simulated
SENSITIVITY_SIZE = 2**25  # numbers of one table of sensitivities; larger batches are taken in parts


@dataclass
class Point:
    """z (n,) and tangents of free start states (windows, nt), or None."""

    z: np.ndarray
    starts: np.ndarray | None = None

    def moved(self, dz: np.ndarray, dstarts: np.ndarray | None) -> "Point":
        """The point plus a step."""
        return Point(self.z + dz, None if self.starts is None or dstarts is None else self.starts + dstarts)


def evaluate(problem: Problem, point: Point, jacobian: bool, gap_weight: float = 0.0) -> list[Block]:
    """Residual blocks at a point, with Jacobians if asked for.

    Args:
        gap_weight: of the continuity between windows.
    Raises: DivergenceError, and InputError at the start.
    """
    z = torch.as_tensor(point.z)
    blocks: list[Block] = []
    with torch.no_grad():
        targets = problem.targets(z)
        theta = problem.theta(targets)
        ends: dict[int, tuple] = {}
        for batch in problem.batches:
            blocks += _batch_blocks(problem, batch, point, z, targets, theta, jacobian, ends)
        if gap_weight > 0.0 and point.starts is not None:
            blocks += _gap_blocks(problem, point, targets, z, ends, gap_weight, jacobian)
    blocks += prior_blocks(problem, z, jacobian)
    if point.starts is not None and problem.start is not None:
        blocks += _start_blocks(problem, point, jacobian)
    return blocks


def try_cost(problem: Problem, point: Point, gap_weight: float = 0.0) -> float:
    """Cost at a trial point; infinite where it cannot be simulated."""
    try:
        value = cost(evaluate(problem, point, False, gap_weight))
    except FAILURES:
        return float("inf")
    return value if np.isfinite(value) else float("inf")


def _starts(point: Point, batch: Batch) -> Tensor | None:
    return None if point.starts is None else torch.as_tensor(point.starts[batch.windows])


def _batch_blocks(problem, batch: Batch, point: Point, z, targets, theta, jacobian: bool, ends: dict) -> list[Block]:
    tangents = _starts(point, batch)
    columns = (0 if tangents is None else problem.space.nt) + problem.n
    most = max(1, SENSITIVITY_SIZE // max(1, (batch.horizon + 1) * problem.space.nx * columns))
    if jacobian and len(batch) > most:
        parts = [batch.part(range(first, min(first + most, len(batch)))) for first in range(0, len(batch), most)]
        return [block for part in parts for block in _batch_blocks(problem, part, point, z, targets, theta, jacobian, ends)]
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


def _block(problem: Problem, batch: Batch, rows: Rows, table: Tensor | None) -> Block:
    spec, seen = problem.dataset.specs[rows.channel], rows.seen.numpy()
    window = np.asarray(batch.windows)[rows.samples.env.numpy()[np.nonzero(seen)[0]]]
    made = Block(rows.channel, rows.values.numpy()[seen], window=window, loss=spec.loss, loss_scale=spec.loss_scale)
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


def _gap_blocks(problem: Problem, point: Point, targets, z, ends: dict, weight: float, jacobian: bool) -> list[Block]:
    """End of a window against the start of the one that goes on from it."""
    space, shooting = problem.space, problem.shooting
    pairs = [(w.before, k) for k, w in enumerate(problem.windows) if w.before >= 0 and w.before in ends and k in ends]
    if not pairs:
        return []
    scale = torch.cat(
        [torch.full((space.nv,), 1.0 / s, dtype=torch.float64) for s in (shooting.position_scale, shooting.velocity_scale)]
    )
    scale = scale * weight**0.5
    begins = _begins(problem, point, targets, z, jacobian)
    end = torch.stack([ends[i][0] for i, _ in pairs])
    start = torch.stack([begins[k][0] for _, k in pairs])
    gap = space.difference(end, start) * scale
    made = Block("gap", gap.numpy().reshape(-1))
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


def _begins(problem: Problem, point: Point, targets, z, jacobian: bool) -> dict[int, tuple]:
    """Start state of each window and its derivative (nx, nt + n)."""
    made = {}
    for batch in problem.batches:
        tangents = _starts(point, batch)
        state = problem.begin(batch, targets, tangents)
        table = None
        if jacobian:
            assert tangents is not None
            table = torch.cat([start_tangents(problem, batch, targets, tangents), outside(problem, batch, z, tangents).start], -1)
        for b, w in enumerate(batch.windows):
            made[w] = (state[b], None if table is None else table[b])
    return made


def prior_blocks(problem: Problem, z: Tensor, jacobian: bool) -> list[Block]:
    """What is known of the parameters beforehand."""
    with torch.no_grad():
        rows = problem.prior_rows(z)
    if not len(rows):
        return []
    made = Block("prior", rows.numpy())
    if jacobian:
        made.z = torch.autograd.functional.jacobian(problem.prior_rows, z).numpy()
    return [made]


def _start_blocks(problem: Problem, point: Point, jacobian: bool) -> list[Block]:
    """Priors of the start states around their measurements."""
    assert problem.start is not None and point.starts is not None
    weights = problem.start.weights(problem.space.nv).numpy()
    chosen = np.flatnonzero(weights > 0.0)
    if not len(chosen):
        return []
    count = len(point.starts)
    made = Block(
        "start", (point.starts[:, chosen] * weights[chosen]).reshape(-1), window=np.repeat(np.arange(count), len(chosen))
    )
    if jacobian:
        made.z = np.zeros((len(made.r), problem.n))
        made.start = np.tile(np.diag(weights)[chosen], (count, 1))
    return [made]
