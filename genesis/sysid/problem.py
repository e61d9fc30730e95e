"""The estimation problem: free numbers to weighted residuals of every channel, with their exact Jacobian.

    x = (z, d):   z (n,) free numbers of the parameters, d (W, 2 nv) tangents by which free start states of windows are moved
    r(x) = (channel(simulated) - measured) / sigma * sqrt(weight), continuity gaps, priors

Residuals are evaluated at the measured times, missing numbers are left out.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import DivergenceError
from genesis.observations.dataset import Dataset
from genesis.observations.recording import Recording
from genesis.parameters import Inputs, Numbers, StartState, Tied
from genesis.parameters.parameter import Changes
from genesis.parameters.tied import reach_of
from genesis.scene.physical import Loops
from genesis.selection import indices, tensor
from genesis.setting import Setting
from genesis.sysid.drive import Drive
from genesis.sysid.shooting import Batch, Shooting, Window, batches, cut, samples_of
from genesis.sysid.space import StateSpace


@dataclass
class Motion:
    """Simulated windows of a batch: x (T+1, B, nx), qacc (T, B, nv), dof_ctrl (T, B, nv), act_ctrl (T, B, nu) or None, theta."""

    x: Tensor
    qacc: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None
    theta: Tensor


@dataclass
class RecordingProblem:
    """Everything that a point is judged by.

    setting: scene built with n_envs = 0; channels: by name; parameters: by name; learned: those that are free, in order of z.
    recordings, windows, batches: what is simulated. start: what is known of start states, free or held; None: they are exact.
    Counts simulated windows in ``simulations``.
    """

    setting: Setting
    dataset: Dataset
    channels: dict[str, Any]
    parameters: dict[str, Numbers]
    shooting: Shooting
    recordings: list[Recording]
    start_states: Any  # function (recording, times (S,)) -> qpos (S, nq), qvel (S, nv)
    start: StartState | None = None
    start_noise: Any = None  # function (recording, times (S,)) -> (S, 2 nv) standard deviations, nan where nothing is measured
    simulations: int = 0
    windows: list[Window] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        scene = self.setting.scene
        self.solver, self.physics, self.dt = scene.rigid_solver, scene.rigid_solver.physics, scene.dt
        self.space = StateSpace(self.solver.model)
        self.drive = Drive(self.setting, self.dataset, self.dt)
        if any("dof_frictionloss" in parameter.changes.physical for parameter in self.parameters.values()):
            self.physics.learn_friction()  # before the first launch: also where its start is zero
        self.described = self.setting.described
        self.followers: list[Any] = [p for p in self.parameters.values() if isinstance(p, Tied)]
        self.learned = [p for p in self.parameters.values() if p.learn]
        self.reach = {id(p): reach_of(name, self.parameters) for name, p in self.parameters.items()}
        self.slices: list[tuple[Numbers, int | None, slice]] = []
        first = 0
        for parameter in self.learned:
            for r in range(len(self.recordings)) if parameter.each_recording else (None,):
                self.slices.append((parameter, r, slice(first, first + len(parameter.labels()))))
                first += len(parameter.labels())
        self.n = first
        self.by_recording = any(parameter.each_recording for parameter in self.learned)
        self.loops = Loops(self.drive.kp, self.drive.kv, self.drive.actuators)
        self.positions = self._position_channels()
        self.windows = cut(self.recordings, self.shooting, self.dt)
        self.batches = [self._batch(group) for group in batches(self.windows)]
        # channels of weight zero only say where windows start, or are shown
        self.judged = [name for name, spec in self.dataset.specs.items() if spec.weight > 0.0]
        self.sigma = {name: tensor(spec.sigma) for name, spec in self.dataset.specs.items()}

    # ---- the point

    @property
    def z0(self) -> Tensor:
        """(n,) the start."""
        parts = [parameter.free.detach() for parameter, _, _ in self.slices]
        return torch.cat(parts) if parts else tensor([])

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """(n,), (n,)"""
        pairs = [parameter.free_bounds() for parameter, _, _ in self.slices]
        return torch.cat([low for low, _ in pairs]), torch.cat([high for _, high in pairs])

    @property
    def nt(self) -> int:
        """Tangents of a start state; 0 where start states are not free."""
        return self.space.nt if self.start is not None and self.start.learn else 0

    @cached_property
    def start_std(self) -> np.ndarray:
        """(W, 2 nv) standard deviation of the start of each window: infinite where it is free and nothing is known, zero where it is exact."""
        if self.start is None:
            return np.zeros((len(self.windows), self.space.nt))
        measured = np.full((len(self.windows), self.space.nt), np.nan)
        for r in sorted({w.recording for w in self.windows}) if self.start_noise is not None else ():
            own = [k for k, w in enumerate(self.windows) if w.recording == r]
            measured[own] = self.start_noise(self.recordings[r], np.array([self.windows[k].start for k in own]))
        return self.start.std(measured)

    def hold_starts(self) -> None:
        """Start states stay at their measurements from here on."""
        if self.start is not None:
            self.start = copy(self.start)
            self.start.learn = False
            self.__dict__.pop("start_std", None)

    def split(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """z (n,) and tangents of start states (W, nt), or None where they are not free, of a flat point."""
        return x[: self.n], x[self.n :].reshape(-1, self.nt) if self.nt else None

    def keep(self, x: np.ndarray) -> None:
        """Put a flat point into the parameters, which begin there from now on; what each recording has of its own stays at its start."""
        z = torch.as_tensor(self.split(x)[0])
        with torch.no_grad():
            for parameter, recording, part in self.slices:
                if recording is None:
                    parameter.free.copy_(z[part])

    def changes(self, parameter: Numbers) -> Changes:
        """What a parameter changes, itself and through those that follow it (tie)."""
        return self.reach[id(parameter)]

    def natural(self, z: Tensor) -> Tensor:
        """(n,) reported values."""
        return torch.cat([parameter.values_of(z[part]) for parameter, _, part in self.slices])

    def names(self) -> list[str]:
        """A name for each learned number: group/label, with the recording where each has its own."""
        made = []
        for parameter, r, _ in self.slices:
            own = "" if r is None else f"@{self.recordings[r].name}"
            made += [f"{parameter.name}/{label}{own}" for label in parameter.labels()]
        return made

    def target(self, z: Tensor, recording: int | None = None) -> Inputs:
        """What the parameters make of z; those of a recording of their own for that one."""
        made = Inputs(described=self.described)
        free = {(id(parameter), r): z[part] for parameter, r, part in self.slices}
        for name, parameter in self.parameters.items():
            here = recording if parameter.each_recording else None
            own = free[id(parameter), here] if parameter.learn else parameter.free.detach()
            made.take(name, parameter.with_leaves([own]))
        return made

    def targets(self, z: Tensor) -> list[Inputs]:
        """One for all recordings, or one for each."""
        return [self.target(z, r) for r in range(len(self.recordings))] if self.by_recording else [self.target(z)]

    def prior_rows(self, z: Tensor) -> Tensor:
        """Residuals of priors and of what groups know of themselves, (k,)."""
        rows = []
        for parameter, _, part in self.slices:
            known = parameter.with_leaves([z[part]]).prior_residuals()
            if known is not None:
                rows.append(known)
        return torch.cat(rows) if rows else z.new_zeros(0)

    def described_rows(self, z: Tensor) -> Tensor:
        """Residuals, (k,), that weakly hold what no measurement tells where the description has it."""
        rows = [parameter.with_leaves([z[part]]).described_residuals() for parameter, _, part in self.slices]
        kept = [row for row in rows if row is not None]
        return torch.cat(kept) if kept else z.new_zeros(0)

    # ---- simulation

    def theta(self, targets: Sequence[Inputs]) -> Tensor:
        """(P,), or (recordings, P)."""
        names = list(dict.fromkeys(name for target in targets for name in target.physical))
        replaced = {name: torch.stack([target.value(name) for target in targets]) for name in names}
        return self.solver.parameters.packed(self.loops, replaced)

    def begin(self, batch: Batch, targets: Sequence[Inputs], tangents: Tensor | None) -> Tensor:
        """Start states (B, nx): measured ones freed of what the sensors add to them, moved by tangents (B, 2 nv)."""
        state = batch.state
        if any(key[0] in self.positions for target in targets for key in target.sensors):
            rows = [
                self._unsensed(state[b : b + 1], targets[r if len(targets) > 1 else 0], float(batch.start[b]))
                for b, r in enumerate(batch.target.tolist())
            ]
            state = torch.cat(rows)
        return state if tangents is None else self.space.retract(state, tangents)

    def _unsensed(self, state: Tensor, target: Inputs, stamp: float) -> Tensor:
        """(1, nx) of coordinates that a channel with such properties measures, at a stamp of the recording [s]:

        q = (measured - bias) / gain + (delay - (clock_scale - 1) stamp - clock_offset) * qvel, qvel = measured / gain / clock_scale
        """
        for name, (columns, places, speeds) in self.positions.items():
            gain, bias, *clock = (
                target.sensors.get((name, what)) for what in ("gain", "bias", "delay", "clock_scale", "clock_offset")
            )
            gain, bias = (None if x is None else x.index_select(-1, columns) for x in (gain, bias))
            value, speed = state.index_select(-1, places), state.index_select(-1, speeds)
            value = value if bias is None else value - bias
            value, speed = (value, speed) if gain is None else (value / gain, speed / gain)
            delay, scale, offset = clock
            speed = speed if scale is None else speed / scale
            value = value if delay is None else value + delay * speed
            value = value if scale is None else value + (1.0 - scale) * stamp * speed
            value = value if offset is None else value - offset * speed
            state = state.index_copy(-1, places, value).index_copy(-1, speeds, speed)
        return state

    def simulate(
        self, batch: Batch, targets: Sequence[Inputs], theta: Tensor, tangents: Tensor | None = None, expect_finite: bool = True
    ) -> Motion:
        """Raises: DivergenceError naming recording and time, or the parameter whose value follows others to one that is not allowed."""
        for target in targets:
            for parameter in self.followers:
                parameter.expect_allowed(target.taken)
        self.simulations += len(batch)
        start = self.begin(batch, targets, tangents)
        dof_ctrl, act_ctrl = self.controls(batch, targets)
        rows = theta if theta.dim() == 1 else theta[batch.target]
        q, v, a = self.physics.rollout(rows, *(part.contiguous() for part in self.space.split(start)), dof_ctrl, act_ctrl)
        motion = Motion(torch.cat([q, v], -1), a, dof_ctrl, act_ctrl, rows)
        if expect_finite:
            self._expect_finite(batch, motion)
        return motion

    def controls(self, batch: Batch, targets: Sequence[Inputs]) -> tuple[Tensor, Tensor | None]:
        """dof_ctrl (T, B, nv), act_ctrl (T, B, nu) or None."""
        if len(targets) == 1 or not self.driven_by(targets):
            return self._of_target(batch, targets[0])
        rows = [(k, (batch.target == k).nonzero()[:, 0]) for k in batch.target.unique().tolist()]
        made = [self._of_target(batch.rows(own.tolist()), targets[k]) for k, own in rows]
        back = torch.argsort(torch.cat([own for _, own in rows]))
        dof_ctrl = torch.cat([u for u, _ in made], 1)[:, back]
        driven = [c for _, c in made if c is not None]
        return dof_ctrl, torch.cat(driven, 1)[:, back] if driven else None

    def _of_target(self, batch: Batch, target: Inputs) -> tuple[Tensor, Tensor | None]:
        gains = {name: target.value(name) for name in ("dof_kp", "dof_kv")}
        return self.drive.controls(batch, self.recordings, target.recorded, gains)

    def driven_by(self, targets: Sequence[Inputs]) -> bool:
        """Whether the targets change controls."""
        closed = bool(self.drive.kp.any() or self.drive.kv.any())
        return any(t.recorded or (closed and ("dof_kp" in t.physical or "dof_kv" in t.physical)) for t in targets)

    def _expect_finite(self, batch: Batch, motion: Motion) -> None:
        bad = ~torch.isfinite(motion.x.detach()).all(-1)
        if not bool(bad.any()):
            return
        env = int(bad.any(0).nonzero()[0])
        step = int(bad[:, env].nonzero()[0])
        recording = self.recordings[int(batch.recording[env])]
        raise DivergenceError(
            f"{recording.name}: the simulation of the window that starts at {batch.start[env]:.4g} s diverged after "
            f"{step * self.dt:.4g} s; a smaller scene.dt, a shorter shooting.window or tighter bounds may help.",
            env=env, step=step, quantity="state",
        )  # fmt: skip

    # ---- making

    def _position_channels(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """Channels that start positions come from: their columns, and where these lie in x with their velocities.

        Of two channels that measure a joint the first one counts, as in `observations.start`.
        """
        speeds = dict(zip(self.space.plain_q.tolist(), self.space.plain_v.tolist(), strict=True))
        made: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
        taken: set[int] = set()
        for name, channel in self.channels.items():
            if channel.kind == "joint_position":
                own = [(k, q) for k, q in enumerate(channel.selection) if q not in taken]
                taken.update(q for _, q in own)
                places = [q for _, q in own]
                made[name] = indices([k for k, _ in own]), indices(places), indices([self.space.nq + speeds[q] for q in places])
        return made

    def _batch(self, group: list[int]) -> Batch:
        windows = [self.windows[i] for i in group]
        start = np.array([w.start for w in windows])
        steps = np.array([w.steps for w in windows])
        owner = np.array([w.recording for w in windows])
        state = np.zeros((len(group), self.space.nx))
        for r in np.unique(owner):
            rows = np.flatnonzero(owner == r)
            qpos, qvel = self.start_states(self.recordings[r], start[rows])[:2]
            state[rows, : self.space.nq], state[rows, self.space.nq :] = qpos, qvel
        batch = Batch(group, indices(owner.tolist()), start, steps, int(steps.max()), tensor(state))
        batch.inputs = self.drive.recorded(batch, self.recordings)
        for name in self.channels:
            samples = samples_of(batch, self.windows, self.recordings, name, self.dt)
            if samples is not None:
                batch.samples[name] = samples
        return batch
