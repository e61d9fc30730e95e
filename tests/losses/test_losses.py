"""Values of every loss on trajectories made by hand."""

import math

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.losses import LOSSES
from genesis.paths import path
from tests.settings import HOME, fake, numbers, posed, setting_of

pytestmark = pytest.mark.usefixtures("engine")


def loss(kind: str, setting, **options):
    return LOSSES[kind](setting, "loss.test", **options)


def pendulum_path(*angles: tuple[float, float]) -> torch.Tensor:
    return torch.stack([numbers(*pair) for pair in angles])


def tip(shoulder: float, elbow: float) -> np.ndarray:
    """Both rods 0.5 m; zero is upright; positive turns lean to +x."""
    x = 0.5 * math.sin(shoulder) + 0.5 * math.sin(shoulder + elbow)
    z = 0.5 * math.cos(shoulder) + 0.5 * math.cos(shoulder + elbow)
    return np.array([x, 0.0, z])


def test_position_is_the_mean_squared_distance_over_the_window() -> None:
    setting = setting_of("double_pendulum", horizon=4)
    angles = [(0.0, 0.0), (0.3, -0.1), (0.5, 0.2), (-0.4, 0.9), (1.0, 1.0)]
    trajectory = posed(setting, pendulum_path(*angles))
    target = np.array([0.1, 0.2, 0.3])
    squared = [float(((tip(*pair) - target) ** 2).sum()) for pair in angles]
    for at, steps in (("end", [4]), ("all", [1, 2, 3, 4]), ([0.5, 0.75], [2, 3])):
        value = loss("position", setting, target=target.tolist(), at=at)(trajectory)
        assert float(value) == pytest.approx(np.mean([squared[t] for t in steps]), rel=1e-12)


def test_position_of_an_offset_point_and_of_another_frame() -> None:
    setting = setting_of("double_pendulum", horizon=1)
    trajectory = posed(setting, pendulum_path((0.0, 0.0), (0.3, 0.4)))
    elbow = np.array([0.5 * math.sin(0.3), 0.0, 0.5 * math.cos(0.3)])
    along = np.array([math.sin(0.7), 0.0, math.cos(0.7)])  # z axis of the lower rod
    value = loss("position", setting, target=[0.0, 0.0, 0.0], frame="lower", offset=[0.0, 0.0, 0.2])(trajectory)
    assert float(value) == pytest.approx(float(((elbow + 0.2 * along) ** 2).sum()), rel=1e-12)


def test_position_averages_over_environments() -> None:
    setting = setting_of("double_pendulum", horizon=1, envs=2)
    qpos = torch.stack([torch.zeros(2, 2, dtype=torch.float64), pendulum_path((0.3, 0.4), (-0.2, 0.0))])
    value = loss("position", setting, target=[0.0, 0.0, 1.0])(posed(setting, qpos))
    each = [((tip(*pair) - [0.0, 0.0, 1.0]) ** 2).sum() for pair in ((0.3, 0.4), (-0.2, 0.0))]
    assert float(value) == pytest.approx(np.mean(each), rel=1e-12)


def test_orientation_is_four_times_the_squared_sine_of_half_the_angle() -> None:
    setting = setting_of("double_pendulum", horizon=1)
    trajectory = posed(setting, pendulum_path((0.0, 0.0), (0.3, 0.4)))
    upright, turned = [1.0, 0.0, 0.0, 0.0], [math.cos(0.35), 0.0, math.sin(0.35), 0.0]
    assert float(loss("orientation", setting, target=upright)(trajectory)) == pytest.approx(4 * math.sin(0.35) ** 2, rel=1e-12)
    assert float(loss("orientation", setting, target=turned)(trajectory)) == pytest.approx(0.0, abs=1e-30)
    assert float(loss("orientation", setting, target=[-3 * x for x in turned])(trajectory)) == pytest.approx(0.0, abs=1e-30)


def test_joint_tracking_differences_and_full_turns() -> None:
    setting = setting_of("cartpole", horizon=2, qpos=[0.5, 0.0])
    qpos = torch.stack([numbers(0.5, 0.0), numbers(0.7, 2 * math.pi + 0.1), numbers(0.9, -0.2)])
    trajectory = fake(qpos=qpos)
    plain = loss("joint_tracking", setting, target=[0.0, 0.1])(trajectory)
    assert float(plain) == pytest.approx((0.7**2 + (2 * math.pi) ** 2 + 0.9**2 + 0.3**2) / 4, rel=1e-12)
    turning = loss("joint_tracking", setting, target=[0.0, 0.1], periodic=True)(trajectory)
    assert float(turning) == pytest.approx((0.7**2 + 0.0 + 0.9**2 + 4 * math.sin(0.15) ** 2) / 4, rel=1e-12)
    home = loss("joint_tracking", setting, joints=["slider"], at="end")(trajectory)
    assert float(home) == pytest.approx(0.4**2, rel=1e-12)


