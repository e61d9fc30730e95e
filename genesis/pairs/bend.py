"""Contacts of curved bodies that no face decides: features of a and b whose points farthest along n and -n face each other.

A feature is a point (corner, end of a capsule), a line (edge, axis of a capsule or cylinder) or a curve (rim of a cylinder, ellipsoid);
its support point x(n) moves with curvature H = dx/dn. The normal solves x_a(n) + s d_a + dist n = x_b(-n) + t d_b, n . d_a = n . d_b = 0,
with s, t where the feature is a line along d. The adjoint is that of this system (docs/adjoints/pairs.md).
Tags: 3 + 4 (kind of a + 4 kind of b), 0, feature of a, feature of b.
"""

import taichi as ti

from genesis.math.lanes import assign, let, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.features import NEAREST
from genesis.pairs.precision import tolerance
from genesis.pairs.round_views import LINE
from genesis.pairs.solid import Solid, SolidBar, balance, vec

PARALLEL = 1e-3  # sine of the angle between two lines below which they have no direction across both
ROUNDS = 30
SLACK = 1e-6  # by which a contact may lie beyond the end of an edge, in lengths of it
NONE = 1e-9  # a sine that small is none
FLOOR = 1e-10, 1e-5  # a stiffness below this part of what it is made of counts as none


class Meeting:
    """Two features seen along n: tangents t1 (along a line if there is one) and t2, directions d, points x, curvatures, distance."""

    _data_oriented = True

    def __init__(self) -> None:
        self.t1, self.t2, self.da, self.db, self.xa, self.xb = (vec() for _ in range(6))
        self.ha, self.hb = ([let(0.0) for _ in range(3)] for _ in range(2))
        self.dist = let(0.0)

    def stiffness(self) -> list:
        """K = H_a + H_b + dist in the tangents: how the points part when n turns (11, 12, 22)."""
        more = (self.dist, 0.0, self.dist)
        return [let(x + y + z) for x, y, z in zip(self.ha, self.hb, more, strict=True)]

    def floor(self):
        """Of the stiffness: rounding."""
        return let(tolerance(*FLOOR) * (ti.abs(self.dist) + sum(ti.abs(h[0]) + ti.abs(h[2]) for h in (self.ha, self.hb))))


def _assign_all(mine: list, values: tuple) -> None:
    for x, y in zip(mine, values, strict=True):
        assign(x, y)


@ti.func
def _sharp_place(view: ti.template(), solid: ti.template(), kind: ti.i32, k: ti.i32, x: ti.template()):
    if kind == LINE:
        o, d, still = view.edge(solid, k)
        x.assign(solid.to_world(o))
    else:
        local, still = view.vertex(solid, k)
        x.assign(solid.to_world(local))


def _grasp(view, solid: Solid, kind, k, n: Vec3, t1: Vec3, t2: Vec3, x: Vec3) -> tuple:
    """Support point of a feature into x; its curvature."""
    if view.ROUND:
        return view.grasp(solid, kind, k, n, t1, t2, x)
    _sharp_place(view, solid, kind, k, x)
    radius = view.radius(solid)
    x.assign(x + n * radius)
    return let(radius), let(0.0), let(radius)


def _line(view, solid: Solid, k) -> Vec3:
    if view.ROUND:
        return view.line(solid, k)
    _, d, _ = view.edge(solid, k)
    return solid.turned(d)


def across(n: Vec3) -> Vec3:
    """A unit vector orthogonal to n."""
    first = ti.abs(n.x) < 0.6
    c = n.cross(Vec3.of(where(first, 1.0, 0.0), where(first, 0.0, 1.0), 0.0))
    return c * let(1.0 / sqrt(c.dot(c)))


@ti.func
def _lines(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), ka: ti.i32, first: ti.i32, kb: ti.i32, second: ti.i32, g: ti.template()):  # noqa: E501 # fmt: skip
    """Directions of the features, zero where one is no line."""
    g.da.assign(Vec3(0.0, 0.0, 0.0))
    g.db.assign(Vec3(0.0, 0.0, 0.0))
    if ti.static(va.OPTIONS > 1):
        if ka == LINE:
            g.da.assign(_line(va, a, first))
    if ti.static(vb.OPTIONS > 1):
        if kb == LINE:
            g.db.assign(_line(vb, b, second))


@ti.func
def _look(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), ka: ti.i32, first: ti.i32, kb: ti.i32, second: ti.i32, n: ti.template(), g: ti.template()):  # noqa: E501 # fmt: skip
    """Fills g, but for the directions, at n."""
    g.t1.assign(across(n))
    if ka == LINE:
        g.t1.assign(g.da)
    elif kb == LINE:
        g.t1.assign(g.db)
    g.t2.assign(n.cross(g.t1))
    _assign_all(g.ha, _grasp(va, a, ka, first, n, g.t1, g.t2, g.xa))
    _assign_all(g.hb, _grasp(vb, b, kb, second, n * -1.0, g.t1, g.t2, g.xb))
    assign(g.dist, n.dot(g.xb - g.xa))


