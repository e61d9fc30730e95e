"""Every refusal of a URDF names the file and the element, in one or two lines."""

import pytest

from genesis.description.read import read_urdf
from genesis.errors import InputError, ModelError, UnknownNameError
from tests.description.snippets import arm, joint, link, robot

CASES = {
    "unknown type": (
        arm("screw"),
        'joint "wrist" has type "screw"; known: revolute, continuous, prismatic, fixed, planar, spherical, floating.',
    ),
    "zero axis": (arm(axis=(0, 0, 0)), 'joint "wrist" has a zero axis.'),
    "limits crossed": (
        arm(inside='<limit lower="1" upper="-1"/>'),
        'joint "wrist" has its lower limit 1 above its upper limit -1.',
    ),
    "negative mass": (robot(link("base", -2.0)), 'link "base" has negative mass -2 kg.'),
    "not a number": (arm(inside='<limit lower="a" upper="1"/>'), 'joint "wrist": <limit lower="a"> must hold 1 number.'),
    "two numbers": (
        robot('<link name="a"><visual><origin xyz="1 2"/><geometry><sphere radius="1"/></geometry></visual></link>'),
        'link "a": <origin xyz="1 2"> must hold 3 numbers.',
    ),
    "not finite": (robot('<link name="a"><inertial><mass value="nan"/></inertial></link>'), 'link "a": <mass value="nan">'),
    "no link": (robot(), "the robot has no link."),
    "double link": (robot(link("a"), link("a")), 'two links have the name "a".'),
    "double joint": (
        robot(link("a"), link("b"), link("c"), joint("j", "fixed", "a", "b"), joint("j", "fixed", "a", "c")),
        'two joints have the name "j".',
    ),
    "no name": (robot(link("a"), "<link/>"), "link number 2 has no name."),
    "no child": (
        robot(link("a"), '<joint name="j" type="fixed"><parent link="a"/></joint>'),
        'joint "j" has no <child link="…">.',
    ),
    "two roots": (robot(link("a"), link("b")), "2 links have no parent joint (a, b); exactly one root is allowed."),
    "two parents": (
        robot(link("a"), link("b"), joint("j", "fixed", "a", "b"), joint("k", "fixed", "a", "b")),
        'link "b" is the child of two joints, "j" and "k"; a robot must be a tree, kinematic loops are not supported.',
    ),
    "no root": (
        robot(link("a"), link("b"), joint("j", "fixed", "a", "b"), joint("k", "fixed", "b", "a")),
        "every link is the child of a joint, so there is no root: the joints form a loop.",
    ),
    "loop aside": (
        robot(link("r"), link("a"), link("b"), joint("j", "fixed", "a", "b"), joint("k", "fixed", "b", "a")),
        "links a, b are not connected to the root r: their joints form a loop.",
    ),
    "mimic circle": (
        robot(
            *(link("a"), link("b"), link("c")),
            *(joint("j", "revolute", "a", "b", '<mimic joint="k"/>'), joint("k", "revolute", "b", "c", '<mimic joint="j"/>')),
        ),
        "joints j, k mimic each other in a circle.",
    ),
    "unknown shape": (
        robot('<link name="a"><collision><geometry><cone/></geometry></collision></link>'),
        'link "a": collision geometry is <cone>; known: box, sphere, cylinder, capsule, mesh.',
    ),
    "nothing to move": (
        robot(link("a"), link("b", None), joint("j", "revolute", "a", "b")),
        'joint "j" moves link "b", which has no mass to move and no solid shape to take it from; give it an <inertial>, make the joint '
        "fixed, or use default_armature.",
    ),
    "no inertia to turn": (
        robot(link("a"), '<link name="b"><inertial><mass value="1"/></inertial></link>', joint("j", "revolute", "a", "b")),
        'joint "j" moves link "b", which has no inertia about its axis to move and no solid shape to take it from; give it',
    ),
    "several that cannot move": (
        robot(*(link(n, None) for n in "abc"), joint("j", "revolute", "a", "b"), joint("k", "revolute", "a", "c")),
        'has no mass to move and no solid shape to take it from (nor have "k"); give it',
    ),
    "massless root that is seen and flat": (
        robot('<link name="a"><visual><geometry><mesh filename="none.stl"/></geometry></visual></link>'),
        'link "a" has no mass and no solid shape, so it cannot move freely; give it an <inertial> or use fixed=True.',
    ),
    "negative effort": (arm(inside='<limit lower="0" upper="1" effort="-2" velocity="1"/>'), '<limit effort="-2"> is negative'),
    "negative damping": (
        arm(inside='<dynamics damping="-0.1"/>'),
        'joint "wrist": <dynamics damping="-0.1"> is negative; allowed: zero',
    ),
    "negative friction": (arm(inside='<dynamics friction="-1"/>'), '<dynamics friction="-1"> is negative'),
    "number that xacro puts in": (
        arm().replace('xyz="0.0 0.0 0.0"', 'xyz="$(optenv PLACE 0 0 1)"'),
        'joint "wrist": <origin xyz="$(optenv PLACE 0 0 1)">: expand the file with `xacro ',
    ),
    "two numbers of scale": (
        robot('<link name="a"><visual><geometry><mesh filename="m.stl" scale="1 2"/></geometry></visual></link>'),
        '<mesh scale="1 2"> must hold 1 or 3 numbers.',
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refusal_names_file_and_element(case, tmp_path):
    text, message = CASES[case]
    file = tmp_path / "arm.urdf"
    file.write_text(text)
    with pytest.raises(ModelError) as caught:
        read_urdf(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_unknown_names_come_with_the_nearest():
    text = robot(link("base"), link("tip"), joint("wrist", "revolute", "bse", "tip"))
    with pytest.raises(UnknownNameError, match='unknown parent link of joint "wrist" "bse"; known: base, tip'):
        read_urdf(text)


COLOURED = '<visual><geometry><box size="1 1 1"/></geometry><material name="{0}"><color rgba="{1}"/></material></visual>'


def test_colours_of_other_than_four_numbers(caplog):
    shapes = [COLOURED.format(*pair) for pair in (("m", "0.1 0.2 0.3 0.4 1"), ("n", "0.5 0.6 0.7"), ("o", "red"))]
    geoms = read_urdf(robot('<material name="p"><color rgba="1 1"/></material>', link("a", 1.0, "".join(shapes)))).geoms
    expected = [(0.1, 0.2, 0.3, 0.4), (0.5, 0.6, 0.7, 1.0), (0.7, 0.7, 0.7, 1.0)]
    for geom, rgba in zip(geoms, expected, strict=True):
        assert geom.rgba == pytest.approx(rgba)
    (record,) = caplog.records
    assert record.getMessage().endswith(
        'colours that are not four numbers, of which the first are taken: link "a", material "p".'
    )


def test_mimics_that_cannot_be_followed_leave_the_joint_to_itself(caplog):
    text = robot(
        *(link(name) for name in "abcdef"),
        joint("lead", "revolute", "a", "b"),
        joint("lost", "revolute", "a", "c", '<mimic joint="lade"/>'),
        joint("weld", "fixed", "a", "d"),
        joint("still", "revolute", "a", "e", '<mimic joint="weld"/>'),
        joint("good", "revolute", "a", "f", '<mimic joint="lead" multiplier="2"/>'),
    )
    joints = {j.name: j.mimic for found in read_urdf(text).links for j in found.joints}
    assert [joints[name] for name in ("lost", "still")] == [None, None] and joints["good"].multiplier == 2.0
    (record,) = caplog.records
    assert record.getMessage().endswith('so that they move by themselves: "lost" of "lade", "still" of "weld".')
    caplog.clear()
    read_urdf(robot(link("a"), link("b"), joint("j", "planar", "a", "b", '<mimic joint="k"/>')))
    assert 'mimics by joints that are not revolute, continuous, prismatic, so that they move by themselves: "j"' in caplog.text


def test_mimic_mode_is_checked():
    with pytest.raises(InputError, match='mimic is "off"; known: reduce, independent'):
        read_urdf(arm(), mimic="off")
