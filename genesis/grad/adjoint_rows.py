"""Rows of the derivative of one control step, each the adjoint of one unit vector in a launch of its own, at all states of a batch.

For time integrations of several stages; those of one have a kernel that does at once what belongs to the state (`genesis.grad.linearization`).
"""

from torch import Tensor

from genesis.grad.rollout_launch import Inputs, RolloutLaunch, States
from genesis.grad.tangent import columns_of, rows_of


def adjoint_rows(
    launch: RolloutLaunch, theta: Tensor, inputs: Inputs, states: States, touched: Tensor | None, columns: Tensor
) -> list[list[Tensor]]:
    """Of the next state (B, 2nv, ·) and of the acceleration (B, nv, ·): tables to (state, dof_ctrl, act_ctrl, parameters), in tangents.

    Args:
        launch: a single control step; inputs, states, touched: of its forward pass. columns: (F,) entries of theta.
    """
    physics = launch.physics
    nv, model, count = physics.nv, physics.model, len(inputs[3])
    seeds, turns = rows_of(model, states[0][-1]), columns_of(model, inputs[3])
    sizes = (2 * nv, nv, physics.nu, len(columns))
    tables = [[inputs[3].new_empty(count, m, n) for n in sizes] for m in (2 * nv, nv)]
    for table, row, kind in ((tables[k // (2 * nv)], k % (2 * nv), k // nv) for k in range(3 * nv)):
        bars = [states[i].new_zeros(states[i].shape[-2:]) for i in range(3)]
        if kind == 0:
            bars[0] = seeds[:, row].contiguous()
        else:
            bars[kind][:, row % nv] = 1.0
        given = (bars[0], bars[1], bars[2] if kind == 2 else None)
        theta_bar, q_bar, v_bar, u_bar, c_bar, _ = launch.adjoint(
            len(columns) > 0, theta, inputs, states, given, touched, columns=columns
        )
        table[0][:, row, :nv] = (q_bar.unsqueeze(-2) @ turns).squeeze(-2)
        table[0][:, row, nv:] = v_bar
        table[1][:, row] = u_bar
        if c_bar is not None:
            table[2][:, row] = c_bar
        if theta_bar is not None:
            table[3][:, row] = theta_bar
    return tables
