"""States of a scene: what `get_state` returns and `reset` takes.

Shapes ([n_envs,] ...), quaternions wxyz, gs.Tensors with their graph. A copy (`copy.deepcopy`) has the numbers without the graph, and the
same scene; what was stored (`pickle`, `torch.save`) has the numbers alone, and `reset` of any scene like it takes them.
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import torch

from genesis.grad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from genesis.scene.entity_base import EntityBase
    from genesis.scene.scene import Scene


WHOLE = ("scene", "entity")  # what a state belongs to, which no copy copies


class Copied:
    """What the states share: they are copied and stored as plain data."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = object.__new__(type(self))
        made.__dict__ = {name: x if name in WHOLE else deepcopy(cut(x), memo) for name, x in vars(self).items()}
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {name: None if name in WHOLE else cut(x) for name, x in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {name: wrap(x, None) if isinstance(x, torch.Tensor) else x for name, x in state.items()}

    @property
    def _arrays(self) -> dict[str, Any]:
        return vars(self)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in self._arrays.items() if isinstance(x, torch.Tensor))
        of = next((f" of {x}" for name, x in vars(self).items() if name in WHOLE and x is not None), "")
        return f"<{type(self).__name__}{of} at step {vars(self)['s_global']}: {shapes}>"


def cut(value: Any) -> Any:
    """Without the graph; of a mapping its tensors."""
    if isinstance(value, dict):
        return {name: cut(x) for name, x in value.items()}
    if isinstance(value, Tensor):
        return value.detach(sceneless=False)
    return value.detach() if isinstance(value, torch.Tensor) else value


@dataclass(repr=False)
class RigidSolverState(Copied):
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
    base_poses: dict[str, torch.Tensor] = field(default_factory=dict)

    def detach(self) -> "RigidSolverState":
        """The same values, cut from the graph."""
        names = ("qpos", "dofs_vel", "dofs_acc", "links_pos", "links_quat")
        cut = {name: getattr(self, name).detach(sceneless=False) for name in names}
        bases = {name: base.detach() for name, base in self.base_poses.items()}
        return replace(self, **cut, base_poses=bases)


@dataclass(repr=False)
class SimState(Copied):
    """State of a scene at step ``s_global``; solvers_state holds one RigidSolverState."""

    scene: "Scene"
    s_global: int
    solvers_state: list[RigidSolverState]

    @property
    def rigid(self) -> RigidSolverState:
        return self.solvers_state[0]

    @property
    def _arrays(self) -> dict[str, Any]:
        return vars(self.rigid)

    def detach(self) -> "SimState":
        """The same values, cut from the graph."""
        return SimState(self.scene, self.s_global, [s.detach() for s in self.solvers_state])


@dataclass(repr=False)
class RigidEntityState(Copied):
    """Base link of one entity. pos: ([n_envs,] 3) [m]; quat: ([n_envs,] 4)."""

    entity: "EntityBase"
    s_global: int
    pos: Tensor
    quat: Tensor


torch.serialization.add_safe_globals(
    [RigidSolverState, SimState, RigidEntityState]
)  # plain data: torch.load reads them as it reads tensors
