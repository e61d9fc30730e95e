"""The folder of a run as data: what it was told, its course over the iterations, its motion. Whatever is missing or torn is left out."""

import json
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.runners.files import json_bytes, read_npz
from genesis.runners.names import CONFIG, GROWTH, METRICS, RESULT, SERIES, SOLUTION, TRAJECTORY
from genesis.runners.report.page import FILE, REPLAY, Origin, embedded

TYPED, HYDRA = ".hydra/overrides.yaml", ".hydra/hydra.yaml"
OPTIMIZE, SIMULATE, SYSID = "optimize", "simulate", "sysid"
#: Files of a run folder, and what they hold.
CONTENT = {
    RESULT: "status, objective, metrics, seconds",
    METRICS: "a line for each iteration",
    SOLUTION: "best parameters, their trajectory",
    TRAJECTORY: "the trajectory",
    REPLAY: "the replay by itself",
    "replay.npz": "the replay as data",
    CONFIG: "the composed config, absolute paths",
    "checkpoints/last.pt": "to go on from",
    "excitation.csv": "controls to play",
    "information.json": "what the measurements will tell",
}


@dataclass
class Iterations:
    """Numbers over the iterations (n,), not a number where there is none.

    stages: label of the stage of each. exact: False for the objective of a mini-batch. failed: evaluations without a value since the last
    iteration; lost: environments that were left out. health: what gradients say of themselves, see `genesis.runners.health` and
    `genesis.runners.estimator`. torn: lines that could not be read.
    """

    iterations: np.ndarray
    objective: np.ndarray
    exact: np.ndarray
    stages: list[str]
    failed: np.ndarray
    lost: np.ndarray
    terms: dict[str, np.ndarray]
    metrics: dict[str, np.ndarray]
    norms: dict[str, np.ndarray]
    rates: dict[str, np.ndarray]
    health: dict[str, np.ndarray]
    torn: int = 0

    def __len__(self) -> int:
        return len(self.iterations)

    def row(self, iteration: int | None) -> int | None:
        """Where an iteration stands."""
        found = np.flatnonzero(self.iterations == iteration)
        return int(found[0]) if len(found) else None

    def first_of_stages(self) -> list[tuple[float, str]]:
        """(iteration, label) where a stage begins, but the first."""
        starts = [k for k in range(1, len(self)) if self.stages[k] != self.stages[k - 1]]
        return [(float(self.iterations[k]), self.stages[k]) for k in starts]


@dataclass
class RunReport:
    """What the folder of a run says.

    verb: optimize, simulate or sysid. result: of result.json. config: of config.yaml. chosen: config group -> option, where it is known;
    typed: overrides. arrays: of solution.npz or trajectory.npz. unreadable: files that are there and cannot be read.
    """

    verb: str
    result: dict[str, Any]
    config: dict[str, Any]
    chosen: dict[str, str]
    typed: list[str]
    course: Iterations
    arrays: dict[str, np.ndarray]
    origin: Origin = field(default_factory=Origin)
    unreadable: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """How it ended."""
        return str(self.result.get("status", "unknown"))

    @property
    def title(self) -> str:
        """What was done, by whom."""
        task = self.chosen.get("tasks") or node(self.config, "task").get("kind") or self.verb
        return f"{node(self.config, 'robot').get('name', 'run')}: {str(task).replace('_', ' ')}"

    @property
    def growth(self) -> dict[str, np.ndarray]:
        """log10 of the growth of small changes over the steps, along the first and the final motion."""
        return {name.removeprefix(GROWTH): x for name, x in self.arrays.items() if name.startswith(GROWTH)}

    @property
    def series(self) -> dict[str, np.ndarray]:
        """(T+1,[B]) metrics of every state."""
        return {name.removeprefix(SERIES): x for name, x in self.arrays.items() if name.startswith(SERIES) and x.ndim <= 2}


def report_of(folder: Path, coming: dict[str, Any] | None = None) -> RunReport:
    """Read a run folder; ``coming``: what result.json will hold, in place of what it holds.

    Raises: InputError for a folder that holds no run.
    """
    result = _result(folder, coming)
    arrays = {name: _arrays(folder / name) for name in (SOLUTION, TRAJECTORY)}
    read = {RESULT: result, **arrays}
    if not result and not (folder / RESULT).is_file() and not (folder / METRICS).is_file():
        raise InputError(f"{folder}: no run there (neither {RESULT} nor {METRICS}); give a run folder such as outputs/DATE/TIME.")
    config, chosen = _yaml(folder / CONFIG), chosen_options(folder)
    return RunReport(
        verb_of(folder, config), result, config, chosen, typed_words(folder, config), course_of(folder / METRICS),
        arrays[SOLUTION] or arrays[TRAJECTORY], origin_of(folder, coming),
        [name for name, content in read.items() if not content and (folder / name).exists()],
    )  # fmt: skip


def verb_of(folder: Path, config: dict[str, Any]) -> str:
    """Which verb of `genesis` a run is of: its files say it."""
    if "observation" in config:
        return SYSID
    return SIMULATE if (folder / TRAJECTORY).is_file() and not (folder / METRICS).is_file() else OPTIMIZE


