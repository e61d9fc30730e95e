"""From simulated windows to what the sensors would have shown, and how far that is from what they did."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.observations.sample import Sample
from genesis.sysid.problem import Motion, Problem
from genesis.sysid.shooting import Batch, Samples
from genesis.sysid.target import Target


@dataclass
class Rows:
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


def sensor_rows(targets: Sequence[Target], channel: str, what: str, target: Tensor) -> Tensor | None:
    """Property of a sensor at samples under these targets (N,), (N, width) or (N,); None where it is not identified."""
    key = (channel, what)
    if not any(key in t.sensors for t in targets):
        return None
    values = torch.stack([t.sensors[key] for t in targets])
    return values[target if len(targets) > 1 else torch.zeros_like(target)]


def instants(problem: Problem, batch: Batch, samples: Samples, delay: Tensor | None) -> Instants:
    """Samples of a channel as steps and fractions; delay (N,): how much later than it happened a number is stamped."""
    owner = batch.target[samples.env]
    time = samples.time if delay is None else samples.time - delay
    position = (time / problem.dt).clamp(0.0, float(batch.horizon))
    step = position.detach().floor().long().clamp(max=batch.horizon - 1)
    return Instants(step, position - step, samples.env, owner)


def sample_of(
    problem: Problem, motion: Motion, at: Instants, left: Tensor, right: Tensor, qacc: Tensor, command: Tensor, theta: Tensor
) -> Sample:
    """The instants as channels look at them, from states (N, nx) at both ends of their steps."""
    space = problem.space
    here = space.between(left, right, at.fraction, problem.dt)
    qpos, qvel = space.split(here)
    control = None if motion.control is None else motion.control[at.step, at.env]
    return Sample(
        problem.physics, theta, problem.dt, qpos, qvel, space.split(left), space.split(right), qacc, command, control,
    )  # fmt: skip


def measure(problem: Problem, batch: Batch, motion: Motion, targets: Sequence[Target], name: str) -> Rows | None:
    """Predictions and residuals of one channel; differentiable to whatever the motion is."""
    samples = batch.samples.get(name)
    if samples is None:
        return None
    owner = batch.target[samples.env]
    at = instants(problem, batch, samples, sensor_rows(targets, name, "delay", owner))
    where = at.step, at.env
    theta = motion.theta if motion.theta.dim() == 1 else motion.theta[at.env]
    sample = sample_of(
        problem, motion, at, motion.x[where], motion.x[at.step + 1, at.env], motion.qacc[where], motion.command[where], theta
    )
    gain, bias = (sensor_rows(targets, name, what, owner) for what in ("gain", "bias"))
    return rows_of(problem, name, samples, sample, gain, bias)


def rows_of(problem: Problem, name: str, samples: Samples, sample: Sample, gain: Tensor | None, bias: Tensor | None) -> Rows:
    """Residuals of the samples with what the sensor makes of them."""
    channel, spec = problem.channels[name], problem.dataset.specs[name]
    predicted = channel.predict(sample)
    predicted = predicted if gain is None else predicted * gain
    predicted = predicted if bias is None else predicted + bias
    known = torch.isfinite(samples.measured)
    residual = channel.residual(predicted, torch.where(known, samples.measured, predicted.detach()))
    seen = known if channel.residual_width == channel.width else known.all(-1, keepdim=True).expand_as(residual)
    scale = spec.weight**0.5 / problem.sigma[name]
    return Rows(name, predicted, torch.where(seen, residual * scale, torch.zeros_like(residual)), seen, samples)
