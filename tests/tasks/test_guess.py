"""Paths of states to begin with: where a task says that it should end."""

import pytest

from genesis.tasks.guess import goal_state
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")


def test_a_constraint_on_the_last_state_says_where_to_go_too() -> None:
    up = "+constraint.up={kind: terminal_state, qpos: [1.0], qvel: null, joints: [elbow]}"
    _, task = configured("task=swing_up_double", "task.horizon=20", "loss.terminal.weight=0", up)
    goal = goal_state(task)
    assert goal is not None
    assert goal[0].tolist() == pytest.approx([3.141592653589793, 1.0]) and goal[1].tolist() == [0.0, 0.0], (
        "what is not asked for stays as it starts, and at rest"
    )
    _, task = configured("task=swing_up_double", "task.horizon=20", up)
    both = goal_state(task)
    assert both is not None and both[0].tolist() == pytest.approx([3.141592653589793, 1.0]), "what must hold goes before a loss"
    _, task = configured(
        "task=swing_up_double", "task.horizon=20", "loss.terminal.weight=0", up.replace("kind:", "hard: false, kind:")
    )
    assert goal_state(task) is None
