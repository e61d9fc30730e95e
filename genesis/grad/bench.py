"""What the launches of one model and batch size share: scratch memory, packed parameters, kernels bound to their scalars."""

import math
from typing import Any

import torch

from genesis.dynamics.constraints.ledger import HEADER
from genesis.dynamics.launch import Launcher, keeps_tape, kernels, lanes_for
from genesis.dynamics.rollout import SCHEMES
from genesis.dynamics.workspace import ALL, record_size, scratch_size
from genesis.errors import InputError
from genesis.grad.constrained import ConstraintSetting
from genesis.grad.faults import gradient_fault
from genesis.grad.watch import Watch

TAPE = 2**22  # numbers of the longest tape that a rollout keeps for its adjoint; beyond, the adjoint computes again
#: Links that a launch goes through, over environments and time steps, up to which waking Taichi's threads costs more than they save. With
#: constraints kernels are dear to compile and every step is long: those have one version.
SMALL = 2000
ADDRESSES = 2**28  # lane scalars that a kernel reaches, see `Robot.opaque`


class Bench:
    """Scratch memory and launchers for one batch size."""

    ROLLOUT = ((1, 2, 11, 12, 13), (1, 2, 19, 20, 21, 22))  # arrays of one index, in the forward and in the adjoint kernel
    BLOCKS = {
        "kinematics": ((1, 2), (1, 2, 9)),
        "inverse": ((1, 2), (1, 2, 10)),
        "contacts": ((1, 2, 7, 8), (1, 2, 10, 11, 12)),
    }

    def __init__(self, physics: Any, batch: int) -> None:
        model, like = physics.model, physics.nothing
        self.variant, self.candidates = physics.variant, model.sizes["ncand"]
        self.batch, self.lanes, self.nlink = batch, lanes_for(batch), model.nlink
        self.blocks = -(-batch // self.lanes)
        self.lane_axis = (self.lanes,) if self.lanes > 1 else ()
        self.room, self.width = scratch_size(model.sizes, SCHEMES[physics.kind].layout), model.parameter_size
        room = max(self.room, self.lanes * (physics.constraints.room if physics.constraints else 0))
        if self.blocks * room >= ADDRESSES:
            most = (ADDRESSES - 1) // room * self.lanes
            raise InputError(f"{batch} environments of this model need more memory than a kernel addresses; at most {most}.")
        self.scratch = like.new_zeros(self.blocks * self.room, *self.lane_axis)
        end = self.scratch.view(self.blocks, self.room, *self.lane_axis)[:, ALL.place("end", model.sizes)]
        self._end = end.numpy() if end.device.type == "cpu" else end
        self._launches: dict[tuple[int, bool, bool, bool, bool, float], RolloutLaunch] = {}
        self._launchers: dict[tuple[str, bool], tuple[Launcher, Launcher, Launcher]] = {}
        self._packed: tuple[Any, int, torch.Tensor] | None = None
        self.record = (
            record_size(model.sizes) if keeps_tape(physics.kind, batch, self.variant) else 0
        )  # of one evaluation, see `Scratch`
        self.no_tape = like.new_zeros(self.record) if self.record else None
        self.no_bar = like.new_zeros(self.width, *self.lane_axis)
        self.setting: ConstraintSetting | None = None  # that there is memory for
        self.watch: Watch | None = None
        self.contact_arrays: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None)

    def fit(self, physics: Any, setting: ConstraintSetting | None) -> None:
        """Memory of the constraints for a setting, in place of what there was, unless it is there; what was reported stays.

        Raises: RuntimeError where the memory is not to be had: then there is none at all, until the next call.
        """
        if setting is self.setting or setting is None or self.variant is None:
            return
        if self.watch is not None:
            self.watch.leave()
        self.setting, self.contact_arrays = None, (None, None)  # what there was is free for what comes
        ledger = self.scratch.new_zeros(self.blocks * self.lanes * setting.room, dtype=torch.float64)
        rows = ledger.view(self.blocks * self.lanes, setting.room)
        self.watch = Watch(self, physics, setting, rows[: self.batch], self.watch)
        self.setting, self.contact_arrays = setting, (ledger, physics.shapes)

    def ledger_bytes(self, setting: ConstraintSetting) -> int:
        """Memory of the constraints for a setting."""
        return 8 * self.blocks * self.lanes * setting.room

    def touched(self) -> torch.Tensor:
        """(environments of all lanes, candidate pairs): 1 where a pair has touched in the last rollout; memory of the ledger."""
        rows = self.contact_arrays[0].view(self.blocks * self.lanes, self.setting.room)  # type: ignore[union-attr]
        return rows[:, HEADER : HEADER + self.candidates]

    def layout(self, batched: bool) -> tuple[int, int, int, int]:
        """Kernel scalars: environments, blocks, scratch of a block, distance of the parameter rows of two blocks."""
        return self.batch, self.blocks, self.room, self.width if batched else 0

    def rollout(self, physics: Any, horizon: int, theta, control, wrench, lead: bool) -> "RolloutLaunch":
        """The launch of this kind; lead: states begin with the initial one."""
        key = (horizon, theta.dim() == 2, control is not None, wrench is not None, lead, physics.reach)
        launch = self._launches.get(key)
        if launch is None:
            if len(self._launches) > 64:  # a caller that varies the horizon without end
                self._launches.clear()
            launch = self._launches[key] = RolloutLaunch(physics, self, *key)
        return launch

    def end(self) -> float:
        """A number that is finite if the state at the end of the last rollout is in every environment, or what came out of the last adjoint."""
        # a single number needs no sum, whose code has left the caches while the kernel ran: 15 µs
        return (self._end if self.batch == 1 else self._end.sum()).item()

    def launchers(self, kind: str, evaluations: int) -> tuple[Launcher, Launcher, Launcher]:
        """Forward, adjoint, adjoint with the parameters' adjoints: index 1 + want. evaluations: how often a launch goes through the links."""
        variant = None if self.variant is None or kind in ("kinematics", "inverse") else self.variant
        small = self.lanes > 1 and variant is None and self.batch * evaluations * self.nlink < SMALL
        if (kind, small) not in self._launchers:
            forward, *adjoints = kernels(
                kind, self.lanes, variant[:1] if variant and kind == "contacts" else variant, small, self.room
            )
            a, b = self.BLOCKS.get(kind, self.ROLLOUT)
            plain, full = (Launcher(kernel, self.lanes, b, self.batch) for kernel in adjoints)
            self._launchers[kind, small] = (Launcher(forward, self.lanes, a, self.batch), plain, full)
        return self._launchers[kind, small]

    def parameters(self, theta: torch.Tensor) -> torch.Tensor:
        """theta in the memory order of the kernels; the last one is kept."""
        kept = self._packed
        if kept is not None and kept[0] is theta and kept[1] == theta._version:
            return kept[2]
        x = theta.detach()
        if self.lanes == 1:
            packed = x.reshape(-1).contiguous()
        elif x.dim() == 1:
            packed = x[:, None].expand(-1, self.lanes).contiguous()
        else:
            rows = torch.arange(self.blocks * self.lanes, device=x.device).clamp_(max=self.batch - 1)
            packed = x[rows].reshape(self.blocks, self.lanes, -1).transpose(1, 2).reshape(-1, self.lanes).contiguous()
        if not theta.is_inference():  # such a tensor does not tell when it changes
            self._packed = (theta, theta._version, packed)
        return packed

    def parameters_bar(self, want: bool) -> torch.Tensor:
        return self.scratch.new_zeros(self.blocks * self.width, *self.lane_axis) if want else self.no_bar

    def theta_bar(self, bar: torch.Tensor, theta: torch.Tensor, columns: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of theta from that of the kernels; lanes that only repeat the last environment are dropped.

        columns: only these entries of theta, and a row for every environment, also where they share theta.
        """
        bar = bar.view(self.blocks, self.width, *self.lane_axis)
        if columns is not None:
            bar = bar.index_select(1, columns)
        rows = bar if self.lanes == 1 else bar.transpose(1, 2).reshape(self.blocks * self.lanes, -1)[: self.batch]
        return rows.sum(0) if theta.dim() == 1 and columns is None else rows


class RolloutLaunch:
    """What both passes of one kind of rollout share: the scalars of the kernels. Made once per kind, see `Bench.rollout`."""

    def __init__(
        self,
        physics: Any,
        bench: Bench,
        horizon: int,
        batched: bool,
        controlled: bool,
        wrenched: bool,
        lead: bool,
        reach: float,
    ) -> None:
        self.physics, self.bench, self.has = physics, bench, (controlled, wrenched)
        self.lead, self.reach, self.key = lead, reach, (horizon, batched, controlled, wrenched)
        new = bench.scratch.new_zeros  # adjoints of positions and velocities that no loss depends on, and no commands
        self.no_q_bar, self.no_v_bar = (new(horizon + 1, bench.batch, n) for n in (physics.nq, physics.nv))
        self.no_command, self.no_command_bar = self.no_v_bar[1:], torch.empty_like(self.no_v_bar[1:])
        self.run, *self.run_adjoint = bench.launchers(physics.kind, horizon * physics.substeps * physics.stages)
        self.bind()

    def bind(self) -> None:
        """Memory and scalars for the room that the constraints have now."""
        physics, bench = self.physics, self.bench
        bench.fit(physics, physics.constraints)
        horizon, batched, controlled, wrenched = self.key
        self.bound_to = physics.constraints
        more = physics.constraints.integers if physics.constraints else (0, 0, 0, 0, 0, 0)
        reals = physics.constraints.reals if physics.constraints else (1.0, 0.0, 0.0)
        first = (horizon, physics.substeps, *bench.layout(batched), int(controlled), int(wrenched), int(self.lead))
        reals = (*physics.reals, *reals)
        length = horizon * physics.substeps * physics.stages * bench.record
        self.tape = length if length <= TAPE and not wrenched else 0
        self.scalars: dict[bool, tuple] = {}
        self.adjoint_scalars: dict[tuple[bool, bool], tuple] = {}
        for kept in (False, True):
            integers = (*first, bench.record if kept else 0, *more)
            self.scalars[kept] = (integers, reals)
            for accelerated in (False, True):
                whole = ((*integers, bench.width, int(accelerated)), (*reals, self.reach))
                self.adjoint_scalars[kept, accelerated] = whole

    def forward(self, theta, inputs, outputs, keep: bool = False) -> torch.Tensor | None:
        """Runs the kernel; returns what the adjoint asks for besides: with constraints which candidate pairs have touched, without the tape
        of a single environment, if ``keep``. inputs: command, control, wrench, q0, v0; outputs: q, v, a."""
        p, b = self.physics, self.bench
        tape = b.scratch.new_empty(self.tape) if keep and self.tape else None
        records = b.no_tape if tape is None else tape
        arrays = (p.integers, b.parameters(theta), b.scratch, *inputs, *outputs, records)
        while True:
            if self.bound_to is not p.constraints or b.setting is not p.constraints:
                self.bind()
            self.run((*arrays, *b.contact_arrays), self.scalars[tape is not None])
            if b.watch is None:
                return tape
            if not b.watch.outgrown():
                return b.touched().clone() if self.reach > 0.0 else None

    def adjoint(self, need_theta: bool, theta, inputs, outputs, q_bar, v_bar, a_bar, kept=None, columns=None, start=0):
        """Adjoints of (theta, q0, v0, command, control, wrench).

        Args:
            kept: what `forward` has returned; columns: see `theta_bar`; start: steps before the launch, for messages.
        Raises: DivergenceError if one is not finite, ContactOverflowError.

        With ``lead`` the initial state is the beginning of the trajectory, and not looked for among the inputs.
        """
        p, b = self.physics, self.bench
        tape = kept if b.watch is None else None
        u, c, w, q0, v0 = inputs
        q0_bar, v0_bar = [x.new_empty(x.shape[1:]) for x in outputs[:2]] if self.lead else [torch.empty_like(x) for x in (q0, v0)]
        u_bar = self.no_command_bar if u is self.no_command else torch.empty_like(u)
        c_bar = torch.empty_like(c) if self.has[0] else p.nothing
        w_bar = torch.empty_like(w) if self.has[1] else p.nothing
        records = None if need_theta else b.no_tape if tape is None else tape
        arrays = (
            p.integers, b.parameters(theta), b.scratch, *inputs, *outputs,
            self.no_q_bar if q_bar is None else q_bar, self.no_v_bar if v_bar is None else v_bar,
            p.nothing if a_bar is None else a_bar, u_bar, c_bar, w_bar, q0_bar, v0_bar,
        )  # fmt: skip
        while True:
            if self.bound_to is not p.constraints or b.setting is not p.constraints:
                self.bind()
            if b.watch is not None and kept is not None:
                b.touched().copy_(kept)
            theta_bar = b.parameters_bar(True) if need_theta else None
            scalars = self.adjoint_scalars[tape is not None, a_bar is not None]
            self.run_adjoint[need_theta]((*arrays, theta_bar, records, *b.contact_arrays), scalars)
            if b.watch is None or not b.watch.outgrown(backward=True):
                break
        if not (math.isfinite(b.end()) and (theta_bar is None or math.isfinite(theta_bar.sum().item()))):
            given = {"qpos": q_bar, "qvel": v_bar, "qacc": a_bar}
            made = {"controls": u_bar, "actuator controls": c_bar, "external forces": w_bar, "qpos": q0_bar, "qvel": v0_bar}
            raise gradient_fault(self, given, made, theta_bar, start)
        return (
            b.theta_bar(theta_bar, theta, columns) if need_theta else None, q0_bar, v0_bar, u_bar,
            c_bar if self.has[0] else None, w_bar if self.has[1] else None,
        )  # fmt: skip
