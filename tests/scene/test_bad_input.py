"""Bad input: a typed error in one or two lines that says what, where and what is allowed."""

import math

import pytest
import torch

import genesis as gs
from genesis.errors import DivergenceError, InputError, StateError, UnknownNameError, UnsupportedError
from tests.scene.robots import GANTRY

NAN = float("nan")


def test_calls_at_the_wrong_time():
    scene = gs.Scene()
    with pytest.raises(StateError, match=r"no entity; call scene.add_entity\(\)"):
        scene.build()
    robot = scene.add_entity(gs.morphs.URDF(file=GANTRY))
    assert robot.n_dofs == 3 and not robot.is_built
    for call in (scene.step, scene.reset, scene.get_state, lambda: scene.rollout(torch.zeros(1, 3))):
        with pytest.raises(StateError, match=r"the scene is not built; call scene.build\(\) first"):
            call()
    for call in (robot.get_pos, lambda: robot.control_dofs_force(1.0), lambda: robot.links, lambda: robot.set_dofs_kp(1.0)):
        with pytest.raises(StateError, match=r'entity "gantry": the scene is not built'):
            call()
    scene.build()
    with pytest.raises(StateError, match="built already"):
        scene.build()
    with pytest.raises(StateError, match="add entities before"):
        scene.add_entity(gs.morphs.Plane())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s, r: r.set_qpos([1.0, 2.0]), InputError, r"set_qpos: shape \(2,\); allowed: \(3,\)"),
        (lambda s, r: r.set_qpos(torch.zeros(1, 3)), InputError, r"shape \(1, 3\); allowed: \(3,\)"),
        (lambda s, r: r.set_qpos([1.0, NAN, 0.0]), InputError, r'entity "arm".set_qpos: nan at index 1; allowed: finite numbers'),
        (lambda s, r: r.set_dofs_velocity([math.inf, 0, 0]), InputError, "inf at index 0"),
        (lambda s, r: r.set_qpos("up"), InputError, "'up' is not made of numbers"),
        (lambda s, r: r.set_qpos(torch.zeros(3, dtype=torch.complex64)), InputError, "torch.complex64; allowed: real numbers"),
        (lambda s, r: r.set_qpos(torch.zeros(3, device="meta")), InputError, r"on meta; allowed: cpu. Call .to\(gs.device\)"),
        (lambda s, r: r.set_qpos([torch.zeros(2), torch.zeros(1)]), InputError, "different shapes"),
        (lambda s, r: r.set_dofs_position([1.0], dofs_idx_local=[3]), InputError, "dofs_idx_local: index 3; allowed: 0 to 2"),
        (lambda s, r: r.set_dofs_position([1.0, 2.0], dofs_idx_local=[1, 1]), InputError, "names an index twice"),
        (lambda s, r: r.get_dofs_position(dofs_idx_local="elbow"), InputError, "'elbow' is no index"),
        (lambda s, r: r.get_qpos(envs_idx=[0]), InputError, "built without environments"),
        (lambda s, r: r.set_links_mass([-1.0], links_idx_local=[2]), InputError, "set_links_mass: -1 at index 0; allowed: 0"),
        (lambda s, r: r.set_mass(-1.0), InputError, "-1 at the value; allowed: 0 or more"),
        (lambda s, r: r.set_dofs_damping([0.1, -0.1, 0.1]), InputError, "-0.1 at index 1; allowed: 0 or more"),
        (lambda s, r: r.set_dofs_force_range(1.0, -1.0), InputError, "lower bound is above"),
        (lambda s, r: r.set_links_inertia(torch.ones(4, 3)), InputError, r"allowed: \(4, 3, 3\)"),
        (lambda s, r: r.set_links_inertia([[[1, 2, 0], [0, 1, 0], [0, 0, 1]]], links_idx_local=0), InputError, "not symmetric"),
        (lambda s, r: r.set_quat([0.0, 0, 0, 0]), InputError, "quaternion is zero"),
        (lambda s, r: r.get_link("hnad"), UnknownNameError, 'entity "arm": unknown link "hnad"; known: hand, base, lower, upper'),
        (lambda s, r: r.get_joint("elbw"), UnknownNameError, 'unknown joint "elbw"; known: elbow'),
        (lambda s, r: s.get_entity("ram"), UnknownNameError, 'unknown entity "ram"; known: arm'),
        (lambda s, r: r.control_actuators([1.0], ["driv"]), UnknownNameError, 'unknown actuator "driv"; known: drive'),
        (lambda s, r: r.control_actuators([1.0, 2.0, 3.0]), InputError, r"allowed: \(2,\)"),
        (lambda s, r: s.set_gravity([0, 0]), InputError, r"set_gravity: shape \(2,\); allowed: \(3,\)"),
        (lambda s, r: s.reset("start"), InputError, "str is no state"),
        (lambda s, r: r.get_jacobian("hand", [0, 0]), InputError, r"shape \(2,\); allowed: \(3,\)"),
        (lambda s, r: r.apply_links_external_wrench(force=[1.0, 2.0]), InputError, r"allowed: \(4, 3\)"),
        (lambda s, r: r.apply_links_external_wrench([0, 0, 1], ref=gs.link_ref_frame.root_COM), UnsupportedError, "root_COM"),
        (lambda s, r: r.inverse_kinematics(), UnsupportedError, "inverse_kinematics"),
        (lambda s, r: r.get_qposs(), AttributeError, "nearest: get_qpos"),
        (lambda s, r: s.add_sensor(), UnsupportedError, "add_sensor"),
        (lambda s, r: s.add_camera(model="thinlens"), UnsupportedError, "allowed: 'pinhole'"),
        (lambda s, r: s.add_camera(fov=190), InputError, "fov"),
        (lambda s, r: s.add_camera(pos=(1, 0)), InputError, "pos"),
        (lambda s, r: s.add_camera(res=(0, 10)), InputError, "res"),
        (lambda s, r: s.add_camera().stop_recording(), StateError, "nothing is recorded"),
        (lambda s, r: s.add_camera().set_pose(transform=[[1.0]]), InputError, "set_pose"),
        (lambda s, r: s.add_camera().follow_entity(r), UnsupportedError, "follow_entity"),
        (lambda s, r: s.mpm_solver, UnsupportedError, "only rigid bodies"),
        (lambda s, r: s.stepp(), AttributeError, "stepp"),
    ],
)  # fmt: skip
def test_wrong_values_and_names(arm, call, error, message):
    with pytest.raises(error, match=message):
        call(*arm)


