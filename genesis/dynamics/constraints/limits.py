"""Joint limits (of a coordinate, that of a mimic follower too, or of the angle of a turn in space) and dry joint friction."""

import taichi as ti

from genesis.description.kinds import ELEMENTARY
from genesis.dynamics.constraints import laws
from genesis.dynamics.constraints.ledger import DRY_FRICTION, LIMIT
from genesis.dynamics.constraints.rows import new_block, open_block
from genesis.math.lanes import let
from genesis.math.rotation import Quat, Vec3, log, right_jacobian_inverse_transpose_apply

(BALL,) = (code for code, kind in enumerate(ELEMENTARY) if kind.quaternion is not None)  # whose limit is one of the angle
SMALL = 1e-12


def copy_cells(source, target, count: int) -> None:
    for k in range(count):
        target.set(source.get(k), k)


def ball_angle(m, s, j) -> Vec3:
    """Rotation vector of a ball joint."""
    return log(Quat.load(s.row("q", m.jnt_qadr(j))).normalized(), 1)


def acts(gap, speed, o):
    """Whether a limit is reached; the smooth law looks one step ahead."""
    return let(gap + ti.select(o.smooth != 0, o.dt, 0.0) * speed) < 0.0


@ti.func
def find_limits(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """A unilateral row for every limit that is nearer than its margin: value - lo > margin, hi - value > margin."""
    for n in range(m.size("nlimit")):
        j = m.limit_jnt(n)
        margin = m.get("limit_margin", n)
        if m.jnt_type(j) == BALL:
            turn = ball_angle(m, s, j)
            angle = ti.sqrt(turn.dot(turn))
            gap = m.cells("limit_range", n).get(1) - angle - margin
            rate = -turn.dot(Vec3.load(s.row("v", m.jnt_dof(j)))) / ti.max(angle, SMALL)
            if acts(gap, rate, o):
                b = open_limit(m, c, n, gap, 1.0)
                if b >= 0:
                    axis = turn * let(-1.0 / ti.max(angle, SMALL))
                    for k in ti.static(range(3)):  # the list of degrees of freedom descends
                        c.jacobian(b, 0, 3).set(axis.parts()[2 - k], k)
                    c.set(b, "weight", m.get("dof_invweight", m.jnt_dof(j)))
        else:
            value = m.get("jnt_scale", j) * s.get("q", m.jnt_qadr(j)) + m.get("limit_offset", n)
            for side in range(2):
                sign = 1.0 - 2.0 * side
                gap = sign * (value - m.cells("limit_range", n).at(side).get()) - margin
                if acts(gap, sign * m.get("jnt_scale", j) * s.get("v", m.jnt_dof(j)), o):
                    b = open_limit(m, c, n, gap, sign)
                    if b >= 0:
                        scale = m.get("jnt_scale", j)
                        c.jacobian(b, 0, 1).set(sign * scale)
                        c.set(b, "weight", scale * scale * m.get("dof_invweight", m.jnt_dof(j)))


@ti.func
def open_limit(m: ti.template(), c: ti.template(), n: ti.i32, gap: ti.template(), sign: ti.template()):
    b = new_block(c, LIMIT, n, c.capacity)
    if b >= 0:
        open_block(m, c, b, laws.UNILATERAL, 1, m.limit_chain(n))
        c.set(b, "gap", gap)
        c.set(b, "tag", sign)
        copy_cells(m.cells("limit_solref", n), c.block(b, "solref"), 2)
        copy_cells(m.cells("limit_solimp", n), c.block(b, "solimp"), 5)
    return b


@ti.func
def find_dry_friction(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """A bounded row for every degree of freedom with dry friction; for all where the gradient in it is wanted."""
    for i in range(m.size("nv")):
        loss = m.get("dof_frictionloss", i)
        if loss > 0.0 or o.every:
            b = new_block(c, DRY_FRICTION, i, c.capacity)
            if b >= 0:
                open_block(m, c, b, laws.BOUNDED, 1, m.dof_chain(i))
                c.set(b, "gap", 0.0)
                c.set(b, "mu", loss)
                copy_cells(m.cells("dof_solref", i), c.block(b, "solref"), 2)
                copy_cells(m.cells("dof_solimp", i), c.block(b, "solimp"), 5)
                c.jacobian(b, 0, 1).set(1.0)
                c.set(b, "weight", m.get("dof_invweight", i))


@ti.func
def limit_adjoint(m: ti.template(), s: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template(), want: ti.template()):
    """Adds what a limit row leaves: q_bar through its gap (and through its axis, for a ball), and its range and margin."""
    n = c.integer(b, "index")
    j = m.limit_jnt(n)
    i = m.jnt_dof(j)
    gap_bar = c.get(b, "gap_bar")
    sign = c.get(b, "tag")
    if m.jnt_type(j) == BALL:
        ball_limit_adjoint(m, s, c, b, i, j, gap_bar)
        if ti.static(want):
            bar.add("limit_range", gap_bar, n, 1)
    else:
        scale = m.get("jnt_scale", j)
        s.add("q_bar", sign * scale * gap_bar, i)
        if ti.static(want):
            bar.add("limit_offset", sign * gap_bar, n)
            bar.cells("limit_range", n).at(ti.select(sign > 0.0, 0, 1)).add(-sign * gap_bar)
    if ti.static(want):
        bar.add("limit_margin", -gap_bar, n)
        copy_bars(c, b, bar, "limit_solref", "limit_solimp", n)


def copy_bars(c, b, bar, solref: str, solimp: str, row) -> None:
    for k in range(2):
        bar.add(solref, c.get(b, "solref_bar", k), row, k)
    for k in range(5):
        bar.add(solimp, c.get(b, "solimp_bar", k), row, k)


def ball_limit_adjoint(m, s, c, b, i, j, gap_bar) -> None:
    """The angle |phi| grows by u . d with a turn d of the moved link, u = phi / |phi|; the row is - u, and u turns by J_r^-1 d / |phi|."""
    phi = ball_angle(m, s, j)
    angle = let(ti.max(ti.sqrt(phi.dot(phi)), SMALL))
    u = phi * let(1.0 / angle)
    w, a, v = (Vec3.load(s.row(name, i)) for name in ("w", "a_seen", "v"))
    seen = a * c.get(b, "dy") - v * c.get(b, "drag") - w * c.get(b, "f")
    across = (seen - u * u.dot(seen)) * let(1.0 / angle)
    (right_jacobian_inverse_transpose_apply(phi, across) - u * gap_bar).add_to(s.row("q_bar", i))


@ti.func
def dry_friction_adjoint(m: ti.template(), c: ti.template(), b: ti.i32, bar: ti.template()):
    i = c.integer(b, "index")
    bar.add("dof_frictionloss", c.get(b, "mu_bar"), i)
    copy_bars(c, b, bar, "dof_solref", "dof_solimp", i)
