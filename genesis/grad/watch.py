"""What the launches report of their constraints: too many contacts is an error, a solver that stopped early is remembered."""

from dataclasses import dataclass
from typing import Any

from genesis.dynamics.constraints.ledger import ALARMS, STATUS
from genesis.errors import ContactOverflowError

FIRST_ALARM = STATUS.index(ALARMS[0])
OVERFLOW, UNCONVERGED, RESIDUAL, FIRST_STEP = (STATUS.index(n) for n in ("overflow", "unconverged", "residual", "first_step"))


@dataclass(frozen=True)
class Unsolved:
    """The first solve that stopped before its tolerance: environment, control step of the launch from 0, residual now, how many."""

    env: int
    step: int
    residual: float
    count: int


class Watch:
    """The status of every environment, in the memory that the kernels write.

    status: tensor (B, len(STATUS)). On a CPU it is looked at after every launch, which costs about a microsecond; elsewhere alarms stay
    until `ask` is called, since each look waits for the device.
    """

    def __init__(self, bench: Any, physics: Any) -> None:
        rows = bench.ledger.view(bench.blocks * bench.lanes, bench.ledger_room)[: bench.batch]
        self.status = rows[:, 1 : 1 + len(STATUS)]
        self.room, self.substeps, self.dt = physics.constraints.contacts, physics.substeps, physics.dt
        self._alarms = self.status[:, FIRST_ALARM : FIRST_ALARM + len(ALARMS)]
        self._flags = self._alarms.numpy() if self.status.device.type == "cpu" else None

    def _alarmed(self) -> bool:
        """Whether any flag is up. Of one environment they are asked one by one: what numpy's `any` runs has left the caches meanwhile."""
        if self._flags is None:
            return bool(self._alarms.any())
        return any(self._flags[0].tolist()) if len(self._flags) == 1 else bool(self._flags.any())

    def look(self, backward: bool = False) -> None:
        """Raises: ContactOverflowError. Does nothing on a GPU."""
        if self._flags is not None and self._alarmed():
            self._overflow(backward)

    def ask(self) -> Unsolved | None:
        """What has not converged since the last time it was asked. Raises: ContactOverflowError."""
        if not self._alarmed():
            return None
        self._overflow(False)
        status = self.status.cpu()
        env = int(status[:, UNCONVERGED].argmax())
        found = Unsolved(env, self._step(status[env]), float(status[env, RESIDUAL]), int(status[env, UNCONVERGED]))
        self._alarms.zero_()
        return found

    def _step(self, row: Any) -> int:
        return max(0, int(row[FIRST_STEP]) - 1) // self.substeps

    def _overflow(self, backward: bool) -> None:
        status = self.status.cpu()
        if not status[:, OVERFLOW].any():
            return
        env = int(status[:, OVERFLOW].argmax())
        step, needed = self._step(status[env]), self.room + int(status[env, OVERFLOW])
        self._alarms.zero_()
        raise ContactOverflowError(needed=needed, room=self.room, env=env, step=None if backward else step, dt=self.dt)