def test_joint_tracking_of_a_free_body_uses_its_rotation() -> None:
    setting = setting_of("ball", horizon=1)
    turned = numbers(1.0, 2.0, 3.0, math.cos(0.3), 0.0, math.sin(0.3), 0.0)
    trajectory = fake(qpos=torch.stack([setting.start_qpos, turned]))
    value = loss("joint_tracking", setting)(trajectory)
    assert float(value) == pytest.approx((1 + 4 + 9 + 4 * math.sin(0.3) ** 2) / 6, rel=1e-12)


def test_velocity() -> None:
    setting = setting_of("cartpole", horizon=2)
    trajectory = fake(qvel=torch.stack([numbers(9.0, 9.0), numbers(1.0, 2.0), numbers(3.0, -1.0)]))
    assert float(loss("velocity", setting)(trajectory)) == pytest.approx((9 + 1) / 2)
    assert float(loss("velocity", setting, at="all", joints=["hinge"], target=1.0)(trajectory)) == pytest.approx((1 + 4) / 2)


def test_control_effort_and_smoothness() -> None:
    setting = setting_of("panda", horizon=3, qpos=HOME)
    setting.start_controls = torch.ones(3, 7, dtype=torch.float64)
    controls = torch.outer(numbers(1.0, 2.0, 4.0), torch.ones(7, dtype=torch.float64))
    trajectory = fake(controls=controls)
    assert float(loss("control_effort", setting)(trajectory)) == pytest.approx((1 + 4 + 16) / 3)
    assert float(loss("control_effort", setting, relative_to="start", scale=2.0)(trajectory)) == pytest.approx((0 + 1 + 9) / 12)
    shares = (4 / 87**2 + 3 / 12**2) / 7
    assert float(loss("control_effort", setting, scale="limits")(trajectory)) == pytest.approx(21 / 3 * shares, rel=1e-12)
    assert float(loss("smoothness", setting)(trajectory)) == pytest.approx((1 + 4) / 2 / 0.01**2, rel=1e-12)


def test_energy_is_work_of_either_sign() -> None:
    setting = setting_of("cartpole", horizon=2)
    trajectory = fake(
        controls=torch.stack([numbers(2.0, 0.0), numbers(-3.0, 1.0)]),
        qvel=torch.stack([numbers(9.0, 9.0), numbers(1.0, 5.0), numbers(2.0, -4.0)]),
    )
    value = loss("energy", setting, smoothing=1e-9)(trajectory)
    assert float(value) == pytest.approx((2 * 1 + 3 * 2 + 1 * 4) * 0.01, rel=1e-6)


def test_terminal_state() -> None:
    setting = setting_of("cartpole", horizon=1, qpos=[0.25, 0.0])
    trajectory = fake(
        qpos=torch.stack([numbers(0.0, 0.0), numbers(0.5, 0.3)]), qvel=torch.stack([numbers(0.0, 0.0), numbers(1.0, -2.0)])
    )
    value = loss("terminal_state", setting, qpos=[0.0, 0.1], qvel=[1.0, 0.0], velocity_weight=0.5)(trajectory)
    assert float(value) == pytest.approx((0.25 + 0.04) / 2 + 0.5 * (0 + 4) / 2, rel=1e-12)
    home = loss("terminal_state", setting, velocity_weight=0.0)(trajectory)
    assert float(home) == pytest.approx((0.25**2 + 0.3**2) / 2, rel=1e-12)
    assert float(loss("terminal_state", setting, qpos=None, velocity_weight=0.0)(trajectory)) == pytest.approx((0.25 + 0.09) / 2)


def test_joint_limits_count_only_the_excess() -> None:
    setting = setting_of("panda", horizon=1, qpos=HOME)
    qpos = torch.stack([numbers(*HOME), numbers(3.0, -0.785, 0.0, 0.0, 0.0, 1.571, 0.785)])
    value = loss("joint_limits", setting, margin=0.1)(fake(qpos=qpos))
    over = [3.0 - (2.8973 - 0.1), 0.0 - (-0.0698 - 0.1)]
    assert float(value) == pytest.approx(sum(x * x for x in over) / 7, rel=1e-12)


def test_velocity_limits_count_only_the_excess_relative_to_the_limit() -> None:
    setting = setting_of("panda", horizon=1, qpos=HOME)
    qvel = torch.stack([numbers(*[9.0] * 7), numbers(2.5, -2.4, 0.0, 0.0, -3.0, 2.5, 0.0)])
    value = loss("velocity_limits", setting, margin=0.1)(fake(qvel=qvel))
    over = [2.5 / 2.175 - 0.9, 2.4 / 2.175 - 0.9, 3.0 / 2.61 - 0.9, 2.5 / 2.61 - 0.9]
    assert float(value) == pytest.approx(sum(x * x for x in over) / 7, rel=1e-12)
    given = loss("velocity_limits", setting, limit=2.45).excess(fake(qvel=qvel))[0].tolist()
    assert given == pytest.approx([0.05, 0.0, 0.0, 0.0, 0.55, 0.05, 0.0])
    free = setting_of("double_pendulum", horizon=1)
    assert float(loss("velocity_limits", free)(fake(qvel=100.0 * torch.ones(2, 2, dtype=torch.float64)))) == 0.0


