"""Contacts, contact forces and contact materials of entities."""

import math

import pytest
import torch

import genesis as gs
from genesis.errors import InputError

RADIUS, DEPTH, WEIGHT = 0.1, 2e-3, 9.81
pytestmark = pytest.mark.slow


def spheres(n_envs: int = 0, requires_grad: bool = True, **options):
    """Two balls of 1 kg that overlap the floor and each other by DEPTH."""
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.002, requires_grad=requires_grad),
        rigid_options=gs.options.RigidOptions(contact="mujoco", **options),
    )
    floor = scene.add_entity(gs.morphs.Plane(), name="floor")
    density = 1.0 / (4.0 / 3.0 * math.pi * RADIUS**3)
    bodies = [
        scene.add_entity(
            gs.morphs.Sphere(radius=RADIUS, pos=(k * (2 * RADIUS - DEPTH), 0, RADIUS - DEPTH)),
            material=gs.materials.Rigid(rho=density, condim=condim),
            name=f"ball_{k}",
        )
        for k, condim in enumerate((3, 4))
    ]
    scene.build(n_envs=n_envs)
    return scene, floor, *bodies


@pytest.fixture(scope="module")
def _pair(engine):
    return spheres()


@pytest.fixture(scope="module")
def _pairs(engine):
    return spheres(n_envs=3)


@pytest.fixture
def pair(_pair):
    return _clean(_pair)


@pytest.fixture
def pairs(_pairs):
    return _clean(_pairs)


def _clean(built):
    scene = built[0]
    for name in scene.rigid_solver.parameters.names:
        scene.rigid_solver.parameters.restore(name)
    scene.reset()
    return built


def test_contacts_of_a_state(pair):
    scene, floor, left, right = pair
    found = left.get_contacts()
    assert found["geom_a"].tolist() == [0, 1] and found["geom_b"].tolist() == [1, 2]
    assert found["link_a"].tolist() == [0, 1] and found["link_b"].tolist() == [1, 2]
    near = {"abs": 1e-6}
    assert found["penetration"].tolist() == pytest.approx([DEPTH, DEPTH], **near)
    assert found["normal"].flatten().tolist() == pytest.approx([0, 0, 1, 1, 0, 0], **near)
    assert found["position"].flatten().tolist() == pytest.approx(
        [0, 0, -DEPTH / 2, RADIUS - DEPTH / 2, 0, RADIUS - DEPTH], **near
    )
    assert torch.equal(found["force_a"], -found["force_b"]) and (found["force_b"] * found["normal"]).sum(-1).min() > 0
    assert "valid_mask" not in found


def test_contacts_between_two_entities(pair):
    _, floor, left, right = pair
    assert left.get_contacts(with_entity=right)["geom_b"].tolist() == [2]
    assert floor.get_contacts(with_entity=right)["geom_b"].tolist() == [2]
    assert left.get_contacts(with_entity=left)["geom_a"].tolist() == []
    assert left.get_contacts(exclude_self_contact=True)["geom_b"].tolist() == [1, 2]
    with pytest.raises(InputError, match="exclude_self_contact leaves nothing"):
        left.get_contacts(with_entity=left, exclude_self_contact=True)


def test_forces_are_those_of_the_dynamics(pair):
    """Newton's second law: weight and net contact force make the acceleration of the step."""
    scene, floor, left, right = pair
    for step in (lambda: None, scene.step, lambda: scene.rollout(torch.zeros(4, 12, dtype=gs.tc_float))):
        step()
        forces = torch.cat([body.get_links_net_contact_force() for body in (floor, left, right)]).sceneless()
        scene_forces = forces.sum(0)
        assert scene_forces.abs().max() < 1e-3  # action and reaction
        if scene.t:
            for body, force in ((left, forces[1]), (right, forces[2])):
                acceleration = body.get_dofs_acc()[:3].sceneless()
                expected = acceleration + torch.tensor([0.0, 0.0, WEIGHT], dtype=force.dtype)
                assert torch.allclose(force, expected, rtol=1e-4, atol=1e-3)


