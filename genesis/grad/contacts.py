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
            integers, reals = _scalars(physics, bench, theta, q)
            contacts = bench.setting.contacts
            rows = q.new_zeros(*q.shape[:2], contacts * WIDTH)
            arrays = (physics.integers, bench.parameters(theta), bench.scratch, q, v, a, rows, *bench.contact_arrays)
            bench.launchers("contacts", q.shape[0])[0](arrays, (integers, reals))
            if not bench.watch.outgrown():
                break
        ctx.save_for_backward(q, v, a, *given)
        return rows.view(*q.shape[:2], contacts, WIDTH)

    @staticmethod
    def backward(ctx, *grads):
        want = bool(ctx.needs_input_grad[1])

        def adjoint(rows_bar):
            q, v, a, theta, *_ = ctx.saved_tensors
            physics, bench = ctx.physics, ctx.bench
            bars = [torch.empty_like(x) for x in (q, v, a)]
            while True:
                integers, reals = _scalars(physics, bench, theta, q)
                more = bench.setting.contacts - rows_bar.shape[-2]  # the room may have grown since the rows were made
                given_bar = torch.nn.functional.pad(rows_bar, (0, 0, 0, more)).contiguous().flatten(-2)
                theta_bar = bench.parameters_bar(want)
                arrays = (
                    physics.integers, bench.parameters(theta), bench.scratch, q, v, a, given_bar, *bars, theta_bar,
                    *bench.contact_arrays,
                )  # fmt: skip
                bench.launchers("contacts", q.shape[0])[1 + want](arrays, ((*integers, bench.width), reals))
                if not bench.watch.outgrown(backward=True):
                    break
            made = dict(zip(("qpos", "qvel", "qacc", ""), (*bars, theta_bar if want else None), strict=True))
            given = {"the rows": (rows_bar, rows_bar.shape[-2] * WIDTH)}
            expect_finite(physics, bench.batch, "contacts", given, made)
            return bench.theta_bar(theta_bar, theta) if want else None, *bars

        return (None, *run_adjoint(ctx, "contacts", adjoint, grads))


def _scalars(physics, bench, theta, q) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Integers and reals of the kernels for the room there is now, and memory for it."""
    setting = physics.constraints
    bench.fit(physics, setting)
    room, capacity, cone, _, _, smooth = setting.integers
    return (q.shape[0], *bench.layout(theta.dim() == 2), room, capacity, cone, smooth), (physics.step_dt, setting.reals[0])
