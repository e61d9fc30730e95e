"""Fewer triangles: budgets, quadrics, creases."""

import numpy as np
import pytest
import trimesh

from genesis.replay import decimation as D
from genesis.replay.mesh_parts import MeshPart
from genesis.replay.quadrics import reduced


def part(mesh, **looks) -> MeshPart:
    return MeshPart(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, int), **looks)


def volume(shape) -> float:
    a, b, c = (shape.vertices[shape.faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


BALL = trimesh.creation.icosphere(5)  # 20 480 triangles


def test_shares_are_those_of_the_surface():
    assert D.share_out([100, 200], [1.0, 1.0], 300) == [100, 200]
    assert D.share_out([10_000, 10_000], [1.0, 3.0], 4_000) == [1_000, 3_000]
    assert D.share_out([10_000, 50, 10_000], [1.0, 9.0, 1.0], 4_050) == [2_000, 50, 2_000]  # small ones keep theirs
    assert D.share_out([10_000, 500], [1.0, 1.0], 4_000) == [3_500, 500]  # what one does not need is the other's
    assert D.share_out([10_000, 10_000], [1.0, 1e-9], 4_000)[1] == D.SMALL


def test_a_ball_stays_a_ball():
    made = D.decimated(part(BALL), 1000)
    assert 950 <= len(made.faces) <= 1000
    radii = np.linalg.norm(made.vertices, axis=1)
    assert 0.98 < radii.min() and radii.max() < 1.02
    assert volume(made) == pytest.approx(4.0 / 3.0 * np.pi, rel=0.02)  # and looks outwards


def test_a_box_of_many_triangles_needs_few():
    box = trimesh.creation.box([1.0, 2.0, 3.0])
    for _ in range(4):
        box = box.subdivide()
    (vertices, faces), origin = reduced((box.vertices, box.faces), 12)
    assert len(faces) <= 24
    np.testing.assert_allclose([vertices.min(0), vertices.max(0)], [[-0.5, -1.0, -1.5], [0.5, 1.0, 1.5]], atol=1e-9)
    assert volume(MeshPart(vertices, faces)) == pytest.approx(6.0, rel=1e-9)
    assert len(origin) == len(vertices)


def test_small_parts_are_untouched():
    ball = part(trimesh.creation.icosphere(1))  # 80 triangles
    assert D.decimated(ball, 10) is ball


def test_colours_go_with_their_vertices():
    colours = np.zeros((len(BALL.vertices), 4), np.uint8)
    colours[:, 0], colours[:, 3] = 255 * (BALL.vertices[:, 2] > 0.0), 255
    made = D.decimated(part(BALL, colours=colours), 1000)
    away = np.abs(made.vertices[:, 2]) > 0.1
    right = made.colours[:, 0] == 255 * (made.vertices[:, 2] > 0.0)
    assert right[away].mean() > 0.99 and (made.colours[:, 3] == 255).all()


def test_texture_coordinates_are_kept_unless_far_beyond_the_budget():
    uv = np.asarray(BALL.vertices[:, :2], float)
    ball = part(BALL, uv=uv, texture=np.zeros((2, 2, 3), np.uint8))
    assert D.decimated(ball, len(ball.faces) // 3) is ball
    made = D.decimated(ball, 1000)
    assert len(made.faces) <= 1000 and made.texture is ball.texture
    assert np.abs(made.uv - made.vertices[:, :2]).max() < 0.2


@pytest.mark.parametrize("kind", ["soup", "one triangle many times", "fan", "flat"])
def test_broken_meshes_end_nothing(kind):
    random = np.random.default_rng(0)
    if kind == "soup":
        broken = MeshPart(random.normal(size=(3000, 3)), random.integers(0, 3000, (5000, 3)))
    elif kind == "one triangle many times":
        broken = MeshPart(np.eye(3), np.tile([[0, 1, 2], [0, 2, 1]], (1000, 1)))
    elif kind == "fan":  # one edge in a thousand triangles
        angle = np.linspace(0.0, 6.0, 1000)
        rim = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
        broken = MeshPart(np.concatenate([[[0, 0, 0], [0, 0, 1.0]], rim]), np.array([[0, 1, k + 2] for k in range(1000)]))
    else:
        broken = MeshPart(np.zeros((900, 3)), random.integers(0, 900, (2000, 3)))
    made = D.creased(D.decimated(broken, 200))
    assert np.isfinite(made.vertices).all() and len(made.faces) <= len(broken.faces)
    assert len(made.faces) == 0 or made.faces.max() < len(made.vertices)


def test_vertices_are_shared_within_smooth_surfaces_alone():
    box = D.creased(part(trimesh.creation.box()))
    assert len(box.vertices) == 24 and len(box.faces) == 12
    np.testing.assert_array_equal(np.sort(box.vertices[box.faces].reshape(-1, 9), 0).shape, (12, 9))
    assert len(D.creased(part(trimesh.creation.icosphere(3))).vertices) == 642  # as it was
    tube = D.creased(part(trimesh.creation.cylinder(1.0, 2.0, sections=32)))
    assert len(tube.vertices) == 2 * 33 + 2 * 32  # two caps and the side


def test_triangles_that_stand_apart_in_the_file_are_put_together():
    ball = trimesh.creation.icosphere(2)
    apart = MeshPart(ball.vertices[ball.faces].reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3))
    assert len(D.creased(apart).vertices) == len(ball.vertices)


def test_the_two_sides_of_a_thin_wall_stay_two():
    """Far more triangles than are wanted: close vertices are put together first, but not through the wall."""
    outer, inner = trimesh.creation.icosphere(6), trimesh.creation.icosphere(6, radius=0.99)
    inner.invert()
    shell = trimesh.util.concatenate(outer, inner)
    made = D.decimated(part(shell), 1500)
    assert len(made.faces) <= 1500
    radii = np.linalg.norm(made.vertices[made.faces].mean(1), axis=1)
    a, b, c = (made.vertices[made.faces[:, k]] for k in range(3))
    outwards = np.einsum("ij,ij->i", a + b + c, np.cross(b - a, c - a)) > 0.0
    assert 0.3 < outwards.mean() < 0.7 and radii[outwards].mean() > radii[~outwards].mean()
    assert volume(made) == pytest.approx(4.0 / 3.0 * np.pi * (1.0 - 0.99**3), rel=0.3)
