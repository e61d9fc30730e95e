"""The loop: how it ends, what it keeps, what it refuses."""

import gc
import json
import math
import traceback
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.methods import make_method
from genesis.parameters import Inputs
from genesis.problems.problem import Verdict
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.evaluate import TaskProblem
from genesis.runners.files import finite, write_json, write_npz
from genesis.runners.gradcheck import gradcheck
from genesis.runners.interrupt import Interrupt
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from genesis.runners.solution import load_parameters, parameter_arrays, trajectory_arrays
from genesis.runners.tensorboard import gradient_picture
from genesis.runners.together import TogetherProblem
from genesis.tasks.task import Judged
from tests.runners.valley import Valley
from tests.settings import numbers
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")


def learning(task: Valley, stop: Stop, kind: str = "sgd", lr: float = 0.1, **more) -> Loop:
    spec = {"kind": kind, "lr": lr} if kind != "lbfgs" else {"kind": kind}
    return optimization(task, make_method(spec, {"kind": "constant"}, stop.iterations, 0), stop, **more)


def test_converges_and_stops_at_once() -> None:
    """Gradient descent with rate 0.1 shortens the distance √10 by 0.8 each time: below 0.01 after 26 steps."""
    task = Valley()
    result = learning(task, Stop(iterations=100)).run()
    assert (result.status, result.iterations, result.best_iteration) == ("converged", 26, 26)
    assert result.metrics["distance"] == pytest.approx(math.sqrt(10) * 0.8**26, rel=1e-12)
    assert result.objective_first == pytest.approx(10.0) and result.objective_last == pytest.approx(10 * 0.64**26, rel=1e-12)
    assert result.evaluations == 27 and result.succeeded


def test_goes_on_after_convergence_if_asked() -> None:
    result = learning(Valley(), Stop(iterations=60, when_converged=False)).run()
    assert (result.status, result.iterations) == ("converged", 60)


def test_iterations_seconds_and_patience() -> None:
    result = learning(Valley(tolerance=1e-9), Stop(iterations=5)).run()
    assert (result.status, result.iterations, result.evaluations) == ("not_converged", 5, 6) and not result.succeeded
    assert "5 iterations" in result.reason
    result = learning(Valley(tolerance=1e-300), Stop(iterations=10**9, seconds=0.05)).run()
    assert result.status == "not_converged" and "0.05 seconds" in result.reason
    result = learning(Valley(tolerance=1e-300), Stop(iterations=10**9, patience=7, min_delta=1e-3), lr=0.1).run()
    assert "no better objective for 7 iterations" in result.reason


def test_without_tolerances_a_run_just_finishes() -> None:
    result = learning(Valley(tolerance=None), Stop(iterations=5)).run()
    assert result.status == "finished" and result.succeeded


def test_a_point_that_meets_the_tolerance_beats_a_lower_objective() -> None:
    """The tilt moves the minimum to (1, 1); on the way there from the good start the objective falls."""
    task = Valley(tolerance=0.5, tilt=4.0)
    with torch.no_grad():
        task.parameters["x"].leaf.copy_(numbers(3.0, 1.0))
    result = learning(task, Stop(iterations=30, when_converged=False)).run()
    assert result.status == "converged" and result.metrics["distance"] <= 0.5
    assert result.objective_last < result.objective_best
    assert float((task.parameters["x"].leaf.detach() - numbers(3.0, 1.0)).norm()) <= 0.5, "the best point is put back"


def test_a_step_into_divergence_is_shortened_and_the_run_goes_on(tmp_path) -> None:
    """The gradient (−6, −2) takes the first step of rate 0.3 to 1.8 behind the wall; a quarter of it ends at 0.45."""
    task = Valley(wall=1.0)
    run = learning(task, Stop(iterations=12), lr=0.3, record=Record(tmp_path, RecordOptions(tensorboard=False)))
    result = run.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert result.status == "not_converged" and result.iterations == 12 and len(lines) == 13
    assert lines[1]["failed_evaluations"] == 1 and "failed_evaluations" not in lines[0]
    assert lines[1]["objective"] == pytest.approx((3.0 - 0.45) ** 2 + (1.0 - 0.15) ** 2)
    assert result.divergences == {
        "failed_evaluations": sum(line.get("failed_evaluations", 0) for line in lines),
        "iterations": 0,
        "environments": {},
    }
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["divergences"]["failed_evaluations"] == result.divergences["failed_evaluations"] >= 1
    assert 0.9 < np.load(tmp_path / "solution.npz")["parameter/x"][0] <= 1.0


def test_a_shortened_step_grows_back() -> None:
    task = Valley(wall=1.0)
    run = learning(task, Stop(iterations=3), lr=0.3)
    run.run()
    assert 0.0 < run.method.factor < 1.0
    task.wall = math.inf
    more = learning(task, Stop(iterations=60), lr=0.3)
    more.method.load_state_dict(run.method.state_dict())
    assert more.method.factor == run.method.factor
    more.run()
    assert more.method.factor == 1.0


