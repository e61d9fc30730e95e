"""What the launches report of their constraints: room for contacts grows, a solver that stopped early is remembered."""

from dataclasses import dataclass
from typing import Any

from genesis.dynamics.constraints.ledger import ALARMS, SOURCES, STATUS
from genesis.errors import ContactOverflowError
from genesis.model.names import constraint_name

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


class Watch:
    """The status of every environment, in the memory that the kernels write.

    status: tensor (B, len(STATUS)). On a CPU it is looked at after every launch, which costs about a microsecond; elsewhere alarms stay
    until `ask` is called, since each look waits for the device, except where the room for contacts may have to grow.
    """

    def __init__(self, bench: Any, physics: Any) -> None:
        rows = bench.ledger.view(bench.blocks * bench.lanes, bench.ledger_room)[: bench.batch]
        self.status = rows[:, 1 : 1 + len(STATUS)]
        self.physics, self.room, self.growing = physics, physics.constraints.contacts, physics.constraints.growing
        self._alarms = self.status[:, FIRST_ALARM : FIRST_ALARM + len(ALARMS)]
        self._flags = self._alarms.numpy() if self.status.device.type == "cpu" else None

    def _alarmed(self) -> bool:
        """Whether any flag is up. Of one environment they are asked one by one: what numpy's `any` runs has left the caches meanwhile."""
        if self._flags is None:
            return bool(self._alarms.any())
        return any(self._flags[0].tolist()) if len(self._flags) == 1 else bool(self._flags.any())

    def outgrown(self, backward: bool = False) -> bool:
        """Whether the launch just over found more contacts than fit and has to be repeated, with the room that is there now.

        Raises: ContactOverflowError if the user has set a bound, or memory does.
        """
        if self._flags is None and not self.growing:
            return False
        return self._alarmed() and self._overflow(backward)

    def ask(self) -> Unsolved | None:
        """What has not converged since the last time it was asked. Raises: ContactOverflowError."""
        if not self._alarmed():
            return None
        self._overflow(False)
        status = self.status.cpu()
        left = status[:, UNCONVERGED] > 0
        if not left.any():
            return None
        begun = status[:, FIRST_STEP].masked_fill(~left, float("inf"))
        env = int(begun.argmin())
        found = Unsolved(env, self._step(status[env]), float(status[left, RESIDUAL].max()), int(status[:, UNCONVERGED].sum()))
        self._alarms.zero_()
        return found

    def fault(self, env: int) -> str | None:
        """The constraint that was the first not to be finite in the last launch of an environment, in words; None: not a constraint."""
        kind, index = (int(x) for x in self.status[env, [FAULT, FAULT_INDEX]].tolist())
        return constraint_name(self.physics.model, SOURCES[kind - 1], index) if kind else None

    def _step(self, row: Any) -> int:
        return max(0, int(row[FIRST_STEP]) - 1) // self.physics.substeps

    def _overflow(self, backward: bool) -> bool:
        status = self.status.cpu()
        if not status[:, OVERFLOW].any():
            return False
        env = int(status[:, OVERFLOW].argmax())
        step, needed = self._step(status[env]), self.room + int(status[env, OVERFLOW])
        self._alarms.zero_()
        lack = self.physics.make_room(needed) if self.growing else None
        if self.growing and lack is None:
            return True
        step = None if backward else step
        raise ContactOverflowError(needed=needed, room=self.room, env=env, step=step, dt=self.physics.dt, memory=lack)
