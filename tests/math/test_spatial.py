"""Spatial vectors and inertias against 6 by 6 matrices."""

import numpy as np
import pytest

from genesis.math.rotation import Quat, Vec3
from genesis.math.spatial import Inertia, Spatial, force_at
from tests.dynamics.conversions import rotation, skew
from tests.math.tracing import LANES, evaluate
from tests.reference_dynamics import cross_force, cross_motion

both_widths = pytest.mark.parametrize("lanes", LANES)
rng = np.random.default_rng(3)


def spatial(v) -> Spatial:
    return Spatial(Vec3(*v[:3]), Vec3(*v[3:6]))


def parts(x: Spatial) -> list:
    return [*x.a.parts(), *x.l.parts()]


@both_widths
def test_cross_products_and_power(engine, lanes):
    x = rng.normal(size=(9, 12))

    def all_of_them(v, _):
        a, b = spatial(v), spatial(v[6:])
        return [*parts(a.cross(b)), *parts(a.cross_force(b)), a.dot(b), *a.at(b.l).parts(), *parts(force_at(a.a, b.a))]

    expected = [
        np.concatenate([
            cross_motion(v[:6], v[6:]), cross_force(v[:6], v[6:]), [v[:6] @ v[6:]], v[3:6] + np.cross(v[:3], v[9:]),
            np.cross(v[:3], v[6:9]), v[6:9],
        ])
        for v in x
    ]  # fmt: skip
    np.testing.assert_allclose(evaluate(all_of_them, x, lanes), expected, atol=1e-14)


@both_widths
def test_motion_and_force_products_are_dual(engine, lanes):
    """(x x* f) . y = - f . (x x y)."""
    x = rng.normal(size=(9, 18))

    def both_sides(v, _):
        a, f, y = spatial(v), spatial(v[6:]), spatial(v[12:])
        return [a.cross_force(f).dot(y), f.dot(a.cross(y))]

    left, right = evaluate(both_sides, x, lanes).T
    np.testing.assert_allclose(left, -right, atol=1e-13)


@both_widths
def test_inertia_is_the_six_by_six_matrix(engine, lanes):
    """Turned, shifted, from mass, centre of mass and the six numbers xx yy zz xy xz yz."""
    x = rng.normal(size=(9, 20))
    x[:, 0] = np.abs(x[:, 0])
    x[:, 4:8] /= np.linalg.norm(x[:, 4:8], axis=1, keepdims=True)

    def product(v, _):
        inertia = Inertia.of(v[0], Vec3(*v[1:4]), Quat(*v[4:8]).matrix(), tuple(v[8:14]))
        return parts(inertia @ spatial(v[14:]))

    def expected(v):
        R, c, (a, b, d, e, f, g) = rotation(v[4:8]), skew(v[1:4]), v[8:14]
        local = np.array([[a, e, f], [e, b, g], [f, g, d]])
        matrix = np.block([[R @ local @ R.T + v[0] * c @ c.T, v[0] * c], [v[0] * c.T, v[0] * np.eye(3)]])
        return matrix @ v[14:]

    np.testing.assert_allclose(evaluate(product, x, lanes), [expected(v) for v in x], atol=1e-13)
