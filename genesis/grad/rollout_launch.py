"""One kind of rollout bound to its kernels, forward and backward."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genesis.dynamics.launch import Launch
from genesis.grad.faults import gradient_fault
from genesis.memory import refuse_beyond, rollout_bytes

if TYPE_CHECKING:
    from genesis.grad.launches import Launches
    from genesis.grad.physics import Physics

LONGEST_TAPE = 2**22  # numbers of a tape that a rollout keeps for its adjoint; beyond, the adjoint computes again


# What is handed over at every launch goes in plain tuples in the order of these names: tuples with attributes cost 1 to 2 µs each.
# Of a rollout: controls (T, B, nv), (T, B, nu), wrench (T, B, 6 nlink), initial state (B, nq), (B, nv); `Physics.nothing` for what is
# not there.
INPUTS = ("dof_ctrl", "act_ctrl", "wrench", "q0", "v0")
# States after each of N time steps ([1 +] N, B, nq), ([1 +] N, B, nv), and accelerations of the stages (N stages, B, nv).
STATES = ("q", "v", "a")
# Gradients of the loss in the states after each control step and in the accelerations at its start; None where there is none.
STATE_BARS = ("q_bar", "v_bar", "a_bar")
INPUT_BARS = ("dof_ctrl_bar", "act_ctrl_bar", "wrench_bar", "q0_bar", "v0_bar")  # gradients in the inputs
Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
States = tuple[Tensor, Tensor, Tensor]
StateBars = tuple[Tensor | None, Tensor | None, Tensor | None]
Adjoints = tuple[Tensor | None, Tensor, Tensor, Tensor, Tensor | None, Tensor | None]  # see `RolloutLaunch.adjoint`
FORWARD = ("parameters", *INPUTS, *STATES, "tape", "ledger", "shapes")  # what a launch hands over, beside what is fixed
CLOSED = (*FORWARD, "feedback")
BACKWARD = ("parameters", *INPUTS, *STATES, *STATE_BARS, *INPUT_BARS, "parameters_bar", "tape", "ledger", "shapes")


class RolloutLaunch:
    """What both passes of one kind of rollout share: launches bound to their numbers. Made once per kind, see `Launches.rollout`."""

    def __init__(
        self,
        physics: "Physics",
        launches: "Launches",
        horizon: int,
        batched: bool,
        controlled: bool,
        wrenched: bool,
        with_initial: bool,
        reach: float,
        truncation: tuple[int, float],
    ) -> None:
        self.physics, self.launches, self.has = physics, launches, (controlled, wrenched)
        self.with_initial, self.reach, self.horizon, self.batched = with_initial, reach, horizon, batched
        self.truncate, self.clip = truncation
        needed = rollout_bytes(horizon, launches.batch, physics.nv, physics.substeps, launches.scratch.itemsize)
        refuse_beyond(
            needed,
            f"rollout: {horizon} time steps of {launches.batch} environments",
            "take fewer of them, or a longer dt",
            physics.device,
        )
        new = launches.scratch.new_zeros  # adjoints of positions and velocities that no loss depends on, and no joint control
        self.no_q_bar, self.no_v_bar = (new(horizon + 1, launches.batch, n) for n in (physics.nq, physics.nv))
        self.no_dof_ctrl, self.no_dof_ctrl_bar = self.no_v_bar[1:], torch.empty_like(self.no_v_bar[1:])
        length = horizon * physics.substeps * physics.stages * launches.tape_width
        self.tape = length if length <= LONGEST_TAPE and not wrenched else 0
        self.bind()

    def bind(self) -> None:
        """Memory for the room that the constraints have now, and launches with the numbers that go with it."""
        physics, launches = self.physics, self.launches
        launches.fit(physics, physics.constraints)
        self.bound_to = physics.constraints
        self._forward, *self._adjoints = launches.launchers(physics.kind, self.horizon * physics.substeps * physics.stages)
        self._run: dict[bool, Launch] = {}  # with a tape or without
        self._run_closed: dict[int, Launch] = {}  # by the number of controls that answer
        self._run_adjoint: dict[tuple[bool, bool, bool], Launch] = {}  # with adjoints of the parameters, with a tape, with a_bar

    def _bound(self, taped: bool) -> Launch:
        numbers, fixed = self._numbers(taped) | {"fed": 0}, self.launches.fixed | {"feedback": self.launches.no_feedback}
        launch = self._run[taped] = self._forward.bind(numbers, fixed, FORWARD, self._sizes())
        return launch

    def _bound_closed(self, fed: int) -> Launch:
        numbers = self._numbers(False) | {"fed": fed}
        launch = self._run_closed[fed] = self._forward.bind(numbers, self.launches.fixed, CLOSED, self._sizes())
        return launch

    def _bound_adjoint(self, want: bool, taped: bool, accelerated: bool) -> Launch:
        more = {"parameter_bar_stride": self.launches.parameter_size, "accelerated": int(accelerated), "reach": self.reach}
        more |= {"truncate": self.truncate, "clip": self.clip}
        numbers = self._numbers(taped) | more
        launch = self._adjoints[want].bind(numbers, self.launches.fixed, BACKWARD, self._sizes())
        self._run_adjoint[want, taped, accelerated] = launch
        return launch

    def _sizes(self) -> dict[str, int]:
        steps = self.horizon * self.physics.substeps
        return {**self.launches.sizes, "T": self.horizon, "N": steps, "i": int(self.with_initial)}

    def _numbers(self, taped: bool) -> dict[str, float]:
        """Those that both kernels take."""
        physics, (controlled, wrenched) = self.physics, self.has
        constraints = dict(
            ledger_stride=0,
            capacity=0,
            cone=0,
            iterations=0,
            line_iterations=0,
            smooth=0,
            impratio=1.0,
            tolerance=0.0,
            line_tolerance=0.0,
        )
        return {
            **(physics.constraints.numbers if physics.constraints else constraints),
            **self.launches.layout(self.batched),
            "horizon": self.horizon, "substeps": physics.substeps, "dt": physics.step_dt, "damping_dt": physics.damping_dt,
            "actuated": int(controlled), "wrenched": int(wrenched), "with_initial": int(self.with_initial),
            "tape_width": self.launches.tape_width if taped else 0,
        }  # fmt: skip

    def forward(self, theta: Tensor, inputs: Inputs, states: States, taped: bool = False) -> Tensor | None:
        """Runs the kernel, which writes ``states``; returns what the adjoint asks for besides: with constraints which candidate pairs have
        touched, without the tape of a single environment, if ``taped``."""
        p, b = self.physics, self.launches
        tape = b.scratch.new_empty(self.tape) if taped and self.tape else None
        arrays = (b.parameters(theta), *inputs, *states, b.no_tape if tape is None else tape)
        while True:
            if self.bound_to is not p.constraints or b.setting is not p.constraints:
                self.bind()
            run = self._run.get(tape is not None) or self._bound(tape is not None)
            run((*arrays, *b.contact_arrays))
            if b.status is None:
                return tape
            if not b.status.outgrown():
                return b.touched().clone() if self.reach > 0.0 else None

    def closed(
        self, theta: Tensor, dof_ctrl: Tensor, initial: tuple[Tensor, Tensor], states: States, feedback: Tensor, fed: int
    ) -> Tensor:
        """Runs the kernel with feedback, which writes ``states``; returns the controls that acted, (T, B, nv).

        Args:
            dof_ctrl: (T, 1, nv). initial: (B, nq), (B, nv). feedback: see `genesis.dynamics.feedback`. fed: controls that answer.
        """
        p, b = self.physics, self.launches
        while True:
            if self.bound_to is not p.constraints or b.setting is not p.constraints:
                self.bind()
            acting = dof_ctrl.repeat(1, b.batch, 1)
            run = self._run_closed.get(fed) or self._bound_closed(fed)
            given = (acting, p.nothing, p.nothing, *initial)
            run((b.parameters(theta), *given, *states, b.no_tape, *b.contact_arrays, feedback))
            if b.status is None or not b.status.outgrown():
                return acting

    def adjoint(
        self,
        need_theta: bool,
        theta: Tensor,
        inputs: Inputs,
        states: States,
        bars: StateBars,
        stored: Tensor | None = None,
        columns: Tensor | None = None,
        start: int = 0,
    ) -> Adjoints:
        """Adjoints of (theta, q0, v0, dof_ctrl, act_ctrl, wrench).

        Args:
            stored: what `forward` has returned; columns: see `Launches.theta_bar`; start: steps before the launch, for messages.
        Raises: DivergenceError if one is not finite, ContactOverflowError.

        ``with_initial`` the initial state is the beginning of the states, and not looked for among the inputs.
        """
        p, b = self.physics, self.launches
        tape = stored if b.status is None else None
        u, c, w, q0, v0 = inputs
        q_bar, v_bar, a_bar = bars
        q0_bar, v0_bar = (
            [x.new_empty(x.shape[1:]) for x in states[:2]] if self.with_initial else [torch.empty_like(x) for x in (q0, v0)]
        )
        u_bar = self.no_dof_ctrl_bar if u is self.no_dof_ctrl else torch.empty_like(u)
        c_bar = torch.empty_like(c) if self.has[0] else p.nothing
        w_bar = torch.empty_like(w) if self.has[1] else p.nothing
        given = (
            self.no_q_bar if q_bar is None else q_bar,
            self.no_v_bar if v_bar is None else v_bar,
            p.nothing if a_bar is None else a_bar,
        )
        made = (u_bar, c_bar, w_bar, q0_bar, v0_bar)
        arrays = (b.parameters(theta), *inputs, *states, *given, *made)
        taped = None if need_theta else b.no_tape if tape is None else tape
        while True:
            if self.bound_to is not p.constraints or b.setting is not p.constraints:
                self.bind()
            if b.status is not None and stored is not None:
                b.touched().copy_(stored)
            theta_bar = b.parameters_bar(True) if need_theta else None
            key = need_theta, tape is not None, a_bar is not None
            run = self._run_adjoint.get(key) or self._bound_adjoint(*key)
            run((*arrays, theta_bar, taped, *b.contact_arrays))
            if b.status is None or not b.status.outgrown(backward=True):
                break
        if not (math.isfinite(b.end()) and (theta_bar is None or math.isfinite(theta_bar.sum().item()))):
            of_inputs = dict(zip(("controls", "actuator controls", "external forces", "qpos", "qvel"), made, strict=True))
            raise gradient_fault(self, {"qpos": q_bar, "qvel": v_bar, "qacc": a_bar}, of_inputs, theta_bar, start)
        return (
            None if theta_bar is None else b.theta_bar(theta_bar, theta, columns), q0_bar, v0_bar, u_bar,
            c_bar if self.has[0] else None, w_bar if self.has[1] else None,
        )  # fmt: skip
