"""What an experiment hands over: the controls as a table that a robot can play, and what they will tell."""

import csv
import io
import json
from typing import Any

import numpy as np
import torch

from genesis.runners.files import finite
from genesis.selection import joints_of
from genesis.tasks import Task

CONTROLS, TOLD = "excitation.csv", "information.json"


def excitation_files(task: Task) -> dict[str, bytes]:
    """File name -> content, for the present parameters of a task of kind excite."""
    with torch.no_grad():
        trajectory, _ = task.simulate()
        report = information(task, trajectory)
    controls = trajectory.controls.detach().cpu().numpy()
    return {CONTROLS: controls_table(task, controls), TOLD: (json.dumps(finite(report), indent=2) + "\n").encode()}


def controls_table(task: Task, controls: np.ndarray) -> bytes:
    """CSV: time [s], then a column JOINT_force, JOINT_position or JOINT_velocity for each controlled degree of freedom.

    A row holds from its time until that of the next one.
    """
    controlled = {dof for parameter in task.parameters.values() for dof in parameter.changes.controls}
    columns, names = [], []
    for joint in (j for entity in task.setting.entities.values() for j in joints_of(entity)):
        for k, dof in enumerate(joint.dofs):
            if dof in controlled:
                columns.append(dof)
                names.append(f"{joint.name if joint.is_scalar else f'{joint.name}.{k}'}_{task.setting.control}")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["time", *names])
    for step, values in enumerate(controls[:, columns]):
        rows.writerow([f"{step * task.setting.dt:.9g}", *(f"{value:.12g}" for value in values)])
    return text.getvalue().encode()


def information(task: Task, trajectory: Any) -> dict[str, Any]:
    """What the measurements of a trajectory will tell about each unknown, beside what those of the start trajectory would."""
    goal: Any = task.goal
    unknowns, told, before = goal.unknowns, goal.information(trajectory), goal.start
    numbers = zip(*(x.tolist() for x in (unknowns.values, unknowns.scale, unknowns.prior, told.std, before.std)), strict=True)
    return {
        "unknowns": [
            {
                "name": name,
                "unit": unit,
                "value": value,
                "scale": scale,
                "prior_std": scale / prior if prior else None,
                "std": scale * std,
                "std_percent": 100.0 * std,
                "std_percent_at_start": 100.0 * first,
                "times_smaller": first / std,
            }
            for name, unit, (value, scale, prior, std, first) in zip(unknowns.names, unknowns.units, numbers, strict=True)
        ],
        "log_det": told.log_det,
        "log_det_at_start": before.log_det,
        "condition": told.condition,
        "eigenvalues": told.eigenvalues.tolist(),
        "correlation": told.correlation.tolist(),
        "decided_by_prior": told.decided,
        "sample_time": goal.every * task.setting.dt,
        "channels": [
            {"name": c.name, "kind": c.kind, "labels": c.channel.labels, "sigma": c.sigma.tolist()} for c in goal.channels
        ],
        "start_state": "estimated" if goal.sensitivity.nuisance else "known",
    }


#: Kind of task -> function that makes the files which its runs have beside those of every run.
EXTRA_FILES = {"excite": excitation_files}
