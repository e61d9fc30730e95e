"""Clocks of one recording, and where samples are missing."""

from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from genesis.observations.clocks import between, gaps, merged, stretches
from tests.observations.recipes import node, table

TIME = np.arange(400) * 0.01
ANGLE = np.sin(TIME)


def torque(**more) -> dict:
    return {"torque": {"kind": "joint_force", "columns": {"pivot": "tau"}, **more}}


@pytest.mark.parametrize(
    ("stamps", "own", "said"),
    [
        (
            1732900000.0 + TIME, 17.5 + TIME,
            r'a: input "torque" goes from 17.5 to 21.49 s on its clock, channel "angle" from 1732900000 to 1732900004 s: they share no time. '
            r"One counts from another epoch .*; name a column of the same clock \(observation.inputs.torque.time\), or shift its stamps "
            r"\(observation.inputs.torque.delay\)\.",
        ),
        (
            5.0 + TIME, 5000.0 + 1000.0 * TIME,
            r"they share no time. One lasts 1_000 times as long; is its clock in ms\? \(observation.inputs.torque.time_unit: ms\)",
        ),
        (
            5000.0 + 1000.0 * TIME, 5.0 + TIME,
            r"is the clock of the others in ms\? \(observation.time.unit: ms, observation.inputs.torque.time_unit: s\)",
        ),
        (TIME, 60.0 + TIME, r"Were they recorded one after the other, or do they count from different beginnings\?"),
        (TIME, 3.99 + TIME, r"they share no time"),
    ],
)  # fmt: skip
def test_clocks_that_share_no_time_are_refused(tmp_path: Path, stamps: np.ndarray, own: np.ndarray, said: str) -> None:
    path = table(tmp_path / "a.csv", time=stamps, own=own, q=ANGLE, tau=ANGLE)
    with pytest.raises(InputError, match=said):
        load(node(path, inputs=torque(time="own")))
    channels = {"angle": {"kind": "joint_position", "columns": {"pivot": "q"}}}
    other = {"speed": {"kind": "joint_velocity", "columns": {"pivot": "tau"}, "time": "own"}}
    for both in (channels | other, other | channels):  # the one with a clock of its own is named, in any order
        with pytest.raises(InputError, match='a: channel "speed" goes from'):
            load(node(path, channels=both))


def test_a_clock_of_its_own_has_a_unit_of_its_own_and_is_shifted_by_its_delay(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=5.0 + TIME, own=5000.0 + 1000.0 * TIME, late=65.0 + TIME, q=ANGLE, tau=ANGLE)
    data = load(node(path, inputs=torque(time="own", time_unit="ms")))
    assert data.train[0].inputs["torque"].time == pytest.approx(TIME) and data.warnings == []
    with pytest.raises(
        InputError, match="torque.time_unit: belongs to a column of times of its own, observation.inputs.torque.time"
    ):
        load(node(path, inputs=torque(time_unit="ms")))
    with pytest.raises(InputError, match='observation.inputs.torque.time_unit: unknown unit of time "min"'):
        load(node(path, inputs=torque(time="own", time_unit="min")))
    data = load(node(path, inputs=torque(time="late", delay=-60.0)))
    assert data.train[0].inputs["torque"].time == pytest.approx(TIME) and data.warnings == []


