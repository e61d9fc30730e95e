"""Restarts and the polish: where they begin, that the best of all is kept, and that a run goes on within them bit by bit."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.methods.method import Group, flatten, point
from genesis.problems.problem import Stage, Verdict
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.further import Further, start
from genesis.runners.loop import Loop, Stop
from genesis.runners.record import Record, RecordOptions
from genesis_cli.build import build_further, build_loop
from tests.runners.staged import Valleys, starts
from tests.tasks.configured import configured

QUIET, CONSTANT = RecordOptions(tensorboard=False), {"kind": "constant"}


def run_of(problem: Valleys, observers: list, **more) -> Loop:
    """Gradient descent from the problem's start and from two others, then Adam from the best."""
    sgd, adam = ({"kind": kind, "lr": 0.1} for kind in ("sgd", "adam"))
    further = [
        Further("restart 1 of 2", make_method(sgd, CONSTANT, 4, 0, 1), lambda: np.array([5.0])),
        Further("restart 2 of 2", make_method(sgd, CONSTANT, 4, 0, 2), lambda: np.array([-6.0])),
        Further("polish", make_method(adam, CONSTANT, 4, 0)),
    ]
    return Loop(problem, make_method(sgd, CONSTANT, 4, 0), Stop(iterations=4), further=further, observers=observers, **more)


def test_restarts_follow_the_problems_stages_and_the_polish_begins_at_the_best(tmp_path) -> None:
    reports: list = []
    result = run_of(Valleys([Stage("", np.array([-1.0]))]), [lambda r: reports.append(r)], record=Record(tmp_path, QUIET)).run()
    assert [r.stage for r in reports[::5]] == ["", "restart 1 of 2", "restart 2 of 2", "polish"]
    assert [float(r.evaluation.point[0]) for r in reports[::5]] == pytest.approx([-1.0, 5.0, -6.0, 2.0 + 3.0 * 0.8**4])
    assert reports[16].evaluation.point[0] == pytest.approx(2.0 + 3.0 * 0.8**4 - 0.1, rel=1e-6), "Adam's first step is its rate"
    assert result.best_iteration == 19 and result.objective_best == reports[19].evaluation.objective
    stored = json.loads((tmp_path / "result.json").read_text())["stages"]
    assert [(s["stage"], s["method"], s["iterations"]) for s in stored] == [
        ("", "sgd", 4), ("restart 1 of 2", "sgd", 4), ("restart 2 of 2", "sgd", 4), ("polish", "adam", 4),
    ]  # fmt: skip
    lowest = [min(r.evaluation.objective for r in reports[k : k + 5]) for k in range(0, 20, 5)]
    assert [s["objective"] for s in stored] == lowest
    assert {s["reason"] for s in stored} == {"the 4 iterations are used up"}


def test_further_descents_are_of_the_last_round() -> None:
    reports: list = []
    run_of(Valleys([*starts(5.0), Stage("round 2", None, 1)]), [lambda r: reports.append(r)]).run()
    assert [r.last_round for r in reports[::5]] == [False, True, True, True, True]


@pytest.mark.parametrize("break_at", [2, 7, 13, 15, 18])
def test_going_on_within_any_descent_is_bit_identical(tmp_path, break_at) -> None:
    def told(reports: list) -> list:
        return [(r.iteration, r.step, r.stage, r.evaluation.objective, r.told) for r in reports]

    whole: list = []
    expected = run_of(Valleys(starts(-1.0)), [lambda r: whole.append(r)]).run()
    first, second = [], []

    def breaks(report):
        first.append(report)
        return Verdict("interrupted", "enough") if report.iteration == break_at else None

    run_of(Valleys(starts(-1.0)), [breaks], record=Record(tmp_path, QUIET)).run()
    run = run_of(Valleys([]), [lambda r: second.append(r)])  # stages come from the checkpoint
    run.load(load_checkpoint(tmp_path))
    result = run.run()
    assert told(first[:-1] + second) == told(whole)
    assert (result.objective_best, result.best_iteration, result.stages) == (
        expected.objective_best, expected.best_iteration, expected.stages,
    )  # fmt: skip


def test_a_checkpoint_of_other_descents_is_refused(tmp_path) -> None:
    run_of(Valleys(starts(-1.0)), [], record=Record(tmp_path, QUIET)).run()
    alone = Loop(Valleys([]), make_method({"kind": "sgd", "lr": 0.1}, CONSTANT, 4, 0), Stop())
    with pytest.raises(
        InputError, match=r"another optimizer \(sgd, then adam\); resume needs the same optimizer, restarts and polish"
    ):
        alone.load(load_checkpoint(tmp_path))


def groups(*, low: float = -torch.inf, high: float = torch.inf, size: float | None = None) -> list[Group]:
    leaf = torch.zeros(2000, dtype=torch.float64)
    sides = (torch.full_like(leaf, low), torch.full_like(leaf, high))
    return [Group("x", [leaf], [sides], None, lambda: None, None if size is None else [torch.full_like(leaf, size)])]


