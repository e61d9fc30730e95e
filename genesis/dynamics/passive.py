"""Passive joint forces: springs and viscous damping."""

import taichi as ti

from genesis.joints import JOINTS
from genesis.math.lanes import lane, let


def has_spring(m, j):
    """True where any lane has a spring: the same for the whole block, so it may branch."""
    k = m.get("dof_stiffness", m.jnt_dof(j))
    square = let(k * k)
    return sum((lane(square, i, m.lanes) for i in range(1, m.lanes)), lane(square, 0, m.lanes)) > 0.0


@ti.func
def passive(m: ti.template(), s: ti.template()):
    """tau -= d v + k (q - q_spring).

    Reads: q, v      Adds to: tau
    """
    for i in range(m.size("nv")):
        s.add("tau", 0.0 - m.get("dof_damping", i) * s.get("v", i), i)
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0 and has_spring(m, j):
            kind = m.jnt_type(j)
            for code in ti.static(range(len(JOINTS))):
                if kind == code:
                    JOINTS[code].spring(m, s, j)


@ti.func
def passive_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), damping_dt: ti.template(), want: ti.i32):
    """Adjoint of `passive`, and of the implicit part dt d a of the damping.

    Reads: w, q, v, a      Adds to: q_bar, v_bar, parameters
    """
    for i in range(m.size("nv")):
        w = s.get("w", i)
        s.add("v_bar", 0.0 - m.get("dof_damping", i) * w, i)
        if want != 0:
            bar.add("dof_damping", 0.0 - (s.get("v", i) + damping_dt * s.get("a", i)) * w, i)
            bar.add("dof_armature", 0.0 - s.get("a", i) * w, i)
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0 and (want != 0 or has_spring(m, j)):
            kind = m.jnt_type(j)
            for code in ti.static(range(len(JOINTS))):
                if kind == code:
                    joint_spring_adjoint(m, s, bar, j, JOINTS[code], want)


@ti.func
def joint_spring_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), j: ti.i32, joint: ti.template(), want: ti.i32):
    """One branch with parameter adjoints, one without."""
    if want != 0:
        joint.spring_adjoint(m, s, j, bar, True)
    else:
        joint.spring_adjoint(m, s, j, bar, False)
