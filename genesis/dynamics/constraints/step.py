"""Constraints inside a time step: the environments of a block one after the other, each in plain numbers.

Derivation of the adjoint: docs/adjoints/constraints.md
"""

import taichi as ti

from genesis.dynamics.constraints.adjoint import constraint_bars, constraint_forces
from genesis.dynamics.constraints.collect import collect
from genesis.dynamics.constraints.faults import NAN, name_fault, set_nan
from genesis.dynamics.constraints.ledger import Ledger
from genesis.dynamics.constraints.newton import add_pull, assemble, factorize_hessian, fits_tree, newton, solve_hessian
from genesis.dynamics.constraints.rows import along
from genesis.dynamics.vectors import clear
from genesis.math.trace import in_double


class Constraints:
    """The constraints of one block of environments: their memory, the `ConstraintProblem` they pose, and when its solver stops
    (`StoppingRule`)."""

    _data_oriented = True

    def __init__(self, array, first, room, capacity, problem, stop) -> None:
        self.array, self.first, self.room, self.capacity = array, first, room, capacity
        self.problem, self.stop = problem, stop

    def ledger(self, robot, k) -> Ledger:
        """Memory of lane k."""
        return Ledger(robot, self.array, self.first + k * self.room, self.capacity)


@ti.func
def constrain(m: ti.template(), s: ti.template(), held: ti.template(), apply: ti.template()):
    """From the acceleration without constraints to the one with them; ``apply``: the forces also join the others.

    Reads: q, v, warm, mass_matrix, pose, axis, velocity, acceleration      Overwrites: a, tau (where they join)
    Adjoint: `meet_constraints`, `add_constraint_bars`
    """
    for k in range(m.lanes):
        one = m.of_lane(k)
        constrain_one(one, s.of_lane(k), held.ledger(one, k), held, apply)


@in_double
@ti.func
def constrain_one(m: ti.template(), s: ti.template(), c: ti.template(), held: ti.template(), apply: ti.template()):
    collect(m, s, c, held.problem)
    if c.count() > 0:
        finite = newton(m, s, c, held.stop)
        if ti.static(apply):
            for b in range(c.count()):
                add_pull(m, c, b, "f", 1.0, s.row("tau"))
            if not finite:
                set_nan(m, s, "tau")


@ti.func
def meet_constraints(m: ti.template(), s: ti.template(), held: ti.template(), two_stage: ti.template()):
    """In reverse, at the stored acceleration: the blocks again, their forces on the links, and w with them.

    Reads: q, v, a, a_seen, a_bar, mass_matrix, pose, axis, velocity, acceleration      Writes: w_seen      Overwrites: w      Adds to: force
    """
    clear(m, s, "w_seen")
    for k in range(m.lanes):
        one = m.of_lane(k)
        meet_one(one, s.of_lane(k), held.ledger(one, k), held, two_stage)


@in_double
@ti.func
def meet_one(m: ti.template(), s: ti.template(), c: ti.template(), held: ti.template(), two_stage: ti.template()):
    prepare_one(m, s, c, held)
    multiplier(m, s, c, two_stage)


@ti.func
def prepare_constraints(m: ti.template(), s: ti.template(), held: ti.template()):
    """The part of `meet_constraints` that does not depend on w.

    Reads: q, v, a, a_seen, mass_matrix, pose, axis, velocity, acceleration      Adds to: force
    """
    for k in range(m.lanes):
        one = m.of_lane(k)
        prepare_in_double(one, s.of_lane(k), held.ledger(one, k), held)


@ti.func
def find_multipliers(m: ti.template(), s: ti.template(), held: ti.template(), two_stage: ti.template()):
    """The other part.

    Reads: a_bar      Writes: w_seen      Overwrites: w
    """
    clear(m, s, "w_seen")
    for k in range(m.lanes):
        one = m.of_lane(k)
        multiplier_in_double(one, s.of_lane(k), held.ledger(one, k), two_stage)


@in_double
@ti.func
def prepare_in_double(m: ti.template(), s: ti.template(), c: ti.template(), held: ti.template()):
    prepare_one(m, s, c, held)


@in_double
@ti.func
def multiplier_in_double(m: ti.template(), s: ti.template(), c: ti.template(), two_stage: ti.template()):
    multiplier(m, s, c, two_stage)


@ti.func
def prepare_one(m: ti.template(), s: ti.template(), c: ti.template(), held: ti.template()):
    """Blocks with their forces, and the factors of the Hessian; where something is not finite, factors that make every w NaN."""
    collect(m, s, c, held.problem)
    if c.count() > 0:
        finite = constraint_forces(m, s, c, held.problem)
        fits = fits_tree(c)
        assemble(m, s, c, fits)
        factorize_hessian(m, c, fits)
        if not finite:
            name_fault(m, s, c)
            for i in range(m.size("nv")):
                c.pivot().set(NAN, i)


@ti.func
def multiplier(m: ti.template(), s: ti.template(), c: ti.template(), two_stage: ti.template()):
    """w <- H^-1 a_bar; in two stages w_seen <- - H^-1 J^T hess J w, w += w_seen. Without blocks w stays."""
    if c.count() > 0:
        w = s.row("w")
        x = s.row("w_seen")
        if ti.static(two_stage):
            for b in range(c.count()):
                pull_curvature(m, c, b, w, x)
        else:
            for i in range(m.size("nv")):
                x.set(s.get("a_bar", i), i)
                w.set(0.0, i)
        solve_hessian(m, c, fits_tree(c), x)
        for i in range(m.size("nv")):
            w.add(x.get(i), i)


@ti.func
def pull_curvature(m: ti.template(), c: ti.template(), b: ti.i32, w: ti.template(), out: ti.template()):
    """out -= J^T hess J w of one block."""
    dim = c.integer(b, "dim")
    for k in range(dim):
        c.set(b, "p", along(m, c, b, k, w), k)
    for k in range(dim):
        total = 0.0
        for j in range(dim):
            total += c.get(b, "hess", k * dim + j) * c.get(b, "p", j)
        c.set(b, "dy", total, k)
    add_pull(m, c, b, "dy", -1.0, out)


@ti.func
def add_constraint_bars(m: ti.template(), s: ti.template(), bar: ti.template(), held: ti.template(), want: ti.template()):
    """What the forces of the constraints add to the reverse sweep.

    Reads: q, v, w, a_seen, pose, velocity, acceleration, motion_w, motion_a, motion_a_rest (in two stages)
    Adds to: velocity_bar, acceleration_bar, placement_bar, motion_a_bar, motion_a_rest_bar (in two stages), q_bar, v_bar, parameters
    """
    for k in range(m.lanes):
        one = m.of_lane(k)
        bars_of_one(one, s.of_lane(k), held.ledger(one, k), bar.of_lane(k), held, want)


@in_double
@ti.func
def bars_of_one(
    m: ti.template(), s: ti.template(), c: ti.template(), bar: ti.template(), held: ti.template(), want: ti.template()
):
    if c.count() > 0:
        constraint_bars(m, s, c, bar, held.problem, want)
