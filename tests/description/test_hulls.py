"""Convex hulls of meshes, and how they are simplified."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial import ConvexHull

from genesis.description.hulls import convex_hull, distance_outside, simplify
from genesis.description.inertia import is_closed, mesh_properties


def ball(count: int, radii=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Points spread evenly over an ellipsoid."""
    k = np.arange(count) + 0.5
    polar, around = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    points = np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)
    return points * radii


def test_convex_hull_drops_what_is_inside_and_looks_outwards():
    cube = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 3.0)])
    points, faces = convex_hull(np.concatenate([cube, [[0.5, 0.5, 0.5], [0.1, 1.9, 2.0]]]))
    assert {*map(tuple, points)} == {*map(tuple, cube)} and len(faces) == 12 and is_closed(faces)
    assert mesh_properties(points, faces)[0] == pytest.approx(6.0)


@pytest.mark.parametrize("most", [100, 299])
def test_simplified_hull_lies_inside_and_its_error_is_the_farthest_corner(most):
    hull = convex_hull(ball(300, (1.0, 2.0, 0.5)))
    small, error = simplify(hull, most)
    assert len(small[0]) == most and is_closed(small[1])
    assert {*map(tuple, small[0])} <= {*map(tuple, hull[0])}
    planes = ConvexHull(small[0]).equations
    beyond = (hull[0] @ planes[:, :3].T + planes[:, 3]).max(axis=1)
    assert beyond.max() <= error * (1 + 1e-9)  # a plane is never farther than the body
    np.testing.assert_allclose(error, distance_outside(small, hull[0]).max())


def test_distance_is_that_of_the_nearest_point():
    """Against a quadratic programme over the body's planes, for points beyond faces, edges and corners; 0 inside."""
    body = convex_hull(ball(30))
    planes = ConvexHull(body[0]).equations
    points = np.concatenate([2.0 * ball(20), body[0][:5] * 1.5, 0.3 * ball(5)])
    found = distance_outside(body, points)
    inside = {"type": "ineq", "fun": lambda x: -(planes[:, :3] @ x + planes[:, 3])}
    for point, distance in zip(points, found, strict=True):
        exact = (
            minimize(lambda x, p=point: (x - p) @ (x - p), np.zeros(3), constraints=inside, options={"ftol": 1e-14}).fun ** 0.5
        )
        assert distance == pytest.approx(exact, abs=2e-6)
    assert not found[-5:].any()


def test_corners_that_stand_out_least_go_first():
    """A cube with one shallow and one high bump: the shallow one goes."""
    cube = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
    points = np.concatenate([cube, [[0.0, 0.0, 1.01], [0.0, 0.0, -2.0]]])
    small, error = simplify(convex_hull(points), 9)
    assert tuple(points[9]) in {*map(tuple, small[0])} and tuple(points[8]) not in {*map(tuple, small[0])}
    assert error == pytest.approx(0.01)


def test_simplifying_is_near_the_best_and_repeatable():
    """One corner of an even ball stands above its neighbours by about spacing² / 2; few gone: the error is no more."""
    hull = convex_hull(ball(5000))
    (first, error), (second, again) = simplify(hull), simplify((hull[0].copy(), hull[1].copy()))
    assert len(first[0]) == 4096
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert error == again < 1.1 * (4 * np.pi / 5000 * 2 / 3**0.5) / 2
    whole, none = simplify(first)
    assert whole is first and none == 0.0
