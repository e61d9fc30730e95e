"""Whole trajectories in one launch: `scene.rollout`, and the pure step. What comes of it: `genesis.scene.trajectory`."""

import math
from collections.abc import Mapping

import torch

from genesis.errors import ContactOverflowError, DivergenceError, InputError, unknown_name
from genesis.grad.pull_back import transforming
from genesis.grad.rollout_launch import States
from genesis.grad.trajectory_function import whole_trajectory
from genesis.grad.transforms import mapped_trajectory
from genesis.grad.truncation import EXACT, truncated, truncation
from genesis.scene.failures import diverged
from genesis.scene.inputs import ArrayLike
from genesis.scene.physical import Loops
from genesis.scene.rollout_inputs import RolloutInputs
from genesis.scene.solver import RigidSolver
from genesis.scene.trajectory import KINDS, Trajectory


class Rollouts(RolloutInputs):
    """Pure functions of a built scene: nothing here changes its state."""

    def __init__(self, solver: RigidSolver) -> None:
        super().__init__(solver)
        self._loops: dict[str, Loops] = {}  # by kind of control

    def rollout(
        self,
        controls: ArrayLike | None,
        kind: str,
        qpos: ArrayLike | None,
        qvel: ArrayLike | None,
        act_ctrl: ArrayLike | None,
        params: Mapping[str, ArrayLike] | None,
        keep_graph: bool,
        truncate: int | None = None,
        clip: float | None = None,
    ) -> Trajectory:
        """See `Scene.rollout`; ``keep_graph``: the scene's new state stays in the graph."""
        solver, where = self._solver, "scene.rollout"
        model, how = solver.model, truncation(where, truncate, clip)
        controls = None if controls is None else self._series(controls, "scene.rollout: controls", model.nv)
        if act_ctrl is not None:
            act_ctrl = self._series(act_ctrl, "scene.rollout: act_ctrl", model.nu, borrow=True)
        driven = act_ctrl if controls is None else controls
        if driven is None:
            raise InputError(f"{where}: give controls (T, [n_envs,] {model.nv}) or act_ctrl (T, [n_envs,] {model.nu}).")
        horizon = driven.shape[0]
        if act_ctrl is not None and act_ctrl.shape[0] != horizon:
            raise InputError(f"{where}: controls has {horizon} steps and act_ctrl {act_ctrl.shape[0]}; allowed: the same number.")
        q0, v0 = self._initial("scene.rollout: qpos", qpos, model.nq), self._initial("scene.rollout: qvel", qvel, model.nv)
        theta, dof_ctrl = self._driven(where, kind, controls, params)
        begin = solver.qpos if q0 is None else q0, solver.qvel if v0 is None else v0
        if transforming() and how != EXACT:
            raise InputError(f"{where}: truncate and clip do not go with torch.func; allowed there: None.")
        if transforming():  # the scene stays where it is: the states are those of no single motion
            states = mapped_trajectory(solver.physics, solver.n_envs == 0, theta, *begin, dof_ctrl, act_ctrl)
            return Trajectory(solver, theta, states, controls, solver.scene.dt, solver.steps, kind, act_ctrl)
        solver.beginning.first(begin[0], kind == "position")
        with truncated(solver.physics, how):
            q, v, a, end = whole_trajectory(solver.physics, solver.n_envs == 0, theta, *begin, dof_ctrl, act_ctrl)
        if not (math.isfinite(end) and self._turned(q0)):
            given = {"controls": self._rows(controls), "act_ctrl": self._rows(act_ctrl)}
            start = {name: None if x is None else x.view(solver.rows, -1) for name, x in (("qpos", q0), ("qvel", v0))}
            self._complain(where, given, start)
            raise self._with_beginning(theta.detach(), (q.detach(), v.detach(), a.detach()), controls, act_ctrl, kind)
        solver.inspect_launch(0)
        states = q, v, a  # not yet gs.Tensors, whose every attribute costs microseconds
        solver.put_end(theta, states, (dof_ctrl, act_ctrl), keep_graph)
        made = Trajectory(solver, theta, states, controls, solver.scene.dt, solver.steps, kind, act_ctrl)
        solver.steps += horizon
        return made

    def step_state(
        self,
        qpos: ArrayLike | None,
        qvel: ArrayLike | None,
        controls: ArrayLike | None,
        kind: str,
        act_ctrl: ArrayLike | None,
        params: Mapping[str, ArrayLike] | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Scene.step_state`; returns (B, nq), (B, nv)."""
        solver, where = self._solver, "scene.step_state"
        controls = self._value(controls, f"{where}: controls", solver.model.nv)
        act_ctrl = self._value(act_ctrl, f"{where}: act_ctrl", solver.model.nu)
        states = self._start(where, qpos, qvel)
        theta, dof_ctrl = self._driven(where, kind, controls, params)
        solver.beginning.first(states[0], kind == "position")
        try:
            q, v, a = solver.physics.step(
                theta, *states, solver.controls.zero if dof_ctrl is None else dof_ctrl, act_ctrl, None, solver.steps
            )
        except ContactOverflowError as error:
            raise error.after(solver.steps) from None
        start = {"qpos": None if qpos is None else states[0], "qvel": None if qvel is None else states[1]}
        if not (math.isfinite(q.detach().sum().item() + v.detach().sum().item()) and self._turned(start["qpos"])):
            given = {name: None if x is None else x[None] for name, x in (("controls", controls), ("act_ctrl", act_ctrl))}
            self._complain(where, given, start)
            raise diverged(solver, solver.steps, q[None], v[None], a[None])
        solver.inspect_launch(solver.steps)
        return q, v

    def trajectory(
        self,
        qpos: ArrayLike | None,
        qvel: ArrayLike | None,
        controls: ArrayLike | None,
        kind: str,
        params: Mapping[str, ArrayLike] | None,
    ) -> Trajectory:
        """See `Scene.trajectory`."""
        solver, where = self._solver, "scene.trajectory"
        q, v = self._series(qpos, f"{where}: qpos", solver.model.nq), self._series(qvel, f"{where}: qvel", solver.model.nv)
        u = self._series(controls, f"{where}: controls", solver.model.nv)
        if q is None or v is None or len(q) != len(v) or len(q) < 2 or (u is not None and len(u) != len(q) - 1):
            counts = [None if x is None else len(x) for x in (q, v, u)]
            raise InputError(f"{where}: qpos, qvel, controls have {counts} entries; allowed: T + 1, T + 1, T (or no controls).")
        theta, _ = self._driven(where, kind, None, params)
        states = q, v, (v[1:] - v[:-1]) / solver.scene.dt
        return Trajectory(solver, theta, states, u, solver.scene.dt, 0, kind, simulated=False)

    def _driven(
        self, where: str, kind: str, controls: torch.Tensor | None, params: Mapping[str, ArrayLike] | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Packed parameters, and dof_ctrl (..., nv) for controls (..., nv) of one kind."""
        if kind not in KINDS:
            raise unknown_name(where, "kind", kind, KINDS)
        solver = self._solver
        nv, parameters = solver.model.nv, solver.parameters
        loops = self._loops.get(kind)
        if loops is None:
            loops = self._loops[kind] = Loops.of(kind, nv)
        if params:
            replaced = parameters.replacements(params, where)
            theta = parameters.packed(loops, replaced)
        else:
            replaced, theta = {}, parameters.theta(loops)
        if controls is None or kind == "force":
            return theta, controls
        gain = "dof_kp" if kind == "position" else "dof_kv"
        gains = replaced.get(gain, parameters.value(gain))
        return theta, (gains if solver.n_envs else gains[0]) * controls

    def _with_beginning(
        self, theta: torch.Tensor, states: States, controls: torch.Tensor | None, act_ctrl: torch.Tensor | None, kind: str
    ) -> DivergenceError:
        """The error for a trajectory that is not finite, with the steps before the one that failed."""
        solver, (qpos, qvel, qacc) = self._solver, states
        error = diverged(solver, 0, *(self._rows(x) for x in (qpos[1:], qvel[1:], qacc)))
        assert error.step is not None
        count = error.step - 1
        states = (qpos[: count + 1], qvel[: count + 1], qacc[:count])
        controls, act_ctrl = (None if x is None else x.detach()[:count] for x in (controls, act_ctrl))
        error.trajectory = Trajectory(solver, theta, states, controls, solver.scene.dt, solver.steps, kind, act_ctrl)
        return error
