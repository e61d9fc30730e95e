"""solref and solimp out of range: what MuJoCo makes of them, with one warning a kind."""

import mujoco
import numpy as np
import pytest

from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model

TEXT = """<mujoco><worldbody><geom name="floor" type="plane" size="1 1 1"/>
<body name="b" pos="0 0 0.09"><joint name="j" range="0.1 1" limited="true" frictionloss="0.1" {joint}/><geom name="g" size="0.1" {geom}/></body>
<body name="c" pos="1 0 0.09"><freejoint/><geom name="h" size="0.1"/></body></worldbody>
<contact><pair name="p" geom1="floor" geom2="h" {pair}/></contact>
<equality><weld name="e" body1="c" {weld}/></equality></mujoco>"""


def read(**attributes):
    return read_mjcf(TEXT.format(**{name: attributes.get(name, "") for name in ("joint", "geom", "pair", "weld")}))


def test_solimp_is_clamped_everywhere_it_acts(caplog):
    wild = "2 1.5 -0.1 -1 0.5"
    d = read(
        joint=f'solimplimit="{wild}" solimpfriction="-1 0.5 0.1 0.5 2"',
        geom=f'solimp="{wild}"',
        pair=f'solimp="{wild}"',
        weld=f'solimp="{wild}"',
    )
    clamped = (0.9999, 0.9999, 0.0, 0.0001, 1.0)
    (joint,) = d.links[0].joints
    geom = next(g for g in d.geoms if g.name == "g")
    assert [joint.limit_solimp, geom.solimp, d.pairs[0].solimp, d.equalities[0].solimp] == [clamped] * 4
    assert joint.friction_solimp == (0.0001, 0.5, 0.1, 0.5, 2.0)
    (record,) = caplog.records
    assert record.getMessage().endswith(
        'solimp outside its range, clamped as in MuJoCo: geom "g", pair "p", equality "e", joint "j".'
    )
    compile_model([Placed(d, "robot")])


def test_mixed_solref_is_the_default_everywhere_it_acts(caplog):
    d = read(
        joint='solreflimit="0.02 -1" solreffriction="-5 3"',
        geom='solref="0 1"',
        pair='solref="-1 2" solreffriction="0.1 0"',
        weld='solref="3 0"',
    )
    (joint,) = d.links[0].joints
    geom = next(g for g in d.geoms if g.name == "g")
    found = [
        joint.limit_solref,
        joint.friction_solref,
        geom.solref,
        d.pairs[0].solref,
        d.pairs[0].solref_friction,
        d.equalities[0].solref,
    ]
    assert found == [(0.02, 1.0)] * 6
    (record,) = caplog.records
    assert record.getMessage().endswith(
        'replaced by the default (0.02, 1) as in MuJoCo: geom "g", pair "p", equality "e", joint "j".'
    )


def test_what_is_in_range_stays(caplog):
    d = read(geom='solref="-100 -5" solimp="0 1 0 0 1"', pair='solreffriction="0 0"', joint='solreflimit="-3 0"')
    geom = next(g for g in d.geoms if g.name == "g")
    assert (geom.solref, geom.solimp) == ((-100.0, -5.0), (0.0, 1.0, 0.0, 0.0, 1.0))
    assert (d.pairs[0].solref_friction, d.links[0].joints[0].limit_solref) == ((0.0, 0.0), (-3.0, 0.0))
    assert not caplog.records


@pytest.mark.parametrize("attributes", ['solref="0 1"', 'solimp="2 1 .01"', 'solref="0.02 -1" solimp="-1 2 -1 2 0"'])
def test_mujoco_takes_both_forms_alike(attributes):
    """A ball on a floor: the force with the numbers of the file is that with the numbers that are read."""
    text = (
        '<mujoco><worldbody><geom name="floor" type="plane" size="1 1 1" {0}/><body pos="0 0 0.09"><freejoint/>'
        '<geom name="g" size="0.1" {0}/></body></worldbody></mujoco>'
    )
    geom = next(g for g in read_mjcf(text.format(attributes)).geoms if g.name == "g")
    values = (" ".join(map(repr, numbers)) for numbers in (geom.solref, geom.solimp))
    forces = []
    for words in (attributes, 'solref="{}" solimp="{}"'.format(*values)):
        model = mujoco.MjModel.from_xml_string(text.format(words))
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        forces.append(data.qfrc_constraint[2])
    assert forces[0] > 1.0
    np.testing.assert_allclose(forces[0], forces[1], rtol=1e-12)
