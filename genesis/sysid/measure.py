"""From simulated windows to what the sensors would have shown, and how far that is from what they did."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.channels.sample import Sample
from genesis.parameters import Inputs
from genesis.selection import tensor
from genesis.sysid.problem import Motion, RecordingProblem
from genesis.sysid.shooting import Batch, Samples

CLOCK_SHARE = 0.1  # of a window that a clock may be off: farther away start states are not at hand


@dataclass
class ResidualRows:
    """Residuals of one channel in one batch.

    predicted (N, width); values (N, m): weighted residuals, zero where nothing was measured; seen (N, m); samples: of what.
    """

    channel: str
    predicted: Tensor
    values: Tensor
    seen: Tensor
    samples: Samples


@dataclass
class Instants:
    """Where in the simulation samples lie: step (N,), fraction (N,) of that step, env (N,), and which target (N,) acts there."""

    step: Tensor
    fraction: Tensor
    env: Tensor
    target: Tensor


@dataclass
class StepsAround:
    """The time steps that hold N instants.

    left, right (N, nx): states at both ends; qacc (N, nv); dof_ctrl (N, nv); act_ctrl (N, nu) of actuators or None; theta (P,) or (N, P).
    """

    left: Tensor
    right: Tensor
    qacc: Tensor
    dof_ctrl: Tensor
    theta: Tensor
    act_ctrl: Tensor | None = None


def sensor_rows(targets: Sequence[Inputs], channel: str, what: str, target: Tensor) -> Tensor | None:
    """Property of a sensor at samples under these targets (N,), (N, width) or (N,); None where it is not identified."""
    key = (channel, what)
    if not any(key in t.sensors for t in targets):
        return None
    values = torch.stack([t.sensors[key] for t in targets])
    return values[target if len(targets) > 1 else torch.zeros_like(target)]


def stamped(batch: Batch, samples: Samples) -> Tensor:
    """(N,) stamps of samples, from the start of their recordings [s]."""
    return samples.time + tensor(batch.start)[samples.env]


def lateness(batch: Batch, samples: Samples, targets: Sequence[Inputs], name: str) -> Tensor | None:
    """(N,) how much later than it happened a number is stamped [s]: delay - (clock_scale - 1) t - clock_offset; None: not identified."""
    owner = batch.target[samples.env]
    delay, scale, offset = (sensor_rows(targets, name, what, owner) for what in ("delay", "clock_scale", "clock_offset"))
    made = delay
    if scale is not None:
        run = (1.0 - scale) * stamped(batch, samples)
        made = run if made is None else made + run
    if offset is not None:
        made = -offset if made is None else made - offset
    return made


def far_clocks(problem: RecordingProblem, z: Tensor) -> list[str]:
    """In words: channels whose clock, as it was found, is off by a part of a window of which `begin` cannot read its start state.

    Windows are cut, and their starts read, by the stamps; a start is then moved on at its velocity, which is right for short times only.
    """
    targets, made = problem.targets(z), []
    for name in problem.channels:
        worst, share = 0.0, 0.0
        for window in problem.windows:
            sensors = targets[window.recording if len(targets) > 1 else 0].sensors
            scale, offset = (sensors.get((name, what)) for what in ("clock_scale", "clock_offset"))
            off = 0.0 if scale is None else (float(scale) - 1.0) * window.start
            off += 0.0 if offset is None else float(offset)
            part = abs(off) / (window.steps * problem.dt)
            worst, share = (off, part) if part > share else (worst, share)
        if share > CLOCK_SHARE:
            made.append(
                f'the clock of channel "{name}" is found to be off by {worst:.3g} s, {100.0 * share:.3g} % of a window; beyond '
                f"{100.0 * CLOCK_SHARE:g} % estimates are wrong: correct its stamps by what was found and identify again, "
                "or take a longer shooting.window"
            )
    return made


def instants(problem: RecordingProblem, batch: Batch, samples: Samples, delay: Tensor | None) -> Instants:
    """Samples of a channel as steps and fractions; delay (N,): their lateness.

    Fractions below 0 and above 1 are instants outside of the window, see `StateSpace.between`.
    """
    owner = batch.target[samples.env]
    time = samples.time if delay is None else samples.time - delay
    position = time / problem.dt
    step = position.detach().floor().long().clamp(0, batch.horizon - 1)
    return Instants(step, position - step, samples.env, owner)


def steps_of(motion: Motion, at: Instants) -> StepsAround:
    """Of a simulated motion."""
    where = at.step, at.env
    theta = motion.theta if motion.theta.dim() == 1 else motion.theta[at.env]
    act_ctrl = None if motion.act_ctrl is None else motion.act_ctrl[where]
    return StepsAround(
        motion.x[where], motion.x[at.step + 1, at.env], motion.qacc[where], motion.dof_ctrl[where], theta, act_ctrl
    )


def sample_of(problem: RecordingProblem, at: Instants, steps: StepsAround) -> Sample:
    """The instants as channels look at them."""
    space = problem.space
    qpos, qvel = space.split(space.between(steps.left, steps.right, at.fraction, problem.dt))
    return Sample(
        problem.physics, steps.theta, problem.dt, qpos, qvel, space.split(steps.left), space.split(steps.right), steps.qacc,
        steps.dof_ctrl, steps.act_ctrl,
    )  # fmt: skip


def measure(problem: RecordingProblem, batch: Batch, motion: Motion, targets: Sequence[Inputs], name: str) -> ResidualRows | None:
    """Predictions and residuals of one channel; differentiable to whatever the motion is."""
    samples = batch.samples.get(name)
    if samples is None:
        return None
    owner = batch.target[samples.env]
    at = instants(problem, batch, samples, lateness(batch, samples, targets, name))
    sample = sample_of(problem, at, steps_of(motion, at))
    gain, bias = (sensor_rows(targets, name, what, owner) for what in ("gain", "bias"))
    return rows_of(problem, name, samples, sample, gain, bias)


def rows_of(
    problem: RecordingProblem, name: str, samples: Samples, sample: Sample, gain: Tensor | None, bias: Tensor | None
) -> ResidualRows:
    """Residuals of the samples with what the sensor makes of them."""
    channel, spec = problem.channels[name], problem.dataset.specs[name]
    predicted = channel.predict(sample)
    predicted = predicted if gain is None else predicted * gain
    predicted = predicted if bias is None else predicted + bias
    known = torch.isfinite(samples.measured)
    residual = channel.residual(predicted, torch.where(known, samples.measured, predicted.detach()))
    if channel.residual_width == channel.width:
        seen = known
    else:  # numbers that only count together, as those of a quaternion
        names = len(spec.names)
        seen = known.unflatten(-1, (names, -1)).all(-1).repeat_interleave(channel.residual_width // names, -1)
    scale = spec.weight**0.5 / problem.sigma[name]
    return ResidualRows(name, predicted, torch.where(seen, residual * scale, torch.zeros_like(residual)), seen, samples)