@pytest.mark.parametrize(
    ("made", "expected"),
    [(groups(), 0.5), (groups(size=3.0), 1.5), (groups(low=-8.0, high=12.0), 5.0)],
    ids=["free", "size", "range"],
)
def test_starts_are_spread_where_nothing_is_drawn(made: list[Group], expected: float) -> None:
    here, draw = point(made), np.random.default_rng(0)
    assert np.std(start(None, made, here, draw, alone=False)) == pytest.approx(expected, rel=0.1)
    assert np.array_equal(start(None, made, here, draw, alone=True), here), "the method draws by itself"
    assert np.array_equal(start(None, made, here + 0.5, draw, alone=False), here + 0.5), "something is drawn already"
    assert np.std(start(0.1, made, here + 0.5, draw, alone=True)) == pytest.approx(expected / 5.0, rel=0.1)
    with pytest.raises(InputError, match=r"restarts\.spread: 0, .* set it above 0"):
        start(0.0, made, here, draw, alone=False)


def test_starts_keep_within_bounds() -> None:
    made = groups(low=-0.1, high=0.1)
    found = start(9.0, made, point(made), np.random.default_rng(0), alone=False)
    assert found.min() == -0.1 and found.max() == 0.1


def test_populations_double_and_seeds_differ() -> None:
    counts, drawn = [], []
    for restart in range(3):
        method = make_method({"kind": "cmaes"}, CONSTANT, 5, 7, restart)
        method.init(SimpleNamespace(groups=groups(low=-1.0, high=1.0)))
        counts.append(method.strategy.count)
        drawn.append(method.strategy.ask()[0])
    assert counts == [26, 52, 104]
    assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[1], drawn[2])


def test_noise_is_drawn_with_the_next_seeds() -> None:
    words = ("task=reach", "task.horizon=12", "parameter.controls.count=3", "parameter.controls.noise=0.1", "restarts.count=2")
    checked, task = configured(*words)
    first, second = (one.begin() for one in build_further(checked, task))
    for k, found in ((1, first), (2, second)):
        _, other = configured(*words, f"runtime.seed={k}")
        assert np.array_equal(found, flatten(other.parameters["controls"].leaves()))


def test_a_task_is_polished_by_another_method() -> None:
    checked, task = configured(
        "task=reach", "optimizer=cmaes", "polish=gauss_newton", "polish.damping=1e-3", "stop.iterations=12"
    )
    reports: list = []
    result = build_loop(checked, task, seconds={}, observers=[lambda r: reports.append(r)], signals=False).run()
    assert [s["method"] for s in result.stages] == ["cmaes", "levenberg_marquardt"]
    assert (
        result.objective_best < 0.1 * result.stages[0]["objective"]
        and reports[13].evaluation.objective == result.stages[0]["objective"]
    )


def test_what_a_polish_cannot_lower_is_said_before_anything_runs() -> None:
    checked, task = configured("task=walk", "optimizer=cmaes", "polish=ddp")
    with pytest.raises(InputError, match="ddp finds one control a step"):
        build_loop(checked, task, seconds={})
    checked, task = configured("task=reach", "optimizer=cmaes", "polish=gauss_newton", "+loss.work.kind=energy")
    with pytest.raises(InputError, match=r"loss\.work: it is no sum of squares"):
        build_loop(checked, task, seconds={})


def test_ddp_polishes_what_other_methods_have_found(tmp_path) -> None:
    words = (
        "task=swing_up",
        "task.horizon=40",
        "optimizer=cmaes",
        "polish=ddp",
        "stop.iterations=4",
        "stop.when_converged=false",
    )

    def loop(folder: str, *more: str, observers: tuple = ()) -> Loop:
        checked, task = configured(*words, *more)
        return build_loop(checked, task, seconds={}, observers=observers, record=Record(tmp_path / folder, QUIET), signals=False)

    reports: list = []
    whole = loop("whole", observers=(lambda r: reports.append(r.evaluation.objective),)).run()
    assert [s["method"] for s in whole.stages] == ["cmaes", "ddp"] and reports[5] == pytest.approx(min(reports[:5]), rel=1e-9)
    assert whole.objective_best < 0.9 * whole.stages[0]["objective"]
    with np.load(tmp_path / "whole" / "solution.npz") as stored:
        assert np.abs(stored["parameter/controls"]).max() <= 20.0
    stopped = loop("part", observers=(lambda r: Verdict("interrupted", "asked") if r.iteration == 7 else None,))
    stopped.run()
    going = loop("part")
    going.load(load_checkpoint(tmp_path / "part"))
    assert going.run().objective_best == whole.objective_best


@pytest.mark.parametrize("order", [("ddp", "lbfgs"), ("lbfgs", "ddp")])
def test_what_cannot_stand_beside_ddp_is_said_before_anything_runs(order) -> None:
    checked, task = configured("task=swing_up", "task.horizon=20", f"optimizer={order[0]}", f"polish={order[1]}")
    with pytest.raises(InputError, match="lbfgs knows no bounds; take lbfgsb beside it"):
        build_loop(checked, task, seconds={})
