"""Accelerations and rollouts with constraints against MuJoCo, which is run until its solver makes no more progress.

With elliptic cones MuJoCo stops at a residual of about 1e-9; that the remaining difference is its own is shown by our residual in the
optimality condition that it poses.
"""

import mujoco
import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest
from tests.dynamics import mujoco_twin
from tests.dynamics.constraints.scenes import (
    DAMPED_SCENES,
    EXACT,
    HEAD,
    SCENES,
    Scene,
    exact,
    modelled,
    physics_of,
    scene,
    states,
    xml_of,
)
from tests.dynamics.test_mujoco import relative, report

COUNT = 40  # random states a scene


def tolerance(name: str) -> float:
    return 1e-8 if "cones" in name else 1e-11


def accelerations(s: Scene, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    """At the start of a step; the damping that acts at its end is left out."""
    zeros = torch.zeros(len(qpos), s.model.nv, dtype=torch.float64)
    assert s.physics.damping_dt == 0.0
    return s.physics.step(s.physics.pack(), torch.tensor(qpos), torch.tensor(qvel), zeros)[2].numpy()


def residual(twin: mujoco.MjModel, data: mujoco.MjData, qacc: np.ndarray) -> float:
    """Unbalanced force in MuJoCo's constraint problem at ``qacc``, relative to the largest constraint force."""
    pull, product = data.efc_J.reshape(data.nefc, -1)[:, : twin.nv] @ qacc - data.efc_aref, np.zeros(twin.nv)
    mujoco.mj_constraintUpdate(twin, data, pull, np.zeros(1), 0)
    mujoco.mj_mulM(twin, data, product, qacc)
    return float(np.abs(product - data.qfrc_smooth - data.qfrc_constraint).max() / np.abs(data.qfrc_constraint).max())


@pytest.mark.parametrize("name", [name for name in SCENES if name not in DAMPED_SCENES])
def test_accelerations_are_those_of_mujoco(engine, name):
    s, left, rows, errors = scene(name), [], [], []
    qpos, qvel = states(name, s.model, COUNT)
    data = mujoco.MjData(s.twin)
    for q, v, qacc in zip(qpos, qvel, accelerations(s, qpos, qvel), strict=True):
        data.qpos[:], data.qvel[:] = q, v
        mujoco.mj_forward(s.twin, data)
        errors.append(relative(qacc, data.qacc))
        rows.append(data.nefc)
        left.append(residual(s.twin, data, qacc))
    assert max(rows) >= 5
    note = f"{min(rows)} to {max(rows)} rows, residual {max(left):.1e}"
    assert report(name, "acceleration", max(errors), note) <= tolerance(name)
    assert max(left) <= 1e-11


@pytest.mark.parametrize("name", SCENES)
def test_rollouts_are_those_of_mujoco(engine, name):
    s = scene(name)
    x = s.system
    dof_ctrl, wrench = (u[:, None] for u in (x.dof_ctrl, x.wrench))
    q, v, _ = s.physics.rollout(s.physics.pack(), x.qpos[None], x.qvel[None], dof_ctrl, None, wrench)
    controls = (u.numpy() for u in (x.act_ctrl, x.dof_ctrl, x.wrench))
    expected_q, expected_v = mujoco_twin.rollout(s.twin, x.qpos.numpy(), x.qvel.numpy(), *controls)
    error = max(relative(q[:, 0], expected_q), relative(v[:, 0], expected_v))
    assert report(name, "rollout", error) <= 1e-9


def test_the_usual_tolerance_is_close_to_the_exact_solution(engine):
    """Without an own tolerance the solver stops near rounding."""
    for name in ("contact6 pyramids-5", "contact6 cones-5"):
        s = scene(name)
        usual = physics_of(modelled(xml_of(name), tolerance=None), s.physics.dt, implicit_damping=False)
        qpos, qvel = (torch.tensor(x) for x in states(name, s.model, COUNT))
        found = usual.step(usual.pack(), qpos, qvel, torch.zeros_like(qvel))[2].numpy()
        assert report(name, "usual tolerance", relative(found, accelerations(s, qpos.numpy(), qvel.numpy()))) <= 1e-8


@pytest.mark.parametrize("height", [0.0045, 0.0055, 0.0075])
def test_the_force_begins_at_the_margin_whatever_the_gap(engine, height):
    """MuJoCo 4: a gap only widens the distance at which contacts are reported."""
    xml = (
        HEAD.format(cone="pyramidal", impratio=1)
        + """<worldbody><geom type="plane" size="0 0 1" margin="0.002" gap="0.001"/>
      <body><freejoint/><geom type="sphere" size="0.1" mass="1" margin="0.003" gap="0.001"/></body></worldbody></mujoco>"""
    )
    model, twin = modelled(xml), exact(mujoco.MjModel.from_xml_string(xml))
    qpos, qvel = np.array([[0, 0, 0.1 + height, 1, 0, 0, 0.0]]), np.array([[0, 0, -1.0, 0, 0, 0]])
    physics = physics_of(model, 0.005)
    found = physics.step(physics.pack(), torch.tensor(qpos), torch.tensor(qvel), torch.zeros(1, 6, dtype=torch.float64))[2]
    expected = mujoco_twin.accelerations(twin, qpos, qvel, np.zeros((1, 0)))
    assert (expected[0, 2] > 0.0) == (height < 0.005)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-10)


