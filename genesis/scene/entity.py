"""RigidEntity: a robot or body in a scene; energies, mass matrix and Jacobian of its state."""

from typing import NoReturn

import torch

from genesis.errors import InputError, UnsupportedError, nearest_first
from genesis.grad.rotation import multiply, rotate, to_rotation_vector
from genesis.grad.tensor import Tensor
from genesis.scene.entity_contacts import EntityContacts
from genesis.scene.entity_state import XANG, XQUAT, XVEL
from genesis.scene.inertia import mass_matrix
from genesis.scene.inputs import ArrayLike, IndexLike, take
from genesis.scene.parts import RigidLink

_LATER = "it is not part of this version"
NOT_SUPPORTED = {
    **dict.fromkeys(
        "detect_collision attach detach inverse_kinematics inverse_kinematics_multilink plan_path get_AABB get_vAABB get_links_acc "
        "get_links_acc_ang get_dofs_force set_mass_shift set_COM_shift get_vverts set_vverts".split(),
        _LATER,
    ),
    **dict.fromkeys(
        ("set_dofs_act_gain", "set_dofs_act_bias", "get_dofs_act_gain", "get_dofs_act_bias"), "use set_dofs_kp and set_dofs_kv"
    ),
}


class RigidEntity(EntityContacts):
    """A rigid body or robot. Made by `scene.add_entity`; usable after `scene.build()`."""

    def get_mass_mat(self, envs_idx: IndexLike = None, decompose: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Joint-space mass matrix ([n_envs,] n_dofs, n_dofs), with armature.

        With ``decompose``: L (unit lower triangular) and the reciprocals of the diagonal D ([n_envs,] n_dofs) of M = Lᵀ D L.
        """
        mass, rows = self._mass_matrix(), self.solver.envs_of(envs_idx)
        if not decompose:
            return self.solver.give(mass, rows)
        # M read backwards has the Cholesky factor C; so M = U Uᵀ with the upper triangular U = C read backwards
        upper = torch.linalg.cholesky(mass.flip(-1, -2)).flip(-1, -2)
        diagonal = upper.diagonal(dim1=-2, dim2=-1)
        return self.solver.give((upper / diagonal.unsqueeze(-2)).mT, rows), self.solver.give(diagonal**-2, rows)

    def get_kinetic_energy(self, envs_idx: IndexLike = None) -> Tensor:
        """½ vᵀ M v ([n_envs]) [J]."""
        vel = take(self.solver.qvel, self._dofs_at(None))
        energy = 0.5 * (vel.unsqueeze(-2) @ self._mass_matrix() @ vel.unsqueeze(-1))[..., 0, 0]
        return self.solver.give(energy, self.solver.envs_of(envs_idx))

    def get_potential_energy(self, envs_idx: IndexLike = None) -> Tensor:
        """Energy of weight, - Σ m g·p, and of joint springs, ½ k (q - rest)² ([n_envs]) [J]."""
        solver, links = self.solver, self._links_at(None)
        p, (xpos, xquat, _, _) = solver.parameters, solver.kinematics()
        centres = take(xpos, links) + rotate(take(xquat, links), take(p.value("link_com"), links))
        weight = (take(p.value("link_mass"), links) * (centres * p.value("gravity").unsqueeze(1)).sum(-1)).sum(-1)
        stretch = self._stretch()
        springs = 0.5 * (take(p.value("dof_stiffness"), self._dofs_at(None)) * stretch * stretch).sum(-1)
        return solver.give(springs - weight, solver.envs_of(envs_idx))

    def get_total_energy(self, envs_idx: IndexLike = None) -> Tensor:
        """Kinetic plus potential energy ([n_envs]) [J]."""
        return self.get_kinetic_energy(envs_idx) + self.get_potential_energy(envs_idx)

    def get_jacobian(self, link: RigidLink | str, local_point: ArrayLike | None = None, envs_idx: IndexLike = None) -> Tensor:
        """Jacobian ([n_envs,] 6, n_dofs) of a point of a link: velocity and angular velocity in the world frame per joint
        velocity.

        local_point: (3,) in the link frame [m]; None: its origin.
        """
        solver = self.solver
        link = self.get_link(link) if isinstance(link, str) else link
        if link.entity is not self:
            raise InputError(f'entity "{self.name}".get_jacobian: {link} belongs to another entity.')
        columns = self._dofs_at(None)
        units = torch.zeros(columns.n, solver.rows, solver.model.nv, dtype=solver.qvel.dtype, device=solver.qvel.device)
        for k in range(columns.n):
            units[k, :, self.dof_start + k] = 1.0
        kin = solver.physics.kinematics(solver.theta(), solver.qpos.expand(columns.n, *solver.qpos.shape), units)
        vel, ang = kin[XVEL][:, :, link.idx], kin[XANG][:, :, link.idx]  # (n_dofs, B, 3)
        if local_point is not None:
            point = solver.inputs.tensor(local_point, f'entity "{self.name}".get_jacobian')
            if point.shape != (3,):
                raise InputError(f'entity "{self.name}".get_jacobian: local_point has shape {tuple(point.shape)}; allowed: (3,).')
            vel = vel + torch.linalg.cross(ang, rotate(kin[XQUAT][:, :, link.idx], point))
        return solver.give(torch.cat([vel, ang], -1).permute(1, 2, 0), solver.envs_of(envs_idx))

    def _mass_matrix(self) -> torch.Tensor:
        first, last = self.dof_start, self.dof_start + self.n_dofs
        return mass_matrix(self.solver, self.solver.qpos)[..., first:last, first:last]

    def _stretch(self) -> torch.Tensor:
        """Displacements (B, n_dofs) from the rest positions of the springs."""
        solver = self.solver
        rest = solver.parameters.value("qpos_spring")
        moved = self.dofs_of(solver.qpos, self._dofs_at(None)) - self.dofs_of(rest, self._dofs_at(None))
        for dof, (q, _) in self._turns.items():
            at = slice(self.q_start + q, self.q_start + q + 4)
            back = rest[:, at] * rest.new_tensor([1.0, -1.0, -1.0, -1.0])
            moved = torch.cat([moved[:, :dof], to_rotation_vector(multiply(back, solver.qpos[:, at])), moved[:, dof + 3 :]], 1)
        return moved

    def __getattr__(self, name: str) -> NoReturn:
        if name in NOT_SUPPORTED:
            raise UnsupportedError(f"RigidEntity.{name} is not supported: {NOT_SUPPORTED[name]}.")
        near = nearest_first(name, [n for n in dir(type(self)) if not n.startswith("_")])[:3] if not name.startswith("_") else []
        raise AttributeError(f"RigidEntity has no attribute {name!r}" + (f"; nearest: {', '.join(near)}" if near else ""))
