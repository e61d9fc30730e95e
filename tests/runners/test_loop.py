"""Stages, what ends one of them and what ends a run, the best over starts and rounds, and going on within a stage."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.methods.method import Ending
from genesis.problems.problem import PRUNED, Stage, Verdict
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.loop import Loop, Stop
from genesis.runners.record import Record, RecordOptions
from tests.runners.staged import Valleys, starts

QUIET = RecordOptions(tensorboard=False)


def loop(problem: Valleys, stop: Stop, kind: str = "sgd", lr: float = 0.1, **more) -> Loop:
    return Loop(problem, make_method({"kind": kind, "lr": lr}, {"kind": "constant"}, stop.iterations, 0), stop, **more)


class Says:
    """Observer that notes what it is told."""

    def __init__(self, verdict: Verdict | None = None, at: int = -1) -> None:
        self.reports, self.verdict, self.at = [], verdict, at

    def __call__(self, report) -> Verdict | None:
        self.reports.append(report)
        return self.verdict if report.iteration == self.at else None


def test_every_start_gets_all_iterations_and_the_best_of_all_is_kept(tmp_path) -> None:
    problem, seen = Valleys(starts(-1.0, 5.0, -6.0)), Says()
    result = loop(problem, Stop(iterations=4), observers=[seen], record=Record(tmp_path, QUIET)).run()
    assert [(r.iteration, r.step) for r in seen.reports] == [(5 * k + s, s) for k in range(3) for s in range(5)]
    assert [r.stage for r in seen.reports[::5]] == problem.entered == ["start 1 of 3", "start 2 of 3", "start 3 of 3"]
    assert result.objective_best == pytest.approx(1.0 + (3.0 * 0.8**4) ** 2, rel=1e-12) and result.best_iteration == 9
    assert result.iterations == 14 and result.reason == "the 4 iterations are used up" and result.objective_first == 6.0
    assert float(problem.x.detach()) == pytest.approx(2.0 + 3.0 * 0.8**4), "the best point is put back"
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == list(range(15)) and lines[6]["stage"] == "start 2 of 3"
    assert [line["simulations"] for line in lines] == list(range(1, 16))
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["simulations"] == 15 and stored["found"] == problem.found and (tmp_path / "found.txt").exists()
    assert float(np.load(tmp_path / "solution.npz")["x"]) == problem.found


def test_the_method_begins_anew_and_patience_too() -> None:
    """Adam's first step is as long as its rate; the valley's floor is reached in each stage, after which nothing gets better."""
    problem, seen = Valleys(starts(2.5, 2.5)), Says()
    run = loop(problem, Stop(iterations=400, patience=30, min_delta=1e-3), "adam", observers=[seen])
    result = run.run()
    places = [float(r.evaluation.point[0]) for r in seen.reports]
    second = next(k for k, r in enumerate(seen.reports) if r.step == 0 and k)
    assert places[:second] == places[second:] and places[0] - places[1] == pytest.approx(0.1, rel=1e-6)
    assert second < 400 and result.reason == "no better objective for 30 iterations"


def test_rounds_begin_at_the_best_and_compare_among_themselves() -> None:
    plan = [*starts(5.0, -4.0), Stage("round 2", None, 1)]
    problem, seen = Valleys(plan), Says()
    result = loop(problem, Stop(iterations=3), observers=[seen]).run()
    first_round = [r for r in seen.reports if r.iteration < 8]
    best = min(first_round, key=lambda r: r.evaluation.objective)
    assert seen.reports[8].evaluation.point == pytest.approx(best.evaluation.point) and seen.reports[8].stage == "round 2"
    assert seen.reports[8].evaluation.objective > best.evaluation.objective, "twice the weight"
    assert result.best_iteration == 11 and result.objective_best == seen.reports[11].evaluation.objective


class Closed(Valleys):
    """From the second round on nothing can be simulated, or the user stops for good (`ends`)."""

    ends: type[BaseException] | None = None

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        super().enter(stage, goes_on=goes_on)
        self.wall = 0.0 if stage.round else 8.0
        if stage.round and self.ends is not None:
            raise self.ends

    def conclude(self, best, asked) -> None:
        super().conclude(best, asked)
        self.weight_at_the_end = self.weight


@pytest.mark.parametrize("ends", [None, KeyboardInterrupt])
def test_a_round_that_finds_nothing_leaves_the_point_and_its_value(tmp_path, ends) -> None:
    """And what is said of the point is said under the weight that its value is of."""
    problem = Closed([*starts(5.0), Stage("round 2", None, 1)])
    problem.ends = ends
    result = loop(problem, Stop(iterations=3), record=Record(tmp_path, QUIET)).run()
    assert result.objective_best == pytest.approx(1.0 + (3.0 * 0.8**3) ** 2, rel=1e-12) and result.best_iteration == 3
    assert result.status == ("not_converged" if ends is None else "interrupted")
    assert problem.weight_at_the_end == 1.0
    assert json.loads((tmp_path / "result.json").read_text())["objective_best"] == result.objective_best


def test_observers_know_the_last_round() -> None:
    seen = Says()
    loop(Valleys([*starts(5.0, 4.0), Stage("round 2", None, 1)]), Stop(iterations=1), observers=[seen]).run()
    assert [r.last_round for r in seen.reports] == [False] * 4 + [True] * 2


class Ends:
    """A method that stands where it is and ends as it is told: (look, step) of each stage."""

    kind, needs, revisits, masks = "ends", "gradient", False, False

    def __init__(self, *endings: tuple[Ending | None, Ending | None]) -> None:
        self.endings, self.stage = endings, -2  # the loop initialises once before the first stage

    def init(self, objective) -> None:
        self.objective, self.stage = objective, self.stage + 1

    def look(self) -> Ending | None:
        if not self.objective.evaluate() < float("inf"):
            return Ending(False, str(self.objective.failure), self.objective.failure)
        return self.endings[self.stage][0]

    def step(self) -> Ending | None:
        return self.endings[self.stage][1]

    def told(self) -> dict[str, float]:
        return {"sigma": 0.5}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict:
        return {"stage": self.stage}

    def load_state_dict(self, state: dict) -> None:
        self.stage = state["stage"]


def test_the_ending_that_counts_is_that_of_the_best_start() -> None:
    done, lost = Ending(True, "the gradient vanishes"), Ending(False, "lost")
    for endings, places, status, reason in (
        (((done, None), (lost, None)), (3.0, 4.0), "converged", "the gradient vanishes"),
        (((done, None), (lost, None)), (4.0, 3.0), "not_converged", "lost"),
        (((None, done), (None, lost)), (3.0, 4.0), "converged", "the gradient vanishes"),
    ):
        seen = Says()
        result = Loop(Valleys(starts(*places)), Ends(*endings), Stop(), observers=[seen]).run()
        assert (result.status, result.reason, len(seen.reports)) == (status, reason, 2)
        assert [r.iteration for r in seen.reports] == [0, 1] and seen.reports[0].told == {"sigma": 0.5}


def test_a_start_that_cannot_be_simulated_loses_only_itself() -> None:
    done = (Ending(True, "the gradient vanishes"), None)
    result = Loop(Valleys(starts(-9.0, 3.0), wall=8.0), Ends(done, done), Stop()).run()
    assert (result.status, result.best_iteration, result.divergences["failed_evaluations"]) == ("converged", 0, 1)
    result = Loop(Valleys(starts(3.0, -9.0), wall=8.0), Ends(done, done), Stop()).run()
    assert (result.status, result.objective_best, result.error) == ("converged", 2.0, None)
    assert result.divergences["failed_evaluations"] == 1, "also what failed after the last report"
    result = Loop(Valleys(starts(-9.0, 9.0), wall=8.0), Ends(done, done), Stop()).run()
    assert result.status == "not_converged" and str(result.error) == "beyond the wall at 9" and result.objective_best is None


def test_what_ends_the_whole_run_leaves_further_starts_out() -> None:
    problem = Valleys(starts(-1.0, 5.0), {"distance": 0.5})
    result = loop(problem, Stop(iterations=50)).run()
    assert result.status == "converged" and problem.entered == ["start 1 of 2"] and result.reason == "every tolerance is met"
    problem = Valleys(starts(-1.0, 5.0))
    result = loop(problem, Stop(iterations=50), observers=[Says(Verdict(PRUNED, "worse"), at=3)]).run()
    assert (result.status, result.reason, result.iterations) == ("pruned", "worse", 3) and problem.entered == ["start 1 of 2"]
    problem = Valleys(starts(-1.0, 5.0))
    result = loop(problem, Stop(iterations=10**9, seconds=1e-9)).run()
    assert result.reason == "the 1e-09 seconds are used up" and result.iterations == 0 and problem.entered == ["start 1 of 2"]


def test_mini_batches_are_told_and_compared_with_nothing() -> None:
    problem, seen = Valleys(starts(5.0)), Says()
    problem.exact_at, problem.settles = (lambda count: count % 4 == 0), False
    result = loop(problem, Stop(iterations=9), observers=[seen]).run()
    assert [r.best is None for r in seen.reports[:4]] == [True, True, True, False] and len(seen.reports) == 10
    assert (result.best_iteration, result.objective_first) == (7, seen.reports[3].evaluation.objective)
    problem.exact_at = lambda count: False
    assert loop(problem, Stop(iterations=9, patience=1)).run().objective_best is None


@pytest.mark.parametrize(
    ("stop", "end"), [(Stop(iterations=9), 9), (Stop(iterations=99, seconds=1e-9), 0)], ids=["iterations", "seconds"]
)
def test_the_last_point_of_a_stage_is_judged_whole(stop, end) -> None:
    """Where it ends for what is known beforehand; what is reported is then what was judged."""
    problem, seen = Valleys(starts(5.0)), Says()
    problem.exact_at = lambda count: False
    result = loop(problem, stop, observers=[seen]).run()
    last = seen.reports[-1].evaluation
    assert [r.evaluation.exact for r in seen.reports] == [False] * end + [True] and result.best_iteration == end
    assert result.objective_best == result.objective_last == last.objective and problem.found == last.point[0]


def test_what_an_interrupt_has_judged_leaves_no_trace_in_the_run_that_goes_on(tmp_path) -> None:
    """Adam with too long steps, past the valley's floor: the last point is worse than the one that the interrupt had judged."""
    run = loop(Valleys(starts(2.5)), Stop(iterations=5), "adam", 0.25, record=Record(tmp_path, QUIET))
    run.problem.exact_at = lambda count: False
    real = run.method.step

    def step():
        run.interrupt.asked = run.iteration == 2
        return real()

    run.method.step = step
    result = run.run()
    assert (result.status, result.best_iteration) == ("interrupted", 2)
    again = loop(Valleys([]), Stop(iterations=5), "adam", 0.25)
    again.problem.exact_at = lambda count: False
    again.load(load_checkpoint(tmp_path))
    assert again.best is None
    final = again.run()
    assert final.best_iteration == 5 and final.objective_first == final.objective_best > result.objective_best


