"""States of a scene: what `get_state` returns and `reset` takes.

Shapes ([n_envs,] ...), quaternions wxyz, gs.Tensors with their graph.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from genesis.grad.tensor import Tensor

if TYPE_CHECKING:
    from genesis.scene.entity_base import EntityBase
    from genesis.scene.scene import Scene


@dataclass
class RigidSolverState:
    """All rigid bodies of a scene.

    qpos: ([n_envs,] nq); dofs_vel, dofs_acc: ([n_envs,] nv); links_pos: ([n_envs,] nlink, 3) [m].
    links_quat: ([n_envs,] nlink, 4).
    base_poses: name -> poses of the links in their parents, for bases that stand and were moved.
    """

    scene: "Scene"
    s_global: int
    qpos: Tensor
    dofs_vel: Tensor
    dofs_acc: Tensor
    links_pos: Tensor
    links_quat: Tensor
    base_poses: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    def detach(self) -> "RigidSolverState":
        """The same values, cut from the graph."""
        names = ("qpos", "dofs_vel", "dofs_acc", "links_pos", "links_quat")
        cut = {name: getattr(self, name).detach(sceneless=False) for name in names}
        bases = {name: base.detach() for name, base in self.base_poses.items()}
        return replace(self, **cut, base_poses=bases)


@dataclass
class SimState:
    """State of a scene at step ``s_global``; solvers_state holds one RigidSolverState."""

    scene: "Scene"
    s_global: int
    solvers_state: list[RigidSolverState]

    @property
    def rigid(self) -> RigidSolverState:
        return self.solvers_state[0]

    def detach(self) -> "SimState":
        """The same values, cut from the graph."""
        return SimState(self.scene, self.s_global, [s.detach() for s in self.solvers_state])


@dataclass
class RigidEntityState:
    """Base link of one entity. pos: ([n_envs,] 3) [m]; quat: ([n_envs,] 4)."""

    entity: "EntityBase"
    s_global: int
    pos: Tensor
    quat: Tensor
