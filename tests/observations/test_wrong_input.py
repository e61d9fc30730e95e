"""What is wrong is said with file, line or column, and what would be right."""

from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from tests.observations.recipes import node, table

NAN = float("nan")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return table(tmp_path / "a.csv", time=[0.0, 1.0, 2.0], q1=[1.0, 2.0, 3.0], gone=[NAN] * 3, tau=[0.0, 0.0, 0.0])


def channel(**more):
    return {"angle": {"kind": "joint_position", "columns": {"pivot": "q1"}, **more}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"columns": {"pivot": "q2"}}, r'observation.channels.angle.columns: a.csv: unknown column "q2"; known: q1, '),
        ({"columns": {"pivot": ["q1", "tau"]}}, r"angle.columns.pivot: 2 columns \['q1', 'tau'\], needs 1\."),
        ({"columns": "q1"}, r'angle.columns: "q1" must hold \{name\} once; or give a mapping, \{elbow: q2\}\.'),
        (
            {"columns": "{name}_pos"},
            r'angle.columns: no column of a.csv fits "\{name\}_pos" .* its columns: time, q1, gone, tau\.',
        ),
        ({"columns": "q{name}", "names": ["2"]}, r"with a name that \['2'\] chooses"),
        ({"columns": None}, r"angle.columns: None; allowed: a mapping \{elbow: q2\}, or columns with \{name\} in them\."),
        ({"columns": {"pivot": "gone"}}, r'a.csv: channel "angle" \(gone\) holds no number in 3 rows; leave the file or'),
        ({"kind": "joint_positoin"}, r'angle.kind: unknown kind "joint_positoin"; known: joint_position, '),
        ({"unit": "Nm"}, r"angle.unit: Nm is a unit of torque; allowed: rad, mrad, deg, rev, m, cm, mm\."),
        ({"unit": "grad"}, r'angle.unit: unknown unit "grad"; known: rad, mrad, '),
        ({"sigma": -1.0}, r"angle.sigma: -1.0; allowed: positive numbers, or null to take it from the data\."),
        ({"sigma": [1.0, 2.0]}, r"angle.sigma: \[1.0, 2.0\]; allowed: 1 finite numbers\."),
        ({"offset": "two"}, r"angle.offset: .*'two'.* is neither a number nor a list of numbers\."),
        ({"scale": NAN}, r"angle.scale: .*nan.*; allowed: 1 finite numbers\."),
        ({"delay": NAN}, r"angle.delay: nan s is no time\."),
        ({"time": "stamp"}, r'observation.channels.angle.time: a.csv: unknown column "stamp"; known: tau, '),
    ],
)
def test_channels(log: Path, more: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(node(log, channels=channel(**more)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"channels": {}}, r"observation.channels: nothing is measured; give at least one channel\."),
        (
            {"inputs": {"u": {"kind": "force", "columns": {"a": "tau"}}}},
            r'inputs.u.kind: unknown kind "force"; known: joint_force',
        ),
        ({"inputs": {"u": {"kind": "joint_force", "columns": {"a": "tau"}, "hold": "cubic"}}}, r'u.hold: unknown hold "cubic"'),
        ({"inputs": {"u": {"kind": "joint_force", "columns": {"a": "gone"}}}}, r'a: input "u": column "gone" holds no number\.'),
        (
            {"inputs": {"u": {"kind": "joint_force", "columns": {"a": "tua"}}}},
            r'inputs.u.columns: a.csv: unknown column "tua"; known: tau',
        ),
        ({"time": {"column": "stamp"}}, r'observation.time.column: a.csv: unknown column "stamp"; known: '),
        ({"time": {"column": "time", "unit": "min"}}, r'observation.time.unit: unknown unit of time "min"; known: ms, '),
        ({"time": {"column": None}}, r"observation.time: give column, the name of a column, or step"),
        (
            {"time": {"column": None, "step": "dt"}},
            r"observation.time.step: 'dt' is no positive number; numbers in a.csv: none\.",
        ),
        ({"time": {"column": None, "step": -0.1}}, r"observation.time.step: -0.1 is no positive number\."),
        ({"time": {"column": "gone"}}, r'a.csv, line 2: the time \(column "gone"\) is missing\.'),
        ({"trajectory": "episode"}, r'observation.trajectory: a.csv: unknown column "episode"'),
        ({"resample": -5.0}, r"observation.resample: -5 Hz; allowed: a positive number, or null for the measured times\."),
        ({"smoothing": {"window": 24}}, r"observation.smoothing: window 24 and order 3; allowed: an odd window greater than the"),
        ({"smoothing": {"window": 3}}, r"observation.smoothing: window 3 and order 3;"),
        ({"smoothing": {"velocity": "guess"}}, r'observation.smoothing.velocity: unknown source "guess"; known: '),
        ({"validation": {"fraction": 1.5}}, r"observation.validation.fraction: 1.5; allowed: 0 to less than 1\."),
        ({"validation": {"fraction": 0.5, "by": "day"}}, r'observation.validation.by: unknown split "day"; known: '),
        (
            {"validation": {"fraction": 0.4, "by": "trajectory"}},
            r"fraction: 0.4 of 1 trajectories leaves 0 for validation and 1 for training; neither may be empty",
        ),
        (
            {"validation": {"fraction": 1e-3, "files": []}, "files_": None},
            r'fraction: 0.001 leaves b without a number of channel "angle" for validation',
        ),
    ],
)
def test_the_node(log: Path, more: dict, message: str) -> None:
    file = log
    if "files_" in more:
        more = {k: v for k, v in more.items() if k != "files_"}
        file = table(log.with_name("b.csv"), time=[0.0, 1.0, 2.0], q1=[1.0, 2.0, NAN])
    with pytest.raises(InputError, match=message):
        load(node(file, **{"channels": channel(), **more}))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], r"observation.files: names no file; give at least one\."),
        (["b.csv"], r"observation.files\[0\]: file .*/b.csv not found\."),
        (["a.csv", "*.txt"], r"observation.files\[1\]: no file matches .*/\*\.txt\."),
        (
            [{"path": "a.csv", "start": 2.0, "end": 1.0}],
            r"observation.files\[0\]: start is 2 s and end 1 s; start must be less\.",
        ),
        ([{"path": "a.csv", "start": 30.0}], r'a: channel "angle" has no sample from 30 to inf s; it has them from 0 to 2 s\.'),
        ([{"path": "a.csv", "trajectories": [3]}], r"a.csv has 1 trajectories, from 0; chosen: \(3,\)\."),
        (
            [{"path": "a.csv", "trajectories": "x"}],
            r"files\[0\].trajectories: 'x'; allowed: a list of numbers from 0, or a range \"0:60\"\.",
        ),
        ([{"path": "a.csv", "trajectories": [-1]}], r"files\[0\].trajectories: \[-1\]; allowed"),
    ],
)
def test_files(log: Path, files: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(node(*files, channels=channel()), log.parent)


def test_nothing_left_to_learn_from(log: Path) -> None:
    with pytest.raises(InputError, match=r"observation.files: no recording is left to learn from; all of them are held out"):
        load(node("*.csv", channels=channel(), validation={"files": ["a.csv"]}), log.parent)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            [0.0, 0.1, 0.1, 0.2],
            r"a.csv, line 4: two rows have the same time, 0.1 s, and different numbers \(q1\); remove one, or set",
        ),
        (
            [0.0, 0.1, 0.05, 0.2],
            r"a.csv, line 4: time goes backwards, from 0.1 to 0.05 s; sort the rows, or name the column that",
        ),
        ([0.0, 0.1, NAN, 0.2], r'a.csv, line 4: the time \(column "time"\) is missing\.'),
    ],
)
def test_times(tmp_path: Path, times: list[float], message: str) -> None:
    path = table(tmp_path / "a.csv", time=times, q1=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(InputError, match=message):
        load(node(path, channels=channel()))


def test_times_of_a_binary_file_are_told_by_row(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", time=[0.0, 0.2, 0.1], q1=np.ones(3))
    with pytest.raises(InputError, match=r"a.npz, row 2: time goes backwards, from 0.2 to 0.1 s"):
        load(node(tmp_path / "a.npz", channels=channel()))


def test_rows_that_do_not_match(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", time=np.arange(4.0), q1=np.ones(3), q2=np.ones(4), length=[2, 1])
    with pytest.raises(InputError, match=r'a.npz: column "time" holds 4 times for 3 rows; name the right one with the key time'):
        load(node(tmp_path / "a.npz", channels=channel()))
    columns = {"a": "q1", "b": "q2"}
    with pytest.raises(InputError, match=r"angle.columns: a.npz: the columns have different numbers of rows: q1 3, q2 4\."):
        load(node(tmp_path / "a.npz", channels=channel(columns=columns)))
    with pytest.raises(
        InputError, match=r'"length" has 2 entries for 4 rows; allowed: a number for each row, or lengths that add'
    ):
        load(node(tmp_path / "a.npz", channels=channel(columns={"b": "q2"}), trajectory="length"))


def test_a_column_without_numbers_among_others(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=[0.0, 1.0], q1=[1.0, 2.0], q2=[NAN, NAN])
    columns = {"shoulder": "q1", "elbow": "q2"}
    with pytest.raises(
        InputError, match=r'channels.angle: column "q2" \(elbow\) holds no number in any recording; leave it out\.'
    ):
        load(node(path, channels=channel(columns=columns)))


def test_a_constant_channel_is_told(log: Path) -> None:
    data = load(node(log, channels=channel(columns={"pivot": "tau"})))
    assert data.warnings == ["observation.channels.angle: pivot never changes; its sigma is taken as 1 rad, give another."]
    assert data.specs["angle"].sigma.tolist() == [1.0]
