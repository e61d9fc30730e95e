"""What the launches of one model and batch size share: scratch memory, packed parameters, kernels bound to their numbers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from genesis.dynamics.constraints.ledger import HEADER
from genesis.dynamics.distance_jacobian import TOUCHING
from genesis.dynamics.inspect_contacts import WIDTH
from genesis.dynamics.launch import Launch, Launcher, keeps_tape, kernels, lanes_for
from genesis.dynamics.schemes import SCHEMES
from genesis.dynamics.workspace import ALL, scratch_size, tape_width
from genesis.errors import InputError
from genesis.grad.constrained import ConstraintSetting
from genesis.grad.linearize_launch import LinearizeLaunch
from genesis.grad.rollout_launch import RolloutLaunch
from genesis.grad.status import Status

if TYPE_CHECKING:
    from genesis.grad.physics import Physics

#: Links that a launch goes through, over environments and time steps, up to which waking Taichi's threads costs more than they save. With
#: constraints kernels are dear to compile and every step is long: those have one version.
SMALL = 2000
ADDRESSES = 2**28  # lane scalars that a kernel reaches, see `Robot.opaque`


WITHOUT_CONTACTS = ("kinematics", "inverse", "distance jacobian")  # kinds that are the same whatever may touch
MOST = 64  # launches that are kept, for a caller that varies the horizon without end


class Launches:
    """Scratch memory and launches for one batch size."""

    def __init__(self, physics: "Physics", batch: int) -> None:
        model, like = physics.model, physics.nothing
        self.variant, self.candidates = physics.variant, model.sizes["ncand"]
        self.batch, self.lanes, self.nlink = batch, lanes_for(batch), model.nlink
        self.blocks = -(-batch // self.lanes)
        self.lane_axis = (self.lanes,) if self.lanes > 1 else ()
        self.scratch_stride, self.parameter_size = scratch_size(model.sizes, SCHEMES[physics.kind].layout), model.parameter_size
        most = max(self.scratch_stride, self.lanes * (physics.constraints.ledger_stride if physics.constraints else 0))
        if self.blocks * most >= ADDRESSES:
            fit = (ADDRESSES - 1) // most * self.lanes
            raise InputError(f"{batch} environments of this model need more memory than a kernel addresses; at most {fit}.")
        self.scratch = like.new_zeros(self.blocks * self.scratch_stride, *self.lane_axis)
        end = self.scratch.view(self.blocks, self.scratch_stride, *self.lane_axis)[:, ALL.place("end", model.sizes)]
        self._end = end.numpy() if end.device.type == "cpu" else end
        self._rollouts: dict[tuple[int, bool, bool, bool, bool, float, tuple[int, float]], RolloutLaunch] = {}
        self._linearize: dict[tuple[int, int, bool, bool, float], LinearizeLaunch] = {}
        self._functions: dict[tuple[str, int, bool, int], tuple[Launch, ...]] = {}
        self._launchers: dict[tuple[str, bool], tuple[Launcher, ...]] = {}
        self._packed: tuple[torch.Tensor, int, torch.Tensor] | None = None
        # numbers that the tape keeps of one evaluation of the dynamics, see `Scratch`
        self.tape_width = tape_width(model.sizes) if keeps_tape(physics.kind, batch, self.variant) else 0
        self.no_tape = like.new_zeros(self.tape_width) if self.tape_width else None
        self.no_feedback = like.new_zeros(1)
        self.no_bar = like.new_zeros(self.parameter_size, *self.lane_axis)
        self.fixed = {"integers": physics.integers, "scratch": self.scratch}  # arrays that every launch reads
        sizes = dict(nq=physics.nq, nv=physics.nv, nu=physics.nu, nlink=physics.nlink)
        self.sizes: Mapping[str, int] = sizes | dict(B=batch, stages=physics.stages, WIDTH=WIDTH)
        self.setting: ConstraintSetting | None = None  # that there is memory for
        self.status: Status | None = None
        self.contact_arrays: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None)

    def fit(self, physics: "Physics", setting: ConstraintSetting | None) -> None:
        """Memory of the constraints for a setting, in place of what there was, unless it is there; what was reported stays.

        Raises: RuntimeError where the memory is not to be had: then there is none at all, until the next call.
        """
        if setting is self.setting or setting is None or self.variant is None:
            return
        if self.status is not None:
            self.status.leave()
        self._functions.clear()
        self.setting, self.contact_arrays = None, (None, None)  # what there was is free for what comes
        ledger = self.scratch.new_zeros(self.blocks * self.lanes * setting.ledger_stride, dtype=torch.float64)
        rows = ledger.view(self.blocks * self.lanes, setting.ledger_stride)
        self.status = Status(self, physics, setting, rows[: self.batch], self.status)
        self.setting, self.contact_arrays = setting, (ledger, physics.shapes)

    def ledger_bytes(self, setting: ConstraintSetting) -> int:
        """Memory of the constraints for a setting."""
        return 8 * self.blocks * self.lanes * setting.ledger_stride

    def touched(self) -> torch.Tensor:
        """(environments of all lanes, candidate pairs): 1 where a pair has touched in the last rollout; memory of the ledger."""
        rows = self.contact_arrays[0].view(self.blocks * self.lanes, self.setting.ledger_stride)  # type: ignore[union-attr]
        return rows[:, HEADER : HEADER + self.candidates]

    def layout(self, batched: bool) -> dict[str, int]:
        """Numbers of the kernels: how environments lie in memory."""
        return {
            "batch": self.batch,
            "blocks": self.blocks,
            "scratch_stride": self.scratch_stride,
            "parameter_stride": self.parameter_size if batched else 0,
        }

    def rollout(
        self,
        physics: "Physics",
        horizon: int,
        theta: torch.Tensor,
        act_ctrl: torch.Tensor | None,
        wrench: torch.Tensor | None,
        with_initial: bool,
    ) -> RolloutLaunch:
        """The launch of this kind; with_initial: states begin with the initial one."""
        key = (
            horizon,
            theta.dim() == 2,
            act_ctrl is not None,
            wrench is not None,
            with_initial,
            physics.reach,
            physics.truncation,
        )
        launch = self._rollouts.get(key)
        if launch is None:
            if len(self._rollouts) > MOST:
                self._rollouts.clear()
            launch = self._rollouts[key] = RolloutLaunch(physics, self, *key)
        return launch

    def linearize(
        self, physics: "Physics", count: int, chosen: int, theta: torch.Tensor, act_ctrl: torch.Tensor | None
    ) -> LinearizeLaunch:
        """The launch that linearises the first ``count`` states, with ``chosen`` parameters."""
        key = (count, chosen, theta.dim() == 2, act_ctrl is not None, physics.reach)
        launch = self._linearize.get(key)
        if launch is None:
            if len(self._linearize) > MOST:
                self._linearize.clear()
            launch = self._linearize[key] = LinearizeLaunch(physics, self, *key)
        return launch

    def function(
        self, kind: str, samples: int, batched: bool, constraints: Mapping[str, float] | None = None, pairs: int = 0
    ) -> tuple[Launch, ...]:
        """Launches of a function of S states, to be called by name (`Launch.named`): forward, adjoint, adjoint with the parameters' adjoints:
        index 1 + want. constraints: numbers of their kernels, of the setting that there is memory for. pairs: of links, where it has them."""
        key = kind, samples, batched, pairs
        if key not in self._functions:
            if len(self._functions) > MOST:
                self._functions.clear()
            numbers = {"samples": samples, **self.layout(batched), **(constraints or {}), **({"pairs": pairs} if pairs else {})}
            back = {**numbers, "parameter_bar_stride": self.parameter_size}
            contacts = self.setting.contacts if self.setting else 0
            sizes = {**self.sizes, "S": samples, "contacts": contacts, "pairs": pairs, "TOUCHING": TOUCHING}
            forward, *adjoints = self.launchers(kind, samples)
            made = []
            for launcher, mine in ((forward, numbers), *((launcher, back) for launcher in adjoints)):
                given = [array.name for array in launcher.kernel.arrays if array.name not in self.fixed]
                made.append(launcher.bind(mine, self.fixed, given, sizes))
            self._functions[key] = tuple(made)
        return self._functions[key]

    def end(self, blocks: int | None = None) -> float:
        """A number that is finite if the state at the end of the last rollout is in every environment, or what came out of the last adjoint.

        blocks: the first ones alone.
        """
        # a single number needs no sum, whose code has left the caches while the kernel ran: 15 µs
        return (self._end if self.batch == 1 else self._end[:blocks].sum()).item()

    def launchers(self, kind: str, evaluations: int) -> tuple[Launcher, ...]:
        """Of the `kernels` of a kind; evaluations: how often a launch goes through the links."""
        variant = None if self.variant is None or kind in WITHOUT_CONTACTS else self.variant
        small = self.lanes > 1 and variant is None and self.batch * evaluations * self.nlink < SMALL
        if (kind, small) not in self._launchers:
            made = kernels(
                kind, self.lanes, variant[:1] if variant and kind == "contacts" else variant, small, self.scratch_stride
            )
            self._launchers[kind, small] = tuple(Launcher(kernel, self.batch) for kernel in made)
        return self._launchers[kind, small]

    def parameters(self, theta: torch.Tensor) -> torch.Tensor:
        """theta in the memory order of the kernels; the last one is kept."""
        last = self._packed
        if last is not None and last[0] is theta and last[1] == theta._version:
            return last[2]
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
        return self.scratch.new_zeros(self.blocks * self.parameter_size, *self.lane_axis) if want else self.no_bar

    def theta_bar(self, bar: torch.Tensor, theta: torch.Tensor, columns: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of theta from that of the kernels; lanes that only repeat the last environment are dropped.

        columns: only these entries of theta, and a row for every environment, also where they share theta.
        """
        bar = bar.view(self.blocks, self.parameter_size, *self.lane_axis)
        if columns is not None:
            bar = bar.index_select(1, columns)
        rows = bar if self.lanes == 1 else bar.transpose(1, 2).reshape(self.blocks * self.lanes, -1)[: self.batch]
        return rows.sum(0) if theta.dim() == 1 and columns is None else rows
