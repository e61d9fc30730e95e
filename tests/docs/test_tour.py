"""The tour, word by word, in one empty folder."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import last_run
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
    for language, content in blocks("tour.md"):
        file = written(tmp_path, language, content)
        if language == "python" and file is not None and file.parent == tmp_path:
            exec(compile(content, file.name, "exec"), {})
        for line in content.splitlines() if language == "bash" else ():
            if any(word in line for word in CLUSTERS):
                continue
            words = shlex.split(line)[1:]
            words = [str(last_run(tmp_path)) if word == "RUN" else word for word in words]
            ends[line] = genesis_here(*words)
            assert ends[line][0] == 0, f"{line}\n{ends[line][1][-2000:]}"
    assert_what_the_page_promises(tmp_path, ends)


def assert_what_the_page_promises(folder: Path, ends: dict[str, tuple[int, str]]) -> None:
    """Files that are named, verdicts, and the parameters of the pendulum that made the log."""
    assert (folder / "reach.html").stat().st_size > 10_000
    runs = sorted(folder.glob("outputs/*-*-*/*"), key=lambda path: path.stat().st_mtime_ns)
    assert all((run / "report.html").exists() for run in runs)
    for name in ("robots/lamp", "tasks/reach_lamp", "tasks/wave", "robots/rod", "systems/swing"):
        assert "#" in (folder / "my_configs" / f"{name}.yaml").read_text(), "commented"
    results = [json.loads((run / "result.json").read_text()) for run in runs]
    (found,) = [result for result in results if "estimates" in result]
    estimates = {estimate["name"]: estimate for estimate in found["estimates"]}
    mass = next(estimate for name, estimate in estimates.items() if name.startswith("mass"))
    damping = next(estimate for name, estimate in estimates.items() if name.startswith("damping"))
    assert mass["value"] == pytest.approx(0.7, rel=0.02) and damping["value"] == pytest.approx(0.05, rel=0.1)
    assert all(result["status"] in ("converged", "finished") for result in results if "calm" not in str(result.get("terms")))
    (table,) = folder.rglob("*.csv") if len(list(folder.rglob("trajectory.csv"))) == 1 else [next(folder.rglob("trajectory.csv"))]
    assert np.genfromtxt(table, delimiter=",", skip_header=1).shape[0] > 50
