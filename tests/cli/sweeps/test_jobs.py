"""One job loses only itself; what is missing is run, what is there stays."""

import json
import threading
import time

import pytest

from genesis_cli.sweeps.locks import locked, wait_until_free
from tests.cli.sweeps import fake
from tests.cli.sweeps.conftest import result, rows, statuses

GRID = f"optimizer.lr=3,{fake.RAISE},{fake.MEMORY},{fake.EXIT},1"


def test_failures_stay_single_and_are_in_the_table_with_their_reasons(swept) -> None:
    code, sweep, printed = swept(GRID)
    assert code == 1 and statuses(sweep) == ["converged", "failed", "out_of_memory", "failed", "converged"]
    assert "5 jobs: 2 converged, 2 failed, 1 out_of_memory" in printed and "best: job 4 (converged), objective 1:" in printed
    table = rows(sweep)
    assert table[1]["reason"].startswith("RuntimeError: my own mistake") and table[3]["reason"].startswith("SystemExit: 3")
    assert [row["objective"] for row in table] == ["3.0", "", "", "", "1.0"] and [row["optimizer.lr"] for row in table][-1] == "1"
    assert "my own mistake" in (sweep / "1" / "optimize.log").read_text()
    assert json.loads((sweep / "1" / "job.json").read_text())["exit_code"] == 1


def test_resume_runs_only_what_is_missing(swept) -> None:
    _, sweep, _ = swept(GRID)
    kept = {n: (sweep / str(n) / "result.json").stat().st_mtime_ns for n in (0, 1, 2, 3)}
    (sweep / "4" / "result.json").unlink()
    code, _, printed = swept("--resume", str(sweep), GRID)
    assert code == 1 and "Launching 1 jobs" in printed and result(sweep, 4)["objective_best"] == 1.0
    assert {n: (sweep / str(n) / "result.json").stat().st_mtime_ns for n in kept} == kept
    swept("--resume", str(sweep), "--failed", GRID)
    assert [len((sweep / str(n) / "begun.txt").read_text().split()) for n in range(5)] == [1, 2, 2, 2, 2]
    assert (
        json.loads((sweep / "1" / "failed-1.json").read_text())["status"] == "failed" and result(sweep, 1)["status"] == "failed"
    )


def test_a_sweep_that_runs_is_left_alone(swept) -> None:
    words = ("optimizer.lr=1,2",)
    _, sweep, _ = swept(*words)
    (sweep / "1" / "result.json").unlink()
    with locked(sweep) as free:
        assert free
        code, _, printed = swept("--resume", str(sweep), *words)
    assert code == 1 and "another process is at this sweep" in printed and not (sweep / "1" / "result.json").exists()
    code, _, printed = swept(*words, f"hydra.sweep.dir={sweep}")
    assert code == 2 and "holds a sweep; go on with `genesis sweep resume`" in printed


def test_a_job_that_another_process_is_at_is_waited_for(swept) -> None:
    words = ("optimizer.lr=1,2",)
    _, sweep, _ = swept(*words)
    (sweep / "1" / "result.json").unlink()
    at_work = threading.Event()

    def finish() -> None:
        with locked(sweep / "1"):
            at_work.set()
            time.sleep(3.0)
            (sweep / "1" / "result.json").write_text(json.dumps({"status": "converged", "objective_best": 7.0}))

    other = threading.Thread(target=finish)
    other.start()
    at_work.wait()
    code, _, printed = swept("--resume", str(sweep), *words)
    other.join()
    assert code == 0 and "waiting for another process" in printed and rows(sweep)[1]["objective"] == "7.0"


def test_a_folder_that_this_very_thread_holds_is_not_waited_for(tmp_path) -> None:
    with locked(tmp_path) as mine, locked(tmp_path) as again:
        assert mine and not again
        wait_until_free(tmp_path)
    with locked(tmp_path) as later:
        assert later


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("optimizer.lrr=1,2",), 'optimizer: unknown key "lrr"'),
        (("optimizer.lr=interval(0,1)",), "a grid needs values, not an interval; use sweep=random or sweep=optuna"),
        (("sweep=random", "optimizer.lr=1"), "nothing is swept"),
        (("sweep=random", "optimizer.lr=tag(log,interval(0,1))"), "must go from low to high, both positive"),
        (("launcher=nothing", "optimizer.lr=1,2"), "unknown option"),
        (("launcher=batched", "optimizer.lr=1,2"), "cannot run jobs together"),
    ],
)
def test_wrong_input_leaves_nothing_behind(swept, tmp_path, words, message) -> None:
    with pytest.raises(ValueError, match="max"):  # there is no newest sweep
        swept(*words)
    assert fake.main(list(words)) == 2 and not list(tmp_path.glob("outputs/multirun/*/*"))


def test_wrong_input_is_told(swept, capsys, tmp_path) -> None:
    (tmp_path / "outputs" / "multirun" / "a" / "b").mkdir(parents=True)
    assert 'optimizer: unknown key "lrr"' in swept("optimizer.lrr=1,2")[2]


def test_random_points_lie_within_and_repeat_with_their_seed(swept) -> None:
    words = ("sweep=random", "hydra.sweeper.samples=6", "optimizer.name=adam,sgd", "optimizer.lr=tag(log,interval(0.01,1))")
    tables = [
        rows(swept(*words, f"hydra.sweeper.seed={seed}", f"optimizer.momentum={n}")[1]) for n, seed in ((1, 0), (2, 0), (3, 1))
    ]
    values = [[(row["optimizer.name"], row["optimizer.lr"]) for row in table] for table in tables]
    assert values[0] == values[1] != values[2] and len(values[0]) == 6
    assert all(0.01 <= float(lr) <= 1 and name in ("adam", "sgd") for name, lr in values[0])
