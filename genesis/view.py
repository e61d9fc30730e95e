"""A trajectory as losses and goals read it: plain torch tensors.

Whatever reads a `View` gives the same number on a whole trajectory, on that of some environments, and on one candidate's share of a batch.
"""

from functools import cached_property
from typing import Any, Protocol

from torch import Tensor

from genesis.grad.tensor import plain


class View(Protocol):
    """The same names and shapes as `genesis.scene.Trajectory`, time first, without the cost of tensors that know their scene.

    Implementations: `TrajectoryView`; `genesis.runners.part.Part` of one candidate in a batch.
    """

    @property
    def qpos(self) -> Tensor:
        """(T+1,[B,]nq) [rad | m]"""
        ...

    @property
    def qvel(self) -> Tensor:
        """(T+1,[B,]nv) [rad/s | m/s]"""
        ...

    @property
    def qacc(self) -> Tensor:
        """(T,[B,]nv) [rad/s² | m/s²]"""
        ...

    @property
    def controls(self) -> Tensor:
        """(T,[B,]nv)"""
        ...

    @property
    def controller_force(self) -> Tensor:
        """(T,[B,]nv) [N | Nm]: what the joint controllers ask for, before the bounds of force."""
        ...

    @property
    def trajectory(self) -> Any:
        """The `genesis.scene.Trajectory` itself. Raises: UnsupportedError where several candidates share one."""
        ...

    def own(self, values: Tensor, axis: int) -> Tensor:
        """Of values of all environments along an axis, those of the environments that are here."""
        ...

    def point(self, entity: Any, name: str, offset: tuple[float, ...] | None = None, steps: slice | None = None) -> Tensor:
        """World positions (T+1,[B,]3) of a link or site, or of a point of its frame [m]; steps: in these states alone."""
        ...

    def frame_quat(self, entity: Any, name: str, steps: slice | None = None) -> Tensor:
        """World orientations (T+1,[B,]4), wxyz; steps: in these states alone."""
        ...

    def distance(self, pairs: Any, steps: slice) -> Tensor:
        """How far `genesis.scene.clearance.LinkPairs` are apart (S,[B,]P) [m], in these states."""
        ...


class TrajectoryView:
    """View of a `genesis.scene.Trajectory`; everything is computed once.

    envs: which environments of the task it has (n,), None for all.
    """

    def __init__(self, trajectory: Any, envs: Tensor | None = None) -> None:
        self.trajectory, self.envs = trajectory, envs
        self._points: dict[tuple[str, str, Any, Any], Tensor] = {}
        self._quats: dict[tuple[str, str, Any], Tensor] = {}
        self._distances: dict[tuple[Any, Any], Tensor] = {}

    @cached_property
    def qpos(self) -> Tensor:
        return plain(self.trajectory.qpos)

    @cached_property
    def qvel(self) -> Tensor:
        return plain(self.trajectory.qvel)

    @cached_property
    def qacc(self) -> Tensor:
        return plain(self.trajectory.qacc)

    @cached_property
    def controls(self) -> Tensor:
        return plain(self.trajectory.controls)

    @cached_property
    def controller_force(self) -> Tensor:
        return plain(self.trajectory.controller_force)

    def own(self, values: Tensor, axis: int) -> Tensor:
        return values if self.envs is None else values.index_select(axis, self.envs)

    def point(self, entity: Any, name: str, offset: tuple[float, ...] | None = None, steps: slice | None = None) -> Tensor:
        key = (entity.name, name, offset, bounds(steps))
        if key not in self._points:
            self._points[key] = plain(self.trajectory.point(entity, name, offset, steps))
        return self._points[key]

    def frame_quat(self, entity: Any, name: str, steps: slice | None = None) -> Tensor:
        key = (entity.name, name, bounds(steps))
        if key not in self._quats:
            self._quats[key] = plain(self.trajectory.frame_quat(entity, name, steps))
        return self._quats[key]

    def distance(self, pairs: Any, steps: slice) -> Tensor:
        key = (pairs, bounds(steps))
        if key not in self._distances:
            self._distances[key] = plain(self.trajectory.distance(pairs, steps))
        return self._distances[key]


def bounds(steps: slice | None) -> tuple[int | None, ...] | None:
    """A slice of time as the key of a table: what `slice` makes it from."""
    return None if steps is None else (steps.start, steps.stop, steps.step)
