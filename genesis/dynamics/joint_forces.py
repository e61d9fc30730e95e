"""Joint forces: controllers and actuators inside their bounds, springs and dampers. Derivation: docs/adjoints/actuation.md

tau_i = clamp(u_i - kp_i q_i - kv_i v_i + actuators, lo_i, hi_i) - d_i v_i + spring

All that belongs to one degree of freedom is done in one loop: a loop over a few numbers costs as much as what it does.
"""

import taichi as ti

from genesis.dynamics.actuation import actuators, actuators_adjoint, bound_adjoint, clamp, inside
from genesis.joints import SPRINGS
from genesis.math.lanes import any_lane, let


@ti.func
def joint_forces(m: ti.template(), s: ti.template(), actuated: ti.i32):
    """All but the springs of balls.

    Reads: dof_ctrl, act_ctrl, q, v      Writes: tau (first writer), ctrl_force, active
    Adjoint: `joint_forces_adjoint`
    """
    for i in range(m.size("nv")):
        v = s.get("v", i)
        ctrl_force = let(s.get("dof_ctrl", i) - m.get("dof_kv", i) * v)
        passive = let(0.0 - m.get("dof_damping", i) * v)
        q = m.dof_qadr(i)
        if q >= 0:
            ctrl_force = ctrl_force - m.get("dof_kp", i) * s.get("q", q)
            passive = passive + m.get("dof_stiffness", i) * (m.get("qpos_spring", q) - s.get("q", q))
        s.set("ctrl_force", ctrl_force, i)
        s.set("tau", passive, i)
    if actuated != 0:
        actuators(m, s)
    for i in range(m.size("nv")):
        x = s.get("ctrl_force", i)
        lo = m.get("dof_force_lo", i)
        hi = m.get("dof_force_hi", i)
        s.add("tau", clamp(x, lo, hi), i)
        s.set("active", inside(x, lo, hi, m.lanes), i)


@ti.func
def ball_springs(m: ti.template(), s: ti.template()):
    """Springs of joints whose coordinates are no number each.

    Reads: q      Adds to: tau
    Adjoint: `joint_forces_adjoint`
    """
    if m.size("nq") > m.size("nv"):
        for j in range(m.size("njnt")):
            if springs_as_ball(m, j):
                kind = m.jnt_type(j)
                for n in ti.static(range(len(SPRINGS))):
                    if SPRINGS[n].has(kind):
                        SPRINGS[n].joint.spring(m, s, j)


@ti.func
def joint_forces_adjoint(
    m: ti.template(), s: ti.template(), bar: ti.template(), damping_dt: ti.template(), actuated: ti.i32, want: ti.template()
):
    """Adjoint of `joint_forces` and `ball_springs`, and of the implicit part of damping in H: dt (d + kv) a.

    Reads: w, ctrl_force, active, q, v, a, act_ctrl      Adds to: dof_ctrl_bar, act_ctrl_bar, q_bar, v_bar, parameters
    """
    for i in range(m.size("nv")):
        w = s.get("w", i)
        mine = let(w * s.get("active", i))
        s.add("dof_ctrl_bar", mine, i)
        s.add("v_bar", 0.0 - m.get("dof_damping", i) * w - m.get("dof_kv", i) * mine, i)
        q = m.dof_qadr(i)
        if q >= 0:
            s.add("q_bar", 0.0 - m.get("dof_stiffness", i) * w - m.get("dof_kp", i) * mine, i)
        if ti.static(want):
            a = s.get("a", i)
            speed = let(s.get("v", i) + damping_dt * a)
            bar.add("dof_damping", 0.0 - speed * w, i)
            bar.add("dof_kv", 0.0 - speed * mine, i)
            bar.add("dof_armature", 0.0 - a * w, i)
            if q >= 0:
                bar.add("dof_kp", 0.0 - s.get("q", q) * mine, i)
                bar.add("dof_stiffness", (m.get("qpos_spring", q) - s.get("q", q)) * w, i)
                bar.add("qpos_spring", m.get("dof_stiffness", i) * w, q)
            bound_adjoint(bar, "dof_force_lo", "dof_force_hi", i, s.get("ctrl_force", i), w, m.lanes, m.get)
    if actuated != 0:
        actuators_adjoint(m, s, bar, want)
    if m.size("nq") > m.size("nv"):
        for j in range(m.size("njnt")):
            if m.dof_qadr(m.jnt_dof(j)) < 0 and (ti.static(want) or springs_as_ball(m, j)):
                kind = m.jnt_type(j)
                for n in ti.static(range(len(SPRINGS))):
                    if SPRINGS[n].has(kind):
                        SPRINGS[n].joint.spring_adjoint(m, s, j, bar, want)


def springs_as_ball(m, j):
    """Whether a joint whose coordinates are no number each has a spring, in any environment of the block."""
    dof = m.jnt_dof(j)
    k = m.get("dof_stiffness", dof)
    return (m.dof_qadr(dof) < 0) & any_lane(k * k, m.lanes)
