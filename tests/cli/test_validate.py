"""The check of a composed config."""

from dataclasses import dataclass
from typing import Any

import pytest
from omegaconf import OmegaConf

from genesis_cli.compose import compose_config
from genesis_cli.errors import CommandError
from genesis_cli.schema.keys import key
from genesis_cli.validate import _node, check, expect_room


def test_numbers_become_what_the_schema_says() -> None:
    checked = check(compose_config("optimize", ["task.target_pos=[1,2,3]", "scene.dt=1"]))
    assert checked.task.target_pos == [1.0, 2.0, 3.0] and isinstance(checked.scene.dt, float)


def test_required_values_are_asked_for() -> None:
    cfg = compose_config("optimize", [])
    cfg.task = OmegaConf.create({"kind": "throw"})
    cfg.loss.final_position.target = [0, 0, 0]
    cfg.loss.final_orientation.target = [1, 0, 0, 0]
    with pytest.raises(CommandError, match=r"task.target_pos: must be given: point to hit \[m\]\."):
        check(cfg)


def test_terms_switched_off_are_left_out() -> None:
    checked = check(compose_config("optimize", ["loss.effort=null"]))
    assert "effort" not in checked.loss and "final_position" in checked.loss


def test_a_target_of_null_leaves_its_loss_out() -> None:
    checked = check(compose_config("optimize", ["task.target_quat=null"]))
    assert checked.task.target_quat is None and set(checked.loss) == {
        "final_position",
        "final_velocity",
        "effort",
        "joint_limits",
    }
    for kind in ("position", "orientation", "joint_tracking", "velocity"):
        assert "x" not in check(compose_config("optimize", [f"+loss.x={{kind: {kind}, target: null}}"])).loss, kind


def checked_here(cfg):
    """As where the config runs; `check` alone does not ask for memory."""
    made = check(cfg)
    expect_room(made)
    return made


def test_memory_is_asked_for_before_the_engine_starts(monkeypatch) -> None:
    monkeypatch.setattr("genesis_cli.validate.free_memory", lambda device: 5.6e6)
    assert checked_here(compose_config("optimize", ["task.horizon=100000"])).task.horizon == 100_000, (
        "7 numbers a step, of 8 bytes"
    )
    with pytest.raises(
        CommandError,
        match=r"task.horizon: 100001 time steps need 5.3 MiB of memory or more, .* of 0.01 s, so that these are 1000.01 s",
    ):
        checked_here(compose_config("optimize", ["task.horizon=100001", "scene.dt=0.01"]))
    with pytest.raises(CommandError, match="task.envs: 100 time steps of 1001 environments need .*; take fewer environments"):
        checked_here(compose_config("optimize", ["task.envs=1001"]))
    assert checked_here(compose_config("optimize", ["task.envs=1001", "runtime.precision=32"])).task.envs == 1001
    with pytest.raises(CommandError, match="task.envs"):
        checked_here(compose_config("optimize", ["task.envs=701", "scene.substeps=2"]))
    checked_here(compose_config("sysid", []))


def test_entities_of_the_scene_are_robots_too() -> None:
    checked = check(compose_config("optimize", ["+scene.entities.ball={kind: sphere, radius: 0.2, pos: [1, 0, 0]}"]))
    ball = checked.scene.entities["ball"]
    assert (ball.name, ball.radius, ball.pos) == ("ball", 0.2, [1.0, 0.0, 0.0])
    with pytest.raises(CommandError, match='scene.entities.ball: unknown key "radios"; known: radius'):
        check(compose_config("optimize", ["+scene.entities.ball={kind: sphere, radios: 0.2}"]))


@dataclass
class Toy:
    """Every limit that a key can have."""

    low: float = key(1.0, "at least 0", low=0.0)
    above: float | None = key(1.0, "more than 0", above=0.0)
    high: float = key(1.0, "from 0 to 2", low=0.0, high=2.0)
    free: float = key(0.0, "any number")
    count: int = key(1, "any whole number")
    some: list[float] = key([], "numbers to 2", high=2.0)
    any: Any = key(None, "whatever")
    pair: list[float] = key([0.0, 0.0], "two numbers", length=2)
    word: str | None = key("a", "a or b", choices=("a", "b"))


