"""Compiled kernels on disk: kept as soon as they are compiled, and where they cannot be, said once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genesis import kernel_cache
from genesis.kernel_cache import STALE_SECONDS

SCRIPT = """
import os, signal, sys
import genesis as gs
gs.init(precision="64")
scene = gs.Scene()
scene.add_entity(gs.morphs.Sphere(radius=0.1))
scene.build()
scene.step()
from genesis.compilation import COMPILATION
print(COMPILATION.kernels, flush=True)
if "kill" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TI_OFFLINE_CACHE_FILE_PATH": str(cache)}
    return subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, env=env, timeout=240)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels are stored at the end of the process")
def test_a_killed_process_leaves_what_it_has_compiled(tmp_path) -> None:
    first = run(tmp_path / "cache", "kill")
    assert (first.returncode, first.stdout.split()) == (-9, ["1"]) and list((tmp_path / "cache").glob("*.tic"))
    assert not list((tmp_path / "cache").glob("*.lock"))
    second = run(tmp_path / "cache", "kill")
    assert (second.returncode, second.stdout.split()) == (-9, ["0"])


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    made = run(tmp_path / "file" / "cache")
    assert made.returncode == 0 and made.stdout.split() == ["1"], made.stderr
    (line,) = made.stderr.strip().splitlines()
    assert str(tmp_path / "file" / "cache") in line and "TI_OFFLINE_CACHE_FILE_PATH" in line


def test_why_a_folder_cannot_be_written(tmp_path, monkeypatch) -> None:
    assert kernel_cache.cannot_be_written(tmp_path / "new") is None and (tmp_path / "new").is_dir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 100, kernel_cache.LEAST - 1))
    assert kernel_cache.cannot_be_written(tmp_path) == "64 MB are free"

    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(kernel_cache.tempfile, "TemporaryFile", refuse)
    assert kernel_cache.cannot_be_written(tmp_path) == "Read-only file system"


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """Warnings of a process that stores what it compiles."""
    said: list[str] = []
    monkeypatch.setattr(kernel_cache.logger, "warning", lambda words, *values: said.append(words % values))
    monkeypatch.setattr(kernel_cache, "_storing", True)
    monkeypatch.setattr(kernel_cache, "_told", set())
    return said


def test_a_child_that_hangs_is_ended_and_no_other_is_made(monkeypatch, told) -> None:
    monkeypatch.setattr(kernel_cache, "STORING_SECONDS", 0.05)
    began = time.monotonic()
    kernel_cache.store(lambda: time.sleep(30))
    assert time.monotonic() - began < 10 and not kernel_cache._storing and "was not done in 0.05 s" in "".join(told)
    kernel_cache.store(lambda: pytest.fail("stored again"))


def test_a_child_that_fails_is_told(told) -> None:
    kernel_cache.store(lambda: 1 / 0)
    assert not kernel_cache._storing and len(told) == 1 and "has failed (exit status 1)" in told[0]


def test_a_child_that_another_waits_for_harms_nothing(told) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        kernel_cache.store(lambda: None)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert kernel_cache._storing and not told


def test_a_cache_that_cannot_grow_is_read(tmp_path, monkeypatch, told) -> None:
    cache = tmp_path / "cache"
    assert run(cache).stdout.split() == ["1"]
    before = sorted((path.name, path.stat().st_mtime_ns) for path in cache.iterdir())
    monkeypatch.setenv("TI_OFFLINE_CACHE_FILE_PATH", str(cache))
    monkeypatch.setattr(kernel_cache, "LEAST", 1 << 60)
    shown = kernel_cache.open_cache(cpu=True)
    assert shown is not None and kernel_cache.open_cache(cpu=True) not in (None, shown, cache) and len(told) == 1
    again = run(shown)
    assert (again.returncode, again.stdout.split()) == (0, ["0"]), again.stderr
    assert sorted((path.name, path.stat().st_mtime_ns) for path in cache.iterdir()) == before


def test_locks_of_killed_processes_are_removed_from_the_kernel_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TI_OFFLINE_CACHE_FILE_PATH", str(tmp_path))
    assert kernel_cache.kernel_cache() == tmp_path
    for name, age in (
        ("ticache.lock", STALE_SECONDS + 1),
        ("metadata.lock", 1.0),
        ("ticache.tcb", STALE_SECONDS + 1),
    ):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    kernel_cache.free_stale_locks(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metadata.lock", "ticache.tcb"]
    kernel_cache.free_stale_locks(tmp_path / "nowhere")
