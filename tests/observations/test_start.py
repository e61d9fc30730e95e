"""Start states from measurements, and inputs on any grid."""

from math import cos, sin

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.grad.rotation import from_rotation_vector, multiply, rotate
from genesis.observations import Dataset, Recording, Series, Smoothing, input_places, input_series, measured_state, state_layout
from genesis.observations.spec import channel_spec, input_spec, settle
from tests.settings import numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")
TIME = np.arange(0.0, 2.0, 0.01)


def dataset(series: dict[str, np.ndarray], nodes: dict[str, dict], time: np.ndarray = TIME, **smoothing) -> Dataset:
    """One recording of given numbers (N, width)."""
    specs = {name: channel_spec(name, content) for name, content in nodes.items()}
    for spec in specs.values():
        settle(spec, [], "made")
    channels = {name: Series(time, np.asarray(x, dtype=float).reshape(len(time), -1), [name]) for name, x in series.items()}
    recording = Recording("made", None, 0, "train", channels, {}, float(time[0]), float(time[-1]))
    return Dataset([recording], specs, {}, Smoothing(**smoothing))


def state(data: Dataset, setting, times):
    return measured_state(data.recordings[0], data, state_layout(setting, data), np.asarray(times))


JOINTS = {
    "angle": {"kind": "joint_position", "columns": {"elbow": "q"}},
    "speed": {"kind": "joint_velocity", "columns": {"elbow": "v", "shoulder": "w"}},
}


def test_a_cubic_and_its_derivative_pass_the_filter_unchanged() -> None:
    """Exactly at the samples, and linear between them: h² / 8 times the second derivative."""
    data = dataset({"angle": 1.0 + 2.0 * TIME - TIME**3}, {"angle": JOINTS["angle"]}, window=25, order=3)
    qpos, qvel, known = state(data, setting_of("double_pendulum", qpos=[0.5, 0.0]), [0.0, 1.0, 1.505])
    assert np.allclose(qpos[:2, 1], [1.0, 2.0], atol=1e-9) and np.allclose(qvel[:2, 1], [2.0, -1.0], atol=1e-7)
    exact = 1.0 + 2.0 * 1.505 - 1.505**3
    assert qpos[2, 1] == pytest.approx(exact, abs=0.01**2 / 8 * 6 * 1.51 * 1.01)
    assert qpos[:, 0].tolist() == [0.5] * 3 and qvel[:, 0].tolist() == [0.0] * 3  # the scene's start
    assert known.tolist() == [False, True, False, True]


def test_the_filter_takes_noise_away() -> None:
    """Variance of the quadratic-cubic filter in the middle of its window: 3 (3 n² - 7) / (4 n (n² - 4)) with n = 25."""
    noise = 0.01 * np.random.default_rng(0).standard_normal(20000)
    time = np.arange(20000) * 0.01
    data = dataset({"angle": noise}, {"angle": JOINTS["angle"]}, time=time, window=25, order=3)
    qpos, _, _ = state(data, setting_of("double_pendulum"), time[100:-100])
    n = 25
    assert qpos[:, 1].std() == pytest.approx(0.01 * np.sqrt(3 * (3 * n**2 - 7) / (4 * n * (n**2 - 4))), rel=0.03)


def test_uneven_times_and_gaps() -> None:
    """A straight line stays one whatever the times and gaps are."""
    random = np.random.default_rng(3)
    time = np.sort(random.uniform(0.0, 2.0, 300))
    values = 0.3 - 1.5 * time
    values[50:70] = np.nan
    data = dataset({"angle": values}, {"angle": JOINTS["angle"]}, time=time)
    qpos, qvel, _ = state(data, setting_of("double_pendulum"), [0.4, 1.0, 1.6])
    assert np.allclose(qpos[:, 1], 0.3 - 1.5 * np.array([0.4, 1.0, 1.6]), atol=1e-9)
    assert np.allclose(qvel[:, 1], -1.5, atol=1e-7)


