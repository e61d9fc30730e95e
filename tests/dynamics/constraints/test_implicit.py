"""The integrators implicitfast and implicit with constraints: steps against MuJoCo, gradients against differences, lanes against one."""

from dataclasses import replace
from functools import cache

import mujoco
import numpy as np
import pytest
import torch

from genesis.dynamics.inspect_contacts import PLACE, WIDTH
from genesis.grad.physics import CONSTANT_KINDS
from tests.dynamics import mujoco_twin
from tests.dynamics.constraints.gradients import compare, inputs_of
from tests.dynamics.constraints.scenes import Scene, exact, modelled, physics_of
from tests.dynamics.constraints.test_gradients import assert_small
from tests.dynamics.gradients import run
from tests.dynamics.systems import System
from tests.dynamics.test_mujoco import relative, report
from tests.grad.test_physics_gradients import assert_same

# Every kind of actuator that damps, in and out of its bounds and of those of its joint; tendons along one path and across two branches
ARM = """<mujoco><compiler angle="radian"/><option timestep="0.005" gravity="0.4 -0.7 -9.81" cone="{cone}" integrator="{integrator}"/>
  <worldbody><geom name="floor" type="plane" size="0 0 1" friction="0.6 0.03 0.004" solref="0.03 1.1"/>
  <body name="arm" pos="0 0 0.32"><inertial pos="0.1 0.02 0" mass="1.2" fullinertia="0.02 0.03 0.025 0.004 -0.003 0.005"/>
    <joint name="shoulder" axis="0.1 1 0.2" range="-0.4 0.1" solreflimit="0.03 0.9" armature="0.05"/>
    <body name="fore" pos="0.3 0 0"><inertial pos="0.1 0 0.03" mass="0.7" fullinertia="0.006 0.008 0.009 0.001 0.0005 -0.001"/>
      <joint name="elbow" axis="0 1 0.3" frictionloss="0.2" damping="0.1"/>
      <body name="left" pos="0.2 0.1 0"><inertial pos="0.05 0 0.01" mass="0.3" diaginertia="0.001 0.0015 0.002"/>
        <joint name="left" axis="0 0.2 1"/><geom name="tip" type="sphere" size="0.05" pos="0.08 0 -0.28" friction="0.9 0.02 0.006"/></body>
      <body name="right" pos="0.2 -0.1 0"><inertial pos="0.05 0 -0.02" mass="0.25" diaginertia="0.001 0.0012 0.0018"/>
        <joint name="right" axis="0 -0.1 1"/>
        <body name="nail" pos="0.1 0 0"><inertial pos="0.03 0.01 0" mass="0.1" diaginertia="0.0004 0.0005 0.0006"/>
          <joint name="nail" axis="1 0 0.1" actuatorfrclimited="true" actuatorfrcrange="-0.01 0.008" damping="0.002"/>
          <joint name="slip" type="slide" axis="0 0 1" stiffness="20" damping="0.3"/></body></body>
      <body name="tail" pos="0 0.1 0.1"><inertial pos="0 0.1 0" mass="0.2" diaginertia="0.001 0.0007 0.0012"/>
        <joint name="tail" type="ball" damping="0.01" armature="0.003"/></body></body></body>{free}</worldbody>
  <tendon><fixed name="path"><joint joint="shoulder" coef="0.6"/><joint joint="left" coef="-0.4"/></fixed>
    <fixed name="branches"><joint joint="left" coef="0.5"/><joint joint="right" coef="0.7"/><joint joint="elbow" coef="-0.2"/></fixed></tendon>
  <actuator><position name="servo" joint="shoulder" kp="60" kv="6" gear="1.3"/>
    <velocity name="held" joint="elbow" kv="2" forcelimited="true" forcerange="-0.3 0.2"/>
    <velocity name="brake" jointinparent="slip" kv="4"/>
    <general name="pull" tendon="path" gainprm="2" biastype="affine" biasprm="0.1 -3 -1.5"/>
    <general name="span" tendon="branches" gainprm="1" biastype="affine" biasprm="0 -0.4 -0.3"/>
    <general name="weak" joint="nail" gainprm="1" biastype="affine" biasprm="0 -0.2 -0.05"/>
    <general name="swing" joint="tail" gear="0.5 1 -0.3" gainprm="0.2" biastype="affine" biasprm="0 0 -0.08"/></actuator>
  <equality><joint joint1="right" joint2="left" polycoef="0.1 0.7 -0.2 0 0" solref="0.05 1"/>{held}</equality></mujoco>"""
FREE = """<body name="stone" pos="0.6 0.8 0.12"><freejoint/><geom name="stone" type="capsule" size="0.08 0.1" mass="0.7" quat="0.7 0.1 0.7 0.1"
      pos="0.01 0.02 -0.03" friction="0.8 0.02 0.007"/><body name="horn" pos="0 0 0.1" quat="0.9 0.1 0.3 0.2">
      <inertial pos="0.02 0.1 0" mass="0.3" fullinertia="0.002 0.003 0.0025 0.0004 -0.0003 0.0005"/></body></body>
  <body name="bell" pos="-0.5 0.3 1"><joint name="bell" type="free" damping="0.02"/>
    <inertial pos="0.05 0 -0.1" mass="0.9" fullinertia="0.01 0.012 0.015 0.001 0.002 -0.001"/></body>"""
