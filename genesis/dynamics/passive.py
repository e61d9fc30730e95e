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
def passive_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), damping_dt: ti.template(), want: ti.template()):
    """Adjoint of `passive`, and of the implicit part dt d a of the damping.

    Reads: w, q, v, a      Adds to: q_bar, v_bar, parameters
    """
    for i in range(m.size("nv")):
        w = s.get("w", i)
        s.add("v_bar", 0.0 - m.get("dof_damping", i) * w, i)
        if ti.static(want):
            bar.add("dof_damping", 0.0 - (s.get("v", i) + damping_dt * s.get("a", i)) * w, i)
            bar.add("dof_armature", 0.0 - s.get("a", i) * w, i)
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0 and (ti.static(want) or has_spring(m, j)):
            kind = m.jnt_type(j)
            for code in ti.static(range(len(JOINTS))):
                if kind == code:
                    JOINTS[code].spring_adjoint(m, s, j, bar, want)