def test_window_1_reads_the_samples() -> None:
    values = np.where(np.arange(200) == 100, 1.0, 0.0)
    data = dataset({"angle": values}, {"angle": JOINTS["angle"]}, window=1)
    qpos, qvel, _ = state(data, setting_of("double_pendulum"), [1.0, 1.005, 0.99])
    assert np.allclose(qpos[:, 1], [1.0, 0.5, 0.0], atol=1e-9) and np.allclose(qvel[:, 1], [0.0, -25.0, 50.0], atol=1e-9)


def test_velocities_are_derivatives_unless_asked_for() -> None:
    series = {"angle": 2.0 * TIME, "speed": np.stack([0 * TIME + 7.0, 0 * TIME + 8.0], 1)}
    setting = setting_of("double_pendulum")
    _, qvel, known = state(dataset(series, JOINTS), setting, [1.0])
    assert np.allclose(qvel[0], [8.0, 2.0]) and known.tolist() == [False, True, True, True]  # the shoulder has no position
    _, qvel, _ = state(dataset(series, JOINTS, velocity="measured"), setting, [1.0])
    assert np.allclose(qvel[0], [8.0, 7.0])


def test_a_series_shorter_than_the_window() -> None:
    time = np.arange(4) * 0.1
    data = dataset({"angle": 1.0 + 2.0 * time}, {"angle": JOINTS["angle"]}, time=time)
    qpos, qvel, _ = state(data, setting_of("double_pendulum"), [0.1])
    assert qpos[0, 1] == pytest.approx(1.2) and qvel[0, 1] == pytest.approx(2.0)
    data = dataset({"angle": [3.0]}, {"angle": JOINTS["angle"]}, time=np.zeros(1))
    qpos, qvel, _ = state(data, setting_of("double_pendulum"), [0.1])
    assert (qpos[0, 1], qvel[0, 1]) == (3.0, 0.0)


def spinning() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A body turning at a constant rate about an axis of its own while it flies: p, quat (sign flipped half way), v, ω in its axes."""
    start, rate = from_rotation_vector(numbers(0.3, -0.2, 0.5)), numbers(1.0, 2.0, -1.5)
    quat = multiply(start, from_rotation_vector(torch.as_tensor(TIME)[:, None] * rate)).numpy()
    quat[100:] *= -1.0
    position = np.stack([TIME, 1.0 - TIME, 2.0 * TIME - 4.9 * TIME**2], 1)
    velocity = np.stack([0 * TIME + 1.0, 0 * TIME - 1.0, 2.0 - 9.8 * TIME], 1)
    return position, quat, velocity, np.tile(rate.numpy(), (len(TIME), 1))


BODY = {
    "position": {"kind": "link_position", "columns": {"ball": ["x", "y", "z"]}},
    "turn": {"kind": "link_orientation", "columns": {"ball": ["a", "b", "c", "d"]}},
    "velocity": {"kind": "link_velocity", "columns": {"ball": ["u", "v", "w"]}},
    "spin": {"kind": "link_angular_velocity", "columns": {"ball": ["p", "q", "r"]}, "axes": "frame"},
}


def named(setting, nodes: dict) -> dict:
    """The nodes with the name of the ball's link."""
    link = setting.robot.links[0].name
    return {name: {**content, "columns": {link: content["columns"]["ball"]}} for name, content in nodes.items()}


@pytest.mark.parametrize("source", ["position", "measured"])
def test_free_bodies(source: str) -> None:
    setting = setting_of("ball")
    position, quat, velocity, spin = spinning()
    nodes = named(setting, BODY if source == "measured" else {k: BODY[k] for k in ("position", "turn")})
    series = {"position": position, "turn": quat, "velocity": velocity, "spin": spin}
    window = 1 if source == "measured" else 9
    data = dataset({k: series[k] for k in nodes}, nodes, window=window, velocity=source)
    qpos, qvel, known = state(data, setting, [0.5, 1.3])
    rows = [50, 130]
    assert known.all() and np.allclose(qpos[:, :3], position[rows], atol=1e-9)
    assert np.allclose(np.abs((qpos[:, 3:] * quat[rows]).sum(1)), 1.0, atol=1e-9)
    assert np.allclose(qvel[:, :3], velocity[rows], atol=1e-7) and np.allclose(qvel[:, 3:], spin[rows], atol=1e-4)


