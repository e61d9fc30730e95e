"""Actuators as read here give the joint forces that MuJoCo gives; those that cannot are refused by name."""

import mujoco
import numpy as np
import pytest

from genesis.description.read import read_mjcf
from genesis.errors import UnsupportedError
from tests.oracles import assert_close
from tests.reference_dynamics import ReferenceDynamics, random_state

MODEL = """
<mujoco>
  <worldbody>
    <body name="base"><freejoint name="root"/><geom size="0.2"/>
      <body pos="0 0 1"><joint name="hinge" axis="0 1 0" ref="20"/><geom size="0.1" pos="0.2 0 0"/>
        <body pos="0 0 1"><joint name="slide" type="slide" axis="1 0 0"/><geom size="0.1"/>
          <body pos="0 0 1"><joint name="ball" type="ball"/><geom size="0.1" pos="0 0.2 0.1"/><site name="tip"/></body>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon>
    <fixed name="both"><joint joint="hinge" coef="2"/><joint joint="slide" coef="-3"/></fixed>
    <spatial name="rope"><site site="tip"/><site site="tip2"/></spatial>
  </tendon>
  <actuator>{actuator}</actuator>
</mujoco>
"""
MODEL = MODEL.replace('<geom size="0.2"/>', '<geom size="0.2"/><site name="tip2"/>')

SUPPORTED = [
    '<motor joint="hinge" gear="30" ctrlrange="-0.4 0.4"/>',
    '<motor joint="slide" gear="-2" forcerange="-0.3 0.5"/>',
    '<motor jointinparent="hinge" gear="3"/>',
    '<position joint="hinge" kp="20" kv="1.5" ctrlrange="-1 1" forcerange="-5 5"/>',
    '<position joint="slide" kp="20" gear="0.5" inheritrange="0"/>',
    '<velocity joint="slide" kv="7" gear="4"/>',
    '<general joint="hinge" gainprm="3" biastype="affine" biasprm="0.7 -2 -0.3" gear="2"/>',
    '<general joint="hinge" gaintype="affine" gainprm="3 0 0"/>',
    '<motor tendon="both" gear="1.5"/>',
    '<position tendon="both" kp="4" kv="0.2" gear="0.5"/>',
    '<damper joint="hinge" kv="0" ctrlrange="0 1"/>',
    '<motor joint="ball" gear="1 -2 3"/>',
    '<motor joint="root" gear="1 2 3 4 5 6"/>',
    '<velocity joint="ball" kv="2" gear="1 -2 3"/>',
]


def joint_forces(description, dynamics, qpos, qvel, ctrl):
    """What Description.actuators promises, written out."""
    forces = np.zeros(dynamics.nv)
    clamp = lambda x, bounds: x if bounds is None else float(np.clip(x, *bounds))  # noqa: E731
    for actuator, u in zip(description.actuators, ctrl, strict=True):
        length = velocity = 0.0
        for name, coef in actuator.transmission:
            q, v = dynamics.q_of[name], dynamics.v_of[name]
            length += coef[0] * qpos[q] if len(coef) == 1 else 0.0
            velocity += coef @ qvel[v : v + len(coef)]
        bias = actuator.bias[0] + actuator.bias[1] * length + actuator.bias[2] * velocity
        force = clamp(actuator.gain * clamp(u, actuator.ctrlrange) + bias, actuator.forcerange)
        for name, coef in actuator.transmission:
            v = dynamics.v_of[name]
            forces[v : v + len(coef)] += coef * force
    return forces


@pytest.mark.parametrize("actuator", SUPPORTED)
def test_joint_forces_equal_mujoco(actuator):
    text = MODEL.format(actuator=actuator)
    model, description = mujoco.MjModel.from_xml_string(text), read_mjcf(text)
    data, dynamics = mujoco.MjData(model), ReferenceDynamics(description)
    for seed, u in enumerate((-0.9, 0.3, 2.0)):
        data.qpos[:], data.qvel[:] = random_state(dynamics, seed)
        data.ctrl[:] = u
        mujoco.mj_forward(model, data)
        expected = joint_forces(description, dynamics, data.qpos, data.qvel, data.ctrl)
        assert_close(expected, data.qfrc_actuator, tolerance=1e-12, scale=1e-6)


REFUSED = {
    '<position joint="hinge" timeconst="0.1"/>': "activation dynamics filterexact; supported: none",
    '<intvelocity joint="hinge" actrange="-1 1"/>': "activation dynamics integrator",
    '<muscle joint="hinge" lengthrange="-1 1"/>': "activation dynamics muscle",
    '<damper joint="hinge" kv="2" ctrlrange="0 1"/>': "a gain that depends on length or velocity; supported: a constant gain",
    '<motor site="tip" gear="1 0 0 0 0 0"/>': "a site transmission; supported: joint, jointinparent, fixed tendon",
    '<motor tendon="rope"/>': "a spatial tendon; supported: joint, jointinparent, fixed tendon",
    '<adhesion body="base" ctrlrange="0 1"/>': "a body transmission",
    '<motor jointinparent="ball" gear="1 0 0"/>': "a jointinparent transmission to the ball joint; supported: hinge",
    '<position joint="ball" kp="3" gear="1 0 0"/>': "feedback of the position of a ball or free joint",
    '<general joint="hinge" gaintype="user"/>': "gain type user",
    '<general joint="hinge" biastype="user"/>': "bias type user",
}


