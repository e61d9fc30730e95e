"""Runs that learn a policy: they learn, go on bit by bit, keep what tests find best, and say what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.runners.checkpoint import go_on
from genesis.runners.loop import Loop, Stop
from genesis.runners.record import Record, RecordOptions
from tests.episodes.trained import training

pytestmark = pytest.mark.usefixtures("engine")
CART = (
    "task=cartpole_policy",
    "task.horizon=40",
    "task.envs=16",
    "task.spread_qpos=[0.1, 0.1]",
    "task.spread_qvel=0.0",
    "optimizer.steps=10",
)


def loop(*words: str, folder: Path | None = None, iterations: int = 8, every: int = 50) -> Loop:
    method, problem = training(*CART, *words)
    record = None if folder is None else Record(folder, RecordOptions(tensorboard=False))
    return Loop(problem, method, Stop(iterations), record=record, checkpoint_every=every, signals=False)


def test_a_pole_that_stands_learns_to_stay() -> None:
    made = loop(
        "task.test_every=10", "task.spread_qpos=[0.1, 0.4]", "optimizer.lr=2e-2", "task.most.upright_end=0", iterations=50
    )
    result = made.run()
    assert result.status == "not_converged" and result.objective_first is not None and result.objective_best is not None
    assert result.objective_best < 0.2 * result.objective_first, result
    assert result.counts["steps"] == 51 * 16 * 10 and result.counts["evaluations"] == 51


@pytest.mark.parametrize(
    ("task", "windows", "gain"), [("run_hopper", 10, 30.0), ("run_half_cheetah", 10, 10.0), ("run_ant", 8, 5.0)]
)
def test_a_few_windows_raise_the_return_of_every_shipped_policy(task: str, windows: int, gain: float) -> None:
    """Whole runs, and what they come to, are in the gallery."""
    method, problem = training(
        f"task={task}", "task.policy.hidden=[32]", "task.envs=32", "task.test_envs=16", "task.horizon=120", "task.test_every=1000"
    )
    result = Loop(problem, method, Stop(windows), signals=False).run()
    assert result.objective_first is not None and result.objective_best is not None
    assert result.objective_first - result.objective_best > gain, result


def test_the_best_test_is_what_is_left_in_the_policy() -> None:
    """Also the statistics of observations that belong to it."""
    made = loop("task.test_every=3", iterations=12)
    result = made.run()
    again = made.problem.test()
    assert -float(again.returns.mean()) == result.objective_best == -result.metrics["return"]


def test_a_run_goes_on_bit_by_bit(tmp_path: Path) -> None:
    whole = loop(folder=tmp_path / "whole", iterations=9)
    whole.run()
    loop(folder=tmp_path / "broken", iterations=4, every=2).run()
    again = loop(folder=tmp_path / "broken", iterations=9)
    go_on(again, tmp_path / "broken")
    again.run()
    one, other = (np.load(tmp_path / name / "solution.npz") for name in ("whole", "broken"))
    assert set(one.files) == set(other.files)
    for name in one.files:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    found = []
    for seed in (0, 0, 1):
        made = loop(f"runtime.seed={seed}", iterations=2)
        made.run()
        found.append(made.problem.task.actor.value())
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_tests_are_whole_episodes_without_noise_from_the_same_starts() -> None:
    _, problem = training(*CART, "task.test_envs=5")
    a, b = problem.test(), problem.test()
    assert torch.equal(a.qpos, b.qpos) and a.qpos.shape[:2] == (41, 5) and a.lengths.tolist() == [40] * 5
    before = problem.state.generator.get_state()
    problem.test()
    assert torch.equal(before, problem.state.generator.get_state())


def test_a_test_counts_until_an_episode_ends() -> None:
    _, problem = training(*CART, "+task.ends.side={kind: joint_range, joints: [hinge], high: 0.3, low: -0.3}")
    found = problem.test()
    assert bool(found.ended.any())
    terms = problem.episodes
    for k in range(found.qpos.shape[1]):
        outside = (found.qpos[1:, k, 1].abs() > 0.3).nonzero().flatten()
        length = int(outside[0]) + 1 if len(outside) else 40
        assert int(found.lengths[k]) == length and bool(found.ended[k]) is bool(len(outside))
        q, v, a = found.qpos[1 : length + 1, k], found.qvel[1 : length + 1, k], found.actions[:length, k]
        wanted = (
            2.0 * terms.weights["upright"] * (1.0 - q[:, 1].cos())
            + terms.weights["middle"] * q[:, 0] ** 2
            + terms.weights["calm"] * (v**2).sum(1)
            + terms.weights["effort"] * (a**2).sum(1)
        )
        assert float(found.returns[k]) == pytest.approx(float(wanted.sum()), rel=1e-9)


def test_goals_are_asked_of_every_episode() -> None:
    _, problem = training(
        *CART, "+task.least={upright: 0.5, return: -1}", "task.most.upright_end=0.1", "+task.most.middle=3.0", "task.test_envs=6"
    )
    problem.window(None, 2, 0.9, None)
    assert problem.latest is not None and not problem.latest.good
    metrics, found = problem.latest.metrics, problem.test()
    upright = 2.0 * (1.0 - found.qpos[1:, :, 1].cos())
    assert metrics["upright"] == pytest.approx(float(upright.mean()))
    assert metrics["upright_short"] == pytest.approx(max(0.0, 0.5 - float(upright.mean(0).min())))
    assert metrics["return_short"] == pytest.approx(max(0.0, -1.0 - metrics["return"]))
    assert metrics["upright_end_largest"] == pytest.approx(float(upright[-4:].mean(0).max()))
    assert metrics["middle_largest"] == pytest.approx(float((found.qpos[1:, :, 0] ** 2).mean(0).max()))
    assert problem.tolerances == {
        "upright_short": 0.0, "return_short": 0.0, "upright_end_largest": 0.1, "middle_largest": 3.0, "middle_end_largest": 0.04,
    }  # fmt: skip


def test_what_meets_every_goal_must_do_so_from_other_starts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _, problem = training(*CART, "task.most={upright_end: 1e9, middle_end: 1e9}", "+task.most.middle=0.01")
    answers = iter([0.001, 0.02, 0.001, 0.002])
    plain = problem.judged
    monkeypatch.setattr(problem, "judged", lambda found: {**plain(found), "middle_largest": next(answers)})
    seeds = []
    test = problem.test
    monkeypatch.setattr(problem, "test", lambda **more: seeds.append(more.get("seed")) or test(**more))
    for good, largest in ((False, 0.02), (True, 0.002)):
        problem.window(None, 2, 0.9, None)
        if not problem.exact:
            problem.settle()
        assert problem.latest is not None
        assert problem.latest.good is good and problem.latest.metrics["middle_largest"] == largest
    assert len(seeds) == 4 and seeds[0] == seeds[2] and seeds[1] == seeds[3] and seeds[0] != seeds[1]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("+task.least={speed: 1}", 'unknown metric "speed"'),
        ("task.action.scale=0", "task.action.scale: 0 is not allowed"),
        ("task.action.joints=[wheel]", "task.action.joints"),
        ("task.observe.cart.joints=[wheel]", 'unknown joint "wheel"'),
        ("+task.observe.wish={kind: target, target: wish}", 'unknown target "wish"'),
        ("+task.randomise.x={kind: number, quantity: weight, factor: [1, 1]}", 'unknown quantity "weight"'),
        ("+task.randomise.x={kind: number, quantity: mass, factor: [2, 1]}", "from <= to"),
        ("+task.ends.low={kind: height}", "give least or most"),
    ],
)
def test_wrong_words_are_named(word: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        training(*CART, word)


def test_methods_that_cannot_learn_policies_say_so_and_shac_says_what_it_needs() -> None:
    from genesis.runners.evaluate import TaskProblem
    from tests.tasks.configured import configured

    _, problem = training(*CART)
    for kind in ("levenberg_marquardt", "ddp"):
        with pytest.raises(InputError, match="optimizer=shac"):
            made = make_method({"kind": kind}, {"kind": "constant"}, 10, 0)
            made.init(problem)
            made.look()
    _, task = configured("task=throw")
    with pytest.raises(InputError, match="learns policies in episodes"):
        make_method({"kind": "shac"}, {"kind": "constant"}, 10, 0).init(TaskProblem(task, remember=False, masks=False))
