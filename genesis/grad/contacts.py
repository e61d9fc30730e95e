"""Contacts of states as a torch.autograd function over `genesis.dynamics.inspect_contacts`."""

import torch

from genesis.dynamics.inspect_contacts import WIDTH
from genesis.grad.faults import expect_finite
from genesis.grad.pull_back import run_adjoint


class ContactRows(torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v (S, B, nv), a (S, B, nv)) -> rows (S, B, room for contacts, WIDTH)."""

    @staticmethod
    def forward(ctx, physics, theta, q, v, a):
        bench = physics.bench(q.shape[1])
        given, (q, v, a) = (theta, q, v, a), (x.detach().contiguous() for x in (q, v, a))
        ctx.physics, ctx.bench = physics, bench
        while True:
            setting = physics.constraints
            rows = q.new_zeros(*q.shape[:2], setting.contacts * WIDTH)
            room, capacity, cone, _, _, smooth = setting.integers
            ctx.integers = (q.shape[0], *bench.layout(theta.dim() == 2), room, capacity, cone, smooth)
            ctx.reals = (physics.step_dt, setting.reals[0])
            arrays = (physics.integers, bench.parameters(theta), bench.scratch, q, v, a, rows, *bench.contact_arrays)
            bench.launchers("contacts", q.shape[0])[0](arrays, (ctx.integers, ctx.reals))
            if not bench.watch.outgrown():
                break
        ctx.save_for_backward(q, v, a, *given)
        return rows.view(*q.shape[:2], setting.contacts, WIDTH)

    @staticmethod
    def backward(ctx, *grads):
        want = bool(ctx.needs_input_grad[1])

        def adjoint(rows_bar):
            q, v, a, theta, *_ = ctx.saved_tensors
            physics, bench = ctx.physics, ctx.bench
            bars, theta_bar = [torch.empty_like(x) for x in (q, v, a)], bench.parameters_bar(want)
            arrays = (
                physics.integers, bench.parameters(theta), bench.scratch, q, v, a, rows_bar.contiguous().flatten(-2), *bars,
                theta_bar, bench.ledger, physics.shapes,
            )  # fmt: skip
            bench.launchers("contacts", q.shape[0])[1 + want](arrays, ((*ctx.integers, bench.width), ctx.reals))
            made = dict(zip(("qpos", "qvel", "qacc", ""), (*bars, theta_bar if want else None), strict=True))
            given = {"the rows": (rows_bar, rows_bar.shape[-2] * WIDTH)}
            expect_finite(physics, bench.batch, "contacts", given, made)
            return bench.theta_bar(theta_bar, theta) if want else None, *bars

        return (None, *run_adjoint(ctx, "contacts", adjoint, grads))
