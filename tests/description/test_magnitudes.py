"""Masses, inertias and lengths beyond what can be computed with are named."""

import math

import pytest

from genesis.description.magnitudes import MOST_LENGTH, MOST_MASS, check_numbers
from genesis.description.read import read_mjcf
from genesis.errors import ModelError

ROBOT = '<mujoco><worldbody><body name="b"><joint name="j"/><geom name="g" size="1"/></body></worldbody></mujoco>'


def test_the_largest_are_allowed_and_larger_ones_named() -> None:
    robot = read_mjcf(ROBOT)
    link, joint, geom = robot.links[0], robot.links[0].joints[0], robot.geoms[0]
    link.mass, link.pos[0] = MOST_MASS, -MOST_LENGTH
    check_numbers(robot, "robot.xml")
    for owner, name, said in (
        (link, "mass", 'robot.xml: link "b": its mass is 1e.31 kg; allowed: up to 1e.30'),
        (joint, "armature", 'joint "j": its armature'),
    ):
        before = getattr(owner, name)
        setattr(owner, name, 1e31)
        with pytest.raises(ModelError, match=said):
            check_numbers(robot, "robot.xml")
        setattr(owner, name, before)
    for array, said in ((link.com, 'link "b": its position'), (joint.pos, 'joint "j"'), (geom.size, 'geom "g"')):
        for wrong in (2.0 * MOST_LENGTH, math.nan, -math.inf):
            before, array[0] = array[0], wrong
            with pytest.raises(ModelError, match=said):
                check_numbers(robot, "robot.xml")
            array[0] = before
    check_numbers(robot, "robot.xml")
