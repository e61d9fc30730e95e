"""torch.autograd functions over the kernels: rollout, step, link states, inverse dynamics.

Each is one launch forward and one backward. ``physics`` is the `genesis.grad.physics.Physics` they belong to.
"""

import torch

from genesis.grad.faults import expect_finite
from genesis.grad.pull_back import run_adjoint


def _dense(x: torch.Tensor | None, otherwise: torch.Tensor) -> torch.Tensor:
    """Contiguous memory of an optional input."""
    return otherwise if x is None else x.contiguous()


class Rollout(torch.autograd.Function):
    """(physics, theta, q0, v0, command, control, wrench) -> states and accelerations over T steps."""

    @staticmethod
    def forward(ctx, physics, theta, q0, v0, command, control, wrench):
        bench, horizon, batch = physics.bench(q0.shape[0]), command.shape[0], q0.shape[0]
        steps, new = horizon * physics.substeps, physics.nothing.new_empty
        q, v, a = (
            new(steps + 1, batch, physics.nq),
            new(steps + 1, batch, physics.nv),
            new(steps * physics.stages, batch, physics.nv),
        )
        u, c, w = command.contiguous(), _dense(control, physics.nothing), _flat_wrench(wrench, physics.nothing)
        ctx.launch = launch = bench.rollout(physics, horizon, theta, control, wrench, True)
        keep = any(ctx.needs_input_grad) and not ctx.needs_input_grad[1]
        kept = launch.forward(theta, (u, c, w, q0.contiguous(), v0.contiguous()), (q, v, a), keep)
        ctx.save_for_backward(u, c, w, q, v, a, kept, theta, q0, v0, command, control, wrench)
        ctx.set_materialize_grads(False)
        every = physics.substeps
        if every == 1 and physics.stages == 1:
            return q, v, a
        return q[::every], v[::every], a[:: every * physics.stages]

    @staticmethod
    def backward(ctx, *grads):
        need_theta = ctx.needs_input_grad[1]

        def adjoint(q_grad, v_grad, a_grad):
            u, c, w, q, v, a, kept, theta, *_ = ctx.saved_tensors
            q_grad, v_grad, a_grad = (None if g is None else g.contiguous() for g in (q_grad, v_grad, a_grad))
            out = ctx.launch.adjoint(need_theta, theta, (u, c, w, q, v), (q, v, a), q_grad, v_grad, a_grad, kept)
            return (*out[:-1], _link_wrench(out[-1]))

        return (None, *run_adjoint(ctx, "rollout", adjoint, grads))


class Step(torch.autograd.Function):
    """One control step: `Rollout` with T = 1 and no time axis, for loops in Python, where every torch operation counts.

    Its first argument is (physics, number of steps before it).
    """

    @staticmethod
    def forward(ctx, how, theta, q0, v0, command, control, wrench):
        physics, ctx.steps = how
        batch, new = q0.shape[0], physics.nothing.new_empty
        bench, many, stages = physics.bench(batch), physics.substeps, physics.stages
        if many == 1:
            q, v = new(batch, physics.nq), new(batch, physics.nv)
        else:
            q, v = new(many, batch, physics.nq), new(many, batch, physics.nv)
        a = new(batch, physics.nv) if many * stages == 1 else new(many * stages, batch, physics.nv)
        inputs = _step_inputs(physics, q0, v0, command, control, wrench)
        ctx.launch = launch = bench.rollout(physics, 1, theta, control, wrench, False)
        kept = launch.forward(theta, inputs, (q, v, a))  # without a tape: it would cost more memory than it saves time
        between = None if many == 1 else v  # velocities that the adjoint starts a time step from
        ctx.save_for_backward(q, between, a, kept, theta, q0, v0, command, control, wrench)
        ctx.set_materialize_grads(False)
        return q if many == 1 else q[-1], v if many == 1 else v[-1], a if a.dim() == 2 else a[0]

    @staticmethod
    def backward(ctx, *grads):
        need_theta = ctx.needs_input_grad[1]

        def adjoint(*grads):
            q, v, a, kept, theta, *given = ctx.saved_tensors
            dense = (None if g is None else g.contiguous() for g in grads)
            launch = ctx.launch
            states = q, launch.physics.nothing if v is None else v, a
            out = launch.adjoint(need_theta, theta, _step_inputs(launch.physics, *given), states, *dense, kept, start=ctx.steps)
            return (*out[:-1], _link_wrench(out[-1]))

        return (None, *run_adjoint(ctx, "step", adjoint, grads))


class NoContext:
    """Stands in for the autograd context where nothing will be differentiated."""

    launch = None
    shapes = None
    steps = 0
    needs_input_grad = ()

    @staticmethod
    def save_for_backward(*tensors) -> None:
        pass

    @staticmethod
    def set_materialize_grads(value: bool) -> None:
        pass


