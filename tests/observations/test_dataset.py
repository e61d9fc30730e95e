"""From files to recordings, by value."""

from math import pi
from pathlib import Path

import numpy as np
import pytest

from genesis.observations import load
from tests.observations.recipes import node, table


def angle(**more):
    return {"angle": {"kind": "joint_position", "columns": {"pivot": "q"}, **more}}


def test_columns_by_name(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 0.1, 0.2], q2=[4.0, 5.0, 6.0], q1=[1.0, 2.0, 3.0], tau=[7.0, 8.0, 9.0])
    channels = {"arm": {"kind": "joint_position", "columns": {"shoulder": "q1", "elbow": "q2"}}}
    inputs = {"torque": {"kind": "joint_force", "columns": {"elbow": "tau"}}}
    data = load(node(path, channels=channels, inputs=inputs))
    (recording,) = data.train
    series = recording.channels["arm"]
    assert (recording.name, recording.path, recording.split) == ("a", path, "train")
    assert series.time.tolist() == [0.0, 0.1, 0.2] and series.values.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert series.columns == ["q1", "q2"] and data.specs["arm"].labels == ["shoulder", "elbow"]
    assert recording.inputs["torque"].values.tolist() == [[7.0], [8.0], [9.0]]
    assert (recording.start, recording.end) == (0.0, 0.2) and not data.validation and not data.warnings


def test_patterns_find_names(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 1.0], j1_pos=[1.0, 2.0], j2_pos=[3.0, 4.0], cam_pos=[5.0, 6.0], _pos=[0.0, 0.0])
    channels = {"arm": {"kind": "joint_position", "columns": "{name}_pos", "names": ["j*"]}}
    data = load(node(path, channels=channels))
    assert data.specs["arm"].names == ["j1", "j2"] and data.train[0].channels["arm"].values.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    path = table(tmp_path / "b.csv", time=[0.0, 1.0], hand_x=[1.0, 2.0], hand_y=[3.0, 4.0], hand_z=[5.0, 6.0])
    data = load(node(path, channels={"hand": {"kind": "link_position", "columns": ["{name}_x", "{name}_y", "{name}_z"]}}))
    assert data.specs["hand"].labels == ["hand.x", "hand.y", "hand.z"]


@pytest.mark.parametrize(
    ("kind", "unit", "factor", "si"),
    [
        ("joint_position", "deg", pi / 180, "rad"), ("joint_position", "rev", 2 * pi, "rad"), ("joint_position", "mm", 1e-3, "m"),
        ("joint_velocity", "deg/s", pi / 180, "rad/s"), ("joint_velocity", "rpm", pi / 30, "rad/s"),
        ("joint_torque", "mNm", 1e-3, "Nm"), ("joint_torque", "kN", 1e3, "N"), ("joint_position", None, 1.0, "rad"),
    ],
)  # fmt: skip
def test_units(tmp_path: Path, kind: str, unit: str, factor: float, si: str) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 1.0], q=[1.0, 2.0])
    channels = {"x": {"kind": kind, "columns": {"pivot": "q"}, "unit": unit, "sigma": 0.5}}
    data = load(node(path, channels=channels))
    assert np.allclose(data.train[0].channels["x"].values[:, 0], [factor, 2 * factor], rtol=1e-15)
    assert data.specs["x"].unit == si and data.specs["x"].sigma == pytest.approx([0.5 * factor])


def test_scale_offset_and_delay(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 0.1, 0.2], q=[10.0, 20.0, 30.0])
    inputs = {"torque": {"kind": "joint_force", "columns": {"pivot": "q"}, "delay": 0.07}}
    file = {"path": str(path), "delay": 0.01}
    data = load(node(file, channels=angle(unit="deg", scale=-2.0, offset=5.0, delay=0.03), inputs=inputs))
    series = data.train[0].channels["angle"]
    assert np.allclose(series.values[:, 0], np.radians([-35.0, -55.0]), rtol=1e-15)  # the first belongs to before the start
    assert np.allclose(series.time, [0.06, 0.16], rtol=1e-14)
    assert np.allclose(data.train[0].inputs["torque"].time, [0.07, 0.17, 0.27], rtol=1e-14)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)])
def test_units_of_time(tmp_path: Path, unit: str, factor: float) -> None:
    path = table(tmp_path / "a.csv", time=[5.0, 105.0, 255.0], q=[1.0, 2.0, 3.0])
    data = load(node(path, time={"column": "time", "unit": unit}))
    assert np.allclose(data.train[0].channels["angle"].time, np.array([0.0, 100.0, 250.0]) * factor, rtol=1e-14)


