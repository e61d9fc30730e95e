"""The error of a job: its exit code and what is told."""

from pathlib import Path

import pytest
from omegaconf.errors import ConfigKeyError

from genesis.errors import DivergenceError, InputError
from genesis_cli.errors import CommandError
from genesis_cli.failures import explain, guarded
from genesis_cli.job import Job, Outcome

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
