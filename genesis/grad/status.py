"""What the launches report of their constraints: room for contacts grows, a solver that stopped early is remembered."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genesis.dynamics.constraints.ledger import ALARMS, SOURCES, STATUS
from genesis.errors import ContactOverflowError
from genesis.grad.constrained import ConstraintSetting
from genesis.model.names import constraint_name

if TYPE_CHECKING:
    from genesis.grad.launches import Launches
    from genesis.grad.physics import Physics

FIRST_ALARM = STATUS.index(ALARMS[0])
OVERFLOW, UNCONVERGED, RESIDUAL, FIRST_STEP = (STATUS.index(n) for n in ("overflow", "unconverged", "residual", "first_step"))
FAULT, FAULT_INDEX = STATUS.index("fault"), STATUS.index("fault_index")


@dataclass(frozen=True)
class Unsolved:
    """The first solve that stopped before its tolerance: environment, control step of the launch from 0, largest residual, how many."""

    env: int
    step: int
    residual: float
    count: int


class Status:
    """The status of every environment, in the memory that the kernels write.

    table: (B, len(STATUS)). On a CPU it is looked at after every launch, which costs about a microsecond; elsewhere alarms stay
    until `ask` is called, since each look waits for the device, except where the room for contacts may have to grow.

    Args:
        rows: (B, n) memory of the environments, for ``setting``; before: the one that this goes on with.
    """

    def __init__(
        self, launches: "Launches", physics: "Physics", setting: ConstraintSetting, rows: Tensor, before: "Status | None"
    ) -> None:
        self.launches, self.physics, self.room, self.growing = launches, physics, setting.contacts, setting.growing
        self._look_at(rows[:, 1 : 1 + len(STATUS)])
        self._settled = torch.zeros_like(self._alarms)  # of the launches that are over, where each is looked at
        if before is not None:
            self.table.copy_(before.table)
            self._settled.copy_(before._settled)

    def _look_at(self, table: Tensor) -> None:
        self.table = table
        self._alarms = table[:, FIRST_ALARM : FIRST_ALARM + len(ALARMS)]
        self._flags = self._alarms.numpy() if table.device.type == "cpu" else None

    def leave(self) -> None:
        """The memory that was watched is about to go: keep what it says."""
        self._look_at(self.table.clone())

    @property
    def looking(self) -> bool:
        """Whether every launch is looked at."""
        return self._flags is not None or self.growing

    def _alarmed(self) -> bool:
        """Whether any flag is up. Of one environment they are asked one by one: what numpy's `any` runs has left the caches meanwhile."""
        if self._flags is None:
            return bool(self._alarms.any())
        return any(self._flags[0].tolist()) if len(self._flags) == 1 else bool(self._flags.any())

    def outgrown(self, backward: bool = False) -> bool:
        """Whether the launch just over found more contacts than fit and has to be repeated, with the room that is there now.

        Raises: ContactOverflowError if the user has set a bound, or memory does.
        """
        if not self.looking or not self._alarmed():
            return False
        again = self._overflow(backward)
        if not again:
            self._settled.copy_(self._alarms)
        return again

    def ask(self) -> Unsolved | None:
        """What has not converged since the last time it was asked. Raises: ContactOverflowError."""
        if not self._alarmed():
            return None
        self._overflow(False)
        table = self.table.cpu()
        left = table[:, UNCONVERGED] > 0
        if not left.any():
            return None
        begun = table[:, FIRST_STEP].masked_fill(~left, float("inf"))
        env = int(begun.argmin())
        found = Unsolved(env, self._step(table[env]), float(table[left, RESIDUAL].max()), int(table[:, UNCONVERGED].sum()))
        self._alarms.zero_()
        self._settled.zero_()
        return found

    def fault(self, env: int) -> str | None:
        """The constraint that was the first not to be finite in the motion of an environment, in words; None: not a constraint."""
        kind, index = (int(x) for x in self.table[env, [FAULT, FAULT_INDEX]].tolist())
        return constraint_name(self.physics.model, SOURCES[kind - 1], index) if kind else None

    def _step(self, row: Tensor) -> int:
        return max(0, int(row[FIRST_STEP]) - 1) // self.physics.substeps

    def _take_back(self) -> None:
        """What a launch that overflowed has reported; what those before it did stays."""
        if self.looking:
            self._alarms.copy_(self._settled)
        else:  # which launch it was is not known
            self.table[:, OVERFLOW] = 0.0
            self.table[:, FIRST_STEP] *= self.table[:, UNCONVERGED] > 0

    def _overflow(self, backward: bool) -> bool:
        table = self.table.cpu()
        if not table[:, OVERFLOW].any():
            return False
        env = int(table[:, OVERFLOW].argmax())
        step, needed = self._step(table[env]), self.room + int(table[env, OVERFLOW])
        self._take_back()
        lack = self.physics.make_room(needed, self.launches) if self.growing else None
        if self.growing and lack is None:
            return True
        at = None if backward else step
        raise ContactOverflowError(needed=needed, room=self.room, env=env, step=at, dt=self.physics.dt, memory=lack)
