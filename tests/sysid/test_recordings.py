"""Real machines: the shipped systems, a few iterations from near their answer, reach the errors that they are known for."""

from pathlib import Path

import numpy as np
import pytest

from genesis.sysid.linearization import Point
from genesis.sysid.outcome import Fit, compare
from genesis.sysid.problem import Problem
from genesis.sysid.solvers.levenberg_marquardt import LevenbergMarquardt
from genesis.sysid.solvers.solver import LeastSquares
from genesis_cli.build import build_problem, start_engine
from genesis_cli.compose import compose_config
from genesis_cli.observation_files import absolute_observations
from genesis_cli.paths import config_dir
from genesis_cli.validate import check
from tests.shared import SHARED, needs_shared

pytestmark = pytest.mark.usefixtures("engine")


def problem(*overrides: str) -> Problem:
    """The estimation problem of `genesis sysid OVERRIDES`."""
    cfg = compose_config("sysid", list(overrides))
    cfg.robot.file = str(config_dir() / "robots" / cfg.robot.file)
    if cfg.observation.folder is None:
        cfg.observation.folder = str(config_dir() / "observations")
    absolute_observations(cfg, {}, [], [f"observation.folder={cfg.observation.folder}"])
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


@needs_shared
def test_double_pendulum_c1() -> None:
    """Five recordings of friction, rotors and links: half-second windows within 0.03 rad each, and well below it in all."""
    folder = data("dfki_double_pendulum") / "design_C1"
    asked = problem(
        "systems=double_pendulum_c1", f"observation.folder={folder}", "parameter.com.init=[-0.15,-0.26]", "parameter.inertia.init=0.007",
        "parameter.armature.init=[0.0036,0.0027]", "parameter.dry_friction.init=[0.25,0.18]",
    )  # fmt: skip
    found = errors(compare(asked, *solved(asked, 3)), "train")
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
    found = errors(compare(asked, *solved(asked, 2)), "validation")
    found.pop("all")
    assert sorted(found) == [f"trajectory_{k}" for k in ("01", "03", "05", "12")]
    assert np.median(list(found.values())) < 0.055


def test_simple_pendulum() -> None:
    """Five numbers from two swing-ups; the torque sensor's scale shows in the mass, which m g l / I does not depend on."""
    asked = problem("parameter.mass.init=0.77", "parameter.armature.init=0.01", "parameter.dry_friction.init=0.18")
    first, best = solved(asked, 6)
    fit = compare(asked, first, best)
    train, held_out = errors(fit, "train"), errors(fit, "validation")
    assert train["ddp"] <= 0.035 and train["dircol"] <= 0.03
    assert held_out["energy_shaping"] <= 0.02 and held_out["sac"] <= 0.02
    mass, armature = best.z[:2]
    assert mass * 9.81 * 0.45 / (mass * 0.45**2 + 0.0027 + armature) == pytest.approx(19.8, rel=0.03)


@needs_shared
def test_friction_of_a_cube() -> None:
    """From twelve whole tosses, starting at twice the published coefficient of 0.18."""
    asked = problem(
        "systems=cube_toss", f"observation.folder={data('cube_toss')}", 'observation.files=[{path: tosses.npz, trajectories: "0:12"}]',
        "observation.validation.files=[]", "parameter.friction.init=0.36",
    )  # fmt: skip
    _, best = solved(asked, 8)
    assert float(np.exp(best.z[0])) == pytest.approx(0.18, abs=0.02)


SERVOS = (
    "parameter.kp.init=[4.42,3.32,2.84,2.49,17.4,12.0]", "parameter.kv.init=[0.446,0.253,0.287,0.244,1.85,1.43]",
    "parameter.dry_friction.init=[0.0398,0.0927,0.0912,0.0229,0.0988,0.1]", "parameter.armature.init=[0.002,0.002,0.003,0.0049,0.0287,0.04]",
    "parameter.target_offset.init=[-0.0012,-0.1194,-0.0518,-0.018,-0.0029,0.0011]", "parameter.target_delay.init=-0.0073",
    "parameter.zero.init=[0.508,-0.0177,-0.1885]",
)  # fmt: skip


@needs_shared
def test_servos_of_an_arm() -> None:
    """Ten seconds of two motions in one go: shoulder and elbow within 0.02 rad; 0.031 is what a second-order model of each joint reaches."""
    asked = problem(
        "systems=so101", f"observation.folder={data('so101_actuator')}", *SERVOS, "observation.validation.files=[]", "shooting.window=null",
        "observation.files=[{path: multisine.npz, end: 10.0}, {path: step_response.npz, end: 10.0}]",
    )  # fmt: skip
    fit = compare(asked, *solved(asked, 1))
    for joint in ("shoulder_lift", "elbow_flex"):
        off = np.concatenate([t.after - t.measured for t in fit.traces if t.label == joint])
        assert np.sqrt((off**2).mean()) < 0.02
