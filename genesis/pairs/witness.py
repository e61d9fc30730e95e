"""Witness functions: two features give position, normal and distance; each with its adjoint. Derivations: docs/adjoints/pairs.md

A feature is a vertex (point), an edge (line) or a face (plane) of a geom. What is nearest to what was decided before and is fixed
here, so these are smooth functions without branches.
"""

from genesis.math.lanes import let, maximum, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.precision import tolerance

NEAR = 1e-15  # below this length a direction is undefined, as in MuJoCo
ROUNDING = 1e-10, 1e-5  # below this length a direction between two places is rounding


def inverse_length(length):
    """1 / length, or 0 where the direction is undefined: then it counts as fixed."""
    return where(length < NEAR, 0.0, 1.0 / maximum(length, NEAR))


def turning(length):
    """The same for the adjoint, where a direction that is mere rounding counts as fixed too: its derivative is one over the length."""
    return where(length < tolerance(*ROUNDING), 0.0, 1.0 / maximum(length, NEAR))


def unit_adjoint(unit: Vec3, inverse, bar: Vec3) -> Vec3:
    """Bar of v in unit = v / |v|."""
    return (bar - unit * unit.dot(bar)) * inverse


# --- plane against point, normal of the plane -------------------------------------------------------------------------------------


def plane_point_adjoint(n: Vec3, o: Vec3, q: Vec3, radius, p_bar: Vec3, n_bar: Vec3, dist_bar) -> tuple:
    """dist = n . (q - o) - radius, p = q - n (radius + dist / 2): (bar of n, of dist in all, of q, of radius).

    The bar of o is minus the second times n.
    """
    along = q - o
    half = let(0.5 * (n.dot(along) + radius))  # radius + dist / 2
    lift = n.dot(p_bar)
    total = let(dist_bar - 0.5 * lift)
    return n_bar - p_bar * half + along * total, total, p_bar + n * total, let(0.0 - lift - total)


# --- two points with radii --------------------------------------------------------------------------------------------------------


def points(q1: Vec3, q2: Vec3) -> tuple:
    """(length, unit vector) from q1 to q2; the vector is zero when they coincide."""
    v = q2 - q1
    length = sqrt(v.dot(v))
    return length, v * inverse_length(length)


def points_adjoint(n: Vec3, length, r1, r2, p_bar: Vec3, n_bar: Vec3, dist_bar) -> tuple:
    """dist = |q2 - q1| - r1 - r2, p = q1 + n (r1 + dist / 2): bars of q1, q2, r1, r2."""
    lift = n.dot(p_bar)
    total = let(dist_bar + 0.5 * lift)
    half = let(0.5 * (length + r1 - r2))
    v_bar = unit_adjoint(n, turning(length), n_bar + p_bar * half) + n * total
    return p_bar - v_bar, v_bar, let(lift - total), let(0.0 - total)


def on_line_adjoint(q: Vec3, o: Vec3, d: Vec3, x_bar: Vec3) -> tuple:
    """x = o + d t, t = d . (q - o), |d| = 1: bars of q, o, d."""
    along = q - o
    t_bar = d.dot(x_bar)
    q_bar = d * t_bar
    return q_bar, x_bar - q_bar, x_bar * d.dot(along) + along * t_bar


# --- two features that face each other along a given direction n: q2 - q1 = dist n, p midway ---------------------------------------


def point_along_to_plane(q: Vec3, n: Vec3, o: Vec3, m: Vec3):
    """delta with q + delta n on the plane through o with normal m."""
    return let(m.dot(o - q) / m.dot(n))


def point_along_to_plane_adjoint(q: Vec3, n: Vec3, o: Vec3, m: Vec3, p_bar: Vec3, delta_bar) -> tuple:
    """p = q + n delta / 2: bars of q, n, o, m."""
    inverse = let(1.0 / m.dot(n))
    along = o - q
    delta = let(m.dot(along) * inverse)
    gamma = let((delta_bar + 0.5 * n.dot(p_bar)) * inverse)
    o_bar = m * gamma
    return p_bar - o_bar, p_bar * let(0.5 * delta) - m * let(delta * gamma), o_bar, (along - n * delta) * gamma


def lines_along(o1: Vec3, d1: Vec3, o2: Vec3, d2: Vec3, n: Vec3) -> tuple:
    """(s, t, delta) with o1 + s d1 + delta n = o2 + t d2."""
    w, c = o2 - o1, d1.cross(d2)
    inverse = let(1.0 / n.dot(c))
    return let(w.dot(d2.cross(n)) * inverse), let(w.dot(d1.cross(n)) * inverse), let(w.dot(c) * inverse)


def lines_along_adjoint(o1: Vec3, d1: Vec3, o2: Vec3, d2: Vec3, n: Vec3, p_bar: Vec3, delta_bar) -> tuple:
    """p = o1 + s d1 + n delta / 2: bars of o1, d1, o2, d2, n."""
    s, t, delta = lines_along(o1, d1, o2, d2, n)
    c = d1.cross(d2)
    total = let(delta_bar + 0.5 * n.dot(p_bar))
    dual = (d2.cross(n) * d1.dot(p_bar) + c * total) * let(1.0 / n.dot(c))
    return p_bar - dual, (p_bar - dual) * s, dual, dual * t, p_bar * let(0.5 * delta) - dual * delta


def cross_unit_adjoint(d1: Vec3, d2: Vec3, n: Vec3, n_bar: Vec3) -> tuple:
    """n = +-(d1 x d2) / |d1 x d2|: bars of d1, d2."""
    c = d1.cross(d2)
    signed = n.dot(c)  # the sign times the length
    c_bar = (n_bar - n * n.dot(n_bar)) * let(1.0 / signed)
    return d2.cross(c_bar), c_bar.cross(d1)
