"""Joint friction that follows the velocity by a law, tau = -f(v), and dt f'(v) at the end of the step. Derivation: docs/adjoints/actuation.md

f(v) = S (C + X E + c S) + (D + d S) v,      S = S(v / v_s),  E = exp(-(v / v_x)^2)

C, c: half the sum and half the difference of Coulomb friction forwards and backwards, D, d: those of viscous friction; X: what breaking away
takes beyond Coulomb friction, which fades over the Stribeck velocity v_x; v_s: slip velocity, over which the sign S of the velocity turns, as a
tanh or as an arc tangent. Where friction falls with the velocity, f' < 0, the step takes it as it stands at its start, as it does all friction
of actuators.

Source: Armstrong-Hélouvry, Dupont, Canudas de Wit, A survey of models, analysis tools and compensation methods for the control of machines with
friction, Automatica 30(7), 1994, §2.
"""

import math

import taichi as ti

from genesis.description.friction_law import FRICTION_LAW, LEAST_VELOCITY
from genesis.dynamics.actuator_damping import MATRIX
from genesis.math.lanes import any_lane, constant, lanewise, let, maximum, where

JOINT, MOTOR = "dof_frictionlaw", "act_frictionlaw"


def has_law(m, field: str, i):
    """Whether degree of freedom (or actuator) i has one, in any environment of the block."""
    return any_lane(m.cells(field, i).get(FRICTION_LAW["law"]), m.lanes)


class Law:
    """The law of one degree of freedom, or of one actuator, at a velocity; s1, s2: slope and curvature of S in the velocity, of E likewise."""

    _data_oriented = True

    def __init__(self, m, field: str, i, v) -> None:
        row, self.field = m.cells(field, i), field
        x = {name: row.get(k) for name, k in FRICTION_LAW.items()}
        width, self.v = m.lanes, v
        one, zero = constant(1.0, width), constant(0.0, width)
        self.slip, self.fade = maximum(x["slip_velocity"], LEAST_VELOCITY), maximum(x["stribeck_velocity"], LEAST_VELOCITY)
        self.slip_moves, self.fade_moves = (
            where(x[name] > LEAST_VELOCITY, one, zero) for name in ("slip_velocity", "stribeck_velocity")
        )
        u = let(v / self.slip)
        hyperbolic = lanewise(ti.tanh, width, u)
        arc = let(lanewise(ti.atan2, width, u, one) * (2.0 / math.pi))
        is_arc, there = where(x["law"] > 1.5, one, zero), where(x["law"] > 0.5, one, zero)
        self.there = there
        self.s = let(where(x["law"] > 1.5, arc, hyperbolic))
        flat = let(1.0 / (1.0 + u * u))
        slope = let(is_arc * (2.0 / math.pi) * flat + (1.0 - is_arc) * (1.0 - hyperbolic * hyperbolic))
        bend = let(
            is_arc * (-4.0 / math.pi) * u * flat * flat - (1.0 - is_arc) * 2.0 * hyperbolic * (1.0 - hyperbolic * hyperbolic)
        )
        self.u, self.s1, self.s2 = u, let(slope / self.slip), let(bend / (self.slip * self.slip))
        z = let(v / self.fade)
        self.e = lanewise(ti.exp, width, 0.0 - z * z)
        self.e1 = let(-2.0 * z / self.fade * self.e)
        self.e2 = let((4.0 * z * z - 2.0) / (self.fade * self.fade) * self.e)
        self.c, self.dc = (
            let(0.5 * (x["coulomb_forward"] + x["coulomb_backward"])),
            let(0.5 * (x["coulomb_forward"] - x["coulomb_backward"])),
        )
        self.d, self.dd = (
            let(0.5 * (x["viscous_forward"] + x["viscous_backward"])),
            let(0.5 * (x["viscous_forward"] - x["viscous_backward"])),
        )
        self.x = x["excess"]
        self.level = let(self.c + self.x * self.e)

    def force(self):
        """f(v)"""
        return let(self.there * (self.s * (self.level + self.dc * self.s) + (self.d + self.dd * self.s) * self.v))

    def slope(self):
        """f'(v)"""
        s, s1 = self.s, self.s1
        made = s1 * (self.level + 2.0 * self.dc * s) + s * self.x * self.e1 + self.d + self.dd * (s + self.v * s1)
        return let(self.there * made)

    def curvature(self):
        """f''(v)"""
        s, s1, s2 = self.s, self.s1, self.s2
        made = s2 * self.level + 2.0 * s1 * self.x * self.e1 + s * self.x * self.e2
        return let(self.there * (made + 2.0 * self.dc * (s1 * s1 + s * s2) + self.dd * (2.0 * s1 + self.v * s2)))

    def damping(self):
        """What of the slope acts at the end of the step: f' where it is positive."""
        return maximum(self.slope(), self.there * 0.0)

    def bars(self, bar, i, force_bar, slope_bar) -> None:
        """Adjoints of the numbers of the law, from those of f and f'."""
        s, s1, s2, e, e1, v = self.s, self.s1, self.s2, self.e, self.e1, self.v
        a, b = let(force_bar * self.there), let(slope_bar * self.there)

        def add(name: str, of_force, of_slope) -> None:
            bar.add(self.field, a * of_force + b * of_slope, i, FRICTION_LAW[name])

        for sign, name in ((1.0, "forward"), (-1.0, "backward")):
            add(f"coulomb_{name}", 0.5 * s * (1.0 + sign * s), 0.5 * s1 * (1.0 + 2.0 * sign * s))
            add(f"viscous_{name}", 0.5 * v * (1.0 + sign * s), 0.5 * (1.0 + sign * (s + v * s1)))
        add("excess", s * e, s1 * e + s * e1)
        z2 = let(v * v / (self.fade * self.fade))
        e_fade, e1_fade = let(e * 2.0 * z2 / self.fade), let(e1 * (2.0 * z2 - 2.0) / self.fade)
        moves = let(self.fade_moves * self.x)
        add("stribeck_velocity", moves * s * e_fade, moves * (s1 * e_fade + s * e1_fade))
        s_slip, s1_slip = let(0.0 - s1 * self.u), let(0.0 - (s1 + s2 * v) / self.slip)
        on_s = let(self.level + 2.0 * self.dc * s + self.dd * v)
        on_s_of_slope = let(2.0 * self.dc * s1 + self.x * e1 + self.dd)
        add(
            "slip_velocity",
            self.slip_moves * s_slip * on_s,
            self.slip_moves * (s1_slip * on_s + s_slip * on_s_of_slope),
        )


