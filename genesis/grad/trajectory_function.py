"""A whole rollout as users call it: one autograd function between what they give and the trajectory that they get.

The same launch as `genesis.grad.functions.Rollout`. Here the axis of environments may be left out, inputs are copied and the end of the
trajectory is summed inside the function, so that none of this becomes a node of the graph or a view made for the kernel alone: with one
environment those cost as much as the mechanics.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genesis.grad.functions import NoContext
from genesis.grad.pull_back import Made, NoForwardMode, apply_in_eager, run_adjoint
from genesis.grad.rollout_launch import RolloutLaunch, States

if TYPE_CHECKING:
    from genesis.grad.physics import Physics


def launched(
    physics: "Physics",
    flat: bool,
    theta: Tensor,
    q0: Tensor,
    v0: Tensor,
    dof_ctrl: Tensor | None,
    act_ctrl: Tensor | None,
    taped: bool,
) -> tuple[RolloutLaunch, States, Tensor | None, float]:
    """The launch of contiguous controls, the states of all its time steps, what the adjoint asks for besides, and whether the end is finite."""
    driven = act_ctrl if dof_ctrl is None else dof_ctrl
    assert driven is not None
    horizon = driven.shape[0]
    lead, steps, new = () if flat else (q0.shape[0],), horizon * physics.substeps, physics.nothing.new_empty
    q, v = new(steps + 1, *lead, physics.nq), new(steps + 1, *lead, physics.nv)
    a = new(steps * physics.stages, *lead, physics.nv)
    launches = physics.launches(*lead or (1,))
    launch = launches.rollout(physics, horizon, theta, act_ctrl, None, True)
    inputs = (
        launch.no_dof_ctrl if dof_ctrl is None else dof_ctrl,
        physics.nothing if act_ctrl is None else act_ctrl,
        physics.nothing,
        q0.contiguous(),
        v0.contiguous(),
    )
    tape = launch.forward(theta, inputs, (q, v, a), taped)
    return launch, (q, v, a), tape, launches.end()


class TrajectoryFunction(NoForwardMode, torch.autograd.Function):
    """((physics, flat), theta, q0, v0, dof_ctrl, act_ctrl) -> q, v, a over T control steps, and a number: finite if their end is.

    ``flat``: one environment, and arrays without its axis; an initial state may keep it. ``dof_ctrl`` or ``act_ctrl`` may be None.
    The controls and the initial state may be changed in place afterwards.
    """

    @staticmethod
    def forward(
        ctx: Any,
        how: tuple["Physics", bool],
        theta: Tensor,
        q0: Tensor,
        v0: Tensor,
        dof_ctrl: Tensor | None,
        act_ctrl: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        (physics, flat), needs = how, ctx.needs_input_grad
        u = None if dof_ctrl is None else dof_ctrl.contiguous()
        c = None if act_ctrl is None else act_ctrl.contiguous()
        if c is not None and c is act_ctrl and any(needs):
            c = act_ctrl.clone()
        ctx.launch, (q, v, a), tape, end = launched(physics, flat, theta, q0, v0, u, c, any(needs) and not needs[1])
        ctx.save_for_backward(
            u, physics.nothing if c is None else c, tape, theta, q, v, a
        )  # what users gave is not among these: they may change it in place
        ctx.set_materialize_grads(False)
        ctx.shapes = (q0.shape, v0.shape)
        every = physics.substeps
        if every == 1 and physics.stages == 1:
            return q, v, a, end
        return q[::every], v[::every], a[:: every * physics.stages], end

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        need_theta = ctx.needs_input_grad[1]

        def adjoint(*grads: Tensor | None) -> Made:
            u, c, tape, theta, q, v, a = ctx.saved_tensors
            launch = ctx.launch
            given, nothing = tuple(None if g is None else g.contiguous() for g in grads), launch.physics.nothing
            inputs = (launch.no_dof_ctrl if u is None else u, c, nothing, nothing, nothing)
            theta_bar, q0_bar, v0_bar, u_bar, c_bar, _ = launch.adjoint(need_theta, theta, inputs, (q, v, a), given, tape)
            bars = [x if x.shape == shape else x.view(shape) for x, shape in zip((q0_bar, v0_bar), ctx.shapes, strict=True)]
            return theta_bar, *bars, None if u is None else u_bar, c_bar

        return (None, *run_adjoint(ctx, "rollout", adjoint, grads[:3]))


def whole_trajectory(
    physics: "Physics", flat: bool, theta: Tensor, qpos: Tensor, qvel: Tensor, dof_ctrl: Tensor | None, act_ctrl: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, float]:
    """`TrajectoryFunction`, applied where gradients are recorded and merely run where they are not."""
    if torch.is_grad_enabled():
        return apply_in_eager(TrajectoryFunction, (physics, flat), theta, qpos, qvel, dof_ctrl, act_ctrl)
    return TrajectoryFunction.forward(NoContext, (physics, flat), theta, qpos, qvel, dof_ctrl, act_ctrl)