@pytest.mark.parametrize("actuator", REFUSED)
def test_what_cannot_be_represented_is_refused_by_name(actuator):
    named = actuator.replace(" ", ' name="drive" ', 1)
    with pytest.raises(UnsupportedError) as caught:
        read_mjcf(MODEL.format(actuator=named))
    assert str(caught.value).startswith('<mujoco string>: actuator "drive" has ')
    assert REFUSED[actuator] in str(caught.value)


def test_disabled_group_keeps_its_control_armature_and_damping_but_pushes_nothing():
    actuators = (
        '<position name="off" joint="hinge" group="2" kp="5" kv="1" armature="2" damping="3"/><motor name="on" joint="hinge"/>'
    )
    text = MODEL.format(actuator=actuators).replace("<worldbody>", '<option actuatorgroupdisable="2"/><worldbody>')
    plain = read_mjcf(MODEL.format(actuator=""))
    description = read_mjcf(text)
    off, on = description.actuators
    assert (off.name, off.gain, off.bias, on.gain) == ("off", 0.0, (0.0, 0.0, 0.0), 1.0)
    before, after = (next(j for link in d.links for j in link.joints if j.name == "hinge") for d in (plain, description))
    assert (after.armature - before.armature, after.damping - before.damping) == pytest.approx((2.0, 3.0))


@pytest.mark.parametrize(
    ("option", "acts"),
    [("", (True, True)), ('actuatorgroupdisable="2"', (True, False)), ('><flag actuation="disable"/></option', (False, False))],
)
def test_actuators_that_are_switched_off_have_no_force_but_their_inertia(option, acts):
    drives = "".join(f'<position joint="hinge" kp="3" kv="2" armature="0.5" group="{group}"/>' for group in (1, 2))
    option = f"<option {option}/>" if ">" not in option else f"<option{option}>"
    description = read_mjcf(MODEL.format(actuator=drives).replace("<worldbody>", f"{option}<worldbody>"))
    found = [(actuator.gain, actuator.bias) for actuator in description.actuators]
    assert found == [(3.0, (0.0, -3.0, -2.0)) if on else (0.0, (0.0, 0.0, 0.0)) for on in acts]
    assert sum(joint.armature for link in description.links for joint in link.joints if joint.name == "hinge") == pytest.approx(
        1.0
    )


def test_the_flag_of_dampers_covers_those_of_actuators():
    text = MODEL.format(actuator='<motor joint="hinge" damping="2"/>')
    for flag, left in (("enable", 2.0), ("disable", 0.0)):
        description = read_mjcf(text.replace("<worldbody>", f'<option><flag damper="{flag}"/></option><worldbody>'))
        assert [j.damping for link in description.links for j in link.joints if j.name == "hinge"] == [left]


def test_clampctrl_flag_frees_the_control():
    text = MODEL.format(actuator='<motor joint="hinge" ctrlrange="-1 1"/>')
    assert read_mjcf(text).actuators[0].ctrlrange == (-1.0, 1.0)
    assert (
        read_mjcf(text.replace("<worldbody>", '<option><flag clampctrl="disable"/></option><worldbody>')).actuators[0].ctrlrange
        is None
    )


def test_armature_and_damping_of_an_actuator_reach_its_joint():
    """Both act through the gear, as MuJoCo's mass matrix and passive force show."""
    text = MODEL.format(actuator='<motor joint="hinge" gear="3" armature="0.25" damping="0.5"/>')
    model, description = mujoco.MjModel.from_xml_string(text), read_mjcf(text)
    data, dynamics = mujoco.MjData(model), ReferenceDynamics(description)
    data.qpos[:], data.qvel[:] = random_state(dynamics, 0)
    mujoco.mj_forward(model, data)
    M = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, M)
    assert_close(dynamics.mass_matrix(data.qpos), M)
    hinge = description.links[1].joints[0]
    column = dynamics.v_of["hinge"]
    damping = -hinge.damping * data.qvel[column]
    assert data.qfrc_passive[column] + data.qfrc_actuator[column] == pytest.approx(damping, rel=1e-12)


def test_armature_across_a_tendon_is_refused():
    with pytest.raises(UnsupportedError, match="armature or damping across several joint axes"):
        read_mjcf(MODEL.format(actuator='<motor name="drive" tendon="both" armature="0.25"/>'))