@pytest.mark.parametrize(
    "node", [
        {"low": 0}, {"above": 1e-9}, {"above": None}, {"pair": [1, 2]}, {"word": "b"}, {"word": None},
        {"high": 2}, {"free": -1e30}, {"count": 10**9}, {"some": [2, -5]}, {"any": [[-float("inf"), float("inf")]]}, {"any": {"a": True}},
    ],
)  # fmt: skip
def test_values_at_their_limits(node: dict) -> None:
    made = _node("toy", node, Toy)
    assert {name: getattr(made, name) for name in node} == node


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"low": -1e-9}, r"toy.low: -1e-09 is too small; at least 0\."),
        ({"low": float("nan")}, r"toy.low: nan is too small"),
        ({"above": 0}, r"toy.above: 0.0 is too small; more than 0\."),
        ({"pair": [1]}, "toy.pair: has 1 entries, needs 2: two numbers"),
        ({"pair": [1, 2, 3]}, "toy.pair: has 3 entries, needs 2: two numbers"),
        ({"word": "c"}, 'toy.word: "c" is not allowed; known: a, b'),
        ({"high": 2.1}, r"toy.high: 2.1 is too large; at least 0 and at most 2\."),
        ({"high": float("inf")}, r"toy.high: inf is too large; at least 0 and at most 2\."),
        ({"free": float("nan")}, r"toy.free: nan is no number; at most 1e\+30\."),
        ({"free": -1.1e30}, r"toy.free: -1.1e\+30 is too small; at least -1e\+30\."),
        ({"free": float("-inf")}, r"toy.free: -inf is too small; at least -1e\+30\."),
        ({"count": 10**9 + 1}, r"toy.count: 1000000001 is too large; at most 1000000000\."),
        ({"some": [1, 3]}, r"toy.some: entry \(1,\) is 3, too large; at most 2\."),
        ({"some": [float("inf")]}, r"toy.some: entry \(0,\) is inf, too large; at most 2\."),
        ({"any": {"a": [float("nan")]}}, r"toy.any\[a\]: entry \(0,\) is nan, no number; at most 1e\+30\."),
        ({"any": {"a": 1e31}}, r"toy.any: entry a is 1e\+31, too large; at most 1e\+30\."),
        ({"low": None}, r"toy.low: must not be null\."),
        ({"loww": 1}, 'toy: unknown key "loww"; known: low'),
        (3, "toy: must be a mapping of keys to values, found 3"),
    ],
)
def test_values_beyond_their_limits(node: object, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        _node("toy", node, Toy)


def test_nodes_that_were_checked_before_are_taken_from_there_unless_they_differ() -> None:
    earlier: dict = {}
    first = check(compose_config("optimize", ["task.horizon=5"]), earlier)
    again = check(compose_config("optimize", ["task.horizon=5", "optimizer.damping=0.5"]), earlier)
    assert again.task == first.task and again.task is not first.task, "each its own, to change"
    assert again.optimizer.damping == 0.5 != first.optimizer.damping
    assert check(compose_config("optimize", ["task.horizon=6"]), earlier).task.horizon == 6
    first.task.horizon = 99
    assert check(compose_config("optimize", ["task.horizon=6"]), earlier).task.horizon == 6


def test_what_a_command_needs() -> None:
    learns, identifies = compose_config("optimize", []), compose_config("sysid", [])
    assert "observation" not in check(learns).plain and check(identifies).task is None
    for config in (learns, identifies):
        OmegaConf.set_struct(config, False)
    del learns["scheduler"]
    with pytest.raises(CommandError, match="scheduler: must be a mapping"):
        check(learns)
    del identifies["scene"]
    with pytest.raises(CommandError, match="scene: must be a mapping"):
        check(identifies)


def test_channels_switched_off_are_left_out() -> None:
    observation = check(compose_config("sysid", ["observation.channels.angle=null"])).plain["observation"]
    assert observation.channels == {} and list(observation.inputs) == ["torque"]
