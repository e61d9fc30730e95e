"""How far pairs of geoms are apart as a function of where they are and of their sizes.

    d = min |w_b − w_a| (apart),  −depth (overlapping);    w_a, w_b: the nearest points of the two, n: the unit normal from a to b

    δd = n · (δw_b − δw_a),  each point moving as if it were fixed in its geom,    δd = −∂h_a(n)/∂s_a · δs_a − ∂h_b(−n)/∂s_b · δs_b

because d = n · (x_b − x_a) − h_a(n) − h_b(−n), with the support functions h, is stationary in n (Danskin, 1967): docs/adjoints/pairs.md. Where
several pairs of points are equally near (faces that lie along each other) the slope is that of one of them, which is a slope to one side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from genesis import runtime
from genesis.dynamics.distances import ENTRY, FAR, FOUND, REACH, make_distances
from genesis.dynamics.launch import Launcher
from genesis.errors import DivergenceError, InputError
from genesis.grad.eager import eager
from genesis.grad.rotation import matrix, multiply, rotate, rotate_inverse
from genesis.model.layout import GEOM_CODE, PAIR_CODE
from genesis.pairs import hull
from genesis.pairs.solid import SCRATCH

FLAT = 1e-9  # of hulls, relative to their size: faces of contacts are coarser, so that bodies rest on them
SMALL = 4096  # pairs of samples that one thread measures
PLANE, _, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH = GEOM_CODE.values()


@dataclass(frozen=True)
class NearestPoints:
    """Of rows of pairs (N, R), float64: distance, point midway between the nearest ones (N, R, 3), normal from the first geom of the pair to
    its second (N, R, 3), which pair (N, R); where none is within `beyond`, that as distance, normal 0 and pair 0."""

    distance: torch.Tensor
    point: torch.Tensor
    normal: torch.Tensor
    pair: torch.Tensor

    def witness(self, sign: float) -> torch.Tensor:
        """The nearest points (N, R, 3) of the first geoms (-1) or the second (1)."""
        return self.point + (0.5 * sign) * self.distance.unsqueeze(-1) * self.normal


class Distances:
    """Of pairs among G geoms, the smallest of each row of pairs.

    Args:
        kinds (G,): codes of their types. sizes (G, 3) [m], as the pairs want them. corners: of those that are meshes, the corners of their
            hulls (n, 3) in the geom's frame. pairs (P, 2): places among the geoms. rows (P,): to which row each pair belongs, rising from 0;
            None: each is one. beyond: a distance [m] that stands for every larger one, with the slope 0; None: there is none.

    order (P, 2): the pairs as they are measured, of which the first geom has the smaller code.
    Raises: InputError for pairs of which there is no distance: of two planes, and of height fields.
    """

    def __init__(
        self,
        kinds: Sequence[int],
        sizes: np.ndarray,
        corners: dict[int, np.ndarray],
        pairs: Sequence[tuple[int, int]],
        rows: Sequence[int] | None = None,
        beyond: float | None = None,
    ) -> None:
        self.beyond = REACH if beyond is None else float(beyond)
        device = runtime.state().device
        self.sizes = torch.from_numpy(np.ascontiguousarray(sizes, dtype=np.float64)).to(device)
        self.kinds = torch.tensor(list(kinds), device=device)
        middle, radius = np.zeros((len(kinds), 3)), np.zeros(len(kinds))
        for geom, points in corners.items():
            middle[geom] = 0.5 * (points.min(0) + points.max(0))
            radius[geom] = np.linalg.norm(points - middle[geom], axis=1).max()
        self.middle, self.radius = torch.from_numpy(middle).to(device), torch.from_numpy(radius).to(device)
        shapes, integers, starts = hull.pack([hull.convex_hull(points, flat=FLAT) for points in corners.values()])
        self.order = np.array([(a, b) if kinds[a] <= kinds[b] else (b, a) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
        begin = len(pairs) * ENTRY
        address = {geom: begin + start for geom, start in zip(corners, starts, strict=True)}
        belongs = list(range(len(pairs)) if rows is None else rows)
        self.rows = belongs[-1] + 1
        entries = [
            (a, b, _code(kinds[a], kinds[b]), address.get(int(a), 0), address.get(int(b), 0), row)
            for (a, b), row in zip(self.order.tolist(), belongs, strict=True)
        ]
        table = np.concatenate([np.asarray(entries, np.int32).ravel(), np.asarray(integers, np.int32)])
        self.table, self.shapes = torch.from_numpy(table).to(device), torch.from_numpy(np.append(shapes, 0.0)).to(device)
        self.codes = tuple(sorted({entry[2] for entry in entries}))
        self.first, self.second = (torch.from_numpy(self.order[:, k].copy()).to(device) for k in (0, 1))

    def __call__(
        self, pos: torch.Tensor, quat: torch.Tensor, sizes: torch.Tensor | None = None, found: NearestPoints | None = None
    ) -> torch.Tensor:
        """(N, R) [m] of geoms at pos (N, G, 3), with unit quaternions (N, G, 4) and sizes (G, 3) or (N, G, 3), None: the given ones.

        found: as `measure` gives it there, where that is known. Raises: DivergenceError where a pose is not finite.
        """
        sizes = self.sizes if sizes is None else sizes
        found = found or self.measure(pos.detach(), quat.detach(), sizes.detach())
        made: torch.Tensor = _Distance.apply(pos, quat, sizes, self, found)
        return made

    @eager
    def measure(self, pos: torch.Tensor, quat: torch.Tensor, sizes: torch.Tensor | None = None) -> NearestPoints:
        """What `__call__` is made of."""
        state, (count, geoms) = runtime.state(), pos.shape[:2]
        sizes = self.sizes if sizes is None else sizes
        pos, quat, sizes = pos.double(), quat.double(), sizes.double().contiguous()
        ball = torch.where(self.kinds == MESH, self.radius, bounding_radius(self.kinds, sizes)).expand(count, geoms)
        placed = torch.cat(
            [pos, matrix(quat).flatten(-2), pos + rotate(quat, self.middle.expand_as(pos)), ball.unsqueeze(-1)], -1
        )
        if not math.isfinite(float(placed.sum())):
            raise DivergenceError("the distance of geoms: a pose is not finite.", quantity="distance")
        pairs = len(self.order)
        found = torch.empty(count * self.rows * FOUND, dtype=torch.float64, device=state.device)
        serial = state.device.type == "cpu" and count * pairs <= SMALL
        workers = 1 if serial else min(count, 64 if state.device.type == "cpu" else 4096)
        sized = geoms if sizes.dim() == 3 else 0
        numbers = (count, pairs, self.rows, geoms, sized, workers, self.beyond)
        launch = _launch(state.generation, self.codes, serial, numbers)
        scratch = _scratch(state.generation, workers)
        launch((self.table, placed.view(-1), sizes.view(-1), self.shapes, found, scratch))
        found = found.view(count, self.rows, FOUND)
        made = NearestPoints(found[..., 0], found[..., 1:4], found[..., 4:7], found[..., 7].long().clamp(min=0))
        if self.beyond == REACH and bool((made.distance >= REACH).any()):
            row = (made.distance >= REACH).nonzero()[0]
            raise DivergenceError(f"the distance of the pair {int(row[1])} of geoms has no value.", quantity="distance")
        return made


def _code(one: int, other: int) -> int:
    if (one, other) not in PAIR_CODE:
        names = {code: name for name, code in GEOM_CODE.items()}
        raise InputError(f"the distance of two geoms of types {names[one]} and {names[other]} is not known; name other geoms.")
    return PAIR_CODE[one, other]


@lru_cache(maxsize=64)
def _launch(generation: int, codes: tuple[int, ...], serial: bool, numbers: tuple[float, ...]) -> Any:
    kernel = make_distances(runtime.state().ti_float, codes, serial, generation)
    names = ("samples", "pairs", "rows", "geoms", "sized", "workers", "beyond")
    return Launcher(kernel, 1).bind(dict(zip(names, numbers, strict=True)), {}, tuple(array.name for array in kernel.arrays), {})


@lru_cache(maxsize=4)
def _scratch(generation: int, workers: int) -> torch.Tensor:
    return torch.zeros(workers * SCRATCH, dtype=torch.float64, device=runtime.state().device)


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pos: torch.Tensor, quat: torch.Tensor, sizes: torch.Tensor, of: Distances, found: NearestPoints
    ) -> torch.Tensor:
        ctx.save_for_backward(pos, quat, sizes)
        ctx.of, ctx.found = of, found
        return found.distance.to(pos)

    @staticmethod
    def backward(ctx: Any, bar: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, None, None]:
        pos, quat, sizes = ctx.saved_tensors
        of, found, bar = ctx.of, ctx.found, bar.double().unsqueeze(-1)
        pos_bar, turn_bar = torch.zeros_like(pos, dtype=torch.float64), torch.zeros_like(pos, dtype=torch.float64)
        size_bar = torch.zeros_like(pos_bar) if ctx.needs_input_grad[2] else None
        for places, sign in ((of.first, -1.0), (of.second, 1.0)):
            geom = places[found.pair].unsqueeze(-1).expand(*found.pair.shape, 3)
            force = sign * bar * found.normal
            torque = torch.linalg.cross(found.witness(sign) - pos.double().gather(1, geom), force)
            pos_bar.scatter_add_(1, geom, force)
            turn_bar.scatter_add_(1, geom, torque)
            if size_bar is not None:
                turn = quat.double().gather(1, geom[..., :1].expand(*geom.shape[:2], 4))
                outwards = rotate_inverse(turn, -sign * found.normal)
                own = sizes.double().expand_as(pos).gather(1, geom)
                size_bar.scatter_add_(1, geom, -bar * support_slope(of.kinds[geom[..., 0]], own, outwards))
        if size_bar is not None:
            size_bar = size_bar.sum_to_size(sizes.shape).to(sizes)
        return pos_bar.to(pos), quat_bar(quat, turn_bar.to(quat)), size_bar, None, None


def bounding_radius(kinds: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """Of balls (...) about the origins of geoms of kinds (...) and sizes (..., 3) that hold them; those of hulls are not told by sizes."""
    x, y, _ = sizes.unbind(-1)
    of_kind = {
        PLANE: torch.full_like(x, FAR), CAPSULE: x + y, ELLIPSOID: sizes.amax(-1), CYLINDER: torch.hypot(x, y),
        BOX: torch.linalg.vector_norm(sizes, dim=-1),
    }  # fmt: skip
    made = x
    for kind, radius in of_kind.items():
        made = torch.where(kinds == kind, radius, made)
    return made


def support_slope(kinds: torch.Tensor, sizes: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """Derivatives (..., 3) of support functions h(n) = max n·x, of geoms of kinds (...), to sizes (..., 3); n (..., 3) in their frames.

    Zero for planes and hulls, which have no sizes; at kinks of h one of the slopes.
    """
    flat, n = torch.zeros_like(n), n.abs()
    across, along = torch.hypot(n[..., 0], n[..., 1]), n[..., 2]
    shrunk = sizes * n
    of_kind = {
        SPHERE: (torch.ones_like(along), flat[..., 0], flat[..., 0]),
        CAPSULE: (torch.ones_like(along), along, flat[..., 0]),
        CYLINDER: (across, along, flat[..., 0]),
        BOX: n.unbind(-1),
        ELLIPSOID: (shrunk * n / torch.linalg.vector_norm(shrunk, dim=-1, keepdim=True).clamp(min=1e-30)).unbind(-1),
    }
    made = flat
    for kind, slopes in of_kind.items():
        made = torch.where((kinds == kind).unsqueeze(-1), torch.stack(slopes, -1), made)
    return made * (n.amax(-1, keepdim=True) > 0.0)


def quat_bar(quat: torch.Tensor, torque: torch.Tensor) -> torch.Tensor:
    """Adjoint (..., 4) of a unit quaternion of whose turns in world axes the adjoint is torque (..., 3): 2 (0, torque) ⊗ quat."""
    return 2.0 * multiply(torch.cat([torch.zeros_like(torque[..., :1]), torque], -1), quat)