@pytest.mark.parametrize("main", ["ns", "us", "s"])
@pytest.mark.parametrize("own", ["ns", "us", "s"])
def test_clocks_of_different_units_count_from_one_instant(tmp_path: Path, main: str, own: str) -> None:
    """Nanoseconds since 1970 as integers, and seconds as floats, which they round to a quarter of a microsecond."""
    began = 1698300000_123456000
    ticks = began + np.arange(400) * 10_000_000
    clock = {"ns": ticks, "us": ticks // 1000, "s": ticks * 1e-9}
    late = {"ns": ticks + 20_000_000, "us": ticks // 1000 + 20_000, "s": (ticks + 20_000_000) * 1e-9}
    path = tmp_path / "a.npz"
    np.savez(path, time=clock[main], own=late[own], q=ANGLE, v=ANGLE)
    channels = {
        "angle": {"kind": "joint_position", "columns": {"pivot": "q"}},
        "speed": {"kind": "joint_velocity", "columns": {"pivot": "v"}, "time": "own", "time_unit": own},
    }
    data = load(node(path, channels=channels, time={"column": "time", "unit": main}))
    exact = 1e-12 if "s" not in (main, own) else 6e-7
    assert data.train[0].channels["angle"].time == pytest.approx(TIME, abs=exact)
    assert data.train[0].channels["speed"].time == pytest.approx(TIME + 0.02, abs=exact)


def test_a_command_that_was_set_before_the_recording_holds(tmp_path: Path) -> None:
    early = np.arange(4) * 0.1
    path = tmp_path / "a.npz"
    np.savez(path, time=10.0 + TIME, own=early, q=ANGLE, tau=np.full(4, 0.7))
    data = load(node(path, inputs=torque(time="own")))
    assert data.train[0].inputs["torque"].time == pytest.approx(early) and data.train[0].start == pytest.approx(10.0)
    assert data.warnings == [
        'a: input "torque" has samples from 0 to 0.3 s only; 100 % of the recording (10 to 13.99 s) lies outside, and it is constant there.'
    ]
    np.savez(path, time=1.7e9 + TIME, own=early, q=ANGLE, tau=np.full(4, 0.7))
    with pytest.raises(InputError, match="One counts from another epoch"):
        load(node(path, inputs=torque(time="own")))


def test_pauses_of_an_input_that_holds_are_no_gaps(tmp_path: Path) -> None:
    own = np.concatenate([start + np.arange(100) * 0.001 for start in (0.0, 1.0, 2.0, 3.0)])
    path = tmp_path / "a.npz"
    np.savez(path, time=TIME, own=own, q=ANGLE, tau=np.ones(400))
    data = load(node(path, inputs=torque(time="own", hold="zero")))
    assert data.train[0].gaps == [] and not any("missing" in text for text in data.warnings)
    data = load(node(path, inputs=torque(time="own")))
    assert len(data.train[0].gaps) == 3
    assert any(text.endswith("set observation.inputs.torque.hold: zero.") for text in data.warnings)


def test_a_share_of_the_recording_without_input_is_told(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=TIME, own=1.0 + TIME, q=ANGLE, tau=ANGLE)
    (text,) = load(node(path, inputs=torque(time="own"))).warnings
    assert text == (
        'a: input "torque" has samples from 1 to 4.99 s only; 25.1 % of the recording (0 to 3.99 s) lies outside, and it is constant there.'
    )
    path = table(tmp_path / "b.csv", time=TIME, own=0.02 + TIME, q=ANGLE, tau=ANGLE)
    assert load(node(path, inputs=torque(time="own"))).warnings == []
    path = table(tmp_path / "c.csv", time=TIME, own=1000.0 * TIME, q=ANGLE, tau=ANGLE)
    (text,) = load(node(path, inputs=torque(time="own"))).warnings
    assert text.endswith("is its clock in ms? (observation.inputs.torque.time_unit: ms)")
    path = table(tmp_path / "d.csv", time=1000.0 * TIME, own=TIME, q=ANGLE, tau=ANGLE)
    (text,) = load(node(path, inputs=torque(time="own"))).warnings
    assert "99.9 % of the recording" in text and "observation.time.unit: ms, observation.inputs.torque.time_unit: s" in text


def test_gaps_are_steps_far_above_the_usual_one() -> None:
    time = np.concatenate([TIME, 9.0 + TIME])
    assert gaps(time) == [(3.99, 9.0)] and stretches(time) == [slice(0, 400), slice(400, 800)]
    assert gaps(TIME) == [] and gaps(np.array([0.0, 0.1, 50.0])) == []
    uneven = np.cumsum(np.random.default_rng(0).exponential(0.01, 2000))  # a log of changes
    assert gaps(uneven) == []
    assert merged([(3.0, 4.0), (1.0, 2.0), (1.5, 2.5), (8.0, 12.0)], 0.0, 10.0) == [(1.0, 2.5), (3.0, 4.0), (8.0, 10.0)]
    assert between([(1.0, 2.5), (3.0, 4.0)], 0.0, 10.0) == [(0.0, 1.0), (2.5, 3.0), (4.0, 10.0)]


def test_a_recording_says_its_gaps_and_is_not_read_across(tmp_path: Path) -> None:
    """A million seconds between two runs cost nothing; a row without numbers counts as none."""
    time = np.concatenate([TIME, 1e6 + TIME])
    q = np.concatenate([ANGLE, 2.0 + ANGLE])
    hidden = q.copy()
    hidden[100:200] = np.nan
    path = table(tmp_path / "a.csv", time=time, q=q, p=hidden, tau=q)
    data = load(node(path, inputs=torque(), resample=200.0))
    assert data.train[0].gaps == [(3.99, 1e6)] and data.train[0].stretches == [(0.0, 3.99), (1e6, 1e6 + 3.99)]
    assert data.warnings == [
        "a: samples are missing for 1e+06 s from 3.99 s on; windows are cut there, and nothing is read across."
    ]
    series = data.train[0].channels["angle"]
    assert series.time[[798, 799]].tolist() == [3.99, 1e6]
    assert series.values[[798, 799], 0].tolist() == [ANGLE[-1], 2.0]
    channels = {"angle": {"kind": "joint_position", "columns": {"pivot": "p"}}}
    data = load(node(path, channels=channels))
    assert data.train[0].gaps == [(0.99, 2.0), (3.99, 1e6)]
    assert "from 3.99 s on, and in 1 shorter gap; windows are cut there" in data.warnings[0]
    imu = {"rate": {"kind": "joint_velocity", "columns": {"pivot": "p"}}}
    channels = {"angle": {"kind": "joint_position", "columns": {"pivot": "q"}}}
    data = load(node(path, channels=channels | imu))
    assert data.train[0].gaps == [(3.99, 1e6)]  # windows do not start from it


def test_the_last_part_that_is_held_out_counts_no_gaps(tmp_path: Path) -> None:
    time = np.concatenate([TIME, 1e6 + TIME])
    path = table(tmp_path / "a.csv", time=time, q=np.sin(time))
    data = load(node(path, validation={"fraction": 0.25}))
    assert data.validation[0].start == pytest.approx(1e6 + 3.99 - 0.25 * 7.98)
    data = load(node(path, validation={"fraction": 0.75}))
    assert data.validation[0].start == pytest.approx(7.98 * 0.25)


def test_a_name_may_keep_its_comment_sign(tmp_path: Path) -> None:
    """As `rostopic echo -p` writes it."""
    path = tmp_path / "a.csv"
    path.write_text("%time,field.q\n" + "".join(f"{1698300000000000000 + k * 10_000_000},{k * 0.1}\n" for k in range(50)))
    for name in ("%time", "time"):
        channels = {"angle": {"kind": "joint_position", "columns": {"pivot": "field.q"}}}
        data = load(node(path, channels=channels, time={"column": name, "unit": "ns"}))
        assert data.train[0].channels["angle"].time == pytest.approx(np.arange(50) * 0.01, abs=1e-12)


def test_what_was_not_asked_for_does_not_count_where_room_is_short(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    odd = np.zeros(3, dtype=[("ä", "f8"), ("b", "i4")])  # format 3.0
    np.savez(path, time=TIME, q=ANGLE, odd=odd, image=np.zeros((2000, 1000), np.uint8))
    data = load(node(path, budget_gb=1e-4))
    assert data.train[0].channels["angle"].values[:, 0].tolist() == ANGLE.tolist()
    assert load(node(path, budget_gb=2.1e-3)).train  # a byte is a byte
    with pytest.raises(InputError, match="it was not asked for|would take"):
        load(node(path, channels={"angle": {"kind": "joint_position", "columns": {"pivot": "image[0]"}}}, budget_gb=1e-4))
