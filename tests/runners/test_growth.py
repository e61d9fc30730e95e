"""How small changes grow along the motion of a task: against products of linearised steps, and where it is told."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.grad.growth import growth
from genesis.grad.tensor import plain
from genesis.methods import make_method
from genesis.runners.growth import Growth, growth_along, growth_of
from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from genesis.runners.shooting import MultipleShooting, segmented
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

FALL = ("task=swing_up_double", "task.start_qpos=[1.0,0.7]")
FALLING = (*FALL, "task.horizon=100", "parameter.controls.noise=0.0")
UPRIGHT = ("task=swing_up_double", "task.start_qpos=[0.0,0.0]", "task.horizon=120", "parameter.controls.noise=0.0")


def along(*overrides: str) -> tuple[Growth, np.ndarray]:
    """What is told, and what the products of linearised steps say."""
    _, task = configured(*overrides)
    with torch.no_grad():
        run = task.simulate()[0].trajectory
    told = growth_along(task, run)
    assert told is not None
    steps = plain(run.linearization().state)
    return told, growth((steps if steps.ndim == 4 else steps.unsqueeze(1)).numpy()).max(1)


@pytest.mark.parametrize(
    ("overrides", "within"),
    [
        ((*FALL, "task.horizon=200"), 1e-3),
        (("task=swing_up", "task.horizon=60", "task.envs=2", "task.spread_qpos=0.3"), 1e-3),
        (("task=reach",), math.log10(2.0)),
        (("task=walk",), math.log10(2.5)),
    ],
)
def test_growth_is_that_of_the_linearised_steps(overrides: tuple[str, ...], within: float) -> None:
    told, exact = along(*overrides)
    assert told.logs.shape == exact.shape and told.logs[0] == pytest.approx(0.0, abs=1e-6)
    grown = exact > 1.0
    assert np.abs(told.logs - exact)[grown].max(initial=0.0) < within
    assert np.abs(told.logs - exact).max() < max(within, 0.6)  # at first all directions count alike: at most sqrt(n)


def test_noise_begins_where_the_growth_is_too_large() -> None:
    told = Growth(np.array([0.0, 3.0, 8.5, 2.0, 9.0]), 0.02)
    assert told.noise_step == 2 and told.largest == 9.0
    assert told.content() == {
        "log10_largest": 9.0,
        "log10_end": 9.0,
        "log10_noise": told.limit,
        "noise_step": 2,
        "noise_time": 0.04,
    }
    assert Growth(np.array([0.0, 7.9]), 0.02).content()["noise_time"] is None


IN_32_BITS = """
import torch
from tests.runners.test_growth import FALLING, UPRIGHT, growth_of
from tests.tasks.configured import configured
for words in (FALLING, UPRIGHT):
    found = growth_of(configured(*words, "runtime.precision=32")[1])
    print("found", found.limit, found.noise_step, *found.logs)
"""


def test_growth_in_32_bits_is_that_in_64_up_to_its_own_limit() -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", IN_32_BITS], capture_output=True, text=True, cwd=root, env=environment)
    assert done.returncode == 0, done.stderr
    falling, upright = (line.split()[1:] for line in done.stdout.splitlines() if line.startswith("found "))
    logs, exact = np.array([float(x) for x in falling[2:]]), growth_of(configured(*FALLING)[1])
    assert exact is not None and np.abs(logs - exact.logs).max() < 0.1 < exact.largest, "of a state whose last digit is 1e-7"
    limit, noise_step, *rest = upright
    logs, exact = np.array([float(x) for x in rest]), growth_of(configured(*UPRIGHT)[1])
    assert exact is not None and float(limit) == 4.0 < exact.largest
    nearby = np.flatnonzero(exact.logs > 3.8)[0]
    assert np.abs(logs - exact.logs)[:nearby].max() < 0.2
    assert abs(int(noise_step) - int(np.flatnonzero(exact.logs > 4.0)[0])) < 0.1 * len(logs)


def test_growth_of_policies_and_of_motions_that_diverge_is_not_known() -> None:
    assert growth_of(configured("task=balance", "task.horizon=12")[1]) is None
    _, task = configured("task=throw", "task.horizon=20", "parameter.velocity.bounds=null")
    with torch.no_grad():
        task.parameters["velocity"].leaves()[0].fill_(1e300)
    assert growth_of(task) is None


def test_both_motions_are_told_in_the_result_and_drawn(tmp_path: Path) -> None:
    _, task = configured("task=throw")
    method = make_method({"kind": "lbfgs"}, {"kind": "constant"}, 5, 0)
    loop = optimization(task, method, Stop(iterations=5), shooting=MultipleShooting(), signals=False)
    loop.record = Record(tmp_path, RecordOptions())
    loop.run()
    told: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())["growth"]
    assert set(told) == {"first", "final"}
    assert told["final"]["log10_largest"] == pytest.approx(growth_of(task).largest, abs=1e-3)  # type: ignore[union-attr]
    assert any(b"growth/final" in f.read_bytes() for f in (tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize(("horizon", "count"), [(200, 0), (300, 16), (1000, 64)])
def test_segments_follow_from_the_growth_of_the_way_to_the_goal(horizon: int, count: int) -> None:
    _, task = configured(*FALL, f"task.horizon={horizon}")
    cut = segmented(task, MultipleShooting(), "gradient", growth_of(task))
    if horizon == 200:  # 1e7 over the whole way: single shooting is tried
        assert cut is None
    else:
        assert cut is not None and cut.segments.count == count
    assert segmented(task, MultipleShooting(), "values", growth_of(task)) is None


@pytest.mark.parametrize("task", ["reach", "swing_up", "swing_up_double", "throw", "walk", "push"])
def test_shipped_tasks_stay_whole(task: str) -> None:
    made = configured(f"task={task}")[1]
    assert segmented(made, MultipleShooting(), "gradient", growth_of(made)) is None
