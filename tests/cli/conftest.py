"""Commands run in this process where possible: starting torch and taichi again costs seconds."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_genesis(tmp_path):
    """Run `genesis ARGS` in a process of its own, in an empty folder: (exit code, stdout, stderr)."""

    def run(*args: str, **more: str) -> tuple[int, str, str]:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "COLUMNS": "200"} | more
        done = subprocess.run(
            [sys.executable, "-m", "genesis_cli", *args],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def genesis_here(tmp_path, monkeypatch, capsys, engine):
    """Run `genesis ARGS` in this process, in an empty folder: (exit code, what it printed)."""
    from genesis_cli import app, console

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*args: str) -> tuple[int, str]:
        console.stdout.cache_clear()
        console.stderr.cache_clear()
        monkeypatch.setattr(sys, "argv", ["genesis", *args])
        with pytest.raises(SystemExit) as ended:
            app.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out + captured.err

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield run
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()  # hydra leaves the log file of the run attached
    root.handlers[:], root.level = handlers, level


def last_run(folder: Path) -> Path:
    """The newest run folder under a working folder."""
    runs = sorted((folder / "outputs").glob("*-*-*/*"), key=lambda path: path.stat().st_mtime_ns)
    return runs[-1]
