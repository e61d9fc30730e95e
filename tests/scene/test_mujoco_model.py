"""Scenes as models of MuJoCo: what is written anew moves as the file that it came from, in MuJoCo alone."""

from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import InputError, UnsupportedError
from genesis.scene.mujoco_model import MujocoModel, mujoco_model
from tests.dynamics.constraints.scenes import CONTACT_SCENES, DAMPED_SCENES, EXPLICIT_SCENES, JOINT_SCENES, exact, xml_of
from tests.model.random_worlds import random_world

CHOSEN = (*JOINT_SCENES, *CONTACT_SCENES[::5], EXPLICIT_SCENES[2], *DAMPED_SCENES[:1])


def scene_of(xml: str, **options) -> gs.Scene:
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco", tolerance=1e-14, **options))
    scene.add_entity(gs.morphs.MJCF(file=xml))
    scene.build()
    return scene


def compiled(made: MujocoModel, folder=None) -> mujoco.MjModel:
    if made.composed.meshes:
        return mujoco.MjModel.from_xml_path(str(made.write(folder)[0]))
    return mujoco.MjModel.from_xml_string(made.text)


def difference(one: mujoco.MjModel, two: mujoco.MjModel, spread: float, seed: int = 5) -> tuple[float, int]:
    """Largest difference of the accelerations at ten states near the described one, relative to the largest; contacts that were there."""
    rng, worst, touched = np.random.default_rng(seed), 0.0, 0
    assert (one.nq, one.nv) == (two.nq, two.nv)
    for _ in range(10):
        found = []
        move, velocity = spread * rng.normal(size=one.nv), rng.normal(size=one.nv)
        for model in (one, two):
            data = mujoco.MjData(exact(model))
            mujoco.mj_integratePos(model, data.qpos, move, 1.0)
            data.qvel[:] = velocity
            mujoco.mj_forward(model, data)
            found.append(data.qacc.copy())
            touched += data.ncon
        worst = max(worst, np.abs(found[0] - found[1]).max() / max(1.0, np.abs(found[0]).max()))
    return worst, touched


