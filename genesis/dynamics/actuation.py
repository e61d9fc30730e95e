"""Joint forces that the user commands: the joint controller of every degree of freedom, and the actuators of a model file.

actuator:     f = clamp(gain clamp(ctrl) + bias0 + bias1 length + bias2 velocity), length = coef . q
joint force:  tau_i = clamp(u_i - kp_i q_i - kv_i v_i + sum of coef f, lo_i, hi_i)
Source: MuJoCo documentation, "Computation: actuator model" (affine gain and bias, no activation state; actuatorfrcrange).
"""

import taichi as ti

from genesis.math.lanes import constant, let, maximum, minimum, where


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


@ti.func
def commanded_force(m: ti.template(), s: ti.template(), actuated: ti.i32):
    """Reads: command, control, q, v      Writes: tau (first writer), drive, active"""
    joint_control(m, s)
    if actuated != 0:
        actuators(m, s)
    for i in range(m.size("nv")):
        x = s.get("drive", i)
        lo = m.get("dof_force_lo", i)
        hi = m.get("dof_force_hi", i)
        s.set("tau", clamp(x, lo, hi), i)
        s.set("active", inside(x, lo, hi, m.lanes), i)


@ti.func
def commanded_force_adjoint(
    m: ti.template(), s: ti.template(), bar: ti.template(), damping_dt: ti.template(), actuated: ti.i32, want: ti.template()
):
    """Reads: w, drive, active, q, v, a, control      Adds to: command_bar, control_bar, q_bar, v_bar, parameters"""
    joint_control_adjoint(m, s, bar, damping_dt, want)
    if actuated != 0:
        actuators_adjoint(m, s, bar, want)
    if ti.static(want):
        for i in range(m.size("nv")):
            bound_adjoint(bar, "dof_force_lo", "dof_force_hi", i, s.get("drive", i), s.get("w", i), m.lanes, m.get)


@ti.func
def joint_control(m: ti.template(), s: ti.template()):
    """drive = u - kp q - kv v.

    Reads: command, q, v      Writes: drive
    """
    for i in range(m.size("nv")):
        x = let(s.get("command", i) - m.get("dof_kv", i) * s.get("v", i))
        q = m.dof_qadr(i)
        if q >= 0:
            x = x - m.get("dof_kp", i) * s.get("q", q)
        s.set("drive", x, i)


@ti.func
def joint_control_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), damping_dt: ti.template(), want: ti.template()):
    """Adjoint of `joint_control`, and of the implicit part dt kv a of its damping.

    Reads: w, active, q, v, a      Adds to: command_bar, q_bar, v_bar, parameters
    """
    for i in range(m.size("nv")):
        mine = let(s.get("w", i) * s.get("active", i))
        q = m.dof_qadr(i)
        s.add("command_bar", mine, i)
        s.add("v_bar", 0.0 - m.get("dof_kv", i) * mine, i)
        if q >= 0:
            s.add("q_bar", 0.0 - m.get("dof_kp", i) * mine, i)
        if ti.static(want):
            bar.add("dof_kv", 0.0 - (s.get("v", i) + damping_dt * s.get("a", i)) * mine, i)
            if q >= 0:
                bar.add("dof_kp", 0.0 - s.get("q", q) * mine, i)


@ti.func
def actuator_state(m: ti.template(), s: ti.template(), u: ti.i32, name: ti.template()):
    """coef . q (name "q") or coef . v (name "v") over the transmission of actuator u."""
    total = constant(0.0, m.lanes)
    first = m.act_trnadr(u)
    for t in range(first, first + m.act_trnnum(u)):
        if ti.static(name == "v"):
            total += m.get("trn_coef", t) * s.get("v", m.trn_dof(t))
        else:
            q = m.dof_qadr(m.trn_dof(t))
            if q >= 0:
                total += m.get("trn_coef", t) * s.get("q", q)
    return total


@ti.func
def actuator_force(m: ti.template(), s: ti.template(), u: ti.i32, length: ti.template(), velocity: ti.template()):
    """Actuator force before its bounds."""
    ctrl = clamp(s.get("control", u), m.get("ctrl_lo", u), m.get("ctrl_hi", u))
    return let(
        m.get("act_gain", u) * ctrl + m.get("act_bias0", u) + m.get("act_bias1", u) * length + m.get("act_bias2", u) * velocity
    )


@ti.func
def actuators(m: ti.template(), s: ti.template()):
    """Reads: control, q, v      Adds to: drive"""
    for u in range(m.size("nu")):
        length = actuator_state(m, s, u, "q")
        velocity = actuator_state(m, s, u, "v")
        force = clamp(actuator_force(m, s, u, length, velocity), m.get("force_lo", u), m.get("force_hi", u))
        first = m.act_trnadr(u)
        for t in range(first, first + m.act_trnnum(u)):
            s.add("drive", m.get("trn_coef", t) * force, m.trn_dof(t))


@ti.func
def actuators_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), want: ti.template()):
    """Reads: w, active, control, q, v      Adds to: control_bar, q_bar, v_bar, parameters"""
    for u in range(m.size("nu")):
        length = actuator_state(m, s, u, "q")
        velocity = actuator_state(m, s, u, "v")
        raw = actuator_force(m, s, u, length, velocity)
        lo = m.get("force_lo", u)
        hi = m.get("force_hi", u)
        ctrl = s.get("control", u)
        first = m.act_trnadr(u)
        end = first + m.act_trnnum(u)
        power = constant(0.0, m.lanes)  # coef . w, without the joints that are saturated
        for t in range(first, end):
            power += m.get("trn_coef", t) * s.get("w", m.trn_dof(t)) * s.get("active", m.trn_dof(t))
        force_bar = let(power * inside(raw, lo, hi, m.lanes))
        gain_bar = let(force_bar * m.get("act_gain", u))
        s.add("control_bar", gain_bar * inside(ctrl, m.get("ctrl_lo", u), m.get("ctrl_hi", u), m.lanes), u)
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
