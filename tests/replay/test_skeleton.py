"""Bones of robots without shapes."""

import numpy as np
import pytest

from genesis.description.read import read_mjcf, read_urdf
from genesis.replay.palette import ACCENT, BONE
from genesis.replay.skins import skins_of

BODY = '<inertial><origin xyz="{0}"/><mass value="{1}"/><inertia ixx="0.02" iyy="0.02" izz="0.001" ixy="0" ixz="0" iyz="0"/></inertial>'
ARM = f"""<robot name="arm">
<link name="base">{BODY.format("0 0 0.1", 2.0)}</link>
<link name="upper">{BODY.format("0 0 0.3", 1.0)}</link>
<link name="lower">{BODY.format("0 0 0.2", 1.0)}</link>
<link name="tool"/>
<joint name="shoulder" type="revolute"><origin xyz="0 0 0.4"/><axis xyz="0 1 0"/><parent link="base"/><child link="upper"/>
<limit lower="-1" upper="1" effort="1" velocity="1"/></joint>
<joint name="rail" type="prismatic"><origin xyz="0.3 0 0.6"/><axis xyz="0 0 1"/><parent link="upper"/><child link="lower"/>
<limit lower="-1" upper="1" effort="1" velocity="1"/></joint>
<joint name="flange" type="fixed"><origin xyz="0 0 0.5"/><parent link="lower"/><child link="tool"/></joint>
</robot>"""


def test_limbs_lead_from_joint_to_joint():
    base, upper, lower, tool, world = skins_of(read_urdf(ARM, fixed=True))
    assert [skin.rgba for skin in base] == [BONE]
    low, high = base[0].vertices.min(0), base[0].vertices.max(0)
    assert low[2] < 0.0 and 0.4 < high[2] < 0.45  # half balls about both joints, thinner at the end
    assert -low[2] == pytest.approx(high[0], rel=1e-2) and high[2] - 0.4 == pytest.approx(0.75 * high[0], rel=1e-2)
    assert {skin.rgba for skin in upper} == {BONE, ACCENT}
    limb, hinge = sorted(upper, key=lambda skin: skin.rgba != BONE)
    along = np.array([0.3, 0.0, 0.6])
    share = limb.vertices @ along / (along @ along)
    assert -0.1 < share.min() < 0.0 and 1.0 < share.max() < 1.1
    away = limb.vertices - share[:, None] * along
    assert np.linalg.norm(away, axis=1).max() < 0.08
    size = np.ptp(hinge.vertices, axis=0)
    assert size[1] > size[0] == pytest.approx(size[2], rel=1e-6)  # a cylinder along y
    np.testing.assert_allclose(hinge.vertices.mean(0), 0.0, atol=1e-6)
    assert tool == [] and world == []


def test_the_last_link_shows_its_inertia_and_a_slide_is_a_block():
    lower = skins_of(read_urdf(ARM, fixed=True))[2]
    (block,) = [skin for skin in lower if skin.rgba == ACCENT]
    assert len(block.faces) == 12
    ellipsoid = [skin for skin in lower if skin.rgba == BONE][-1]
    np.testing.assert_allclose(ellipsoid.vertices.max(0) + ellipsoid.vertices.min(0), [0.0, 0.0, 0.4], atol=1e-6)
    size = np.ptp(ellipsoid.vertices, axis=0)
    assert size[2] > 1.5 * size[0]  # the slender axis of the inertia is the long one


def test_only_links_without_shape_have_bones():
    box = "<visual><geometry><box size='0.1 0.1 0.4'/></geometry></visual>"
    upper = ARM.replace('<link name="upper">', f'<link name="upper">{box}')
    base, with_box, lower, _, _ = skins_of(read_urdf(upper, fixed=True))
    assert [len(skin.faces) for skin in with_box] == [12] and base[0].rgba == BONE and len(lower) > 1
    with_all = upper
    for name in ("base", "lower"):
        with_all = with_all.replace(f'<link name="{name}">', f'<link name="{name}">{box}')
    assert [len(skins) for skins in skins_of(read_urdf(with_all, fixed=True))] == [1, 1, 1, 0, 0]


def test_a_foot_away_from_its_joint_has_a_shank():
    legs = """<mujoco><worldbody><body name="trunk"><freejoint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
    <body name="shank" pos="0.2 0 0"><joint axis="0 1 0"/><inertial pos="0 0 -0.1" mass="0.1" diaginertia="1e-3 1e-3 1e-3"/>
    <geom size="0.02" pos="0 0 -0.3"/></body></body></worldbody></mujoco>"""
    trunk, shank, _ = skins_of(read_mjcf(legs))
    assert len(trunk) == 1 and len(shank) == 3
    ends = [(skin.vertices[:, 2].min(), skin.vertices[:, 2].max()) for skin in shank if skin.rgba == BONE]
    assert ends[0][0] < -0.3 and ends[0][1] > 0.0


def test_hidden_shapes_are_no_reason_for_bones():
    hidden = """<mujoco><worldbody><body><joint/><geom size="0.1" group="3"/></body>
    <body pos="1 0 0"><joint/><geom size="0.1" rgba="1 0 0 0"/></body></worldbody></mujoco>"""
    assert skins_of(read_mjcf(hidden)) == [[], [], []]


def test_among_links_with_shapes_only_gaps_are_filled():
    """A hip whose axes are links of their own."""
    legs = """<mujoco><worldbody><body><freejoint/><geom size="0.1"/><body><joint axis="1 0 0"/><inertial pos="0 0 0" mass="0.1"
    diaginertia="1e-3 1e-3 1e-3"/><body pos="0 0 -0.01"><joint axis="0 1 0"/><geom type="capsule" size="0.05" fromto="0 0 0 0 0 -0.5"/>
    <body pos="0 0 -0.5"><joint axis="0 1 0"/><geom type="capsule" size="0.05" fromto="0 0 0 0 0 -0.5"/></body></body>
    </body></body></worldbody></mujoco>"""
    assert [len(skins) for skins in skins_of(read_mjcf(legs))] == [1, 0, 1, 1, 0]
    gap = legs.replace('<body pos="0 0 -0.01">', '<body pos="0 0 -0.3">')
    assert [len(skins) for skins in skins_of(read_mjcf(gap))] == [1, 2, 1, 1, 0]
