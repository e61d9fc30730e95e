"""A trajectory as numpy arrays with names and units of their columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genesis.runners.export.format import Exported, Format
from genesis.runners.files import write_npz
from genesis.runners.names import FEEDBACK, VALUE
from genesis.runners.stored import Solution


def arrays_of(solution: Solution) -> dict[str, np.ndarray]:
    """The arrays by name.

    time, qpos, qvel, controls as in `Solution`; for each its *_names and *_units (control_names are those of qvel); control_kind; control_hold
    [s], how long a control acts; joint_names, joint_kinds; parameter/NAME; feedback/* as in `FeedbackLaw`, with feedback/names of its dofs.
    """
    arrays = {
        "time": solution.time, "qpos": solution.qpos, "qvel": solution.qvel, "controls": solution.controls,
        "qpos_names": np.array(solution.qpos_names), "qpos_units": np.array(solution.qpos_units),
        "qvel_names": np.array(solution.qvel_names), "qvel_units": np.array(solution.qvel_units),
        "control_names": np.array(solution.qvel_names), "control_units": np.array(solution.control_units),
        "control_kind": np.array(solution.control_kind), "control_hold": np.array(solution.dt),
        "joint_names": np.array(solution.joint_names), "joint_kinds": np.array([kind.name for kind in solution.joint_kinds]),
        **{f"{VALUE}{name}": value for name, value in solution.parameters.items()},
    }  # fmt: skip
    if solution.feedback is not None:
        arrays |= {f"{FEEDBACK}{name}": value for name, value in vars(solution.feedback).items() if value is not None}
        arrays[f"{FEEDBACK}names"] = np.array([solution.qvel_names[int(dof)] for dof in solution.feedback.dofs])
    return arrays


def write(solution: Solution, target: Path, task: Callable[[], Any] | None) -> Exported:
    """Write them."""
    arrays = arrays_of(solution)
    write_npz(target, arrays)
    return Exported(
        [target], [f"{len(arrays)} arrays, {len(solution.time)} states {solution.dt:g} s apart; docs/export.md says what each is"]
    )


FORMAT = Format("npz", "trajectory.npz", False, write)