HELD = '<connect body1="bell" anchor="0.1 0 0.15" solref="0.05 0.9"/>'
FACE = {"held": 3.0, "weak": -5.0, "servo": 0.6}  # far beyond their bounds; against the limit
SPEED, ELBOW, NAIL = 1.5, 1, 4
BATCH = 5  # more than one block of lanes, the last one not full
KINDS = ("implicitfast", "implicitfast free", "implicit free")  # "free": with free bodies, whose gyroscopic forces are implicit
CASES = tuple((kind, law) for kind in KINDS for law in ("mujoco", "smooth"))
USUAL = (
    ("implicitfast", "mujoco"),
    ("implicitfast free", "smooth"),
    ("implicit free", "mujoco"),
)  # the others are slow to compile
MATTER = (
    "limit_range",
    "limit_solref",
    "geom_friction",
    "eq_data",
    "dof_frictionloss",
    "act_bias2",
    "trn_coef",
    "dof_kv",
    "link_inertia",
)


def xml_of(kind: str, cone: str = "elliptic") -> str:
    integrator, *rest = kind.split()
    return ARM.format(cone=cone, integrator=integrator, free=FREE if rest else "", held=HELD if rest else "")


@cache
def scene(kind: str, law: str, horizon: int = 18) -> Scene:
    """As those of `scenes.scene`, with joint controllers, two of them beyond the bounds that they are given."""
    xml, rng = xml_of(kind), np.random.default_rng(3)
    model, twin = modelled(xml, contact=law), exact(mujoco.MjModel.from_xml_string(xml))
    physics = physics_of(model, twin.opt.timestep, integrator=kind.split()[0])
    qpos, qvel = twin.qpos0.copy(), SPEED * rng.normal(size=model.nv)
    qpos[:5] += 0.11, -0.1, 0.05, 0.1, -0.1
    qvel[0] = 0.5
    act_ctrl = np.array([FACE.get(a.name, 0.0) for a in model.actuators]) + 0.2 * rng.normal(size=(horizon, model.nu))
    applied, wrench = 0.1 * rng.normal(size=(horizon, model.nv)), 0.05 * rng.normal(size=(horizon, model.nlink, 6))
    applied[:, NAIL] = 0.0  # MuJoCo's bound of a joint does not hold for it
    system = System(kind, model, *(torch.tensor(x) for x in (qpos, qvel, applied, act_ctrl, wrench)))
    return Scene(kind, model, physics, twin, system)


def with_controllers(s: Scene) -> Scene:
    """The same with joint controllers; one of them is saturated all the time."""
    physics = physics_of(s.model, s.physics.dt, integrator=s.physics.integrator)
    turns = torch.tensor(s.model.integers["dof_qadr"]) < 0
    values = {
        "dof_kv": torch.linspace(0.02, 0.1, s.model.nv, dtype=torch.float64),
        "dof_kp": torch.full((s.model.nv,), 0.4, dtype=torch.float64).masked_fill(turns, 0.0),
        "dof_force_hi": physics.defaults["dof_force_hi"].clone(),
    }
    values["dof_force_hi"][ELBOW] = -0.5
    physics.defaults |= values
    return replace(s, physics=physics)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_mujoco(engine, kind):
    """Contacts, limits, dry friction, equalities, free and ball joints; MuJoCo's solver is run until rounding stops it."""
    s = scene(kind, "mujoco")
    x = s.system
    lead = (u[:, None] for u in (x.dof_ctrl, x.act_ctrl, x.wrench))
    q, v, _ = s.physics.rollout(s.physics.pack(), x.qpos[None], x.qvel[None], *lead)
    controls = (u.numpy() for u in (x.act_ctrl, x.dof_ctrl, x.wrench))
    expected_q, expected_v = mujoco_twin.rollout(s.twin, x.qpos.numpy(), x.qvel.numpy(), *controls)
    assert report(kind, "rollout", max(relative(q[:, 0], expected_q), relative(v[:, 0], expected_v))) <= 1e-9


@pytest.mark.parametrize(
    ("kind", "law"), [pytest.param(*case, marks=() if case in USUAL else pytest.mark.slow) for case in CASES]
)
def test_every_input_of_a_rollout(engine, kind, law):
    found = compare(with_controllers(scene(kind, law)))
    assert_small(f"{kind}, {law}", found)
    assert [k for k in MATTER if not np.abs(found[k].difference).max() > 1e-4] == []