def test_resuming_a_shortened_run_is_bit_identical() -> None:
    whole = learning(Valley(wall=1.0), Stop(iterations=9), kind="adam", lr=0.4)
    whole.run()
    first = learning(Valley(wall=1.0), Stop(iterations=4), kind="adam", lr=0.4)
    first.run()
    state = first.state()
    second = learning(Valley(wall=1.0), Stop(iterations=9), kind="adam", lr=0.4)
    state["point"] = torch.from_numpy(first.problem.latest.point)
    second.load(state)
    result = second.run()
    assert np.array_equal(second.problem.latest.point, whole.problem.latest.point)
    assert result.divergences == whole.divergences.summary() and result.divergences["failed_evaluations"] >= 1


def test_a_run_that_diverges_for_good_says_so_after_saving(tmp_path) -> None:
    """Where every shorter step diverges too."""
    task = Valley(wall=1.0)
    run = learning(task, Stop(iterations=30), record=Record(tmp_path, RecordOptions(tensorboard=False)))
    judge, calls = task.judge, iter(range(100))
    task.judge = lambda: judge() if next(calls) < 2 else (_ for _ in ()).throw(task.behind)
    assert run.run().error is task.behind
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "diverged" and result["best_iteration"] == 1 and result["objective_best"] < 10.0
    assert np.load(tmp_path / "solution.npz")["parameter/x"] == pytest.approx([0.6, 0.2])


def test_too_many_contacts_at_every_shorter_step_end_a_run(tmp_path) -> None:
    error = ContactOverflowError(needed=5, room=4, env=0, step=2, dt=0.01)
    task = Valley(wall=1.0, behind=error)
    run = learning(task, Stop(iterations=30), record=Record(tmp_path, RecordOptions(tensorboard=False)))
    judge, calls = task.judge, iter(range(100))
    task.judge = lambda: judge() if next(calls) < 2 else (_ for _ in ()).throw(error)
    assert run.run().error is error
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "too_many_contacts" and "5 contacts at step 3" in result["reason"]
    assert result["best_iteration"] == 1 and (tmp_path / "solution.npz").exists()


def test_a_quasi_newton_run_that_can_go_no_lower_ends() -> None:
    result = learning(Valley(tolerance=-1.0), Stop(iterations=1000), kind="lbfgs").run()
    assert result.status == "not_converged" and result.reason == "the gradient vanishes"
    assert result.objective_best < 1e-25


def test_line_search_points_are_evaluated_once() -> None:
    task = Valley()
    problem = TaskProblem(task, remember=True)
    first = problem.evaluate()
    gradient = task.parameters["x"].leaf.grad.clone()
    with torch.no_grad():
        task.parameters["x"].leaf.add_(1.0)
    problem.evaluate()
    with torch.no_grad():
        task.parameters["x"].leaf.sub_(1.0)
    task.parameters["x"].leaf.grad = None
    assert problem.evaluate() == first and problem.evaluations == 2
    assert torch.equal(task.parameters["x"].leaf.grad, gradient)


@pytest.mark.parametrize("kind", ["sgd", "lbfgs", "levenberg_marquardt", "cmaes"])
def test_evaluations_are_counted_after_a_break_as_without_one(tmp_path, kind: str) -> None:
    def begun(**more) -> Loop:
        _, task = configured("task=throw", "task.horizon=8", "parameter.velocity.bounds=null")
        method = make_method({"kind": kind, **({"lr": 0.01} if kind == "sgd" else {})}, {"kind": "constant"}, 4, 0)
        return optimization(task, method, Stop(iterations=4, when_converged=False), **more)

    counted: list[list[int]] = [[], []]
    begun(observers=[lambda report: counted[0].append(report.counts["evaluations"])]).run()
    record = Record(tmp_path, RecordOptions(tensorboard=False))
    pause = Verdict("interrupted", "enough")
    begun(observers=[lambda report: pause if report.iteration == 1 else None], record=record).run()
    again = begun(observers=[lambda report: counted[1].append(report.counts["evaluations"])])
    again.load(load_checkpoint(tmp_path))
    again.run()
    assert len(counted[0]) > 1 and counted[1] == counted[0][1:]


def test_a_candidate_whom_nobody_answers_simulates_its_trajectory_alone() -> None:
    _, task = configured("task=throw", "task.horizon=8")

    def ask(question: str) -> None:
        raise KeyboardInterrupt

    problem = TogetherProblem(task, ask=ask, remember=False)
    alone = trajectory_arrays(task)
    arrays = problem.arrays()
    assert all(np.array_equal(arrays[name], alone[name]) for name in ("time", "qpos", "qvel", "controls"))
    assert "leaf/velocity/0" in arrays


def test_a_failure_that_is_kept_holds_nothing_of_its_evaluation() -> None:
    """Neither the graph of the evaluation nor the trajectory: they would lie beside those of the next one."""
    task, alive = Valley(), []

    class Graph:
        pass

    def fails() -> None:
        graph = Graph()
        alive.append(weakref.ref(graph))
        try:
            raise ValueError("deep inside")
        except ValueError as cause:
            raise DivergenceError("it diverged", trajectory=Graph()) from cause

    task.judge = fails
    problem = TaskProblem(task, remember=False)
    assert problem.evaluate() == math.inf and isinstance(problem.failure, DivergenceError)
    gc.collect()
    assert alive[0]() is None and problem.failure.trajectory is None
    assert "deep inside" in "".join(traceback.format_exception(problem.failure)), "the log still shows where"


