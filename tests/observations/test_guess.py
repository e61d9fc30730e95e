"""What the columns of a log may mean."""

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations.guess import guess

T = np.linspace(0.0, 2.0, 201)
ARM = ["shoulder", "elbow", "elbow_roll"]


def log(*names, scale=1.0, time="time"):
    return {time: T * scale, **{name: np.sin(T + k) for k, name in enumerate(names)}}


@pytest.mark.parametrize(
    ("names", "joints", "expected"),
    [
        (["q", "dq", "tau"], ["pivot"], {"position": {"pivot": "q"}, "velocity": {"pivot": "dq"}, "force": {"pivot": "tau"}}),
        (["q1", "q2", "tau1", "tau2"], ["a", "b"], {"position": {"a": "q1", "b": "q2"}, "force": {"a": "tau1", "b": "tau2"}}),
        (["q[0]", "q[1]", "q_cmd[1]"], ["a", "b"], {"position": {"a": "q[0]", "b": "q[1]"}, "target": {"b": "q_cmd[1]"}}),
        (["shoulder", "elbow", "elbow_roll"], ARM, {"position": {"shoulder": "shoulder", "elbow": "elbow", "elbow_roll": "elbow_roll"}}),
        (["Elbow_pos", "elbow_roll.effort"], ARM, {"position": {"elbow": "Elbow_pos"}, "force": {"elbow_roll": "elbow_roll.effort"}}),
        (["/s/elbow/pos", "/s/elbow/vel"], ARM, {"position": {"elbow": "/s/elbow/pos"}, "velocity": {"elbow": "/s/elbow/vel"}}),
    ],
)  # fmt: skip
def test_columns_of_joints(names, joints, expected):
    assert guess(log(*names), joints, joints).columns == expected


def test_what_fits_nothing_or_twice_is_left():
    found = guess(log("q", "pos", "temperature", "tau_cmd", "ddq"), ["pivot"])
    assert found.columns == {"position": {"pivot": "q"}}
    assert found.left == ["pos", "temperature", "tau_cmd", "ddq"]


@pytest.mark.parametrize(
    ("time", "scale", "unit"),
    [("t", 1.0, "s"), ("stamp", 1e3, "ms"), ("time_us", 1.0, "us"), ("timestamp", 1e9, "ns"), ("time [ms]", 1.0, "ms")],
)
def test_times_and_their_unit(time, scale, unit):
    found = guess(log("q", time=time, scale=scale), ["pivot"])
    factor = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit]
    assert (found.time, found.time_unit) == (time, unit)
    assert (found.step, found.seconds) == (pytest.approx(0.01 * scale * factor), pytest.approx(2.0 * scale * factor))


def test_degrees_by_name_and_by_size():
    said = guess(log("elbow [deg]"), ["elbow"], ["elbow"])
    assert (said.unit, said.said) == ("deg", "as the name of the column says")
    large = {"time": T, "q": 90.0 * np.sin(T)}
    assert (guess(large, ["pivot"], ["pivot"]).unit, guess(large, ["cart"], []).unit) == ("deg", None)
    assert guess(log("q"), ["pivot"], ["pivot"]).unit is None


def test_no_time_and_no_position():
    with pytest.raises(InputError, match='no column of rising times .columns q.; call one "time"'):
        guess({"q": T}, ["pivot"])
    with pytest.raises(InputError, match="no column of rising times"):
        guess({"time": T[::-1].copy(), "q": T}, ["pivot"])
    with pytest.raises(
        InputError, match='no column is the position of a joint .columns time, tau; joints a, b.; call one "a_pos"'
    ):
        guess(log("tau"), ["a", "b"])
