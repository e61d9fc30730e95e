"""Kernel: how far pairs of geoms are apart, wherever they are, by the same functions that find contacts (`genesis.pairs`).

Of the contacts of a pair the deepest counts; its distance is that of the two shapes, negative where they overlap. Pairs may share a row, whose
number is the smallest of theirs: each is then looked for no farther than the ones before it, if the balls about the two come that near at all.
float64 in every precision.
"""

from functools import cache

import taichi as ti

from genesis.dynamics.signature import DOUBLE, INTEGERS, Array, Kernel, Signature, integers, reals
from genesis.math.lanes import Cells, let
from genesis.math.rotation import Mat3, Vec3
from genesis.math.trace import in_double
from genesis.model.layout import PAIR_TYPES
from genesis.pairs.apart import APART
from genesis.pairs.solid import SCRATCH, Solid

REACH = 1e9  # [m]: farther apart than anything is
FAR = 1e30  # radius of the ball about a plane
PLACE = 16  # numbers of a placed geom: position, rotation matrix by rows, centre of a ball that holds it, its radius
FOUND = 8  # numbers of a row: distance, point midway, normal from the first to the second, which pair (-1: none is near enough)
ENTRY = 6  # integers of a pair: geom, geom, code of their types, addresses of their shapes, row
DISTANCES = Signature(
    "distances",
    (
        Array("table", INTEGERS, "(pairs, ENTRY), then the integers of shapes", "caller"),
        Array("placed", DOUBLE, "(samples, geoms, PLACE)", "caller"),
        Array("sizes", DOUBLE, "(samples or 1, geoms, 3)", "caller"),
        Array("shapes", DOUBLE, "reals that the integers of shapes point into", "caller"),
        Array("found", DOUBLE, "(samples, rows, FOUND)", "caller"),
        Array("scratch", DOUBLE, "(workers, SCRATCH)", "caller"),
    ),
    (
        *integers(
            samples="", pairs="by row", rows="", geoms="", sized="geoms from one sample's sizes to the next, 0: all have the same"
        ),
        *integers(workers=""),
        *reals(beyond="distance [m] that stands for every larger one"),
    ),
)


class Nearest:
    """Where a pair puts its contacts: the deepest of its row stays."""

    _data_oriented = True

    def __init__(self, cells: Cells, pair, scratch: Cells) -> None:
        self.cells, self.pair, self.scratch = cells, pair, scratch

    def add(self, point, normal, dist, hint, tag0, tag1, tag2, tag3) -> None:
        keep_nearest(self.cells, self.pair, point, normal, dist)


@ti.func
def keep_nearest(cells: ti.template(), pair: ti.i32, point: ti.template(), normal: ti.template(), dist: ti.template()):
    if dist < cells.get(0):
        cells.set(dist)
        point.store(cells, 1)
        normal.store(cells, 4)
        cells.set(pair, 7)


@ti.func
def clear_row(cells: ti.template(), beyond: ti.template()):
    cells.set(beyond)
    for k in ti.static(range(1, 7)):
        cells.set(0.0, k)
    cells.set(-1, 7)


def solid(table, placed, sizes, shapes, sample, geom, geoms, sized, address) -> Solid:
    at = Cells(placed, (sample * geoms + geom) * PLACE)
    size = Vec3.load(Cells(sizes, (sample * sized + geom) * 3))
    return Solid(Vec3.load(at), Mat3.load(at, 3), size, address, shapes, table)


@ti.func
def come_near(a: ti.template(), b: ti.template(), reach: ti.template()):
    """Whether the balls about two placed geoms come nearer than reach; a plane, which is the first, is none."""
    between = Vec3.load(b, 12) - Vec3.load(a, 12)
    near = True
    if a.get(15) >= FAR:
        near = Mat3.load(a, 3).column(2).dot(between) < b.get(15) + reach
    else:
        far = a.get(15) + b.get(15) + reach
        near = far > 0.0 and between.dot(between) < far * far
    return near


@in_double
@ti.func
def measure(
    table: ti.template(), placed: ti.template(), sizes: ti.template(), shapes: ti.template(), found: ti.template(),
    scratch: ti.template(), sample: ti.i32, worker: ti.i32, pairs: ti.i32, rows: ti.i32, geoms: ti.i32, sized: ti.i32,
    beyond: ti.template(), codes: ti.template(),
):  # fmt: skip
    """All pairs of one sample."""
    last = -1
    for pair in range(pairs):
        at = Cells(table, pair * ENTRY)
        row = at.get(5)
        cells = Cells(found, (sample * rows + row) * FOUND)
        if row != last:
            clear_row(cells, beyond)
        last = row
        first, second, code = at.get(0), at.get(1), at.get(2)
        a = solid(table, placed, sizes, shapes, sample, first, geoms, sized, at.get(3))
        b = solid(table, placed, sizes, shapes, sample, second, geoms, sized, at.get(4))
        sink = Nearest(cells, pair, Cells(scratch, worker * SCRATCH))
        reach = let(cells.get(0))
        near = come_near(Cells(placed, (sample * geoms + first) * PLACE), Cells(placed, (sample * geoms + second) * PLACE), reach)
        for k in ti.static(codes):
            if near and code == k:
                APART[PAIR_TYPES[k]].find(table, a, b, reach, sink)


@cache
def make_distances(real, codes: tuple[int, ...], serial: bool, generation: int) -> Kernel:
    """The kernel of `DISTANCES` for pairs of these codes (places in PAIR_TYPES); it lives as long as the Taichi runtime with this number."""

    @DISTANCES.kernel(real, 1)
    def distances(
        table, placed, sizes, shapes, found, scratch,
        samples, pairs, rows, geoms, sized, workers,
        beyond,
    ):  # fmt: skip
        ti.loop_config(serialize=serial)
        for worker in range(workers):
            sample = worker
            while sample < samples:
                measure(
                    table, placed, sizes, shapes, found, scratch, sample, worker, pairs, rows, geoms, sized,
                    ti.cast(beyond, ti.f64), codes,
                )  # fmt: skip
                sample += workers

    return distances
