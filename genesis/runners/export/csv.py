"""A trajectory as text: one row a state, units in the header."""

import io
from collections.abc import Callable
from csv import writer
from pathlib import Path
from typing import Any

import numpy as np

from genesis.runners.export.format import Exported, Format
from genesis.runners.files import write_bytes
from genesis.runners.stored import Solution

CONTROL = {"force": "force", "position": "target position", "velocity": "target velocity"}


def header_of(solution: Solution) -> list[str]:
    """`time [s]`, then `JOINT position [UNIT]` of every coordinate, velocities, controls; before them `environment` where there are several."""
    word = CONTROL[solution.control_kind]
    groups = (
        ("position", solution.qpos_names, solution.qpos_units),
        ("velocity", solution.qvel_names, solution.qvel_units),
        (word, solution.qvel_names, solution.control_units),
    )
    columns = [f"{name} {what} [{unit}]" for what, names, units in groups for name, unit in zip(names, units, strict=True)]
    return ["environment"] * (solution.envs is not None) + ["time [s]", *columns]


def write(solution: Solution, target: Path, task: Callable[[], Any] | None) -> Exported:
    """Write all states, environment after environment; the last state of each has no control, its cells are empty."""
    text = io.StringIO()
    table = writer(text, lineterminator="\n")
    table.writerow(header_of(solution))
    for env in range(1 if solution.envs is None else solution.envs):
        q, v, u = (x if solution.envs is None else x[:, env] for x in (solution.qpos, solution.qvel, solution.controls))
        for k, time in enumerate(solution.time):
            row = np.concatenate([[time], q[k], v[k]]).tolist()
            control = u[k].tolist() if k < len(u) else [""] * u.shape[-1]
            table.writerow([*([env] if solution.envs is not None else []), *row, *control])
    write_bytes(target, text.getvalue().encode())
    said = [f"{len(solution.time)} states{'' if solution.envs is None else f' of each of {solution.envs} environments'}"]
    if solution.feedback is not None:
        said.append("the feedback gains of this run are not in it; --format npz has them")
    return Exported([target], said)


FORMAT = Format("csv", "trajectory.csv", False, write)