def test_stamps_since_1970_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    start = 1_700_000_000_123_456_789
    np.savez(
        path, time=start + np.array([0, 1_000_001, 2_000_003]), q=np.arange(3.0), late=start + np.array([7, 8, 9]), v=np.ones(3)
    )
    channels = {**angle(), "speed": {"kind": "joint_velocity", "columns": {"pivot": "v"}, "time": "late"}}
    data = load(node(path, channels=channels, time={"column": "time", "unit": "ns"}))
    assert np.allclose(data.train[0].channels["angle"].time, [0.0, 1.000001e-3, 2.000003e-3], rtol=0, atol=1e-15)
    assert np.allclose(data.train[0].channels["speed"].time, [7e-9, 8e-9, 9e-9], rtol=0, atol=1e-15)


def test_a_constant_step_instead_of_times(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, q=np.arange(3.0), dt=0.25)
    for step in ("dt", 0.25):
        data = load(node(path, time={"column": None, "step": step}))
        assert data.train[0].channels["angle"].time.tolist() == [0.0, 0.25, 0.5]


def test_crops_count_from_the_first_sample(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=100.0 + np.arange(6) / 4, q=np.arange(6.0), tau=np.arange(6.0))
    inputs = {"torque": {"kind": "joint_force", "columns": {"pivot": "tau"}}}
    data = load(node({"path": str(path), "start": 0.25, "end": 0.8}, inputs=inputs))
    (recording,) = data.train
    assert recording.channels["angle"].time.tolist() == [0.25, 0.5, 0.75] and (recording.start, recording.end) == (0.25, 0.75)
    assert recording.channels["angle"].values[:, 0].tolist() == [1.0, 2.0, 3.0]
    assert recording.inputs["torque"].time.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]  # what acts at the ends stays known


