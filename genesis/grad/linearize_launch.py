"""The kernel that linearises a time step, bound to one number of states."""

from typing import TYPE_CHECKING

from torch import Tensor

from genesis.dynamics.derivative_rows import row_width
from genesis.dynamics.launch import Launch, linearize_kind
from genesis.dynamics.linearize import LINEARIZE

if TYPE_CHECKING:
    from genesis.grad.launches import Launches
    from genesis.grad.physics import Physics

STATE_WORK = 3  # what is done once for a state, in sweeps over its links
CONSTANTS = {"ledger_stride": 0, "capacity": 0, "cone": 0, "smooth": 0, "impratio": 1.0}  # of a model without constraints


class LinearizeLaunch:
    """Rows of one time step at the first ``count`` of the states that there is memory for. Made once a kind, see `Launches.linearize`.

    chosen: how many parameters. Without parameters, and without actuators' controls, their tables are empty.
    """

    def __init__(
        self, physics: "Physics", launches: "Launches", count: int, chosen: int, batched: bool, actuated: bool, reach: float
    ) -> None:
        self.physics, self.launches, self.count, self.chosen = physics, launches, count, chosen
        self.batched, self.actuated, self.reach = batched, actuated, reach
        self.blocks = -(-count // launches.lanes)
        self.width = row_width(physics.nv, physics.nu, chosen)
        self.bind()

    def bind(self) -> None:
        """To the room that the constraints have now."""
        physics, launches = self.physics, self.launches
        launches.fit(physics, physics.constraints)
        self.bound_to = physics.constraints
        found = physics.constraints.numbers if physics.constraints else CONSTANTS
        numbers: dict[str, float] = {
            **{name: found[name] for name in CONSTANTS},
            **launches.layout(self.batched),
            "batch": self.count, "blocks": self.blocks, "chosen": self.chosen, "row_width": self.width,
            "parameter_bar_stride": launches.parameter_size, "actuated": int(self.actuated),
            "dt": physics.step_dt, "damping_dt": physics.damping_dt, "reach": self.reach,
        }  # fmt: skip
        launcher = launches.launchers(linearize_kind(physics.kind), physics.nv + STATE_WORK)[self.chosen > 0]
        given = [array.name for array in LINEARIZE.arrays if array.name not in launches.fixed]
        sizes = {**launches.sizes, "B": self.count, "F": self.chosen}
        self.launch: Launch = launcher.bind(numbers, launches.fixed, given, sizes)

    def run(
        self, theta: Tensor, states: tuple[Tensor, ...], act_ctrl: Tensor | None, columns: Tensor, touched: Tensor | None
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Tables of the next state, to (state, dof_ctrl, act_ctrl, parameters), (count, 2nv, ·), and the rows of the acceleration
        (count, nv, 3nv + nu + F) as a view, in that order.

        Args:
            states: q (count, nq), v (count, nv), a (count, nv), dof_ctrl (count, nv). columns: (F,) int32. touched: which candidate pairs have
                touched, for `reach`.
        """
        p, b, new = self.physics, self.launches, self.launches.scratch.new_empty
        widths = (2 * p.nv, p.nv, p.nu if self.actuated else 0, self.chosen)
        tables = tuple(new(self.count, 2 * p.nv, width) for width in widths)
        rows = new(self.blocks * p.nv * self.width, *b.lane_axis)
        flat = [x.view(1, self.count, -1) for x in tables]
        while True:
            if self.bound_to is not p.constraints or b.setting is not p.constraints:
                self.bind()
            if b.status is not None and touched is not None:
                b.touched().copy_(touched)
            self.launch.named(
                parameters=b.parameters(theta),
                **{name: x.view(1, self.count, -1) for name, x in zip(("q", "v", "a", "dof_ctrl"), states, strict=True)},
                act_ctrl=p.nothing if act_ctrl is None else act_ctrl.view(1, self.count, -1),
                columns=columns if self.chosen else None,
                rows=rows,
                state_rows=flat[0],
                dof_ctrl_rows=flat[1],
                act_ctrl_rows=flat[2] if self.actuated else p.nothing,
                parameter_rows=flat[3] if self.chosen else None,
                parameters_bar=b.parameters_bar(True) if self.chosen else None,
                ledger=b.contact_arrays[0],
                shapes=b.contact_arrays[1],
            )
            if b.status is None or not b.status.outgrown(backward=True):
                break
        return tables, self._acceleration(rows)

    def _acceleration(self, rows: Tensor) -> Tensor:
        lanes, nv = self.launches.lanes, self.physics.nv
        by_state = rows.view(self.blocks, nv, self.width, lanes).permute(0, 3, 1, 2).reshape(-1, nv, self.width)
        return by_state[: self.count, :, : self.width - nv]
