"""Controls of an entity: joint forces and targets, actuators of its file, wrenches on its links. All differentiable."""

from collections.abc import Sequence
from typing import cast

import torch

from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.grad.tensor import Tensor
from genesis.scene.control import Mode
from genesis.scene.entity_state import EntityState
from genesis.scene.inputs import ArrayLike, Index, IndexLike, take
from genesis.scene.options import link_ref_frame
from genesis.scene.solver import RigidSolver
from genesis.scene.wrench import Wrench, add_wrench


class EntityControl(EntityState):
    """What drives an entity. A control is held until it is changed, or cleared by `scene.reset()`; a wrench lasts for one step.

    The force of a degree of freedom is clamp(u, force range): force control u = force; position control
    u = kp (target - q) + kv (target velocity - v); velocity control u = kv (target - v). Gains: see `set_dofs_kp`.
    """

    def bind(self, solver: RigidSolver) -> None:
        super().bind(solver)
        self._balls = [joint for joint in self.joints if joint.kind.plain == 0]

    def control_dofs_force(self, force: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Joint forces ([n_envs,] n_dofs) [N | Nm]."""
        self._control(Mode.force, "control_dofs_force", dofs_idx_local, envs_idx, force=force)

    def control_dofs_position(self, position: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Target positions ([n_envs,] n_dofs) [m | rad], damped towards rest. A ball joint has no position control."""
        self._control(Mode.position, "control_dofs_position", dofs_idx_local, envs_idx, position=position)

    def control_dofs_velocity(self, velocity: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Target velocities ([n_envs,] n_dofs) [m/s | rad/s]."""
        self._control(Mode.velocity, "control_dofs_velocity", dofs_idx_local, envs_idx, velocity=velocity)

    def control_dofs_position_velocity(
        self, position: ArrayLike, velocity: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None
    ) -> None:
        """Target positions and target velocities, each ([n_envs,] n_dofs)."""
        self._control(
            Mode.position, "control_dofs_position_velocity", dofs_idx_local, envs_idx, position=position, velocity=velocity
        )

    def control_actuators(
        self, ctrl: ArrayLike, actuators: "IndexLike | str | Sequence[str]" = None, envs_idx: IndexLike = None
    ) -> None:
        """Controls ([n_envs,] n) of the actuators of the file (names or numbers; None: all), which act from now on.

        Until then an actuator exerts no force. Force: clamp(gain clamp(ctrl) + bias); see `entity.actuators`.
        """
        solver = self.solver
        if not self.description.actuators:
            raise InputError(f'entity "{self.name}" has no actuators; use control_dofs_force, _position or _velocity.')
        columns, rows = self._acts_at(self._actuator_numbers(actuators)), solver.envs_of(envs_idx)
        what = f'entity "{self.name}".control_actuators'
        value = solver.inputs.rows_of(ctrl, what, (columns.n,), rows)
        solver.controls.set_actuators(value, columns, rows)

    def get_dofs_control_force(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Joint forces ([n_envs,] n_dofs) that the controls of now exert in the state of now, inside the force range."""
        solver = self.solver
        p, loops = solver.parameters, solver.controls.loops
        force = solver.dof_ctrl() - p.gain("dof_kv", loops.kv) * solver.qvel
        coordinate = self._dofs_with_coordinate()
        kp = take(p.gain("dof_kp", loops.kp), self._dofs_at(coordinate))
        force = take(force, self._dofs_at(None)).clone()
        force[:, coordinate] -= kp * take(solver.qpos, self._qs_at([self._qadr[i] - self.q_start for i in coordinate]))
        lo, hi = (take(p.value(f"dof_force_{end}"), self._dofs_at(None)) for end in ("lo", "hi"))
        force = torch.minimum(torch.maximum(force, lo), hi)
        return solver.give(force[:, list(self._dofs_at(dofs_idx_local).local)], solver.envs_of(envs_idx))

    def apply_links_external_wrench(
        self,
        force: ArrayLike | None = None,
        torque: ArrayLike | None = None,
        links_idx_local: IndexLike = None,
        envs_idx: IndexLike = None,
        *,
        pos: ArrayLike | None = None,
        ref: link_ref_frame = link_ref_frame.link_origin,
        local: bool = False,
    ) -> None:
        """Forces [N] and torques [Nm] ([n_envs,] n_links, 3) on links during the next step; several calls add up.

        Args:
            ref: where the force acts: the link's origin or its centre of mass.
            pos: where it acts instead ([n_envs,] n_links, 3) or (3,): a point of the world [m]; if ``local`` an arm from ref in
                link axes.
            local: whether force, torque and pos are in link axes instead of the world's.
        """
        solver, what = self.solver, f'entity "{self.name}".apply_links_external_wrench'
        wrench = Wrench(force, torque, pos, ref, local)
        add_wrench(solver, wrench, self._links_at(links_idx_local), solver.envs_of(envs_idx), what)

    def _control(self, mode: Mode, name: str, dofs_idx_local: IndexLike, envs_idx: IndexLike, **values: ArrayLike) -> None:
        solver = self.solver
        columns = self._dofs_at(dofs_idx_local)
        rows = None if envs_idx is None else solver.envs_of(envs_idx)
        if mode is Mode.position and self._balls:
            self._refuse_balls(name, columns)
        made = {}
        for key, value in values.items():
            made[key] = solver.inputs.rows_of(value, name, (columns.n,), rows)
            if solver.checked:
                solver.inputs.finite(made[key], f'entity "{self.name}".{name}')
        solver.controls.set(mode, columns, rows, **made)

    def _refuse_balls(self, name: str, columns: Index) -> None:
        for joint in self._balls:
            if not set(joint.dofs_idx_local).isdisjoint(columns.local):
                raise UnsupportedError(
                    f'entity "{self.name}".{name}: joint "{joint.name}" is a {joint.type} joint, which has no position '
                    "control; use forces or velocities."
                )

    def _dofs_with_coordinate(self) -> list[int]:
        return [i for i, q in enumerate(self._qadr) if q >= 0]

    def _actuator_numbers(self, actuators: "IndexLike | str | Sequence[str]") -> IndexLike:
        if actuators is None or isinstance(actuators, int | slice | range):
            return actuators
        if isinstance(actuators, str):
            actuators = [actuators]
        names = [a.name for a in self.description.actuators]
        if isinstance(actuators, list | tuple) and any(isinstance(a, str) for a in actuators):
            for a in actuators:
                if a not in names:
                    raise unknown_name(f'entity "{self.name}"', "actuator", str(a), names)
            return [names.index(a) for a in actuators]
        return cast("IndexLike", actuators)  # no name is among them
