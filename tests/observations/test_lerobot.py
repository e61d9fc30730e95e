"""LeRobot data sets of both layouts, and those that this project writes, read back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from genesis.runners.export import export
from genesis.runners.stored import read_solution
from tests.observations.recipes import node
from tests.runners.stored_runs import DT, STEPS, motion, write_run

pytest.importorskip("pyarrow", reason="needs the extra [data]")

FPS, LENGTHS = 30, (4, 6, 5, 3)
NAMES = ["shoulder.pos", "elbow.pos"]
ANGLE = {"angle": {"kind": "joint_position", "columns": "observation.state/{name}.pos"}}


def state(episode: int) -> np.ndarray:
    """(frames, 2) numbers that tell where they belong."""
    frames = np.arange(LENGTHS[episode])
    return np.stack([100.0 * episode + frames, -frames + 0.25], 1).astype(np.float32)


def frames(episode: int) -> dict[str, Any]:
    """The columns of one episode."""
    count = LENGTHS[episode]
    return {
        "observation.state": state(episode),
        "action": -state(episode),
        "timestamp": (np.arange(count) / FPS).astype(np.float32),
        "frame_index": np.arange(count),
        "episode_index": np.full(count, episode),
        "index": sum(LENGTHS[:episode]) + np.arange(count),
        "task_index": np.zeros(count, int),
    }


def write(path: Path, episodes: list[int]) -> None:
    """One file of frames."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    parts = [frames(episode) for episode in episodes]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    columns = {name: pa.array(values.tolist()) if values.ndim == 2 else pa.array(values) for name, values in table.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns | {"observation.image": ["a picture"] * len(table["index"])}), path)


@pytest.fixture(params=["v2.1", "v3.0"])
def dataset(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Four episodes: a file each, or in three files of two chunks."""
    root = tmp_path / "arm"
    old = request.param == "v2.1"
    if old:
        for episode in range(4):
            write(root / f"data/chunk-000/episode_{episode:06d}.parquet", [episode])
    else:
        for file, episodes in {"chunk-000/file-000": [0, 1], "chunk-000/file-001": [2], "chunk-001/file-000": [3]}.items():
            write(root / f"data/{file}.parquet", episodes)
    features = {
        "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": NAMES} if old else NAMES},
        "action": {"dtype": "float32", "shape": [2], "names": None},
        "observation.image": {"dtype": "video", "shape": [3, 4, 5], "names": ["c", "h", "w"]},
    }
    info = {"codebase_version": request.param, "fps": FPS, "total_episodes": 4, "features": features}
    (root / "meta").mkdir()
    (root / "meta" / "info.json").write_text(json.dumps(info))
    return root


def test_every_episode_is_a_recording_with_the_names_of_the_set(dataset: Path) -> None:
    inputs = {"target": {"kind": "joint_position", "columns": {"shoulder": "action[0]", "elbow": "action[1]"}}}
    data = load(node(dataset, channels=ANGLE, inputs=inputs))
    assert [r.name for r in data.train] == ["arm:0", "arm:1", "arm:2", "arm:3"] and data.specs["angle"].names == [
        "shoulder",
        "elbow",
    ]
    for episode, recording in enumerate(data.train):
        assert recording.channels["angle"].time.tolist() == pytest.approx((np.arange(LENGTHS[episode]) / FPS).tolist(), abs=1e-15)
        np.testing.assert_array_equal(recording.channels["angle"].values, state(episode))
        np.testing.assert_array_equal(recording.inputs["target"].values, -state(episode))


@pytest.mark.parametrize(("chosen", "found"), [([0, 3], [0, 3]), (2, [2]), ("1:3", [1, 2]), ("2:", [2, 3]), (":1", [0])])
def test_chosen_episodes_and_those_that_are_held_out(dataset: Path, chosen: Any, found: list[int]) -> None:
    held = {"files": [{"path": str(dataset), "episodes": [1]}]}
    data = load(node({"path": str(dataset), "episodes": chosen}, channels=ANGLE, validation=held))
    assert [r.trajectory for r in data.train] == found and [r.trajectory for r in data.validation] == [1]
    np.testing.assert_array_equal(data.train[-1].channels["angle"].values, state(found[-1]))
    np.testing.assert_array_equal(data.validation[0].channels["angle"].values, state(1))
    shared = [text for text in data.warnings if "in training and in validation" in text]
    assert len(shared) == (1 in found)


def test_stamps_that_are_no_multiples_of_the_rate_are_kept(tmp_path: Path, dataset: Path) -> None:
    info = json.loads((dataset / "meta" / "info.json").read_text())
    (dataset / "meta" / "info.json").write_text(json.dumps(info | {"fps": 25}))
    data = load(node({"path": str(dataset), "episodes": [1]}, channels=ANGLE))
    np.testing.assert_array_equal(data.train[0].channels["angle"].time, frames(1)["timestamp"].astype(float))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"episodes": [7]}, r"the data set has no episode 7; it has 4, from 0\."),
        ({"episodes": "0:100"}, r"the data set has no episode 4 of 0:100; it has 4, from 0\."),
        ({"episodes": "9:"}, r"no frame of the episodes 9:; it has 4\."),
        ({"episodes": "-2:"}, r"observation.files\[0\].episodes: '-2:'; allowed: a list of numbers from 0"),
        ({"episodes": [0], "trajectories": [0]}, r"trajectories and episodes are both given"),
    ],
)
def test_wrong_choices(dataset: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(node({"path": str(dataset), **entry}, channels=ANGLE))


def test_other_files_have_no_episodes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,q\n0,1\n1,2\n")
    with pytest.raises(
        InputError, match=r"a.csv is no LeRobot data set and has no episodes; the key of other files is trajectories\."
    ):
        load(node({"path": str(tmp_path / "a.csv"), "episodes": [0]}))


def test_what_this_project_writes_is_read_back(tmp_path: Path) -> None:
    arrays = motion(envs=2, control="position")
    export(read_solution(write_run(tmp_path / "run", arrays)), "lerobot", tmp_path / "set")
    joints = {"elbow": "elbow", "rail": "rail"}
    channels = {
        "angle": {"kind": "joint_position", "columns": {"elbow": "observation.state/elbow.position"}},
        "speed": {"kind": "joint_velocity", "columns": {"rail": "observation.state/rail.velocity"}, "unit": "m/s"},
    }
    inputs = {"target": {"kind": "joint_position", "columns": {name: f"action/{name}.target_position" for name in joints}}}
    data = load(node(tmp_path / "set", channels=channels, inputs=inputs))
    for env, recording in enumerate(data.train):
        assert recording.channels["angle"].time.tolist() == pytest.approx((DT * np.arange(STEPS)).tolist(), abs=1e-15)
        np.testing.assert_array_equal(recording.channels["angle"].values[:, 0], arrays["qpos"][:-1, env, -2].astype(np.float32))
        np.testing.assert_array_equal(recording.channels["speed"].values[:, 0], arrays["qvel"][:-1, env, -1].astype(np.float32))
        np.testing.assert_array_equal(recording.inputs["target"].values, arrays["controls"][:, env, -2:].astype(np.float32))