def test_a_trajectory_knows_its_contact_forces(pairs):
    scene, *_ = pairs
    controls = torch.zeros(5, 3, 12, dtype=gs.tc_float)
    controls[:, 1, 2] = 30.0  # lifts the left ball of environment 1
    trajectory = scene.rollout(controls)
    forces = trajectory.links_contact_force
    assert forces.shape == (5, 3, 3, 3)
    expected = trajectory.qacc[..., :3] + torch.tensor([0.0, 0.0, WEIGHT], dtype=gs.tc_float) - controls[..., :3]
    assert torch.allclose(forces[:, :, 1].sceneless(), expected.sceneless(), rtol=1e-4, atol=1e-3)
    last = torch.stack([body.get_links_net_contact_force()[:, 0] for body in scene.entities], 1)
    assert torch.allclose(forces[-1], last, rtol=1e-5, atol=1e-5)


def test_environments_are_padded(pairs):
    _, _, left, right = pairs
    left.set_pos([[0, 0, 1.0], [0, 0, RADIUS - DEPTH], [-1, 0, RADIUS - DEPTH]])
    found = left.get_contacts()
    assert found["valid_mask"].tolist() == [[False, False], [True, True], [True, False]]
    assert found["link_b"].tolist() == [[-1, -1], [1, 2], [1, -1]] and found["force_a"].shape == (3, 2, 3)
    parts = left.get_contacts(is_padded=False)
    assert [x.tolist() for x in parts["geom_b"]] == [[], [1, 2], [1]]
    assert left.get_links_net_contact_force(envs_idx=[1, 2]).shape == (2, 1, 3)


def test_a_force_leads_back_to_what_made_it(pair):
    """The sum of the forces on the floor through steps: pressing harder by 1 N presses the floor by 1 N more."""
    scene, floor, left, right = pair
    push = torch.zeros(12, dtype=gs.tc_float, requires_grad=True)
    scene.step()
    trajectory = scene.rollout(push.expand(300, 12))
    trajectory.links_contact_force[-1, 0, 2].backward()
    assert push.grad[2] == pytest.approx(1.0, abs=0.02) and push.grad[8] == pytest.approx(1.0, abs=0.02)
    scene.reset()
    push = torch.zeros(6, dtype=gs.tc_float, requires_grad=True)
    left.control_dofs_force(push)
    left.get_contacts(with_entity=floor)["force_b"].sum().backward()  # of the state now, under the controls of now
    assert push.grad[2] < 0.0


def test_friction_of_geoms_and_entities(pairs):
    scene, floor, left, right = pairs
    floor.set_friction(0.0)
    mu = torch.tensor([0.1, 0.4, 0.8], dtype=gs.tc_float, requires_grad=True)
    left.set_friction(mu)
    assert torch.equal(left.geoms[0].get_friction().detach().sceneless(), mu.detach())
    left.set_pos([-1.0, 0, RADIUS - DEPTH])
    left.set_dofs_velocity([1.0, 0, 0, 0, 0, 0])
    force = left.get_links_net_contact_force()[:, 0]
    assert torch.allclose(-force[:, 0] / force[:, 2], mu, rtol=2e-3)
    (force[:, 0] / force[:, 2]).sum().backward()
    assert torch.allclose(mu.grad, torch.full_like(mu, -1.0), rtol=1e-2)
    left.set_friction_ratio([[2.0], [1.0], [0.5]])
    assert left.get_friction_ratio().tolist() == [[2.0], [1.0], [0.5]]
    force = left.get_links_net_contact_force()[:, 0]
    assert (-force[:, 0] / force[:, 2]).tolist() == pytest.approx([0.2, 0.4, 0.4], rel=2e-3)
    with pytest.raises(
        InputError, match="set_friction_rolling: its contacts have condim 4 and no rolling friction; give condim=6"
    ):
        right.set_friction_rolling(0.1)
    right.set_friction_torsional(0.02)
    assert scene.rigid_solver.parameters.value("geom_friction")[0, 2].tolist() == pytest.approx([1.0, 0.02, 1e-4])


