"""A run as a LeRobot dataset, format v3.0: an episode for each environment, a frame for each control.

Source: LeRobotDataset v3.0, huggingface.co/docs/lerobot (folders, columns and keys; read and written here without that package).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.runners.export.csv import CONTROL
from genesis.runners.export.format import Exported, Format, left_out
from genesis.runners.files import write_json
from genesis.runners.stored import Solution

VERSION = "v3.0"
CHUNK = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
INDICES = ("frame_index", "episode_index", "index", "task_index")


def write(solution: Solution, target: Path, task: Callable[[], Any] | None) -> Exported:
    """Write meta/ and data/; observation.state is positions, then velocities, action the control that acts until the next frame.

    Raises: InputError without pyarrow, or for steps of which no whole number makes a second.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise InputError('lerobot needs an extra (pyarrow is missing): pip install "genesis-optimize[export]".') from error
    fps = round(1.0 / solution.dt)
    if abs(fps * solution.dt - 1.0) > 1e-6:
        raise InputError(
            f"lerobot: frames are counted in a second, and steps of {solution.dt:g} s make no whole number; use npz or csv."
        )
    name = _task_name(solution)
    lost = left_out(solution, target)
    episodes = _episodes(solution)
    tables = {
        "data/chunk-000/file-000.parquet": _frames(episodes),
        "meta/episodes/chunk-000/file-000.parquet": _episode_table(episodes, name),
        "meta/tasks.parquet": _tasks(name),
    }
    for file, table in tables.items():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, target / file, compression="snappy")
    whole = {key: np.concatenate([episode[key] for episode in episodes]) for key in episodes[0]}
    write_json(target / "meta" / "stats.json", {key: statistics(values) for key, values in whole.items()})
    write_json(target / "meta" / "info.json", _info(solution, fps, episodes))
    units = {"observation.state": solution.qpos_units + solution.qvel_units, "action": solution.control_units, "timestamp": ["s"]}
    write_json(target / "meta" / "units.json", units)  # beside the format, which has no place for them
    files = [
        target,
        *(target / "meta" / f"{name}.json" for name in ("info", "stats", "units")),
        *(target / file for file in tables),
    ]
    frames = sum(len(episode["index"]) for episode in episodes)
    count = f"{len(episodes)} episode" + ("s" if len(episodes) != 1 else "")
    return Exported(files, [f"LeRobot {VERSION}: {count}, {frames} frames, {fps} a second{lost}"])


def _task_name(solution: Solution) -> str:
    """What the episodes show, for those who train on them."""
    return f"a motion of the joints {', '.join(solution.joint_names)}"


def _episodes(solution: Solution) -> list[dict[str, np.ndarray]]:
    """The columns of each environment whose motion is whole."""
    alone = solution.envs is None
    series = [x[:, None] if alone else x for x in (solution.qpos, solution.qvel, solution.controls)]
    q, v, u = series
    found: list[dict[str, np.ndarray]] = []
    first = 0
    for env in range(q.shape[1]):
        state = np.concatenate([q[:-1, env], v[:-1, env]], 1)
        if not (np.isfinite(state).all() and np.isfinite(u[:, env]).all()):
            continue  # an environment that diverged
        count = len(state)
        found.append(
            {
                "observation.state": state.astype(np.float32),
                "action": u[:, env].astype(np.float32),
                "timestamp": (solution.time[:-1] - solution.time[0]).astype(np.float32),
                "frame_index": np.arange(count),
                "episode_index": np.full(count, len(found)),
                "index": first + np.arange(count),
                "task_index": np.zeros(count, np.int64),
            }
        )
        first += count
    if not found:
        raise InputError(f"{solution.folder}: every environment of the run diverged; there is no motion to export.")
    return found


def _frames(episodes: list[dict[str, np.ndarray]]) -> Any:
    import pyarrow as pa

    columns = {}
    for key in episodes[0]:
        values = np.concatenate([episode[key] for episode in episodes])
        if values.ndim == 2:
            columns[key] = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        else:
            columns[key] = pa.array(values)
    return pa.table(columns)


def _episode_table(episodes: list[dict[str, np.ndarray]], task: str) -> Any:
    """One row an episode: where its frames lie, and its statistics."""
    import pyarrow as pa

    rows = []
    for number, episode in enumerate(episodes):
        row: dict[str, Any] = {
            "episode_index": number, "tasks": [task], "length": len(episode["index"]),
            "data/chunk_index": 0, "data/file_index": 0,
            "dataset_from_index": int(episode["index"][0]), "dataset_to_index": int(episode["index"][-1]) + 1,
        }  # fmt: skip
        for key, values in episode.items():
            row |= {f"stats/{key}/{what}": value for what, value in statistics(values).items()}
        rows.append(row | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0})
    return pa.Table.from_pylist(rows)


def _tasks(name: str) -> Any:
    """The words of the task are the index of a pandas table, as the format has it; the metadata says so without pandas."""
    import pyarrow as pa

    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([name])})
    columns = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64", "metadata": None},
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ]
    meta = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": pa.__version__},
    }
    return table.replace_schema_metadata({b"pandas": json.dumps(meta).encode()})


def statistics(values: np.ndarray) -> dict[str, list[float]]:
    """min, max, mean, std, count and quantiles of each number of a column (frames, n) or (frames,)."""
    table = values.reshape(len(values), -1).astype(float)
    found = {
        "min": table.min(0),
        "max": table.max(0),
        "mean": table.mean(0),
        "std": table.std(0),
        "count": np.array([len(table)]),
    }
    found |= {name: np.quantile(table, share, axis=0) for name, share in QUANTILES.items()}
    made = {name: value.tolist() for name, value in found.items()}
    if np.issubdtype(values.dtype, np.integer):
        made |= {name: [int(x) for x in made[name]] for name in ("min", "max")}
    return made | {"count": [len(table)]}


def _info(solution: Solution, fps: int, episodes: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    word = CONTROL[solution.control_kind]
    state = [f"{name}.position" for name in solution.qpos_names] + [f"{name}.velocity" for name in solution.qvel_names]
    names = {"observation.state": state, "action": [f"{name}.{word.replace(' ', '_')}" for name in solution.qvel_names]}
    features: dict[str, Any] = {
        key: {"dtype": "float32", "shape": [len(columns)], "names": columns} for key, columns in names.items()
    }
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    features |= {key: {"dtype": "int64", "shape": [1], "names": None} for key in INDICES}
    return {
        "codebase_version": VERSION, "robot_type": None, "total_episodes": len(episodes),
        "total_frames": sum(len(episode["index"]) for episode in episodes), "total_tasks": 1,
        "chunks_size": 1000, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200, "fps": fps,
        "splits": {"train": f"0:{len(episodes)}"}, "data_path": f"data/{CHUNK}", "video_path": None, "features": features,
    }  # fmt: skip


FORMAT = Format("lerobot", "lerobot", True, write)
