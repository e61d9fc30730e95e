"""Sweeps in processes of their own: ends that no exception announces. Nothing that was finished is lost or written over."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from tests.cli.sweeps import fake
from tests.cli.sweeps.conftest import Process, newest, result, rows, statuses

JOBLIB = ("launcher=joblib", "hydra.launcher.n_jobs=2")


def test_a_killed_worker_loses_only_its_own_job(tmp_path) -> None:
    pytest.importorskip("joblib", reason="hydra-joblib-launcher is not installed")
    code, printed = Process(tmp_path, *JOBLIB, f"optimizer.lr=1,{fake.KILL},2,3").end()
    sweep = newest(tmp_path)
    assert code == 1 and statuses(sweep) == ["converged", "killed", "converged", "converged"], printed
    assert "its process ended without a result" in rows(sweep)[1]["reason"]


def test_ctrl_c_ends_in_order_and_resume_finishes(tmp_path) -> None:
    """The first lets the running jobs end, the others never begin; killing the parent later takes nothing away either."""
    pytest.importorskip("joblib", reason="hydra-joblib-launcher is not installed")
    words = (*JOBLIB, f"optimizer.lr=1,{fake.WAIT},{fake.WAIT},2,3")
    process = Process(tmp_path, *words)
    process.wait_for(lambda: process.begun() == 3)
    process.interrupt()
    code, printed = process.end()
    sweep = newest(tmp_path)
    assert code == 1 and "Ctrl-C again stops at once" in printed and "genesis sweep resume" in printed
    assert statuses(sweep) == ["converged", "interrupted", "interrupted", "missing", "missing"]
    kept = (sweep / "0" / "result.json").stat().st_mtime_ns

    process = Process(tmp_path, "--resume", str(sweep), *words)
    process.wait_for(lambda: all(len((sweep / str(n) / "begun.txt").read_text().split()) == 2 for n in (1, 2)))
    os.kill(process.child.pid, signal.SIGKILL)
    process.child.wait(60)
    (tmp_path / "go").touch()
    code, printed = Process(tmp_path, "--resume", str(sweep), *words).end()
    assert code == 0 and statuses(sweep) == ["converged"] * 5, printed
    assert (sweep / "0" / "result.json").stat().st_mtime_ns == kept


def test_a_second_ctrl_c_stops_at_once(tmp_path) -> None:
    process = Process(tmp_path, f"optimizer.lr=1,{fake.STUCK},2")
    process.wait_for(lambda: process.begun() == 2)
    process.interrupt()
    process.wait_for(lambda: (newest(tmp_path) / ".stop").exists())
    process.interrupt()
    code, printed = process.end(60)
    assert code == 1 and "Traceback" not in printed and statuses(newest(tmp_path)) == ["converged", "missing", "missing"]


def test_two_sweeps_in_the_same_second(tmp_path) -> None:
    both = [Process(tmp_path, "optimizer.lr=1,2") for _ in range(2)]
    assert [process.end()[0] for process in both] == [0, 0]
    sweeps = list((tmp_path / "outputs" / "multirun").glob("*/*"))
    assert len(sweeps) == 2 and all(statuses(sweep) == ["converged", "converged"] for sweep in sweeps)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_no_finished_job(small_disk) -> None:
    words = ("optimizer.lr=1,2,3",)
    code, printed = Process(small_disk, *words).end()
    assert code == 0, printed
    sweep = newest(small_disk)
    (sweep / "2" / "result.json").unlink()
    filler = small_disk / "filler"
    with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    code, printed = Process(small_disk, "--resume", str(sweep), *words).end()
    assert code == 1 and "No space left on device" in printed and "Traceback" not in printed
    assert result(sweep, 0)["objective_best"] == 1.0 and not (sweep / "2" / "result.json").exists()
    assert not [path for path in sweep.rglob("*.tmp*")] and len(rows(sweep)) == 3
    filler.unlink()
    assert Process(small_disk, "--resume", str(sweep), *words).end()[0] == 0 and statuses(sweep) == ["converged"] * 3


def test_where_nothing_can_be_written(small_disk) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, printed = Process(small_disk, "optimizer.lr=1,2").end()
    assert code == 1 and "no run folder can be made there (Read-only file system)" in printed and "Traceback" not in printed


SBATCH = """#!{python}
# Runs the tasks of an array as Slurm would, here, soon after it has said that they are accepted.
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
first, last = map(int, re.search(r"--array=(\\d+)-(\\d+)", script).groups())
for task in range(first, last + 1):
    more = dict(SLURM_JOB_ID=f"7{{task}}", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID=str(task), SLURM_JOB_NUM_NODES="1", SLURM_NTASKS="1",
                SLURM_JOB_NODELIST="here", SLURM_NODEID="0", SLURM_PROCID="0", SLURM_LOCALID="0")
    log = open(f"task-{{task}}.log", "w")  # a pipe of the caller's would keep it waiting for the task
    command = ["bash", "-c", "sleep 1\\n" + script]
    subprocess.Popen(command, env=os.environ | more, stdout=log, stderr=log, start_new_session=True)
print("Submitted batch job 7")
"""
SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do if [[ "$1" == --output || "$1" == --error ]]; then shift; fi; shift; done
exec "$@"
"""
SACCT = '#!/bin/bash\necho "JobID|State|NodeList"\nfor k in 0 1; do echo "7_$k|RUNNING|here"; done\n'


def test_slurm_gets_an_array_of_jobs(tmp_path) -> None:
    """Without Slurm: stand-ins for its commands run what submitit hands in."""
    pytest.importorskip("submitit", reason="hydra-submitit-launcher is not installed")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("sbatch", SBATCH.format(python=sys.executable)), ("srun", SRUN), ("sacct", SACCT)):
        (tools / name).write_text(text)
        (tools / name).chmod(stat.S_IRWXU)
    words = ("launcher=slurm", "hydra.launcher.partition=short", "hydra.launcher.mem_gb=2", f"optimizer.lr=1,{fake.RAISE}")
    code, printed = Process(tmp_path, *words, PATH=f"{tools}:{os.environ['PATH']}").end()
    sweep = newest(tmp_path)
    assert code == 1 and statuses(sweep) == ["converged", "failed"], printed
    script = next((sweep / ".submitit").glob("7_submission.sh")).read_text()
    for line in ("--partition=short", "--mem=2GB", "--time=240", "--cpus-per-task=2", "--array=0-1%", "--signal=USR2@120"):
        assert f"#SBATCH {line}" in script, line
