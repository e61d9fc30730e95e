"""Start states of recordings that show markers and poses, but no joints."""

import numpy as np
import pytest
import torch

from genesis.channels import make_channel
from genesis.channels.sample import Sample
from genesis.errors import InputError
from genesis.grad.rotation import from_rotation_vector
from genesis.observations import Dataset, Recording, Series, Smoothing, measured_state, not_measured, state_layout
from genesis.observations.spec import channel_spec, settle
from genesis.sysid.build import problem_of
from genesis.sysid.shooting import Shooting
from tests.settings import numbers, setting_of
from tests.sysid.problems import setting_for

pytestmark = pytest.mark.usefixtures("engine")
TIME = np.arange(0.0, 1.0, 0.01)
MARKERS = {
    "kind": "marker",
    "columns": {"a": ["ax", "ay", "az"], "b": ["bx", "by", "bz"]},
    "frames": {"a": "upper", "b": "lower"},
    "local_pos": {"a": [0.05, 0.02, -0.3], "b": [0.0, 0.03, 0.4]},
}
CAMERA = {
    "kind": "camera",
    "columns": {"lower": ["u", "v"], "upper": ["s", "t"]},
    "matrix": [[300.0, 20.0, 0.0], [0.0, 10.0, -300.0]],
    "origin": [320.0, 240.0],
    "local_pos": [0.0, 0.05, 0.3],
}
TURN = {"kind": "link_orientation", "columns": {"lower": ["w", "x", "y", "z"], "upper": ["W", "X", "Y", "Z"]}}
ANGLES = np.stack([0.4 + 0.5 * np.sin(4.0 * TIME), -0.6 + 1.0 * np.cos(3.0 * TIME)], 1)
SPEEDS = np.stack([2.0 * np.cos(4.0 * TIME), -3.0 * np.sin(3.0 * TIME)], 1)


def seen(setting, nodes: dict[str, dict], qpos: np.ndarray, time: np.ndarray = TIME, **smoothing) -> Dataset:
    """What channels would show of a motion (N, nq)."""
    specs = {name: channel_spec(name, node) for name, node in nodes.items()}
    physics, series = setting.scene.rigid_solver.physics, {}
    q = torch.as_tensor(qpos)
    v = torch.zeros(len(q), physics.nv, dtype=q.dtype)
    for name, spec in specs.items():
        settle(spec, [], "made")
        spec.sigma = np.full(len(spec.names) * spec.about.residual_width, 1e-3)
        channel = make_channel(setting, spec.where, spec.kind, spec.names, spec.options)
        sample = Sample(physics, physics.pack(), 0.01, q, v, (q, v), (q, v), v, v)
        series[name] = Series(time, channel.predict(sample).detach().numpy(), [])
    recording = Recording("made", None, 0, "train", series, {}, float(time[0]), float(time[-1]))  # type: ignore[arg-type]
    return Dataset([recording], specs, {}, Smoothing(**smoothing))


@pytest.mark.parametrize("node", [MARKERS, CAMERA, TURN])
def test_joints_follow_from_frames(node: dict) -> None:
    setting = setting_of("double_pendulum")
    data = seen(setting, {"it": node}, ANGLES, window=5)
    rows = [10, 40, 77]
    qpos, qvel, known = measured_state(data.train[0], data, state_layout(setting, data), TIME[rows])
    assert known.all()
    assert qpos == pytest.approx(ANGLES[rows], abs=3e-5) and qvel == pytest.approx(SPEEDS[rows], abs=5e-3)
    assert data.warnings == [] and not_measured(setting, data, state_layout(setting, data)) == ([], False)
    assert data.warnings == []


