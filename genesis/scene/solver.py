"""The rigid solver of a scene: state, parameters, controls, and the step that takes them through the core."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch

from genesis import runtime
from genesis.dynamics.constraints.ledger import STATUS
from genesis.dynamics.inspect_contacts import WIDTH
from genesis.errors import ContactOverflowError, InputError, StateError
from genesis.grad.physics import Physics
from genesis.grad.pull_back import bare
from genesis.grad.tensor import Tensor, plain, wrap
from genesis.grad.transforms import outside
from genesis.model.model import Model
from genesis.scene.beginning import Beginning
from genesis.scene.contacts import ContactTable
from genesis.scene.control import Controls
from genesis.scene.failures import diverged, expect_finite_inputs, warn_unsolved
from genesis.scene.gains import default_gains
from genesis.scene.inputs import ArrayLike, Index, Indexer, IndexLike, UserValues, assign
from genesis.scene.options import link_ref_frame
from genesis.scene.physical import PhysicalParameters
from genesis.scene.states import RigidSolverState
from genesis.scene.wrench import Wrench, WrenchPlace, add_wrench

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity
    from genesis.scene.parts import RigidJoint, RigidLink
    from genesis.scene.scene import Scene

CHECK_EVERY = 32  # steps between tests for divergence on a GPU, where each test waits for the device
BASE_POSE = ("link_pos", "link_quat")


class RigidSolver:
    """Everything rigid in a built scene. State: qpos (B, nq), qvel (B, nv), qacc (B, nv) of the last step, plain tensors."""

    def __init__(
        self, scene: "Scene", model: Model, physics: Physics, inputs: UserValues, n_envs: int, checked: bool = False
    ) -> None:
        self.checked = checked  # test every control for NaN when it is set
        self.scene, self.model, self.physics, self.inputs, self.n_envs = scene, model, physics, inputs, n_envs
        self.rows, self.generation = inputs.rows, runtime.state().generation
        device = inputs.device
        self.envs = Indexer("envs_idx", n_envs, 0, device)
        self._links_at = Indexer("links_idx", model.nlink, 0, device)
        self._gravity_at, self._all_qs, self._all_dofs = (Indexer("", n, 0, device).all for n in (3, model.nq, model.nv))
        self.entities: list[RigidEntity] = []
        self.steps = 0
        self._theta: torch.Tensor | None = None
        self._kinematics: tuple[torch.Tensor, ...] | None = None
        self._recorded = torch.is_grad_enabled()  # whether what is kept was computed with gradients
        described = dict(physics.defaults)
        described["dof_kp"], described["dof_kv"] = default_gains(model, described["dof_kp"])
        self.controls = Controls(inputs, model.nv, model.nu, model.nlink, self._loops_changed)
        described["friction_ratio"] = torch.ones_like(described["geom_solmix"])  # of the scene alone: a factor on geom_friction
        self.parameters = PhysicalParameters(physics.pack, described, inputs, self._parameters_changed)
        self.qpos0 = torch.as_tensor(model.qpos0, dtype=inputs.dtype, device=device).repeat(self.rows, 1)
        self._state: tuple[torch.Tensor, ...] = (self.qpos0, self.controls.zero, self.controls.zero)
        # (theta, qpos, qvel, dof_ctrl, act_ctrl) of the last step, versions of whole trajectories
        self._start: tuple[Any, ...] | None = None
        self.beginning = Beginning(self)
        self._touching: ContactTable | None = None
        self._end: tuple[tuple[torch.Tensor, ...], tuple[int, ...]] | None = None
        self._check_every = 1 if device.type == "cpu" else CHECK_EVERY

    # ---- stepping

    def step(self) -> None:
        """One time step of every environment; state and external forces stay as they were if this raises.

        Raises: DivergenceError, or InputError if a control was not finite.
        """
        controls = self.controls
        if self._recorded is not torch.is_grad_enabled() or self.generation != runtime._generation:
            self._renew()
        theta = self._theta
        if theta is None:
            theta = self._theta = self.parameters.theta(controls.loops)
        wrench, dof_ctrl = controls.wrench, controls.compose(self.parameters) if controls.dof_ctrl is None else controls.dof_ctrl
        q, v, _ = self._state if self._end is None else self._settle()
        if not self.beginning.seen:
            with outside():
                self.beginning.look(q, np.logical_or.reduce(controls.loops.kp))
        try:
            qpos, qvel, qacc = self.physics.advance(theta, q, v, dof_ctrl, controls.act_ctrl, wrench, self.steps)
        except ContactOverflowError as error:
            raise error.after(self.steps) from None
        if self.beginning.launching:
            self.beginning.look_deep()
        steps = self.steps + 1
        if steps % self._check_every == 0:
            if not math.isfinite(self.physics.launches(self.rows).end()):
                expect_finite_inputs(self, wrench)
                raise diverged(self, self.steps, qpos[None], qvel[None], qacc[None])
            self.inspect_launch(steps - self._check_every)
        self._state, self._end, self.steps, controls.wrench = (qpos, qvel, qacc), None, steps, None
        self._start = theta, q, v, dof_ctrl, controls.act_ctrl, None
        self._kinematics = None

    def inspect_launch(self, steps: int) -> None:
        """After a launch: warn if its solver is the first that stopped early, or if it was the first of all and bodies start in each other.

        steps: those that count before it in messages.
        """
        status = self.physics.launches(self.rows).status
        if status is None:
            return
        try:
            found = status.ask()
        except ContactOverflowError as error:
            raise error.after(steps) from None
        if found is not None and "unsolved" not in self.inputs.told:
            self.inputs.told.add("unsolved")
            warn_unsolved(found, steps, self.model.constraints.iterations, self.scene.dt)
        if self.beginning.launching:
            self.beginning.look_deep()

    def get_solver_report(self) -> dict[str, Tensor]:
        """See `Scene.get_solver_report`."""
        self.alive()
        status = self.physics.launches(self.rows).status
        table = (self.qpos.new_zeros(self.rows, len(STATUS)) if status is None else status.table).to(self.inputs.dtype)
        return {name: self.give(table[:, STATUS.index(name)]) for name in ("contacts", "iterations", "residual")}

    def contact_rows(self) -> tuple[torch.Tensor, ContactTable]:
        """Contacts (B, room, WIDTH) of the last step, or of the state now where it has been set since."""
        self._renew()
        before = self._before()
        if before is None:
            theta, (q, v, _), dof_ctrl, act_ctrl = self.theta(), self._settle(), self.dof_ctrl(), self.controls.act_ctrl
            a = self.physics.step(theta, q, v, dof_ctrl, act_ctrl, self.controls.wrench)[2]
        else:
            theta, q, v, dof_ctrl, act_ctrl = before
            a = self._settle()[2]
        rows = self.physics.contacts(theta, q, v, a, dof_ctrl, act_ctrl)
        return q.new_zeros(self.rows, 0, WIDTH) if rows is None else rows, self.contact_table()

    def contact_table(self) -> ContactTable:
        """Which geoms and links the rows of contacts belong to."""
        if self._touching is None:
            self._touching = ContactTable(self.model, self.inputs.device)
        return self._touching

    def _before(self) -> tuple[Any, ...] | None:
        """(theta, qpos, qvel, dof_ctrl, act_ctrl) at the start of the last step; None where there is none."""
        if self._start is None:
            return None
        theta, q, v, dof_ctrl, act_ctrl, versions = self._start
        if versions is None:
            return theta, q, v, dof_ctrl, act_ctrl
        if (q._version, v._version) != versions:
            raise StateError(f"{self.scene}: the trajectory at whose end it stands was changed in place; clone what you change.")
        return theta, *(plain(x)[-2].reshape(self.rows, -1) for x in (q, v)), dof_ctrl, act_ctrl

    def kinematics(self) -> tuple[torch.Tensor, ...]:
        """Poses and velocities of the links now: (B, nlink, 3), (B, nlink, 4), (B, nlink, 3), (B, nlink, 3)."""
        self._renew()
        if self._kinematics is None:
            with outside():
                self._kinematics = self.physics.kinematics(self.theta(), self.qpos, self.qvel)
        return self._kinematics

    def theta(self) -> torch.Tensor:
        """The packed parameters for the control loops of now."""
        self._renew()
        if self._theta is None:
            self._theta = self.parameters.theta(self.controls.loops)
        return self._theta

    def dof_ctrl(self) -> torch.Tensor:
        """(B, nv) what the joint controllers are given now."""
        self._renew()
        return self.controls.compose(self.parameters) if self.controls.dof_ctrl is None else self.controls.dof_ctrl

    def alive(self) -> None:
        """Raises: StateError after `gs.destroy()`, when kernels and arrays of this scene are gone."""
        if self.generation != runtime._generation:
            raise runtime.ended(f"{self.scene}: it was made before gs.destroy(); call gs.init() and make a new scene.")

    def _renew(self) -> None:
        """Drop what was computed without gradients where they are recorded now, and the reverse. Raises: StateError."""
        self.alive()
        if self._recorded is not torch.is_grad_enabled():
            self._recorded = not self._recorded
            self._theta = self._kinematics = self.controls.dof_ctrl = None

    def _loops_changed(self) -> None:
        self._theta = None

    def _parameters_changed(self) -> None:
        self._theta = self._kinematics = self.controls.dof_ctrl = None

    # ---- state

    def put_state(
        self, qpos: torch.Tensor | None = None, qvel: torch.Tensor | None = None, qacc: torch.Tensor | None = None
    ) -> None:
        """Replace state tensors (B, n)."""
        pairs = zip(self._settle(), (qpos, qvel, qacc), strict=True)
        self._state = tuple(old if x is None else bare(x) for old, x in pairs)
        self._start = None
        self._kinematics = None

    def put_end(
        self, theta: torch.Tensor, states: tuple[torch.Tensor, ...], controls: Iterable[torch.Tensor | None], keep_graph: bool
    ) -> None:
        """To the end of a trajectory, states (qpos, qvel, qacc), controls (dof_ctrl, act_ctrl) each (T, [n_envs,] n), made with theta.

        One that is in a graph stays alive with it: its end is taken when it is asked for.
        """
        qpos, qvel, qacc = states
        touching = self.physics.constraints is not None and self.physics.constraints.pairs
        driven = [None if x is None else self._last((x.detach(),))[0].view(self.rows, -1) for x in controls] if touching else ()
        if keep_graph and qpos.requires_grad:
            versions = (qpos._version, qvel._version)
            self._end = states, (*versions, qacc._version)
            self._start = (theta, qpos, qvel, *driven, versions) if touching else None
        else:
            self._state, self._end = self._last(x.detach() for x in states), None
            begin = self._last((qpos.detach()[:-1], qvel.detach()[:-1])) if touching else ()
            self._start = (theta.detach(), *begin, *driven, None) if touching else None
        self._kinematics = None

    def _settle(self) -> tuple[torch.Tensor, ...]:
        """The state, taken from the end of the last trajectory if it stands there. Raises: StateError if that was changed in place."""
        if self._end is not None:
            series, versions = self._end
            if tuple(x._version for x in series) != versions:
                raise StateError(
                    f"{self.scene}: the trajectory at whose end it stands was changed in place; clone what you change, or give the "
                    "scene another state."
                )
            with torch.enable_grad(), outside():
                self._state, self._end = self._last(plain(x) for x in series), None
        return self._state

    def _last(self, series: Iterable[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """(B, n) of the last entries of (T, [n_envs,] n)."""
        return tuple((x[-1] if self.n_envs else x[-1:]).clone() for x in series)

    @property
    def qpos(self) -> torch.Tensor:
        return self._settle()[0]

    @property
    def qvel(self) -> torch.Tensor:
        return self._settle()[1]

    @property
    def qacc(self) -> torch.Tensor:
        return self._settle()[2]

    def get_state(self) -> RigidSolverState:
        """The state now, with its graph."""
        xpos, xquat, _, _ = self.kinematics()
        return RigidSolverState(
            scene=self.scene, s_global=self.steps,
            qpos=self.give(self.qpos), dofs_vel=self.give(self.qvel), dofs_acc=self.give(self.qacc),
            links_pos=self.give(xpos), links_quat=self.give(xquat),
            base_poses={name: self.parameters.value(name) for name in BASE_POSE},
        )  # fmt: skip

    def reset(self, state: RigidSolverState | None, rows: Index | None) -> None:
        """To the state at build, or to the one given; controls are cleared. With rows: only these environments, time goes on."""
        values, bases = self._state_at_build() if state is None else self._state_of(state)
        for name, base in bases.items():
            self._put_base(name, base, rows)
        if rows is None:
            self.controls.clear()
            self.parameters.renew()
            self.steps = 0 if state is None else state.s_global
        else:
            self.controls.clear_rows(self._all_dofs, rows)
            pairs = zip((self.qpos, self.qvel, self.qacc), values, (self._all_qs, self._all_dofs, self._all_dofs), strict=True)
            values = tuple(assign(old, new[rows.tensor], columns, rows) for old, new, columns in pairs)
        self._state, self._end, self._start = values, None, None
        self._kinematics = None

    def _state_at_build(self) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
        zero = self.controls.zero
        return (self.qpos0, zero, zero), {name: self.parameters.described(name) for name in BASE_POSE}

    def _state_of(self, state: RigidSolverState) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
        if state.scene is not None and state.scene is not self.scene:  # one that was stored belongs to none
            raise InputError(f"scene.reset: a state of {state.scene} for {self.scene}; allowed: a state of the same scene.")
        nq, nv = self.model.nq, self.model.nv
        values = tuple(
            self.inputs.rows_of(x, "scene.reset", (n,)).expand(self.rows, n).contiguous()
            for x, n in ((state.qpos, nq), (state.dofs_vel, nv), (state.dofs_acc, nv))
        )
        return values, state.base_poses

    def _put_base(self, name: str, base: torch.Tensor, rows: Index | None) -> None:
        """Poses (1 or B, nlink, ·) of the links in their parents, unless they are those of now."""
        now = self.parameters.value(name)
        if now is base or (base.shape == now.shape and not (base.requires_grad or now.requires_grad) and torch.equal(base, now)):
            return
        if rows is None and base is self.parameters.described(name):
            self.parameters.restore(name)
            return
        if rows is not None and base.shape[0] > 1:
            base = base[rows.tensor]
        self.parameters.set(name, base, self._links_at.all, rows, "scene.reset")

    def detach(self) -> None:
        """Cut the state from the graph: gradients of later losses stop here."""
        self.put_state(self.qpos.detach(), self.qvel.detach(), self.qacc.detach())

    # ---- what users get

    def give(self, x: torch.Tensor, rows: Index | None = None) -> Tensor:
        """A copy of x (B or 1, ...) as ([n_envs,] ...) with the scene; users may change it in place. Raises: StateError."""
        self.alive()
        if self.n_envs == 0:
            x = x[0]
        elif rows is not None:
            x = x.expand(rows.n, *x.shape[1:]) if x.shape[0] == 1 and self.rows > 1 else x.index_select(0, rows.tensor)
        elif x.shape[0] != self.rows:
            x = x.expand(self.rows, *x.shape[1:])
        return wrap(x.clone(memory_format=torch.contiguous_format), self.scene)

    def give_row(self, x: torch.Tensor) -> Tensor:
        """A copy of x with the scene, whatever its shape."""
        self.alive()
        return wrap(x.clone(), self.scene)

    def envs_of(self, envs_idx: IndexLike) -> Index | None:
        """Raises: InputError if the scene has no environments, or not these."""
        if envs_idx is None:
            return None
        if self.n_envs == 0:
            raise InputError(
                "envs_idx is given, but the scene was built without environments; leave it out, or build(n_envs=...)."
            )
        return self.envs(envs_idx)

    def apply_links_external_wrench(
        self,
        force: ArrayLike | None = None,
        torque: ArrayLike | None = None,
        links_idx: IndexLike = None,
        envs_idx: IndexLike = None,
        *,
        pos: ArrayLike | None = None,
        ref: link_ref_frame = link_ref_frame.link_origin,
        local: bool = False,
    ) -> None:
        """As `RigidEntity.apply_links_external_wrench`, with links counted in the scene."""
        wrench = Wrench(force, torque, pos, ref, local)
        add_wrench(self, wrench, self._links_at(links_idx), self.envs_of(envs_idx), "apply_links_external_wrench")

    def apply_links_external_force(
        self, force: ArrayLike, links_idx: IndexLike = None, envs_idx: IndexLike = None, **where: Unpack[WrenchPlace]
    ) -> None:
        """Forces [N] on links during the next step; ``where``: pos, ref, local of `apply_links_external_wrench`."""
        self.apply_links_external_wrench(force, None, links_idx, envs_idx, **where)

    def apply_links_external_torque(
        self, torque: ArrayLike, links_idx: IndexLike = None, envs_idx: IndexLike = None, **where: Unpack[WrenchPlace]
    ) -> None:
        """Torques [Nm] on links during the next step; ``where``: local of `apply_links_external_wrench`."""
        self.apply_links_external_wrench(None, torque, links_idx, envs_idx, **where)

    def set_gravity(self, gravity: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Gravity (3,) or (n_envs, 3) in the world frame [m/s²]; differentiable."""
        self.alive()
        rows = self.envs_of(envs_idx)
        value = self.inputs.rows_of(gravity, "set_gravity", (3,), rows)
        self.parameters.set("gravity", value, self._gravity_at, rows, "set_gravity")

    def get_gravity(self, envs_idx: IndexLike = None) -> Tensor:
        """([n_envs,] 3) [m/s²]"""
        return self.give(self.parameters.value("gravity"), self.envs_of(envs_idx))

    # ---- counts

    @property
    def links(self) -> list["RigidLink"]:
        return [link for entity in self.entities for link in entity.links]

    @property
    def joints(self) -> list["RigidJoint"]:
        return [joint for entity in self.entities for joint in entity.joints]

    @property
    def n_links(self) -> int:
        return self.model.nlink

    @property
    def n_dofs(self) -> int:
        return self.model.nv

    @property
    def n_qs(self) -> int:
        return self.model.nq
