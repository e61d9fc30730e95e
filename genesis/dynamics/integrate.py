"""Position update q' = q (+) dt v, joint by joint, on the manifold of the coordinates. Derivation: docs/adjoints/integrate.md"""

import taichi as ti

from genesis.joints import COORDINATES


@ti.func
def integrate_position(m: ti.template(), s: ti.template(), q: ti.template(), v: ti.template(), dt: ti.template()):
    """q <- q (+) dt v for the scratch vectors named ``q`` and ``v``.

    Reads: ``v``      Overwrites: ``q``
    Adjoint: `integrate_position_adjoint`
    Source:  Hairer, Lubich, Wanner, Geometric Numerical Integration (2006), §IV.8 (exponential map)
    """
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    COORDINATES[n].joint.integrate(s.row(q, m.jnt_qadr(j)), s.row(v, m.jnt_dof(j)), dt)


@ti.func
def displacement_rate(m: ti.template(), s: ti.template(), dt: ti.template()):
    """rate <- the rate of the displacement u in q_start (+) u, at u = dt rate, when the velocity is v.

    Reads: v      Overwrites: rate
    Adjoint: `displacement_rate_adjoint`
    Source:  Hairer, Lubich, Wanner (2006), §IV.8.2 (Munthe-Kaas)
    """
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            i = m.jnt_dof(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    COORDINATES[n].joint.rate(s.row("rate", i), s.row("v", i), dt)


@ti.func
def displacement_rate_adjoint(m: ti.template(), s: ti.template(), stage: ti.i32, dt: ti.template()):
    """Adjoint of `displacement_rate` at the given stage, later than the first.

    Reads: stage_rate, v      Adds to: stage_rate_bar (of the stage before), v_bar
    """
    before = (stage - 1) * m.size("nv")
    here = stage * m.size("nv")
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            i = m.jnt_dof(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    COORDINATES[n].joint.rate_adjoint(
                        s.row("stage_rate", before + i), s.row("v", i), dt,
                        s.row("stage_rate_bar", here + i), s.row("stage_rate_bar", before + i), s.row("v_bar", i),
                    )  # fmt: skip


def pull_back(s, joint, i, v: str, dt, next_bar: str, q_bar: str, v_bar: str) -> None:
    """Through the joint whose degrees of freedom begin at i."""
    tangent, rate = joint.integrate_adjoint(s.row(v, i), dt, s.row(next_bar, i))
    for k, value in enumerate(tangent):
        (s.set if q_bar == next_bar else s.add)(q_bar, value, i + k)
    for k, value in enumerate(rate):
        s.add(v_bar, value, i + k)


@ti.func
def integrate_position_adjoint(
    m: ti.template(), s: ti.template(), v: ti.template(), dt: ti.template(),
    next_bar: ti.template(), q_bar: ti.template(), v_bar: ti.template(),
):  # fmt: skip
    """q_bar += (d q' / d q)^T next_bar, or q_bar <- that if it is the same vector; v_bar += (d q' / d v)^T next_bar; tangents."""
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            i = m.jnt_dof(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    pull_back(s, COORDINATES[n].joint, i, v, dt, next_bar, q_bar, v_bar)