def _step_inputs(physics, q0, v0, command, control, wrench) -> tuple[torch.Tensor, ...]:
    """Command, control, wrench and state as a kernel reads them."""
    nothing = physics.nothing
    return command.contiguous(), _dense(control, nothing), _flat_wrench(wrench, nothing), q0.contiguous(), v0.contiguous()


def _flat_wrench(wrench: torch.Tensor | None, otherwise: torch.Tensor) -> torch.Tensor:
    """(..., nlink, 6) as the kernels read it, (..., 6 nlink)."""
    return otherwise if wrench is None else wrench.contiguous().flatten(-2)


def _link_wrench(bar: torch.Tensor | None):
    return None if bar is None else bar.unflatten(-1, (-1, 6))


class LinkStates(torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v (S, B, nv)) -> pose (S, B, nlink, 7), twist (S, B, nlink, 6)."""

    @staticmethod
    def forward(ctx, physics, theta, q, v):
        bench = physics.bench(q.shape[1])
        given, (q, v) = (theta, q, v), (x.detach().contiguous() for x in (q, v))
        pose, twist = q.new_empty(*q.shape[:2], 7 * physics.nlink), q.new_empty(*q.shape[:2], 6 * physics.nlink)
        scalars = (q.shape[0], *bench.layout(theta.dim() == 2))
        bench.launchers("kinematics", q.shape[0])[0](
            (physics.integers, bench.parameters(theta), bench.scratch, q, v, pose, twist), (scalars, ())
        )
        ctx.physics, ctx.bench, ctx.scalars = physics, bench, scalars
        ctx.save_for_backward(q, v, *given)
        return pose.view(*q.shape[:2], physics.nlink, 7), twist.view(*q.shape[:2], physics.nlink, 6)

    @staticmethod
    def backward(ctx, *grads):
        need = ctx.needs_input_grad

        def adjoint(pose_bar, twist_bar):
            q, v, theta, *_ = ctx.saved_tensors
            bench, want = ctx.bench, bool(need[1])
            q_bar, v_bar, theta_bar = torch.empty_like(q), torch.empty_like(v), bench.parameters_bar(want)
            arrays = (
                ctx.physics.integers, bench.parameters(theta), bench.scratch, q, v,
                pose_bar.contiguous().flatten(-2), twist_bar.contiguous().flatten(-2), q_bar, v_bar, theta_bar,
            )  # fmt: skip
            bench.launchers("kinematics", q.shape[0])[1 + want](arrays, ((*ctx.scalars, bench.width), ()))
            given = {"the poses": (pose_bar, 7 * ctx.physics.nlink), "the velocities": (twist_bar, 6 * ctx.physics.nlink)}
            made = {"qpos": q_bar, "qvel": v_bar, "": theta_bar if want else None}
            expect_finite(ctx.physics, bench.batch, "links", given, made)
            return bench.theta_bar(theta_bar, theta) if want else None, q_bar, v_bar

        return (None, *run_adjoint(ctx, "link states", adjoint, grads))


class InverseDynamics(torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v, a (S, B, nv)) -> tau (S, B, nv)."""

    @staticmethod
    def forward(ctx, physics, theta, q, v, a):
        bench = physics.bench(q.shape[1])
        given, (q, v, a) = (theta, q, v, a), (x.detach().contiguous() for x in (q, v, a))
        tau = torch.empty_like(v)
        scalars = (q.shape[0], *bench.layout(theta.dim() == 2))
        bench.launchers("inverse", q.shape[0])[0](
            (physics.integers, bench.parameters(theta), bench.scratch, q, v, a, tau), (scalars, ())
        )
        ctx.physics, ctx.bench, ctx.scalars = physics, bench, scalars
        ctx.save_for_backward(q, v, a, *given)
        return tau

    @staticmethod
    def backward(ctx, *grads):
        need = ctx.needs_input_grad

        def adjoint(tau_bar):
            q, v, a, theta, *_ = ctx.saved_tensors
            bench, want = ctx.bench, bool(need[1])
            bars, theta_bar = [torch.empty_like(x) for x in (q, v, a)], bench.parameters_bar(want)
            arrays = (
                ctx.physics.integers,
                bench.parameters(theta),
                bench.scratch,
                q,
                v,
                a,
                tau_bar.contiguous(),
                *bars,
                theta_bar,
            )
            bench.launchers("inverse", q.shape[0])[1 + want](arrays, ((*ctx.scalars, bench.width), ()))
            made = dict(zip(("qpos", "qvel", "qacc", ""), (*bars, theta_bar if want else None), strict=True))
            expect_finite(ctx.physics, bench.batch, "inverse dynamics", {"the forces": (tau_bar, ctx.physics.nv)}, made)
            return (bench.theta_bar(theta_bar, theta) if want else None, *bars)

        return (None, *run_adjoint(ctx, "inverse dynamics", adjoint, grads))
