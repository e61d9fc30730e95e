"""Convex hulls and their pairs: layout, refusals, contacts against MuJoCo and against the exact Minkowski difference."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from genesis.errors import InputError
from genesis.pairs import PAIRS
from genesis.pairs.hull import convex_hull, pack
from tests.pairs import harness, oracle
from tests.pairs.harness import Samples
from tests.pairs.meshes import asset, pebble, prism, with_meshes
from tests.pairs.samples import random_samples

PEBBLES = [pebble(seed) for seed in range(4)]
CONVEX = [pytest.param(code, id=PAIRS[code].NAME) for code in PAIRS if code[1] == 7 and code[0] in (2, 3, 6, 7)]


def test_coplanar_triangles_are_one_face():
    hull = convex_hull(prism(8))
    assert sorted(len(loop) for loop in hull.loops) == [4] * 8 + [8, 8]
    for loop, normal in zip(hull.loops, hull.normals, strict=True):
        corners = hull.vertices[loop]
        assert np.ptp(corners @ normal) < 1e-6
        assert (hull.vertices @ normal).max() < (corners @ normal).max() + 1e-6
        turn = np.cross(np.roll(corners, -1, 0) - corners, np.roll(corners, -2, 0) - np.roll(corners, -1, 0))
        assert (turn @ normal > 0).all()


def test_points_inside_are_dropped_and_euler_holds():
    points = np.concatenate([pebble(1, 60), 0.5 * pebble(1, 60)])
    hull = convex_hull(points)
    edges = sum(len(loop) for loop in hull.loops) // 2
    assert len(hull.vertices) - edges + len(hull.loops) == 2
    assert len(hull.vertices) == len(ConvexHull(points).vertices)


def test_blocks_can_be_read_back():
    hulls = [convex_hull(prism(5)), convex_hull(pebble(0))]
    shapes, integers, data = pack(hulls)
    for hull, at in zip(hulls, data, strict=True):
        block = integers[at:]
        assert tuple(block[:2]) == (len(hull.vertices), len(hull.loops))
        np.testing.assert_array_equal(shapes[block[2] : block[2] + hull.vertices.size], hull.vertices.ravel())
        for f, loop in enumerate(hull.loops):
            first, last = block[block[4] + f], block[block[4] + f + 1]
            np.testing.assert_array_equal(block[block[5] + first : block[5] + last], loop)


@pytest.mark.parametrize("points", [np.eye(3), np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0.5, 0.2, 0.0]])])
def test_degenerate_meshes_are_refused_by_name(points):
    with pytest.raises(InputError, match="wheel.stl"):
        convex_hull(points, "wheel.stl")


def mujocos_contacts(code, points: np.ndarray, samples: Samples, reach: float) -> list[np.ndarray]:
    return oracle.contacts(oracle.build(code, reach, asset("m", points), ['mesh="m"' if k == 7 else "" for k in code]), samples)


@pytest.mark.parametrize("points", [pebble(3), pebble(4)])
def test_plane_mesh_is_mujocos(engine, points):
    """All faces are triangles: which corners MuJoCo takes of a larger face is its own affair."""
    samples = with_meshes(random_samples(200), (0, 7), [points])
    found, count = harness.find((0, 7), samples, 0.05)
    for i, rows in enumerate(mujocos_contacts((0, 7), points, samples, 0.05)):
        assert len(rows) == count[i]
        np.testing.assert_allclose(found[i, : count[i], :7][np.lexsort(found[i, : count[i], :3].T)], rows[np.lexsort(rows[:, :3].T), :7], atol=1e-6)  # noqa: E501 # fmt: skip


def corners(samples: Samples, i: int, which: int, kind: int, points: np.ndarray) -> np.ndarray:
    """Vertices of the core of a solid, world."""
    size = samples.size[i, which]
    local = {
        2: np.zeros((1, 3)),
        3: np.array([[0, 0, -size[1]], [0, 0, size[1]]]),
        6: size * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]),
        7: points,
    }[kind]
    return samples.p[i, which] + local @ samples.r[i, which].T


@pytest.mark.parametrize("code", CONVEX)
def test_depth_is_that_of_the_minkowski_difference(engine, code):
    """Contact or none as MuJoCo; where the cores overlap, the depth is the least distance to a facet of their difference.

    Two bodies with sides within five degrees of each other rest on one of them, by which the depth may grow a little.
    """
    points, reach = PEBBLES[0], 0.0
    samples = with_meshes(random_samples(150, seed=5), code, [points])
    found, count = harness.find(code, samples, reach)
    wanted = mujocos_contacts(code, points, samples, reach)
    overlapping = close = same = 0
    for i, rows in enumerate(wanted):
        assert (len(rows) > 0) == (count[i] > 0)
        if len(rows):
            same += np.abs(found[i, 0, 3:6] - rows[0, 3:6]).max() < 1e-4
        a, b = corners(samples, i, 0, code[0], points), corners(samples, i, 1, 7, points)
        planes = ConvexHull((a[:, None] - b[None]).reshape(-1, 3)).equations
        if (planes[:, 3] < 0).all():
            overlapping += 1
            radius = samples.size[i, 0, 0] if code[0] in (2, 3) else 0.0
            exact, deepest = planes[:, 3].max() - radius, found[i, : count[i], 6].min()
            assert deepest == pytest.approx(exact, rel=1e-6 if code[0] in (2, 3) else 4e-2)
            close += abs(deepest - exact) < 1e-6
    assert overlapping > 10
    assert close > 0.5 * overlapping
    assert same > (0.7 if code[0] == 3 else 0.92) * sum(count > 0)  # MuJoCo turns capsules that nearly lie on a side


@pytest.mark.parametrize("code", CONVEX)
def test_apart_the_distance_is_mujocos(engine, code):
    """Within the reach but not touching the nearest points are unique."""
    points, reach = PEBBLES[1], 0.3
    samples = with_meshes(random_samples(200, seed=6), code, [points])
    found, count = harness.find(code, samples, reach)
    compared = 0
    for i, rows in enumerate(mujocos_contacts(code, points, samples, reach)):
        if count[i] and found[i, : count[i], 6].min() > 0.01 and len(rows) == 1:
            compared += 1
            deepest = found[i, np.argmin(found[i, : count[i], 6])]
            np.testing.assert_allclose(deepest[6], rows[0, 6], atol=2e-3)
    assert compared > 10


def resting(code, height: float, turn: float) -> Samples:
    """Geom b (a prism, or a box of its size) stands on geom a."""
    r = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    size = np.array([[[0.1, 0.3, 0.3], [0.3, 0.3, 0.3]]])
    return Samples(np.array([[[0, 0, 0], [0, 0, height]]], float), np.array([[np.eye(3), r]]), size)


@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_flat_on_flat_has_four_contacts(engine, turn):
    for code, height in (((6, 7), 0.59), ((7, 7), 0.59)):
        samples = resting(code, height, turn)
        samples.size[0, 0] = 0.3
        found, count = harness.find(code, with_meshes(samples, code, [prism(6)]), 0.0)
        assert count[0] == 4
        np.testing.assert_allclose(found[0, :4, 6], -0.01, atol=1e-6)
        np.testing.assert_allclose(found[0, :4, 3:6], [[0, 0, 1]] * 4, atol=1e-6)
        np.testing.assert_allclose(found[0, :4, :2].mean(axis=0), 0.0, atol=0.1)


def test_capsule_lies_on_a_face_with_two_contacts(engine):
    samples = resting((3, 7), -0.39, 0.2)
    samples.r[0, 0] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    found, count = harness.find((3, 7), with_meshes(samples, (3, 7), [prism(6)]), 0.0)
    assert count[0] == 2
    np.testing.assert_allclose(found[0, :2, 6], -0.01, atol=1e-6)


@pytest.mark.parametrize("code", [(5, 5), (5, 7), (7, 7)])
def test_contacts_of_bodies_that_are_apart_are_as_far_as_the_planes_across_their_normal(engine, code):
    """Also where the face that looks most along the normal lacks the nearest corner, and beside the octagon of a cap."""
    samples = with_meshes(random_samples(12000, seed=9), code, [PEBBLES[1]])
    samples.size *= 0.5
    found, count = harness.find(code, samples, 5.0)
    compared = 0
    for i in range(len(samples)):
        rows = found[i, : count[i]]
        n, deepest = rows[0, 3:6], rows[:, 6].min()
        sides = np.linalg.norm(np.cross(samples.r[i, 0, :, 2], samples.r[i, 1, :, 2]))
        if code == (5, 5) and sides < 0.02:  # two sides along each other touch at two points
            continue
        gap = n @ (samples.p[i, 1] - samples.p[i, 0])
        for which, kind in enumerate(code):
            local = samples.r[i, which].T @ n * (-1.0 if which else 1.0)
            radius, half, _ = samples.size[i, which]
            gap -= radius * np.hypot(*local[:2]) + half * abs(local[2]) if kind == 5 else (PEBBLES[1] @ local).max()
        if gap > 0.0:
            assert deepest == pytest.approx(gap, abs=1e-5)
            compared += 1
    assert compared > 1000
