"""One candidate's share of the trajectory of a batch, and the shares of several as one function sees them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genesis.errors import UnsupportedError
from genesis.view import View, bounds

#: What is asked of a trajectory: the method, and for points and frames the entity, the name, the offset of a point, and which states; for
#: distances the pairs, and which states.
Key = tuple[Any, ...]


class Shares:
    """A view of a batch cut into candidates.

    view: of the whole; scene: its scene; count: candidates; envs: environments of each, 0 for one without that axis.
    """

    def __init__(self, view: View, scene: Any, count: int, envs: int) -> None:
        self.view, self.scene, self.count, self.envs = view, scene, count, envs
        self._cut: dict[Key, Tensor] = {}

    def of(self, key: Key) -> Tensor:
        """What a key means, (T', count, [envs,] n)."""
        if key not in self._cut:
            whole = self._whole(*key)
            self._cut[key] = whole.unflatten(1, (self.count, self.envs)) if self.envs else whole
        return self._cut[key]

    def _whole(self, name: str, entity: Any = None, *arguments: Any) -> Tensor:
        if entity is None:
            series: Tensor = getattr(self.view, name)
            return series
        if name == "distance":
            return self.view.distance(entity, slice(*arguments[0]))
        *which, window = arguments
        steps = None if window is None else slice(*window)
        points: Tensor = getattr(self.view, name)(self.scene.get_entity(entity), *which, steps=steps)
        return points


class Part:
    """View of one candidate in a batch (`genesis.view.View`).

    find: gives the tensor of a key.
    """

    def __init__(self, find: Callable[[Key], Tensor]) -> None:
        self._find = find

    @classmethod
    def single(cls, shares: Shares, row: int) -> "Part":
        """The share of one candidate."""
        return cls(lambda key: shares.of(key)[:, row])

    @property
    def trajectory(self) -> Any:
        raise UnsupportedError(
            "a loss of kind user sees the whole scene, which candidates of one batch share; use launcher=joblib."
        )

    @property
    def qpos(self) -> Tensor:
        return self._find(("qpos",))

    @property
    def qvel(self) -> Tensor:
        return self._find(("qvel",))

    @property
    def qacc(self) -> Tensor:
        return self._find(("qacc",))

    @property
    def controls(self) -> Tensor:
        return self._find(("controls",))

    @property
    def controller_force(self) -> Tensor:
        return self._find(("controller_force",))

    def own(self, values: Tensor, axis: int) -> Tensor:
        """All of a candidate's environments are here."""
        return values

    def point(self, entity: Any, name: str, offset: tuple[float, ...] | None = None, steps: slice | None = None) -> Tensor:
        return self._find(("point", entity.name, name, offset, bounds(steps)))

    def frame_quat(self, entity: Any, name: str, steps: slice | None = None) -> Tensor:
        return self._find(("frame_quat", entity.name, name, bounds(steps)))

    def distance(self, pairs: Any, steps: slice) -> Tensor:
        return self._find(("distance", pairs, bounds(steps)))


def asked_by(function: Callable[[Any], Any], shares: Shares) -> list[Key]:
    """Keys that a function of a view asks for, tried on the first candidate."""
    keys: dict[Key, None] = {}

    def find(key: Key) -> Tensor:
        keys[key] = None
        with torch.enable_grad():  # what is found here is kept, and its graph is needed later
            whole = shares.of(key)
        return whole[:, 0].detach()

    with torch.no_grad():
        function(Part(find))
    return list(keys)


def over_all(function: Callable[[Any], Any], shares: Shares, rows: list[int], keys: list[Key]) -> Any:
    """`function` of the view of each of the rows at once; what it returns has their axis first."""
    whole = rows == list(range(shares.count))
    index = None if whole else torch.tensor(rows, device=shares.of(("qpos",)).device)
    data = [shares.of(key) if index is None else shares.of(key).index_select(1, index) for key in keys]

    def one(*tensors: Tensor) -> Any:
        table = dict(zip(keys, tensors, strict=True))
        return function(Part(table.__getitem__))

    return torch.vmap(one, in_dims=1)(*data)
