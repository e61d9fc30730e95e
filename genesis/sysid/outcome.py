"""From the best point to what users read: traces before and after, errors of every recording, certainty."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.methods.levenberg_marquardt import LevenbergMarquardt
from genesis.methods.lower import lower
from genesis.parameters import Inputs
from genesis.sysid.build import held_out_starts, shared_numbers, validation_problem
from genesis.sysid.fit import ChannelResiduals
from genesis.sysid.linearization import tangents_of
from genesis.sysid.measure import ResidualRows, measure
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.problem import Motion, RecordingProblem
from genesis.sysid.residuals import FAILURES
from genesis.sysid.result import Trace, Whiteness
from genesis.sysid.shooting import Batch
from genesis.sysid.statistics import whiteness

#: (batch, targets, theta, tangents of its starts) -> motion
Mover = Callable[[Batch, Sequence[Inputs], Tensor, Tensor | None], Motion]
STEPS = 15  # of a descent in what only held-out recordings know


@dataclass
class Comparison:
    """How well a point explains recordings. rmse: rows as in `Identification`; traces; residuals by channel for tests of whiteness, and in
    units of sigma."""

    rmse: list[dict[str, Any]]
    traces: list[Trace]
    whiteness: list[Whiteness]
    standardised: list[ChannelResiduals]


def compare(problem: RecordingProblem, first: np.ndarray, best: np.ndarray) -> Comparison:
    """Training and held-out recordings, simulated at the start and at the estimate (flat points)."""
    made = _compare(problem, first, best, "train")
    held_out = validation_problem(problem)
    if held_out is not None:
        shared = shared_numbers(problem)
        other = _compare(held_out, first[shared], best[shared], "validation")
        made.rmse += other.rmse
        made.traces += other.traces
        made.standardised += _judged(problem, best, other)
    return made


def _judged(problem: RecordingProblem, best: np.ndarray, other: Comparison) -> list[ChannelResiduals]:
    """What held-out recordings leave by what the training ones may: start states, and numbers of a recording of its own, fitted along."""
    free = held_out_starts(problem, best)
    made = other.standardised
    if free is not None:
        objective = LeastSquaresObjective(free)
        first = objective.x
        try:
            lower(LevenbergMarquardt(cost_tolerance=1e-4), objective, STEPS)
        except FAILURES:  # from measured starts it cannot be simulated: what is left is that of these
            return made
        if math.isfinite(objective.evaluate(gradient=False)):
            made = _compare(free.problem, first, objective.x, "validation").standardised
    for one in made:
        row = next(r for r in other.rmse if r["channel"] == one.channel and r["recording"] == "all")
        one.against = row["after"] / row["before"] if row["before"] > 0.0 else math.nan
    return made


def _compare(problem: RecordingProblem, first: np.ndarray, best: np.ndarray, split: str) -> Comparison:
    before, after = _simulated(problem, first), _simulated(problem, best)
    trivial = [_trivial(problem, best, speed) for speed in (0.0, 1.0)]
    rmse: list[dict[str, Any]] = []
    traces: list[Trace] = []
    white: list[Whiteness] = []
    standardised: list[ChannelResiduals] = []
    for name, channel in problem.channels.items():
        others = (before[name], after[name], *(rows[name] for rows in trivial))
        pieces = [piece for piece in zip(problem.batches, *others, strict=True) if piece[2] is not None]
        if not pieces:
            continue
        # one row a sample: recording, its window's start, time, and what was measured, predicted and left
        table = _table(channel, pieces)
        unit = "rad" if channel.kind == "link_orientation" else channel.unit
        rmse += _errors(problem, table, name, unit, split)
        traces += _traces(problem, table, name, channel, split)
        if name in problem.judged:
            standardised.append(_standardised(problem, table, name, unit, split))
        if split == "train":
            windows = [table["after_residual"][table["window"] == w] for w in np.unique(table["window"])]
            labels = (
                channel.labels
                if channel.residual_width == channel.width
                else [f"{name}[{k}]" for k in range(channel.residual_width)]
            )
            white += whiteness(name, labels, windows)
    return Comparison(rmse, traces, white, standardised)


def _rows(problem: RecordingProblem, x: np.ndarray, moved: Mover) -> dict[str, list[ResidualRows | None]]:
    """Rows of every channel in every batch, of the motions that `moved` makes of a batch at a flat point."""
    with torch.no_grad():
        z, starts = problem.split(x)
        targets = problem.targets(torch.as_tensor(z))
        theta = problem.theta(targets)
        made: dict[str, list[ResidualRows | None]] = {name: [] for name in problem.channels}
        for batch in problem.batches:
            motion = moved(batch, targets, theta, tangents_of(starts, batch))
            for name in problem.channels:
                made[name].append(measure(problem, batch, motion, targets, name))
    return made


def _simulated(problem: RecordingProblem, x: np.ndarray) -> dict[str, list[ResidualRows | None]]:
    """Of the model; predictions of windows that diverge are nan."""
    return _rows(problem, x, partial(problem.simulate, expect_finite=False))


def _trivial(problem: RecordingProblem, x: np.ndarray, speed: float) -> dict[str, list[ResidualRows | None]]:
    """Where the start state goes on at ``speed`` times its velocity, whatever acts."""

    def coasting(batch: Batch, targets: Sequence[Inputs], theta: Tensor, tangents: Tensor | None) -> Motion:
        start = problem.begin(batch, targets, tangents)
        velocity = speed * problem.space.split(start)[1]
        time = torch.arange(batch.horizon + 1).to(start)[:, None, None] * problem.dt
        way = torch.cat([time * velocity, torch.zeros_like(time * velocity)], -1)
        still = torch.cat([problem.space.split(start)[0], velocity], -1)
        states = problem.space.retract(still.expand(len(time), -1, -1), way)
        dof_ctrl, act_ctrl = problem.controls(batch, targets)
        rows = theta if theta.dim() == 1 else theta[batch.target]
        return Motion(states, torch.zeros_like(velocity).expand(batch.horizon, -1, -1), dof_ctrl, act_ctrl, rows)

    return _rows(problem, x, coasting)


def _standardised(problem: RecordingProblem, table: dict[str, np.ndarray], name: str, unit: str, split: str) -> ChannelResiduals:
    """Of a channel in units of sigma; of the two trivial predictions the one that is nearer over all."""
    spec, sigma = problem.dataset.specs[name], problem.sigma[name].numpy()
    trivial = min((table["still_residual"], table["coasting_residual"]), key=lambda left: float(np.nansum(left**2)))
    channel, left = problem.channels[name], table["after_residual"]
    if channel.residual_width == channel.width:
        labels, units = list(channel.labels), list(channel.units)
    else:  # numbers that only count together, as those of a quaternion
        labels = [n for n in spec.names for _ in range(left.shape[1] // len(spec.names))]
        units = [unit] * len(labels)
    return ChannelResiduals(
        name, split, unit, left / sigma, trivial / sigma, table["window"], sigma, spec.given_sigma is not None, spec.loss != "linear",
        labels, units,
    )  # fmt: skip


def _table(channel: Any, pieces: Sequence[tuple]) -> dict[str, np.ndarray]:
    columns: dict[str, list[np.ndarray]] = {}

    def put(key: str, value: Any) -> None:
        columns.setdefault(key, []).append(np.asarray(value))

    for batch, old, new, still, coasting in pieces:
        samples = new.samples
        env = samples.env.numpy()
        put("recording", samples.recording)
        put("window", np.asarray(batch.windows)[env])
        put("time", batch.start[env] + samples.time.numpy())
        put("measured", samples.measured.numpy())
        put("before", old.predicted.numpy())
        put("after", new.predicted.numpy())
        for side, rows in (("before", old), ("after", new), ("still", still), ("coasting", coasting)):
            known = torch.where(torch.isfinite(samples.measured), samples.measured, rows.predicted)
            left = channel.residual(rows.predicted, known)  # in units of the channel; those of the cost are zero at weight zero
            put(f"{side}_residual", np.where(rows.seen.numpy(), left.numpy(), np.nan))
    table = {key: np.concatenate(parts) for key, parts in columns.items()}
    order = np.lexsort((table["time"], table["window"], table["recording"]))
    return {key: values[order] for key, values in table.items()}


def _errors(problem: RecordingProblem, table: dict[str, np.ndarray], channel: str, unit: str, split: str) -> list[dict[str, Any]]:
    """Root mean squares over all numbers of a channel, for each recording and for all."""
    made = []
    groups = [(problem.recordings[r].name, table["recording"] == r) for r in np.unique(table["recording"])]
    for name, rows in [*groups, ("all", np.ones(len(table["time"]), bool))]:
        values = {key: _rms(table[f"{key}_residual"][rows]) for key in ("before", "after")}
        made.append({"recording": name, "split": split, "channel": channel, "unit": unit, **values})
    return made


def _rms(values: np.ndarray) -> float:
    seen = np.isfinite(values)
    return float(np.sqrt((values[seen] ** 2).mean())) if seen.any() else float("nan")


def _traces(problem: RecordingProblem, table: dict[str, np.ndarray], name: str, channel: Any, split: str) -> list[Trace]:
    made = []
    for r in np.unique(table["recording"]):
        rows = table["recording"] == r
        window = table["window"][rows]
        starts = np.flatnonzero(np.r_[True, window[1:] != window[:-1]])
        for k, label in enumerate(channel.labels):
            measured, before, after = (table[key][rows][:, k] for key in ("measured", "before", "after"))
            owner, time = problem.recordings[r].name, table["time"][rows]
            made.append(Trace(owner, split, name, label, channel.units[k], time, measured, before, after, starts))
    return made
