"""Whole trajectories in one launch: `scene.rollout`, its result, and the pure step."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from genesis.errors import ContactOverflowError, DivergenceError, InputError, unknown_name
from genesis.grad.tensor import Tensor, wrap
from genesis.scene.failures import diverged
from genesis.scene.physical import Loops
from genesis.scene.rotation import LEAST_NORM, multiply, rotate
from genesis.scene.solver import RigidSolver

KINDS = ("force", "position", "velocity")


class Trajectory:
    """Result of `scene.rollout` over T steps; every tensor is differentiable, time first, then ([n_envs,] ...).

    qpos (T+1, [n_envs,] nq), qvel (T+1, [n_envs,] nv), qacc (T, [n_envs,] nv) at the start of each step, controls as given,
    time (T+1,) [s].
    links_pos, links_quat, links_vel, links_ang (T+1, [n_envs,] nlink, ...) in the world frame are computed when first asked for.
    """

    def __init__(
        self,
        solver: RigidSolver,
        theta: torch.Tensor,
        states: tuple[torch.Tensor, ...],
        controls: torch.Tensor | None,
        dt: float,
        start: int,
    ) -> None:
        self._solver, self._theta, (self._qpos, self._qvel, self._qacc) = solver, theta, states
        self.dt, self.horizon = dt, self._qacc.shape[0]
        self._controls, self._start = controls, start

    @cached_property
    def controls(self) -> Tensor | None:
        """As given to the joint controllers, (T, [n_envs,] nv), or None."""
        return None if self._controls is None else self._give(self._controls)

    @cached_property
    def time(self) -> Tensor:
        """(T+1,) [s]."""
        steps = torch.arange(self._start, self._start + self.horizon + 1, dtype=self._qpos.dtype, device=self._qpos.device)
        return wrap(steps * self.dt, self._solver.scene)

    @cached_property
    def qpos(self) -> Tensor:
        return self._give(self._qpos)

    @cached_property
    def qvel(self) -> Tensor:
        return self._give(self._qvel)

    @cached_property
    def qacc(self) -> Tensor:
        return self._give(self._qacc)

    @cached_property
    def links_pos(self) -> Tensor:
        """Origins of the links [m]."""
        return self._give(self._kinematics[0])

    @cached_property
    def links_quat(self) -> Tensor:
        """Orientations of the links, wxyz."""
        return self._give(self._kinematics[1])

    @cached_property
    def links_vel(self) -> Tensor:
        """Velocities of the origins of the links [m/s]."""
        return self._give(self._kinematics[2])

    @cached_property
    def links_ang(self) -> Tensor:
        """Angular velocities of the links [rad/s]."""
        return self._give(self._kinematics[3])

    def point(self, entity: Any, name: str, local_pos: Any = None) -> Tensor:
        """World positions (T+1, [n_envs,] 3) [m] of the link or site ``name``, or of the point local_pos (3,) of its frame."""
        link, pos, quat = self._frame(entity, name)
        if local_pos is not None:
            pos = pos + rotate(quat, self._local(local_pos))
        xpos, xquat, _, _ = self._kinematics
        if local_pos is None and not pos.any():
            return self._give(xpos[:, :, link])
        return self._give(xpos[:, :, link] + rotate(xquat[:, :, link], pos))

    def point_vel(self, entity: Any, name: str, local_pos: Any = None) -> Tensor:
        """World velocities (T+1, [n_envs,] 3) [m/s] of the point that `point` follows."""
        link, pos, quat = self._frame(entity, name)
        if local_pos is not None:
            pos = pos + rotate(quat, self._local(local_pos))
        _, xquat, xvel, xang = self._kinematics
        return self._give(xvel[:, :, link] + torch.linalg.cross(xang[:, :, link], rotate(xquat[:, :, link], pos)))

    def frame_quat(self, entity: Any, name: str) -> Tensor:
        """World orientations (T+1, [n_envs,] 4), wxyz, of the link or site ``name``."""
        link, _, quat = self._frame(entity, name)
        return self._give(multiply(self._kinematics[1][:, :, link], quat))

    def __len__(self) -> int:
        return self.horizon

    @cached_property
    def _kinematics(self) -> tuple[torch.Tensor, ...]:
        self._solver.alive()
        return self._solver.physics.kinematics(self._theta, self._qpos, self._qvel)

    def _give(self, x: torch.Tensor) -> Tensor:
        # squeeze, not x[:, 0]: its adjoint is a view
        return wrap(x.squeeze(1) if self._solver.n_envs == 0 else x, self._solver.scene)

    def _local(self, value: Any) -> torch.Tensor:
        made = self._solver.inputs.tensor(value, "Trajectory.point: local_pos", keep_graph=True)
        if made.shape != (3,):
            raise InputError(f"Trajectory.point: local_pos has shape {tuple(made.shape)}; allowed: (3,).")
        return made

    def _frame(self, entity: Any, name: str) -> tuple[int, torch.Tensor, torch.Tensor]:
        """(link of the scene, position, orientation in it) of a link or site. Raises: UnknownNameError."""
        entity = self._solver.scene.get_entity(entity) if isinstance(entity, str) else entity
        like = self._qpos
        for link in entity.links:
            if link.name == name:
                return link.idx, like.new_zeros(3), like.new_tensor([1.0, 0.0, 0.0, 0.0])
        for site in entity.sites:
            if site.name == name and site.link >= 0:
                return (
                    entity.link_start + site.link,
                    like.new_tensor(np.asarray(site.pos)),
                    like.new_tensor(np.asarray(site.quat)),
                )
        known = [link.name for link in entity.links] + [site.name for site in entity.sites if site.link >= 0]
        raise unknown_name(f'entity "{entity.name}"', "link or site", name, known)


class Rollouts:
    """Pure functions of a built scene: nothing here changes its state."""

    def __init__(self, solver: RigidSolver) -> None:
        self._solver = solver
        self._loops: dict[str, Loops] = {}  # by kind of control
        balls = [j for j in solver.model.joints if j.type in ("ball", "free") and j.mimic is None]
        self._turning = [j.name for j in balls]
        firsts = torch.tensor([j.qpos_adr + j.nq - 4 for j in balls], dtype=torch.int64, device=solver.inputs.device)
        self._turns = firsts[:, None] + torch.arange(4, device=solver.inputs.device)  # (turning joints, 4) in qpos

    def rollout(
        self, controls: Any, kind: str, qpos: Any, qvel: Any, actuator_ctrl: Any, params: Mapping[str, Any] | None
    ) -> Trajectory:
        """See `Scene.rollout`."""
        solver, where = self._solver, "scene.rollout"
        command = self._series(controls, f"{where}: controls", solver.model.nv)
        actuator = self._series(actuator_ctrl, f"{where}: actuator_ctrl", solver.model.nu)
        if command is None and actuator is None:
            raise InputError(
                f"{where}: give controls (T, [n_envs,] {solver.model.nv}) or actuator_ctrl (T, [n_envs,] {solver.model.nu})."
            )
        horizon = (command if command is not None else actuator).shape[0]
        if actuator is not None and actuator.shape[0] != horizon:
            raise InputError(
                f"{where}: controls has {horizon} steps and actuator_ctrl {actuator.shape[0]}; allowed: the same number."
            )
        states = self._start(where, qpos, qvel)
        theta, u = self._driven(where, kind, command, (horizon,), params)
        q, v, a = self._launched(where, solver.physics.rollout, theta, *states, u, actuator, None)
        failed = self._check(where, {"controls": command, "actuator_ctrl": actuator}, self._given(states, qpos, qvel), q, v, a)
        if failed is not None:
            raise self._with_beginning(failed, theta, (q, v, a), command)
        solver.inspect_launch(solver.steps)
        return Trajectory(solver, theta, (q, v, a), command, solver.scene.dt, solver.steps)

    def step_state(
        self, qpos: Any, qvel: Any, controls: Any, kind: str, actuator_ctrl: Any, params: Mapping[str, Any] | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Scene.step_state`; returns (B, nq), (B, nv)."""
        solver, where = self._solver, "scene.step_state"
        command = self._value(controls, f"{where}: controls", solver.model.nv)
        actuator = self._value(actuator_ctrl, f"{where}: actuator_ctrl", solver.model.nu)
        states = self._start(where, qpos, qvel)
        theta, u = self._driven(where, kind, command, (), params)
        q, v, a = self._launched(where, solver.physics.step, theta, *states, u, actuator, None)
        given = {name: None if x is None else x[None] for name, x in (("controls", command), ("actuator_ctrl", actuator))}
        failed = self._check(where, given, self._given(states, qpos, qvel), q[None], v[None], a[None])
        if failed is not None:
            raise failed
        solver.inspect_launch(solver.steps)
        return q, v

    def trajectory(self, qpos: Any, qvel: Any, controls: Any, params: Mapping[str, Any] | None) -> Trajectory:
        """See `Scene.trajectory`."""
        solver, where = self._solver, "scene.trajectory"
        q, v = self._series(qpos, f"{where}: qpos", solver.model.nq), self._series(qvel, f"{where}: qvel", solver.model.nv)
        u = self._series(controls, f"{where}: controls", solver.model.nv)
        if q is None or v is None or len(q) != len(v) or len(q) < 2 or (u is not None and len(u) != len(q) - 1):
            counts = [None if x is None else len(x) for x in (q, v, u)]
            raise InputError(f"{where}: qpos, qvel, controls have {counts} entries; allowed: T + 1, T + 1, T (or no controls).")
        theta, _ = self._driven(where, "force", None, (), params)
        return Trajectory(solver, theta, (q, v, (v[1:] - v[:-1]) / solver.scene.dt), u, solver.scene.dt, 0)

    def _driven(
        self, where: str, kind: str, command: torch.Tensor | None, lead: tuple, params: Mapping[str, Any] | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Packed parameters and the command (*lead, B, nv) of the joint controllers for one kind of control."""
        if kind not in KINDS:
            raise unknown_name(where, "kind", kind, KINDS)
        solver = self._solver
        nv, parameters = solver.model.nv, solver.parameters
        loops = self._loops.get(kind)
        if loops is None:
            closed = np.ones((1, nv), bool)
            loops = self._loops[kind] = Loops(closed if kind == "position" else ~closed, ~closed if kind == "force" else closed)
        if params:
            replaced = parameters.replacements(params, where)
            theta = parameters.packed(loops, replaced)
        else:
            replaced, theta = {}, parameters.theta(loops)
        if command is None:
            return theta, solver.controls.zero.expand(*lead, -1, -1)
        gains = {name: replaced.get(name, parameters.value(name)) for name in ("dof_kp", "dof_kv")}
        if kind == "position":
            command = gains["dof_kp"] * command
        elif kind == "velocity":
            command = gains["dof_kv"] * command
        return theta, command

    def _start(self, where: str, qpos: Any, qvel: Any) -> tuple[torch.Tensor, torch.Tensor]:
        solver = self._solver
        q = solver.qpos if qpos is None else self._value(qpos, f"{where}: qpos", solver.model.nq)
        v = solver.qvel if qvel is None else self._value(qvel, f"{where}: qvel", solver.model.nv)
        return q, v

    def _value(self, value: Any, what: str, width: int) -> torch.Tensor | None:
        """(B, width) from ([n_envs,] width)."""
        if value is None:
            return None
        made = self._solver.inputs.rows_of(value, what, (width,), keep_graph=True)
        return made.expand(self._solver.rows, width).contiguous()

    def _series(self, value: Any, what: str, width: int) -> torch.Tensor | None:
        """(T, B, width) from (T, [n_envs,] width)."""
        if value is None:
            return None
        solver = self._solver
        made = solver.inputs.tensor(value, what, keep_graph=True)
        if made.dim() == 2 and made.shape[1] == width and made.shape[0] > 0:
            made = made.unsqueeze(1)
            return made if solver.rows == 1 else made.expand(-1, solver.rows, -1).contiguous()
        if solver.n_envs and made.dim() == 3 and made.shape[1:] == (solver.rows, width) and made.shape[0] > 0:
            return made
        allowed = f"(T, {width})" + (f" or (T, {solver.rows}, {width})" if solver.n_envs else "")
        raise InputError(f"{what} has shape {tuple(made.shape)}; allowed: {allowed}, T at least 1.")

    @staticmethod
    def _given(states: tuple[torch.Tensor, torch.Tensor], qpos: Any, qvel: Any) -> dict[str, torch.Tensor | None]:
        """Initial states (B, n) that users gave, the scene's own left out."""
        return {"qpos": None if qpos is None else states[0], "qvel": None if qvel is None else states[1]}

    def _check(
        self,
        where: str,
        controls: Mapping[str, torch.Tensor | None],
        start: Mapping[str, torch.Tensor | None],
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        qacc: torch.Tensor,
    ) -> DivergenceError | None:
        """Refuse what the user gave that is not finite, and quaternions that are zero at the start of the result: qpos, qvel, qacc
        (T or T + 1, B, ·). Returns: the error where the result is not finite.

        Raises: InputError naming what the user gave.
        """
        good, norms = torch.isfinite(qpos[-1].detach().sum() + qvel[-1].detach().sum()), None
        if start["qpos"] is not None and len(self._turns):
            norms = torch.linalg.vector_norm(start["qpos"].detach()[:, self._turns], dim=-1)  # (B, turning joints)
            good = good & (norms.min() >= LEAST_NORM)
        if not bool(good):
            for name, value in start.items():
                if value is not None:
                    self._solver.inputs.finite(value, f"{where}: {name}")
            if norms is not None and (norms < LEAST_NORM).any():
                env, k = (int(i) for i in (norms < LEAST_NORM).nonzero()[0])
                raise InputError(
                    f'{where}: qpos: the quaternion of joint "{self._turning[k]}" is zero in environment {env}; '
                    "allowed: (w, x, y, z) other than zero."
                )
            self._refuse(where, controls)
            count = len(qacc)
            return diverged(self._solver, self._solver.steps, qpos[-count:], qvel[-count:], qacc)
        return None

    def _with_beginning(
        self, error: DivergenceError, theta: torch.Tensor, states: tuple[torch.Tensor, ...], controls: torch.Tensor | None
    ) -> DivergenceError:
        """The error with the trajectory of the steps before the one that failed."""
        count = (error.step or 1) - 1 - self._solver.steps
        q, v, a = (x.detach() for x in states)
        u = None if controls is None else controls.detach()[:count]
        made = (q[: count + 1], v[: count + 1], a[:count])
        error.trajectory = Trajectory(self._solver, theta.detach(), made, u, self._solver.scene.dt, self._solver.steps)
        return error

    def _launched(self, where: str, function: Callable, *inputs: Any) -> tuple[torch.Tensor, ...]:
        """The result of a function of the core. Raises: ContactOverflowError."""
        try:
            return function(*inputs)
        except ContactOverflowError as error:
            raise error.after(self._solver.steps) from None

    def _refuse(self, where: str, given: Mapping[str, torch.Tensor | None]) -> None:
        """Name the first control that is not finite."""
        for name, value in given.items():
            if value is not None and not torch.isfinite(value.detach()).all():
                step, env, column = (int(i) for i in (~torch.isfinite(value.detach())).nonzero()[0])
                raise InputError(
                    f"{where}: {name} is {value[step, env, column].item()} at step {step}, environment {env}, column {column}; "
                    "allowed: finite numbers."
                )