@pytest.mark.parametrize("name", CHOSEN)
def test_constraints_survive(engine, name: str) -> None:
    """Limits, dry friction, equalities of all kinds, contacts of all dimensions, explicit pairs, springs and references."""
    xml = xml_of(name)
    made = mujoco_model(scene_of(xml), "force", {})
    error, touched = difference(mujoco.MjModel.from_xml_string(xml), compiled(made), 0.05)
    assert error < 1e-8 and made.reasons == []
    assert touched or name.split()[0] in JOINT_SCENES
    twin = mujoco.MjModel.from_xml_string(xml)
    assert bool(compiled(made).opt.disableflags & mujoco.mjtDisableBit.mjDSBL_EULERDAMP) == bool(
        twin.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_EULERDAMP
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_same_pairs_touch_in_random_worlds(engine, seed: int) -> None:
    """Trees with welded bodies, filter bits, excludes and explicit pairs, all of whose rules end as excludes."""
    xml = random_world(seed)
    twin, model = mujoco.MjModel.from_xml_string(xml), compiled(mujoco_model(scene_of(xml), "force", {}))
    assert difference(twin, model, 0.5, seed)[0] < 1e-8
    found = []
    for one in (twin, model):
        one.geom_margin[:] = one.pair_margin[:] = 100.0  # all that may touch does
        data = mujoco.MjData(one)
        mujoco.mj_forward(one, data)
        found.append({frozenset(one.geom(int(g)).name.split("#")[0] for g in contact.geom) for contact in data.contact})
    assert found[1] <= found[0] and len(found[1]) > 5
    for first, second in found[0] - found[1]:  # an explicit pair of two that never move against each other
        bodies = [int(twin.geom_bodyid[twin.geom(name).id]) for name in (first, second)]
        assert twin.body_weldid[bodies[0]] == twin.body_weldid[bodies[1]]


def test_rules_that_mujoco_lacks_become_excludes(engine) -> None:
    """No self-collision within one entity, while two entities meet."""
    xml = """<mujoco><worldbody><body name="a"><joint name="x" type="slide" axis="1 0 0"/><geom size="0.2"/>
      <body name="b" pos="0.1 0 0"><joint name="y" type="slide" axis="0 1 0"/><geom size="0.1"/>
        <body name="c" pos="0.1 0 0"><joint name="z" type="slide"/><geom size="0.2"/></body></body></body></worldbody></mujoco>"""
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco", enable_self_collision=False))
    for k in range(2):
        scene.add_entity(gs.morphs.MJCF(file=xml, pos=(0.0, 0.0, 0.1 * k)), name=f"arm{k}")
    scene.build()
    model = compiled(mujoco_model(scene, "force", {}))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    pairs = {frozenset(model.body(int(model.geom_bodyid[g])).name for g in contact.geom) for contact in data.contact}
    assert pairs == {frozenset((f"arm0/{one}", f"arm1/{two}")) for one in "abc" for two in "abc"}


SERVO = """<mujoco><worldbody><body name="arm"><joint name="shoulder" axis="0 1 0" armature="0.1" damping="0.2"/>
  <inertial pos="0.15 0 0" mass="1" diaginertia="0.01 0.02 0.02"/>
  <body name="hand" pos="0.3 0 0"><joint name="elbow" axis="0 1 0" actuatorfrcrange="{bounds}"/>
    <inertial pos="0.1 0 0" mass="0.5" diaginertia="0.003 0.004 0.004"/></body></body>{more}</worldbody></mujoco>"""
BALL = '<body name="ball" pos="1 0 1"><freejoint name="free"/><geom size="0.1" mass="0.3"/></body>'


@pytest.mark.parametrize("more", ["", BALL])
@pytest.mark.parametrize("kind", ["force", "position", "velocity"])
def test_joint_controllers_become_actuators(engine, kind: str, more: str) -> None:
    """Rollouts of this engine, with gains, velocity gains at the end of the step, bounds of force, and other physical parameters."""
    scene = scene_of(SERVO.format(more=more, bounds="-50 80" if more else "-0.5 0.8"), enable_collision=False)
    robot = scene.entities[0]
    robot.set_dofs_kp([60.0, 20.0], dofs_idx_local=[0, 1])
    robot.set_dofs_kv([5.0, 2.0], dofs_idx_local=[0, 1])
    nv = robot.n_dofs
    controls = torch.zeros(40, nv, dtype=torch.float64)
    controls[:, 0], controls[:, 1] = 0.4, 0.1 * torch.linspace(-1, 1, 40, dtype=torch.float64)
    params = {"link_mass": 1.3 * scene.physical_parameters()["link_mass"]}
    expected = scene.rollout(controls, kind=kind, params=params)
    made = mujoco_model(scene, kind, params)
    model = compiled(made)
    assert made.driven == [0, 1] and (made.reasons != []) == (bool(more) and kind != "force")
    data = mujoco.MjData(model)
    limited = False
    for k, control in enumerate(controls.numpy()):
        data.ctrl[:] = control[made.driven]
        mujoco.mj_step(model, data)
        limited |= data.actuator_force[1] in (-0.5, 0.8)
        np.testing.assert_allclose(data.qpos, expected.qpos[k + 1].detach().numpy(), rtol=0, atol=1e-12)
    assert limited == (kind != "force" and not more)


def test_meshes_frames_and_names(engine, tmp_path) -> None:
    """A mesh touches with its hull; a frame without extent, a link called world and geoms of one name are written; both entities differ."""
    corners = "-0.1 -0.1 -0.1  0.1 -0.1 -0.1  0.1 0.1 -0.1  -0.1 0.1 -0.1  -0.1 -0.1 0.1  0.1 -0.1 0.1  0.1 0.1 0.1  -0.1 0.1 0.1"
    xml = f"""<mujoco><asset><mesh name="cube" vertex="{corners}"/></asset><worldbody><body name="cube" pos="0 0 0.09"><freejoint name="f"/>
      <geom type="mesh" mesh="cube" mass="1"/></body></worldbody></mujoco>"""
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco"))
    scene.add_entity(gs.morphs.MJCF(file=xml), name="cube")
    scene.add_entity(gs.morphs.Plane(), name="floor")
    scene.build()
    made = mujoco_model(scene, "force", {}, frozenset({2}))
    model = compiled(made, tmp_path)
    assert (tmp_path / "meshes").is_dir() and made.driven == [2] and model.joint("f").id == 0
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.ncon >= 3 and model.body("floor/plane").id > 0
    data.ctrl[:] = 100.0
    mujoco.mj_forward(model, data)
    assert data.qacc[2] > 80.0


def test_what_mujoco_does_not_have_is_named(engine) -> None:
    xml = '<mujoco><worldbody><body name="a"><joint name="turn"/><geom size="0.1" mass="1"/></body></worldbody></mujoco>'
    scene = gs.Scene()
    scene.add_entity(gs.morphs.MJCF(file=xml, joints={"turn": {"type": "screw", "pitch": 0.01}}))
    scene.build()
    with pytest.raises(UnsupportedError, match='joint "turn" is a screw, which MuJoCo does not have'):
        mujoco_model(scene, "force", {})
    scene = scene_of(xml)
    with pytest.raises(InputError, match="link_mass differs between the environments"):
        mujoco_model(scene, "force", {"link_mass": np.ones((3, 1))})


def test_followers_are_tied_softly_and_said(engine) -> None:
    from tests.scene.test_joint_equalities import GRIPPER

    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco"))
    scene.add_entity(gs.morphs.MJCF(file=GRIPPER, mimic="reduce"))
    scene.build()
    made = mujoco_model(scene, "force", {})
    assert made.followers == [("finger1", "finger2", 1.0, 0.001)] and any("mimic" in reason for reason in made.reasons)
    (tie,) = ElementTree.fromstring(made.text).findall("equality/joint")
    assert tie.get("polycoef") == "0.001 1.0 0.0 0.0 0.0"


def test_the_smooth_law_and_single_precision_are_reasons(engine) -> None:
    xml = xml_of("contact3 cones")
    scene = gs.Scene()
    scene.add_entity(gs.morphs.MJCF(file=xml))
    scene.build()
    assert any("smooth law" in reason for reason in mujoco_model(scene, "force", {}).reasons)
