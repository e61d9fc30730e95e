"""Real machines: the shipped systems, a few iterations from near their answer, reach the errors that they are known for."""

from pathlib import Path

import numpy as np
import pytest

from genesis.sysid.outcome import Comparison, compare
from genesis.sysid.problem import RecordingProblem
from genesis_cli.build import build_problem, start_engine
from genesis_cli.compose import compose_config
from genesis_cli.observation_files import absolute_observations
from genesis_cli.paths import config_dir
from genesis_cli.validate import check
from tests.shared import SHARED, needs_shared
from tests.sysid.problems import solved

pytestmark = pytest.mark.usefixtures("engine")


def problem(*overrides: str) -> RecordingProblem:
    """The estimation problem of `genesis sysid OVERRIDES`."""
    cfg = compose_config("sysid", list(overrides))
    cfg.robot.file = str(config_dir() / "robots" / cfg.robot.file)
    absolute_observations(cfg, {}, [], [f"observation.folder={cfg.observation.folder}"])
    checked = check(cfg)
    start_engine(checked.plain["runtime"])
    made: RecordingProblem = build_problem(checked)
    return made


def ends(asked: RecordingProblem, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """The start, and the best point of a few iterations."""
    made = solved(asked, iterations=iterations)
    return made.residuals.first(), made.best


def errors(fit: Comparison, split: str) -> dict[str, float]:
    """Recording -> root mean square after."""
    return {str(row["recording"]): row["after"] for row in fit.rmse if row["split"] == split}


def data(name: str) -> Path:
    assert SHARED is not None
    return SHARED / "data" / name


@needs_shared
def test_double_pendulum_c1() -> None:
    """Five recordings of friction, rotors and links: half-second windows within 0.03 rad each, and well below it in all."""
    folder = data("dfki_double_pendulum") / "design_C1"
    asked = problem(
        "systems=double_pendulum_c1", f"observation.folder={folder}", "parameter.com.init=[-0.15,-0.26]", "parameter.inertia.init=0.007",
        "parameter.armature.init=[0.0036,0.0027]", "parameter.dry_friction.init=[0.25,0.18]",
    )  # fmt: skip
    found = errors(compare(asked, *ends(asked, 3)), "train")
    assert len(found) == 6 and found.pop("all") < 0.025
    assert max(found.values()) < 0.03 and np.median(list(found.values())) < 0.025


@needs_shared
def test_double_pendulum_a0() -> None:
    """Fitted to five recordings; half-second windows of the four others within 0.06 rad in the median."""
    folder = data("dfki_double_pendulum") / "design_A0"
    asked = problem(
        "systems=double_pendulum_a0", f"observation.folder={folder}", "parameter.com.init=[-0.293,-0.2]", "parameter.inertia.init=0.002",
        "parameter.armature.init=[0.006,0.0033]", "parameter.damping.init=[0.03,0.0024]", "parameter.dry_friction.init=[0.07,0.13]",
    )  # fmt: skip
    found = errors(compare(asked, *ends(asked, 2)), "validation")
    found.pop("all")
    assert sorted(found) == [f"trajectory_{k}" for k in ("01", "03", "05", "12")]
    assert np.median(list(found.values())) < 0.055
