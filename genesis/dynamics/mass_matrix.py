"""Joint-space inertia by composite rigid bodies, and the projection of forces on the joints.

Source: Featherstone (2008), §6.2; sparse rows as §6.5. Derivation of the adjoint: docs/adjoints/dynamics.md
"""

import taichi as ti

from genesis.math.lanes import constant
from genesis.math.spatial import Inertia, Spatial


def damping_of(m, s, i):
    """Damping of degree of freedom i that acts at the end of the step; a saturated controller does not damp."""
    return m.get("dof_damping", i) + m.get("dof_kv", i) * s.get("active", i)


@ti.func
def clear_mass_matrix(m: ti.template(), s: ti.template(), damping_dt: ti.template()):
    """M = diag(armature + dt (d + kv)): what stands on the diagonal besides the links; dt = 0 where damping is explicit.

    Reads: active (a saturated actuator does not damp)      Writes: mass
    Adjoint: `joint_forces_adjoint`
    """
    for k in range(m.size("nM")):
        s.set("mass", constant(0.0, m.lanes), k)
    for i in range(m.size("nv")):
        s.set("mass", m.get("dof_armature", i) + damping_dt * damping_of(m, s, i), m.dof_madr(i))


def axis_of(s, x) -> Spatial:
    return Spatial.load(s.row("axis", x))


def force_if(m, s, l, wanted: bool) -> Spatial:
    """Force on link l, or zero where forces are not wanted."""
    return Spatial.load(s.row("force", l + 1)) if wanted else Spatial.zero(m.lanes)


@ti.func
def composite(m: ti.template(), s: ti.template(), forces: ti.template()):
    """From the leaves inwards: M += S^T I_subtree S, tau -= S^T F_subtree; inertia and force are summed into the parent.

    forces: whether those are wanted as well as the mass matrix.

    Reads: axis      Overwrites: inertia (of the subtrees), force (if forces)      Adds to: mass, tau (if forces)
    Adjoint: `move_links_and_w`, `gather_bars`
    """
    for r in range(m.size("nlink")):
        l = m.size("nlink") - 1 - r
        parent = m.link_parent(l)
        inertia = Inertia.load(s.row("inertia", l + 1))
        force = force_if(m, s, l, forces)
        first = m.link_jntadr(l)
        count = m.link_jntnum(l)
        if count > 0:
            begin = m.jnt_axisadr(first)
            end = m.link_axisend(l)
            for x in range(begin, end):
                axis = axis_of(s, x)
                if ti.static(forces):
                    s.add("tau", 0.0 - axis.dot(force), m.axis_dof(x))
                momentum = inertia.apply(axis)
                pair = m.axis_pairadr(x)
                for p in range(pair, pair + m.axis_pairnum(x)):
                    s.add("mass", axis_of(s, m.pair_axis(p)).dot(momentum), m.pair_adr(p))
        if parent > 0:
            inertia.add_to(s.row("inertia", parent))
            if ti.static(forces):
                force.add_to(s.row("force", parent))