def test_hidden_markers_and_measured_joints_leave_the_rest() -> None:
    """One marker is hidden for a while, and one joint is measured besides: it is taken as it is."""
    setting = setting_of("double_pendulum")
    nodes = {"it": {**MARKERS}, "angle": {"kind": "joint_position", "columns": {"shoulder": "q"}}}
    data = seen(setting, nodes, ANGLES, window=1)
    data.train[0].channels["it"].values[20:30, 3:] = np.nan
    qpos, _, known = measured_state(data.train[0], data, state_layout(setting, data), TIME)
    assert known.all() and np.array_equal(qpos[:, 0], ANGLES[:, 0])
    assert qpos[:20] == pytest.approx(ANGLES[:20], abs=1e-8) and qpos[30:] == pytest.approx(ANGLES[30:], abs=1e-8)
    assert np.ptp(qpos[20:30, 1]) < 1e-9  # nothing is seen of it there


def test_a_free_body_with_three_markers() -> None:
    setting = setting_for("sphere")
    points = {"p": [0.1, 0.0, 0.0], "q": [0.0, 0.1, 0.0], "r": [0.0, -0.05, 0.08]}
    node = {
        "kind": "marker", "columns": {p: [f"{p}x", f"{p}y", f"{p}z"] for p in points}, "frames": dict.fromkeys(points, "sphere"),
        "local_pos": points,
    }  # fmt: skip
    axis = numbers(0.48, -0.6, 0.64)
    quat = from_rotation_vector(torch.as_tensor(3.0 + 2.0 * TIME)[:, None] * axis).numpy()
    place = np.stack([TIME, 0.3 * TIME**2, 1.0 - TIME], 1)
    data = seen(setting, {"it": node}, np.concatenate([place, quat], 1), window=5)
    qpos, qvel, known = measured_state(data.train[0], data, state_layout(setting, data), TIME[[50]])
    assert known.all() and qpos[0, :3] == pytest.approx(place[50], abs=1e-6)
    assert abs(qpos[0, 3:] @ quat[50]) == pytest.approx(1.0, abs=1e-8)
    assert qvel[0] == pytest.approx([1.0, 0.3, -1.0, *(2.0 * axis.numpy())], abs=1e-3)


def test_motions_that_nothing_sees_are_named() -> None:
    """A marker on the upper rod says nothing of the elbow; an origin that lies on the axis nothing of either joint."""
    setting = setting_for("double_pendulum")
    node = {"kind": "marker", "columns": {"a": ["x", "y", "z"]}, "frames": {"a": "upper"}, "local_pos": [0.05, 0.02, -0.3]}
    data = seen(setting, {"it": node}, ANGLES)
    assert not_measured(setting, data, state_layout(setting, data)) == (["elbow"], False)
    problem_of(setting, data, {"mass": {"kind": "mass"}}, Shooting(window=0.5))
    assert "no channel tells the position of joint elbow: windows start there at home" in data.warnings[-1]
    data = seen(setting, {"it": {**node, "local_pos": None}}, ANGLES)
    with pytest.raises(
        InputError, match=r"no channel tells the position of joints shoulder, elbow, so that the start of a window"
    ):
        problem_of(setting, data, {"mass": {"kind": "mass"}}, Shooting(window=0.5))
    problem_of(setting, data, {"mass": {"kind": "mass"}}, Shooting(window=None))
    assert "joints shoulder, elbow" in data.warnings[-1]


def test_markers_at_another_place_are_told() -> None:
    setting = setting_of("double_pendulum")
    data = seen(setting, {"it": MARKERS}, ANGLES)
    data.train[0].channels["it"].values *= 1000.0
    not_measured(setting, data, state_layout(setting, data))
    assert 'm rms away from channel "it"; are its unit, its axes and its place (frames, local_pos) right?' in data.warnings[-1]


def test_elbow_up_or_down_is_told() -> None:
    """The tip alone fits two poses of a planar arm."""
    setting = setting_of("double_pendulum")
    node = {"kind": "marker", "columns": {"a": ["x", "y", "z"]}, "frames": {"a": "lower"}, "local_pos": [0.0, 0.0, 0.5]}
    data = seen(setting, {"it": node}, ANGLES)
    not_measured(setting, data, state_layout(setting, data))
    assert "made: several poses fit what was measured" in data.warnings[0]
