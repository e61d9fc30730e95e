"""Constraints inside a time step: the environments of a block one after the other, each in plain numbers."""

import taichi as ti

from genesis.dynamics.constraints.adjoint import constraint_bars, constraint_forces
from genesis.dynamics.constraints.collect import collect
from genesis.dynamics.constraints.ledger import Ledger
from genesis.dynamics.constraints.newton import assemble, factorize_hessian, fits_tree, newton, solve_hessian


class Constraints:
    """The constraints of one block of environments: their memory and the `Problem` they pose."""

    _data_oriented = True

    def __init__(self, array, first, room, capacity, problem) -> None:
        self.array, self.first, self.room, self.capacity, self.problem = array, first, room, capacity, problem

    def ledger(self, robot, k) -> Ledger:
        """Memory of lane k."""
        return Ledger(robot, self.array, self.first + k * self.room, self.capacity)


@ti.func
def constrain(m: ti.template(), s: ti.template(), held: ti.template()):
    """From the acceleration without constraints to the one with them.

    Reads: q, v, a, warm, tau, mass_matrix, pose, axis      Writes: a
    """
    for k in range(m.lanes):
        one = m.of_lane(k)
        mine = s.of_lane(k)
        c = held.ledger(one, k)
        collect(one, mine, c, held.problem)
        if c.count() > 0:
            newton(one, mine, c, held.problem)


@ti.func
def meet_constraints(m: ti.template(), s: ti.template(), held: ti.template()):
    """In reverse, at the stored acceleration: the blocks again, and their forces into `force` of the links."""
    for k in range(m.lanes):
        one = m.of_lane(k)
        mine = s.of_lane(k)
        c = held.ledger(one, k)
        collect(one, mine, c, held.problem)
        constraint_forces(one, mine, c)


@ti.func
def solve_constrained(m: ti.template(), s: ti.template(), held: ti.template()):
    """w <- H^-1 a_bar where constraints act. Reads: a_bar, mass_matrix      Writes: w"""
    for k in range(m.lanes):
        one = m.of_lane(k)
        mine = s.of_lane(k)
        c = held.ledger(one, k)
        if c.count() > 0:
            fits = fits_tree(c)
            assemble(one, mine, c, fits)
            factorize_hessian(one, c, fits)
            w = mine.row("w")
            for i in range(one.size("nv")):
                w.set(mine.get("a_bar", i), i)
            solve_hessian(one, c, fits, w)


@ti.func
def add_constraint_bars(m: ti.template(), s: ti.template(), bar: ti.template(), held: ti.template(), want: ti.template()):
    for k in range(m.lanes):
        one = m.of_lane(k)
        mine = s.of_lane(k)
        c = held.ledger(one, k)
        if c.count() > 0:
            constraint_bars(one, mine, c, bar.of_lane(k), held.problem, want)
