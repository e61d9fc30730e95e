"""Sweeps of fake jobs, in this process or in one of their own."""

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import REPOSITORY
from tests.cli.sweeps import fake


def newest(folder: Path) -> Path:
    """The newest sweep under a working folder."""
    return max((folder / "outputs" / "multirun").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)


def rows(sweep: Path) -> list[dict[str, str]]:
    """results.csv"""
    with (sweep / "results.csv").open() as file:
        return list(csv.DictReader(file))


def statuses(sweep: Path) -> list[str]:
    """Status of each job in the table."""
    return [row["status"] for row in rows(sweep)]


def result(sweep: Path, number: int) -> dict:
    return json.loads((sweep / str(number) / "result.json").read_text())


@pytest.fixture
def swept(tmp_path, monkeypatch, capsys):
    """Run a sweep of fake jobs in this process: (exit code, its folder, what it printed)."""
    from genesis_cli import console

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*words: str) -> tuple[int, Path, str]:
        console.stdout.cache_clear()
        console.stderr.cache_clear()
        code = fake.main(list(words))
        printed = capsys.readouterr()
        sweep = Path(words[words.index("--resume") + 1]) if "--resume" in words else newest(tmp_path)
        return code, sweep, printed.out + printed.err

    yield run
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level


class Process:
    """A sweep of fake jobs in a process group of its own, as a terminal would start it."""

    def __init__(self, folder: Path, *words: str, **more: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "tests.cli.sweeps.fake", *words]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"} | more
        self.child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, what: Callable[[], bool], seconds: float = 120.0) -> None:
        """Until something has happened."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end and self.child.poll() is None, self.child.communicate(timeout=10)[0]
            time.sleep(0.05)

    def begun(self) -> int:
        """Number of jobs that have begun."""
        return len(list(self.folder.glob("outputs/multirun/*/*/*/begun.txt")))

    def interrupt(self) -> None:
        """Ctrl-C: every process of the group gets the signal."""
        os.killpg(self.child.pid, signal.SIGINT)

    def end(self, seconds: float = 180.0) -> tuple[int, str]:
        """(exit code, what it printed)"""
        printed = self.child.communicate(timeout=seconds)[0]
        return self.child.returncode, printed
