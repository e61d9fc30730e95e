"""What each parameter puts into a rollout, in numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.errors import InputError, UnknownNameError
from genesis.parameters import OF_TASKS, PARAMETERS, Inputs
from genesis.splines import cubic_weights, linear_weights
from tests.settings import HOME, numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")


def make(kind: str, setting, **options):
    return PARAMETERS[kind](setting, "parameter.test", **options)


def applied(setting, *parameters) -> Inputs:
    controls = torch.zeros(setting.horizon, *setting.start_qvel.shape, dtype=torch.float64)
    inputs = Inputs(setting.start_qpos, setting.start_qvel, controls, setting.described)
    for parameter in parameters:
        parameter.apply(inputs)
    return inputs


def put(parameter, *values: float) -> None:
    with torch.no_grad():
        leaf = parameter.leaves()[0]
        leaf.copy_(numbers(*values).reshape(leaf.shape))


def test_hold_repeats_each_value() -> None:
    setting = setting_of("cartpole", horizon=5)
    force = make("hold", setting, every=2, joints=["slider"], scale=10.0)
    assert force.leaves()[0].shape == (3, 1)
    put(force, 1.0, 2.0, 3.0)
    inputs = applied(setting, force)
    assert inputs.controls[:, 0].tolist() == [10.0, 10.0, 20.0, 20.0, 30.0]
    assert inputs.controls[:, 1].tolist() == [0.0] * 5


def test_linear_knots_interpolate() -> None:
    setting = setting_of("cartpole", horizon=5)
    force = make("knots", setting, count=3, spline="linear", joints=["slider"])
    put(force, 0.0, 2.0, -2.0)
    assert force.value()[:, 0].tolist() == pytest.approx([0.0, 1.0, 2.0, 0.0, -2.0])


@pytest.mark.parametrize("count", [2, 3, 4, 7, 30])
@pytest.mark.parametrize("at_rest", [False, True])
def test_cubic_splines_are_scipys(count: int, at_rest: bool) -> None:
    from scipy.interpolate import CubicSpline

    values = np.random.RandomState(0).randn(count)
    ends = "clamped" if at_rest else "natural"
    expected = CubicSpline(np.linspace(0, 1, count), values, bc_type=ends)(np.linspace(0, 1, 50))
    assert cubic_weights(50, count, at_rest=at_rest) @ values == pytest.approx(expected, rel=1e-11, abs=1e-12)
    assert linear_weights(50, count).sum(1) == pytest.approx(np.ones(50), rel=1e-12)


def test_controls_of_two_parameters_add_up_and_reach_every_environment() -> None:
    setting = setting_of("cartpole", horizon=2, envs=3)
    inputs = applied(setting, make("hold", setting, joints=["slider"], init=2.0), make("hold", setting, init=[1.0, 5.0]))
    assert inputs.controls.shape == (2, 3, 2)
    assert torch.equal(inputs.controls, numbers(3.0, 5.0).expand(2, 3, 2))


def test_controls_stay_within_the_limits_of_the_robot() -> None:
    setting = setting_of("panda", horizon=20, qpos=HOME)
    torque = make("knots", setting, count=5, bounds="limits", scale=100.0, noise=100.0)
    largest = torque.value().detach().abs().max(0).values
    assert bool((largest <= numbers(87, 87, 87, 87, 12, 12, 12)).all()) and float(largest[0]) > 80.0


def test_gravity_start_holds_the_arm_still() -> None:
    setting = setting_of("panda", horizon=50, qpos=HOME)
    torque = make("knots", setting, count=4, init="gravity", scale="inertia", bounds="limits")
    inputs = applied(setting, torque)
    trajectory = setting.scene.rollout(inputs.controls, qpos=inputs.qpos, qvel=inputs.qvel)
    assert trajectory.qpos[-1].tolist() == pytest.approx(HOME, abs=1e-6)


def test_inertia_unit_makes_learned_numbers_joint_accelerations() -> None:
    setting = setting_of("panda", horizon=1, qpos=HOME)
    torque = make("hold", setting, init="gravity", scale="inertia")
    put(torque, 1.0, 0.0, -2.0, 0.0, 0.5, 0.0, 3.0)
    trajectory = setting.scene.rollout(applied(setting, torque).controls, qpos=setting.start_qpos, qvel=setting.start_qvel)
    # Damping is implicit, so that the acceleration of the step is smaller by about dt d / M = 6e-5 of the smallest inertia.
    assert trajectory.qacc[0].tolist() == pytest.approx([1.0, 0.0, -2.0, 0.0, 0.5, 0.0, 3.0], abs=2e-2)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("hold", {"every": 1}),
        ("knots", {"count": 10, "spline": "linear"}),
        ("hold", {"every": 1, "scale": "inertia", "bounds": "limits"}),
    ],
)
def test_controls_can_be_set(kind: str, options: dict) -> None:
    setting = setting_of("panda", horizon=10, qpos=HOME)
    torque = make(kind, setting, **options)
    wanted = torch.from_numpy(np.random.RandomState(1).uniform(-10, 10, (10, 7)))
    torque.set_value(wanted)
    assert torch.allclose(torque.value(), wanted, atol=1e-8)


def test_clamped_controls_tell_their_bounds_and_project() -> None:
    setting = setting_of("cartpole", horizon=3)
    force = make("hold", setting, joints=["slider"], scale=10.0, init=5.0, bounds=[-20, 20], transform="clamp")
    low, high = force.leaf_bounds()[0]
    assert low[0].tolist() == pytest.approx([-2.5]) and high[0].tolist() == pytest.approx([1.5])
    put(force, 9.0, 0.0, -9.0)
    force.project()
    assert force.value()[:, 0].tolist() == pytest.approx([20.0, 5.0, -20.0])


def test_controls_begin_on_a_path_of_forces_or_of_targets(tmp_path: Path) -> None:
    forces = [[0.0], [1.0], [4.0]]
    setting = setting_of("cartpole", horizon=3)
    assert make("hold", setting, joints=["slider"], init=forces, scale=10.0).value()[:, 0].tolist() == [0.0, 1.0, 4.0]
    np.savetxt(tmp_path / "force.csv", forces)
    knots = make("knots", setting, count=2, joints=["slider"], init=str(tmp_path / "force.csv"))
    put(knots, 1.0, 2.0)  # on top of the path
    assert knots.value()[:, 0].tolist() == pytest.approx([1.0, 2.5, 6.0])
    setting.control = "position"  # a step takes the target of the state it leads to
    assert make("hold", setting, joints=["slider"], init=[[0.0], [0.1], [0.2], [0.4]]).value()[:, 0].tolist() == [0.1, 0.2, 0.4]
    assert make("hold", setting, joints=["slider"], init=[[0.0], [3.0]]).value()[:, 0].tolist() == pytest.approx([1.0, 2.0, 3.0])


def test_controls_along_a_path_have_bounds_at_every_step() -> None:
    setting = setting_of("cartpole", horizon=2)
    options = {"joints": ["slider"], "init": [[5.0], [-3.0]], "bounds": [-20, 20], "transform": "clamp"}
    force = make("hold", setting, scale=10.0, **options)
    low, high = force.leaf_bounds()[0]
    assert low[:, 0].tolist() == pytest.approx([-2.5, -1.7]) and high[:, 0].tolist() == pytest.approx([1.5, 2.3])
    shared = make("hold", setting, every=2, **options)  # one number, two controls: cut off instead
    assert shared.leaf_bounds() == [None]
    put(shared, 30.0)
    assert shared.value()[:, 0].tolist() == [20.0, 20.0]


def test_a_wrong_path_of_controls_is_named(tmp_path: Path) -> None:
    setting = setting_of("cartpole", horizon=3)
    with pytest.raises(InputError, match=r"parameter.test.init: target has shape \(2, 1\); allowed: \(2,\) or \(n, 2\)"):
        make("hold", setting, init=[[0.0], [1.0]])
    with pytest.raises(InputError, match=r"parameter.test.init: file .*none.csv not found"):
        make("knots", setting, count=2, init=str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match=r"parameter.test.init"):
        make("policy", setting, init=[[0.0, 0.0], [1.0, 0.0]])


def test_initial_position_and_velocity() -> None:
    setting = setting_of("cartpole", horizon=1, qpos=[0.5, 1.0], envs=2)
    inputs = applied(
        setting,
        make("initial_position", setting, joints=["hinge"], init=[0.3]),
        make("initial_velocity", setting, init=[1.0, 2.0]),
    )
    assert inputs.qpos.tolist() == [[0.5, 0.3]] * 2 and inputs.qvel.tolist() == [[1.0, 2.0]] * 2
    assert make("initial_position", setting).value().tolist() == [0.5, 1.0]
    assert make("initial_position", setting).labels() == ["slider", "hinge"]


def test_parts_of_a_free_body() -> None:
    setting = setting_of("ball", horizon=1)
    linear = make("initial_velocity", setting, part="linear", init=[1.0, 2.0, 3.0])
    angular = make("initial_velocity", setting, part="angular", init=4.0)
    place = make("initial_position", setting, init=[7.0, 8.0, 9.0])
    inputs = applied(setting, linear, angular, place)
    assert inputs.qvel.tolist() == [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]
    assert inputs.qpos.tolist() == [7.0, 8.0, 9.0, 1.0, 0.0, 0.0, 0.0]
    assert [label.rpartition(".")[2] for label in linear.labels()] == ["vx", "vy", "vz"]
    with pytest.raises(InputError, match="part is linear, but none of the chosen joints is free"):
        make("initial_velocity", setting_of("cartpole"), part="linear")


def test_physical_parameters_replace_rows_by_name() -> None:
    setting = setting_of("cartpole", horizon=1)
    mass = make("mass", setting, names=["pole"], init=0.3, log=True)
    other = make("mass", setting, names=["cart"])
    damping = make("damping", setting, names=["hinge"], init=0.5)
    gravity = make("gravity", setting, init=[0.0, 0.0, -1.62])
    inputs = applied(setting, mass, other, damping, gravity)
    assert inputs.physical["link_mass"].tolist() == pytest.approx([1.0, 0.3])
    assert inputs.physical["dof_damping"].tolist() == pytest.approx([0.05, 0.5])
    assert inputs.physical["gravity"].tolist() == pytest.approx([0.0, 0.0, -1.62])
    assert mass.leaves()[0].tolist() == pytest.approx([math.log(0.3)]) and mass.labels() == ["pole"]


def test_wide_physical_parameters_keep_their_shape() -> None:
    setting = setting_of("cartpole", horizon=1)
    com = make("centre_of_mass", setting, names=["pole"], bounds=[[-0.1, -0.1, 0.0], [0.1, 0.1, 1.0]])
    assert com.value().tolist() == pytest.approx([0.0, 0.0, 0.5]) and com.labels() == ["pole[x]", "pole[y]", "pole[z]"]
    assert applied(setting, com).physical["link_com"].shape == (2, 3)


def test_physical_parameters_that_cannot_be() -> None:
    setting = setting_of("cartpole")
    with pytest.raises(UnknownNameError, match='unknown physical parameter "link_mas"; known: link_mass'):
        make("field", setting, field="link_mas")
    with pytest.raises(UnknownNameError, match='unknown link "pol"; known: pole'):
        make("mass", setting, names=["pol"])
    with pytest.raises(InputError, match="log is true, but cart starts at -1; give a positive init"):
        make("mass", setting, init=-1.0, log=True)


def test_logarithm_with_bounds() -> None:
    setting = setting_of("cartpole")
    mass = make("mass", setting, names=["pole"], init=0.2, log=True, bounds=[0.1, 10.0])
    assert mass.value().tolist() == pytest.approx([0.2])
    put(mass, 100.0)
    assert mass.value().tolist() == pytest.approx([10.0])
    put(mass, -100.0)
    assert mass.value().tolist() == pytest.approx([0.1])


def test_policy_observes_acts_and_is_bounded() -> None:
    setting = setting_of("cartpole", horizon=1, envs=2)
    policy = make("policy", setting, joints=["slider"], hidden=[4], periodic=["hinge"], scale=3.0, bounds=[-2.0, 2.0])
    shapes = [tuple(leaf.shape) for leaf in policy.leaves()]
    assert shapes == [(4, 5), (4,), (1, 4), (1,)]  # slider, sine, cosine, two velocities
    with torch.no_grad():
        for leaf in policy.leaves():
            leaf.zero_()
        policy.leaves()[-1].fill_(1.0)
    qpos, qvel = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    act = policy.law()
    assert act(qpos, qvel).tolist() == [[pytest.approx(2 * math.tanh(1.5)), 0.0]] * 2
    turned = act(qpos + numbers(0.0, 2 * math.pi), qvel)
    assert torch.allclose(turned, act(qpos, qvel), atol=1e-14)


def test_policy_starts_the_same_for_the_same_seed() -> None:
    values = [make("policy", setting_of("cartpole"), joints=["slider"]).value() for _ in range(2)]
    assert torch.equal(values[0], values[1]) and float(values[0].detach().abs().max()) > 0.1


@pytest.mark.parametrize("kind", OF_TASKS)
def test_set_value_comes_back(kind: str) -> None:
    setting = setting_of("cartpole", horizon=6)
    special = {
        "knots": {"count": 6, "spline": "linear"},
        "fourier": {"harmonics": 2, "rest": False},
    }
    options = special.get(kind, {})
    parameter = make(kind, setting, **options)
    wanted = parameter.value().detach() + 0.25
    parameter.set_value(wanted)
    assert torch.allclose(parameter.value(), wanted, atol=1e-10)
