"""How far pairs of geoms are apart as a function of where they are.

    d = min |w_b − w_a| (apart),  −depth (overlapping);    w_a, w_b: the nearest points of the two, n: the unit normal from a to b

    δd = n · (δw_b − δw_a),  each point moving as if it were fixed in its geom

because d is stationary in the choice of the points (Danskin, 1967). Where several pairs of points are equally near (faces that lie along each
other) the slope is that of one of them, which is a slope to one side.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from genesis import runtime
from genesis.dynamics.distances import ENTRY, FOUND, REACH, make_distances
from genesis.dynamics.launch import Launcher
from genesis.errors import DivergenceError
from genesis.grad.eager import eager
from genesis.grad.rotation import matrix, multiply
from genesis.model.layout import PAIR_CODE
from genesis.pairs import hull
from genesis.pairs.solid import SCRATCH

Found = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
SMALL = 4096  # pairs of samples that one thread measures


class Distances:
    """Of pairs among G geoms.

    Args:
        kinds (G,): codes of their types. sizes (G, 3) [m], as the pairs want them. corners: of those that are meshes, the corners of their
            hulls (n, 3) in the geom's frame. pairs (P, 2): places among the geoms.

    order (P, 2): the pairs as they are measured, of which the first geom has the smaller code.
    """

    def __init__(
        self, kinds: Sequence[int], sizes: np.ndarray, corners: dict[int, np.ndarray], pairs: Sequence[tuple[int, int]]
    ) -> None:
        self.sizes = torch.from_numpy(np.ascontiguousarray(sizes, dtype=np.float64))
        shapes, integers, starts = hull.pack([hull.convex_hull(points) for points in corners.values()])
        self.order = np.array([(a, b) if kinds[a] <= kinds[b] else (b, a) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
        begin = len(pairs) * ENTRY
        address = {geom: begin + start for geom, start in zip(corners, starts, strict=True)}
        rows = [
            (a, b, PAIR_CODE[kinds[a], kinds[b]], address.get(int(a), 0), address.get(int(b), 0)) for a, b in self.order.tolist()
        ]
        table = np.concatenate([np.asarray(rows, np.int32).ravel(), np.asarray(integers, np.int32)])
        device = runtime.state().device
        self.table, self.shapes = torch.from_numpy(table).to(device), torch.from_numpy(np.append(shapes, 0.0)).to(device)
        self.codes = tuple(sorted({row[2] for row in rows}))
        self.first, self.second = (torch.from_numpy(self.order[:, k].copy()) for k in (0, 1))

    def __call__(self, pos: torch.Tensor, quat: torch.Tensor, found: Found | None = None) -> torch.Tensor:
        """(N, P) [m] of geoms at pos (N, G, 3), with unit quaternions (N, G, 4); found: as `measure` gives it there, where that is known.

        Raises: DivergenceError where a pose is not finite.
        """
        made: torch.Tensor = _Distance.apply(pos, quat, self, found or self.measure(pos.detach(), quat.detach()))
        return made

    @eager
    def measure(self, pos: torch.Tensor, quat: torch.Tensor) -> Found:
        """Distances (N, P), points midway between the nearest ones (N, P, 3), normals from first to second (N, P, 3), float64."""
        state, (count, geoms) = runtime.state(), pos.shape[:2]
        placed = torch.cat([pos.double(), matrix(quat.double()).flatten(-2)], -1).contiguous()
        if not bool(torch.isfinite(placed).all()):
            raise DivergenceError("the distance of geoms: a pose is not finite.", quantity="distance")
        pairs = len(self.order)
        found = torch.empty(count * pairs * FOUND, dtype=torch.float64, device=state.device)
        serial = state.device.type == "cpu" and count * pairs <= SMALL
        workers = 1 if serial else min(count, 64 if state.device.type == "cpu" else 4096)
        launch = _launch(state.generation, self.codes, serial, count, pairs, geoms, workers)
        launch(
            (
                self.table,
                placed.view(-1),
                self.sizes.to(state.device).view(-1),
                self.shapes,
                found,
                _scratch(state.generation, workers),
            )
        )
        found = found.view(count, pairs, FOUND)
        if bool((found[..., 0] >= REACH).any()):
            row = (found[..., 0] >= REACH).nonzero()[0]
            raise DivergenceError(f"the distance of the pair {int(row[1])} of geoms has no value.", quantity="distance")
        return found[..., 0], found[..., 1:4], found[..., 4:7]


@lru_cache(maxsize=64)
def _launch(generation: int, codes: tuple[int, ...], serial: bool, samples: int, pairs: int, geoms: int, workers: int) -> Any:
    kernel = make_distances(runtime.state().ti_float, codes, serial, generation)
    numbers = {"samples": samples, "pairs": pairs, "geoms": geoms, "sized": 0, "workers": workers}
    return Launcher(kernel, 1).bind(numbers, {}, tuple(array.name for array in kernel.arrays), {})


@lru_cache(maxsize=4)
def _scratch(generation: int, workers: int) -> torch.Tensor:
    return torch.zeros(workers * SCRATCH, dtype=torch.float64, device=runtime.state().device)


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pos: torch.Tensor, quat: torch.Tensor, of: Distances, found: Found) -> torch.Tensor:
        d, point, normal = found
        ctx.save_for_backward(pos, quat, d, point, normal)
        ctx.of = of
        return d.to(pos)

    @staticmethod
    def backward(ctx: Any, bar: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        pos, quat, d, point, normal = ctx.saved_tensors
        of, bar = ctx.of, bar.double().unsqueeze(-1)
        pos_bar, turn_bar = torch.zeros_like(pos, dtype=torch.float64), torch.zeros_like(pos, dtype=torch.float64)
        for index, sign in ((of.first, -1.0), (of.second, 1.0)):
            witness = point + (0.5 * sign) * d.unsqueeze(-1) * normal
            force = sign * bar * normal
            torque = torch.linalg.cross(witness - pos.double()[:, index], force)
            pos_bar.index_add_(1, index, force)
            turn_bar.index_add_(1, index, torque)
        return pos_bar.to(pos), quat_bar(quat, turn_bar.to(quat)), None, None


def quat_bar(quat: torch.Tensor, torque: torch.Tensor) -> torch.Tensor:
    """Adjoint (..., 4) of a unit quaternion of whose turns in world axes the adjoint is torque (..., 3): 2 (0, torque) ⊗ quat."""
    return 2.0 * multiply(torch.cat([torch.zeros_like(torque[..., :1]), torque], -1), quat)
