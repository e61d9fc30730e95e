"""LeRobot data sets: a folder of Parquet files with the frames of many episodes.

Source: LeRobotDataset v2.1 (data/chunk-000/episode_000000.parquet) and v3.0 (data/chunk-000/file-000.parquet), huggingface.co/docs/lerobot;
read here without that package.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.budget import afford
from genesis.observations.readers.extras import library
from genesis.observations.readers.options import ReadOptions
from genesis.observations.readers.parquet import entries, opened, take

INFO = "meta/info.json"
EPISODE, FRAME, TIME = "episode_index", "frame_index", "timestamp"
INDICES = (EPISODE, FRAME, "index", "task_index")
VERSIONS = ("v2.0", "v2.1", "v3.0")
LATE = 1e-4  # s: stamps this near to frame / fps are that, which they were rounded from
INFO_MOST = 64 << 20  # bytes of meta/info.json
OF_ONE = re.compile(r"episode_(\d+)\.parquet")


def is_lerobot(path: Path) -> bool:
    """Whether a folder is a LeRobot data set."""
    return (path / INFO).is_file()


def read_lerobot(path: Path, options: ReadOptions) -> Log:
    """Frames of the chosen episodes: FEATURE/NAME by the names of meta/info.json, FEATURE[k] where it has none; images are left out.

    timestamp counts from the start of each episode and is the clock of every column; episode_index numbers the trajectories.
    Raises: InputError for a folder without frames, of another version, or for episodes that are not in it.
    """
    arrow = library(path, "pyarrow")
    info = _info(path)
    names = {feature: names for feature, node in info["features"].items() if (names := _names(node)) is not None}
    files = _files(path, options)
    numbers = 0
    for file in files:
        with opened(file) as content:
            numbers += entries(content, [*names, *INDICES, TIME])
    afford(f"{path}: {info.get('total_frames')} frames in {len(files)} files", numbers, options)
    columns: dict[str, list[np.ndarray]] = {}
    faults: dict[str, str] = {}
    for file in files:
        for name, values in _frames(arrow, file, names, options, faults).items():
            columns.setdefault(name, []).append(values)
    rows = sum(len(part) for part in columns[EPISODE])
    _all_there(path, options, np.concatenate(columns[EPISODE]), info)
    if not rows:
        raise InputError(
            f"{path}: the data set has no frame of the episodes {_chosen(options)}; it has {info.get('total_episodes')}."
        )
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    faults |= {name: "it is not in every file" for name, values in whole.items() if len(values) != rows}
    whole = {name: values for name, values in whole.items() if len(values) == rows}
    whole = _in_order(whole)
    whole[TIME] = _times(path, whole, info)
    clocks = {name: TIME for name in whole if name != TIME}
    return Log(path, whole, clocks=clocks, seconds=frozenset({TIME}), faults=faults, trajectory=EPISODE)


def _info(path: Path) -> dict[str, Any]:
    """meta/info.json. Raises: InputError for another version, or what is no description of a data set."""
    file = path / INFO
    if file.stat().st_size > INFO_MOST:
        raise InputError(f"{file} has {file.stat().st_size} bytes; that is no description of a data set.")
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{file} is no JSON: {error}.") from error
    if not isinstance(info, dict) or not isinstance(info.get("features"), dict):
        raise InputError(f'{file} has no mapping "features"; is this a LeRobot data set?')
    if info.get("codebase_version") not in VERSIONS:
        raise InputError(f"{file}: codebase_version {info.get('codebase_version')!r}; allowed: {', '.join(VERSIONS)}.")
    return info


def _names(node: Any) -> list[str] | None:
    """The names of a feature's numbers, [] where it has none; None: no numbers. Older sets have them under a key, `motors`."""
    if not isinstance(node, Mapping) or not re.fullmatch(r"float\d+|u?int\d+|bool", str(node.get("dtype"))):
        return None
    names = node.get("names")
    if isinstance(names, Mapping) and len(names) == 1:
        names = next(iter(names.values()))
    elif isinstance(names, Mapping):  # name -> place
        places = names
        names = sorted(places, key=lambda name: str(places[name]).zfill(9))
    return [str(name) for name in names] if isinstance(names, list) else []


