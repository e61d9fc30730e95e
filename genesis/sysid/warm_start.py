"""Beginning at what another run has found: estimates go over by name, within the bounds of this one."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.parameters import Numbers
from genesis.sysid.problem import RecordingProblem

RESULT = "result.json"
EDGE = 1e-6  # of the width of smooth bounds
NAMED = 8  # parameters in one line


def begin_at(problem: RecordingProblem, run: Path, found: Mapping[str, float] | None = None) -> str:
    """Put the estimates of a run into the parameters; returns in one line which are taken and which not.

    found: what `estimates_of` gave of it before; None: it is read now.

    What each recording has of its own, and what is frozen, keeps its start. A group of which the other run lacks a number keeps all of its own.

    Raises: InputError for a folder that is no identification, or has no parameter of this one.
    """
    found = estimates_of(run) if found is None else found
    taken: list[str] = []
    left: list[str] = []
    for parameter, recording, _ in problem.slices:
        names = [f"{parameter.name}/{label}" for label in parameter.labels()]
        known = [found.get(name) for name in names]
        known = [None if x is None or not math.isfinite(x) or (parameter.log and x <= 0.0) else x for x in known]
        have = [x for x in known if x is not None]
        if recording is not None or (parameter.coupled and len(have) < len(names)) or not have:
            left += names
            continue
        own = parameter.value().detach()
        value = torch.tensor([x if old is None else old for x, old in zip(own.tolist(), known, strict=True)], dtype=own.dtype)
        parameter.set_value(_within(parameter, value))
        taken += [name for name, old in zip(names, known, strict=True) if old is not None]
        left += [name for name, old in zip(names, known, strict=True) if old is None]
    left = list(dict.fromkeys(left))
    if not taken:
        raise InputError(
            f"starts.run: {run} has estimates of {_listed(list(found))}, and none of this run's {_listed(problem.names())}; "
            "parameters go over by their names."
        )
    kept = f"; at their own start: {_listed(left)}" if left else ""
    return f"begins at {run}: {_listed(taken)}{kept}"


def _within(parameter: Numbers, value: Tensor) -> Tensor:
    """(k,) within the bounds, of smooth ones inside, where free numbers are finite."""
    low, high = parameter.low, parameter.high
    edge = torch.where(torch.isfinite(high - low), EDGE * (high - low), EDGE * torch.ones_like(low)) if parameter.smooth else 0.0
    return torch.maximum(torch.minimum(value, high - edge), low + edge)


def estimates_of(run: Path) -> dict[str, float]:
    """Value by name, of the folder of a run or a file of its kind. Raises: InputError."""
    path = run / RESULT if run.is_dir() else run
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = content["estimates"]
        found = {str(row["name"]): float(row["value"]) for row in rows if row["value"] is not None}
    except OSError as error:
        raise InputError(
            f"starts.run: {path} cannot be read ({error.strerror}); give the folder of a run of genesis sysid that has ended."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"starts.run: {path} holds no estimates; give the folder of a run of genesis sysid that has ended."
        ) from error
    if not found:
        raise InputError(f"starts.run: {path} holds no estimates; give the folder of a run of genesis sysid that has ended.")
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
