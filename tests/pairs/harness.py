"""Run one pair over many sample poses in one launch: contacts with their tags, and the bars of the two solids."""

import time
from dataclasses import dataclass, replace

import numpy as np
import taichi as ti
import torch

from genesis import runtime
from genesis.math.lanes import Cells, assign, let, load, store
from genesis.math.rotation import Mat3, Vec3
from genesis.math.trace import tracing
from genesis.pairs import PAIRS
from genesis.pairs.solid import SCRATCH, ContactBar, Solid, SolidBar, Tags

ROOM = 40  # contacts stored for a sample, more than any pair may give
WIDTH = 14  # p, n, dist, hint, tags
SOLID = 15  # p, r, size


@dataclass
class Samples:
    """n samples of two solids: positions (n, 2, 3), rotation matrices (n, 2, 3, 3), sizes (n, 2, 3), data (n, 2)."""

    p: np.ndarray
    r: np.ndarray
    size: np.ndarray
    data: np.ndarray | None = None
    shapes: np.ndarray | None = None
    integers: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.p)

    def moved(self, translation: np.ndarray, rotation: np.ndarray, size: np.ndarray) -> "Samples":
        """Displaced by (n, 2, 3) translations, world rotation vectors and changes of size."""
        angle = np.linalg.norm(rotation, axis=-1)[..., None, None] + 1e-150  # its square too is a number
        k = np.zeros((*rotation.shape[:-1], 3, 3))
        for i in range(3):
            k[..., (i + 2) % 3, (i + 1) % 3] = rotation[..., i]
            k[..., (i + 1) % 3, (i + 2) % 3] = -rotation[..., i]
        turn = np.eye(3) + np.sin(angle) / angle * k + (1 - np.cos(angle)) / angle**2 * k @ k
        return replace(self, p=self.p + translation, r=turn @ self.r, size=self.size + size)

    def packed(self) -> np.ndarray:
        return np.concatenate([self.p, self.r.reshape(len(self), 2, 9), self.size], axis=2)

    def select(self, index) -> "Samples":
        data = None if self.data is None else self.data[index]
        return replace(self, p=self.p[index], r=self.r[index], size=self.size[index], data=data)


class Sink:
    """Stores contacts of sample e."""

    _data_oriented = True

    def __init__(self, array, e, scratch) -> None:
        self.array, self.e, self.count = array, e, let(0)
        self.scratch = Cells(scratch, let(e * SCRATCH))

    def add(self, p, n, dist, hint, *tags) -> None:
        for k, value in enumerate((*p.parts(), *n.parts(), dist, *hint.parts(), *tags)):
            store(self.array, value, self.e, self.count, k)
        assign(self.count, ti.min(self.count + 1, ROOM - 1))


def _solid(array, data, shapes, integers, e, which) -> Solid:
    v = [load(array, e, which, k) for k in range(SOLID)]
    return Solid(Vec3(*v[:3]), Mat3(*v[3:12]), Vec3(*v[12:]), load(data, e, which), shapes, integers)


def _vec(array, e, k, first) -> Vec3:
    return Vec3(*(load(array, e, k, first + i) for i in range(3)))


def _tags(contacts, e, k) -> Tags:
    return Tags(_vec(contacts, e, k, 3), *(load(contacts, e, k, 10 + i) for i in range(4)))


_kernels: dict = {}


def kernels(code) -> tuple:
    """(find, find_adjoint) of a pair as kernels over samples, compiled once in a session."""
    key = (code, runtime.generation())
    if key not in _kernels:
        _kernels[key] = _make(PAIRS[code])
    return _kernels[key]


def _make(pair) -> tuple:
    real = runtime.state().ti_float
    table_t, cube_t = ti.types.ndarray(dtype=real, ndim=1), ti.types.ndarray(dtype=real, ndim=3)
    flat_t, grid_t = ti.types.ndarray(dtype=ti.i32, ndim=1), ti.types.ndarray(dtype=ti.i32, ndim=2)

    @ti.kernel
    def find(
        solids: cube_t, data: grid_t, shapes: table_t, integers: flat_t, reach: real, out: cube_t, count: flat_t, scratch: table_t
    ):
        for e in range(solids.shape[0]):
            a = _solid(solids, data, shapes, integers, e, 0)
            b = _solid(solids, data, shapes, integers, e, 1)
            sink = Sink(out, e, scratch)
            pair.find(None, a, b, reach, sink)
            count[e] = sink.count

    @ti.kernel
    def adjoint(
        solids: cube_t,
        data: grid_t,
        shapes: table_t,
        integers: flat_t,
        contacts: cube_t,
        count: flat_t,
        bars: cube_t,
        bar: cube_t,
    ):
        for e in range(solids.shape[0]):
            a = _solid(solids, data, shapes, integers, e, 0)
            b = _solid(solids, data, shapes, integers, e, 1)
            a_bar, b_bar = SolidBar(a), SolidBar(b)
            for k in range(count[e]):
                tags = _tags(contacts, e, k)
                seed = ContactBar(_vec(bars, e, k, 0), _vec(bars, e, k, 3), load(bars, e, k, 6), _vec(bars, e, k, 7))
                pair.find_adjoint(None, a, b, tags, seed, a_bar, b_bar)
            _write(bar, e, a_bar, b_bar)

    return find, adjoint


def _write(bar, e, *solid_bars) -> None:
    for which, one in enumerate(solid_bars):
        for k, value in enumerate((*one.force.parts(), *one.torque.parts(), *one.size.parts())):
            store(bar, value, e, which, k)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(array), dtype=runtime.state().dtype)


def _common(samples: Samples) -> tuple:
    data = np.zeros((len(samples), 2)) if samples.data is None else samples.data
    shapes = np.zeros(1) if samples.shapes is None else samples.shapes
    integers = np.zeros(1) if samples.integers is None else samples.integers
    return (
        _tensor(samples.packed()),
        torch.tensor(data, dtype=torch.int32).contiguous(),
        _tensor(shapes),
        torch.tensor(integers, dtype=torch.int32),
    )


def find(code, samples: Samples, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """(contacts (n, ROOM, WIDTH), how many of each sample); rows beyond the count are zero."""
    out = torch.zeros((len(samples), ROOM, WIDTH), dtype=runtime.state().dtype)
    count = torch.zeros(len(samples), dtype=torch.int32)
    scratch = torch.zeros(len(samples) * SCRATCH, dtype=runtime.state().dtype)
    with tracing():
        kernels(code)[0](*_common(samples), reach, out, count, scratch)
    out, count = out.numpy(), count.numpy()
    out[np.arange(ROOM) >= count[:, None]] = 0.0
    return out, count


def find_adjoint(code, samples: Samples, contacts: np.ndarray, count: np.ndarray, bars: np.ndarray) -> np.ndarray:
    """Bars (n, 2, 9): force, torque, size; for bars (n, ROOM, 10) of position, normal, distance, hint."""
    bar = torch.zeros((len(samples), 2, 9), dtype=runtime.state().dtype)
    with tracing():
        kernels(code)[1](*_common(samples), _tensor(contacts), torch.tensor(count), _tensor(bars), bar)
    return bar.numpy()


def compile_seconds(code, samples: Samples, reach: float = 1.0) -> tuple[float, float]:
    """Seconds of the first calls of both functions (a cold compile when nothing is cached)."""
    start = time.process_time()
    contacts, count = find(code, samples, reach)
    middle = time.process_time()
    find_adjoint(code, samples, contacts, count, np.zeros((len(samples), ROOM, 10)))
    return middle - start, time.process_time() - middle