def test_trajectories_from_a_column_that_numbers_them(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv", time=[0.0, 1.0, 0.0, 1.0, 2.0, 0.0], episode=[3, 3, 4, 4, 4, 3], q=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    )
    data = load(node(path, trajectory="episode"))
    assert [r.name for r in data.train] == ["a:0", "a:1", "a:2"]
    assert [r.channels["angle"].values[:, 0].tolist() for r in data.train] == [[1.0, 2.0], [3.0, 4.0, 5.0], [6.0]]


@pytest.mark.parametrize(
    ("chosen", "names"), [(None, "0123"), ("1:3", "12"), (":-1", "012"), ([3, 0], "30"), (2, "2"), ("::2", "02")]
)
def test_trajectories_from_their_lengths(tmp_path: Path, chosen, names: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, q=np.arange(10.0), length=[3, 2, 4, 1], dt=0.1)
    file = {"path": str(path), "trajectories": chosen}
    data = load(node(file, trajectory="length", time={"column": None, "step": "dt"}))
    assert [r.name for r in data.train] == [f"a:{k}" for k in names]
    rows = {"0": [0, 1, 2], "1": [3, 4], "2": [5, 6, 7, 8], "3": [9]}
    for recording, k in zip(data.train, names, strict=True):
        assert recording.channels["angle"].values[:, 0].tolist() == rows[k]
        assert np.allclose(recording.channels["angle"].time, 0.1 * np.arange(len(rows[k])), atol=1e-15)


def test_files_held_out(tmp_path: Path) -> None:
    for name in "abc":
        table(tmp_path / f"{name}.csv", time=[0.0, 1.0], q=[1.0, 2.0])
    data = load(node("*.csv", validation={"files": ["b.csv"]}), tmp_path)
    assert [r.name for r in data.train] == ["a", "c"] and [r.name for r in data.validation] == ["b"]
    assert not data.warnings
    data = load(
        node("b.csv", {"path": "c.csv", "end": 0.5}, validation={"files": ["b.csv", {"path": "c.csv", "start": 0.7}]}), tmp_path
    )
    assert [r.name for r in data.recordings] == ["b", "c", "b#2", "c#2"]
    assert data.warnings == ["b#2: 1 s of it are in training and in validation."]


def test_the_last_fraction_of_the_time_is_held_out(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=np.arange(11) / 10, q=np.arange(11.0))
    data = load(node(path, validation={"fraction": 0.3}))
    (train,), (held,) = data.train, data.validation
    assert held.name == "a:validation" and held.start == pytest.approx(0.7)
    assert train.channels["angle"].values[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert held.channels["angle"].values[:, 0].tolist() == [7, 8, 9, 10] and not data.warnings


def test_the_last_trajectories_are_held_out(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 1.0] * 4, k=[0, 0, 1, 1, 2, 2, 3, 3], q=np.arange(8.0))
    data = load(node(path, trajectory="k", validation={"fraction": 0.25, "by": "trajectory"}))
    assert [r.name for r in data.train] == ["a:0", "a:1", "a:2"] and [r.name for r in data.validation] == ["a:3"]


def test_names_are_unique(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        table(tmp_path / folder / "a.csv", time=[0.0, 1.0], q=[1.0, 2.0])
    data = load(node("*/a.csv", {"path": "x/a.csv", "start": 0.5}), tmp_path)
    assert [r.name for r in data.recordings] == ["x/a", "y/a", "x/a#2"]


def test_resampling_is_linear_and_keeps_gaps(tmp_path: Path) -> None:
    nan = float("nan")
    path = table(tmp_path / "a.csv", time=[0.0, 0.2, 0.5, 0.6, 1.0], q=[0.0, 2.0, 5.0, nan, 10.0])
    series = load(node(path, resample=10.0)).train[0].channels["angle"]
    assert np.allclose(series.time, np.arange(11) / 10, atol=1e-15)
    expected = [0, 1, 2, 3, 4, 5, nan, nan, nan, nan, 10]
    assert np.allclose(series.values[:, 0], expected, atol=1e-12, equal_nan=True)


def test_missing_samples(tmp_path: Path) -> None:
    nan = float("nan")
    path = table(tmp_path / "a.csv", time=[0.0, 1.0, 2.0, 3.0], q=[0.0, nan, float("inf"), 3.0], tau=[nan, 1.0, nan, 3.0])
    inputs = {"torque": {"kind": "joint_force", "columns": {"pivot": "tau"}}}
    data = load(node(path, inputs=inputs))
    assert np.array_equal(data.train[0].channels["angle"].values[:, 0], [0.0, nan, nan, 3.0], equal_nan=True)
    assert data.train[0].inputs["torque"].values[:, 0].tolist() == [1.0, 1.0, 2.0, 3.0]
    assert data.warnings == [
        'a: input "torque": 2 missing numbers were filled in linearly.',
        'a: channel "angle": 2 of 4 numbers are missing and left out.',
    ]


def test_periodic_angles_are_unwrapped_over_gaps(tmp_path: Path) -> None:
    true = np.linspace(0.0, 20.0, 30)
    wrapped = (true + pi) % (2 * pi) - pi
    wrapped[5] = np.nan
    path = table(tmp_path / "a.csv", time=np.arange(30) / 10, q=wrapped)
    values = load(node(path, channels=angle(periodic=True))).train[0].channels["angle"].values[:, 0]
    true[5] = np.nan
    assert np.allclose(values, true, atol=1e-12, equal_nan=True)


def test_quaternions_are_made_of_length_one_and_told(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv", time=[0.0, 1.0, 2.0, 3.0], w=[2.0, 0.5, 0.0, 1.0], x=[0.0, 0.5, 0.0, 0.0], y=[0.0, 0.5, 0.0, 0.0],
        z=[0.0, 0.5, 0.0, 0.0],
    )  # fmt: skip
    channels = {"turn": {"kind": "link_orientation", "columns": {"hand": ["w", "x", "y", "z"]}, "sigma": 0.01}}
    data = load(node(path, channels=channels))
    values = data.train[0].channels["turn"].values
    assert values[:2].tolist() == [[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]] and np.isnan(values[2]).all()
    assert data.warnings[0] == (
        "observation.channels.turn: a.csv: quaternions have lengths up to 1 away from 1, and are taken at length 1; are the columns "
        "w, x, y, z?"
    )
    assert data.specs["turn"].sigma.tolist() == [0.01, 0.01, 0.01]


def test_clocks_of_their_own(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["joints/time"], file["joints/q"] = [10.0, 10.1, 10.2], [1.0, 2.0, 3.0]
        file["imu/time"], file["imu/w"] = [10.05, 10.15], [[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]]
    channels = {
        "angle": {"kind": "joint_position", "columns": {"pivot": "joints/q"}, "time": "joints/time"},
        "gyro": {"kind": "gyro", "columns": {"hand": ["imu/w[0]", "imu/w[1]", "imu/w[2]"]}, "time": "imu/time"},
    }
    (recording,) = load(node(path, channels=channels)).train
    assert np.allclose(recording.channels["angle"].time, [0.0, 0.1, 0.2], atol=1e-12)
    assert np.allclose(recording.channels["gyro"].time, [0.05, 0.15], atol=1e-12)
    assert recording.channels["gyro"].values[:, 2].tolist() == [1.0, 2.0]


def test_several_settings_of_sigma(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 1.0], x=[1.0, 2.0], y=[1.0, 2.0], z=[1.0, 2.0])
    columns = {"a": ["x", "y", "z"], "b": ["x", "y", "z"]}
    for given, expected in ((2.0, [2] * 6), ([1, 2, 3], [1, 2, 3] * 2), ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])):
        data = load(node(path, channels={"p": {"kind": "marker", "columns": columns, "unit": "mm", "sigma": given}}))
        assert np.allclose(data.specs["p"].sigma, 1e-3 * np.array(expected))
