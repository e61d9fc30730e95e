"""`sweep=batched` with a launcher of processes: each simulates its share of the candidates at once."""

import json
import shutil

import numpy as np
import pytest

from tests.cli.conftest import genesis_here  # noqa: F401 - a fixture
from tests.cli.sweeps.conftest import newest, rows, statuses

GRID = (
    "task=throw",
    "optimizer=adam",
    "optimizer.lr=0.5,1,2",
    "scene.gravity=[0,0,-9.81],[0,0,-3.7]",
    "stop.iterations=12",
    "logging=quiet",
)
JOBLIB = ("launcher=joblib", "hydra.launcher.n_jobs=2")


def same(one, two) -> None:
    """Results and solutions of all jobs are equal, bit for bit."""
    assert statuses(one) == statuses(two)
    for folder in sorted(one.glob("[0-9]*")):
        theirs = two / folder.name
        series = [
            [json.loads(line)["objective"] for line in (f / "metrics.jsonl").read_text().splitlines()] for f in (folder, theirs)
        ]
        assert series[0] == series[1]
        assert (folder / "config.yaml").read_text() == (theirs / "config.yaml").read_text()
        with np.load(folder / "solution.npz") as a, np.load(theirs / "solution.npz") as b:
            assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_batches_of_processes_are_the_one_batch_and_resume(genesis_here, tmp_path) -> None:  # noqa: F811
    pytest.importorskip("joblib", reason="hydra-joblib-launcher is not installed")
    genesis_here("optimize", "-m", *GRID, "launcher=batched")
    whole = newest(tmp_path)
    _, out = genesis_here("optimize", "-m", *GRID, "sweep=batched", *JOBLIB)
    shared = newest(tmp_path)
    assert "6 jobs in 2 batches of at most 3, each one simulation" in out
    same(whole, shared)
    processes = [json.loads((shared / str(n) / "job.json").read_text())["pid"] for n in range(6)]
    assert len(set(processes[:3])) == len(set(processes[3:])) == 1
    for number in (1, 4):
        shutil.rmtree(shared / str(number))
    _, out = genesis_here("sweep", "resume", str(shared))
    assert "2 jobs in 2 batches of at most 1" in out
    same(whole, shared)


def test_one_process_is_one_batch_or_several_one_after_another(genesis_here, tmp_path) -> None:  # noqa: F811
    _, out = genesis_here("optimize", "-m", *GRID, "sweep=batched", "hydra.sweeper.batch=4")
    assert "4 jobs as environments of one simulation" in out and "2 jobs as environments of one simulation" in out
    assert statuses(newest(tmp_path)) == ["not_converged"] * 6


def test_a_batch_that_cannot_run_names_its_jobs(genesis_here, tmp_path) -> None:  # noqa: F811
    """Jobs of another horizon cannot share a simulation; each says so."""
    pytest.importorskip("joblib", reason="hydra-joblib-launcher is not installed")
    words = ("task=throw", "optimizer=adam", "task.horizon=20,30", "optimizer.lr=1,2", "stop.iterations=2", "logging=quiet")
    code, out = genesis_here("optimize", "-m", *words, "sweep=batched", *JOBLIB, "hydra.sweeper.batch=3")
    sweep = newest(tmp_path)
    assert code == 2 and statuses(sweep) == ["invalid", "invalid", "invalid", "not_converged"], out
    assert "task.horizon: 20 and 30, but it is shared by all environments" in rows(sweep)[1]["reason"]


def test_commands_that_cannot_run_together_are_refused(genesis_here) -> None:  # noqa: F811
    code, out = genesis_here("sysid", "-m", "sweep=batched", "optimizer.damping=1,2")
    assert code == 2 and "`genesis sysid` cannot run jobs together" in out
