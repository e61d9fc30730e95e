"""Velocity feedback of the actuators at the end of a step: the matrix dt E = sum of (- dt bias2) r r^T over those inside their bounds.

r is the transmission of an actuator. An entry between two degrees of freedom of which neither moves the other has no place in the mass
matrix and is left out, as MuJoCo leaves it out. Derivation: docs/adjoints/integrate.md
Source: MuJoCo documentation, "Computation: numerical integration" (implicitfast).
"""

import taichi as ti

from genesis.dynamics.actuation import actuator_force, actuator_state, feels
from genesis.math.lanes import any_lane, constant, let, where


def within(x, lo, hi, width: int):
    """1 where lo < x < hi, else 0: on a bound an actuator pushes with the bound, as in MuJoCo."""
    one, zero = constant(1.0, width), constant(0.0, width)
    return let(where(x > lo, one, zero) * where(x < hi, one, zero))


def actuator_damping(m, s, u, damping_dt):
    """dt times force of actuator u per velocity that it takes up."""
    return let(0.0 - damping_dt * m.get("act_bias2", u) * s.get("act_active", u))


def damps(m, s, u, damping_dt):
    """Whether actuator u does so in any environment of the block."""
    damping = actuator_damping(m, s, u, damping_dt)
    return any_lane(damping * damping, m.lanes)


@ti.func
def find_unsaturated(m: ti.template(), s: ti.template(), actuated: ti.i32, every: ti.template()):
    """1 where an actuator is inside its bounds and so is what it drives, if that is one degree of freedom; else 0.

    every: also for actuators without velocity feedback, whose gradient asks for it.

    Reads: act_ctrl, q, v, ctrl_force      Writes: act_active
    Adjoint: none (constant between the bounds)
    """
    for u in range(m.size("nu")):
        active = constant(0.0, m.lanes)
        if actuated != 0:
            if ti.static(every) or feels(m, u):
                length = constant(0.0, m.lanes)
                velocity = constant(0.0, m.lanes)
                actuator_state(m, s, u, length, velocity)
                active = within(actuator_force(m, s, u, length, velocity), m.get("force_lo", u), m.get("force_hi", u), m.lanes)
                if m.act_trnnum(u) == 1:
                    i = m.trn_dof(m.act_trnadr(u))
                    active = active * within(s.get("ctrl_force", i), m.get("dof_force_lo", i), m.get("dof_force_hi", i), m.lanes)
        s.set("act_active", active, u)


def meets(m, i, k):
    """Whether degree of freedom k stands in row i of the mass matrix: on the diagonal, or as an ancestor."""
    between = let(m.dof_depth(i) - m.dof_depth(k))
    return (between >= 0) & (m.m_column(m.dof_madr(i) + ti.max(between, 0)) == k)


def entry(m, i, k):
    """Where."""
    return m.dof_madr(i) + m.dof_depth(i) - m.dof_depth(k)


MATRIX = ""  # in place of a vector: the matrix itself


@ti.func
def add_actuator_damping(m: ti.template(), s: ti.template(), damping_dt: ti.template(), x: ti.template(), out: ti.template()):
    """out += dt E x for the scratch vectors of these names; with `MATRIX` for x, out += dt E on the pattern of the mass matrix.

    Reads: act_active, ``x``      Adds to: ``out``
    Adjoint: `actuator_damping_bars`
    """
    for u in range(m.size("nu")):
        if damps(m, s, u, damping_dt):
            damping = actuator_damping(m, s, u, damping_dt)
            first = m.act_trnadr(u)
            end = first + m.act_trnnum(u)
            for t in range(first, end):
                for z in range(first, end):
                    i = m.trn_dof(t)
                    k = m.trn_dof(z)
                    if meets(m, i, k):
                        value = let(damping * m.get("trn_coef", t) * m.get("trn_coef", z))
                        if ti.static(x == MATRIX):
                            s.add(out, value, entry(m, i, k))
                        else:
                            s.add(out, value * s.get(x, k), i)
                            if i != k:
                                s.add(out, value * s.get(x, i), k)


@ti.func
def actuator_damping_bars(
    m: ti.template(), s: ti.template(), bar: ti.template(), damping_dt: ti.template(), x: ti.template(), y: ti.template()
):
    """Minus the gradient of x . dt E y; x and y are functions (s, i) of a degree of freedom.

    Reads: act_active, w, a, w_seen (where x reads it), a_seen (where y does)      Adds to: parameters
    """
    for u in range(m.size("nu")):
        damping = actuator_damping(m, s, u, damping_dt)
        first = m.act_trnadr(u)
        end = first + m.act_trnnum(u)
        form = constant(0.0, m.lanes)
        for t in range(first, end):
            for z in range(first, end):
                i = m.trn_dof(t)
                k = m.trn_dof(z)
                if meets(m, i, k):
                    product = x(s, i) * y(s, k)
                    if i != k:
                        product = product + x(s, k) * y(s, i)
                    form += m.get("trn_coef", t) * m.get("trn_coef", z) * product
                    bar.add("trn_coef", 0.0 - damping * m.get("trn_coef", z) * product, t)
                    bar.add("trn_coef", 0.0 - damping * m.get("trn_coef", t) * product, z)
        bar.add("act_bias2", damping_dt * s.get("act_active", u) * form, u)