@ti.func
def settle(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), ka: ti.i32, first: ti.i32, kb: ti.i32, second: ti.i32, n: ti.template(), g: ti.template()):  # noqa: E501 # fmt: skip
    """Newton: turns n until the features face each other along it, and fills g. Returns whether that is a least depth."""
    _lines(a, b, va, vb, ka, first, kb, second, g)
    good, free, least = True, 2, True
    if ka == LINE or kb == LINE:
        free = 1
        c = n - g.da * n.dot(g.da) - g.db * n.dot(g.db)
        if ka == LINE and kb == LINE:
            free = 0
            c.assign(g.da.cross(g.db))
            if c.dot(n) < 0.0:
                c.assign(c * -1.0)
        size = ti.sqrt(c.dot(c))
        if size < PARALLEL:
            good = False
        else:
            n.assign(c * (1.0 / size))
    for _ in range(ROUNDS):
        if good:
            _look(a, b, va, vb, ka, first, kb, second, n, g)
            k11, k12, k22 = g.stiffness()
            floor = g.floor()
            w = g.xa - g.xb
            g1, g2 = g.t1.dot(w), g.t2.dot(w)
            s1, s2 = let(0.0), let(0.0)
            if free == 1:
                least = k22 > 0.0 - floor
                s2 = 0.0 - g2 / ti.max(ti.abs(k22), 1e-30)
            elif free == 2:
                middle, half = 0.5 * (k11 + k22), 0.5 * (k11 - k22)
                spread = ti.sqrt(half * half + k12 * k12)
                least = middle - spread > 0.0 - floor
                if middle - spread < floor:  # not convex here: go downhill
                    k11 += 1.1 * spread - middle + floor
                    k22 += 1.1 * spread - middle + floor
                det = k11 * k22 - k12 * k12
                s1 = (k12 * g2 - k22 * g1) / ti.max(det, 1e-30)
                s2 = (k12 * g1 - k11 * g2) / ti.max(det, 1e-30)
            step = ti.sqrt(s1 * s1 + s2 * s2)
            if step < tolerance(1e-14, 1e-6):
                break
            shorter = ti.min(1.0, 0.3 / step)
            turned = n + (g.t1 * s1 + g.t2 * s2) * shorter
            n.assign(turned * (1.0 / ti.sqrt(turned.dot(turned))))
    return good and least


def _slide(ka, kb, n: Vec3, g: Meeting) -> tuple:
    """(s, t): places on the lines, 0 where there is none."""
    w = g.xa - g.xb
    both = (ka == LINE) & (kb == LINE)
    skew = n.dot(g.da.cross(g.db))
    safe = where(ti.abs(skew) < 1e-9, 1e-9, skew)
    s, t = (let((0.0 - w.dot(d.cross(n))) / safe) for d in (g.db, g.da))
    return where(both, s, 0.0 - w.dot(g.da)), where(both, t, w.dot(g.db))


@ti.func
def holds(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), ka: ti.i32, first: ti.i32, kb: ti.i32, second: ti.i32, n: ti.template(), g: ti.template()):  # noqa: E501 # fmt: skip
    """Whether the places on the lines, after `settle`, are on the edges."""
    s, t = _slide(ka, kb, n, g)
    result = True
    if ti.static(va.OPTIONS > 1):
        if ka == LINE:
            low, high = va.stretch(a, first)
            more = SLACK * (high - low)
            result = result and low - more <= s and s <= high + more
    if ti.static(vb.OPTIONS > 1):
        if kb == LINE:
            start, end = vb.stretch(b, second)
            margin = SLACK * (end - start)
            result = result and start - margin <= t and t <= end + margin
    return result


@ti.func
def meet(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), ka: ti.i32, first: ti.i32, kb: ti.i32, second: ti.i32, n: ti.template(), g: ti.template()):  # noqa: E501 # fmt: skip
    """Fills g along the normal n, with the points at their places on the lines; returns s, t."""
    _lines(a, b, va, vb, ka, first, kb, second, g)
    _look(a, b, va, vb, ka, first, kb, second, n, g)
    s, t = _slide(ka, kb, n, g)
    g.xa.assign(g.xa + g.da * s)
    g.xb.assign(g.xb + g.db * t)
    return s, t


def bend_code(ka, kb):
    return let(NEAREST + 4 * (ka + 4 * kb))


