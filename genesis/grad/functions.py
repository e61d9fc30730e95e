"""torch.autograd functions over the kernels: rollout, step, link states, inverse dynamics.

Each is one launch forward and one backward. ``physics`` is the `genesis.grad.physics.Physics` they belong to.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genesis.grad.faults import expect_finite
from genesis.grad.pull_back import Made, NoForwardMode, run_adjoint
from genesis.grad.rollout_launch import Inputs

if TYPE_CHECKING:
    from genesis.grad.physics import Physics


def _dense(x: Tensor | None, otherwise: Tensor) -> Tensor:
    """Contiguous memory of an optional input."""
    return otherwise if x is None else x.contiguous()


class Rollout(NoForwardMode, torch.autograd.Function):
    """(physics, theta, q0, v0, dof_ctrl, act_ctrl, wrench) -> states and accelerations over T steps."""

    @staticmethod
    def forward(
        ctx: Any,
        physics: "Physics",
        theta: Tensor,
        q0: Tensor,
        v0: Tensor,
        dof_ctrl: Tensor,
        act_ctrl: Tensor | None,
        wrench: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        launches, horizon, batch = physics.launches(q0.shape[0]), dof_ctrl.shape[0], q0.shape[0]
        steps, new = horizon * physics.substeps, physics.nothing.new_empty
        states = (
            new(steps + 1, batch, physics.nq),
            new(steps + 1, batch, physics.nv),
            new(steps * physics.stages, batch, physics.nv),
        )
        inputs = _inputs(physics, q0, v0, dof_ctrl, act_ctrl, wrench)
        ctx.launch = launch = launches.rollout(physics, horizon, theta, act_ctrl, wrench, True)
        tape = launch.forward(theta, inputs, states, any(ctx.needs_input_grad) and not ctx.needs_input_grad[1])
        ctx.save_for_backward(*inputs[:3], *states, tape, theta, q0, v0, dof_ctrl, act_ctrl, wrench)
        ctx.set_materialize_grads(False)
        (q, v, a), every = states, physics.substeps
        if every == 1 and physics.stages == 1:
            return q, v, a
        return q[::every], v[::every], a[:: every * physics.stages]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        need_theta = ctx.needs_input_grad[1]

        def adjoint(*grads: Tensor | None) -> Made:
            u, c, w, q, v, a, tape, theta, *_ = ctx.saved_tensors
            bars, launch = tuple(None if g is None else g.contiguous() for g in grads), ctx.launch
            nothing = launch.physics.nothing
            inputs = (u, c, w, nothing, nothing)
            out = launch.adjoint(need_theta, theta, inputs, (q, v, a), bars, tape)
            return (*out[:-1], _link_wrench(out[-1]))

        return (None, *run_adjoint(ctx, "rollout", adjoint, grads))


class Step(NoForwardMode, torch.autograd.Function):
    """One control step: `Rollout` with T = 1 and no time axis, for loops in Python, where every torch operation counts.

    Its first argument is (physics, number of steps before it).
    """

    @staticmethod
    def forward(
        ctx: Any,
        how: tuple["Physics", int],
        theta: Tensor,
        q0: Tensor,
        v0: Tensor,
        dof_ctrl: Tensor,
        act_ctrl: Tensor | None,
        wrench: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        physics, ctx.steps = how
        batch, new = q0.shape[0], physics.nothing.new_empty
        launches, many, stages = physics.launches(batch), physics.substeps, physics.stages
        if many == 1:
            q, v = new(batch, physics.nq), new(batch, physics.nv)
        else:
            q, v = new(many, batch, physics.nq), new(many, batch, physics.nv)
        a = new(batch, physics.nv) if many * stages == 1 else new(many * stages, batch, physics.nv)
        inputs = _inputs(physics, q0, v0, dof_ctrl, act_ctrl, wrench)
        ctx.launch = launch = launches.rollout(physics, 1, theta, act_ctrl, wrench, False)
        touched = launch.forward(theta, inputs, (q, v, a))  # without a tape: it would cost more memory than it saves time
        between = None if many == 1 else v  # velocities that the adjoint starts a time step from
        ctx.save_for_backward(q, between, a, touched, theta, q0, v0, dof_ctrl, act_ctrl, wrench)
        ctx.set_materialize_grads(False)
        return q if many == 1 else q[-1], v if many == 1 else v[-1], a if a.dim() == 2 else a[0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        need_theta = ctx.needs_input_grad[1]

        def adjoint(*grads: Tensor | None) -> Made:
            q, v, a, touched, theta, *given = ctx.saved_tensors
            bars, launch = tuple(None if g is None else g.contiguous() for g in grads), ctx.launch
            states = (q, launch.physics.nothing if v is None else v, a)
            inputs = _inputs(launch.physics, *given)
            out = launch.adjoint(need_theta, theta, inputs, states, bars, touched, start=ctx.steps)
            return (*out[:-1], _link_wrench(out[-1]))

        return (None, *run_adjoint(ctx, "step", adjoint, grads))


class NoContext:
    """Stands in for the autograd context where nothing will be differentiated."""

    launch = None
    shapes = None
    steps = 0
    needs_input_grad = ()

    @staticmethod
    def save_for_backward(*tensors: Tensor | None) -> None:
        pass

    @staticmethod
    def set_materialize_grads(value: bool) -> None:
        pass


def _inputs(
    physics: "Physics", q0: Tensor, v0: Tensor, dof_ctrl: Tensor, act_ctrl: Tensor | None, wrench: Tensor | None
) -> Inputs:
    """As a kernel reads them."""
    nothing = physics.nothing
    return (
        dof_ctrl.contiguous(),
        _dense(act_ctrl, nothing),
        _flat_wrench(wrench, nothing),
        q0.contiguous(),
        v0.contiguous(),
    )


def _flat_wrench(wrench: Tensor | None, otherwise: Tensor) -> Tensor:
    """(..., nlink, 6) as the kernels read it, (..., 6 nlink)."""
    return otherwise if wrench is None else wrench.contiguous().flatten(-2)


def _link_wrench(bar: Tensor | None) -> Tensor | None:
    return None if bar is None else bar.unflatten(-1, (-1, 6))


def link_states(physics: "Physics", theta: Tensor, q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Of contiguous q (S, B, nq), v (S, B, nv): pose (S, B, nlink, 7), twist (S, B, nlink, 6)."""
    launches = physics.launches(q.shape[1])
    pose, twist = q.new_empty(*q.shape[:2], 7 * physics.nlink), q.new_empty(*q.shape[:2], 6 * physics.nlink)
    forward, *_ = launches.function("kinematics", q.shape[0], theta.dim() == 2)
    forward.named(parameters=launches.parameters(theta), q=q, v=v, pose=pose, twist=twist)
    return pose.view(*q.shape[:2], physics.nlink, 7), twist.view(*q.shape[:2], physics.nlink, 6)


