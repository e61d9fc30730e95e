"""A sphere against a region |x_k| <= size_k (a box; a cylinder in the plane of its axis and the sphere): contact and adjoint.

sign_k in {-1, 0, 1} says on which side of the region the centre c counts along coordinate k; it is decided before. With
v_k = c_k - sign_k size_k where sign_k is not 0, else 0: L = |v| (with its sign when there is only one such coordinate, so that it is
minus the depth for a centre inside), n = -v / L, dist = L - radius, p = c + n (L + radius) / 2.
"""

from functools import reduce

from genesis.math.lanes import let, sqrt, where
from genesis.pairs.witness import inverse_length, turning


def _sum(values):
    return let(reduce(lambda a, b: a + b, values))


def dot(a: list, b: list):
    return _sum([x * y for x, y in zip(a, b, strict=True)])


def _difference(c: list, size: list, sign: list) -> tuple:
    """(L, n, 1 / L or 0 when n is fixed, or mere rounding)."""
    v = [let(s * s * x - s * w) for x, w, s in zip(c, size, sign, strict=True)]
    single = _sum([s * s for s in sign]) < 1.5
    length = where(single, dot(sign, v), sqrt(dot(v, v)))
    inverse = where(single, 0.0, inverse_length(length))
    n = [where(single, 0.0 - s, 0.0 - x * inverse) for s, x in zip(sign, v, strict=True)]
    return length, n, where(single, 0.0, turning(length))


def clamped_contact(c: list, size: list, sign: list, radius) -> tuple:
    """(p, n, dist) in the coordinates of the region."""
    length, n, _ = _difference(c, size, sign)
    half = let(0.5 * (length + radius))
    return [let(x + y * half) for x, y in zip(c, n, strict=True)], n, let(length - radius)


def clamped_contact_adjoint(c: list, size: list, sign: list, radius, p_bar: list, n_bar: list, dist_bar) -> tuple:
    """Bars of c, size, radius."""
    length, n, inverse = _difference(c, size, sign)
    half = let(0.5 * (length + radius))
    lift = let(0.5 * dot(n, p_bar))
    n_bar = [let(x + y * half) for x, y in zip(n_bar, p_bar, strict=True)]
    along = dot(n, n_bar)
    v_bar = [let(0.0 - y * (dist_bar + lift) - (x - y * along) * inverse) for x, y in zip(n_bar, n, strict=True)]
    c_bar = [let(x + s * s * y) for x, s, y in zip(p_bar, sign, v_bar, strict=True)]
    return c_bar, [let(0.0 - s * y) for s, y in zip(sign, v_bar, strict=True)], let(lift - dist_bar)
