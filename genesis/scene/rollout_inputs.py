"""What the user gives a rollout or a pure step: controls and initial states as the engine takes them, and what is wrong with them."""

from collections.abc import Mapping
from typing import overload

import torch

from genesis.errors import InputError
from genesis.grad.rotation import LEAST_NORM
from genesis.scene.inputs import ArrayLike
from genesis.scene.solver import RigidSolver


class RolloutInputs:
    """Of one built scene; B environments, 1 where it has no n_envs."""

    def __init__(self, solver: RigidSolver) -> None:
        self._solver = solver
        balls = [(j, j.qpos_adr + j.kind.quaternion) for j in solver.model.joints if j.kind.quaternion is not None]
        self._turning = [j.name for j, _ in balls]
        firsts = torch.tensor([q for _, q in balls], dtype=torch.int64, device=solver.inputs.device)
        self._turns = firsts[:, None] + torch.arange(4, device=solver.inputs.device)  # (turning joints, 4) in qpos

    def _start(self, where: str, qpos: ArrayLike | None, qvel: ArrayLike | None) -> tuple[torch.Tensor, torch.Tensor]:
        solver = self._solver
        q = solver.qpos if qpos is None else self._given(qpos, f"{where}: qpos", solver.model.nq)
        v = solver.qvel if qvel is None else self._given(qvel, f"{where}: qvel", solver.model.nv)
        return q, v

    def _initial(self, what: str, value: ArrayLike | None, width: int) -> torch.Tensor | None:
        """(B, width) from ([n_envs,] width), or (width,) for one environment: then it may be the user's own memory."""
        if type(value) is torch.Tensor and value.shape == (width,) and not self._solver.n_envs:
            return self._solver.inputs.borrow(value, what, keep_graph=True)
        return self._value(value, what, width)

    def _value(self, value: ArrayLike | None, what: str, width: int) -> torch.Tensor | None:
        """(B, width) from ([n_envs,] width)."""
        return None if value is None else self._given(value, what, width)

    def _given(self, value: ArrayLike, what: str, width: int) -> torch.Tensor:
        made = self._solver.inputs.rows_of(value, what, (width,), keep_graph=True)
        return made.expand(self._solver.rows, width).contiguous()

    def _series(self, value: ArrayLike | None, what: str, width: int, borrow: bool = False) -> torch.Tensor | None:
        """(T, [n_envs,] width) from that or (T, width); with ``borrow`` it may be the user's own memory."""
        if value is None:
            return None
        solver = self._solver
        made = (
            solver.inputs.borrow(value, what, keep_graph=True) if borrow else solver.inputs.tensor(value, what, keep_graph=True)
        )
        shape = made.shape
        if len(shape) == 2 and shape[1] == width and shape[0] > 0:
            return made.unsqueeze(1).expand(-1, solver.rows, -1).contiguous() if solver.n_envs else made
        if solver.n_envs and len(shape) == 3 and shape[1:] == (solver.rows, width) and shape[0] > 0:
            return made
        allowed = f"(T, {width})" + (f" or (T, {solver.rows}, {width})" if solver.n_envs else "")
        raise InputError(f"{what} has shape {tuple(made.shape)}; allowed: {allowed}, T at least 1.")

    def _turned(self, qpos: torch.Tensor | None) -> bool:
        """Whether no quaternion of an initial state ([B,] nq), if there is one, is zero."""
        if qpos is None or not self._turning:
            return True
        return bool(self._norms(qpos).min() >= LEAST_NORM)

    def _norms(self, qpos: torch.Tensor) -> torch.Tensor:
        """([B,] turning joints)"""
        return torch.linalg.vector_norm(qpos.detach()[..., self._turns], dim=-1)

    def _complain(
        self,
        where: str,
        controls: Mapping[str, torch.Tensor | None],
        start: Mapping[str, torch.Tensor | None],
    ) -> None:
        """Name what the user gave that is not finite, or a quaternion that is zero: controls (T, B, n), initial state (B, n).

        Raises: InputError.
        """
        for name, value in start.items():
            if value is not None:
                self._solver.inputs.finite(value, f"{where}: {name}")
        if start["qpos"] is not None and self._turning:
            zero = self._norms(start["qpos"]) < LEAST_NORM
            if zero.any():
                env, k = (int(i) for i in zero.nonzero()[0])
                raise InputError(
                    f'{where}: qpos: the quaternion of joint "{self._turning[k]}" is zero in environment {env}; '
                    "allowed: (w, x, y, z) other than zero."
                )
        for name, value in controls.items():
            if value is not None and not torch.isfinite(value.detach()).all():
                step, env, column = (int(i) for i in (~torch.isfinite(value.detach())).nonzero()[0])
                raise InputError(
                    f"{where}: {name} is {value[step, env, column].item()} at step {step}, environment {env}, column {column}; "
                    "allowed: finite numbers."
                )

    @overload
    def _rows(self, x: torch.Tensor) -> torch.Tensor: ...
    @overload
    def _rows(self, x: torch.Tensor | None) -> torch.Tensor | None: ...
    def _rows(self, x: torch.Tensor | None) -> torch.Tensor | None:
        """x (..., [n_envs,] n) with the axis of environments."""
        return x if x is None or self._solver.n_envs else x.unsqueeze(-2)
