"""Real machines: the shipped systems, a few iterations from near their answer, reach the errors that they are known for."""

from pathlib import Path

import pytest

from genesis.sysid.linearization import Point
from genesis.sysid.outcome import Fit
from genesis.sysid.problem import Problem
from genesis.sysid.solvers.levenberg_marquardt import LevenbergMarquardt
from genesis.sysid.solvers.solver import LeastSquares
from genesis_cli.build import build_problem, start_engine
from genesis_cli.compose import compose_config
from genesis_cli.paths import config_dir
from genesis_cli.validate import check
from tests.shared import SHARED

pytestmark = pytest.mark.usefixtures("engine")


def problem(*overrides: str) -> Problem:
    """The estimation problem of `genesis sysid OVERRIDES`."""
    cfg = compose_config("sysid", list(overrides))
    cfg.robot.file = str(config_dir() / "robots" / cfg.robot.file)
    if cfg.observation.folder is None:
        cfg.observation.folder = str(config_dir() / "observations")
    checked = check(cfg)
    start_engine(checked.plain["runtime"])
    made: Problem = build_problem(checked)
    return made


def solved(asked: Problem, iterations: int) -> tuple[Point, Point]:
    """The start, and the best point of a few iterations."""
    squares, points = LeastSquares(asked), []
    LevenbergMarquardt(iterations=iterations).run(squares, squares.first(), lambda report, _: points.append(report.point))
    return squares.first(), points[-1]


def errors(fit: Fit, split: str) -> dict[str, float]:
    """Recording -> root mean square after."""
    return {str(row["recording"]): row["after"] for row in fit.rmse if row["split"] == split}


def data(name: str) -> Path:
    assert SHARED is not None
    return SHARED / "data" / name
