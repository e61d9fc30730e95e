"""Contact, limits, friction and solver settings of MJCF files: every number where it belongs."""

import mujoco
import numpy as np
import pytest

from genesis.description.description import DEFAULT_SOLIMP
from genesis.description.hulls import convex_hull
from genesis.description.inertia import is_closed, mesh_properties
from genesis.description.read import read_mjcf

BALL = '<body><freejoint/><geom name="ball" size="0.1"/></body>'


def read(inside: str = BALL, top: str = "", end: str = ""):
    return read_mjcf(f"<mujoco>{top}<worldbody>{inside}</worldbody>{end}</mujoco>")


def test_geoms_keep_their_contact_parameters():
    attributes = (
        'contype="2" conaffinity="5" condim="4" priority="3" friction="0.7 0.1 0.2" solmix="0.3" solref="0.03 0.8" '
        'solimp="0.7 0.8 0.01 0.4 3" margin="0.01" gap="0.005"'
    )
    (geom,) = read(f'<geom size="0.1" {attributes}/>').geoms
    assert (geom.contype, geom.conaffinity, geom.condim, geom.priority, geom.solmix) == (2, 5, 4, 3, 0.3)
    assert (geom.friction, geom.solref, geom.solimp) == ((0.7, 0.1, 0.2), (0.03, 0.8), (0.7, 0.8, 0.01, 0.4, 3.0))
    assert (geom.margin, geom.gap) == (0.01, 0.005)


def test_joints_keep_limit_and_friction_parameters():
    attributes = (
        'limited="true" range="-20 30" margin="0.2" solreflimit="0.03 0.8" solimplimit="0 0.8 0.01 0.4 3" '
        'frictionloss="0.4" solreffriction="0.05 0.7" solimpfriction="0.6 0.7 0.02 0.3 4"'
    )
    joint = read(f'<body><joint {attributes}/><geom size="0.1"/></body>').links[0].joints[0]
    assert joint.limit == pytest.approx(np.deg2rad([-20, 30])) and joint.limit_margin == 0.2
    assert (joint.limit_solref, joint.limit_solimp) == ((0.03, 0.8), (0.0, 0.8, 0.01, 0.4, 3.0))
    assert joint.frictionloss == 0.4
    assert (joint.friction_solref, joint.friction_solimp) == ((0.05, 0.7), (0.6, 0.7, 0.02, 0.3, 4.0))


def test_explicit_pairs():
    pair = (
        '<pair name="p" geom1="ball" geom2="floor" condim="6" friction="1 2 3 4 5" solref="0.03 0.8" solreffriction="0.04 0.7" '
        'solimp="0.7 0.8 0.01 0.4 3" margin="0.2" gap="0.1"/>'
    )
    floor = '<geom name="floor" type="plane" size="1 1 1" contype="0" conaffinity="0"/>'
    d = read(floor + BALL, end=f"<contact>{pair}</contact>")
    (found,) = d.pairs
    assert (found.name, found.geom1, found.geom2, found.condim) == ("p", "floor", "ball", 6)
    assert (found.friction, found.solref, found.solref_friction) == ((1, 2, 3, 4, 5), (0.03, 0.8), (0.04, 0.7))
    assert (found.solimp, found.margin, found.gap) == ((0.7, 0.8, 0.01, 0.4, 3), 0.2, 0.1)
    assert not any(geom.visual for geom in d.geoms) and d.not_simulated == []


def test_contacts_switched_off_leave_no_pair():
    d = read(BALL * 1 + '<geom name="g" size="1"/>', '<option><flag contact="disable"/></option>',
             '<contact><pair geom1="ball" geom2="g"/></contact>')  # fmt: skip
    assert d.pairs == [] and not any(geom.contype or geom.conaffinity for geom in d.geoms)


def test_filter_of_parents():
    assert read().filter_parent and not read(top='<option><flag filterparent="disable"/></option>').filter_parent


def test_height_fields():
    heights = "0 0.5 1  0.25 0.75 0.5"
    asset = f'<asset><hfield name="hills" nrow="2" ncol="3" size="2 3 0.5 0.1" elevation="{heights}"/></asset>'
    (geom, _) = read('<geom type="hfield" hfield="hills"/>' + BALL, asset).geoms
    model = mujoco.MjModel.from_xml_string(f'<mujoco>{asset}<worldbody><geom type="hfield" hfield="hills"/></worldbody></mujoco>')
    assert geom.hfield.name == "hills" and geom.hfield.size.tolist() == [2.0, 3.0, 0.5, 0.1]
    np.testing.assert_array_equal(geom.hfield.heights, model.hfield_data.reshape(2, 3))


def test_the_hull_of_a_mesh_is_that_of_mujoco():
    """Its corners are among the vertices, it is closed, looks outwards, and holds what SciPy's hull holds."""
    points = np.random.default_rng(1).normal(size=(40, 3))
    text = " ".join(f"{x:.5f}" for x in points.ravel())
    asset = f'<asset><mesh name="cloud" vertex="{text}"/></asset>'
    (geom,) = read('<body><freejoint/><geom type="mesh" mesh="cloud"/></body>', asset).geoms
    corners, faces = geom.hull
    assert is_closed(faces) and {*map(tuple, corners)} <= {*map(tuple, geom.vertices)}
    volume, own = mesh_properties(corners, faces)[0], mesh_properties(*convex_hull(geom.vertices))[0]
    assert volume > 0.0 and own == pytest.approx(volume, rel=1e-6)


def test_defaults_are_those_of_mujoco():
    d = read()
    assert (d.geoms[0].solimp, d.geoms[0].solmix, d.geoms[0].priority) == (DEFAULT_SOLIMP, 1.0, 0)
    model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
    assert tuple(model.geom_solimp[0]) == DEFAULT_SOLIMP
