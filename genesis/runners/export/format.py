"""What a format of exports is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import GenesisError

TOLERANCE = 1e-6  # of controls, relative to the largest where that is above 1


class CheckError(GenesisError):
    """What was written does not do what the run did."""


@dataclass(frozen=True)
class Exported:
    """files: all that were written, the main one first. said: in words, what they hold and what the check found."""

    files: list[Path]
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Format:
    """One format.

    target: name of its file or folder where none is given; folder: which of the two.
    write: (solution, target, what makes the task) -> Exported.
    """

    name: str
    target: str
    folder: bool
    write: Callable[[Any, Path, Callable[[], Any] | None], Exported]


def compared(where: Path, found: np.ndarray, expected: np.ndarray, runner: str) -> str:
    """What is said of the controls (N, m) that a file gives at the observations of the run, against those that acted there.

    Raises: CheckError if they differ by more than `TOLERANCE`.
    """
    if not len(expected):
        raise CheckError(f"{where}: the run has no state to compare it at: every environment has diverged; do not use it.")
    error = float(np.abs(found - expected).max(initial=0.0))
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0)))
    if not error <= allowed:
        raise CheckError(
            f"{where}: run by {runner} it gives controls that differ by up to {error:.2g} from those of the run (allowed {allowed:.2g}); do "
            "not use it. Where another parameter controls the same joints, the policy alone is not what acted."
        )
    return f"checked by {runner}: gives the controls of the run to {error:.1e}, at its {len(expected)} observations"


def left_out(solution: Any, target: Path) -> str:
    """What is said of environments that diverged, empty where none did. Raises: CheckError where all did, so that nothing is left."""
    if solution.envs is None:
        return ""
    series = [np.isfinite(x).all((0, 2)) for x in (solution.qpos, solution.qvel, solution.controls)]
    kept = int(np.logical_and.reduce(series).sum())
    if not kept:
        raise CheckError(f"{target}: every environment of the run has diverged; there is no whole motion to export.")
    return "" if kept == solution.envs else f", {kept} of {solution.envs} environments: the others diverged"
