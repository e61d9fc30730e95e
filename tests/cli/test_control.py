"""`genesis control` from the command line."""

import json

import numpy as np
import pytest

from tests.cli.conftest import last_run

FALL = ("task=fall", "task.horizon=60", "task.start_qpos=[0.2,-0.1]", "logging.progress=false")


def test_a_motion_is_found_and_held_on_another_plant_and_planned_anew_at_every_step(genesis_here, tmp_path):
    code, out = genesis_here("optimize", *FALL, "logging=quiet")
    assert code == 0, out
    run = last_run(tmp_path)
    code, out = genesis_here("control", *FALL, "control.controller=tvlqr", f"control.run={run}", "control.mass_error=0.05")
    assert code == 0 and "converged: every tolerance is met in closed loop" in out and "largest deviation from the motion" in out
    code, out = genesis_here("control", *FALL, "control.horizon=30", "control.mass_error=0.05", "control.every=2")
    assert code == 0 and "30 plans of" in out and "0 failed" in out, out
    folder = last_run(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "converged" and result["control"]["plans"] == 30 and result["steps"] == 60
    told = [json.loads(line) for line in (folder / "control.jsonl").read_text().splitlines()]
    assert [one["status"] for one in told[:4]] == ["planned", "held", "planned", "held"] and told[1]["cost"] is None
    arrays = np.load(folder / "trajectory.npz")
    assert arrays["qpos"].shape == (61, 2) and arrays["controls"].shape == (60, 2)
    assert (folder / "replay.html").is_file() and "In closed loop over 60 steps" in (folder / "report.html").read_text()
    assert list((folder / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [(("control.controller=tvlqr",), "control.run: must be given"), (("control.run=nowhere", "control.controller=tvlqr"), "nowhere"),
     (("task=balance",), "task.envs: a controller drives one plant"), (("task=reach",), "ddp finds one control a step"),
     (("control.horizon=1",), "control.horizon: 1 is too small"), (("control.controller=lqr",), 'control.controller: "lqr" is not allowed'),
     (("+loss.slow={kind: velocity, at: [0.0, 0.5]}",), "loss.slow.at: a part of the motion does not move on with plans"),
     (("+constraint.again={kind: periodic}",), "constraint.again: its times do not move on with plans"),
     (("+constraint.way={kind: position, target: [[0,0,1],[1,0,1]]}",), "constraint.way: its times"),
     (("control.pushes=[{link: arm, at: 0, duration: 1}]",), "control.pushes[0].link"), (("control.mass_error=1.5",), "mass_error")],
)  # fmt: skip
def test_what_cannot_be_is_named(genesis_here, words, message):
    first = () if any(word.startswith("task=") for word in words) else FALL
    code, out = genesis_here("control", *first, *words)
    assert code == 2 and message in out, out