def varied(s: Scene) -> dict[str, torch.Tensor]:
    """Inputs of environments that all differ, parameters included."""
    generator, rows = torch.Generator().manual_seed(4), {}
    for key, value in inputs_of(s).items():
        scale = 1.0 + 0.02 * torch.rand(BATCH, *value.shape, generator=generator, dtype=value.dtype)
        rows[key] = value * scale if key not in CONSTANT_KINDS else value.expand(BATCH, *value.shape).clone()
    return rows


def value_and_gradients(s: Scene, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    leaves = {k: x.clone().requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
    value = run(s.physics, s.system, leaves)
    value.sum().backward()
    return {"loss": value.detach()} | {k: x.grad for k, x in leaves.items() if k not in CONSTANT_KINDS}


@pytest.mark.parametrize(
    ("kind", "law"), [("implicitfast", "mujoco"), ("implicitfast free", "smooth"), ("implicit free", "mujoco")]
)
def test_lanes_give_what_each_environment_gives(engine, kind, law):
    s = with_controllers(scene(kind, law))
    inputs = varied(s)
    together = value_and_gradients(s, inputs)
    for e in (0, BATCH - 1):
        for key, value in value_and_gradients(s, {k: x[e : e + 1] for k, x in inputs.items()}).items():
            assert_same(together[key][e : e + 1], value, f"{key} of environment {e}", 1e-10)


def first_step(s: Scene, wrench: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """qacc (nv,) of the first step, its contacts (n, WIDTH), and theta."""
    x, theta = s.system, s.physics.pack()
    start = x.qpos[None], x.qvel[None]
    a = s.physics.step(theta, *start, x.dof_ctrl[:1], x.act_ctrl[:1], wrench)[2]
    rows = s.physics.contacts(theta, *start, a, x.dof_ctrl[:1], x.act_ctrl[:1]).view(-1, WIDTH)
    return a[0], rows[rows[:, PLACE["candidate"]] > 0], theta


@pytest.mark.parametrize("kind", KINDS)
def test_contact_forces_are_those_of_mujoco(engine, kind):
    """They belong to the acceleration before the end of the step, which saturated actuators do not take part in."""
    s = scene(kind, "mujoco")
    x, data, force = s.system, mujoco.MjData(s.twin), np.zeros(6)
    _, rows, _ = first_step(s, x.wrench[:1])
    data.qpos[:], data.qvel[:] = x.qpos, x.qvel
    with mujoco_twin.Driver(*(u.numpy() for u in (x.act_ctrl, x.dof_ctrl, x.wrench))) as driver:
        driver.at(0)
        mujoco.mj_forward(s.twin, data)
    wanted = []
    for k, contact in enumerate(data.contact):
        mujoco.mj_contactForce(s.twin, data, k, force)
        wanted.append(contact.frame.reshape(3, 3).T @ force[:3])
    assert len(wanted) == len(rows) >= 1
    found = rows[:, PLACE["force"] : PLACE["force"] + 3].numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8 * np.abs(wanted).max())


def test_contact_forces_of_the_smooth_law_move_a_free_body(engine):
    """What accelerates the stone, gyroscopic forces at the end of the step and all, is what the ground pushes with."""
    s = scene("implicitfast free", "smooth")
    joint, qpos = next(joint for joint in s.model.joints if joint.type == "free"), s.system.qpos.clone()
    qpos[joint.qpos_adr + 2] -= 0.03  # into the ground
    s = replace(s, system=replace(s.system, qpos=qpos))
    a, rows, theta = first_step(s, None)
    q, v, dt = qpos[None], s.system.qvel[None], s.physics.dt
    late = 0.5 * (s.physics.bias(theta, q, v + dt * a) - s.physics.bias(theta, q, v - dt * a))
    forces = s.physics.bias(theta, q, v) + late - s.system.dof_ctrl[:1]
    pull = (s.physics.mass_matrix(theta, q)[0] @ a + forces[0])[joint.dof_adr : joint.dof_adr + 3]
    stone = rows[rows[:, PLACE["position"] + 1] > 0.5]  # the tip of the arm touches the ground elsewhere
    pushed = stone[:, PLACE["force"] : PLACE["force"] + 3].sum(0)
    assert float(pushed[2]) > 1.0 and float(late[0, joint.dof_adr : joint.dof_adr + 3].abs().max()) > 1e-3
    np.testing.assert_allclose(pushed.numpy(), pull.numpy(), rtol=0, atol=1e-9 * float(pushed.abs().max()))


def test_a_rollout_of_single_steps_is_the_rollout(engine):
    s = scene("implicit free", "mujoco")
    x, theta = s.system, s.physics.pack()
    lead = [u[:5, None] for u in (x.dof_ctrl, x.act_ctrl, x.wrench)]
    q, v, _ = s.physics.rollout(theta, x.qpos[None], x.qvel[None], *lead)
    state = x.qpos[None], x.qvel[None]
    for t in range(5):
        state = s.physics.step(theta, *state, *(u[t] for u in lead))[:2]
    assert_same(state[0], q[-1], "qpos", 1e-9)  # another start of the solver
    assert_same(state[1], v[-1], "qvel", 1e-9)