def _bent(h: list, v1, v2) -> tuple:
    return let(h[0] * v1 + h[1] * v2), let(h[1] * v1 + h[2] * v2)


def _over(x, y, floor):
    """x / y, or 0 where y has vanished."""
    none = ti.abs(y) <= floor
    return where(none, 0.0, x / ti.select(none, 1.0, y))


def _inverse(k: list, floor) -> list:
    """Inverse of a symmetric 2 x 2 matrix; zero along a direction in which it is below the floor."""
    middle, half = let(0.5 * (k[0] + k[2])), let(0.5 * (k[0] - k[2]))
    spread = sqrt(half * half + k[1] * k[1])
    high, low = (_over(1.0, let(x), floor) for x in (middle + spread, middle - spread))
    mean, slope = let(0.5 * (high + low)), _over(0.5 * (high - low), spread, floor)
    return [let(mean + slope * half), let(slope * k[1]), let(mean - slope * half)]


def _dual(ka, kb, n: Vec3, g: Meeting, p_bar: Vec3, n_bar: Vec3) -> tuple:
    """(tangential multiplier of the points' equation, that of n . d_a = 0)."""
    p1, p2 = p_bar.dot(g.t1), p_bar.dot(g.t2)
    difference = [let(0.5 * (x - y)) for x, y in zip(g.ha, g.hb, strict=True)]
    bent1, bent2 = _bent(difference, p1, p2)
    r1, r2 = let(bent1 + n_bar.dot(g.t1)), let(bent2 + n_bar.dot(g.t2))
    k, floor = g.stiffness(), g.floor()
    free1, free2 = _bent(_inverse(k, floor), r1, r2)
    a_line, b_line = ka == LINE, kb == LINE
    c, s = g.db.dot(g.t1), g.db.dot(g.t2)  # b's line in the tangents
    held = where(a_line, 0.5 * p1, -0.5 * p1)
    one = _over(r2 - k[1] * held, k[2], floor)
    two = _over(-0.5 * (c * p1 + s * p2) - c * held, s, NONE)
    mu1 = where(a_line | b_line, held, free1)
    mu2 = where(a_line & b_line, two, where(a_line | b_line, one, free2))
    k1, k2 = _bent(k, mu1, mu2)
    alpha = let(r1 - k1 - where(b_line, _over(r2 - k2, s, NONE) * c, 0.0))
    return g.t1 * mu1 + g.t2 * mu2, where(a_line, alpha, 0.0)


@ti.func
def _add_sharp(view: ti.template(), solid: ti.template(), bar: ti.template(), kind: ti.i32, k: ti.i32, local: ti.template()):
    signs = vec()
    if kind == LINE:
        o, d, with_size = view.edge(solid, k)
        signs.assign(with_size)
    else:
        place, with_size = view.vertex(solid, k)
        signs.assign(with_size)
    view.grow(solid, bar, signs, local)


def _add_size(view, solid: Solid, bar: SolidBar, kind, k, n: Vec3, x_bar: Vec3) -> None:
    if view.ROUND:
        view.add_grasp(solid, bar, kind, k, n, x_bar)
    else:
        _add_sharp(view, solid, bar, kind, k, solid.turned_back(x_bar))
        view.add_radius(bar, n.dot(x_bar))


@ti.func
def bend_adjoint(a: ti.template(), b: ti.template(), va: ti.template(), vb: ti.template(), contact: ti.template(), bars: ti.template(), a_bar: ti.template(), b_bar: ti.template()):  # noqa: E501 # fmt: skip
    """`find_adjoint` of a contact that no face decides."""
    kinds = ti.cast(contact.tag(0), ti.i32) // 4
    ka, kb, first, second = kinds % 4, kinds // 4, ti.cast(contact.tag(2), ti.i32), ti.cast(contact.tag(3), ti.i32)
    n, g = contact.normal, Meeting()
    meet(a, b, va, vb, ka, first, kb, second, n, g)
    turn, alpha = _dual(ka, kb, n, g, bars.p_bar, bars.n_bar)
    mu = turn + n * bars.dist_bar
    half = bars.p_bar * 0.5
    xa_bar, xb_bar = half - mu, half + mu
    bent1, bent2 = _bent(g.ha, g.t1.dot(xa_bar), g.t2.dot(xa_bar))
    lean = g.t1 * bent1 + g.t2 * bent2 - g.da * alpha
    torque = (g.xa - a.p).cross(xa_bar) - n.cross(lean)
    balance(a_bar, b_bar, (g.xa + g.xb) * 0.5, n, bars, xa_bar, torque)
    _add_size(va, a, a_bar, ka, first, n, xa_bar)
    _add_size(vb, b, b_bar, kb, second, n * -1.0, xb_bar)
