import numpy as np
import pytest

from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import InputError
from tests.description.snippets import joint, link, robot
from tests.reference_dynamics import ReferenceDynamics, random_state

ARM = robot(
    *(link("base"), link("a", 1.0, '<collision><geometry><sphere radius="0.5"/></geometry></collision>'), link("b")),
    joint("turn", "revolute", "base", "a", '<limit lower="-1" upper="1"/>', xyz=(1, 2, 3), rpy=(1, 0, 0)),
    joint("rail", "prismatic", "a", "b", '<limit lower="-1" upper="1"/>', xyz=(1, 0, 0)),
)


@pytest.mark.parametrize("fixed", [True, False])
def test_kinetic_energy_grows_with_the_fifth_power(fixed):
    """Same motion at twice the size: lengths 2, masses 8, energies 32, for joint coordinates scaled by their unit."""
    small, large = (ReferenceDynamics(read_urdf(ARM, fixed=fixed, scale=s)) for s in (1.0, 2.0))
    qpos, qvel = random_state(small, seed=5)
    free = [2.0] * 3 + [1.0] * 4
    units_q = np.array([1.0, 2.0] if fixed else [*free, 1.0, 2.0])
    units_v = np.array([1.0, 2.0] if fixed else [*[2.0] * 3, *[1.0] * 3, 1.0, 2.0])
    np.testing.assert_allclose(large.kinematics(units_q * qpos).p, 2.0 * small.kinematics(qpos).p, atol=1e-12)
    energy_small = qvel @ small.mass_matrix(qpos) @ qvel
    v = units_v * qvel
    assert v @ large.mass_matrix(units_q * qpos) @ v == pytest.approx(32.0 * energy_small, rel=1e-12)


def test_only_lengths_scale():
    description = read_urdf(ARM, scale=2.0)
    turn, rail = description.links[1].joints[0], description.links[2].joints[0]
    assert (turn.limit, rail.limit) == ((-1.0, 1.0), (-2.0, 2.0))
    assert description.geoms[0].size[0] == 1.0


def test_mimic_and_keyframes_scale_with_their_units():
    text = """<mujoco><worldbody><body pos="0 0 1"><freejoint/><geom size="0.1"/><site name="s" pos="1 0 0"/>
      <body><joint name="a"/><geom size="0.1" pos="1 0 0"/></body>
      <body><joint name="b" type="slide" ref="0.5"/><geom size="0.1"/></body></body></worldbody>
      <equality><joint joint1="b" joint2="a" polycoef="0.25 3 0 0 0"/></equality>
      <keyframe><key name="home" qpos="1 2 3 1 0 0 0 0.5 7"/></keyframe></mujoco>"""
    description = read_mjcf(text, scale=2.0, mimic="reduce")
    slide = description.links[2].joints[0]
    assert (slide.mimic.multiplier, slide.mimic.offset, slide.ref) == (6.0, 1.5, 1.0)
    np.testing.assert_array_equal(description.keyframes["home"], [2, 4, 6, 1, 0, 0, 0, 0.5])
    np.testing.assert_array_equal(description.sites[0].pos, [2, 0, 0])


def test_constraints_scale_with_their_units():
    """Anchors, margins and height fields are lengths; y = c0 + c1 x + c2 x² of a slide y and a hinge x grows as y."""
    text = """<mujoco><asset><hfield name="h" nrow="2" ncol="2" size="1 2 3 4"/></asset><worldbody>
      <geom type="hfield" hfield="h"/><body name="a"><joint name="turn" limited="true" range="-1 1" margin="0.1"/>
      <geom name="x" size="0.1"/></body><body name="b"><joint name="rail" type="slide" limited="true" range="-1 1" margin="0.1"/>
      <geom name="y" size="0.1"/></body></worldbody>
      <contact><pair geom1="x" geom2="y" margin="0.2" gap="0.1"/></contact>
      <equality><connect body1="a" body2="b" anchor="1 2 3"/><weld body1="a" body2="b" torquescale="5" anchor="1 2 3"/>
      <joint joint1="rail" joint2="turn" polycoef="1 2 3 4 5"/><joint joint1="turn" joint2="rail" polycoef="1 2 4 8 16"/>
      </equality></mujoco>"""
    d = read_mjcf(text, scale=2.0)
    turn, rail = d.links[0].joints[0], d.links[1].joints[0]
    assert (turn.limit_margin, rail.limit_margin) == (0.1, 0.2)
    assert (d.pairs[0].margin, d.pairs[0].gap) == (0.4, 0.2) and d.geoms[0].hfield.size.tolist() == [2, 4, 6, 8]
    connect, weld, rail_of_turn, turn_of_rail = (e.data.tolist() for e in d.equalities)
    assert connect[:6] == [2, 4, 6, 2, 4, 6] and (weld[:3], weld[10]) == ([2, 4, 6], 5)
    assert rail_of_turn[:5] == [2, 4, 6, 8, 10] and turn_of_rail[:5] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), "big", (1.0, 2.0, 3.0)])
def test_scale_is_one_positive_number(scale):
    with pytest.raises(InputError, match="expected one positive number"):
        read_urdf(ARM, scale=scale)
