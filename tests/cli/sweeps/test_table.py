"""Ranking, columns, and why the best is best."""

import json
from pathlib import Path

import numpy as np
import pytest

from genesis_cli.errors import CommandError
from genesis_cli.sweeps.influence import influences, ranked
from genesis_cli.sweeps.measure import decides, measure, measures
from genesis_cli.sweeps.report import show_best
from genesis_cli.sweeps.space import read_space
from genesis_cli.sweeps.table import Row, Table, gather, number_or_text, row_of, store, words_of


def row(number: int, objective: float | None, status: str = "converged", **settings: str) -> Row:
    return Row(number, Path(str(number)), settings, status, "", objective, {}, 1, 0.5, 0)


def test_the_best_meets_its_tolerances_and_has_the_lowest_objective() -> None:
    made = Table(Path(), [row(0, 1.0, "not_converged"), row(1, 3.0), row(2, 2.0), row(3, None, "failed")])
    assert [r.number for r in made.ranked()] == [2, 1, 0, 3] and made.best() is made.rows[2]
    made.maximize = True
    assert [r.number for r in made.ranked()] == [1, 2, 0, 3]
    assert Table(Path(), [row(0, None, "failed")]).best() is None


def test_sorting_by_any_column() -> None:
    made = Table(Path(), [row(0, 1.0, a="10"), row(1, 3.0, a="9"), row(2, None, a="x")], keys=["a"])
    assert [r.number for r in made.sorted_by("a", False)] == [1, 0, 2]
    assert [r.number for r in made.sorted_by("objective", True)] == [1, 0, 2]
    with pytest.raises(CommandError, match='unknown column "objectiv"; known: objective'):
        made.sorted_by("objectiv", False)


def test_the_key_that_decides_explains_everything() -> None:
    grid = [
        row(k, 10.0 * i + j, a=str(i), b=name)
        for k, (i, j, name) in enumerate((i, j, n) for i in range(3) for j, n in enumerate("xy"))
    ]
    first, second = influences(Table(Path(), grid, keys=["a", "b"]))
    # Ranks 0..5: between the groups of a (0.5, 2.5, 4.5) lies 16 of 17.5, between those of b (2, 3) 1.5.
    assert (first.key, first.verdict) == ("a", "best to worst: 0, 1, 2") and first.share == pytest.approx(16 / 17.5)
    assert second.verdict == "best to worst: x, y" and second.share == pytest.approx(1.5 / 17.5)
    line = [row(k, float(-k), lr=str(0.1 * k + 0.1)) for k in range(8)]
    (only,) = influences(Table(Path(), line, keys=["lr"]))
    assert only.share == pytest.approx(1.0) and only.verdict == "the larger the better; best quarter from 0.7 to 0.8"


def test_ranks_are_those_of_scipy() -> None:
    from scipy.stats import rankdata

    for seed in range(5):
        values = np.random.default_rng(seed).integers(0, 9, 20).astype(float)
        assert np.array_equal(ranked(values), rankdata(values) - 1.0)


def test_words_become_settings() -> None:
    assert words_of(["optimizers=adam", "+a.b=1", "hydra.sweep.dir=x", "c='x y'"]) == {
        "optimizer": "adam",
        "a.b": "1",
        "c": "x y",
    }
    assert [number_or_text(text) for text in ("1", "1e-3", "inf", "x")] == [1, 1e-3, "inf", "x"]


def test_the_space_of_overrides() -> None:
    fixed, axes = read_space(["a=1", "~b", "c=1,2", "d=int(interval(1,5))", "e=tag(log,interval(0.1,1))", "f=range(1,4)"], None)
    assert fixed == ["a=1", "~b"] and [axis.values for axis in axes] == [["1", "2"], [], [], ["1", "2", "3"]]
    assert (axes[1].whole, axes[1].low, axes[1].high) == (True, 1, 5) and (axes[2].log, axes[2].low) == (True, 0.1)


def test_files_of_the_table(tmp_path) -> None:
    made = Table(tmp_path, [row(0, 1.5, a="1"), row(1, None, "failed", a="x,y")], keys=["a"])
    store(made)
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines == [
        "job,status,objective,a,iterations,seconds,reason,folder",
        "0,converged,1.5,1,1,0.5,,0",
        '1,failed,,"x,y",1,0.5,,1',
    ]
    assert gather(tmp_path).rows == [], "a folder without jobs"


