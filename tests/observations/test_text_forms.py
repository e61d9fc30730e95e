"""Text logs as drivers and tools write them, and the keys that say what cannot be found out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from tests.observations.recipes import node

ROWS = "".join(f"{k * 0.01:.2f},{k}\n" for k in range(20))
BASE = "time,q\n" + ROWS
T, Q = np.arange(20) * 0.01, np.arange(20.0)
COMMAS = "".join(f"{k * 0.01:.2f};{k}\n" for k in range(20)).replace(".", ",")


def series(tmp_path: Path, content: str | bytes, **more: Any) -> Any:
    """The channel `angle` of a text log."""
    path = tmp_path / "log.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(node(path, **more)).train[0].channels["angle"]


FORMS = {
    "MATLAB comment": "% run 3\n" + BASE,
    "C comment": "// run 3\n" + BASE,
    "preamble": "Robot: UR5\nDate: 2024-01-01\n\n" + BASE,
    "preamble of as many fields": "Robot,UR5\nRate,100\n" + BASE,
    "preamble of numbers with units": "Rate 100 Hz\nGain 1.5\n\n" + BASE,
    "units in a row": "time,q\ns,rad\n" + ROWS,
    "units in brackets": "time,q\n[s],[deg/s^2]\n" + ROWS,
    "preamble and units": "Robot,UR5\nDate,today\ntime,q\nsec,°\n" + ROWS,
    "names and units in comments": "% time q\n% s rad\n" + ROWS.replace(",", " "),
    "empty columns at the end": BASE.replace("\n", ",,\n"),
    "separators at the end of rows": "time,q\n" + ROWS.replace("\n", ",\n"),
    "separator at the end of the names": BASE.replace("q\n", "q,\n"),
    "index without a name": ",time,q\n" + "".join(f"{k},{line}\n" for k, line in enumerate(ROWS.split())),
    "bars": BASE.replace(",", "|"),
    "sep=": "sep=;\n" + BASE.replace(",", ";"),
    "decimal commas": "time;q\n" + COMMAS,
    "decimal commas and tabs": "time\tq\n" + COMMAS.replace(";", "\t"),
    "quoted decimal commas": "time,q\n" + "".join('"{}","{}"\n'.format(*line.split(";")) for line in COMMAS.split()),
    "cut last line": BASE + "0.5",
    "cut last number": BASE + "0.20,1e",
    "cut by a crash": BASE.encode() + b"0.2" + b"\0" * 300,
    "end of file of DOS": BASE.replace("\n", "\r\n") + "\x1a",
    "line ends of old Macs": BASE.replace("\n", "\r"),
    "UTF-8 with mark": BASE.encode("utf-8-sig"),
    "UTF-16": BASE.encode("utf-16"),
    "UTF-16 without mark": BASE.encode("utf-16-be"),
    "UTF-32": BASE.encode("utf-32"),
    "Latin-1": b"# Pr\xfcfstand\n" + BASE.encode(),
    "a header of 200 000 characters": f'time,q,"{"x" * 200_000}"\n' + ROWS.replace("\n", ",1\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_found_out(tmp_path: Path, form: str) -> None:
    found = series(tmp_path, FORMS[form])
    np.testing.assert_allclose(found.time, T, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(found.values[:, 0], Q)


@pytest.mark.parametrize("word", ["-nan(ind)", "nan(snan)", "-1.#IND", "1.#QNAN", "#N/A", "#DIV/0!", "1.#INF", "-inf"])
def test_what_compilers_and_spreadsheets_write_for_nothing(tmp_path: Path, word: str) -> None:
    found = series(tmp_path, BASE + f"0.5,{word}\n")
    assert len(found.time) == 21 and np.isnan(found.values[-1, 0]) and np.isfinite(found.values[:-1]).all()


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ("! by hand\n" + BASE, {"comment": "!"}),
        ("1,2\n3,4\n" + BASE, {"skip": 2}),
        ("time,q\nSekunde,Grad\n" + ROWS, {"units_row": True}),
        ("s,rad\ntime,q\n" + ROWS, {"units_row": False}),
        (BASE.replace(",", ":"), {"delimiter": ":"}),
        (BASE.replace(",", "\t"), {"delimiter": "tab"}),
        (BASE.encode("utf-16-le"), {"encoding": "utf-16-le"}),
    ],
)
def test_said_by_keys_of_all_files_or_of_one(tmp_path: Path, content: str | bytes, keys: dict[str, Any]) -> None:
    np.testing.assert_array_equal(series(tmp_path, content, **keys).values[:, 0], Q)
    entry = {"path": str(tmp_path / "log.csv"), **keys}
    np.testing.assert_array_equal(load(node(entry)).train[0].channels["angle"].values[:, 0], Q)


def test_a_decimal_sign_that_is_given_is_the_only_one(tmp_path: Path) -> None:
    content = "time;q\n0;1,5\n1;2,5\n"
    assert series(tmp_path, content, decimal=",").values[:, 0].tolist() == [1.5, 2.5]
    with pytest.raises(InputError, match='column "q" is not made of numbers: line 2 says "1,5"'):
        series(tmp_path, content, decimal=".")
    with pytest.raises(InputError, match='column "q" is not made of numbers: line 2 says "1.5"'):
        series(tmp_path, content.replace(",", "."), decimal=",")


def test_nanoseconds_since_1970_are_exact(tmp_path: Path) -> None:
    first, steps = 1_732_899_982_500_000_000, [0, 1, 1_000_001, 2_000_003]
    for more in ("", ",idle"):  # a table of numbers alone, and one with words
        content = f"time,q{',mode' if more else ''}\n" + "".join(f"{first + step},{step}{more}\n" for step in steps)
        found = series(tmp_path, content, time={"unit": "ns"})
        assert found.time.tolist() == [step * 1e-9 for step in steps]


def test_iso_times_to_the_nanosecond_with_zones(tmp_path: Path) -> None:
    stamps = [
        "2024-03-31T00:59:59.999999999Z",
        "2024-03-31 01:00:00+00:00",
        "2024-03-31T03:00:00.5+02:00",
        "2024/03/31 01:00:01,25UTC",
    ]
    found = series(tmp_path, "time;q\n" + "".join(f"{stamp};{k}\n" for k, stamp in enumerate(stamps)))
    np.testing.assert_allclose(found.time, [0.0, 1e-9, 0.500000001, 1.250000001], rtol=0, atol=1e-12)


def test_the_zone_of_times_that_name_none(tmp_path: Path) -> None:
    content = "time,q\n2024-03-31T01:59:59,0\n2024-03-31T03:00:00,1\n"  # clocks go forward in between
    assert series(tmp_path, content).time.tolist() == [0.0, 3601.0]
    assert series(tmp_path, content, time={"zone": "Europe/Berlin"}).time.tolist() == [0.0, 1.0]
    assert series(tmp_path, content, time={"zone": "+02:00"}).time.tolist() == [0.0, 3601.0]
    with pytest.raises(InputError, match='observation.time.zone: unknown time zone "Berlin"'):
        series(tmp_path, content, time={"zone": "Berlin"})


def test_two_clocks_of_one_file_have_one_beginning(tmp_path: Path) -> None:
    content = "time,imu,q,w\n" + "".join(f"2024-01-01T00:00:0{k}Z,2024-01-01T00:00:0{k}.25Z,{k},1\n" for k in range(5))
    channels = {
        "angle": {"kind": "joint_position", "columns": {"pivot": "q"}},
        "speed": {"kind": "joint_velocity", "columns": {"pivot": "w"}, "time": "imu"},
    }
    path = tmp_path / "log.csv"
    path.write_text(content)
    found = load(node(path, channels=channels)).train[0].channels
    assert found["angle"].time[0] == 0.0 and found["speed"].time[0] == 0.25


def test_a_format_of_times(tmp_path: Path) -> None:
    content = "time;q\n01.02.2024 12:00:00,250;1,5\n01.02.2024 12:00:02,000;2,5\n"
    with pytest.raises(InputError, match=r'line 2 says "01.02.2024 12:00:00,250"; set observation.time.format\.'):
        series(tmp_path, content)
    found = series(tmp_path, content, time={"format": "%d.%m.%Y %H:%M:%S,%f"})
    assert found.time.tolist() == [0.0, 1.75] and found.values[:, 0].tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        (
            BASE.replace("0.05,5", "0.05,5,6"),
            {},
            r'line 7: 3 fields, but there are 2 columns\. It says "0.05,5,6"; keys: observation.delim',
        ),
        (
            "1,2,3\n" + BASE,
            {},
            r'line 1: 3 fields, but line 2 and those below .* it says "1,2,3"\. Leave lines out with observation.skip',
        ),
        (
            "time,q\nSekunde,Grad\n" + ROWS,
            {},
            r'unknown column "q".* \(the names stand in line 2; keys: .*observation.units_row\)',
        ),
        ("time,q\nlater,1\n" + ROWS, {}, r'column "time" is not made of numbers: line 2 says "later"'),
        (BASE.replace("0.05,5", '0.05,"5'), {}, r'line 7: a quote is not closed in "0.05,"5"'),
        (BASE, {"skip": -1}, r"observation.skip: -1; allowed: a number of lines from 0\."),
        (BASE, {"delimiter": ",,"}, r'observation.delimiter: ",,"; allowed: one character, tab, or blanks\.'),
        (BASE, {"decimal": "'"}, r'observation.decimal: unknown decimal sign "\'"; known: '),
        (BASE, {"encoding": "klingon"}, r'observation.encoding: unknown encoding "klingon"; allowed: utf-8, '),
        (BASE, {"units_row": "yes"}, r"observation.units_row: 'yes'; allowed: true, false, or null to find out\."),
        (BASE, {"budget_gb": 0}, r"observation.budget_gb: 0; allowed: a positive number of gigabytes\."),
        (
            BASE,
            {"budget_gb": 1e-7},
            r"about 22 lines of 2 fields would take .* GB; the limit is 1e-07 GB\..*set observation.budget_gb",
        ),
        (BASE, {"duplicates": "frist"}, r'observation.duplicates: unknown way "frist"; known: first'),
    ],
)
def test_wrong_tables_say_line_and_key(tmp_path: Path, content: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        series(tmp_path, content, **keys)


def test_a_cut_line_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(BASE + "0.5")
    assert 'log.csv, line 22: the last line is cut ("0.5") and left out.' in load(node(path)).warnings


@pytest.mark.parametrize(("how", "value"), [("first", 19.0), ("last", 29.0), ("mean", 24.0)])
def test_rows_of_one_time_count_as_the_key_says(tmp_path: Path, how: str, value: float) -> None:
    found = series(tmp_path, BASE + "0.19,29\n", duplicates=how)
    assert len(found.time) == 20 and found.values[-1, 0] == value


def test_exact_repeats_are_one_row_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(BASE + "0.19,19\n0.19,19\n")
    data = load(node(path))
    assert data.train[0].channels["angle"].time.tolist() == pytest.approx(T.tolist())
    assert "log.csv: 2 rows have the time of the row before; they are one row with it." in data.warnings
