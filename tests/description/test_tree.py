"""Anchors, free roots, and chains of massless links folded into one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.description import tree
from genesis.description.read import read_urdf
from tests.description.snippets import joint, link, random_vectors, robot
from tests.reference_dynamics import ReferenceDynamics, link_index, random_state

GEOMETRY = '<collision><geometry><sphere radius="0.1"/></geometry></collision>'


def shape(description):
    return [(found.name, found.parent, [j.name for j in found.joints]) for found in description.links]


def test_root_is_free_unless_fixed():
    text = robot(link("base"), link("tip"), joint("wrist", "revolute", "base", "tip"))
    assert shape(read_urdf(text)) == [("base", -1, ["root_joint"]), ("tip", 0, ["wrist"])]
    assert shape(read_urdf(text, fixed=True)) == [("base", -1, []), ("tip", 0, ["wrist"])]


def test_free_joint_gives_way_to_a_joint_of_its_name():
    text = robot(link("base"), link("tip"), joint("root_joint", "revolute", "base", "tip"))
    assert shape(read_urdf(text))[0] == ("base", -1, ["base_root_joint"])


def test_root_named_world_is_the_world():
    """Also when it carries geometry, which then belongs to the world, and when the robot is welded to it."""
    text = robot(link("world", None, GEOMETRY), link("base"), joint("weld", "fixed", "world", "base", xyz=(0, 0, 1)))
    description = read_urdf(text)
    assert shape(description) == [("base", -1, [])]
    assert [geom.link for geom in description.geoms] == [-1]
    np.testing.assert_array_equal(description.links[0].pos, [0, 0, 1])


def test_world_need_not_be_declared():
    text = robot(link("base"), joint("weld", "fixed", "world", "base", xyz=(0, 0, 1)))
    assert shape(read_urdf(text)) == [("base", -1, [])]


def test_root_without_mass_and_geometry_is_an_anchor():
    """Frames welded to it stay where they are."""
    text = robot(
        *(link("anchor", None), link("frame", None), link("cart")),
        *(joint("weld", "fixed", "anchor", "frame", xyz=(1, 2, 3)), joint("rail", "prismatic", "frame", "cart")),
    )
    description = read_urdf(text)
    assert shape(description) == [("frame", -1, []), ("cart", 0, ["rail"])]
    np.testing.assert_array_equal(description.links[0].pos, [1, 2, 3])


def test_massless_root_welded_to_a_mass_moves():
    text = robot(link("footprint", None), link("base"), joint("weld", "fixed", "footprint", "base"))
    assert shape(read_urdf(text)) == [("footprint", -1, ["root_joint"]), ("base", 0, [])]


def test_fixed_frames_without_mass_stay_links():
    text = robot(link("base"), link("tool", None), joint("flange", "fixed", "base", "tool", xyz=(0, 0, 0.5)))
    assert shape(read_urdf(text)) == [("base", -1, ["root_joint"]), ("tool", 0, [])]


def test_massless_links_that_are_seen_or_branch_are_kept():
    seen = robot(
        *(link("base"), link("rail", None, GEOMETRY), link("cart")),
        *(joint("x", "prismatic", "base", "rail"), joint("y", "prismatic", "rail", "cart", axis=(1, 0, 0))),
    )
    assert [name for name, *_ in shape(read_urdf(seen))] == ["base", "rail", "cart"]
    branching = robot(
        *(link("base"), link("cross", None), link("left"), link("right")),
        joint("turn", "revolute", "base", "cross"),
        *(joint(f"to_{side}", "revolute", "cross", side, axis=(1, 0, 0)) for side in ("left", "right")),
    )
    assert [name for name, *_ in shape(read_urdf(branching))] == ["base", "cross", "left", "right"]


def chain(seed: int, kinds: list[str]) -> str:
    """base -> massless links, each turned and moved against the one before -> tip with the mass -> a welded tool."""
    axes, offsets, turns = (random_vectors(seed + k, len(kinds)) for k in (0, 1000, 2000))
    names = ["base", *(f"dummy{k}" for k in range(len(kinds) - 1)), "tip"]
    parts = [link(name, None if name.startswith("dummy") else 2.0) for name in names] + [link("tool", 0.5)]
    for k, kind in enumerate(kinds):
        parts.append(joint(f"j{k}", kind, names[k], names[k + 1], axis=axes[k], xyz=offsets[k], rpy=3 * turns[k]))
    return robot(*parts, joint("weld", "fixed", "tip", "tool", xyz=(0.1, 0.2, 0.3), rpy=(1, 2, 3)))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 500), st.lists(st.sampled_from(["revolute", "prismatic", "continuous"]), min_size=2, max_size=4), st.booleans()
)
def test_folded_chain_moves_as_the_chain(seed, kinds, fixed):
    """Poses, mass matrix and bias with and without folding."""
    folded = read_urdf(chain(seed, kinds), fixed=fixed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "fold_massless", lambda description: None)
        plain = read_urdf(chain(seed, kinds), fixed=fixed)
    assert [found.name for found in folded.links] == ["base", "tip", "tool"]
    assert [j.name for j in folded.links[1].joints] == [f"j{k}" for k in range(len(kinds))]
    a, b = ReferenceDynamics(folded), ReferenceDynamics(plain)
    qpos, qvel = random_state(a, seed)
    state_a, state_b = a.kinematics(qpos, qvel), b.kinematics(qpos, qvel)
    for name in ("tip", "tool"):
        i, j = link_index(folded, name), link_index(plain, name)
        np.testing.assert_allclose(state_a.p[i], state_b.p[j], atol=1e-12)
        np.testing.assert_allclose(state_a.R[i], state_b.R[j], atol=1e-12)
    np.testing.assert_allclose(a.mass_matrix(qpos), b.mass_matrix(qpos), atol=1e-10)
    np.testing.assert_allclose(a.bias(qpos, qvel), b.bias(qpos, qvel), atol=1e-9)


def test_default_armature_goes_to_every_joint_but_the_free_one():
    text = robot(link("base"), link("tip"), joint("wrist", "revolute", "base", "tip"))
    joints = [j for found in read_urdf(text, default_armature=0.1).links for j in found.joints]
    assert [(j.name, j.armature) for j in joints] == [("root_joint", 0.0), ("wrist", 0.1)]
