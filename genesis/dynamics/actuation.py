"""The actuators of a model file.

f = clamp(gain clamp(ctrl) + bias0 + bias1 length + bias2 velocity), length = coef . q, and coef f goes to the joints
Source: MuJoCo documentation, "Computation: actuator model" (affine gain and bias, no activation state; actuatorfrcrange).
"""

import taichi as ti

from genesis.math.lanes import any_lane, constant, let, maximum, minimum, where


def clamp(x, lo, hi):
    """x inside [lo, hi]; a NaN stays a NaN."""
    return let(minimum(maximum(x, lo), hi) + 0.0 * x)


def inside(x, lo, hi, width: int):
    """1 where lo <= x <= hi, else 0."""
    one, zero = constant(1.0, width), constant(0.0, width)
    return let(where(x < lo, zero, one) * where(x > hi, zero, one))


def bound_adjoint(bar, lo: str, hi: str, k, x, bar_out, width: int, parameter) -> None:
    """Adjoints of the bounds themselves: a saturated output is its bound."""
    zero = constant(0.0, width)
    bar.add(lo, where(x < parameter(lo, k), bar_out, zero), k)
    bar.add(hi, where(x > parameter(hi, k), bar_out, zero), k)


def feels(m, u):
    """Whether actuator u depends on the motion of what it drives: a motor does not, and is spared the search for its joints."""
    b1, b2 = m.get("act_bias1", u), m.get("act_bias2", u)
    return any_lane(b1 * b1 + b2 * b2, m.lanes)


@ti.func
def actuator_state(m: ti.template(), s: ti.template(), u: ti.i32, length: ti.template(), velocity: ti.template()):
    """length += coef . q, velocity += coef . v over the transmission of actuator u."""
    first = m.act_trnadr(u)
    for t in range(first, first + m.act_trnnum(u)):
        coef = m.get("trn_coef", t)
        dof = m.trn_dof(t)
        q = m.dof_qadr(dof)
        velocity += coef * s.get("v", dof)
        if q >= 0:
            length += coef * s.get("q", q)


@ti.func
def actuator_force(m: ti.template(), s: ti.template(), u: ti.i32, length: ti.template(), velocity: ti.template()):
    """Actuator force before its bounds."""
    ctrl = clamp(s.get("act_ctrl", u), m.get("ctrl_lo", u), m.get("ctrl_hi", u))
    return let(
        m.get("act_gain", u) * ctrl + m.get("act_bias0", u) + m.get("act_bias1", u) * length + m.get("act_bias2", u) * velocity
    )


@ti.func
def actuators(m: ti.template(), s: ti.template()):
    """Forces of the actuators on the joints that they drive.

    Reads: act_ctrl, q, v      Adds to: ctrl_force
    Adjoint: `actuators_adjoint`
    """
    for u in range(m.size("nu")):
        length = constant(0.0, m.lanes)
        velocity = constant(0.0, m.lanes)
        if feels(m, u):
            actuator_state(m, s, u, length, velocity)
        force = clamp(actuator_force(m, s, u, length, velocity), m.get("force_lo", u), m.get("force_hi", u))
        first = m.act_trnadr(u)
        for t in range(first, first + m.act_trnnum(u)):
            s.add("ctrl_force", m.get("trn_coef", t) * force, m.trn_dof(t))


@ti.func
def actuators_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), want: ti.template()):
    """Adjoint of `actuators`.

    Reads: w, active, act_ctrl, q, v      Adds to: act_ctrl_bar, q_bar, v_bar, parameters
    """
    for u in range(m.size("nu")):
        length = constant(0.0, m.lanes)
        velocity = constant(0.0, m.lanes)
        moved = feels(m, u)
        if ti.static(want) or moved:
            actuator_state(m, s, u, length, velocity)
        raw = actuator_force(m, s, u, length, velocity)
        lo = m.get("force_lo", u)
        hi = m.get("force_hi", u)
        ctrl = s.get("act_ctrl", u)
        first = m.act_trnadr(u)
        end = first + m.act_trnnum(u)
        power = constant(0.0, m.lanes)  # coef . w, without the joints that are saturated
        for t in range(first, end):
            power += m.get("trn_coef", t) * s.get("w", m.trn_dof(t)) * s.get("active", m.trn_dof(t))
        force_bar = let(power * inside(raw, lo, hi, m.lanes))
        gain_bar = let(force_bar * m.get("act_gain", u))
        s.add("act_ctrl_bar", gain_bar * inside(ctrl, m.get("ctrl_lo", u), m.get("ctrl_hi", u), m.lanes), u)
        if ti.static(want) or moved:
            length_bar = let(m.get("act_bias1", u) * force_bar)
            velocity_bar = let(m.get("act_bias2", u) * force_bar)
            force = clamp(raw, lo, hi)
            for t in range(first, end):
                coef = m.get("trn_coef", t)
                dof = m.trn_dof(t)
                q = m.dof_qadr(dof)
                s.add("v_bar", coef * velocity_bar, dof)
                if q >= 0:
                    s.add("q_bar", coef * length_bar, dof)
                if ti.static(want):
                    bar.add("trn_coef", force * s.get("w", dof) * s.get("active", dof) + velocity_bar * s.get("v", dof), t)
                    if q >= 0:
                        bar.add("trn_coef", length_bar * s.get("q", q), t)
        if ti.static(want):
            bar.add("act_gain", force_bar * clamp(ctrl, m.get("ctrl_lo", u), m.get("ctrl_hi", u)), u)
            bar.add("act_bias0", force_bar, u)
            bar.add("act_bias1", force_bar * length, u)
            bar.add("act_bias2", force_bar * velocity, u)
            bound_adjoint(bar, "force_lo", "force_hi", u, raw, power, m.lanes, m.get)
            bound_adjoint(bar, "ctrl_lo", "ctrl_hi", u, ctrl, gain_bar, m.lanes, m.get)