def test_sol_params_of_a_geom(pair):
    _, _, left, right = pair
    geom = left.geoms[0]
    assert geom.get_sol_params().tolist() == pytest.approx([0.02, 1.0, 0.9, 0.95, 0.001, 0.5, 2.0])
    softer = geom.get_sol_params().detach().sceneless().requires_grad_()
    before = left.get_contacts(with_entity=right)["force_b"][0, 0]
    geom.set_sol_params(softer * torch.tensor([2.0, 1, 1, 1, 1, 1, 1], dtype=gs.tc_float))
    after = left.get_contacts(with_entity=right)["force_b"][0, 0]
    assert 0.0 < after < before
    after.backward()
    assert softer.grad[0] < 0.0
    for bad, said in (
        ([0.02, 1, 0.95, 0.9, 0.001, 0.5, 2], "whose first two numbers overlap; allowed: the smaller one first"),
        ([0.02, -1, 0.9, 0.95, 0.001, 0.5, 2], "solref"),
        ([0.02, 1, 0.9, 0.95], r"shape \(4,\); allowed: \(7,\)"),
    ):
        with pytest.raises(InputError, match=f'geom "sphere" of entity "ball_0".set_sol_params: .*{said}'):
            geom.set_sol_params(bad)


PENDULUM = """<mujoco model="swing"><compiler angle="radian"/><worldbody><body name="rod" pos="0 0 1">
  <joint name="pivot" axis="0 1 0" range="-0.5 0.5" limited="true"/><inertial pos="0 0 -0.5" mass="2" diaginertia="0.02 0.03 0.01"/>
  <body name="tail" pos="0 0 -1"><joint name="free" axis="0 1 0"/><inertial pos="0 0 -0.1" mass="0.1" diaginertia="0.001 0.001 0.001"/>
  </body></body></worldbody></mujoco>"""


def test_limits_can_be_set(engine):
    scene = gs.Scene(sim_options=gs.options.SimOptions(requires_grad=True))
    arm = scene.add_entity(gs.morphs.MJCF(file=PENDULUM))
    scene.build(n_envs=2)
    assert [x[0].tolist() for x in arm.get_dofs_limit()] == [[-0.5, -math.inf], [0.5, math.inf]]
    upper = torch.tensor([[0.1], [0.3]], dtype=gs.tc_float, requires_grad=True)
    arm.set_dofs_limit(-0.5, upper, 0)
    assert arm.get_dofs_limit()[1].detach().tolist() == [pytest.approx([0.1, math.inf]), pytest.approx([0.3, math.inf])]
    push = torch.tensor([20.0, 0.0], dtype=gs.tc_float)
    end = scene.rollout(push.expand(400, 2)).qpos[-1, :, 0]
    assert torch.allclose(end, upper[:, 0], atol=0.03)
    end.sum().backward()
    assert torch.allclose(upper.grad, torch.ones_like(upper), atol=0.05)
    arm.set_dofs_frictionloss([[1e3, 0.0], [0.0, 0.0]])
    assert arm.get_dofs_frictionloss().tolist() == [[1e3, 0.0], [0.0, 0.0]]
    speeds = scene.rollout(push.expand(20, 2), qpos=[0.0, 0.0], qvel=[0.0, 0.0]).qvel[-1, :, 0]
    assert abs(speeds[0]) < 0.05 < abs(speeds[1])
    with pytest.raises(InputError, match='there is no limit of "swing/free" to set: its file gives none'):
        arm.set_dofs_limit(-1.0, 1.0)
    with pytest.raises(InputError, match="a lower limit is above its upper limit"):
        arm.set_dofs_limit(1.0, 0.0, 0)
    with pytest.raises(InputError, match="set_dofs_frictionloss: -1 at"):
        arm.set_dofs_frictionloss(-1.0)
