"""Every loss and every goal gives the same number on each kind of view: a whole trajectory, a batch of one, one candidate's share of a
batch, and a batch of which the others are left out."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from genesis.errors import UnsupportedError
from genesis.losses import LOSSES
from genesis.parameters import Inputs
from genesis.runners.part import Part, Shares, asked_by, over_all
from genesis.scene.clearance import LinkPairs
from genesis.scene.variants import some_envs
from genesis.selection import indices
from genesis.setting import Setting
from genesis.tasks import TASKS
from genesis.tasks.rollout import roll_out
from genesis.view import TrajectoryView, View
from tests.settings import HOME, numbers, setting_of
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

HORIZON, BATCH, ROW = 6, 3, 1
TARGET, TURNED = [0.4, 0.1, 0.5], [0.9, 0.1, -0.3, 0.2]
#: Options of every kind with which it is not zero.
LOSS_OPTIONS: dict[str, dict[str, Any]] = {
    "position": {"target": TARGET, "at": "all", "offset": [0.0, 0.0, 0.1]},
    "orientation": {"target": TURNED, "at": "all"},
    "joint_tracking": {"target": "home"},
    "velocity": {"at": "all"},
    "control_effort": {"relative_to": "start", "scale": "limits"},
    "smoothness": {},
    "energy": {},
    "terminal_state": {"qpos": "home", "velocity_weight": 0.5},
    "joint_limits": {"margin": 2.0},
    "velocity_limits": {"limit": 0.05},
    "force_limits": {"limit": 1.0},
    "user": {"function": "tests.runners.test_views.speed"},
}
GOAL_OPTIONS: dict[str, dict[str, Any]] = {
    "reach": {"target_pos": TARGET, "target_quat": TURNED, "velocity_tolerance": 0.1},
    "swing_up": {"target_qpos": [0.0] * 7},
    "track": {"path": [TARGET, [0.5, 0.0, 0.4]]},
    "throw": {"target_pos": TARGET},
    "balance": {},
    "place": {"target_pos": TARGET},
    "advance": {"distance": 2.0},
}
#: They read the whole trajectory, which candidates share, or are of one motion alone; `fit` looks at parameters, not at a trajectory.
WHOLE_LOSSES, WHOLE_GOALS, OF_PARAMETERS = ("user", "information"), ("excite",), ("fit",)


def speed(trajectory: Any, scene: Any) -> torch.Tensor:
    """A loss of a user's."""
    return trajectory.qvel[-1].square().mean()


def test_no_kind_is_forgotten() -> None:
    assert set(LOSS_OPTIONS) | {"information"} == set(LOSSES)
    assert set(GOAL_OPTIONS) | {*WHOLE_GOALS, *OF_PARAMETERS} == set(TASKS)


