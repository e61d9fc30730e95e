"""Trajectories as npz, csv and LeRobot datasets, each read back by a reader of its own; what is wrong is named."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError, UnknownNameError
from genesis.observations.readers import ReadOptions, read
from genesis.runners.export import FORMATS, default_target, export
from genesis.runners.export.lerobot import statistics
from genesis.runners.stored import read_solution
from tests.runners.stored_runs import DT, STEPS, motion, write_run

FEEDBACK = {"qpos": (6, 13), "qvel": (6, 11), "dof_ctrl": (5, 11), "gains": (5, 2, 22)}


def test_npz_has_names_units_and_feedback(tmp_path) -> None:
    rng = np.random.default_rng(1)
    back = {f"feedback/{name}": rng.normal(size=shape) for name, shape in FEEDBACK.items()} | {"feedback/dofs": np.array([9, 10])}
    arrays = motion(control="position") | back
    run = read_solution(write_run(tmp_path / "run", arrays))
    written = export(run, "npz", tmp_path / "out" / "motion.npz")
    with np.load(written.files[0]) as found:
        assert found["control_hold"] == pytest.approx(DT) and found["control_kind"] == "position"
        assert found["qpos_names"].tolist() == run.qpos_names and found["control_units"].tolist()[-2:] == ["rad", "m"]
        assert found["feedback/names"].tolist() == ["elbow", "rail"]
        for name in ("time", "qpos", "qvel", "controls", "parameter/mass", *back):
            assert np.array_equal(found[name], arrays[name]), name


def test_csv_has_units_in_its_header_and_every_digit(tmp_path) -> None:
    arrays = motion()
    file = export(read_solution(write_run(tmp_path / "run", arrays)), "csv").files[0]
    rows = list(csv.reader(file.open()))
    assert rows[0][:2] == ["time [s]", "base.0 position [m]"] and len(rows) == STEPS + 2
    assert rows[0][12:14] == ["elbow position [rad]", "rail position [m]"]
    assert rows[0][-2:] == ["elbow force [Nm]", "rail force [N]"] and rows[0][1 + 13 + 9] == "elbow velocity [rad/s]"
    table = np.array(rows[1:-1], float)
    assert np.array_equal(table[:, 0], arrays["time"][:-1]) and np.array_equal(table[:, 1:14], arrays["qpos"][:-1])
    assert np.array_equal(table[:, 14:25], arrays["qvel"][:-1]) and np.array_equal(table[:, 25:], arrays["controls"])
    assert rows[-1][25:] == [""] * 11 and float(rows[-1][1]) == arrays["qpos"][-1, 0]
    log = read("observation.files", file, ReadOptions(None))
    assert "elbow position [rad]" in log.columns, "the readers of this project take it"


def test_csv_of_several_environments_counts_them(tmp_path) -> None:
    arrays = motion(envs=3)
    file = export(read_solution(write_run(tmp_path / "run", arrays)), "csv").files[0]
    rows = list(csv.reader(file.open()))
    assert rows[0][:2] == ["environment", "time [s]"] and [row[0] for row in rows[1:]] == [str(k // 6) for k in range(18)]
    assert float(rows[1 + 6 + 2][2]) == arrays["qpos"][2, 1, 0]


def test_a_lerobot_dataset_is_one_to_a_strict_reader(tmp_path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra [export]")
    arrays = motion(envs=3, control="position")
    arrays["qpos"][3, 1] = np.nan  # an environment that diverged is no episode
    run = read_solution(write_run(tmp_path / "run", arrays))
    written = export(run, "lerobot", tmp_path / "set")
    assert "2 episodes, 10 frames, 50 a second" in written.said[0]
    frames = strictly(tmp_path / "set")
    kept = [0, 2]
    state = np.concatenate([arrays["qpos"][:-1, kept], arrays["qvel"][:-1, kept]], -1).swapaxes(0, 1).reshape(10, 24)
    np.testing.assert_array_equal(np.array(frames["observation.state"]), state.astype(np.float32))
    np.testing.assert_array_equal(
        np.array(frames["action"]), arrays["controls"][:, kept].swapaxes(0, 1).reshape(10, 11).astype(np.float32)
    )
    info = json.loads((tmp_path / "set" / "meta" / "info.json").read_text())
    assert info["features"]["action"]["names"][-2:] == ["elbow.target_position", "rail.target_position"]
    assert info["features"]["observation.state"]["names"][11] == "elbow.position"
    units = json.loads((tmp_path / "set" / "meta" / "units.json").read_text())
    assert units["action"][-2:] == ["rad", "m"]


def strictly(root: Path) -> dict[str, list]:
    """The frames of a dataset, read as LeRobotDataset v3.0 says: paths from templates, types from features, episodes from their index."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    info = json.loads((root / "meta" / "info.json").read_text())
    assert info["codebase_version"] == "v3.0" and info["video_path"] is None and isinstance(info["fps"], int)
    episodes = parquet.read_table(root / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    rows = episodes.to_pylist()
    table = parquet.read_table(root / info["data_path"].format(chunk_index=0, file_index=0))
    assert set(table.column_names) == set(info["features"])
    types = {"float32": pa.float32(), "int64": pa.int64()}
    for name, feature in info["features"].items():
        scalar, (size,) = types[feature["dtype"]], feature["shape"]
        assert table.schema.field(name).type == (scalar if size == 1 else pa.list_(scalar, size)), name
        assert feature["names"] is None or len(feature["names"]) == size
    frames = table.to_pydict()
    assert info["total_frames"] == table.num_rows == rows[-1]["dataset_to_index"] and info["total_episodes"] == len(rows)
    assert frames["index"] == list(range(table.num_rows)) and info["splits"] == {"train": f"0:{len(rows)}"}
    tasks = parquet.read_table(root / "meta" / "tasks.parquet")
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"] and info["total_tasks"] == tasks.num_rows
    for k, row in enumerate(rows):
        assert (
            row["episode_index"] == k
            and row["tasks"] == tasks["task"].to_pylist()
            and row["data/chunk_index"] == row["data/file_index"] == 0
        )
        span = slice(row["dataset_from_index"], row["dataset_to_index"])
        assert frames["episode_index"][span] == [k] * row["length"] and frames["frame_index"][span] == list(range(row["length"]))
        np.testing.assert_allclose(frames["timestamp"][span], np.arange(row["length"]) / info["fps"], atol=1e-4 / info["fps"])
        expected = np.array(frames["action"][span])
        np.testing.assert_allclose(row["stats/action/mean"], expected.mean(0), rtol=1e-6, atol=1e-7)
    stats = json.loads((root / "meta" / "stats.json").read_text())
    assert set(stats) == set(info["features"])
    for name, entry in stats.items():
        assert {"min", "max", "mean", "std", "count"} <= set(entry) and entry["count"] == [table.num_rows], name
        assert len(entry["mean"]) == info["features"][name]["shape"][0]
    return frames


def test_statistics_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    found = statistics(values)
    np.testing.assert_allclose(found["std"], values.std(0), rtol=1e-6)
    np.testing.assert_allclose(found["q90"], np.quantile(values, 0.9, axis=0), rtol=1e-6)
    assert statistics(np.arange(4))["max"] == [3] and found["count"] == [40]


def test_frames_that_no_second_holds_are_refused(tmp_path) -> None:
    arrays = motion()
    arrays["time"] = 0.03 * np.arange(STEPS + 1)
    with pytest.raises(InputError, match=r"steps of 0\.03 s make no whole number"):
        export(read_solution(write_run(tmp_path / "run", arrays)), "lerobot")


def test_targets_are_never_written_over_unasked(tmp_path) -> None:
    run = read_solution(write_run(tmp_path / "run", motion()))
    file = export(run, "csv").files[0]
    assert file == default_target(run.folder, "csv") == run.folder / "export" / "trajectory.csv"
    before = file.read_text()
    with pytest.raises(InputError, match="is there already; give another --out, or --force"):
        export(run, "csv")
    assert export(run, "csv", force=True).files == [file] and file.read_text() == before
    with pytest.raises(InputError, match="csv writes a file, and that is none"):
        export(run, "csv", tmp_path, force=True)
    with pytest.raises(InputError, match="lerobot writes a folder, and that is none"):
        export(run, "lerobot", file, force=True)
    (tmp_path / "empty").mkdir()
    assert export(run, "lerobot", tmp_path / "empty").files[0] == tmp_path / "empty"


def test_places_that_cannot_be_written_and_formats_that_are_none(tmp_path) -> None:
    run = read_solution(write_run(tmp_path / "run", motion()))
    (tmp_path / "file").touch()
    for name in FORMATS:
        if not FORMATS[name].folder:
            with pytest.raises(InputError, match="cannot be written"):
                export(run, name, tmp_path / "file" / "below" / "x")
    with pytest.raises(UnknownNameError, match='unknown format "onx"; known: onnx'):
        export(run, "onx")
    with pytest.raises(InputError, match="needs the task of the run"):
        export(run, "mujoco")
