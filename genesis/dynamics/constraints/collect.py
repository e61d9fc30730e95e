"""Which constraints act in a state, in MuJoCo's order: equalities, dry friction, limits, contacts."""

import taichi as ti

from genesis.dynamics.constraints.contacts import find_contacts, finish_contact, place_geoms
from genesis.dynamics.constraints.equality import find_equalities
from genesis.dynamics.constraints.ledger import others
from genesis.dynamics.constraints.limits import find_dry_friction, find_limits
from genesis.dynamics.constraints.rows import stiffen
from genesis.math.lanes import assign


class ConstraintProblem:
    """Scalars and constant data of the constraint problem.

    cone: law of the friction cones (a code of laws.py). impratio: impedance of friction to that of the normal. dt: time step. smooth:
    whether contacts and limits follow the smooth law. shapes: constant shapes. reach: how far pairs that never touch are felt beyond
    their margin. Known at compile time: pairs, the geometry pairs that occur; equalities, whether there are any; reverse, whether this
    is the reverse pass; every, whether it needs rows without force, for the gradient in their parameters; two_stage,
    whether the constraints see another acceleration than that of the step, as where implicit damping or Coriolis forces act after them.
    """

    _data_oriented = True

    def __init__(
        self, shapes, pairs, equalities, cone, impratio, dt, smooth, reverse=False, every=False, reach=0.0, two_stage=False
    ) -> None:
        self.shapes, self.pairs, self.equalities = shapes, pairs, equalities
        self.cone, self.impratio, self.dt, self.smooth = cone, impratio, dt, smooth
        self.reverse, self.every, self.reach, self.two_stage = reverse, every, reach, two_stage


class StoppingRule:
    """When Newton's method and its line search end: tolerances and largest numbers of steps."""

    _data_oriented = True

    def __init__(self, tolerance, iterations, line_tolerance, line_iterations) -> None:
        self.tolerance, self.iterations = tolerance, iterations
        self.line_tolerance, self.line_iterations = line_tolerance, line_iterations


@ti.func
def collect(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """Into the ledger.

    Reads: q, v, pose, axis      Writes: geoms, blocks
    """
    c.set_count(0)
    if ti.static(o.equalities):
        find_equalities(m, s, c, o)
    find_dry_friction(m, s, c, o)
    find_limits(m, s, c, o)
    if ti.static(len(o.pairs) > 0):
        first = c.count()
        before = c.status("overflow").get()
        c.status("overflow").set(0.0)
        assign(c.last, first + c.capacity - others(m.sizes))
        place_geoms(m, s, c)
        find_contacts(m, s, c, o)
        for b in range(first, c.count()):
            finish_contact(m, s, c, b, o)
        c.status("contacts").set(c.count() - first)
        c.status("overflow").set(ti.max(before, c.status("overflow").get()))
    for b in range(c.count()):
        stiffen(m, s, c, b, o)
