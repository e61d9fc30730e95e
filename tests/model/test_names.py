"""What messages call the constraints of a model."""

import pytest

from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model
from genesis.model.names import constraint_name, coordinate_name, dof_name

XML = """<mujoco model="m"><compiler angle="radian"/><worldbody><geom name="floor" type="plane" size="0 0 1"/>
  <body name="one" pos="0 0 1"><joint name="a" axis="0 1 0" range="-1 1" frictionloss="1"/><geom name="rod" type="capsule" size="0.1 0.2"/>
    <body name="two" pos="0 0 1"><joint name="b" axis="1 0 0" range="-1 1"/><geom type="sphere" size="0.1"/></body></body>
  <body name="free" pos="3 0 1"><freejoint name="base"/><geom name="ball" size="0.1"/></body></worldbody>
  <equality><connect body1="one" body2="free" anchor="0 0 0"/><weld body1="free"/><joint joint1="a" joint2="b"/><joint joint1="b"/></equality>
  </mujoco>"""


@pytest.fixture(scope="module")
def model():
    return compile_model([Placed(read_mjcf(XML, mimic="independent"), "robot")])


@pytest.mark.parametrize(
    ("kind", "index", "name"),
    [
        ("limit", 1, 'the limit of "robot/b"'),
        ("dry friction", 0, 'the dry friction of "robot/a"'),
        ("dry friction", 4, 'the dry friction of "robot/base[2]"'),
        ("equality", 0, 'the connect equality of "one" and "free"'),
        ("equality", 1, 'the weld equality of "free" and the world'),
        ("equality", 2, 'the joint equality of "robot/a" and "robot/b"'),
        ("equality", 3, 'the joint equality of "robot/b"'),
    ],
)
def test_a_constraint_is_called_by_its_kind_and_what_it_acts_on(model, kind, index, name):
    assert constraint_name(model, kind, index) == name


def test_a_contact_is_called_by_its_two_geoms(model):
    names = {constraint_name(model, "contact", k) for k in range(model.sizes["ncand"])}
    assert 'the contact between geom "floor" of "robot" and geom "ball" of "robot"' in names
    assert 'the contact between geom "floor" of "robot" and geom "rod" of "robot"' in names
    assert len(names) == model.sizes["ncand"]


def test_coordinates_and_degrees_of_freedom_have_their_joints_name(model):
    assert [coordinate_name(model, k) for k in (0, 1, 2, 8)] == ["robot/a", "robot/b", "robot/base", "robot/base"]
    assert [dof_name(model, k) for k in (0, 1, 2, 7)] == ["robot/a", "robot/b", "robot/base[0]", "robot/base[5]"]
