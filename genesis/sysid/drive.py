"""Recorded inputs as controls of the time steps, with the gains, biases, delays and lags that are identified.

u(t) = gain * filter_lag(series((t - delay - clock_offset) / clock_scale)) + bias,
lag: y' = (series - y) / lag, exact for inputs that hold over a step
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.signal import lfilter
from torch import Tensor

from genesis.observations.clocks import stretches
from genesis.observations.dataset import Dataset
from genesis.observations.inputs import input_places
from genesis.observations.recording import Recording
from genesis.observations.spec import InputSpec
from genesis.selection import indices, tensor
from genesis.setting import Setting
from genesis.sysid.shooting import Batch, grid_times

Values = Mapping[tuple[str, str], Tensor]


class Lag(torch.autograd.Function):
    """y_k = a y_(k-1) + (1 - a) u_k along the first axis, y_(-1) = u_0: a lag over steps that hold; a (): a number."""

    @staticmethod
    def forward(u: Tensor, a: Tensor) -> Tensor:
        return _filter(u, float(a), u[:1])

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        u, a = inputs
        ctx.save_for_backward(u, a, output)
        ctx.save_for_forward(u, a, output)

    @staticmethod
    def backward(ctx, y_bar):
        u, a, y = ctx.saved_tensors
        carried = _filter(y_bar.flip(0), float(a), torch.zeros_like(y_bar[:1]), gain=1.0).flip(0)
        u_bar = (1.0 - a) * carried
        u_bar[0] += a * carried[0]  # the filter starts settled on the first value
        before = torch.cat([u[:1], y[:-1]])
        return u_bar, (carried * (before - u)).sum()

    @staticmethod
    def jvp(ctx, u_dot, a_dot):
        u, a, y = ctx.saved_tensors
        drive, start = torch.zeros_like(y), torch.zeros_like(y[:1])
        if u_dot is not None:
            drive, start = drive + (1.0 - a) * u_dot, u_dot[:1]
        if a_dot is not None:
            drive = drive + a_dot * (torch.cat([u[:1], y[:-1]]) - u)
        return _filter(drive, float(a), start, gain=1.0)


def _filter(u: Tensor, a: float, before: Tensor, gain: float | None = None) -> Tensor:
    """y_k = a y_(k-1) + gain u_k (gain 1 - a if None), y_(-1) = before (1, ...)."""
    b = 1.0 - a if gain is None else gain
    x = u.detach().cpu().numpy()
    made, _ = lfilter([b], [1.0, -a], x, axis=0, zi=a * before.detach().cpu().numpy())
    return torch.as_tensor(np.ascontiguousarray(made)).to(u)


@dataclass(frozen=True)
class Timing:
    """When an input acts that is stamped t: scale * t + offset + delay, t from the start of its recording; None: nothing is changed."""

    delay: Tensor | None = None
    offset: Tensor | None = None
    scale: Tensor | None = None

    @property
    def idle(self) -> bool:
        """Inputs act when they are stamped."""
        return self.delay is None and self.offset is None and self.scale is None

    def stamps(self, at: Tensor) -> Tensor:
        """The stamps (T,) of what acts at times (T,)."""
        at = at if self.delay is None else at - self.delay
        at = at if self.offset is None else at - self.offset
        return at if self.scale is None else at / self.scale


@dataclass
class _Input:
    """One input: the degrees of freedom or actuators that its columns drive."""

    spec: InputSpec
    places: Tensor


class Drive:
    """Controls of batches from the inputs of recordings.

    kp, kv (1, nv): which joint controllers are closed; actuators (1, nu): which actuators are driven, None without any.
    """

    def __init__(self, setting: Setting, dataset: Dataset, dt: float) -> None:
        self.dt, model = dt, setting.scene.rigid_solver.model
        self.nv, self.nu = model.nv, model.nu
        self.inputs: dict[str, _Input] = {}
        self.kp, self.kv = np.zeros((1, model.nv), bool), np.zeros((1, model.nv), bool)
        driven = np.zeros((1, model.nu), bool)
        for name, spec in dataset.inputs.items():
            places = input_places(setting, spec)
            self.inputs[name] = _Input(spec, indices(places))
            if spec.kind == "actuator":
                driven[:, places] = True
            elif spec.kind == "joint_position":
                self.kp[:, places] = self.kv[:, places] = True
            elif spec.kind == "joint_velocity":
                self.kv[:, places] = True
        self.actuators: np.ndarray | None = driven if driven.any() else None
        self.offsets = model.parameter_offsets

    def unlimited(self, theta: Tensor) -> Tensor:
        """theta (..., P) without bounds of the forces of joints that follow no target: what was recorded has acted."""
        recorded = torch.as_tensor(~(self.kp | self.kv)[0])
        for name, bound in (("dof_force_lo", -torch.inf), ("dof_force_hi", torch.inf)):
            first, count = self.offsets[name]
            there = theta[..., first : first + count]
            own = torch.where(recorded, torch.full_like(there, bound), there)
            theta = torch.cat([theta[..., :first], own, theta[..., first + count :]], -1)
        return theta

    def recorded(self, batch: Batch, recordings: Sequence[Recording]) -> dict[str, Tensor]:
        """Series (T, B, columns) of each input as it was recorded."""
        return {name: self._read(item.spec, batch, recordings, Timing()) for name, item in self.inputs.items()}

    def controls(
        self, batch: Batch, recordings: Sequence[Recording], values: Values, gains: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """dof_ctrl (T, B, nv) of the joint controllers, act_ctrl (T, B, nu) of actuators or None.

        Args:
            values: (input, property) -> identified value; gains: dof_kp, dof_kv (nv,) that turn targets into dof_ctrl.
        """
        dof_ctrl = tensor(np.zeros((batch.horizon, len(batch), self.nv)))
        act_ctrl = tensor(np.zeros((batch.horizon, len(batch), self.nu))) if self.actuators is not None else None
        for name, item in self.inputs.items():
            made = self._series(name, item.spec, batch, recordings, values)
            if item.spec.kind == "actuator":
                assert act_ctrl is not None
                act_ctrl = act_ctrl.index_add(-1, item.places, made)
                continue
            gain = {"joint_position": "dof_kp", "joint_velocity": "dof_kv"}.get(item.spec.kind)
            if gain is not None:
                made = made * gains[gain].index_select(-1, item.places)
            dof_ctrl = dof_ctrl.index_add(-1, item.places, made)
        return dof_ctrl, act_ctrl

    def _series(self, name: str, spec: InputSpec, batch: Batch, recordings: Sequence[Recording], values: Values) -> Tensor:
        """(T, B, columns) with everything that is identified of the input."""
        gain, bias, lag = (values.get((name, what)) for what in ("gain", "bias", "lag"))
        timing = Timing(*(values.get((name, what)) for what in ("delay", "clock_offset", "clock_scale")))
        if lag is not None:
            made = self._lagged(spec, batch, recordings, timing, lag)
        else:
            made = batch.inputs[name] if timing.idle else self._read(spec, batch, recordings, timing)
        made = made if gain is None else made * gain
        return made if bias is None else made + bias

    def _read(self, spec: InputSpec, batch: Batch, recordings: Sequence[Recording], timing: Timing) -> Tensor:
        """(T, B, columns)"""
        times = grid_times(batch, self.dt)
        parts = [self._at(recordings[r], spec, times[:, b], timing) for b, r in enumerate(batch.recording.tolist())]
        return torch.stack(parts, 1)

    def _lagged(self, spec: InputSpec, batch: Batch, recordings: Sequence[Recording], timing: Timing, lag: Tensor) -> Tensor:
        """(T, B, columns); the lag runs from the first number of a recording, or after a gap, on, windows are cut from what comes out."""
        decay = torch.exp(-self.dt / lag.clamp(min=1e-9))
        order, parts = [], []
        for r in batch.recording.unique().tolist():
            recording = recordings[r]
            for begin, end in recording.stretches:
                inside = (batch.recording.numpy() == r) & (batch.start >= begin) & (batch.start < end)
                if not inside.any():
                    continue
                rows = torch.as_tensor(np.flatnonzero(inside))
                first = np.round((batch.start[inside] - begin) / self.dt).astype(int)
                times = recording.inputs[spec.name].time
                earliest = next((times[part.start] for part in stretches(times) if times[part.stop - 1] >= begin), begin)
                before = max(0, int((begin - earliest) / self.dt))
                steps = np.arange(-before, int(first.max()) + batch.horizon)
                whole = Lag.apply(self._at(recording, spec, begin + (steps + 0.5) * self.dt, timing), decay)
                parts.append(whole[torch.as_tensor(before + first[None] + np.arange(batch.horizon)[:, None])])
                order.append(rows)
        return torch.cat(parts, 1)[:, torch.argsort(torch.cat(order))]

    def _at(self, recording: Recording, spec: InputSpec, times: np.ndarray, timing: Timing) -> Tensor:
        """(T, columns) at times (T,), when they act by what is identified of it; stamps hold the delay of the config already."""
        series = recording.inputs[spec.name]
        return read_series(tensor(series.time), tensor(series.values), timing.stamps(tensor(times)), spec.hold, self.dt)


def read_series(time: Tensor, values: Tensor, at: Tensor, hold: str, dt: float) -> Tensor:
    """values (N, k) at times (N,) as controls (T, k) of the steps of dt around ``at`` (T,); before and after, the ends go on.

    Linear: on the lines between samples. Zero: the mean over the step of the sample that holds, which a delay changes smoothly.
    """
    if hold == "linear":
        return on_lines(time, values, at)
    if len(time) == 1:
        return values.expand(len(at), -1)
    far = 1e3  # [s] beyond every window
    grown = torch.cumsum(values[:-1] * (time[1:] - time[:-1]).unsqueeze(-1), 0)
    total = torch.cat([-far * values[:1], torch.zeros_like(values[:1]), grown, grown[-1:] + far * values[-1:]])
    nodes = torch.cat([time[:1] - far, time, time[-1:] + far])
    return (on_lines(nodes, total, at + 0.5 * dt) - on_lines(nodes, total, at - 0.5 * dt)) / dt


def on_lines(time: Tensor, values: Tensor, at: Tensor) -> Tensor:
    """Linear interpolation of values (N, k) at times (N,) to (T, k); beyond the ends their values. Differentiable to ``at``."""
    if len(time) == 1:
        return values.expand(len(at), -1)
    after = torch.searchsorted(time.contiguous(), at.detach().contiguous(), right=True).clamp(1, len(time) - 1)
    left, right = time[after - 1], time[after]
    share = ((at - left) / (right - left)).clamp(0.0, 1.0).unsqueeze(-1)
    return values[after - 1] + share * (values[after] - values[after - 1])
