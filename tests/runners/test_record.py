"""Lines and checkpoints of a run."""

import json
import math

import torch

from genesis.runners.checkpoint import CHECKPOINT, load_checkpoint
from genesis.runners.record import Journal


def iterations(folder) -> list[int]:
    return [json.loads(line)["iteration"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_going_on_drops_the_lines_after_the_checkpoint(tmp_path) -> None:
    journal = Journal(tmp_path / "run")
    journal.open(0)
    for k in range(5):
        journal.line({"iteration": k, "objective": math.inf if k == 2 else float(k)})
    journal.close()
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[2])["objective"] is None
    again = Journal(tmp_path / "run")
    again.open(3)  # iteration 3 is computed again
    assert iterations(tmp_path / "run") == [0, 1, 2]
    again.line({"iteration": 3})
    assert iterations(tmp_path / "run") == [0, 1, 2, 3], "a line is there at once"
    again.close()


def test_a_checkpoint_comes_back(tmp_path) -> None:
    journal = Journal(tmp_path)
    journal.checkpoint({"iteration": 7, "x": torch.arange(3.0)})
    state = load_checkpoint(tmp_path)
    assert state["iteration"] == 7 and state["x"].tolist() == [0.0, 1.0, 2.0]
    assert [path.name for path in (tmp_path / CHECKPOINT).parent.iterdir()] == ["last.pt"]
