"""What a built scene computes of states and controls that it is given, and stays where it is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch

from genesis.grad.eager import eager
from genesis.grad.tensor import Tensor, wrap
from genesis.scene import inertia
from genesis.scene.clearance import LinkPairs, link_pairs
from genesis.scene.inputs import ArrayLike
from genesis.scene.lqr import regulator
from genesis.scene.rollouts import Rollouts
from genesis.scene.solver import RigidSolver
from genesis.scene.step_derivatives import StepDerivatives, at_states, linearized
from genesis.scene.trajectory import Trajectory


class SceneFunctions(ABC):
    """Of `Scene`; shapes are ([n_envs,] ...)."""

    n_envs: int
    _rollouts: Rollouts  # once it is built

    @abstractmethod
    def _ready(self, method: str) -> RigidSolver:
        """Raises: StateError before `build`."""

    @eager
    def step_state(
        self,
        qpos: ArrayLike,
        qvel: ArrayLike,
        controls: ArrayLike | None = None,
        *,
        kind: str = "force",
        act_ctrl: ArrayLike | None = None,
        params: Mapping[str, ArrayLike] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One step as a pure function: (qpos', qvel') of ([n_envs,] nq), ([n_envs,] nv).

        Arguments and errors as those of `rollout`, without the axis of time; the scene stays where it is.
        """
        solver = self._ready("step_state")
        q, v = self._rollouts.step_state(qpos, qvel, controls, kind, act_ctrl, params)
        return solver.give(q), solver.give(v)

    @eager
    def trajectory(
        self,
        qpos: ArrayLike,
        qvel: ArrayLike,
        controls: ArrayLike | None = None,
        *,
        kind: str = "force",
        params: Mapping[str, ArrayLike] | None = None,
    ) -> Trajectory:
        """A trajectory of states that a loop over `step_state` has made, for its points, links and times.

        qpos (T+1, [n_envs,] nq), qvel (T+1, [n_envs,] nv), controls (T, [n_envs,] nv) or None; kind and params as in `rollout`.
        qacc is the mean acceleration of each step.
        """
        self._ready("trajectory")
        return self._rollouts.trajectory(qpos, qvel, controls, kind, params)

    @eager
    def linearize(
        self,
        qpos: ArrayLike,
        qvel: ArrayLike,
        controls: ArrayLike | None = None,
        *,
        kind: str = "force",
        act_ctrl: ArrayLike | None = None,
        params: Mapping[str, ArrayLike] | None = None,
        wanted: Sequence[str] = (),
    ) -> StepDerivatives:
        """Derivatives A, B of one step at states ([T,] [n_envs,] nq), ([T,] [n_envs,] nv), all in one launch: see `StepDerivatives`.

        Arguments as those of `step_state`, each with an axis of T states or without; one state (n,) stands for all environments.
        wanted: names of physical parameters, see `physical_parameters`, to which derivatives are wanted too.
        What comes back is exact, also through contacts, and has no graph. Along a rollout: `Trajectory.linearization`.

        Raises: InputError, UnknownNameError, ContactOverflowError; UnsupportedError for a parameter without a derivative, DivergenceError for
        a derivative that is not finite.
        """
        solver, where = self._ready("linearize"), "scene.linearize"
        return linearized(solver, at_states(self._rollouts, where, qpos, qvel, controls, kind, act_ctrl, params), wanted, where)

    def lqr(
        self,
        qpos: ArrayLike,
        qvel: ArrayLike,
        controls: ArrayLike | None,
        Q: ArrayLike,  # noqa: N803
        R: ArrayLike,
        *,
        dofs: Sequence[int] | None = None,
        kind: str = "force",
        act_ctrl: ArrayLike | None = None,
        params: Mapping[str, ArrayLike] | None = None,
    ) -> Tensor:
        """Gains K ([T,] [n_envs,] n, 2nv) of the linear-quadratic regulator about an equilibrium: u = u_0 − K (x ⊖ x_0).

        K is subtracted; the `feedback/gains` that a run by multiple shooting stores are added.
        They minimise the sum over all steps of dx' Q dx + du' R du of the step linearised there, dx = x ⊖ x_0 as in `StepDerivatives`.

        Args:
            qpos, qvel, controls, kind, act_ctrl, params: the equilibrium, as in `linearize`.
            Q: (2nv, 2nv), its diagonal (2nv,) or a number. R: the same of the n controls.
            dofs: degrees of freedom whose controls answer; None: all.

        Warns where the state does not stay. Raises: InputError, also where the controls cannot stabilise the state.
        """
        solver = self._ready("lqr")
        return regulator(solver, at_states(self._rollouts, "scene.lqr", qpos, qvel, controls, kind, act_ctrl, params), Q, R, dofs)

    def physical_parameters(self) -> dict[str, Tensor]:
        """Every physical parameter by core name, as `rollout(params=...)` takes it."""
        solver = self._ready("physical_parameters")
        values = {name: solver.parameters.value(name) for name in solver.parameters.names}
        return {
            name: Tensor.detach(solver.give(v) if v.shape[0] > 1 or not self.n_envs else _first(solver, v))
            for name, v in values.items()
        }

    def mass_matrix(self, qpos: ArrayLike | None = None) -> Tensor:
        """Joint-space mass matrix of the whole scene ([n_envs,] nv, nv) at qpos ([n_envs,] nq; None: now)."""
        solver = self._ready("mass_matrix")
        q, _ = self._rollouts._start("scene.mass_matrix", qpos, None)
        return solver.give(inertia.mass_matrix(solver, q))

    def gravity_force(self, qpos: ArrayLike | None = None) -> Tensor:
        """Joint forces ([n_envs,] nv) that hold the scene still against gravity at qpos ([n_envs,] nq; None: now): the bias force at rest."""
        solver = self._ready("gravity_force")
        q, _ = self._rollouts._start("scene.gravity_force", qpos, None)
        return solver.give(inertia.gravity_force(solver, q))

    def distance(self, pairs: LinkPairs | Sequence[Sequence[str]], qpos: ArrayLike | None = None) -> Tensor:
        """How far pairs of links are apart ([n_envs,] P) [m] at qpos ([n_envs,] nq; None: now), as `Trajectory.distance` has it."""
        solver = self._ready("distance")
        made = link_pairs("scene.distance: pairs", solver.scene, pairs)
        q, v = self._rollouts._start("scene.distance", qpos, None)
        if self.n_envs:  # of one environment that axis is the one of time
            q, v = q[None], v[None]
        state = Trajectory(solver, solver.theta(), (q, v, v[:0]), None, solver.scene.dt, solver.steps, "force")
        return wrap(made.measure(state, slice(0, 1))[0], solver.scene)

    def bias_force(self, qpos: ArrayLike | None = None, qvel: ArrayLike | None = None) -> Tensor:
        """Coriolis, centrifugal and gravity forces ([n_envs,] nv): what holds still needs this joint force."""
        solver = self._ready("bias_force")
        q, v = self._rollouts._start("scene.bias_force", qpos, qvel)
        return solver.give(solver.physics.bias(solver.theta(), q, v))


def _first(solver: RigidSolver, value: torch.Tensor) -> Tensor:
    return wrap(value[0].clone(), solver.scene)
