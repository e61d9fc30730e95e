"""Studies: what they ask for, what they are told, how they go on."""

import pytest

from tests.cli.sweeps import fake
from tests.cli.sweeps.conftest import result, rows, statuses

optuna = pytest.importorskip("optuna", reason="optuna is not installed")
WORDS = ("sweep=optuna", "optimizer.lr=tag(log,interval(0.01,10))")


def study_of(sweep):
    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{sweep / 'study.db'}")


def test_a_study_goes_on_where_it_was(swept) -> None:
    code, sweep, _ = swept(*WORDS, "hydra.sweeper.trials=4")
    assert code == 0 and len(rows(sweep)) == 4
    first = study_of(sweep)
    assert [trial.value for trial in first.trials] == [result(sweep, n)["objective_best"] for n in range(4)]
    assert first.best_trial.number == int(min(rows(sweep), key=lambda row: float(row["objective"]))["job"])
    # Killed in the middle: the trial is open and its job has no result; four more are wanted.
    open_one = first.ask({"optimizer.lr": optuna.distributions.FloatDistribution(0.01, 10, log=True)})
    swept("--resume", str(sweep), *WORDS, "hydra.sweeper.trials=7", "hydra.sweeper.parallel=2")
    trials = study_of(sweep).trials
    assert len(trials) == 7 and all(trial.state.name == "COMPLETE" for trial in trials)
    assert trials[4].value == open_one.params["optimizer.lr"] == result(sweep, 4)["objective_best"]
    assert [trial.value for trial in trials[:4]] == [trial.value for trial in first.trials[:4]]


def test_failed_and_endless_objectives_are_told_as_failed(swept) -> None:
    code, sweep, _ = swept(
        "sweep=optuna", f"optimizer.lr=choice(1,2,{fake.RAISE},{fake.GIANT})", "hydra.sweeper.trials=16",
        "hydra.sweeper.sampler=random",
    )  # fmt: skip
    states = {row["optimizer.lr"]: study_of(sweep).trials[int(row["job"])].state.name for row in rows(sweep)}
    assert states == {"1": "COMPLETE", "2": "COMPLETE", str(fake.RAISE): "FAIL", str(fake.GIANT): "FAIL"} and code == 1


def test_jobs_that_do_badly_are_pruned(swept) -> None:
    code, sweep, printed = swept(
        "sweep=optuna", "optimizer.lr=range(1,9)", "hydra.sweeper.trials=8", "hydra.sweeper.pruner=median",
        "hydra.sweeper.pruner_options={n_startup_trials: 2}", "hydra.sweeper.sampler=random",
    )  # fmt: skip
    assert code == 0 and "pruned" in printed
    trials = study_of(sweep).trials
    for trial, status in zip(trials, statuses(sweep), strict=True):
        assert (trial.state.name == "PRUNED") == (status == "pruned")
    done = [trial.value for trial in trials if trial.state.name == "COMPLETE"]
    pruned = [trial.intermediate_values[0] for trial in trials if trial.state.name == "PRUNED"]
    assert pruned and min(pruned) > min(done)


def test_cma_es_and_several_objectives(swept) -> None:
    pytest.importorskip("cmaes", reason="cmaes is not installed")
    words = ("sweep=optuna", "optimizer.lr=interval(1,9)", "optimizer.momentum=interval(0,1)", "hydra.sweeper.trials=4")
    code, sweep, _ = swept(*words, "hydra.sweeper.sampler=cmaes")
    assert code == 0 and len(rows(sweep)) == 4
    several = ("hydra.sweeper.objectives=[objective,metrics.miss_mm]", "hydra.sweeper.directions=[minimize,maximize]")
    code, sweep, _ = swept(*words, *several, "hydra.sweeper.sampler=nsga2")
    lr = [float(row["optimizer.lr"]) for row in rows(sweep)]
    assert code == 0 and [trial.values for trial in study_of(sweep).trials] == [[x, 2 * x] for x in lr]
    assert len(study_of(sweep).best_trials) == 4, "every point is a compromise"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hydra.sweeper.sampler=tp", 'unknown sampler "tp"; known: tpe'),
        ("hydra.sweeper.pruner=medium", 'unknown pruner "medium"; known: median'),
        ("hydra.sweeper.directions=[down]", '"down" is not allowed; allowed: minimize, maximize'),
        ("hydra.sweeper.objectives=[objective,iterations]", "2 objectives and 1 directions"),
    ],
)
def test_wrong_settings(tmp_path, monkeypatch, capsys, word, message) -> None:
    monkeypatch.chdir(tmp_path)
    assert fake.main([*WORDS, word]) == 2 and message in capsys.readouterr().out


def test_a_study_over_its_objective_needs_a_tolerance(swept) -> None:
    words = ("sweep=optuna", "+loss.a.weight=interval(1,2)", "hydra.sweeper.trials=2")
    code, sweep, printed = swept(*words)
    assert code == 0 and printed.count("counts as failed: ") == 2
    assert [trial.state.name for trial in study_of(sweep).trials] == ["FAIL", "FAIL"]
    code, _, printed = swept(*words, "+task.position_tolerance=null")
    assert code == 2 and "loss.a.weight: part of the objective" in printed and "give the task a tolerance" in printed
