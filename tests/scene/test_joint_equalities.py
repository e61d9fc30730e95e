"""Joints that an MJCF file ties together: degrees of freedom as in MuJoCo, unless their elimination is asked for."""

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import UnknownNameError
from genesis.grad.tensor import plain

GRIPPER = """<mujoco><option timestep="0.002" integrator="Euler"/><worldbody><body name="hand" pos="0 0 1">
  <joint name="wrist" axis="0 1 0" damping="0.5"/><geom size="0.05" mass="0.6" pos="0 0 -0.1" contype="0" conaffinity="0"/>
  <body name="left" pos="0 0 -0.2"><joint name="finger1" type="slide" axis="1 0 0" range="0 0.04" damping="3" armature="0.1"/>
    <geom size="0.02" mass="0.1" contype="0" conaffinity="0"/></body>
  <body name="right" pos="0 0 -0.2"><joint name="finger2" type="slide" axis="-1 0 0" range="0 0.04" damping="3" armature="0.1"/>
    <geom size="0.02" mass="0.1" contype="0" conaffinity="0"/></body></body></worldbody>
  <equality><joint joint1="finger1" joint2="finger2" polycoef="0.001 1 0 0 0"/></equality>
  <actuator><position name="turn" joint="wrist" kp="20"/><position name="close" joint="finger1" kp="100"/></actuator></mujoco>"""


def gripper(**options):
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco"))
    made = scene.add_entity(gs.morphs.MJCF(file=GRIPPER, **options), name="gripper")
    scene.build()
    return scene, made


def test_fingers_keep_their_degrees_of_freedom_and_move_as_in_mujoco(engine):
    scene, made = gripper()
    assert (made.n_dofs, made.get_joint("finger2").dofs_idx_local) == (3, [2])
    model = mujoco.MjModel.from_xml_string(GRIPPER)
    model.opt.tolerance, model.opt.iterations = 1e-15, 200
    data, q0, ctrl, force = mujoco.MjData(model), [0.3, 0.02, 0.035], [0.5, 0.01], [0.1, -0.2, 0.3]
    data.qpos[:], data.ctrl[:], data.qfrc_applied[:] = q0, ctrl, force
    mujoco.mj_step(model, data, 50)
    f, q, u = (torch.tensor(x, dtype=torch.float64) for x in (force, q0, ctrl))
    moved = scene.rollout(f.expand(50, 3), qpos=q, act_ctrl=u.expand(50, 2))
    np.testing.assert_allclose(plain(moved.qpos[-1]).numpy(), data.qpos, rtol=0, atol=1e-12)
    assert abs(data.qpos[1] - data.qpos[2] - 0.001) > 1e-5  # tied softly
    made.set_dofs_kp([100.0, 100.0], dofs_idx_local=[1, 2])
    made.control_dofs_position([0.0, 0.04, 0.04])


def test_an_elimination_that_is_asked_for_holds_exactly():
    scene, made = gripper(mimic="reduce")
    assert (made.n_dofs, scene.rigid_solver.model.sizes["neq"]) == (2, 0)
    made.set_qpos([0.0, 0.03])
    right = plain(made.get_link("right").get_pos() - made.get_link("hand").get_pos())
    left = plain(made.get_link("left").get_pos() - made.get_link("hand").get_pos())
    assert left[0].item() == pytest.approx(0.001 - right[0].item(), abs=1e-15)


def test_modes_are_checked():
    with pytest.raises(UnknownNameError, match='morphs.MJCF: unknown mimic "soft"; known: '):
        gs.morphs.MJCF(file="x", mimic="soft")