def test_observers_see_every_iteration() -> None:
    seen = []
    learning(
        Valley(), Stop(iterations=3), observers=[lambda report: seen.append((report.iteration, report.evaluation.norms["x"]))]
    ).run()
    assert [n for n, _ in seen] == [0, 1, 2, 3]
    assert [g for _, g in seen] == pytest.approx([2 * math.sqrt(10) * 0.8**k for k in range(4)])


def test_interrupt_is_noticed_after_the_iteration() -> None:
    run = learning(Valley(tolerance=1e-300), Stop(iterations=100))
    run.observers = [lambda report: setattr(run.interrupt, "asked", report.iteration >= 4)]
    result = run.run()
    assert (result.status, result.iterations) == ("interrupted", 4)


def test_signals_are_handled_and_put_back() -> None:
    import os
    import signal

    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_objective_without_a_way_to_the_parameters() -> None:
    task = Valley()
    task.judge = lambda: Judged(torch.ones(()), {}, SimpleNamespace(x=numbers(0.0, 0.0)), None)
    with pytest.raises(InputError, match="no learned parameter reaches the objective"):
        learning(task, Stop()).run()


def test_a_gradient_that_is_not_finite_is_named() -> None:
    task = Valley()
    x = task.parameters["x"].leaf
    task.judge = lambda: Judged(torch.sqrt(x).sum(), {}, SimpleNamespace(x=numbers(0.0, 0.0)), Inputs(x, x, x))
    result = learning(task, Stop()).run()
    assert result.status == "diverged" and isinstance(result.error, DivergenceError) and result.objective_best is None
    assert "the gradient of parameter.x is not finite, but the objective is" in result.reason


def test_gradcheck_finds_a_wrong_gradient() -> None:
    report = gradcheck(Valley(), directions=4)
    assert len(report.directions) == 5 and report.ok and report.largest_error < 1e-9 and report.counts() == {"exact": 5}
    broken = Valley()
    x = broken.parameters["x"].leaf
    broken.judge = lambda: Judged((x * x.detach()).sum() + x.sum(), {}, SimpleNamespace(x=x.detach()), Inputs(x, x, x))
    with torch.no_grad():
        x.fill_(1.0)
    assert not gradcheck(broken).ok and gradcheck(broken).counts() == {"wrong": 4}


def test_json_has_no_infinities(tmp_path) -> None:
    write_json(tmp_path / "a.json", {"x": math.inf, "y": [math.nan, 1.5], "z": {"w": -0.0}})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": [None, 1.5], "z": {"w": 0.0}}
    assert finite((1, math.nan)) == [1, None]


def test_files_appear_whole_and_leave_nothing_behind(tmp_path) -> None:
    write_npz(tmp_path / "a.npz", {"x": np.arange(3)})
    write_npz(tmp_path / "a.npz", {"x": np.arange(4)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(TypeError):
        write_json(tmp_path / "b.json", {"x": object()})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_checkpoints_that_cannot_be_read(tmp_path) -> None:
    with pytest.raises(InputError, match="no checkpoint there"):
        load_checkpoint(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.pt").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="last.pt: cannot be read"):
        load_checkpoint(tmp_path)


def test_solutions_go_into_a_task_and_are_checked(tmp_path) -> None:
    from tests.tasks.configured import configured

    _, task = configured("task=throw")
    task.parameters["velocity"].set_value(numbers(1.0, 2.0, 3.0))
    write_npz(tmp_path / "solution.npz", parameter_arrays(task))
    _, other = configured("task=throw")
    assert load_parameters(other, tmp_path) == ["velocity"]
    assert other.parameters["velocity"].value().tolist() == [1.0, 2.0, 3.0]
    _, third = configured("task=throw", "parameter.velocity.part=all")
    with pytest.raises(InputError, match=r"parameter velocity has shape \(3,\), here \(6,\)"):
        load_parameters(third, tmp_path)
    _, foreign = configured("task=swing_up")
    with pytest.raises(InputError, match=r"holds none of this task's parameters \(controls\)"):
        load_parameters(foreign, tmp_path)
    with pytest.raises(InputError, match="no solution.npz there"):
        load_parameters(task, tmp_path / "nowhere")


def test_picture_of_gradients_is_brighter_where_they_are_larger() -> None:
    history = np.array([[1e-6, 1e-3, 1.0], [1e-3, 1e-3, 1e-3]])
    picture = gradient_picture(history, height=2, width=3).astype(int).sum(-1)
    assert (
        picture.shape == (2, 3)
        and picture[0, 0] < picture[0, 1] < picture[0, 2]
        and picture[1, 0] == picture[1, 2] == picture[0, 1]
    )
