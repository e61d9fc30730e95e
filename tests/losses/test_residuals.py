"""Losses that are sums of squares: what their residuals add up to, which steps each row sees, and the derivatives of each row."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from genesis.losses import LOSSES, SumOfSquares
from genesis.losses.seeds import seeds
from genesis.scene.linear import Probe, probe
from genesis.view import TrajectoryView
from tests.settings import setting_of

pytestmark = pytest.mark.usefixtures("engine")

HORIZON = 6
LONG = {("force_limits", "cartpole"), ("joint_tracking", "ball")}  # that see more than a column, or a frame, with each number
NO_SQUARES = {"energy", "information", "user"}
#: kind, robot, options; every kind that is a sum of squares, and every way in which it reads a trajectory.
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("position", "double_pendulum", {"target": [0.1, 0.2, 0.3], "at": [0.2, 0.7]}),
    ("position", "panda", {"target": [0.3, 0.0, 0.5], "offset": [0.0, 0.1, 0.0]}),
    ("orientation", "panda", {"target": [0.5, 0.5, -0.5, 0.5], "at": "all"}),
    ("joint_tracking", "cartpole", {"target": [0.3, 2.0], "periodic": True}),
    ("joint_tracking", "ball", {"at": [0.0, 1.0]}),
    ("velocity", "cartpole", {"target": 0.7, "at": "all"}),
    ("control_effort", "panda", {"scale": "limits", "relative_to": "start"}),
    ("smoothness", "panda", {"scale": 2.0}),
    ("terminal_state", "cartpole", {"qpos": [0.1, 0.3], "periodic": True, "velocity_weight": 0.3}),
    ("joint_limits", "panda", {"margin": 2.5}),
    ("velocity_limits", "panda", {"limit": 0.01}),
    ("force_limits", "cartpole", {"limit": 0.02, "joints": ["slider"]}),
]


def cases(function):
    return pytest.mark.parametrize(("kind", "robot", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "")(function)


def probed(robot: str, envs: int) -> tuple[Any, Probe]:
    """A motion under random controls, from random velocities."""
    setting, draw = setting_of(robot, horizon=HORIZON, envs=envs), torch.Generator().manual_seed(0)
    nv = setting.start_qvel.shape[-1]
    controls, speed = (
        torch.rand(*n, nv, generator=draw, dtype=torch.float64) - 0.5 for n in ((HORIZON, *setting.batch), setting.batch)
    )
    with torch.no_grad():
        run = setting.scene.rollout(
            3.0 * controls, kind=setting.control, qpos=setting.start_qpos, qvel=setting.start_qvel + 2.0 * speed
        )
        return setting, probe(run, parameters=True)


def test_every_loss_is_a_sum_of_squares_or_known_not_to_be() -> None:
    assert {kind for kind, loss in LOSSES.items() if not issubclass(loss, SumOfSquares)} == NO_SQUARES
    assert {kind for kind, _, _ in CASES} == set(LOSSES) - NO_SQUARES


@pytest.mark.parametrize("envs", [0, 2])
@cases
def test_shares_of_the_squares_add_up_to_the_loss(kind: str, robot: str, options: dict, envs: int) -> None:
    setting, at = probed(robot, envs)
    loss = LOSSES[kind](setting, "loss.test", **options)
    view = TrajectoryView(at.trajectory)
    parts = loss.residuals(view)
    added = sum(part.share() * float((part.values.detach() ** 2).sum()) for part in parts)
    assert added > 0.0
    assert added == pytest.approx(float(loss(view).detach()), rel=1e-13)
    assert all(part.values.shape[1:-1] == setting.batch for part in parts)


@pytest.mark.parametrize("envs", [0, 2])
@cases
def test_rows_see_their_steps_and_seeds_are_their_derivatives(kind: str, robot: str, options: dict, envs: int) -> None:
    setting, at = probed(robot, envs)
    columns = torch.arange(setting.scene.rigid_solver.model.parameter_size)
    for part in LOSSES[kind](setting, "loss.test", **options).residuals(TrajectoryView(at.trajectory)):
        found = seeds(part, at.leaves(), columns)
        values = part.values if envs else part.values.unsqueeze(1)
        for s, b, k in ((s, b, k) for s in range(len(values)) for b in range(values.shape[1]) for k in range(values.shape[2])):
            bars = torch.autograd.grad(values[s, b, k], at.leaves(), retain_graph=True, allow_unused=True)
            tables = (found.state, found.controls, found.parameters)
            for i, (bar, table) in enumerate(zip(bars, tables, strict=True)):
                if bar is None:
                    assert table is None or not table.any()
                    continue
                assert table is not None
                if i == 2:
                    assert torch.allclose(bar.sum(0)[b], table[s, b, k], rtol=1e-13, atol=1e-15)
                    continue
                own = torch.zeros_like(bar)
                for j in range(part.reach + 1):
                    if part.first + s + j < len(bar):
                        own[part.first + s + j, b] = table[j, s, b, k]
                assert torch.allclose(bar, own, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("envs", [0, 2])
@cases
def test_short_ways_to_seeds_are_the_passes_they_stand_for(kind: str, robot: str, options: dict, envs: int) -> None:
    setting, at = probed(robot, envs)
    for part in LOSSES[kind](setting, "loss.test", **options).residuals(TrajectoryView(at.trajectory)):
        leaves, columns = [at.x, at.controls], torch.arange(0)
        found, expected = seeds(part, leaves, columns), seeds(replace(part, sees=None, to_state=None), leaves, columns)
        for short, long in ((found.state, expected.state), (found.controls, expected.controls)):
            assert (short is None or not short.any()) if long is None else torch.allclose(short, long, rtol=1e-13, atol=1e-15)


def test_what_all_kinds_but_force_limits_and_balls_see_is_told_without_passes() -> None:
    for kind, robot, options in CASES:
        setting, at = probed(robot, 0)
        parts = LOSSES[kind](setting, "loss.test", **options).residuals(TrajectoryView(at.trajectory))
        assert all((part.sees or part.to_state) is not None for part in parts) == ((kind, robot) not in LONG), kind


def test_parameters_of_each_row_are_told_apart() -> None:
    setting, at = probed("panda", 0)
    first, length = setting.scene.rigid_solver.model.parameter_offsets["link_pos"]
    columns = torch.arange(first, first + length)
    (part,) = LOSSES["position"](setting, "loss.test", target=[0.0, 0.0, 0.0], at="all").residuals(TrajectoryView(at.trajectory))
    found = seeds(part, at.leaves(), columns)
    assert found.parameters is not None
    assert found.parameters.shape == (HORIZON, 1, 3, length)
    assert not torch.allclose(found.parameters[0], found.parameters[-1])


def test_orientation_is_squared_with_its_factor() -> None:
    setting, at = probed("double_pendulum", 0)
    (part,) = LOSSES["orientation"](setting, "loss.test", target=[1.0, 0.0, 0.0, 0.0]).residuals(TrajectoryView(at.trajectory))
    assert part.share() == 4.0
    assert math.isclose(float(part.total().detach()), 4.0 * float((part.values.detach() ** 2).sum()), rel_tol=1e-14)
