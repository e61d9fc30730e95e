"""An entity before and after the scene is built: its name, description, links, joints, and where its numbers lie."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from genesis import runtime
from genesis.description.description import Actuator, Description, Site
from genesis.errors import StateError, unknown_name
from genesis.scene.inputs import Index, Indexer, IndexLike
from genesis.scene.materials import Rigid
from genesis.scene.morphs import Morph
from genesis.scene.parts import RigidJoint, RigidLink
from genesis.scene.solver import RigidSolver

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity
    from genesis.scene.scene import Scene

Part = TypeVar("Part", RigidLink, RigidJoint)


class EntityBase:
    """A named description in a scene; `bind` connects it to the solver when the scene is built."""

    def __init__(self, scene: "Scene", morph: Morph, material: Rigid, description: Description, name: str, idx: int) -> None:
        self.scene, self.morph, self.material, self.description, self.name, self.idx = (
            scene,
            morph,
            material,
            description,
            name,
            idx,
        )
        self._solver: RigidSolver | None = None
        self._links_at: Callable[[IndexLike], Index] = self._unbuilt
        self._dofs_at: Callable[[IndexLike], Index] = self._unbuilt
        self._qs_at: Callable[[IndexLike], Index] = self._unbuilt
        self._acts_at: Callable[[IndexLike], Index] = self._unbuilt

    def bind(self, solver: RigidSolver) -> None:
        """Take the places of this entity in the arrays of the scene."""
        model, info = solver.model, solver.model.entities[self.idx]
        self.info = info
        self.link_start, self.dof_start, self.q_start = info.link_start, info.dof_start, info.q_start
        device, name = solver.inputs.device, f'entity "{self.name}"'
        self._links_at = Indexer(f"{name}: links_idx_local", info.n_links, info.link_start, device)
        self._dofs_at = Indexer(f"{name}: dofs_idx_local", info.n_dofs, info.dof_start, device)
        self._qs_at = Indexer(f"{name}: qs_idx_local", info.n_qs, info.q_start, device)
        self._acts_at = Indexer(f"{name}: actuators_idx_local", info.n_act, info.act_start, device)
        links = range(info.link_start, info.link_start + info.n_links)
        entity = cast("RigidEntity", self)  # nothing else is made of this class
        self._links = [RigidLink(entity, model.links[l], l, int(model.link_parents[l])) for l in links]
        self._joints = []
        for j in range(info.joint_start, info.joint_start + info.n_joints):
            link = self._links[model.joints[j].link - info.link_start]
            joint = RigidJoint(entity, model.joints[j], link, j)
            link.joints.append(joint)
            self._joints.append(joint)
        self._solver = solver

    @property
    def solver(self) -> RigidSolver:
        """Raises: StateError before `scene.build()` and after `gs.destroy()`."""
        solver = self._solver
        if solver is None:
            raise StateError(f'entity "{self.name}": the scene is not built; call scene.build() first.')
        if solver.generation != runtime._generation:
            raise runtime.ended(
                f'entity "{self.name}": its scene was made before gs.destroy(); call gs.init() and make a new one.'
            )
        return solver

    @property
    def is_built(self) -> bool:
        return self._solver is not None

    @property
    def n_links(self) -> int:
        return len(self.description.links)

    @property
    def n_joints(self) -> int:
        return sum(len(link.joints) for link in self.description.links)

    @property
    def n_dofs(self) -> int:
        return sum(j.kind.nv for link in self.description.links for j in link.joints if j.mimic is None)

    @property
    def n_qs(self) -> int:
        return sum(j.kind.nq for link in self.description.links for j in link.joints if j.mimic is None)

    @property
    def n_geoms(self) -> int:
        return len(self.description.geoms)

    @property
    def is_free(self) -> bool:
        """Whether the base link floats on a free joint."""
        joints = self.description.links[0].joints if self.description.links else []
        return bool(joints) and joints[0].kind.floats

    @property
    def links(self) -> list[RigidLink]:
        _ = self.solver  # raises
        return self._links

    @property
    def joints(self) -> list[RigidJoint]:
        _ = self.solver  # raises
        return self._joints

    @property
    def sites(self) -> list[Site]:
        return self.description.sites

    @property
    def actuators(self) -> list[Actuator]:
        """Actuators of the model file, in the order of `control_actuators`."""
        return self.description.actuators

    @property
    def base_link(self) -> RigidLink:
        return self.links[0]

    @property
    def base_link_idx(self) -> int:
        return self.link_start

    @property
    def init_qpos(self) -> np.ndarray:
        """qpos at build, numpy (n_qs,)."""
        return self.solver.model.qpos0[self.q_start : self.q_start + self.n_qs].copy()

    @property
    def keyframes(self) -> dict[str, np.ndarray]:
        """Named configurations of the file: name -> numpy (n_qs,)."""
        return self.description.keyframes

    def get_link(self, name: str) -> RigidLink:
        """Raises: UnknownNameError listing the links."""
        return self._find("link", name, self.links)

    def get_joint(self, name: str) -> RigidJoint:
        """Raises: UnknownNameError listing the joints."""
        return self._find("joint", name, self.joints)

    def _unbuilt(self, index: IndexLike) -> Index:
        raise AssertionError(f"index {index} into {self.solver}")  # the property raises

    def _find(self, kind: str, name: str, parts: list[Part]) -> Part:
        for part in parts:
            if part.name == name:
                return part
        raise unknown_name(f'entity "{self.name}"', kind, name, [part.name for part in parts])

    def __repr__(self) -> str:
        return f'<RigidEntity "{self.name}": {self.n_links} links, {self.n_dofs} degrees of freedom>'
