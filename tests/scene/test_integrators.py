"""Implicit integrators in scenes: stiff servos and controllers, steps and rollouts, gradients of gains; MuJoCo's values."""

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import DivergenceError, InputError

SERVO = """<mujoco><option integrator="implicitfast" timestep="0.002"/><worldbody>
  <geom name="ground" type="plane" size="1 1 1" pos="0 0 -0.2"/>
  <body name="arm"><joint name="shoulder" axis="0 1 0" armature="0.1"/>
  <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" mass="1"/>
  <body name="hand" pos="0.3 0 0"><joint name="elbow" axis="0 1 0" damping="0.1"/>
    <geom type="capsule" fromto="0 0 0 0.2 0 0" size="0.02" mass="0.5"/></body></body></worldbody>
  <actuator><position name="servo" joint="shoulder" kp="2000" kv="400"/>
    <position name="grip" joint="elbow" kp="300" kv="20" forcerange="-8 8"/></actuator></mujoco>"""
STEPS = 200


def scene_of(integrator: str, xml: str = SERVO, n_envs: int = 0):
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.002, requires_grad=True),
        rigid_options=gs.options.RigidOptions(integrator=integrator, contact="mujoco", tolerance=1e-14),
    )
    robot = scene.add_entity(gs.morphs.MJCF(file=xml))
    scene.build(n_envs=n_envs)
    return scene, robot


def controls() -> torch.Tensor:
    """The arm goes down to the ground, with the grip at its bounds in the beginning."""
    return torch.tensor([[0.8, 1.5]], dtype=torch.float64).repeat(STEPS, 1)


@pytest.fixture(scope="module")
def servo(engine):
    return scene_of("implicitfast")


@pytest.mark.parametrize("integrator", ["implicitfast", "implicit"])
def test_a_stiff_servo_moves_as_in_mujoco(servo, integrator):
    scene, _ = servo if integrator == "implicitfast" else scene_of(integrator)
    model = mujoco.MjModel.from_xml_string(SERVO)
    model.opt.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{integrator.upper()}")
    model.opt.tolerance, model.opt.iterations, model.opt.ls_iterations, model.opt.ls_tolerance = 1e-15, 500, 200, 1e-10
    data, expected, touched = mujoco.MjData(model), [], 0
    for ctrl in controls().numpy():
        data.ctrl[:] = ctrl
        mujoco.mj_step(model, data)
        touched += data.ncon > 0
        expected.append(data.qpos.copy())
    assert touched > 20
    found = scene.rollout(act_ctrl=controls(), qpos=[0.0, 0.0], qvel=[0.0, 0.0]).qpos[1:].detach()
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-9)


def test_euler_cannot_hold_it(engine):
    scene, _ = scene_of("Euler")
    with pytest.raises(DivergenceError):
        scene.rollout(act_ctrl=controls())


def test_steps_are_the_rollout(servo):
    scene, robot = servo
    scene.reset()
    rolled = scene.rollout(act_ctrl=controls()[:40], qpos=[0.0, 0.0], qvel=[0.0, 0.0]).qpos[-1].detach()
    scene.reset()
    robot.control_actuators(controls()[0])
    for _ in range(40):
        scene.step()
    torch.testing.assert_close(plain(robot.get_qpos()), plain(rolled), rtol=0, atol=1e-9)


def plain(x) -> torch.Tensor:
    return x.detach().as_subclass(torch.Tensor)


