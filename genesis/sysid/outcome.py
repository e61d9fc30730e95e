"""From the best point to what users read: traces before and after, errors of every recording, certainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genesis.sysid.build import shared_numbers, validation_problem
from genesis.sysid.linearization import tangents_of
from genesis.sysid.measure import ResidualRows, measure
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.result import Trace, Whiteness
from genesis.sysid.statistics import whiteness


@dataclass
class GoodnessOfFit:
    """How well a point explains recordings. rmse: rows as in `Identification`; traces; residuals by channel for tests of whiteness."""

    rmse: list[dict[str, Any]]
    traces: list[Trace]
    whiteness: list[Whiteness]


def compare(problem: RecordingProblem, first: np.ndarray, best: np.ndarray) -> GoodnessOfFit:
    """Training and held-out recordings, simulated at the start and at the estimate (flat points)."""
    made = _compare(problem, first, best, "train")
    held_out = validation_problem(problem)
    if held_out is not None:
        shared = shared_numbers(problem)
        other = _compare(held_out, first[shared], best[shared], "validation")
        made.rmse += other.rmse
        made.traces += other.traces
    return made


def _compare(problem: RecordingProblem, first: np.ndarray, best: np.ndarray, split: str) -> GoodnessOfFit:
    before, after = _simulated(problem, first), _simulated(problem, best)
    rmse: list[dict[str, Any]] = []
    traces: list[Trace] = []
    white: list[Whiteness] = []
    for name, channel in problem.channels.items():
        pieces = [
            (b, old, new) for b, old, new in zip(problem.batches, before[name], after[name], strict=True) if new is not None
        ]
        if not pieces:
            continue
        # one row a sample: recording, its window's start, time, and what was measured, predicted and left
        table = _table(channel, pieces)
        unit = "rad" if channel.kind == "link_orientation" else channel.unit
        rmse += _errors(problem, table, name, unit, split)
        traces += _traces(problem, table, name, channel, split)
        if split == "train":
            windows = [table["after_residual"][table["window"] == w] for w in np.unique(table["window"])]
            labels = (
                channel.labels
                if channel.residual_width == channel.width
                else [f"{name}[{k}]" for k in range(channel.residual_width)]
            )
            white += whiteness(name, labels, windows)
    return GoodnessOfFit(rmse, traces, white)


def _simulated(problem: RecordingProblem, x: np.ndarray) -> dict[str, list[ResidualRows | None]]:
    """Rows of every channel in every batch; predictions of windows that diverge are nan."""
    with torch.no_grad():
        z, starts = problem.split(x)
        targets = problem.targets(torch.as_tensor(z))
        theta = problem.theta(targets)
        made: dict[str, list[ResidualRows | None]] = {name: [] for name in problem.channels}
        for batch in problem.batches:
            motion = problem.simulate(batch, targets, theta, tangents_of(starts, batch), expect_finite=False)
            for name in problem.channels:
                made[name].append(measure(problem, batch, motion, targets, name))
    return made


def _table(channel: Any, pieces: Sequence[tuple]) -> dict[str, np.ndarray]:
    columns: dict[str, list[np.ndarray]] = {}

    def put(key: str, value: Any) -> None:
        columns.setdefault(key, []).append(np.asarray(value))

    for batch, old, new in pieces:
        samples = new.samples
        env = samples.env.numpy()
        put("recording", samples.recording)
        put("window", np.asarray(batch.windows)[env])
        put("time", batch.start[env] + samples.time.numpy())
        put("measured", samples.measured.numpy())
        put("before", old.predicted.numpy())
        put("after", new.predicted.numpy())
        for key, rows in (("before_residual", old), ("after_residual", new)):
            known = torch.where(torch.isfinite(samples.measured), samples.measured, rows.predicted)
            left = channel.residual(rows.predicted, known)  # in units of the channel; those of the cost are zero at weight zero
            put(key, np.where(rows.seen.numpy(), left.numpy(), np.nan))
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