def test_the_table_as_parquet(tmp_path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    store(Table(tmp_path, [row(0, 1.5, a="1"), row(1, None, "failed", a="x")], keys=["a"]))
    read = parquet.read_table(tmp_path / "results.parquet").to_pydict()
    assert read["objective"] == [1.5, None] and read["a"] == ["1", "x"] and read["job"] == [0, 1]


def test_a_row_says_what_a_job_has_left(tmp_path) -> None:
    def left(result: dict | None, marker: dict | None) -> Row:
        for name, content in (("result.json", result), ("job.json", marker)):
            (tmp_path / name).unlink(missing_ok=True)
            if content is not None:
                (tmp_path / name).write_text(json.dumps(content))
        return row_of(3, tmp_path, {"a": "1"}, result)

    seconds = {"engine": 1.0, "build": 2.0, "loop": 4.0, "rollout": 3.0, "backward": 0.5}  # the loop contains the last two
    done = left(
        {"status": "converged", "objective": 2.0, "seconds": seconds, "metrics": {"x": 1, "y": "no number"}}, {"exit_code": 0}
    )
    assert (done.status, done.objective, done.seconds, done.metrics, done.code) == ("converged", 2.0, 7.0, {"x": 1.0}, 0)
    assert left({"status": "not_converged"}, {"exit_code": 7}).code == 7
    assert left({"status": "not_converged"}, None).code == 1 and left({"status": "pruned"}, None).code == 0
    assert left({"status": "interrupted"}, {"exit_code": 0}).code == 1, "it has not ended"
    dead = left(None, {"began": "now"})
    assert (dead.status, dead.code) == ("missing", 1) and dead.reason.startswith("begun, but no result could be written")
    assert left(None, None).reason == ""


@pytest.mark.parametrize(("directions", "maximize"), [(["maximize", "minimize"], True), (["minimize", "maximize"], False)])
def test_the_first_objective_ranks(tmp_path, directions: list[str], maximize: bool) -> None:
    (tmp_path / "study.json").write_text(json.dumps({"directions": directions}))
    assert gather(tmp_path).maximize == maximize


def test_why_needs_three_jobs_with_an_objective() -> None:
    def whys(objectives: list[float | None]) -> list[str]:
        rows = [row(k, value, a=str(k % 2)) for k, value in enumerate(objectives)]
        return [influence.key for influence in influences(Table(Path(), rows, keys=["a"]))]

    assert whys([1.0, 2.0, 3.0]) == ["a"] and whys([1.0, 2.0]) == [] and whys([1.0, 2.0, None]) == []


def test_up_to_six_numbers_are_groups_and_more_have_a_trend() -> None:
    def verdict(count: int) -> str:
        (found,) = influences(Table(Path(), [row(k, float(k), lr=str(k)) for k in range(count)], keys=["lr"]))
        return found.verdict

    assert verdict(6) == "best to worst: 0, 1, 2, 3, 4, 5" and verdict(7).startswith("the smaller the better")


def judged(number: int, objective: float, miss: float, **settings: str) -> Row:
    found = {"metrics": {"miss_mm": miss, "other": 0.5}, "tolerances": {"miss_mm": 2.0, "other": 1.0}}
    return Row(number, Path(str(number)), settings, "not_converged", "", objective, found["metrics"], 1, 0.5, 1, measure(found))


def test_a_sweep_over_its_own_objective_is_compared_by_tolerances(capsys) -> None:
    """A thousandth of the weight makes a thousandth of the objective, and says nothing."""
    key = "loss.final_position.weight"
    rows = [judged(0, 0.01, 9.0, **{key: "1"}), judged(1, 10.0, 3.0, **{key: "1000"}), judged(2, 1.0, 0.1, **{key: "10"})]
    made = Table(Path(), rows, keys=[key], maximize=True)
    assert [r.measure for r in rows] == [4.5, 1.5, 0.5] and [r.number for r in made.ranked()] == [2, 1, 0]
    assert made.compared == "measure" and made.columns()[3] == "measure" and made.cell(rows[0], "measure") == 4.5
    assert influences(made)[0].verdict == "best to worst: 10, 1000, 1"
    show_best(made)
    told = capsys.readouterr().out
    assert (
        f"{key}: part of the objective" in told
        and "best: job 2 (not_converged), measure 0.5" in told
        and "objective 1" not in told
    )
    other = Table(Path(), rows, keys=["optimizer.lr"])
    assert [r.number for r in other.ranked()] == [0, 2, 1] and other.compared == "objective" and "measure" not in other.columns()


def test_a_sweep_that_cannot_be_compared_says_so(capsys) -> None:
    made = Table(Path(), [row(0, 1.0, **{"loss.a.weight": "1"}), row(1, 2.0, **{"loss.a.weight": "2"})], keys=["loss.a.weight"])
    assert made.best() is None
    show_best(made)
    assert "no job has a tolerance" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("loss.a.weight", True), ("loss.a.kind", True), ("+loss.a.weight", True),
        ("losses", False), ("task", True), ("task.horizon", True), ("task.tolerance", False),
        ("parameter.mass.prior", True), ("parameter.mass.init", False), ("observation.channels.angle.sigma", True), ("shooting.window", True),
        ("optimizer.lr", False), ("runtime.seed", False), ("scene.dt", False),
    ],
)  # fmt: skip
def test_which_keys_decide_what_the_objective_is(key, expected) -> None:
    assert decides(key) is expected


