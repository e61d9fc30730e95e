"""Links, joints and actuators of an entity, as the user sees them."""

from typing import TYPE_CHECKING, Unpack

import numpy as np

from genesis.description.description import Link
from genesis.grad.tensor import Tensor
from genesis.model.model import JointInfo
from genesis.scene.geoms import RigidGeom
from genesis.scene.inputs import ArrayLike, IndexLike
from genesis.scene.wrench import WrenchPlace

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity


class RigidLink:
    """One link.

    idx is its number in the scene, idx_local its number in the entity, parent_idx the number of its parent in the scene, or -1
    for the world.
    """

    def __init__(self, entity: "RigidEntity", link: Link, idx: int, parent_idx: int) -> None:
        self.entity, self.name, self.idx, self.parent_idx = entity, link.name, idx, parent_idx
        self.geoms: list[RigidGeom] = []
        self.idx_local = idx - entity.link_start
        self.parent_idx_local = -1 if parent_idx < 0 else parent_idx - entity.link_start
        self.joints: list[RigidJoint] = []

    @property
    def n_joints(self) -> int:
        return len(self.joints)

    @property
    def n_dofs(self) -> int:
        return sum(joint.n_dofs for joint in self.joints)

    @property
    def n_geoms(self) -> int:
        return len(self.geoms)

    @property
    def is_fixed(self) -> bool:
        """Whether no joint lies between this link and the world."""
        parent = self.parent_idx_local
        return not self.joints and (parent < 0 or self.entity.links[parent].is_fixed)

    def get_pos(self, envs_idx: IndexLike = None) -> Tensor:
        """Origin in the world frame ([n_envs,] 3) [m]."""
        return self.entity.get_links_pos(self.idx_local, envs_idx)[..., 0, :]

    def get_quat(self, envs_idx: IndexLike = None) -> Tensor:
        """Orientation in the world frame ([n_envs,] 4), wxyz."""
        return self.entity.get_links_quat(self.idx_local, envs_idx)[..., 0, :]

    def get_vel(self, envs_idx: IndexLike = None) -> Tensor:
        """Velocity of the origin in the world frame ([n_envs,] 3) [m/s]."""
        return self.entity.get_links_vel(self.idx_local, envs_idx)[..., 0, :]

    def get_ang(self, envs_idx: IndexLike = None) -> Tensor:
        """Angular velocity in the world frame ([n_envs,] 3) [rad/s]."""
        return self.entity.get_links_ang(self.idx_local, envs_idx)[..., 0, :]

    def get_mass(self, envs_idx: IndexLike = None) -> Tensor:
        """([n_envs]) [kg]"""
        return self.entity.get_links_mass(self.idx_local, envs_idx)[..., 0]

    def set_mass(self, mass: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Mass [kg], with the inertia in proportion (same shape, other density)."""
        link = self.entity._links_at(self.idx_local)
        self.entity.scale_mass(f'get_link("{self.name}").set_mass', mass, link, envs_idx)

    def apply_external_wrench(
        self,
        force: ArrayLike | None = None,
        torque: ArrayLike | None = None,
        envs_idx: IndexLike = None,
        **where: Unpack[WrenchPlace],
    ) -> None:
        """Force [N] and torque [Nm] during the next step; see `RigidEntity.apply_links_external_wrench`."""
        self.entity.apply_links_external_wrench(force, torque, self.idx_local, envs_idx, **where)

    def __repr__(self) -> str:
        return f'<RigidLink "{self.name}" of "{self.entity.name}">'


class RigidJoint:
    """One joint.

    type is a name of the table `kind` is from ("hinge", "slide", …); a mimic joint owns no degree of freedom and names the joint it follows.
    velocity_limit is what the file says (infinite for none); simulation does not keep it.
    """

    def __init__(self, entity: "RigidEntity", info: JointInfo, link: RigidLink, idx: int) -> None:
        self.entity, self.name, self.type, self.link, self.idx, self.mimic = entity, info.name, info.type, link, idx, info.mimic
        self.kind, self.n_dofs, self.n_qs = info.kind, info.nv, info.nq
        self.dof_start, self.q_start = info.dof_adr, info.qpos_adr
        self.limit = (-np.inf, np.inf) if info.limit is None else info.limit
        self.velocity_limit = np.inf if info.velocity_limit is None else info.velocity_limit
        self.dofs_idx = list(range(info.dof_adr, info.dof_adr + info.nv))
        self.dofs_idx_local = [i - entity.dof_start for i in self.dofs_idx]
        self.qs_idx_local = [i - entity.q_start for i in range(info.qpos_adr, info.qpos_adr + info.nq)]

    @property
    def dof_idx_local(self) -> int | list[int]:
        """The number of its degree of freedom in the entity (a list if it has several)."""
        return self.dofs_idx_local[0] if self.n_dofs == 1 else self.dofs_idx_local

    def __repr__(self) -> str:
        return f'<RigidJoint "{self.name}" ({self.type}) of "{self.entity.name}">'
