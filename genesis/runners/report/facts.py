"""What of the config of a run matters: a few lines a reader looks for, and what was typed."""

from typing import Any

import numpy as np

from genesis.runners.report.digits import plain
from genesis.runners.report.folder import SIMULATE, SYSID, RunReport, node

#: Settings of an optimizer that are told only where they are set; `kind` is its name.
UNSAID: tuple[Any, ...] = (None, False, "", [], {})
AUTO = ("auto", None, 1)
LONGEST = 160  # letters of a line


def facts_of(run: RunReport) -> list[tuple[str, str]]:
    """(what, its value) in the order in which a reader asks."""
    config = run.config
    if not config:
        return []
    found = [("Task", _task(run)), ("Robot", _robot(run)), ("Scene", _scene(run))]
    if run.verb == SYSID:
        found.append(("Recordings", ", ".join(str(item) for item in node(config, "observation").get("files") or [])))
    for name, one in node(config, "parameter").items():
        if isinstance(one, dict):
            found.append((f"Parameter {name}", _parameter(run, name, one)))
    if run.verb != SIMULATE:
        found += [("Optimizer", _optimizer(run)), ("Ends", _stop(run))]
    found.append(("Numbers", _runtime(run)))
    return [(name, text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…") for name, text in found if text]


def _task(run: RunReport) -> str:
    task, dt = node(run.config, "task"), node(run.config, "scene").get("dt")
    if not task:
        return ""
    name = run.chosen.get("tasks") or task.get("kind")
    parts = [str(name) if name == task.get("kind") else f"{name} ({task.get('kind')})"]
    horizon = task.get("horizon")
    if isinstance(horizon, int) and isinstance(dt, (int, float)):
        parts.append(f"{horizon} steps of {plain(dt)} s ({plain(horizon * dt)} s)")
    parts.append(f"controls are {task.get('control', 'force')}s")
    if task.get("envs"):
        parts.append(f"{task['envs']} environments")
    return ", ".join(parts)


def _robot(run: RunReport) -> str:
    robot = node(run.config, "robot")
    file = str(robot.get("file") or "")
    parts = [str(robot.get("name", "")), str(robot.get("kind", "")), file.rpartition("/")[2]]
    controlled = run.arrays.get("controlled")
    if controlled is not None:
        parts.append(f"{int(np.sum(controlled))} of {len(controlled)} degrees of freedom controlled")
    return ", ".join(dict.fromkeys(part for part in parts if part))


def _scene(run: RunReport) -> str:
    scene = node(run.config, "scene")
    contact = scene.get("contact")
    parts = [run.chosen.get("scenes", ""), ("collisions" if scene.get("collision") else "no collisions")]
    parts += [f"contact {contact}"] if contact else []
    parts += [f"with {', '.join(map(str, node(scene, 'entities')))}"] if node(scene, "entities") else []
    parts += [f"{name} {scene[name]}" for name in ("integrator", "gravity") if scene.get(name) is not None]
    return ", ".join(part for part in parts if part)


def _parameter(run: RunReport, name: str, one: dict[str, Any]) -> str:
    value = run.arrays.get(f"parameter/{name}")
    leaves = [x.size for key, x in run.arrays.items() if key.startswith(f"leaf/{name}/")]
    parts = [str(one.get("kind", ""))]
    if leaves:
        parts.append(f"{sum(leaves)} numbers" if sum(leaves) > 1 else "1 number")
    if value is not None and leaves and value.size == sum(leaves) and value.size <= 4:
        parts.append(f"found {', '.join(plain(float(x)) for x in value.reshape(-1))}")
    parts += [] if one.get("learn", True) else ["not learned"]
    shown = {key: one[key] for key in ("bounds", "init", "hidden", "scale") if one.get(key) not in (*UNSAID, 1.0)}
    parts += [f"{key} {value}" for key, value in shown.items() if not str(value).startswith("${")]
    return ", ".join(parts)


def _optimizer(run: RunReport) -> str:
    config = run.config
    one = node(config, "optimizer")
    parts = [str(run.chosen.get("optimizers", one.get("kind", "")))]
    parts += [
        f"{key} {_short(value)}"
        for key, value in one.items()
        if key in ("lr", "population", "damping", "momentum") and value not in UNSAID
    ]
    scheduler = node(config, "scheduler").get("kind", "constant")
    parts += [f"scheduler {scheduler}"] if scheduler != "constant" else []
    restarts = node(config, "restarts").get("count")
    parts += [f"{restarts} restarts"] if restarts else []
    polish = node(config, "polish").get("kind")
    parts += [f"polish by {polish}"] if polish else []
    segments = node(run.result, "multiple_shooting").get("segments")
    parts += [f"multiple shooting in {segments} segments"] if segments not in AUTO else []
    return ", ".join(part for part in parts if part)


def _stop(run: RunReport) -> str:
    stop = node(run.config, "stop")
    parts = [f"after {stop['iterations']} iterations"] if stop.get("iterations") else []
    parts += [f"after {plain(stop['seconds'])} s"] if stop.get("seconds") else []
    parts += ["when every tolerance is met"] if stop.get("when_converged") and node(run.result, "tolerances") else []
    parts += [f"after {stop['patience']} without a better objective"] if stop.get("patience") else []
    return ", or ".join(parts)


def _runtime(run: RunReport) -> str:
    runtime = node(run.config, "runtime")
    return (
        f"{runtime.get('precision', '64')} bits on the {runtime.get('backend', 'cpu')}, seed {runtime.get('seed', 0)}"
        if runtime
        else ""
    )


def _short(value: Any) -> str:
    return plain(value) if isinstance(value, float) else str(value)
