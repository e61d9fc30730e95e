"""The engine under the transforms of torch.func: a rollout, and the links of its states, as functions that grad, vjp, jacrev and vmap take.

vmap makes environments of what it maps over: N points are one launch of N times as many. An adjoint is a function of its own, so that it is
mapped the same way, and refuses to be differentiated again. What is made within a transform is a wrapper that dies with it: the scene may
keep nothing of it (`outside`).
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor

from genesis.errors import DivergenceError, UnsupportedError
from genesis.grad.functions import link_states, link_states_adjoint
from genesis.grad.pull_back import Made, NoForwardMode, refuse_second_order, transforming
from genesis.grad.trajectory_function import launched

if TYPE_CHECKING:
    from genesis.grad.physics import Physics

How = tuple["Physics", bool]  # and whether arrays have no axis of environments
Axes = tuple[Any, ...]  # of each argument, where its points lie; None: the same for all


_HERE = nullcontext()


def outside() -> AbstractContextManager[Any]:
    """Tensors made in here are plain ones, also within a transform."""
    if not transforming():
        return _HERE
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

    return temporarily_clear_interpreter_stack()


@dataclass(frozen=True)
class Points:
    """`count` points of `envs` environments each, as environments of one launch; flat: without an axis of environments."""

    count: int
    envs: int
    flat: bool

    def rows(self, x: Tensor | None, axis: int | None, place: int, tail: int = 1) -> Tensor | None:
        """An array with all environments at ``place``, before the ``tail`` last axes."""
        if x is None:
            return None
        x = x.expand(self.count, *x.shape) if axis is None else x.movedim(axis, 0)
        x = x.movedim(0, place)
        return x.reshape(*x.shape[:place], self.count * self.envs, *x.shape[-tail:]).contiguous()

    def theta(self, x: Tensor, axis: int | None, each: bool) -> Tensor:
        """(P,), or where points differ, or ``each`` is wanted, (count envs, P)."""
        if axis is None and x.dim() == 1 and not each:
            return x
        rows = x.expand(self.count, *x.shape) if axis is None else x.movedim(axis, 0)
        if rows.dim() == 2:
            rows = rows[:, None].expand(self.count, self.envs, -1)
        return rows.reshape(self.count * self.envs, -1).contiguous()

    def theta_bar(self, bar: Tensor, shared: bool) -> Tensor:
        """(count, P), or with parameters of its own for every environment (count, envs, P)."""
        rows = bar.view(self.count, self.envs, -1)
        return rows.sum(1) if shared else rows

    def points(self, x: Tensor, place: int) -> Tensor:
        """The axis of points again, at ``place``."""
        return x if self.flat else x.unflatten(place, (self.count, self.envs))


class MappedRollout(NoForwardMode, torch.autograd.Function):
    """(how, theta, q0, v0, dof_ctrl, act_ctrl) -> q, v, a of all time steps; as `TrajectoryFunction`."""

    @staticmethod
    def forward(
        how: How, theta: Tensor, q0: Tensor, v0: Tensor, dof_ctrl: Tensor | None, act_ctrl: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        u, c = (None if x is None else x.contiguous() for x in (dof_ctrl, act_ctrl))
        launch, states, _, end = launched(*how, theta, q0, v0, u, c, False)
        if launch.reach > 0.0:
            raise UnsupportedError(
                "torch.func: gradients with contact_reach are those of loss.backward() alone; set contact_reach=0."
            )
        if not isfinite(end):
            raise DivergenceError("scene.rollout under torch.func: the simulation diverged; without the transform it says where.")
        return states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.how, theta, q0, v0, u, c = inputs
        ctx.shapes = q0.shape, v0.shape
        ctx.save_for_backward(theta, *output, u, c)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        want = bool(ctx.needs_input_grad[1])
        theta, q, v, a, u, c = ctx.saved_tensors
        made = iter(RolloutAdjoint.apply(ctx.how, want, theta, q, v, a, u, c, *grads))
        theta_bar = next(made) if want else None
        starts = [next(made).reshape(shape) for shape in ctx.shapes]
        return None, theta_bar, *starts, None if u is None else next(made), None if c is None else next(made)

    @staticmethod
    def vmap(
        info: Any, axes: Axes, how: How, theta: Tensor, q0: Tensor, v0: Tensor, u: Tensor | None, c: Tensor | None
    ) -> tuple[Any, Any]:
        physics, flat = how
        driven, axis = (u, axes[4]) if u is not None else (c, axes[5])
        points = Points(info.batch_size, 1 if flat else _environments(driven, axis), flat)
        start = points.rows(q0, axes[2], 0), points.rows(v0, axes[3], 0)
        controls = points.rows(u, axes[4], 1), points.rows(c, axes[5], 1)
        out = MappedRollout.apply((physics, False), points.theta(theta, axes[1], False), *start, *controls)
        return tuple(points.points(x, 1) for x in out), (1, 1, 1)


class RolloutAdjoint(NoForwardMode, torch.autograd.Function):
    """(how, want, theta, q, v, a, dof_ctrl, act_ctrl, q_bar, v_bar, a_bar) -> adjoints of theta, if it is wanted, of q0, v0 and of the controls
    that there are."""

    @staticmethod
    def forward(
        how: How,
        want: bool,
        theta: Tensor,
        q: Tensor,
        v: Tensor,
        a: Tensor,
        u: Tensor | None,
        c: Tensor | None,
        *bars: Tensor | None,
    ) -> tuple[Tensor, ...]:
        physics, flat = how
        driven = c if u is None else u
        assert driven is not None
        launch = physics.launches(1 if flat else q.shape[1]).rollout(physics, driven.shape[0], theta, c, None, True)
        every = physics.substeps, physics.substeps, physics.substeps * physics.stages
        given = tuple(None if x is None else x[::k].contiguous() for x, k in zip(bars, every, strict=True))
        nothing = physics.nothing
        inputs = (
            launch.no_dof_ctrl if u is None else u.contiguous(),
            nothing if c is None else c.contiguous(),
            nothing,
            nothing,
            nothing,
        )
        theta_bar, q0_bar, v0_bar, u_bar, c_bar, _ = launch.adjoint(want, theta, inputs, (q, v, a), given)  # type: ignore[arg-type]
        made = theta_bar if want else None, q0_bar, v0_bar, None if u is None else u_bar, None if c is None else c_bar
        return tuple(x for x in made if x is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> NoReturn:
        refuse_second_order("rollout")

    @staticmethod
    def vmap(info: Any, axes: Axes, how: How, want: bool, theta: Tensor, *arrays: Tensor | None) -> tuple[Any, Any]:
        physics, flat = how
        assert arrays[0] is not None
        points = Points(info.batch_size, 1 if flat else _environments(arrays[0], axes[3]), flat)
        rows = [points.rows(x, axis, 1) for x, axis in zip(arrays, axes[3:], strict=True)]
        shared = theta.dim() - (axes[2] is not None) == 1
        out = list(RolloutAdjoint.apply((physics, False), want, points.theta(theta, axes[2], want), *rows))
        first = [points.theta_bar(out.pop(0), shared)] if want else []
        starts, controls = [points.points(x, 0) for x in out[:2]], [points.points(x, 1) for x in out[2:]]
        return (*first, *starts, *controls), (*[0] * (len(first) + 2), *[1] * len(controls))


class MappedLinks(NoForwardMode, torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v (S, B, nv)) -> pose (S, B, nlink, 7), twist (S, B, nlink, 6); as `LinkStates`."""

    @staticmethod
    def forward(physics: "Physics", theta: Tensor, q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return link_states(physics, theta, q.contiguous(), v.contiguous())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.physics, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Made:
        want = bool(ctx.needs_input_grad[1])
        made = LinksAdjoint.apply(ctx.physics, want, *ctx.saved_tensors, *grads)
        return None, *(made if want else (None, *made))

    @staticmethod
    def vmap(info: Any, axes: Axes, physics: "Physics", theta: Tensor, q: Tensor, v: Tensor) -> tuple[Any, Any]:
        points = Points(info.batch_size, _environments(q, axes[2]), False)
        out = MappedLinks.apply(
            physics, points.theta(theta, axes[1], False), points.rows(q, axes[2], 1), points.rows(v, axes[3], 1)
        )
        return tuple(points.points(x, 1) for x in out), (1, 1)


class LinksAdjoint(NoForwardMode, torch.autograd.Function):
    """(physics, want, theta, q, v, pose_bar, twist_bar) -> adjoints of theta, if it is wanted, of q and v."""

    @staticmethod
    def forward(physics: "Physics", want: bool, theta: Tensor, q: Tensor, v: Tensor, *bars: Tensor) -> tuple[Tensor, ...]:
        made = link_states_adjoint(physics, want, theta, q.contiguous(), v.contiguous(), *bars)
        return tuple(x for x in made if x is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> NoReturn:
        refuse_second_order("link states")

    @staticmethod
    def vmap(info: Any, axes: Axes, physics: "Physics", want: bool, theta: Tensor, q: Tensor, *others: Tensor) -> tuple[Any, Any]:
        points = Points(info.batch_size, _environments(q, axes[3]), False)
        arrays = [points.rows(x, axis, 1, tail) for x, axis, tail in zip((q, *others), axes[3:], (1, 1, 2, 2), strict=True)]
        out = list(LinksAdjoint.apply(physics, want, points.theta(theta, axes[2], want), *arrays))
        first = [points.theta_bar(out.pop(0), theta.dim() - (axes[2] is not None) == 1)] if want else []
        return (*first, *(points.points(x, 1) for x in out)), (*[0] * len(first), 1, 1)


def _environments(series: Any, axis: int | None) -> int:
    """B of a series (T, B, n), which may have an axis of points besides."""
    return [size for k, size in enumerate(series.shape) if k != axis][1]


def mapped_trajectory(
    physics: "Physics", flat: bool, theta: Tensor, q0: Tensor, v0: Tensor, dof_ctrl: Tensor | None, act_ctrl: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """q, v, a of the control steps, as `whole_trajectory` gives them. Raises: DivergenceError."""
    q, v, a = MappedRollout.apply((physics, flat), theta, q0, v0, dof_ctrl, act_ctrl)
    every = physics.substeps
    return q[::every], v[::every], a[:: every * physics.stages]
