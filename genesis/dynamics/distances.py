"""Kernel: how far pairs of geoms are apart, wherever they are, by the same functions that find contacts (`genesis.pairs`).

Of the contacts of a pair the deepest counts; its distance is that of the two shapes, negative where they overlap. float64 in every precision.
"""

from functools import cache

import taichi as ti

from genesis.dynamics.signature import DOUBLE, INTEGERS, Array, Kernel, Signature, integers
from genesis.math.lanes import Cells, let
from genesis.math.rotation import Mat3, Vec3
from genesis.math.trace import in_double
from genesis.model.layout import PAIR_TYPES
from genesis.pairs.apart import APART
from genesis.pairs.solid import SCRATCH, Solid

REACH = 1e9  # [m]: farther apart than anything is
PLACE = 12  # numbers of a placed geom: position, rotation matrix by rows
FOUND = 7  # numbers of a pair: distance, point midway, normal from the first to the second
ENTRY = 5  # integers of a pair: geom, geom, code of their types, addresses of their shapes
DISTANCES = Signature(
    "distances",
    (
        Array("table", INTEGERS, "(pairs, ENTRY), then the integers of shapes", "caller"),
        Array("placed", DOUBLE, "(samples, geoms, PLACE)", "caller"),
        Array("sizes", DOUBLE, "(samples or 1, geoms, 3)", "caller"),
        Array("shapes", DOUBLE, "reals that the integers of shapes point into", "caller"),
        Array("found", DOUBLE, "(samples, pairs, FOUND)", "caller"),
        Array("scratch", DOUBLE, "(workers, SCRATCH)", "caller"),
    ),
    integers(samples="", pairs="", geoms="", sized="geoms from one sample's sizes to the next, 0: all have the same", workers=""),
)


class Nearest:
    """Where a pair puts its contacts: the deepest stays."""

    _data_oriented = True

    def __init__(self, cells: Cells, scratch: Cells) -> None:
        self.cells, self.scratch = cells, scratch

    def add(self, point, normal, dist, hint, tag0, tag1, tag2, tag3) -> None:
        keep_nearest(self.cells, point, normal, dist)


@ti.func
def keep_nearest(cells: ti.template(), point: ti.template(), normal: ti.template(), dist: ti.template()):
    if dist < cells.get(0):
        cells.set(dist)
        point.store(cells, 1)
        normal.store(cells, 4)


def solid(table, placed, sizes, shapes, sample, geom, geoms, sized, address) -> Solid:
    at = Cells(placed, (sample * geoms + geom) * PLACE)
    size = Vec3.load(Cells(sizes, (sample * sized + geom) * 3))
    return Solid(Vec3.load(at), Mat3.load(at, 3), size, address, shapes, table)


@in_double
@ti.func
def measure(
    table: ti.template(), placed: ti.template(), sizes: ti.template(), shapes: ti.template(), found: ti.template(),
    scratch: ti.template(), sample: ti.i32, worker: ti.i32, pairs: ti.i32, geoms: ti.i32, sized: ti.i32, codes: ti.template(),
):  # fmt: skip
    """All pairs of one sample."""
    for pair in range(pairs):
        at = Cells(table, pair * ENTRY)
        cells = Cells(found, (sample * pairs + pair) * FOUND)
        cells.set(REACH)
        first, second, code = at.get(0), at.get(1), at.get(2)
        a = solid(table, placed, sizes, shapes, sample, first, geoms, sized, at.get(3))
        b = solid(table, placed, sizes, shapes, sample, second, geoms, sized, at.get(4))
        sink = Nearest(cells, Cells(scratch, worker * SCRATCH))
        reach = let(REACH)
        for k in ti.static(codes):
            if code == k:
                APART[PAIR_TYPES[k]].find(table, a, b, reach, sink)


@cache
def make_distances(real, codes: tuple[int, ...], serial: bool, generation: int) -> Kernel:
    """The kernel of `DISTANCES` for pairs of these codes (places in PAIR_TYPES); it lives as long as the Taichi runtime with this number."""

    @DISTANCES.kernel(real, 1)
    def distances(table, placed, sizes, shapes, found, scratch, samples, pairs, geoms, sized, workers):
        ti.loop_config(serialize=serial)
        for worker in range(workers):
            sample = worker
            while sample < samples:
                measure(table, placed, sizes, shapes, found, scratch, sample, worker, pairs, geoms, sized, codes)
                sample += workers

    return distances
