"""Which constraints act in a state, in MuJoCo's order: equalities, dry friction, limits, contacts."""

import taichi as ti

from genesis.dynamics.constraints.contacts import find_contacts, finish_contact, place_geoms
from genesis.dynamics.constraints.equality import find_equalities
from genesis.dynamics.constraints.limits import find_dry_friction, find_limits
from genesis.dynamics.constraints.rows import stiffen
from genesis.math.lanes import assign


class Problem:
    """Scalars and constant data of the constraint problem: law of the friction cone (a code of laws.py), ratio of frictional to normal
    impedance, time step, stopping rules of the solver, constant shapes, whether contacts and limits follow the smooth law, how far pairs that never touch are felt beyond their margin, and (at compile time) the geometry pairs that
    occur, whether this is the reverse pass, and whether it needs rows without force for the gradient in their parameters."""

    _data_oriented = True

    def __init__(self, shapes, pairs, cone, impratio, dt, tolerance, iterations, line_tolerance, line_iterations, reach, reverse, every, smooth) -> None:
        self.shapes, self.pairs, self.cone, self.impratio, self.dt = shapes, pairs, cone, impratio, dt
        self.tolerance, self.iterations = tolerance, iterations
        self.line_tolerance, self.line_iterations, self.reach = line_tolerance, line_iterations, reach
        self.reverse, self.every, self.smooth = reverse, every, smooth


def others(m):
    """Room that is kept for blocks other than contacts."""
    return 2 * m.size("nlimit") + m.size("nv") + m.size("neq")


@ti.func
def collect(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """Reads: q, v, pose, axis      Writes: geoms and blocks of the ledger"""
    c.set_count(0)
    find_equalities(m, s, c, o)
    find_dry_friction(m, s, c, o)
    find_limits(m, s, c, o)
    if ti.static(len(o.pairs) > 0):
        first = c.count()
        before = c.status("overflow").get()
        c.status("overflow").set(0.0)
        assign(c.last, first + c.capacity - others(m))
        place_geoms(m, s, c)
        find_contacts(m, s, c, o)
        for b in range(first, c.count()):
            finish_contact(m, s, c, b, o)
        c.status("contacts").set(c.count() - first)
        c.status("overflow").set(ti.max(before, c.status("overflow").get()))
    for b in range(c.count()):
        stiffen(m, s, c, b, o)