def test_angular_velocities_in_world_axes() -> None:
    setting = setting_of("ball")
    position, quat, velocity, spin = spinning()
    nodes = named(setting, {**BODY, "spin": {**BODY["spin"], "axes": "world"}, "velocity": {**BODY["velocity"], "axes": "frame"}})
    turn = torch.as_tensor(quat)
    world = rotate(turn, torch.as_tensor(spin)).numpy()
    own = rotate(turn * numbers(1.0, -1.0, -1.0, -1.0), torch.as_tensor(velocity)).numpy()
    data = dataset({"position": position, "turn": quat, "velocity": own, "spin": world}, nodes, window=1, velocity="measured")
    _, qvel, _ = state(data, setting, [0.5, 1.3])
    assert np.allclose(qvel[:, :3], velocity[[50, 130]], atol=1e-9) and np.allclose(qvel[:, 3:], spin[[50, 130]], atol=1e-9)


def test_inputs_between_and_outside_of_the_samples() -> None:
    spec = input_spec("u", {"kind": "joint_force", "columns": {"elbow": "a", "shoulder": "b"}})
    settle(spec, [], "made")
    series = Series(np.array([0.0, 0.1, 0.3]), np.array([[1.0, 0.0], [2.0, 10.0], [4.0, 20.0]]), ["a", "b"])
    recording = Recording("made", None, 0, "train", {}, {"u": series}, 0.0, 0.3)
    at = np.array([[-1.0, 0.05], [0.2, 9.0]])
    linear = [[[1.0, 0.0], [1.5, 5.0]], [[3.0, 15.0], [4.0, 20.0]]]
    assert np.allclose(input_series(recording, spec, at), linear, atol=1e-12)
    spec.hold = "zero"
    held = [[[1.0, 0.0], [1.0, 0.0]], [[2.0, 10.0], [4.0, 20.0]]]
    assert input_series(recording, spec, at).tolist() == held
    assert input_series(recording, spec, np.array([0.1, 0.3])).tolist() == [[2.0, 10.0], [4.0, 20.0]]
    assert input_series(recording, spec, np.array([0.14]), delay=0.05).tolist() == [[1.0, 0.0]]
    assert input_series(recording, spec, np.array([0.3]), delay=0.2).tolist() == [[2.0, 10.0]]


def test_places_of_inputs() -> None:
    setting = setting_of("double_pendulum")
    spec = input_spec("u", {"kind": "joint_force", "columns": {"elbow": "a", "shoulder": "b"}})
    settle(spec, [], "made")
    assert input_places(setting, spec) == [1, 0]
    spec.names = ["elbwo"]
    with pytest.raises(InputError, match=r'observation.inputs.u.columns: unknown joint "elbwo"; known: elbow, shoulder\.'):
        input_places(setting, spec)
    spec = input_spec("u", {"kind": "actuator", "columns": {"motor": "a"}})
    settle(spec, [], "made")
    with pytest.raises(InputError, match=r'unknown actuator "motor"; known: none\.'):
        input_places(setting, spec)


def test_the_spinning_body_is_what_it_says() -> None:
    """The spinning body turns by |ω| t about ω."""
    _, quat, _, spin = spinning()
    angle = float(np.linalg.norm(spin[0])) * TIME[30]
    start = quat[0] * [1.0, -1.0, -1.0, -1.0]
    turned = multiply(torch.as_tensor(start), torch.as_tensor(quat[30])).numpy()
    axis = spin[0] / np.linalg.norm(spin[0])
    assert np.allclose(turned, [cos(angle / 2), *(sin(angle / 2) * axis)], atol=1e-12)