def test_gains_have_their_gradient(servo):
    """Of the end of a rollout in contact, to gains of the servos and controls; near where it leaves its bounds a servo jumps."""
    scene, _ = servo
    base = scene.physical_parameters()
    names = ("act_bias1", "act_bias2", "act_gain", "dof_armature", "link_mass")
    inputs = {name: torch.as_tensor(base[name]).double().detach().clone() for name in names} | {"ctrl": controls()}

    def loss(x: dict[str, torch.Tensor]) -> torch.Tensor:
        ctrl, params = x["ctrl"], {k: v for k, v in x.items() if k != "ctrl"}
        made = scene.rollout(act_ctrl=ctrl, qpos=[0.0, 0.0], qvel=[0.0, 0.0], params=params)
        return (
            (made.qpos[-1] * torch.tensor([1.0, -0.4])).sum()
            + 0.1 * made.qvel[-1].square().sum()
            + made.qpos[:, 0].square().mean()
        )

    leaves = {k: v.clone().requires_grad_() for k, v in inputs.items()}
    loss(leaves).backward()
    for name, leaf in leaves.items():
        generator = torch.Generator().manual_seed(2)
        for _ in range(3):
            d = torch.randn(leaf.shape, generator=generator, dtype=torch.float64) * inputs[name].abs()
            exact = float((leaf.grad * d).sum())
            values = [float(loss(inputs | {name: inputs[name] + h * d})) for h in (1e-5, -1e-5, 5e-6, -5e-6)]
            coarse, fine = (values[0] - values[1]) / 2e-5, (values[2] - values[3]) / 1e-5
            assert exact == pytest.approx(fine + (fine - coarse) / 3.0, rel=1e-6, abs=1e-9), name


def test_joint_controllers_are_implicit_as_in_euler(engine):
    """Their velocity gain acts at the end of the step in both: without actuators and free bodies nothing else differs."""
    found = []
    xml = SERVO[: SERVO.index("<actuator>")] + "</mujoco>"
    for integrator in ("Euler", "implicitfast"):
        scene, robot = scene_of(integrator, xml)
        robot.set_dofs_kp([2000.0, 300.0])
        robot.set_dofs_kv([400.0, 60.0])
        found.append(plain(scene.rollout(controls(), kind="position").qpos))
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)
    assert found[0][-1, 0] > 0.2


def test_environments_do_not_mix(engine):
    """Parameters of each environment, so that a servo is stiff in one and soft in another."""
    scene, _ = scene_of("implicitfast", n_envs=5)
    alone, _ = scene_of("implicitfast")
    gains = torch.linspace(0.05, 1.0, 5, dtype=torch.float64)[:, None]
    bias = torch.as_tensor(alone.physical_parameters()["act_bias2"]).double().detach()
    together = plain(scene.rollout(act_ctrl=controls()[:50], params={"act_bias2": gains * bias}).qpos[-1])
    for e in (0, 4):
        made = alone.rollout(act_ctrl=controls()[:50], qpos=[0.0, 0.0], qvel=[0.0, 0.0], params={"act_bias2": gains[e] * bias})
        torch.testing.assert_close(together[e], plain(made.qpos[-1]), rtol=0, atol=1e-10)
    assert (together[0] - together[4]).abs().max() > 0.1


@pytest.mark.parametrize("integrator", ["implicitfast", "implicit"])
def test_explicit_damping_does_not_go_with_them(integrator):
    with pytest.raises(
        InputError, match=f"implicit_damping=False does not go with integrator={integrator}, .*choose Euler or RK4"
    ):
        gs.options.RigidOptions(integrator=integrator, implicit_damping=False)


SLIDER = """<mujoco><worldbody><geom type="plane" size="1 1 1"/><body pos="0 0 0.095">
  <joint type="slide" axis="0 0 1"/><geom type="sphere" size="0.1" mass="2"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize("integrator", ["Euler", "implicitfast"])
@pytest.mark.parametrize("bound", [5.0, 500.0])
def test_a_saturated_controller_is_no_damper_to_contacts(engine, integrator, bound):
    """m a = contact + drive - m g; inside its bounds the controller also brakes with kv at the end of the step."""
    scene, robot = scene_of(integrator, SLIDER)
    robot.set_dofs_kp([0.0])
    robot.set_dofs_kv([40.0])
    robot.set_dofs_force_range([-bound], [bound])
    robot.set_dofs_velocity([-0.3])
    robot.control_dofs_velocity([-2.0])
    scene.step()
    a = float(plain(scene.rigid_solver.qacc))
    drive = max(min(40.0 * (-2.0 + 0.3), bound), -bound)
    late = 40.0 * 0.002 * a if bound > 100.0 else 0.0
    pushed = float(plain(robot.get_links_net_contact_force())[-1, 2])
    assert pushed > 1.0 and pushed == pytest.approx(2.0 * a + late - drive + 2.0 * 9.81, rel=1e-9)