def _files(path: Path, options: ReadOptions) -> list[Path]:
    """The files of frames, of one episode each those that are chosen."""
    found = sorted((path / "data").glob("**/*.parquet"))
    if not found:
        raise InputError(f"{path}: the data set has no file data/chunk-*/*.parquet.")
    return [file for file in found if (one := OF_ONE.fullmatch(file.name)) is None or _wanted(int(one[1]), options)] or found[:1]


def _wanted(episode: int, options: ReadOptions) -> bool:
    chosen = options.episodes
    return chosen is None or (episode in chosen if isinstance(chosen, tuple) else _in(episode, chosen))


def _in(episode: int, chosen: slice) -> bool:
    return episode in range(*chosen.indices(episode + 1 if chosen.stop is None else max(chosen.stop, 0)))


def _frames(
    arrow: Any, file: Path, names: Mapping[str, list[str]], options: ReadOptions, faults: dict[str, str]
) -> dict[str, np.ndarray]:
    """The columns of one file. Raises: InputError where it has no column episode_index."""
    with opened(file) as content:
        there = content.schema_arrow.names
        if EPISODE not in there:
            raise InputError(f'{file} has no column "{EPISODE}"; columns: {", ".join(there[:12])}.')
        wanted = [name for name in dict.fromkeys([*names, *INDICES, TIME]) if name in there]
        table = content.read(columns=wanted, use_threads=False)
    raw: dict[str, np.ndarray] = {}
    for name in wanted:
        kind, own = table.schema.field(name).type, dict[str, np.ndarray]()
        if arrow.types.is_nested(kind) or arrow.types.is_primitive(kind):
            take(arrow, name, table[name], own, {}, faults)
        labels = names.get(name, [])
        if labels and len(labels) == len(own):
            raw |= {
                f"{name}/{label}" if len(own) > 1 or labels[0] != name else name: own[k]
                for label, k in zip(labels, own, strict=True)
            }
        else:
            raw |= own
    episodes = raw[EPISODE]
    kept = np.isin(episodes, [episode for episode in np.unique(episodes) if _wanted(int(episode), options)])
    return {name: values[kept] for name, values in raw.items()}


def _in_order(whole: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """By episode, and by frame within."""
    order = np.lexsort((whole.get(FRAME, np.zeros(len(whole[EPISODE]))), whole[EPISODE]))
    return {name: values[order] for name, values in whole.items()}


def _times(path: Path, whole: dict[str, np.ndarray], info: Mapping[str, Any]) -> np.ndarray:
    """(N,) [s] from the start of each episode: frame / fps where the stamps are that, which 32 bits rounded; else the stamps."""
    fps, frames, stamps = info.get("fps"), whole.get(FRAME), whole.get(TIME)
    regular = frames / float(fps) if frames is not None and isinstance(fps, (int, float)) and fps > 0 else None
    if stamps is None and regular is None:
        raise InputError(f'{path}: the frames have no column "{TIME}", and there is no fps with a column "{FRAME}".')
    if stamps is None or (regular is not None and np.abs(stamps - regular).max() < LATE):
        return np.asarray(regular, dtype=np.float64)
    return stamps.astype(np.float64)


def _chosen(options: ReadOptions) -> str:
    chosen = options.episodes
    if isinstance(chosen, slice):
        return f"{'' if chosen.start is None else chosen.start}:{'' if chosen.stop is None else chosen.stop}"
    return "all" if chosen is None else str(list(chosen))


def _all_there(path: Path, options: ReadOptions, found: np.ndarray, info: Mapping[str, Any]) -> None:
    """Raises: InputError for a chosen episode that the data set has not."""
    total = info.get("total_episodes")
    if isinstance(options.episodes, slice) and isinstance(total, int) and (options.episodes.stop or 0) > total:
        raise InputError(f"{path}: the data set has no episode {total} of {_chosen(options)}; it has {total}, from 0.")
    if isinstance(options.episodes, tuple):
        gone = [episode for episode in options.episodes if episode not in found]
        if gone:
            raise InputError(f"{path}: the data set has no episode {gone[0]}; it has {info.get('total_episodes')}, from 0.")