def course_of(path: Path) -> Iterations:
    """The lines of metrics; those that are torn are counted, and iterations that were told again are taken as told last."""
    lines, torn = {}, 0
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
            lines[int(line["iteration"])] = line
        except (ValueError, KeyError, TypeError):
            torn += bool(text.strip())
    rows = [lines[k] for k in sorted(lines)]

    def table(name: str) -> dict[str, np.ndarray]:
        found = [row.get(name) if isinstance(row.get(name), dict) else {} for row in rows]
        names = dict.fromkeys(key for one in found for key in one)
        return {key: np.array([_number(one.get(key)) for one in found]) for key in names}

    norms = table("gradient_norm") or {"all": np.array([_number(row.get("gradient_norm")) for row in rows])}
    return Iterations(
        iterations=np.array(sorted(lines), float),
        objective=np.array([_number(row.get("objective")) for row in rows]),
        exact=np.array([row.get("exact") is not False for row in rows], bool),
        stages=[str(row.get("stage", "")) for row in rows],
        failed=np.array([_number(row.get("failed_evaluations", 0)) for row in rows]),
        lost=np.array([float(len(row.get("diverged") or ())) for row in rows]),
        terms=table("terms"),
        metrics=table("metrics"),
        norms={name: x for name, x in norms.items() if np.isfinite(x).any()},
        rates=table("learning_rate"),
        health={**table("health"), **table("estimate")},
        torn=torn,
    )  # fmt: skip


def origin_of(folder: Path, coming: dict[str, Any] | None = None) -> Origin:
    """Where the numbers in a run folder come from; of a folder without a run nothing. coming: as of `report_of`."""
    result, config = _result(folder, coming), _yaml(folder / CONFIG)
    replay, size = embedded(folder / REPLAY)
    sizes = {name: (folder / name).stat().st_size for name in CONTENT if (folder / name).is_file()}
    if coming is not None:
        sizes = {RESULT: len(json_bytes(result)), **sizes}
    there = list(sizes)
    if not there:
        return Origin(replay=replay, replay_bytes=size)
    verb, place = verb_of(folder, config), shlex.quote(str(folder))
    lines = [("Start it anew, with the same config and whatever is changed behind it:", f"genesis {verb} --rerun {place}")]
    if (folder / "checkpoints/last.pt").is_file() and verb != SIMULATE:
        lines.append(("Go on from its last checkpoint:", f"genesis {verb} --resume {place}"))
    if (folder / SOLUTION).is_file() and verb == OPTIMIZE:
        lines.append(("Roll out what it has found, without learning:", f"genesis simulate --rerun {place} --solution {place}"))
    wanted = node(config, "logging").get("replay", True)
    hint = "There is none: it was switched off (logging.replay=false)." if wanted is False else ""
    text = folder / CONFIG
    seconds = result.get("seconds")
    return Origin(
        folder=str(folder),
        typed=_typed(folder, verb),
        lines=lines if config else [],
        versions={str(k): str(v) for k, v in node(result, "versions").items()},
        seed=result.get("seed"),
        seconds={k: float(v) for k, v in seconds.items() if _real(v)} if isinstance(seconds, dict) else {},
        files=[(name, CONTENT[name], size) for name, size in sizes.items()],
        config_text=text.read_text(encoding="utf-8", errors="replace") if text.is_file() else "",
        replay=replay,
        replay_bytes=size,
        without_replay="" if replay else hint,
    )


def _typed(folder: Path, verb: str) -> str:
    """The command line of the run; empty where it is not known, as that of a run from a stored config, which names another run."""
    hydra = node(_yaml(folder / HYDRA), "hydra")
    if not (folder / TYPED).is_file() or node(hydra, "job").get("config_name", verb) not in (verb, None):
        return ""
    sources = node(hydra, "runtime").get("config_sources") or []
    dirs = [str(s["path"]) for s in sources if isinstance(s, dict) and s.get("provider") == "command-line"]
    words = typed_words(folder, _yaml(folder / CONFIG))
    return shlex.join(["genesis", verb, *(x for d in dirs for x in ("--config-dir", d)), *words])


def typed_words(folder: Path, config: dict[str, Any]) -> list[str]:
    """Overrides as users type them: `task=trot`, of which Hydra has stored the folder of the group, `tasks=trot`."""
    groups = {name + plural: name for name in config for plural in ("s", "es")}
    words = [str(word).partition("=") for word in _yaml(folder / TYPED, list)]
    return [f"{groups.get(key, key)}{sign}{value}" for key, sign, value in words]


def chosen_options(folder: Path) -> dict[str, str]:
    """Config group -> option of the run, as Hydra has stored it."""
    chosen = node(node(node(_yaml(folder / HYDRA), "hydra"), "runtime"), "choices")
    return {str(k): str(v) for k, v in chosen.items() if v is not None}


def node(table: Any, name: str) -> dict[str, Any]:
    """A mapping in a mapping, empty where there is none."""
    found = table.get(name) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}


def _result(folder: Path, coming: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = _json(folder / RESULT) if coming is None else json.loads(json_bytes(coming))
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _yaml(path: Path, kind: type = dict) -> Any:
    """A YAML file of that kind; empty where there is none, or one that cannot be read."""
    import yaml

    try:
        content = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError, ValueError, TypeError, RecursionError):  # such as dates that are none, keys that are lists
        return kind()
    return content if isinstance(content, kind) else kind()


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_npz(path)
    except InputError:
        return {}


def _real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> float:
    return float(value) if _real(value) else math.nan


__all__ = ["FILE", "Iterations", "RunReport", "course_of", "node", "origin_of", "report_of"]
