"""What drives the joints: targets and forces held until they are changed, closed loops, actuators, wrenches of the next step.

Applied joint force: clamp(dof_ctrl - kp q - kv v, lo, hi) with dof_ctrl = force + kp target_q + kv target_v, where the gains of
open loops are zero. Force control opens both loops, velocity control closes the velocity loop, position control closes both.
"""

from collections.abc import Callable
from enum import Enum

import numpy as np
import torch

from genesis.grad.pull_back import bare
from genesis.grad.transforms import outside
from genesis.scene.inputs import Index, UserValues, assign
from genesis.scene.physical import Loops, PhysicalParameters

MAX_AGREED = 64


class Mode(Enum):
    """Control of one degree of freedom; value: (position loop closed, velocity loop closed)."""

    force = (False, False)
    velocity = (False, True)
    position = (True, True)


class Controls:
    """Controls of a scene, functional: setting one makes new tensors, so that gradients of earlier steps stay right.

    force, position, velocity: (B, nv), None means zero; act_ctrl: (B, nu), None while no actuator was ever controlled; wrench:
    (B, nlink, 6) force and torque at the link origin in the world frame for the next step only, or None.
    """

    def __init__(self, inputs: UserValues, nv: int, nu: int, nlink: int, changed: Callable[[], None]) -> None:
        self._inputs, self._nv, self._nu, self._nlink, self._changed = inputs, nv, nu, nlink, changed
        self.zero = torch.zeros(inputs.rows, nv, dtype=inputs.dtype, device=inputs.device)
        self._changes = 0  # of the closed loops, counted
        self._agreed: dict[tuple[Index, Index | None], tuple[Mode, int]] = {}  # what loops were found closed, and at which count
        self.force: torch.Tensor | None
        self.position: torch.Tensor | None
        self.velocity: torch.Tensor | None
        self.act_ctrl: torch.Tensor | None
        self.wrench: torch.Tensor | None
        self.dof_ctrl: torch.Tensor | None
        self.clear()

    def clear(self) -> None:
        """No control: force control with zero force, actuators off."""
        self.force = self.position = self.velocity = self.act_ctrl = self.wrench = self.dof_ctrl = None
        self.uniform: Mode | None = Mode.force
        off = np.zeros((1, self._nv), bool)
        self._kp, self._kv, self._on = off, off, np.zeros((1, self._nu), bool)
        self._changes += 1
        self._changed()

    def clear_rows(self, columns: Index, rows: Index) -> None:
        """No control in some environments."""
        self.set(Mode.force, columns, rows)
        if self.act_ctrl is not None:
            with outside():
                off = Index(tuple(range(self._nu)), torch.arange(self._nu, device=self.act_ctrl.device), 0, self._nu)
            self.act_ctrl = assign(self.act_ctrl, self.act_ctrl.new_zeros(1, self._nu), off, rows)
            self._on = _put_flags(self._on, False, off, rows, self._inputs.rows)
            self._changed()
        if self.wrench is not None:
            self.wrench = bare(self.wrench.index_fill(0, rows.tensor, 0.0))

    @property
    def loops(self) -> Loops:
        """The loops that are closed now."""
        return Loops(self._kp, self._kv, None if self.act_ctrl is None or self._on.all() else self._on)

    def flags(self) -> dict[str, np.ndarray]:
        """Closed loops and switched-on actuators, for a checkpoint."""
        return {"kp": self._kp, "kv": self._kv, "on": self._on}

    def restore(self, values: dict[str, torch.Tensor | None], flags: dict[str, np.ndarray]) -> None:
        """Controls as stored in a checkpoint."""
        self.clear()
        self.force, self.position, self.velocity, self.act_ctrl = (
            values[k] for k in ("force", "position", "velocity", "act_ctrl")
        )
        self._kp, self._kv, self._on = flags["kp"], flags["kv"], flags["on"]
        self._changes += 1
        self.uniform = None

    def set(
        self,
        mode: Mode,
        columns: Index,
        rows: Index | None,
        *,
        force: torch.Tensor | None = None,
        position: torch.Tensor | None = None,
        velocity: torch.Tensor | None = None,
    ) -> None:
        """Put degrees of freedom under control; each value (b or 1, n), None is zero."""
        if rows is None and columns.n == self._nv and columns.start == 0:
            self.force, self.position, self.velocity = (self._all(x) for x in (force, position, velocity))
            if self.uniform is not mode:
                self._close(mode, columns, rows)
                self.uniform = mode
        else:
            self.force = self._put(self.force, force, columns, rows)
            self.position = self._put(self.position, position, columns, rows)
            self.velocity = self._put(self.velocity, velocity, columns, rows)
            if self.uniform is not mode and self._agreed.get((columns, rows)) != (mode, self._changes):
                self._close(mode, columns, rows)
                self.uniform = None
                if len(self._agreed) >= MAX_AGREED:
                    self._agreed.clear()
                self._agreed[columns, rows] = (mode, self._changes)
        self.dof_ctrl = None

    def set_actuators(self, act_ctrl: torch.Tensor, columns: Index, rows: Index | None) -> None:
        """Controls (b or 1, n) of actuators, which act from now on."""
        off = self.act_ctrl is None
        self.act_ctrl = self._put(self.act_ctrl, act_ctrl, columns, rows, self._nu)
        on = _put_flags(self._on, True, columns, rows, self._inputs.rows)
        if off or not np.array_equal(on, self._on):
            self._on = on
            self._changed()

    def add_wrench(self, wrench: torch.Tensor, columns: Index, rows: Index | None) -> None:
        """Add (b or 1, n, 6) to the wrenches of the next step."""
        i = self._inputs
        zero = torch.zeros(i.rows, self._nlink, 6, dtype=i.dtype, device=i.device)
        more = assign(zero, wrench, columns, rows)
        self.wrench = more if self.wrench is None else bare(self.wrench + more)

    def compose(self, parameters: PhysicalParameters) -> torch.Tensor:
        """dof_ctrl (B, nv) of the next steps, kept until a control or gain changes."""
        dof_ctrl = compose(parameters, self.loops, self.force, self.position, self.velocity)
        if dof_ctrl is None:
            dof_ctrl = self.zero
        dof_ctrl = bare(dof_ctrl)
        if dof_ctrl is not self.force and dof_ctrl.requires_grad:
            dof_ctrl.register_hook(self._spent)
        self.dof_ctrl = dof_ctrl
        return dof_ctrl

    def _spent(self, _gradient: torch.Tensor) -> None:
        self.dof_ctrl = None  # its graph is used up by a backward pass

    def _all(self, value: torch.Tensor | None) -> torch.Tensor | None:
        if value is None:
            return None
        value = bare(value)
        return value if value.shape[0] == self._inputs.rows else bare(value.expand(self._inputs.rows, -1).contiguous())

    def _put(
        self,
        base: torch.Tensor | None,
        value: torch.Tensor | None,
        columns: Index,
        rows: Index | None,
        width: int | None = None,
    ) -> torch.Tensor | None:
        """Both None: None. A missing base or value counts as zeros."""
        if base is None and value is None:
            return None
        if base is None:
            base = self.zero if width is None else self.zero.new_zeros(self._inputs.rows, width)
        if value is None:
            value = self.zero[:1, : columns.n]
        return assign(base, value, columns, rows)

    def _close(self, mode: Mode, columns: Index, rows: Index | None) -> None:
        kp, kv = (
            _put_flags(flags, closed, columns, rows, self._inputs.rows)
            for flags, closed in zip((self._kp, self._kv), mode.value, strict=True)
        )
        if not (np.array_equal(kp, self._kp) and np.array_equal(kv, self._kv)):
            self._kp, self._kv = kp, kv
            self._changes += 1
            self._changed()


def compose(
    parameters: PhysicalParameters,
    loops: Loops,
    force: torch.Tensor | None,
    position: torch.Tensor | None,
    velocity: torch.Tensor | None,
) -> torch.Tensor | None:
    """force + kp position + kv velocity over closed loops, shapes (..., B, nv); None if all are None."""
    dof_ctrl = force
    for target, name, closed in ((position, "dof_kp", loops.kp), (velocity, "dof_kv", loops.kv)):
        if target is not None and closed.any():
            term = parameters.gain(name, closed) * target
            dof_ctrl = term if dof_ctrl is None else dof_ctrl + term
    return dof_ctrl


def _put_flags(flags: np.ndarray, value: bool, columns: Index, rows: Index | None, count: int) -> np.ndarray:
    """A copy of flags (1 or B, n) with value at columns (and rows)."""
    with outside():
        at = columns.tensor.cpu().numpy()
    made = np.repeat(flags, count, 0) if rows is not None and flags.shape[0] == 1 else flags.copy()
    if rows is None:
        made[:, at] = value
    else:
        made[np.ix_(np.asarray(rows.local, np.intp), at)] = value
    return made
