"""Exact Jacobian of the residuals: forward sensitivities of every window, made of adjoints of single steps.

    S_0 = dx_0/d(d, z),    S_(k+1) = A_k S_k + [0, B_k dtheta/dz + C_k du/dz],    dr = (dh/dx) S + dh/dz

A, B, C come from `genesis.grad.step_jacobian`, derivatives of what lies outside the physics (bounds, log-Cholesky factors, delays,
gains) from torch's forward mode, those of channels from its reverse mode, once for each number of a channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.autograd import forward_ad

from genesis.grad.sensitivities import along, forward
from genesis.parameters import Inputs, Numbers
from genesis.sysid.measure import (
    Instants,
    ResidualRows,
    StepsAround,
    instants,
    lateness,
    rows_of,
    sample_of,
    sensor_rows,
    stamped,
    steps_of,
)
from genesis.sysid.problem import Motion, RecordingProblem
from genesis.sysid.shooting import Batch, Samples
from genesis.sysid.space import cubic_weights

ROWS_AT_ONCE = 2**22  # numbers of theta that are copied for samples whose channel depends on it


@dataclass
class RecordingDerivatives:
    """Derivatives to z (n,) of what enters the physics of a batch.

    columns (F,): entries of theta that depend on z; theta (R, F, n), R = 1 or the recordings. start (B, nx, n). driving: columns of z
    that change controls; dof_ctrl (T, B, nv, k), act_ctrl (T, B, nu, k) to those, None without. sensors: (channel, what) -> (R, width, n).
    """

    columns: Tensor
    theta: Tensor
    start: Tensor
    driving: list[int]
    dof_ctrl: Tensor | None
    act_ctrl: Tensor | None
    sensors: dict[tuple[str, str], Tensor] = field(default_factory=dict)


@dataclass
class Sensitivity:
    """x (T+1, B, nx, m), qacc (T, B, nv, m), dof_ctrl (T, B, nv, m), act_ctrl (T, B, nu, m), each but x or None.

    m = nt + n: tangents of the start, then z.
    """

    x: Tensor
    qacc: Tensor | None
    dof_ctrl: Tensor | None
    act_ctrl: Tensor | None


def outside(problem: RecordingProblem, batch: Batch, z: Tensor, tangents: Tensor | None) -> RecordingDerivatives:
    """One pass of the forward mode for each number of z."""
    targets, entries = problem.targets(z), problem.solver.parameters.entries
    names = list(dict.fromkeys(name for target in targets for name in target.physical))
    columns = problem.physics.columns(names)
    driving = [k for parameter, _, part in problem.slices for k in range(part.start, part.stop) if drives(parameter, problem)]
    count, n = len(targets), problem.n
    made = RecordingDerivatives(
        columns, z.new_zeros(count, len(columns), n), z.new_zeros(*batch.state.shape, n), driving, None, None
    )
    dof_ctrl: list[Tensor] = []
    act_ctrl: list[Tensor] = []
    for k in range(n):
        with forward_ad.dual_level():
            unit = torch.zeros_like(z)
            unit[k] = 1.0
            here = problem.targets(forward_ad.make_dual(z, unit))
            for r, target in enumerate(here):
                made.theta[r, :, k] = _tangent(entries(problem.loops, {name: target.value(name) for name in names}))
                for key, value in target.sensors.items():
                    table = made.sensors.setdefault(key, z.new_zeros(count, value.numel(), n))
                    table[r, :, k] = _tangent(value).reshape(-1)
            made.start[..., k] = _tangent(problem.begin(batch, here, tangents))
            if k in driving:
                u, c = problem.controls(batch, here)
                dof_ctrl.append(_tangent(u))
                act_ctrl += [] if c is None else [_tangent(c)]
    if driving:
        made.dof_ctrl = torch.stack(dof_ctrl, -1)
        made.act_ctrl = torch.stack(act_ctrl, -1) if act_ctrl else None
    return made


def drives(parameter: Numbers, problem: RecordingProblem) -> bool:
    """Whether a parameter, or what follows it, changes the controls: properties of inputs, and gains that turn targets into dof_ctrl."""
    changes = problem.changes(parameter)
    gains = any(name in ("dof_kp", "dof_kv") for name in changes.physical)
    return bool(changes.inputs) or (gains and bool(problem.drive.kp.any() or problem.drive.kv.any()))


def _tangent(dual: Tensor) -> Tensor:
    tangent = forward_ad.unpack_dual(dual).tangent
    return torch.zeros_like(dual) if tangent is None else tangent


def start_tangents(problem: RecordingProblem, batch: Batch, targets: Sequence[Inputs], tangents: Tensor) -> Tensor:
    """(B, nx, nt): how the start states move with their tangents."""
    columns = []
    for k in range(problem.space.nt):
        with forward_ad.dual_level():
            unit = torch.zeros_like(tangents)
            unit[:, k] = 1.0
            columns.append(_tangent(problem.begin(batch, targets, forward_ad.make_dual(tangents, unit))))
    return torch.stack(columns, -1)


def propagate(
    problem: RecordingProblem, batch: Batch, motion: Motion, out: RecordingDerivatives, free: Tensor | None, acceleration: bool
) -> Sensitivity:
    """The recursion. free (B, nx, nt): derivative of the start states to their tangents, or None."""
    driven_by = motion.dof_ctrl, motion.act_ctrl
    steps = along(problem.physics, motion.theta, motion.x[:-1], *driven_by, out.columns, acceleration, motion.qacc)
    nt = 0 if free is None else problem.space.nt
    per_env = out.theta[batch.target] if out.theta.shape[0] > 1 else out.theta  # (B or 1, F, n)

    def driven(jacobian) -> Tensor:
        """(T, B, m', nt + n) without the part through the state."""
        made = jacobian.parameters @ per_env
        if out.dof_ctrl is not None:
            more = jacobian.dof_ctrl @ out.dof_ctrl
            if out.act_ctrl is not None:
                more = more + jacobian.act_ctrl @ out.act_ctrl
            made[..., out.driving] += more
        return torch.nn.functional.pad(made, (nt, 0))

    source = driven(steps.next)
    x = forward(steps.next.state, source, out.start if free is None else torch.cat([free, out.start], -1))
    qacc = None
    if steps.acceleration is not None:
        qacc = driven(steps.acceleration) + steps.acceleration.state @ x[:-1]

    def placed(table: Tensor | None) -> Tensor | None:
        """(T, B, m', nt + n) from derivatives to the numbers that drive."""
        if table is None:
            return None
        made = source.new_zeros(*table.shape[:-1], nt + problem.n)
        made[..., [nt + k for k in out.driving]] = table
        return made

    return Sensitivity(x, qacc, placed(out.dof_ctrl), placed(out.act_ctrl))


def channel_jacobian(
    problem: RecordingProblem,
    batch: Batch,
    motion: Motion,
    targets: Sequence[Inputs],
    out: RecordingDerivatives,
    sens: Sensitivity,
    name: str,
) -> tuple[ResidualRows, Tensor] | None:
    """Residuals of a channel and their Jacobian (N, m, nt + n)."""
    samples = batch.samples.get(name)
    if samples is None:
        return None
    channel = problem.channels[name]
    sensed = any(key[0] == name for key in out.sensors)
    if channel.selection is not None and not sensed:
        return _selected(problem, batch, motion, sens, name, samples)
    most = len(samples.env) if channel.selection is not None else max(1, ROWS_AT_ONCE // problem.solver.model.parameter_size)
    parts = []
    for first in range(0, len(samples.env), most):
        rows = slice(first, first + most)
        piece = Samples(
            samples.env[rows], samples.time[rows], samples.measured[rows], samples.recording[rows], samples.order[rows]
        )
        parts.append(_differentiated(problem, batch, motion, targets, out, sens, name, piece))
    predicted, values, seen = (torch.cat([getattr(r, key) for r, _ in parts]) for key in ("predicted", "values", "seen"))
    return ResidualRows(name, predicted, values, seen, samples), torch.cat([jacobian for _, jacobian in parts])


def _selected(
    problem: RecordingProblem, batch: Batch, motion: Motion, sens: Sensitivity, name: str, samples: Samples
) -> tuple[ResidualRows, Tensor]:
    """A channel that reads coordinates as they are: the weights of the interpolation are its derivatives."""
    space, channel, spec = problem.space, problem.channels[name], problem.dataset.specs[name]
    at = instants(problem, batch, samples, None)
    rows = rows_of(problem, name, samples, sample_of(problem, at, steps_of(motion, at)), None, None)
    velocity = {q: space.nq + v for q, v in zip(space.plain_q.tolist(), space.plain_v.tolist(), strict=True)}
    s = at.fraction.unsqueeze(-1)
    h00, h10, h01, h11 = cubic_weights(s)
    columns = []
    for c in channel.selection:
        here, there = sens.x[at.step, at.env], sens.x[at.step + 1, at.env]
        if c < space.nq:
            slope = velocity[c]
            made = h00 * here[:, c] + h01 * there[:, c] + problem.dt * (h10 * here[:, slope] + h11 * there[:, slope])
        else:
            made = (1.0 - s) * here[:, c] + s * there[:, c]
        columns.append(made)
    scale = spec.weight**0.5 / problem.sigma[name]
    jacobian = torch.stack(columns, 1) * scale.unsqueeze(-1)
    return rows, torch.where(rows.seen.unsqueeze(-1), jacobian, torch.zeros_like(jacobian))


def _differentiated(
    problem: RecordingProblem, batch: Batch, motion: Motion, targets: Sequence[Inputs], out: RecordingDerivatives, sens: Sensitivity, name: str,
    samples: Samples,
) -> tuple[ResidualRows, Tensor]:  # fmt: skip
    """Any channel: one reverse pass for each of its numbers; rows do not mix, so that their sum has the gradient of every row."""
    owner = batch.target[samples.env]
    at = instants(problem, batch, samples, lateness(batch, samples, targets, name))
    given: dict[str, Tensor | None] = {**vars(steps_of(motion, at)), "fraction": at.fraction}
    if motion.theta.dim() == 1:
        given["theta"] = motion.theta.expand(len(samples.env), -1)  # rows do not mix
    given |= {what: sensor_rows(targets, name, what, owner) for what in ("gain", "bias")}
    leaves = {key: value.detach().clone().requires_grad_() for key, value in given.items() if value is not None}
    with torch.enable_grad():
        moved = Instants(at.step, leaves["fraction"], at.env, at.target)
        steps = StepsAround(
            leaves["left"], leaves["right"], leaves["qacc"], leaves["dof_ctrl"], leaves["theta"], leaves.get("act_ctrl")
        )
        sample = sample_of(problem, moved, steps)
        rows = rows_of(problem, name, samples, sample, leaves.get("gain"), leaves.get("bias"))
        jacobian = rows.values.new_zeros(*rows.values.shape, sens.x.shape[-1])
        for k in range(rows.values.shape[1]):
            grads = torch.autograd.grad(rows.values[:, k].sum(), list(leaves.values()), retain_graph=True, allow_unused=True)
            jacobian[:, k] = _chained(
                problem, sens, out, at, name, stamped(batch, samples), dict(zip(leaves, grads, strict=True))
            )
    rows.predicted, rows.values = rows.predicted.detach(), rows.values.detach()
    return rows, jacobian


def _chained(
    problem: RecordingProblem,
    sens: Sensitivity,
    out: RecordingDerivatives,
    at: Instants,
    name: str,
    stamps: Tensor,
    grads: dict[str, Tensor | None],
) -> Tensor:
    """(N, nt + n) from the gradients (N, .) of one number to everything that it was made of; stamps (N,) [s]."""
    made = sens.x.new_zeros(len(at.step), sens.x.shape[-1])
    nt = sens.x.shape[-1] - problem.n
    series = {
        "left": (sens.x, at.step),
        "right": (sens.x, at.step + 1),
        "qacc": (sens.qacc, at.step),
        "dof_ctrl": (sens.dof_ctrl, at.step),
        "act_ctrl": (sens.act_ctrl, at.step),
    }
    for key, (table, step) in series.items():
        grad = grads.get(key)
        if grad is not None and table is not None:
            made += torch.einsum("nx,nxm->nm", grad, table[step, at.env])
    grad = grads.get("theta")
    if grad is not None and len(out.columns):
        own = out.theta[at.target] if out.theta.shape[0] > 1 else out.theta[0]
        chosen = grad.index_select(1, out.columns)
        made[:, nt:] += torch.einsum("nf,nfm->nm", chosen, own) if own.dim() == 3 else chosen @ own
    later = {"delay": -torch.ones_like(stamps), "clock_scale": stamps, "clock_offset": torch.ones_like(stamps)}  # of an instant
    for what in ("gain", "bias", *later):
        table, grad = out.sensors.get((name, what)), grads.get("fraction" if what in later else what)
        if table is None or grad is None:
            continue
        own = table[at.target] if table.shape[0] > 1 else table
        rows = grad if what not in later else (grad * later[what]).unsqueeze(-1) / problem.dt
        made[:, nt:] += (rows.unsqueeze(-1) * own).sum(1)
    return made
