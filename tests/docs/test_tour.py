"""The tour, word by word, in one empty folder."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import REPOSITORY, last_run
from tests.docs.conftest import blocks

#: Launchers that need a cluster, or processes that compile anew; tests/cli/test_docs.py composes these lines.
CLUSTERS = ("launcher=ray", "launcher=slurm", "launcher=joblib")


def written(folder: Path, language: str, content: str) -> Path | None:
    """The file that a block names in its first line, written where it says."""
    named = re.match(r"(?:<!-- |# )([\w/.]+)", content) if language in ("xml", "python") else None
    if named is None:
        return None
    file = folder / named[1]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.mark.slow
def test_the_tour(genesis_here, tmp_path) -> None:
    ends: dict[str, tuple[int, str]] = {}
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    for language, content in blocks("tour.md"):
        file = written(tmp_path, language, content)
        if language == "python" and file is not None and file.parent == tmp_path:
            done = subprocess.run([sys.executable, file.name], cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
        for line in content.splitlines() if language == "bash" else ():
            if any(word in line for word in CLUSTERS):
                continue
            words = shlex.split(line)[1:]
            words = [str(last_run(tmp_path)) if word == "RUN" else word for word in words]
            ends[line] = genesis_here(*words)
            assert ends[line][0] == 0, f"{line}\n{ends[line][1][-2000:]}"
    assert_what_the_page_promises(tmp_path, ends)


def assert_what_the_page_promises(folder: Path, ends: dict[str, tuple[int, str]]) -> None:
    """Files that are named, verdicts, and the drive of the pendulum that made the log."""
    assert (folder / "reach.html").stat().st_size > 10_000
    runs = sorted(folder.glob("outputs/*-*-*/*"), key=lambda path: path.stat().st_mtime_ns)
    assert all(
        (run / "report.html").exists() and (run / "replay.html").exists() for run in runs if (run / "solution.npz").exists()
    )
    for name in ("robots/lamp", "tasks/reach_lamp", "tasks/wave", "robots/rod", "systems/swing"):
        assert "#" in (folder / "my_configs" / f"{name}.yaml").read_text(), "commented"
    results = [json.loads((run / "result.json").read_text()) for run in runs]
    assert {result["status"] for result in results} == {"converged", "agree"}, "of the learning, and of the gradient"
    (found,) = [result for result in results if "estimates" in result]
    estimates = {estimate["name"]: estimate for estimate in found["estimates"]}
    for name, real in (("armature/pivot", 0.02), ("damping/pivot", 0.05), ("dry_friction/pivot", 0.1)):
        assert abs(estimates[name]["value"] - real) < 4.0 * estimates[name]["std"] + 0.02 * real, name
        assert abs(estimates[name]["value"] - real) < 0.25 * real, name
    (table,) = folder.rglob("trajectory.csv")
    assert len(table.read_text().splitlines()) == 102, "names, then a row a state"
    (script,) = folder.rglob("export/mujoco/*.py")
    assert (script.parent / "scene.xml").exists() or list(script.parent.glob("*.xml"))
