"""Equalities, tendons and the rest: taken over, named or refused, never lost."""

import pytest

from genesis.description.description import Mimic
from genesis.description.read import read_mjcf
from genesis.errors import UnsupportedError

MODEL = """
<mujoco>{top}
  <worldbody>
    <geom name="ground" type="plane" size="1 1 1"/>
    <body name="a"><joint name="qa" ref="10" axis="0 1 0"/><geom name="ga" size="0.1" pos="1 0 0"/></body>
    <body name="b"><joint name="qb" axis="0 1 0"/><geom name="gb" size="0.1" pos="1 0 0"/></body>
    <body name="c"><joint name="qc" axis="0 1 0"/><geom name="gc" size="0.1" pos="1 0 0"/></body>
    {bodies}
  </worldbody>{end}
</mujoco>
"""


def read(top="", bodies="", end="", **kwargs):
    return read_mjcf(MODEL.format(top=top, bodies=bodies, end=end), **kwargs)


def mimics(description):
    return {joint.name: joint.mimic for link in description.links for joint in link.joints}


def test_linear_joint_equality_is_a_mimic_joint():
    """qb = 0.5 + 2 (qa - 10°), measured from the reference of qa; the mimic satisfies it, so nothing is left out."""
    description = read(end='<equality><joint joint1="qb" joint2="qa" polycoef="0.5 2 0 0 0"/></equality>', mimic="reduce")
    mimic = mimics(description)["qb"]
    assert (mimic.joint, mimic.multiplier) == ("qa", 2.0)
    assert mimic.offset == pytest.approx(0.5 - 2 * 0.17453292519943295)
    assert description.not_simulated == []


@pytest.mark.parametrize("order", [("ba", "cb"), ("cb", "ba")])
def test_chains_of_equalities_follow_the_first_joint(order):
    """c = 3 b + 1, b = 2 a: c = 6 a + 1, in whichever order they are written (qa measured from its own zero)."""
    lines = {
        "ba": '<joint joint1="qb" joint2="qa" polycoef="0.5 2 0 0 0"/>',
        "cb": '<joint joint1="qc" joint2="qb" polycoef="1 3 0 0 0"/>',
    }
    text = "<equality>" + "".join(lines[name] for name in order) + "</equality>"
    found = mimics(read(end=text, mimic="reduce"))
    offset = 0.5 - 2 * 0.17453292519943295
    assert found["qb"].joint == found["qc"].joint == "qa"
    assert (found["qb"].multiplier, found["qc"].multiplier) == (2.0, 6.0)
    assert (found["qb"].offset, found["qc"].offset) == (pytest.approx(offset), pytest.approx(3 * offset + 1))


def test_equalities_that_are_no_mimic_stay_soft():
    """A circle, a second leader, a curve, a fixed joint, welds; inactive ones do nothing in MuJoCo either."""
    description = read(
        end="""<equality>
          <joint name="first" joint1="qb" joint2="qa"/><joint name="second" joint1="qb" joint2="qc"/>
          <joint name="circle" joint1="qa" joint2="qb"/><joint name="curve" joint1="qc" joint2="qa" polycoef="0 1 1 0 0"/>
          <joint name="held" joint1="qc"/><weld name="weld" body1="a" body2="b"/>
          <connect name="off" body1="a" body2="b" anchor="0 0 0" active="false"/></equality>""",
        mimic="reduce",
    )
    assert mimics(description)["qb"] == Mimic("qa", 1.0, pytest.approx(-0.17453292519943295))
    assert [e.name for e in description.equalities] == ["second", "circle", "curve", "held", "weld"]
    assert description.not_simulated == []


def test_the_reduced_equality_is_the_one_that_made_the_mimic():
    """b = a would close a circle and stays soft; b = c is fulfilled exactly and goes."""
    end = """<equality><joint name="lead" joint1="qa" joint2="qb"/><joint name="circle" joint1="qb" joint2="qa"/>
      <joint name="later" joint1="qb" joint2="qc"/></equality>"""
    description = read(end=end, mimic="reduce")
    assert (mimics(description)["qa"].joint, mimics(description)["qb"].joint) == ("qc", "qc")
    assert [e.name for e in description.equalities] == ["circle"]


def test_tendon_equalities_are_named():
    end = TENDON.format("") + '<equality><tendon name="tie" tendon1="t"/></equality>'
    assert read(end=end).not_simulated == ['equality "tie" (tendon)']


def test_joints_stay_independent_unless_asked():
    description = read(end='<equality><joint name="gear" joint1="qb" joint2="qa"/></equality>')
    assert set(mimics(description).values()) == {None}
    assert [(e.name, e.first, e.second) for e in description.equalities] == [("gear", "qb", "qa")]


def test_disabled_equalities_do_nothing():
    tied = '<equality><joint joint1="qb" joint2="qa"/></equality>'
    description = read('<option><flag equality="disable"/></option>', end=tied, mimic="reduce")
    assert (mimics(description)["qb"], description.equalities, description.not_simulated) == (None, [], [])


def test_mimic_joints_are_left_out_of_keyframes():
    end = '<equality><joint joint1="qb" joint2="qa"/></equality><keyframe><key name="k" qpos="1 2 3"/></keyframe>'
    assert read(end=end, mimic="reduce").keyframes["k"].tolist() == [1.0, 3.0]
    assert read(end=end).keyframes["k"].tolist() == [1.0, 2.0, 3.0]


TENDON = '<tendon><fixed name="t"{}><joint joint="qa" coef="1"/><joint joint="qb" coef="1"/></fixed></tendon>'
NAMED = {
    "tendon": (("", "", TENDON.format(' range="-1 1" stiffness="3" damping="2"')), 'tendon "t" (limit, spring, damping)'),
    "tendon friction": (("", "", TENDON.format(' frictionloss="1" armature="1"')), 'tendon "t" (armature, friction loss)'),
    "mocap": (("", '<body name="hand" mocap="true"><geom size="1"/></body>', ""), 'body "hand" (mocap)'),
    "gravity compensation": (
        ("", '<body gravcomp="1"><joint name="d" actuatorgravcomp="true"/><geom size="1"/></body>', ""),
        'joint "d" (gravity compensation by its actuator)',
    ),
}


@pytest.mark.parametrize("feature", NAMED)
def test_passive_features_are_named(feature):
    parts, line = NAMED[feature]
    assert read(*parts).not_simulated == [line]


def test_fixed_tendon_alone_is_no_feature():
    assert read(end=TENDON.format("")).not_simulated == []


@pytest.mark.parametrize(
    ("attribute", "what"), [('damping="1 2"', "polynomial damping"), ('stiffness="1 0 2"', "polynomial stiffness")]
)
def test_polynomial_joint_forces_are_refused(attribute, what):
    with pytest.raises(UnsupportedError, match=f'joint "d" has {what}; only linear springs and dampers are simulated'):
        read(bodies=f'<body><joint name="d" {attribute}/><geom size="1"/></body>')
