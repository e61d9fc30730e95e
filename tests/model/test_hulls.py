"""Hulls of a model: simplified above the most corners that the collision can number, named by file and link."""

import logging

import numpy as np
import pytest

from genesis.description.description import Description, Geom, Joint, Link
from genesis.description.hulls import MOST_CORNERS, convex_hull, distance_outside
from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import ModelError
from genesis.grad.shapes import pack_shapes
from genesis.model.compile import Placed, compile_model
from tests.description.snippets import joint, link, robot
from tests.description.test_hulls import ball


def ball_robot(folder, count: int) -> str:
    """A URDF whose arm is an even ball of radius 0.1 with ``count`` corners, twice."""
    points = 0.1 * ball(count)
    hull = convex_hull(points)
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in hull[0].tolist()] + [f"f {a} {b} {c}" for a, b, c in (hull[1] + 1).tolist()]
    (folder / "ball.obj").write_text("\n".join(lines))
    shape = '<collision><geometry><mesh filename="ball.obj"/></geometry></collision>'
    file = folder / "arm.urdf"
    file.write_text(
        robot(
            link("base"),
            link("arm", 1.0, shape),
            link("tip", 1.0, shape),
            joint("a", "revolute", "base", "arm"),
            joint("b", "revolute", "arm", "tip"),
        )
    )
    return str(file)


def test_hulls_of_too_many_corners_are_simplified_and_named(tmp_path, caplog):
    """File, link, corners and error [mm] in one line; the hull that touches is the one that was said."""
    caplog.set_level(logging.WARNING, logger="genesis")
    file = ball_robot(tmp_path, 4500)
    model = compile_model([Placed(read_urdf(file), "robot")])
    (hull,) = model.hulls
    assert len(hull[0]) == MOST_CORNERS and np.linalg.norm(hull[0], axis=1) == pytest.approx(0.1, rel=1e-6)
    (record,) = caplog.records
    whole = convex_hull(0.1 * ball(4500))
    error = 1000 * distance_outside(hull, whole[0]).max()
    assert 0.05 < error < 0.2
    assert record.getMessage().startswith(f"{file}: convex hulls of more than 4096 corners are simplified")
    assert record.getMessage().endswith(f'link "arm", mesh {tmp_path}/ball.obj, 4500 corners, {error:.2g} mm.')
    assert pack_shapes(model)[0].size  # the pairs take it


def test_hulls_of_few_enough_corners_stay(tmp_path, caplog):
    caplog.set_level(logging.WARNING, logger="genesis")
    model = compile_model([Placed(read_urdf(ball_robot(tmp_path, 500)), "robot")])
    assert len(model.hulls[0][0]) == 500 and not caplog.records


def test_hulls_of_mjcf_too(caplog):
    """MuJoCo has made the hull; of two links that share it the first is named, and the hull is kept once."""
    caplog.set_level(logging.WARNING, logger="genesis")
    vertices = " ".join(f"{x:.9g}" for x in ball(4200).ravel())
    body = '<body name="{0}" pos="{1} 0 0"><freejoint/><geom type="mesh" mesh="m"/></body>'
    bodies = body.format("one", 0) + body.format("two", 5)
    text = f'<mujoco><asset><mesh name="m" vertex="{vertices}"/></asset><worldbody>{bodies}</worldbody></mujoco>'
    model = compile_model([Placed(read_mjcf(text), "robot")])
    assert [len(hull[0]) for hull in model.hulls] == [MOST_CORNERS]
    (record,) = caplog.records
    assert 'link "one", mesh ' in record.getMessage() and "4200 corners, 1.5 mm" in record.getMessage()


def test_mesh_as_thin_as_a_needle_is_refused_by_name():
    points = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1e-5) for z in (0.0, 1e-5)])
    thin = Geom("needle", 0, "mesh", np.zeros(3), np.zeros(3), np.array([1.0, 0, 0, 0]), vertices=points)
    description = Description(
        "robot", links=[Link("a", -1, mass=1.0, inertia=np.eye(3), joints=[Joint("j", "free")])], geoms=[thin]
    )
    with pytest.raises(ModelError, match='robot: geom "needle": its mesh is flat'):
        compile_model([Placed(description, "robot")])