SLIDERS = """<worldbody>
  <body><joint name="leader" type="slide" axis="1 0 0"/><inertial pos="0 0 0" mass="2" diaginertia="1 1 1"/></body>
  <body><joint name="follower" type="slide" axis="0 1 0" limited="true" range="-0.3 0.2" margin="0.02" solreflimit="0.03 0.8"
    solimplimit="0.5 0.9 0.1 0.4 3"/><inertial pos="0 0 0" mass="3" diaginertia="1 1 1"/></body></worldbody>
  <equality><joint joint1="follower" joint2="leader" polycoef="0.1 -0.5 0 0 0"/></equality></mujoco>"""
ALONE = """<worldbody><body><joint type="slide" axis="1 0 0" limited="true" range="-0.2 0.8" margin="0.04" solreflimit="0.03 0.8"
    solimplimit="0.5 0.9 0.2 0.4 3"/><inertial pos="0 0 0" mass="2.75" diaginertia="1 1 1"/></body></worldbody></mujoco>"""


def test_the_limit_of_a_mimic_follower_is_one_of_its_leader(engine):
    """q_2 = 0.1 - q_1 / 2 in (-0.3, 0.2) is q_1 in (-0.2, 0.8), with margin and width twice as long, and 2 + 3 / 4 kg."""
    head = HEAD.format(cone="pyramidal", impratio=1).replace("0.4 -0.7 -9.81", "0 0 -9.81")
    description = read_mjcf(head + SLIDERS, mimic="reduce")
    request = ConstraintRequest(contact="mujoco", tolerance=EXACT)
    model, twin = compile_model([Placed(description, "pair")], description.gravity, request), head + ALONE
    assert (model.nv, model.sizes["nlimit"]) == (1, 1)
    qpos = np.linspace(-0.5, 1.1, 33)[:, None]
    qvel, physics = np.sin(7.0 * qpos), physics_of(model, 0.005)
    expected = mujoco_twin.accelerations(exact(mujoco.MjModel.from_xml_string(twin)), qpos, qvel, np.zeros((33, 0)))
    found = physics.step(physics.pack(), torch.tensor(qpos), torch.tensor(qvel), torch.zeros(33, 1, dtype=torch.float64))[2]
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


OVERRIDE = """<mujoco><option timestep="0.005" o_margin="0.06" o_solref="0.1 0.9" o_solimp="0.5 0.6 0.01 0.4 3"
  o_friction="0.3 0.3 0.01 0.002 0.002"><flag override="enable"/></option>
  <worldbody><geom name="floor" type="plane" size="0 0 1" margin="0.02" condim="6" priority="1" friction="0.9 0.1 0.1"/>
  <body pos="0 0 0.15"><freejoint/><geom type="sphere" size="0.1" margin="0.001" solref="0.03 1" solmix="3"/></body>
  <body pos="1 0 0.13"><freejoint/><geom name="other" type="sphere" size="0.1" contype="0" conaffinity="0"/></body></worldbody>
  <contact><pair geom1="floor" geom2="other" condim="4" friction="0.9 0.8 0.1 0.1 0.1" margin="0.01"/></contact></mujoco>"""


def test_an_override_of_contacts_is_that_of_mujoco(engine):
    """Margin, reference, impedance and friction of all contacts: of two geoms, and of an explicit pair."""
    model, twin = modelled(OVERRIDE), exact(mujoco.MjModel.from_xml_string(OVERRIDE))
    qpos, qvel = model.qpos0[None], np.array([[1.0, 0, -1, 2, 3, 4, 0.5, -1, -1, 1, 2, 3]])
    physics = physics_of(model, 0.005, implicit_damping=False)
    found = physics.step(physics.pack(), torch.tensor(qpos), torch.tensor(qvel), torch.zeros(1, 12, dtype=torch.float64))[2]
    expected = mujoco_twin.accelerations(twin, qpos, qvel, np.zeros((1, 0)))
    assert (expected[0, [2, 8]] > 0.0).all()
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-9 * np.abs(expected).max())


SELF_CONTACT = """<worldbody><body name="trunk" pos="0 0 1"><freejoint/><inertial pos="0.05 0 0" mass="2" diaginertia="0.05 0.06 0.04"/>
  <body pos="0.3 0 0"><joint axis="0.3 1 0.2"/><joint type="slide" axis="1 0.2 0"/>
    <geom type="sphere" size="0.12" mass="0.5" pos="-0.1 0.02 0" condim="6"/></body>
  <body pos="-0.1 0 0"><joint axis="0.3 1 -0.2"/><joint type="ball" pos="0.1 0 0"/>
    <geom type="capsule" size="0.1 0.1" mass="0.7" pos="0.1 0 0.03" condim="6"/></body></body></worldbody></mujoco>"""


def test_what_moves_both_bodies_of_a_deep_contact_does_not_feel_it(engine):
    """The two ends of a contact are one point, midway in the overlap: here, unlike in a connect, common axes cancel."""
    xml = HEAD.format(cone="pyramidal", impratio=1) + SELF_CONTACT
    model, twin = modelled(xml), exact(mujoco.MjModel.from_xml_string(xml))
    rng = np.random.default_rng(2)
    qpos, qvel = np.repeat(model.qpos0[None], 20, 0), 0.5 * rng.normal(size=(20, model.nv))
    physics = physics_of(model, 0.005, implicit_damping=False)
    zeros = torch.zeros(20, model.nv, dtype=torch.float64)
    found = physics.step(physics.pack(), torch.tensor(qpos), torch.tensor(qvel), zeros)[2].numpy()
    expected = mujoco_twin.accelerations(twin, qpos, qvel, np.zeros((20, 0)))
    assert relative(found, expected) <= 1e-11 and np.abs(expected[:, 6:]).max() > 100.0