@cache
def motions() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of three environments: qpos (3, 7), qvel, controls (6, 3, 7), controls before learning."""
    made = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=made)  # noqa: E731
    qpos = numbers(*HOME) + 0.1 * draw(BATCH, 7)
    return qpos, 0.2 * draw(BATCH, 7), 20.0 * draw(HORIZON, BATCH, 7), draw(HORIZON, BATCH, 7)


@cache
def rolled(envs: int) -> tuple[Setting, Any]:
    """A setting and a trajectory of all three environments, or of the middle one as a batch of one or without a batch."""
    setting = setting_of("panda", horizon=HORIZON, envs=envs, qpos=HOME)
    rows = slice(None) if envs == BATCH else slice(ROW, ROW + 1) if envs else ROW
    qpos, qvel, controls, start = motions()
    setting.start_qpos, setting.start_qvel, setting.start_controls = qpos[rows], qvel[rows], start[:, rows]
    with torch.no_grad():
        return setting, roll_out(setting, Inputs(qpos[rows], qvel[rows], controls[:, rows].contiguous()))


def whole() -> tuple[Setting, View]:
    setting, trajectory = rolled(0)
    return setting, TrajectoryView(trajectory)


def batch_of_one() -> tuple[Setting, View]:
    setting, trajectory = rolled(1)
    return setting, TrajectoryView(trajectory)


def others_left_out() -> tuple[Setting, View]:
    setting, trajectory = rolled(BATCH)
    left = indices([ROW])
    return setting, TrajectoryView(some_envs(trajectory, left), left)


def share_of(envs: int) -> tuple[Setting, View]:
    """The middle one of three candidates, each without a batch or with one of one environment."""
    setting, trajectory = rolled(BATCH)
    return rolled(envs)[0], Part.single(Shares(TrajectoryView(trajectory), setting.scene, BATCH, envs), ROW)


VIEWS = {
    "batch of one": batch_of_one,
    "others left out": others_left_out,
    "share": lambda: share_of(0),
    "share of one": lambda: share_of(1),
}


def same_number(kind: str, view: str, numbers_of: Callable[[Setting, View], list[float]], whole_only: bool) -> None:
    expected = numbers_of(*whole())
    if whole_only and view.startswith("share"):
        with pytest.raises(UnsupportedError, match="use launcher=joblib"):
            numbers_of(*VIEWS[view]())
        return
    assert max(abs(x) for x in expected) > 1e-4, f"{kind} is zero here, and tests nothing"
    assert numbers_of(*VIEWS[view]()) == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("view", VIEWS)
def test_distances(view: str) -> None:
    def value(setting: Setting, seen: View) -> list[float]:
        name = next(iter(setting.entities.values())).name
        made, again = (LinkPairs("test", setting.scene, among=[name]) for _ in range(2))
        found = seen.distance(made, slice(1, HORIZON))
        assert seen.distance(again, slice(1, HORIZON)) is found or isinstance(seen, Part), "the same geoms are measured once"
        return [float(x) for x in found.reshape(HORIZON - 1, -1).sum(0)]

    same_number("distance", view, value, False)


def test_distances_of_candidates_are_measured_once_and_mapped() -> None:
    setting, trajectory = rolled(BATCH)
    shares = Shares(TrajectoryView(trajectory), setting.scene, BATCH, 0)
    name = next(iter(setting.entities.values())).name
    pairs = [LinkPairs("test", rolled(0)[0].scene, among=[name]) for _ in range(2)]
    for made in pairs:
        least = lambda part, made=made: part.distance(made, slice(0, 3)).amin()  # noqa: E731
        keys = asked_by(least, shares)
        mapped = over_all(least, shares, list(range(BATCH)), keys)
        assert mapped == pytest.approx(shares.view.distance(made, slice(0, 3)).amin(-1).amin(0), abs=0.0)
    assert len(shares._cut) == 1 and pairs[0] == pairs[1] != LinkPairs("test", setting.scene, among=[name], beyond=1.0)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", LOSS_OPTIONS)
def test_losses(kind: str, view: str) -> None:
    def value(setting: Setting, seen: View) -> list[float]:
        return [float(LOSSES[kind](setting, "loss.test", **LOSS_OPTIONS[kind])(seen))]

    same_number(kind, view, value, kind in WHOLE_LOSSES)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", GOAL_OPTIONS)
def test_goals(kind: str, view: str) -> None:
    def metrics(setting: Setting, seen: View) -> list[float]:
        return [float(x) for x in TASKS[kind](setting, {}, **GOAL_OPTIONS[kind]).metrics(seen).values()]

    same_number(kind, view, metrics, whole_only=False)


def test_an_experiment_is_one_motion_that_no_share_shows() -> None:
    _, task = configured(
        "task=excite_double", "task.horizon=60", "parameter.controls.settle=0.1", "parameter.controls.harmonics=3"
    )
    with torch.no_grad():
        seen, _ = task.simulate()
        share = Part(lambda key: getattr(seen, key[0]))
        loss = LOSSES["information"](task.setting, "loss.test")
        assert float(loss(seen)) != 0.0 and task.goal.metrics(seen)["std_gain"] > 0.0
        for look in (loss, task.goal.metrics):
            with pytest.raises(UnsupportedError, match="use launcher=joblib"):
                look(share)