def test_wrong_environments(arms):
    scene, robot = arms
    with pytest.raises(InputError, match=r"envs_idx: index 3; allowed: 0 to 2"):
        robot.get_qpos(envs_idx=3)
    with pytest.raises(InputError, match=r"shape \(2, 3\); allowed: \(3,\) or \(3, 3\)"):
        robot.set_qpos(torch.zeros(2, 3))
    with pytest.raises(InputError, match="nan at environment 1, index 2"):
        robot.set_qpos(torch.tensor([[0.0] * 3, [0, 0, NAN], [0.0] * 3]))
    with pytest.raises(InputError, match="the mask has 2 entries; allowed: 3"):
        robot.get_qpos(envs_idx=torch.tensor([True, False]))


def test_names_of_entities():
    scene = gs.Scene()
    scene.add_entity(gs.morphs.Plane(), name="floor")
    with pytest.raises(InputError, match='already an entity "floor"'):
        scene.add_entity(gs.morphs.Plane(), name="floor")
    with pytest.raises(InputError, match=r"is no morph; allowed: gs.morphs.URDF"):
        scene.add_entity("panda.urdf")
    with pytest.raises(UnsupportedError, match="surface"):
        scene.add_entity(gs.morphs.Plane(), surface=1)
    with pytest.raises(gs.ModelError, match="missing.urdf: no such file"):
        scene.add_entity(gs.morphs.URDF(file="missing.urdf"))
    with pytest.raises(InputError, match="n_envs is -1"):
        scene.build(n_envs=-1)


def test_a_control_that_is_not_finite_is_named_at_the_step(gantry, arms):
    scene, robot = gantry
    robot.control_dofs_force([0.0, NAN, 0.0])
    with pytest.raises(InputError, match='the control of "gantry/slide_y" is nan in environment 0 at step 1'):
        scene.step()
    many, robots = arms
    robots.control_actuators([[1.0, 0], [math.inf, 0], [1.0, 0]])
    with pytest.raises(InputError, match='actuator control of "drive" is inf in environment 1'):
        many.step()


def test_divergence_names_environment_step_and_quantity(arms):
    scene, robot = arms
    robot.set_dofs_force_range(-math.inf, math.inf)
    robot.set_dofs_velocity([0.0, 1e160, 0.0], envs_idx=[2])
    with pytest.raises(
        DivergenceError, match='(velocity|acceleration) of "arm/.*" is not finite in environment 2 at step 1 .*smaller dt'
    ) as caught:
        for _ in range(20):
            scene.step()
    assert caught.value.env == 2 and caught.value.step == scene.t + 1
    assert caught.value.quantity.split(" of arm/")[0] in ("velocity", "acceleration")


