"""Motions that are held to a path of states by linear feedback, for many step lengths at once, in one launch.

    u_t = clamp(ū_t + α k_t + K_t (x̂_t ⊖ x_t)),    x̂_(t+1) = F(x̂_t, u_t) ⊕ (−(1 − α) d_(t+1)),    x̂_0 = x_0

It is the kernel of the rollout: where nothing stays of the gaps, a rollout of the controls that acted is the same motion to the last bit, for
as many environments as there were step lengths.
Source: Mastalli et al., Crocoddyl: an efficient and versatile framework for multi-contact optimal control, ICRA 2020 (gaps).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis.dynamics.feedback import header_size, step_size
from genesis.errors import InputError
from genesis.grad.physics import Physics

States = tuple[Tensor, Tensor, Tensor, Tensor]


def closed_loop(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    dofs: Sequence[int],
    low: Tensor,
    high: Tensor,
    feedforward: Tensor,
    gains: Tensor,
    gaps: Tensor | None,
    lengths: Tensor,
) -> States:
    """C motions, one for each step length. A motion that leaves the finite numbers comes back as it is and does not disturb the others.

    Args:
        theta: (P,). qpos (T+1, nq), qvel (T+1, nv): path x, quaternions of length one. dof_ctrl: (T, nv) ū.
        dofs: n degrees of freedom, each once, whose controls answer, within low and high (n,); the others keep theirs.
        feedforward: k (T, n). gains: K (T, n, 2nv). gaps: d (T, 2nv), of which (1 − α) stays; None: zero. lengths: α (C,).
    Returns: qpos (T+1, C, nq), qvel (T+1, C, nv), qacc (T, C, nv) at the start of each step, and the dof_ctrl (T, C, nv) that acted.
    Raises: InputError (shape, dtype, device, dofs), ContactOverflowError.
    """
    horizon, nq, nv, fed, count = len(dof_ctrl), physics.nq, physics.nv, len(dofs), len(lengths)
    if len({i for i in dofs if 0 <= i < nv}) < max(fed, 1):
        raise InputError(f"closed_loop: dofs are {list(dofs)}; allowed: at least one, each once, from 0 to {nv - 1}.")
    physics.expect("theta", theta, (physics.model.parameter_size,))
    for name, x, shape in (
        ("qpos", qpos, (horizon + 1, nq)), ("qvel", qvel, (horizon + 1, nv)), ("dof_ctrl", dof_ctrl, (horizon, nv)),
        ("low", low, (fed,)), ("high", high, (fed,)), ("feedforward", feedforward, (horizon, fed)),
        ("gains", gains, (horizon, fed, 2 * nv)), ("lengths", lengths, (count,)),
    ):  # fmt: skip
        physics.expect(name, x, shape)
    if gaps is not None:
        physics.expect("gaps", gaps, (horizon, 2 * nv))
    with torch.no_grad():
        new, launches, steps = physics.nothing.new_empty, physics.launches(count), horizon * physics.substeps
        states = new(steps + 1, count, nq), new(steps + 1, count, nv), new(steps * physics.stages, count, nv)
        launch = launches.rollout(physics, horizon, theta, None, None, True)
        feedback = _packed(qpos, qvel, dofs, low, high, feedforward, gains, gaps, lengths)
        initial = qpos[:1].repeat(count, 1), qvel[:1].repeat(count, 1)
        acted = launch.closed(theta, dof_ctrl[:, None], initial, states, feedback, fed)
    (q, v, a), every = states, physics.substeps
    if every == 1 and physics.stages == 1:
        return q, v, a, acted
    return q[::every].contiguous(), v[::every].contiguous(), a[:: every * physics.stages].contiguous(), acted


def _packed(
    qpos: Tensor,
    qvel: Tensor,
    dofs: Sequence[int],
    low: Tensor,
    high: Tensor,
    feedforward: Tensor,
    gains: Tensor,
    gaps: Tensor | None,
    lengths: Tensor,
) -> Tensor:
    """All of it as the kernel reads it, see `genesis.dynamics.feedback`."""
    (horizon, fed), nq, nv, count = feedforward.shape, qpos.shape[-1], qvel.shape[-1], len(lengths)
    head, wide = header_size(count, fed), step_size(nq, nv, fed)
    made = qpos.new_empty(head + horizon * wide)
    stays = torch.zeros_like(lengths) if gaps is None else 1.0 - lengths
    torch.cat([lengths, stays, torch.tensor(dofs, dtype=made.dtype, device=made.device), low, high], out=made[:head])
    rows = made[head:].view(horizon, wide)
    open_gaps = qpos.new_zeros(horizon, 2 * nv) if gaps is None else gaps
    torch.cat([qpos[:-1], qvel[:-1], feedforward, gains.flatten(1), open_gaps], 1, out=rows)
    return made