@ti.func
def add_along(m: ti.template(), s: ti.template(), u: ti.i32, name: ti.template(), out: ti.template()):
    """out += r . x over the transmission r of actuator u, x the scratch vector of that name."""
    first = m.act_trnadr(u)
    for t in range(first, first + m.act_trnnum(u)):
        out += m.get("trn_coef", t) * s.get(name, m.trn_dof(t))


@ti.func
def friction_forces(m: ti.template(), s: ti.template()):
    """tau -= f(v) of degrees of freedom with a law, and tau -= r f(r . v) of actuators with one: friction at the speed of a motor, which
    may be that of several joints.

    Reads: v      Adds to: tau
    Adjoint: `friction_forces_adjoint`
    """
    for u in range(m.size("nu")):
        if has_law(m, MOTOR, u):
            speed = constant(0.0, m.lanes)
            add_along(m, s, u, "v", speed)
            force = Law(m, MOTOR, u, speed).force()
            first = m.act_trnadr(u)
            for t in range(first, first + m.act_trnnum(u)):
                s.add("tau", 0.0 - m.get("trn_coef", t) * force, m.trn_dof(t))
    for i in range(m.size("nv")):
        if has_law(m, JOINT, i):
            s.add("tau", 0.0 - Law(m, JOINT, i, s.get("v", i)).force(), i)


@ti.func
def add_friction_damping(m: ti.template(), s: ti.template(), damping_dt: ti.template(), x: ti.template(), out: ti.template()):
    """out += dt f' x for the scratch vectors of these names; with `MATRIX` for x, out += dt f' on the diagonal of the mass matrix.

    Reads: v, ``x``      Adds to: ``out``
    Adjoint: `friction_forces_adjoint`
    """
    for i in range(m.size("nv")):
        if has_law(m, JOINT, i):
            damping = let(damping_dt * Law(m, JOINT, i, s.get("v", i)).damping())
            if ti.static(x == MATRIX):
                s.add(out, damping, m.dof_madr(i))
            else:
                s.add(out, damping * s.get(x, i), i)


@ti.func
def friction_forces_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """Adjoint of `friction_forces`, and of the part of friction in H: dt f' a, which in two stages one of the multipliers does not see.

    Reads: v, w, a, w_seen (in two stages), a_seen (in two stages, where damping does not come last)      Adds to: v_bar, parameters
    """
    for i in range(m.size("nv")):
        if has_law(m, JOINT, i):
            law = Law(m, JOINT, i, s.get("v", i))
            w = s.get("w", i)
            power = let(s.get("a", i) * w)
            if ti.static(o.two_stage):
                seen = s.get("a", i)
                if ti.static(not o.damped_last):
                    seen = let(s.get("a", i) - s.get("a_seen", i))
                power = let(power - seen * s.get("w_seen", i))
            slope = law.slope()
            taken = let(where(slope > 0.0, power, 0.0 * power) * o.damping_dt)
            s.add("v_bar", 0.0 - slope * w - law.curvature() * taken, i)
            if ti.static(o.want):
                law.bars(bar, i, 0.0 - w, 0.0 - taken)
    for u in range(m.size("nu")):
        if has_law(m, MOTOR, u):
            speed = constant(0.0, m.lanes)
            power = constant(0.0, m.lanes)
            add_along(m, s, u, "v", speed)
            add_along(m, s, u, "w", power)
            law = Law(m, MOTOR, u, speed)
            force = law.force()
            speed_bar = let(0.0 - law.slope() * power)
            first = m.act_trnadr(u)
            for t in range(first, first + m.act_trnnum(u)):
                dof = m.trn_dof(t)
                s.add("v_bar", m.get("trn_coef", t) * speed_bar, dof)
                if ti.static(o.want):
                    bar.add("trn_coef", speed_bar * s.get("v", dof) - force * s.get("w", dof), t)
            if ti.static(o.want):
                law.bars(bar, u, 0.0 - power, 0.0 * power)
