"""Reports from the command line: written at the end of a run, made again from its folder, refused where there is none."""

import json
import re
import shutil
from pathlib import Path

import pytest

from genesis_cli.sweeps.manifest import NAME
from genesis_cli.sweeps.overview import write_overview
from genesis_cli.sweeps.table import gather
from tests.cli.conftest import last_run
from tests.runners.run_folders import line, result, run_folder
from tests.runners.test_report import words

QUIET = ("logging.tensorboard=false", "logging.progress=false", "logging.replay=false")


def test_a_run_says_where_its_report_is(genesis_here, tmp_path: Path) -> None:
    code, told = genesis_here("optimize", "task=throw", "optimizer=lbfgs", *QUIET)
    run = last_run(tmp_path)
    assert code == 0 and f"report {run / 'report.html'}" in told.replace("\n", " ") or str(run.name) in told
    page = (run / "report.html").read_text()
    stored = json.loads((run / "result.json").read_text())
    metric = re.search(r'data-name="miss_mm" data-value="([^"]*)"', page)
    assert metric is not None and float(metric.group(1)) == stored["metrics"]["miss_mm"]
    text = words(page)
    assert "genesis optimize task=throw optimizer=lbfgs logging.tensorboard=false" in text and "Miss" in text
    (run / "report.html").unlink()
    code, told = genesis_here("report", str(run))
    assert code == 0 and (run / "report.html").read_text() == page
    code, _ = genesis_here("optimize", "task=throw", "optimizer=lbfgs", "logging.report=false", *QUIET)
    assert code == 0 and not (last_run(tmp_path) / "report.html").exists()


def test_a_simulation_and_a_run_that_diverges_have_one(genesis_here, tmp_path: Path) -> None:
    assert genesis_here("simulate", "task=throw", "task.horizon=10", *QUIET)[0] == 0
    text = words((last_run(tmp_path) / "report.html").read_text())
    assert "Simulated 10 steps, 0.1 s of motion" in text and "Not met: miss" in text
    code, told = genesis_here("optimize", "task=throw", "parameter.velocity.init=1e300", *QUIET)
    run = last_run(tmp_path)
    if code == 1 and (run / "result.json").exists():
        assert "Diverged" in words((run / "report.html").read_text()), told


def test_folders_that_hold_no_run(genesis_here, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for given, why in (("nowhere", "nowhere: no such folder"), ("empty", "no run there (neither result.json nor metrics.jsonl)")):
        code, told = genesis_here("report", given)
        assert code == 2 and why in " ".join(told.split()), told
    run = run_folder(tmp_path / "sysid", told=result(estimates=[]))
    (run / "report.html").write_text("the only one")
    code, told = genesis_here("report", str(run))
    assert code == 2 and "an identification writes its report itself" in " ".join(told.split())
    assert (run / "report.html").read_text() == "the only one"


def broken(error: BaseException):
    """What is called in vain."""

    def fails(*_, **__):
        raise error

    return fails


@pytest.mark.parametrize("command", ["optimize", "simulate"])
def test_a_run_whose_report_fails_or_is_interrupted_keeps_its_result(
    genesis_here, tmp_path: Path, monkeypatch, command: str
) -> None:
    words = (command, "task=throw", *QUIET, *(["optimizer=lbfgs"] if command == "optimize" else []))
    monkeypatch.setattr("genesis.runners.report.folder.report_of", broken(KeyError("lost")))
    monkeypatch.setattr("genesis.runners.report.write_run_report", broken(KeyError("lost")))
    code, told = genesis_here(*words)
    run = last_run(tmp_path)
    assert (
        code == 0
        and "warning: no report of this run: KeyError: 'lost'" in told
        and "Traceback" in (run / f"{command}.log").read_text()
    )
    assert json.loads((run / "result.json").read_text())["status"] in ("converged", "finished")
    monkeypatch.setattr("genesis.runners.report.write_run_report", broken(KeyboardInterrupt()))
    code, told = genesis_here(*words, f"hydra.run.dir={tmp_path / 'stopped'}")
    assert code == 1 and "interrupted" in told
    assert json.loads((tmp_path / "stopped" / "result.json").read_text())["status"] in ("converged", "finished")


def sweep(folder: Path) -> Path:
    """Four jobs: two learning rates with two methods, one of which died."""
    jobs = [[f"optimizers={name}", f"optimizer.lr={lr}"] for name in ("adam", "lbfgs") for lr in (0.01, 1.0)]
    for k, words_of_job in enumerate(jobs):
        good = k == 2
        told = result(
            objective_best=float(4 - k),
            status="converged" if good else "not_converged",
            metrics={"position_error_mm": 0.5 * (4 - k)},
        )
        if k == 3:
            told = {"status": "failed", "reason": "out of memory\nmore"}
        run_folder(folder / str(k), told=told, lines=[line(0, 4.0), line(1, float(4 - k))])
        (folder / str(k) / "job.json").write_text(json.dumps({"overrides": words_of_job, "exit_code": 0 if good else 1}))
    plan = {
        "command": "optimize",
        "options": {},
        "words": ["optimizers=adam,lbfgs", "optimizer.lr=0.01,1.0"],
        "flags": {},
        "folder": "/",
    }
    (folder / NAME).write_text(json.dumps(plan | {"jobs": jobs}))
    return folder


def test_the_overview_of_a_sweep(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep")
    page = write_overview(gather(folder)).read_text()
    rows = re.findall(r'data-job="(\d)" data-value="([^"]*)"', page)
    assert rows == [("2", "2.0"), ("1", "3.0"), ("0", "4.0"), ("3", "None")]
    text = words(page)
    for shown in (
        "4 jobs: 2 not converged, 1 converged, 1 failed.", "Best: job 2 (converged) with optimizer=lbfgs, optimizer.lr=0.01, objective 2.",
        "genesis optimize -m optimizers=adam,lbfgs optimizer.lr=0.01,1.0", "out of memory", "1 of 4 succeeded",
        f"genesis optimize --rerun {folder / '2'}", "1 mm",
    ):  # fmt: skip
        assert shown in text, shown
    assert "more" not in text.split("out of memory")[1][:12]
    assert (folder / "2" / "report.html").is_file() and not (folder / "0" / "report.html").exists(), "that of the best job alone"
    assert re.findall(r'href="(\d/report.html)"', page) == ["2/report.html"]
    assert page.count("<figure>") == 2 and not re.search(r"https?:|<script", page)


def test_a_sweep_of_nothing_but_failures(tmp_path: Path, genesis_here) -> None:
    folder = sweep(tmp_path / "sweep")
    for k in range(4):
        shutil.rmtree(folder / str(k))
    code, _ = genesis_here("report", str(folder))
    text = words((folder / "report.html").read_text())
    assert code == 0 and "No job has an objective yet." in text and "Next: 4 jobs to go on with" in text
