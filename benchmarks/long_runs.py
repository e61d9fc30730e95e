"""Whether an iteration costs the same after 19 000 of them as after 1 000: a cheap task with everything that a run writes.

    python benchmarks/long_runs.py                        # task throw with Adam
    python benchmarks/long_runs.py --task swing_up        # any task

Two runs of the task take turns, one late in its life and one early, so that whatever else the machine does meets both. CPU time.
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from greenlet import getcurrent, greenlet
from measure import ROOT, machine, table

sys.path.insert(0, str(ROOT))

from genesis.methods import make_method  # noqa: E402
from genesis.problems.problem import Verdict  # noqa: E402
from genesis.runners.loop import Stop  # noqa: E402
from genesis.runners.optimize import optimization  # noqa: E402
from genesis.runners.record import Record, RecordOptions  # noqa: E402
from tests.tasks.configured import configured  # noqa: E402


class Turns:
    """Observer: from iteration `first` on, lets the caller go on after each one and notes what each took."""

    def __init__(self, first: int) -> None:
        self.first, self.seconds, self.home = first, [], getcurrent()
        self.since = 0.0

    def __call__(self, report: Any) -> Verdict | None:
        if report.iteration > self.first:
            self.seconds.append(process_time() - self.since)
        if report.iteration >= self.first:
            self.home.switch()
            self.since = process_time()
        return None


def run(task: Any, name: str, count: int, turns: Turns) -> None:
    """With record, checkpoints and TensorBoard as by default."""
    method = make_method({"kind": "adam", "lr": 1e-4}, {"kind": "constant"}, count, 0)
    with tempfile.TemporaryDirectory() as folder:
        record = Record(Path(folder), RecordOptions(f"task: {name}", {"task": name}))
        optimization(task, method, Stop(count, when_converged=False), record=record, observers=[turns]).run()


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", default="throw")
    parser.add_argument("--late", type=int, default=19_000)
    parser.add_argument("--window", type=int, default=1_000)
    given, words = parser.parse_known_args()
    words = words or ["task.horizon=10"]
    ages = (given.window, given.late)
    turns = [Turns(age) for age in ages]
    lives = []
    for age, own in zip(ages, turns, strict=True):
        _, task = configured(f"task={given.task}", *words)
        lives.append(greenlet(partial(run, task, given.task, age + given.window, own)))
    while any(not life.dead for life in lives):
        for life in lives:
            if not life.dead:
                life.switch()
    means, medians = ([1e3 * function(own.seconds) for own in turns] for function in (np.mean, np.median))
    rows = [
        [f"{age} to {age + given.window}", f"{mean:.4f}", f"{median:.4f}"]
        for age, mean, median in zip(ages, means, medians, strict=True)
    ]
    rows.append(["late / early", f"{means[1] / means[0]:.3f}", f"{medians[1] / medians[0]:.3f}"])
    print(f"{machine()}, task {given.task}\n\n{table(['iterations', 'mean ms', 'median ms'], rows)}")


if __name__ == "__main__":
    main()
