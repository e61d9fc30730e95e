"""The quadratic program of one step of the backward sweep: least ½ xᵀ h x + gᵀ x within bounds, by projected Newton steps.

All of it lies in the numbers of the sweep, see `genesis.dynamics.riccati`; it is traced in float64 there.
Source: Tassa, Mansard, Todorov, Control-limited differential dynamic programming, ICRA 2014, §III
"""

import taichi as ti

from genesis.math.lanes import Cells, let

MOST = 100  # steps towards the least value in the box
FLAT_SLOPE = 1e-12  # of a free control against the steepest at zero: there the value is least
ENOUGH, SHORTER, SHORTEST = 0.1, 0.6, 1e-10  # line search: Armijo's share, next length, end
VECTORS = ("x", "y", "g", "slope", "step", "is_free")


class Program:
    """The quadratic program of a step: least ½ xᵀ h x + gᵀ x within low ≤ x ≤ high; free: 1 where x is not at a bound."""

    _data_oriented = True

    def __init__(self, numbers, begin, room, m) -> None:
        self.numbers, self.begin, self.room, self.m = numbers, begin, room, m
        self.matrices = {"h": self.begin, "factor": let(self.begin + m * m)}
        self.vectors = {name: let(self.begin + 2 * m * m + k * m) for k, name in enumerate(VECTORS)}

    def get(self, name: str, i):
        return Cells(self.numbers, self.vectors[name] + i).get()

    def set(self, name: str, value, i) -> None:
        Cells(self.numbers, self.vectors[name] + i).set(value)

    def at(self, name: str, i, j) -> Cells:
        return Cells(self.numbers, self.matrices[name] + i * self.m + j)

    def low(self, t, i):
        return Cells(self.room, 2 * self.m * t + i).get()

    def high(self, t, i):
        return Cells(self.room, (2 * t + 1) * self.m + i).get()


@ti.func
def factorize_free(p: ti.template()):
    """factor <- L of h = L Lᵀ among what is free, with 1 / L_ii on the diagonal, unit rows else; returns 1 if h is positive definite there."""
    good = 1
    for i in range(p.m):
        for j in range(i + 1):
            both = let(p.get("is_free", i) * p.get("is_free", j))
            x = let(both * p.at("h", i, j).get())
            for k in range(j):
                x -= p.at("factor", i, k).get() * p.at("factor", j, k).get()
            if i == j:
                if both == 0.0:
                    x = 1.0
                if not x > 0.0:
                    good = 0
                x = 1.0 / ti.sqrt(x)
            else:
                x = x * p.at("factor", j, j).get()
            p.at("factor", i, j).set(x)
    return good


@ti.func
def find_slope(p: ti.template(), t: ti.i32):
    """slope <- h x + g, and what is free: what is not at a bound, or would leave it. Returns how many have changed, and the steepest."""
    changed, steepest = 0, 0.0
    for i in range(p.m):
        slope = p.get("g", i)
        for k in range(p.m):
            slope += p.at("h", i, k).get() * p.get("x", k)
        x, low, high, free = p.get("x", i), p.low(t, i), p.high(t, i), 1.0
        if (x <= low and slope > 0.0) or (x >= high and slope < 0.0) or low >= high:
            free = 0.0
        else:
            steepest = ti.max(steepest, ti.abs(slope))
        if free != p.get("is_free", i):
            changed += 1
        p.set("is_free", free, i)
        p.set("slope", slope, i)
    return changed, steepest


@ti.func
def newton_step(p: ti.template()):
    """step <- −h⁻¹ slope among what is free, 0 else."""
    for i in range(p.m):
        x = let(0.0 - p.get("is_free", i) * p.get("slope", i))
        for k in range(i):
            x -= p.at("factor", i, k).get() * p.get("step", k)
        p.set("step", x * p.at("factor", i, i).get(), i)
    for r in range(p.m):
        i = p.m - 1 - r
        x = p.get("step", i)
        for k in range(i + 1, p.m):
            x -= p.at("factor", k, i).get() * p.get("step", k)
        p.set("step", x * p.at("factor", i, i).get(), i)


@ti.func
def search_box(p: ti.template(), t: ti.i32):
    """x <- x + length step within the box, with a length that lowers the value enough. Returns 1 if that is the whole step.

    The value changes by (slope + ½ h (y − x))ᵀ (y − x), which has no value of x in it to be rounded to.
    """
    length, whole, searching = 1.0, 1, 1
    while searching == 1:
        for i in range(p.m):
            wanted = let(p.get("x", i) + length * p.get("step", i))
            y = let(ti.min(ti.max(wanted, p.low(t, i)), p.high(t, i)))
            if y != wanted and p.get("is_free", i) != 0.0:
                whole = 0
            p.set("y", y, i)
        fall, change = 0.0, 0.0
        for i in range(p.m):
            d = let(p.get("y", i) - p.get("x", i))
            bend = 0.0
            for k in range(p.m):
                bend += p.at("h", i, k).get() * (p.get("y", k) - p.get("x", k))
            fall += p.get("slope", i) * d
            change += (p.get("slope", i) + 0.5 * bend) * d
        if change <= ENOUGH * fall or length < SHORTEST:
            searching = 0
        else:
            length *= SHORTER
            whole = 0
    for i in range(p.m):
        p.set("x", p.get("y", i), i)
    return whole


@ti.func
def solve_program(p: ti.template(), t: ti.i32):
    """x <- least within the box, with its factor and what is free. Returns 1, or 0 if h is not positive definite or no end is found."""
    steep = 0.0
    for i in range(p.m):
        steep = ti.max(steep, ti.abs(p.get("g", i)))
        p.set("is_free", 1.0, i)
        p.set("x", let(ti.min(ti.max(0.0, p.low(t, i)), p.high(t, i))), i)
    good, searching, whole, turns = factorize_free(p), 1, 0, 0
    while searching == 1 and good == 1:
        changed, steepest = find_slope(p, t)
        if changed > 0:
            good = factorize_free(p)
        if steepest <= FLAT_SLOPE * steep or (whole == 1 and changed == 0):
            searching = 0
        elif turns == MOST:
            good = 0
        else:
            newton_step(p)
            whole = search_box(p, t)
            turns += 1
    return good