def link_states_adjoint(
    physics: "Physics", want: bool, theta: Tensor, q: Tensor, v: Tensor, pose_bar: Tensor, twist_bar: Tensor
) -> Made:
    """Adjoints of (theta, None unless it is wanted; q; v)."""
    launches = physics.launches(q.shape[1])
    q_bar, v_bar, theta_bar = torch.empty_like(q), torch.empty_like(v), launches.parameters_bar(want)
    launches.function("kinematics", q.shape[0], theta.dim() == 2)[1 + want].named(
        parameters=launches.parameters(theta), q=q, v=v,
        pose_bar=pose_bar.contiguous().flatten(-2), twist_bar=twist_bar.contiguous().flatten(-2),
        q_bar=q_bar, v_bar=v_bar, parameters_bar=theta_bar,
    )  # fmt: skip
    given = {"the poses": (pose_bar, 7 * physics.nlink), "the velocities": (twist_bar, 6 * physics.nlink)}
    made = {"qpos": q_bar, "qvel": v_bar, "": theta_bar if want else None}
    expect_finite(physics, launches.batch, "links", given, made)
    return launches.theta_bar(theta_bar, theta) if want else None, q_bar, v_bar


class LinkStates(NoForwardMode, torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v (S, B, nv)) -> pose (S, B, nlink, 7), twist (S, B, nlink, 6)."""

    @staticmethod
    def forward(ctx: Any, physics: "Physics", theta: Tensor, q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        given, (q, v) = (theta, q, v), (x.detach().contiguous() for x in (q, v))
        ctx.physics = physics
        ctx.save_for_backward(q, v, *given)
        return link_states(physics, theta, q, v)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        want = bool(ctx.needs_input_grad[1])

        def adjoint(pose_bar: Tensor, twist_bar: Tensor) -> Made:
            q, v, theta, *_ = ctx.saved_tensors
            return link_states_adjoint(ctx.physics, want, theta, q, v, pose_bar, twist_bar)

        return (None, *run_adjoint(ctx, "link states", adjoint, grads))


class InverseDynamics(NoForwardMode, torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v, a (S, B, nv)) -> tau (S, B, nv)."""

    @staticmethod
    def forward(ctx: Any, physics: "Physics", theta: Tensor, q: Tensor, v: Tensor, a: Tensor) -> Tensor:
        launches = physics.launches(q.shape[1])
        given, (q, v, a) = (theta, q, v, a), (x.detach().contiguous() for x in (q, v, a))
        tau = torch.empty_like(v)
        forward, *_ = launches.function("inverse", q.shape[0], theta.dim() == 2)
        forward.named(parameters=launches.parameters(theta), q=q, v=v, a=a, tau=tau)
        ctx.physics, ctx.launches = physics, launches
        ctx.save_for_backward(q, v, a, *given)
        return tau

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        need = ctx.needs_input_grad

        def adjoint(tau_bar: Tensor) -> Made:
            q, v, a, theta, *_ = ctx.saved_tensors
            launches, want = ctx.launches, bool(need[1])
            q_bar, v_bar, a_bar = bars = [torch.empty_like(x) for x in (q, v, a)]
            theta_bar = launches.parameters_bar(want)
            launches.function("inverse", q.shape[0], theta.dim() == 2)[1 + want].named(
                parameters=launches.parameters(theta), q=q, v=v, a=a, tau_bar=tau_bar.contiguous(),
                q_bar=q_bar, v_bar=v_bar, a_bar=a_bar, parameters_bar=theta_bar,
            )  # fmt: skip
            made = dict(zip(("qpos", "qvel", "qacc", ""), (*bars, theta_bar if want else None), strict=True))
            expect_finite(ctx.physics, launches.batch, "inverse dynamics", {"the forces": (tau_bar, ctx.physics.nv)}, made)
            return (launches.theta_bar(theta_bar, theta) if want else None, *bars)

        return (None, *run_adjoint(ctx, "inverse dynamics", adjoint, grads))
