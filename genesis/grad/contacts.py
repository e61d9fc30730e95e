"""Contacts of states as a torch.autograd function over `genesis.dynamics.inspect_contacts`."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genesis.dynamics.inspect_contacts import WIDTH
from genesis.dynamics.launch import Launch
from genesis.grad.faults import expect_finite
from genesis.grad.pull_back import Made, NoForwardMode, run_adjoint
from genesis.grad.status import Status

if TYPE_CHECKING:
    from genesis.grad.launches import Launches
    from genesis.grad.physics import Physics


class ContactRows(NoForwardMode, torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v (S, B, nv), a (S, B, nv)) -> rows (S, B, room for contacts, WIDTH)."""

    @staticmethod
    def forward(ctx: Any, physics: "Physics", theta: Tensor, q: Tensor, v: Tensor, a: Tensor) -> Tensor:
        launches = physics.launches(q.shape[1])
        given, (q, v, a) = (theta, q, v, a), (x.detach().contiguous() for x in (q, v, a))
        ctx.physics, ctx.launches = physics, launches
        while True:
            (forward, *_), contacts, status = _fitting(physics, launches, theta, q)
            ledger, shapes = launches.contact_arrays
            rows = q.new_zeros(*q.shape[:2], contacts * WIDTH)
            forward.named(parameters=launches.parameters(theta), q=q, v=v, a=a, rows=rows, ledger=ledger, shapes=shapes)
            if not status.outgrown():
                break
        ctx.save_for_backward(q, v, a, *given)
        return rows.view(*q.shape[:2], contacts, WIDTH)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Made:
        want = bool(ctx.needs_input_grad[1])

        def adjoint(rows_bar: Tensor) -> Made:
            q, v, a, theta, *_ = ctx.saved_tensors
            physics, launches = ctx.physics, ctx.launches
            q_bar, v_bar, a_bar = bars = [torch.empty_like(x) for x in (q, v, a)]
            while True:
                made, contacts, status = _fitting(physics, launches, theta, q)
                more = contacts - rows_bar.shape[-2]  # the room may have grown since the rows were made
                given_bar = torch.nn.functional.pad(rows_bar, (0, 0, 0, more)).contiguous().flatten(-2)
                theta_bar, (ledger, shapes) = launches.parameters_bar(want), launches.contact_arrays
                made[1 + want].named(
                    parameters=launches.parameters(theta), q=q, v=v, a=a, rows_bar=given_bar,
                    q_bar=q_bar, v_bar=v_bar, a_bar=a_bar, parameters_bar=theta_bar, ledger=ledger, shapes=shapes,
                )  # fmt: skip
                if not status.outgrown(backward=True):
                    break
            bars_of = dict(zip(("qpos", "qvel", "qacc", ""), (*bars, theta_bar if want else None), strict=True))
            given = {"the rows": (rows_bar, rows_bar.shape[-2] * WIDTH)}
            expect_finite(physics, launches.batch, "contacts", given, bars_of)
            return launches.theta_bar(theta_bar, theta) if want else None, *bars

        return (None, *run_adjoint(ctx, "contacts", adjoint, grads))


def _fitting(
    physics: "Physics", launches: "Launches", theta: Tensor, q: Tensor
) -> tuple[tuple[Launch, Launch, Launch], int, Status]:
    """Launches for the room there is now, with memory for it, and how many contacts that is, and what reports whether it was enough."""
    setting = physics.constraints
    assert setting is not None  # `Physics.contacts` asks only where there are pairs
    launches.fit(physics, setting)
    assert launches.status is not None
    numbers = {name: setting.numbers[name] for name in ("ledger_stride", "capacity", "cone", "smooth", "impratio")}
    made = launches.function("contacts", q.shape[0], theta.dim() == 2, {**numbers, "dt": physics.step_dt})
    return made, setting.contacts, launches.status