def test_force_limits_count_what_controllers_ask_for() -> None:
    setting = setting_of("panda", horizon=1, qpos=HOME)
    force = numbers(90.0, -88.0, 0.0, 0.0, 11.9, -15.0, 12.0).reshape(1, 7)
    over = [3.0 / 87.0, 1.0 / 87.0, 3.0 / 12.0]
    trajectory = fake(controller_force=force)
    assert float(loss("force_limits", setting)(trajectory)) == pytest.approx(sum(x * x for x in over) / 7, rel=1e-12)
    assert loss("force_limits", setting).excess(trajectory)[0].tolist() == pytest.approx([3.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0])
    some = loss("force_limits", setting, limit=[10.0, 2.0], joints=["panda_joint[56]"]).excess(trajectory)
    assert some[0].tolist() == pytest.approx([1.9, 13.0])


def test_information_needs_a_task_that_measures() -> None:
    with pytest.raises(InputError, match="loss.test: this task has no measurements and unknowns; tasks with them: excite"):
        loss("information", setting_of("panda"))


def test_user_function_gets_trajectory_scene_and_options(tmp_path, monkeypatch) -> None:
    (tmp_path / "user_loss_module.py").write_text(
        "def speed(trajectory, scene, factor):\n    return factor * trajectory.qvel[-1].square().sum()\n"
        "def wrong(trajectory, scene):\n    return trajectory.qvel\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    setting = setting_of("cartpole", horizon=1)
    trajectory = fake(qvel=torch.stack([numbers(0.0, 0.0), numbers(1.0, 2.0)]))
    value = loss("user", setting, function="user_loss_module.speed", options={"factor": 3.0})(trajectory)
    assert float(value) == pytest.approx(15.0)
    with pytest.raises(InputError, match=r"returned a tensor of shape \(2, 2\); it must return a scalar tensor"):
        loss("user", setting, function="user_loss_module.wrong")(trajectory)
    with pytest.raises(InputError, match='unknown function "sped"; known: speed'):
        loss("user", setting, function="user_loss_module.sped")


def test_user_function_of_a_file(tmp_path) -> None:
    file = tmp_path / "of mine.py"
    file.write_text("UNIT = 2.0\ndef speed(trajectory, scene):\n    return UNIT * trajectory.qvel[-1].square().sum()\n")
    setting = setting_of("cartpole", horizon=1)
    trajectory = fake(qvel=torch.stack([numbers(0.0, 0.0), numbers(1.0, 2.0)]))
    assert float(loss("user", setting, function=f"{file}:speed")(trajectory)) == pytest.approx(10.0)
    with pytest.raises(InputError, match='unknown function "sped"; known: speed'):
        loss("user", setting, function=f"{file}:sped")
    with pytest.raises(InputError, match=r"nope.py is no Python file; write FILE.py:function, or module.function"):
        loss("user", setting, function=f"{tmp_path / 'nope.py'}:speed")
    file.write_text("1 / 0\n")
    with pytest.raises(InputError, match=r"of mine.py cannot be imported \(ZeroDivisionError: division by zero\)"):
        loss("user", setting, function=f"{file}:speed")


def test_paths_from_waypoints_and_files(tmp_path) -> None:
    straight = path("here", [[0.0, 0.0], [1.0, 2.0]], 2, horizon=4)
    assert straight.tolist() == [[0.0, 0.0], [0.25, 0.5], [0.5, 1.0], [0.75, 1.5], [1.0, 2.0]]
    points = np.array([[0.0], [1.0], [0.0]])
    curve = path("here", points.tolist(), 1, horizon=8)
    assert curve[[0, 4, 8], 0].tolist() == pytest.approx([0.0, 1.0, 0.0])
    assert float(curve[1, 0]) == pytest.approx(0.25**2 * (3 - 2 * 0.25), rel=1e-12)  # at rest at the ends: a smooth step
    np.savetxt(tmp_path / "p.csv", points, delimiter=",")
    np.save(tmp_path / "p.npy", points)
    np.savez(tmp_path / "p.npz", other=points * 2, path=points)
    for name in ("p.csv", "p.npy", "p.npz"):
        assert torch.equal(path("here", str(tmp_path / name), 1, horizon=8), curve), name
    with pytest.raises(InputError, match=r"here: target has shape \(3, 1\); allowed: \(2,\)"):
        path("here", str(tmp_path / "p.csv"), 2, horizon=8)
    with pytest.raises(InputError, match=r'has the ending ".txt"; allowed: .csv, .npy, .npz'):
        (tmp_path / "p.txt").touch()
        path("here", str(tmp_path / "p.txt"), 1, horizon=8)
    with pytest.raises(InputError, match=r"entry \(1, 0\) is nan"):
        path("here", [[0.0], [math.nan]], 1, horizon=1)


def test_reference_needs_a_recording() -> None:
    with pytest.raises(InputError, match='target is "reference", but this task has no recorded trajectory; tasks with one: fit'):
        loss("joint_tracking", setting_of("cartpole"), target="reference")