@pytest.mark.parametrize("break_at", [2, 5, 9, 13])
def test_going_on_within_any_stage_is_bit_identical(tmp_path, break_at) -> None:
    plan = [*starts(5.0, -3.05), Stage("round 2", None, 1)]
    stop = Stop(iterations=6, patience=3, min_delta=0.1)
    whole = Says()
    expected = loop(Valleys(plan), stop, "adam", observers=[whole]).run()
    assert [r.step for r in whole.reports] == [*range(7), *range(4), *range(4)], "patience ends the second start"
    first, second = Says(Verdict("interrupted", "enough"), at=break_at), Says()
    loop(Valleys(plan), stop, "adam", observers=[first], record=Record(tmp_path, QUIET)).run()
    problem = Valleys([])  # stages come from the checkpoint
    run = loop(problem, stop, "adam", observers=[second], record=Record(tmp_path, QUIET))
    run.load(load_checkpoint(tmp_path))
    result = run.run()
    both = [*first.reports[:-1], *second.reports]
    assert [(r.iteration, r.step, r.stage, r.evaluation.objective) for r in both] == [
        (r.iteration, r.step, r.stage, r.evaluation.objective) for r in whole.reports
    ]
    for name in ("status", "reason", "iterations", "objective_first", "objective_best", "objective_last", "best_iteration"):
        assert getattr(result, name) == getattr(expected, name), name
    lines = [json.loads(line)["iteration"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [r.iteration for r in whole.reports]


def test_a_checkpoint_of_something_else_is_refused(tmp_path) -> None:
    loop(Valleys(starts(1.0)), Stop(iterations=2), record=Record(tmp_path, QUIET)).run()
    state = load_checkpoint(tmp_path)
    other = Valleys(starts(1.0))
    other.name = "y"
    with pytest.raises(InputError, match=r"its names are \['x'\], those of this config \['y'\]; resume needs the same"):
        loop(other, Stop()).load(state)
    for kind in ("adam", "adamw", "cmaes"):
        with pytest.raises(InputError, match=r"made by another optimizer \(sgd\); resume needs the same optimizer"):
            method = make_method({"kind": kind}, {"kind": "constant"}, 2, 0)
            Loop(Valleys([]), method, Stop()).load(state)
    with pytest.raises(InputError, match="made by another optimizer"):
        loop(Valleys([]), Stop()).load({**state, "method": {"stage": 1}})
    with pytest.raises(InputError, match="written by an earlier version, .* start anew with --rerun"):
        loop(Valleys([]), Stop()).load({name: value for name, value in state.items() if name != "format"})


class Nudges(Ends):
    """Begins elsewhere, as a method that wants to be strictly within bounds."""

    def init(self, objective) -> None:
        super().init(objective)
        with torch.no_grad():
            objective.x.add_(0.25)


def test_going_on_begins_at_the_very_point_that_was_stored(tmp_path) -> None:
    enough = Says(Verdict("interrupted", "enough"), at=0)
    Loop(Valleys(starts(1.0)), Nudges((None, None)), Stop(), observers=[enough], record=Record(tmp_path, QUIET)).run()
    problem = Valleys([])
    run = Loop(problem, Nudges((None, None)), Stop())
    run.load(load_checkpoint(tmp_path))
    assert enough.reports[0].evaluation.point.tolist() == problem.x.tolist() == [1.25]


def test_one_more_ctrl_c_at_the_end_loses_nothing_that_was_found(tmp_path) -> None:
    problem = Valleys(starts(1.0))

    def conclude(best, asked) -> None:
        raise KeyboardInterrupt

    problem.conclude = conclude
    enough = Says(Verdict("interrupted", "enough"), at=1)
    with pytest.raises(KeyboardInterrupt):
        loop(problem, Stop(), observers=[enough], record=Record(tmp_path, QUIET)).run()
    with np.load(tmp_path / "solution.npz") as stored:
        assert stored["x"].tolist() == [1.2]
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["status"], result["best_iteration"], result["simulations"]) == ("interrupted", 1, 2)


def test_an_observer_that_returns_something_else_is_told_what_to_return() -> None:
    with pytest.raises(TypeError, match="an observer returned True; return None to go on, or a genesis.problems.problem.Verdict"):
        loop(Valleys(starts(1.0)), Stop(iterations=5), observers=[lambda report: True]).run()


def test_files_are_closed_whatever_happens(tmp_path) -> None:
    record, ended = Record(tmp_path, QUIET), []
    run = loop(Valleys(starts(1.0)), Stop(iterations=5), record=record, observers=[lambda report: 1 / 0])
    record.end = ended.append
    with pytest.raises(ZeroDivisionError):
        run.run()
    assert ended == [0]


def test_what_a_method_refuses_is_known_before_anything_is_written() -> None:
    problem = Valleys([])
    problem.groups = [SimpleNamespace(leaves=[problem.x], name="x", lr=None, bounds=[(problem.x, problem.x)])]
    with pytest.raises(InputError, match="parameter.x.transform: clamp stops the line search of lbfgs"):
        Loop(problem, make_method({"kind": "lbfgs"}, {"kind": "constant"}, 5, 0), Stop())
