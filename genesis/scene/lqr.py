"""Feedback that holds an equilibrium: the linear-quadratic regulator of a linearised step, through SciPy.

    minimise the sum of dx' Q dx + du' R du  with  dx' = A dx + B du,   du = − K dx

Source: Anderson, Moore, Optimal Control: Linear Quadratic Methods (1990), §2.4; scipy.linalg.solve_discrete_are.
"""

from collections.abc import Sequence

import numpy as np
import torch

from genesis.errors import InputError
from genesis.grad.tangent import state_minus
from genesis.grad.tensor import Tensor, plain, wrap
from genesis.log import logger
from genesis.model.names import dof_name
from genesis.scene.inputs import ArrayLike, Indexer
from genesis.scene.solver import RigidSolver
from genesis.scene.step_derivatives import Places, linearized

STILL = 1e-6  # [rad | m, rad/s | m/s] change of an equilibrium in one step that is said
MARGIN = 1e-9  # within which a mode counts as one that does not decay, or as one that no control moves


def regulator(
    solver: RigidSolver, at: Places, state_cost: ArrayLike, control_cost: ArrayLike, dofs: Sequence[int] | None
) -> Tensor:
    """See `Scene.lqr`."""
    where, nv = "scene.lqr", solver.model.nv
    which = Indexer(f"{where}: dofs", nv, 0, solver.inputs.device)(dofs)
    if which.n == 0:
        raise InputError(f"{where}: dofs is empty; allowed: at least one degree of freedom.")
    q = _weights(solver, state_cost, f"{where}: Q", 2 * nv, positive=False)
    r = _weights(solver, control_cost, f"{where}: R", which.n, positive=True)
    _warn_of_motion(solver, at, where)
    made = linearized(solver, at, (), where)
    a = plain(made.state).double().reshape(-1, 2 * nv, 2 * nv).cpu().numpy()
    b = plain(made.controls)[..., which.tensor].double().reshape(-1, 2 * nv, which.n).cpu().numpy()
    gains = np.stack([_gains(solver, a[k], b[k], q, r, where) for k in range(len(a))])
    return wrap(torch.as_tensor(gains).to(plain(made.state)).reshape(*at.lead, which.n, 2 * nv), solver.scene)


def _weights(solver: RigidSolver, value: ArrayLike, what: str, size: int, positive: bool) -> np.ndarray:
    """(size, size) from that, from a diagonal (size,), or from one number. Raises: InputError."""
    made = solver.inputs.tensor(value, what, keep_graph=False).double().cpu().numpy()
    if made.shape in ((), (size,)):
        made = np.diag(np.broadcast_to(made, (size,)))
    if made.shape != (size, size):
        raise InputError(f"{what} has shape {made.shape}; allowed: a number, ({size},) or ({size}, {size}).")
    least = np.linalg.eigvalsh(made).min() if np.isfinite(made).all() and np.allclose(made, made.T) else -np.inf
    if not (least > 0.0 if positive else least >= -MARGIN * np.abs(made).max()):
        raise InputError(
            f"{what}: allowed: a symmetric matrix of finite numbers, positive {'definite' if positive else 'semidefinite'}."
        )
    return made


def _warn_of_motion(solver: RigidSolver, at: Places, where: str) -> None:
    """Say that a state is no equilibrium: gains hold where the state stays."""
    physics, nv = solver.physics, solver.model.nv
    with torch.no_grad():
        for t in range(len(at.qpos)):
            c = None if at.act_ctrl is None else at.act_ctrl[t].contiguous()
            u = at.dof_ctrl(physics)[t].contiguous()
            q, v, _ = physics.step(at.theta, at.qpos[t].contiguous(), at.qvel[t].contiguous(), u, c)
            moved = state_minus(solver.model, (q, v), (at.qpos[t], at.qvel[t]))
            if float(moved.abs().max()) > STILL:
                env, k = divmod(int(moved.abs().argmax()), 2 * nv)
                what = "position" if k < nv else "velocity"
                logger.warning(
                    '%s: the state%s is no equilibrium: in one step the %s of "%s" changes by %.2g; the gains are those of a state that stays.',
                    where, f" of environment {env}" if solver.n_envs else "", what, dof_name(solver.model, k % nv), float(moved[env, k]),
                )  # fmt: skip
                return


def _gains(solver: RigidSolver, a: np.ndarray, b: np.ndarray, q: np.ndarray, r: np.ndarray, where: str) -> np.ndarray:
    """K (n, 2nv). Raises: InputError for what cannot be stabilised, naming the mode."""
    from scipy.linalg import solve_discrete_are  # only who asks for gains pays for its start

    _expect_stabilisable(solver, a, b, where)
    try:
        cost = solve_discrete_are(a, b, q, r)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise InputError(
            f"{where}: the Riccati equation has no stabilising solution ({error}); allowed: a Q that weighs every motion that does not decay."
        ) from None
    gains = np.linalg.solve(r + b.T @ cost @ b, b.T @ cost @ a)
    if not np.abs(np.linalg.eigvals(a - b @ gains)).max() < 1.0:
        raise InputError(
            f"{where}: the gains do not stabilise the state; allowed: a Q that weighs every motion that does not decay."
        )
    return gains


def _expect_stabilisable(solver: RigidSolver, a: np.ndarray, b: np.ndarray, where: str) -> None:
    """Every mode that does not decay is moved by the controls (Popov, Belevitch, Hautus)."""
    size, nv = len(a), len(a) // 2
    for value in np.linalg.eigvals(a):
        if abs(value) >= 1.0 - MARGIN:
            left, singular, _ = np.linalg.svd(np.hstack([a - value * np.eye(size), b]))
            if singular[-1] <= MARGIN * singular[0]:
                k = int(np.abs(left[:, -1]).argmax())
                what = "position" if k < nv else "velocity"
                raise InputError(
                    f'{where}: the controls cannot stabilise the state: the {what} of "{dof_name(solver.model, k % nv)}" moves by itself '
                    f"(a mode of size {abs(value):.6g} a step) and no control reaches it; allowed: dofs that drive it."
                )
