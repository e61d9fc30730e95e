"""The error of a job: its exit code and what is told."""

import errno
import shutil
from pathlib import Path

import pytest
from omegaconf.errors import ConfigKeyError

from genesis.errors import DivergenceError, InputError
from genesis_cli.errors import CommandError
from genesis_cli.failures import explain, guarded
from genesis_cli.job import Job, Outcome
from genesis_cli.run_folder import stored_config

JOB = Job("optimize", {}, Path("run"), [], {}, [], resume=False)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (CommandError("wrong"), 2, "wrong"),
        (CommandError("gone", 1), 1, "gone"),
        (InputError("x is too small"), 2, "x is too small"),
        (DivergenceError("at step 3"), 1, "at step 3"),
        (ConfigKeyError("no such key"), 2, "no such key."),
        (RuntimeError("first\nsecond"), 1, "RuntimeError: first (traceback in run/optimize.log)"),
        (RuntimeError(), 1, "RuntimeError:  (traceback in run/optimize.log)"),
        (MemoryError(), 1, "there is no memory left: none is given; take fewer time steps, environments or candidates at once."),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
            1,
            "there is no memory left: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes; take fewer "
            "time steps, environments or candidates at once.",
        ),
        (SystemExit(3), 1, "SystemExit: 3 (traceback in run/optimize.log)"),
    ],
)
def test_exit_code_and_message(error: BaseException, code: int, message: str) -> None:
    assert explain(error, JOB) == (code, message)


def test_one_job_by_itself(capsys) -> None:
    codes: list[int] = []

    def fail(job: Job) -> Outcome:
        raise InputError("dt is too large")

    assert guarded(JOB, fail, codes) is None
    assert guarded(JOB, lambda job: Outcome(1, 2.5), codes) == 2.5
    assert codes == [2, 1] and "error: dt is too large" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "why"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")])
def test_a_disk_that_takes_no_more_names_file_space_and_how_to_go_on(tmp_path, monkeypatch, code, why) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 3 * 2**19))
    job = Job("optimize", {}, tmp_path, [], {}, [], resume=False)
    error = OSError(code, why, str(tmp_path / "metrics.jsonl"))
    ended, message = explain(error, job)
    first, second = message.splitlines()
    assert ended == 1 and first == f"{tmp_path / 'metrics.jsonl'}: cannot be written ({why}; 1.5 MB are free there)."
    assert f"genesis optimize --rerun {tmp_path}" in second and "logging.replay=false" in second
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.pt").touch()
    assert f"genesis optimize --resume {tmp_path}" in explain(error, job)[1]
    job.sweep = tmp_path.parent
    assert f"genesis sweep resume {tmp_path.parent}" in explain(OSError(code, why), job)[1]


@pytest.mark.parametrize("text", ["task: [1, 2", "a:\n\t- b", "", "- 1\n- 2", "\x00", "a: 1\na: 2"])
def test_a_stored_config_that_is_damaged_is_named(tmp_path, text) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(CommandError, match=r"config.yaml(:\d+)?: .*damaged") as caught:
        stored_config(tmp_path / "config.yaml")
    assert len(str(caught.value).splitlines()) == 1
