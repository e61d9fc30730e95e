"""Controls of an entity: joint forces and targets, actuators of its file, wrenches on its links. All differentiable."""

import torch

from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.grad.tensor import Tensor
from genesis.scene.control import Mode
from genesis.scene.entity_state import XPOS, XQUAT, EntityState
from genesis.scene.inputs import Index, take
from genesis.scene.options import link_ref_frame
from genesis.scene.rotation import rotate


class EntityControl(EntityState):
    """What drives an entity. A control is held until it is changed, or cleared by `scene.reset()`; a wrench lasts for one step.

    The force of a degree of freedom is clamp(u, force range): force control u = force; position control
    u = kp (target - q) + kv (target velocity - v); velocity control u = kv (target - v). Gains: see `set_dofs_kp`.
    """

    def control_dofs_force(self, force, dofs_idx_local=None, envs_idx=None) -> None:
        """Joint forces ([n_envs,] n_dofs) [N | Nm]."""
        self._control(Mode.force, "control_dofs_force", dofs_idx_local, envs_idx, force=force)

    def control_dofs_position(self, position, dofs_idx_local=None, envs_idx=None) -> None:
        """Target positions ([n_envs,] n_dofs) [m | rad], damped towards rest. A ball joint has no position control."""
        self._control(Mode.position, "control_dofs_position", dofs_idx_local, envs_idx, position=position)

    def control_dofs_velocity(self, velocity, dofs_idx_local=None, envs_idx=None) -> None:
        """Target velocities ([n_envs,] n_dofs) [m/s | rad/s]."""
        self._control(Mode.velocity, "control_dofs_velocity", dofs_idx_local, envs_idx, velocity=velocity)

    def control_dofs_position_velocity(self, position, velocity, dofs_idx_local=None, envs_idx=None) -> None:
        """Target positions and target velocities, each ([n_envs,] n_dofs)."""
        self._control(
            Mode.position, "control_dofs_position_velocity", dofs_idx_local, envs_idx, position=position, velocity=velocity
        )

    def control_actuators(self, ctrl, actuators=None, envs_idx=None) -> None:
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

    def get_dofs_control_force(self, dofs_idx_local=None, envs_idx=None) -> Tensor:
        """Joint forces ([n_envs,] n_dofs) that the controls of now exert in the state of now, inside the force range."""
        solver, c = self.solver, self.solver.controls
        p, loops = solver.parameters, c.loops
        command = c.compose(p) if c.command is None else c.command
        force = command - p.gain("dof_kv", loops.kv) * solver.qvel
        coordinate = self._dofs_with_coordinate()
        kp = take(p.gain("dof_kp", loops.kp), self._dofs_at(coordinate))
        force = take(force, self._dofs_at(None)).clone()
        force[:, coordinate] -= kp * take(solver.qpos, self._qs_at([self._qadr[i] - self.q_start for i in coordinate]))
        lo, hi = (take(p.value(f"dof_force_{end}"), self._dofs_at(None)) for end in ("lo", "hi"))
        force = torch.minimum(torch.maximum(force, lo), hi)
        return solver.give(force[:, list(self._dofs_at(dofs_idx_local).local)], solver.envs_of(envs_idx))

    def apply_links_external_wrench(
        self,
        force=None,
        torque=None,
        links_idx_local=None,
        envs_idx=None,
        *,
        pos=None,
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
        solver, columns = self.solver, self._links_at(links_idx_local)
        rows, what = solver.envs_of(envs_idx), f'entity "{self.name}".apply_links_external_wrench'
        if ref not in (link_ref_frame.link_origin, link_ref_frame.link_COM):
            raise UnsupportedError(f"{what}: ref {ref} is not supported; allowed: gs.link_ref_frame.link_origin, link_COM.")
        f = self._vectors(what, force, columns, rows)
        t = self._vectors(what, torque, columns, rows)
        turned = local or ref is link_ref_frame.link_COM or pos is not None
        xpos, xquat = (
            (self._of_rows(take(solver.kinematics()[k], columns), rows) for k in (XPOS, XQUAT)) if turned else (None, None)
        )
        arm = None
        if ref is link_ref_frame.link_COM and (local or pos is None):
            arm = rotate(xquat, self._of_rows(take(solver.parameters.value("link_com"), columns), rows))
        if local:
            f, t = rotate(xquat, f), rotate(xquat, t)
        if pos is not None:
            point = self._vectors(what, pos, columns, rows)
            if not local:
                arm = point - xpos
            else:
                arm = rotate(xquat, point) + (0.0 if arm is None else arm)
        if arm is not None:
            t = t + torch.linalg.cross(*torch.broadcast_tensors(arm, f))
        solver.controls.add_wrench(torch.cat(torch.broadcast_tensors(f, t), -1), columns, rows)

    def _control(self, mode: Mode, name: str, dofs_idx_local, envs_idx, **values) -> None:
        solver = self.solver
        columns = self._dofs_at(dofs_idx_local)
        rows = None if envs_idx is None else solver.envs_of(envs_idx)
        if mode is Mode.position and self._turns:
            self._refuse_balls(name, columns)
        made = {}
        for key, value in values.items():
            made[key] = solver.inputs.rows_of(value, name, (columns.n,), rows)
            if solver.checked:
                solver.inputs.finite(made[key], f'entity "{self.name}".{name}')
        solver.controls.set(mode, columns, rows, **made)

    def _refuse_balls(self, name: str, columns: Index) -> None:
        for joint in self.joints:
            if joint.type == "ball" and set(joint.dofs_idx_local) & set(columns.local):
                raise UnsupportedError(
                    f'entity "{self.name}".{name}: joint "{joint.name}" is a ball joint, which has no position '
                    "control; use forces or velocities."
                )

    def _dofs_with_coordinate(self) -> list[int]:
        return [i for i, q in enumerate(self._qadr) if q >= 0]

    def _actuator_numbers(self, actuators):
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
        return actuators

    def _vectors(self, what: str, value, columns: Index, rows: Index | None) -> torch.Tensor:
        """(b or 1, n or 1, 3); None is zero; a single vector stands for all links."""
        inputs = self.solver.inputs
        if value is None:
            return torch.zeros(1, 1, 3, dtype=inputs.dtype, device=inputs.device)
        made = inputs.tensor(value, what)
        if made.shape == (3,):
            return made.view(1, 1, 3)
        return inputs.rows_of(value, what, (columns.n, 3), rows)

    @staticmethod
    def _of_rows(x: torch.Tensor, rows: Index | None) -> torch.Tensor:
        return x if rows is None or x.shape[0] == 1 else x.index_select(0, rows.tensor)