def test_identifications_are_compared_by_the_error_on_held_out_recordings() -> None:
    """The geometric mean, which no unit of a channel changes."""
    errors = {"rmse_train_a": 9.0, "rmse_validation_a": 1.0, "rmse_validation_b": 4.0}
    assert measure({"metrics": errors}) == pytest.approx(2.0)
    assert measure({"metrics": {"rmse_train_a": 9.0}}) == pytest.approx(9.0)
    assert measure({"metrics": {"x": 1.0}}) is None and measure({}) is None
    assert measure({"metrics": {"x": 1.0, "y": 0.0}, "tolerances": {"x": 0.0, "y": 0.0}}) == float("inf")


@pytest.mark.parametrize("metrics", [{"x": 0.1, "y": None}, {"x": 0.1, "y": float("nan")}, {"x": 0.1}, {}, None])
def test_a_tolerance_without_a_number_is_not_met(metrics) -> None:
    """Left out, the job without a number would be judged by the rest, and win."""
    nothing = {"metrics": metrics, "tolerances": {"x": 1.0, "y": 1.0}}
    assert measure(nothing) == float("inf") and measure({"metrics": {"rmse_train_a": 1.0, "rmse_train_b": None}}) == float("inf")
    key = "loss.a.weight"
    rows = [row(0, 1.0, **{key: "1"}), row(1, 2.0, **{key: "2"})]
    rows[0].measure, rows[1].measure = measures([nothing, {"metrics": {"x": 5.0, "y": 1.0}, "tolerances": {"x": 1.0, "y": 1.0}}])
    best = Table(Path(), rows, keys=[key]).best()
    assert best is not None and (best.number, best.measure) == (1, 5.0)


def test_errors_on_fitted_and_on_held_out_recordings_are_not_compared() -> None:
    both, fitted = {"metrics": {"rmse_train_a": 3.0, "rmse_validation_a": 9.0}}, {"metrics": {"rmse_train_a": 4.0}}
    assert measures([both, fitted]) == pytest.approx([3.0, 4.0]) and measures([both, {}]) == [pytest.approx(9.0), None]
    assert measures([both, fitted], "rmse_validation_") == [pytest.approx(9.0), None]


def test_an_error_of_zero_does_not_outweigh_every_other_channel() -> None:
    none, some = (
        {"metrics": {"rmse_train_a": 0.0, "rmse_train_b": 400.0}},
        {"metrics": {"rmse_train_a": 1.0, "rmse_train_b": 4.0}},
    )
    assert measures([none, some]) == pytest.approx([20.0, 2.0]) and measure(none) == pytest.approx(400.0)
    assert measure({"metrics": {"rmse_train_a": 0.0}}) == 0.0
