"""The replay of an identification: recorded motion against the simulated one."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from genesis.observations.recording import Recording
from genesis.replay.replay import Landmark, Replay, Take
from genesis.runners.replay import BLUE, GREY, ORANGE, hide_where_same
from genesis.scene.pictures import bodies_of, frames_of, poses_of
from genesis.sysid.build import shared_numbers, validation_problem
from genesis.sysid.linearization import tangents_of
from genesis.sysid.problem import RecordingProblem

SECONDS = 20.0  # of the recording that are shown, at most
MEASURED, ESTIMATE, START = "measured", "simulated", "simulated before"


def replay_of_identification(problem: RecordingProblem, first: np.ndarray, best: np.ndarray, *, title: str) -> Replay:
    """One recording, held out if there is one: simulated with the estimates, before them, and as it was measured.

    Args: first, best: flat points where the identification began, and that it found.
    Windows of the simulation start anew where those of the problem do. What was not measured stands where the simulation has it.
    """
    held_out = validation_problem(problem)
    shown = held_out or problem
    chosen = shared_numbers(problem) if held_out is not None else list(range(len(best)))
    recording = shown.recordings[0]
    time = np.arange(0.0, min(recording.end - recording.start, SECONDS) + 0.5 * shown.dt, shown.dt) + recording.start
    time = time[frames_of(time)]
    after, theta = _simulated(shown, best[chosen], time)
    before, _ = _simulated(shown, first[chosen], time)
    measured, known = _measured(shown, recording, time, after)
    made = Replay(f"{title}, {recording.name}", time, bodies_of(shown.setting.scene.entities), [])
    physics = shown.physics
    looks: list[tuple[str, np.ndarray, dict[str, Any]]] = [(ESTIMATE, after, {})]
    if known:
        looks.append((MEASURED, measured, {"ghost": True, "tint": BLUE}))
    looks.append((START, before, {"ghost": True, "tint": GREY}))
    for name, qpos, look in looks:
        rows = np.isfinite(qpos).all(1)
        pos, quat = poses_of(physics, theta, torch.as_tensor(np.where(rows[:, None], qpos, after)).to(shown.setting.start_qpos))
        pos[~rows] = math.nan
        made.takes.append(Take(name, pos, quat, **look))
        if len(made.takes) > 1:
            hide_where_same(made.takes[-1], made.takes[0])
    low, high = made.box()
    made.landmarks += _markers(shown, recording, time, 0.008 * float(np.linalg.norm(high - low)))
    return made


def _simulated(problem: RecordingProblem, x: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
    """qpos (N, nq) of the first recording at times (N,), not a number where no window has them; and the packed parameters (P,)."""
    qpos = np.full((len(time), problem.space.nq), math.nan)
    with torch.no_grad():
        z, starts = problem.split(x)
        targets = problem.targets(torch.as_tensor(z))
        theta = problem.theta(targets)
        for batch in problem.batches:
            rows = [b for b in range(len(batch)) if int(batch.recording[b]) == 0]
            if not rows:
                continue
            motion = problem.simulate(batch, targets, theta, tangents_of(starts, batch), expect_finite=False)
            states = motion.x.cpu().double().numpy()
            for b in rows:
                step = np.rint((time - batch.start[b]) / problem.dt).astype(int)
                inside = (step >= 0) & (step <= batch.steps[b])
                qpos[inside] = states[step[inside], b, : problem.space.nq]
    return qpos, theta if theta.dim() == 1 else theta[0]


def _measured(
    problem: RecordingProblem, recording: Recording, time: np.ndarray, simulated: np.ndarray
) -> tuple[np.ndarray, bool]:
    """qpos (N, nq) as measured, other coordinates as simulated; whether any was measured."""
    qpos, _, known = problem.start_states(recording, time)
    there = np.asarray(known[: qpos.shape[1]], bool)
    return np.where(there, qpos, simulated), bool(there.any())


def _markers(problem: RecordingProblem, recording: Recording, time: np.ndarray, radius: float) -> Sequence[Landmark]:
    """Points whose positions were measured, as small spheres that move."""
    made = []
    for name, channel in problem.channels.items():
        if channel.kind not in ("marker", "link_position") or name not in recording.channels:
            continue
        series = recording.channels[name]
        for k, label in enumerate(problem.dataset.specs[name].names):
            columns = series.values[:, 3 * k : 3 * k + 3]
            seen = np.isfinite(columns).all(1)
            if seen.sum() < 2:
                continue
            points = np.stack([np.interp(time, series.time[seen], column, math.nan, math.nan) for column in columns[seen].T], 1)
            made.append(Landmark(f"measured {label}", "sphere", (radius,), points, rgba=(*ORANGE, 1.0)))
    return made
