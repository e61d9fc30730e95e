"""Mean inverse inertias at qpos0: those of MuJoCo, for its models and for every special case of its rules."""

import mujoco
import numpy as np
import pytest

from genesis.description.description import Description, Joint, Link, Mimic
from genesis.description.read import read_mjcf
from genesis.errors import ModelError
from genesis.model.compile import Placed, compile_model
from tests.model.random_worlds import random_world
from tests.oracles import mujoco_cases

BOX = '<geom type="box" size="0.1 0.2 0.3"/>'
SLIDE = '<joint type="slide" axis="1 0 0" armature="2"/>'
WORLDS = {
    "hinge through the centre of mass": f"<body><joint/>{BOX}</body>",
    "ball through the centre of mass": f'<body><joint type="ball"/>{BOX}</body>',
    "slide": f"<body>{SLIDE}{BOX}</body>",
    "slide askew": f'<body><joint type="slide" axis="1 1 0"/>{BOX}</body>',
    "slide off the centre of mass": f'<body>{SLIDE}<geom size="0.1" pos="1 0 0"/></body>',
    "slide with a child": f'<body>{SLIDE}{BOX}<body pos="1 0 0">{BOX}</body></body>',
    "slide on a fixed body": f'<body quat="1 1 0 0"><body>{SLIDE}{BOX}</body></body>',
    "slide on two fixed bodies": f"<body><body><body>{SLIDE}{BOX}</body></body></body>",
    "three slides": '<body><joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/><joint type="slide"/>'
    '<geom type="box" size="0.3 0.2 0.1"/></body>',
    "slide with a hinge": f'<body>{SLIDE}<joint axis="0 1 0"/>{BOX}</body>',
    "free": '<body><joint type="free" armature="0.3"/><geom type="box" size="0.1 0.2 0.3" pos="1 0 0" euler="50 20 30"/></body>',
    "welded bodies": f'<body><joint type="ball" pos="1 1 1" armature="0.3"/>{BOX}<body pos="1 2 3" quat="1 2 3 4">{BOX}'
    f'<body pos="1 2 3"><joint axis="1 2 3" ref="20"/>{BOX}</body></body></body>',
    "fixed body": f'<body>{BOX}<body><joint axis="1 2 3"/>{BOX}</body></body>',
}


def assert_as_mujoco(description: Description, model: mujoco.MjModel) -> None:
    ours = compile_model([Placed(description, "robot")]).parameters
    np.testing.assert_allclose(ours["link_invweight"], model.body_invweight0[1:], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours["dof_invweight"], model.dof_invweight0, rtol=1e-10)


@pytest.mark.parametrize("world", WORLDS)
def test_special_cases(world):
    text = f"<mujoco><worldbody>{WORLDS[world]}</worldbody></mujoco>"
    assert_as_mujoco(read_mjcf(text), mujoco.MjModel.from_xml_string(text))


@pytest.mark.parametrize("seed", range(6))
def test_random_worlds(seed):
    assert_as_mujoco(read_mjcf(random_world(seed)), mujoco.MjModel.from_xml_string(random_world(seed)))


@mujoco_cases
def test_robots(folder, name):
    file = str(folder / "mjcf" / f"{name}.xml")
    assert_as_mujoco(read_mjcf(file), mujoco.MjModel.from_xml_path(file))


def test_where_a_robot_stands_does_not_matter():
    text = "<mujoco><worldbody>" + WORLDS["welded bodies"] + "</worldbody></mujoco>"
    here, there = (
        compile_model([Placed(read_mjcf(text), "robot", *pose)]).parameters["link_invweight"]
        for pose in ((), (np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.0, 0.6, 0.0])))
    )
    np.testing.assert_allclose(here, there, rtol=1e-12)


def test_a_follower_weighs_on_its_leader():
    """Two turning discs in gear: 1 / (I + 4 I) for the leader, four times that for the follower."""
    body = dict(mass=1.0, inertia=0.5 * np.eye(3))
    links = [
        Link("a", -1, **body, joints=[Joint("lead", "hinge")]),
        Link("b", -1, **body, joints=[Joint("follow", "hinge", mimic=Mimic("lead", -2.0))]),
    ]
    p = compile_model([Placed(Description("gears", links=links), "gears")]).parameters
    assert p["dof_invweight"][0] == pytest.approx(0.4)
    np.testing.assert_allclose(p["link_invweight"], [[0.0, 0.4 / 3], [0.0, 1.6 / 3]], atol=1e-15)


def test_a_joint_without_anything_to_move_is_refused():
    links = [Link("ghost", -1, joints=[Joint("j", "slide")])]
    with pytest.raises(ModelError, match="robot: the mass matrix is singular .* give its link mass"):
        compile_model([Placed(Description("robot", links=links), "robot")])