def test_debug_checks_controls_when_they_are_set(gantry, monkeypatch):
    scene, robot = gantry
    monkeypatch.setattr(scene.rigid_solver, "checked", True)
    with pytest.raises(InputError, match='entity "gantry".control_dofs_force: nan at index 2'):
        robot.control_dofs_force([0.0, 0.0, NAN])


def test_a_refused_step_leaves_state_and_time(gantry):
    scene, robot = gantry
    robot.set_dofs_velocity([1.0, 2.0, 3.0])
    scene.step()
    before = robot.get_qpos().tolist()
    robot.control_dofs_force([0.0, NAN, 0.0])
    with pytest.raises(InputError, match="slide_y"):
        scene.step()
    assert robot.get_qpos().tolist() == before and scene.t == 1
    robot.control_dofs_force([0.0, 0.0, 9.81])
    scene.step()
    assert robot.get_qpos().tolist() == pytest.approx([0.02, 0.04, before[2] + 0.01 * (3.0 - 0.0981)]) and scene.t == 2


def test_a_refused_gain_is_not_applied(floating):
    _, robot = floating
    before = robot.get_dofs_kp().tolist()
    with pytest.raises(UnsupportedError, match='joint "hip" turns freely'):
        robot.set_dofs_kp(7.0, [6, 7, 8, 9])
    assert robot.get_dofs_kp().tolist() == before
    robot.set_dofs_kp([0.0, 0.0, 0.0, 7.0], [6, 7, 8, 9])
    assert robot.get_dofs_kp([6, 9]).tolist() == [0.0, 7.0]


def test_quaternions_that_are_zero(floating):
    scene, robot = floating
    state = robot.get_qpos()
    for first, joint in ((3, "root"), (7, "hip")):
        bad = state.clone()
        bad[first : first + 4] = 1e-9
        with pytest.raises(InputError, match=f'set_qpos: joint "{joint}": the quaternion is zero'):
            robot.set_qpos(bad)
        with pytest.raises(InputError, match=f'set_qpos: joint "{joint}": the quaternion is zero'):
            robot.set_qpos(0.0, first)  # the only entry that was not zero
        for method, run in (
            ("rollout", lambda q: scene.rollout(torch.zeros(3, 10), qpos=q)),
            ("step_state", lambda q: scene.step_state(q, robot.get_dofs_velocity())),
        ):
            with pytest.raises(
                InputError, match=f'scene.{method}: qpos: the quaternion of joint "{joint}" is zero in environment 0'
            ):
                run(bad)
    assert robot.get_qpos().tolist() == state.tolist()


def test_states_that_are_not_finite_are_named(gantry):
    scene, _ = gantry
    good, bad = [0.0, 0.0, 0.0], [0.0, NAN, 0.0]
    for method, run in (
        ("rollout", lambda q, v, u, **more: scene.rollout([u], qpos=q, qvel=v, **more)),
        ("step_state", lambda q, v, u, **more: scene.step_state(q, v, u, **more)),
    ):
        for name, given in (("qpos", (bad, good, good)), ("qvel", (good, bad, good)), ("controls", (good, good, bad))):
            with pytest.raises(InputError, match=f"scene.{method}: {name}(:| is) nan at .*1; allowed: finite numbers"):
                run(*given)
        with pytest.raises(InputError, match=f'scene.{method}: parameter "link_mass": nan'):
            run(good, good, good, params={"link_mass": [NAN]})


def test_a_pure_step_that_diverges(arm):
    with pytest.raises(DivergenceError, match='(velocity|acceleration) of "arm/.*" is not finite in environment 0'):
        arm[0].step_state([0.0, 0.5, 0.0], [0.0, 1e160, 0.0])


def test_inertias_that_are_negative(arm):
    _, robot = arm
    before = robot.get_links_inertia().tolist()
    wrong = torch.diag(torch.tensor([0.1, -0.2, 0.1]))
    with pytest.raises(
        InputError, match='set_links_inertia: link "lower" has a principal moment of -0.2 kg m²; allowed: 0 or more'
    ):
        robot.set_links_inertia(torch.stack([wrong.abs(), wrong]), [1, 2])
    with pytest.raises(InputError, match=r"set_links_inertia: nan at index \[0, 0, 0\]"):
        robot.set_links_inertia(torch.full((1, 3, 3), NAN), [1])
    assert robot.get_links_inertia().tolist() == before
    with pytest.raises(InputError, match=r'get_link\("lower"\).set_mass: -1'):
        robot.get_link("lower").set_mass(-1.0)
