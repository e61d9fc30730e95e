"""A multirun whose jobs compute nothing, for tests of what happens around jobs: `python -m tests.cli.sweeps.fake WORDS`.

What a job does is chosen by `optimizer.lr`: KILL its process, RAISE, MEMORY error, EXIT, GIANT (a result without finite objective), WAIT until
it is stopped or a file `go` is there, be STUCK and hear nothing; any other number is its objective.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from genesis_cli.bridge import run
from genesis_cli.errors import CommandError
from genesis_cli.job import Command, Flags, Job, Outcome

CONFIGS = Path(__file__).parent / "configs"
KILL, RAISE, MEMORY, EXIT, GIANT, WAIT, STUCK = 101, 102, 103, 104, 105, 106, 107


def job(context: Job) -> Outcome:
    """One job."""
    from genesis.runners.files import write_json

    lr = float(context.cfg.optimizer.lr)
    with (context.folder / "begun.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if lr == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if lr == RAISE:
        raise RuntimeError("my own mistake")
    if lr == MEMORY:
        raise MemoryError
    if lr == EXIT:
        raise SystemExit(3)
    if lr == STUCK:
        time.sleep(60)
    ending = loop(context, lr)
    status = "converged" if ending is None else ending.status
    objective = float("inf") if lr == GIANT else lr
    result = {"status": status, "reason": "", "objective_best": objective, "metrics": {"miss_mm": 2 * lr}}
    write_json(context.folder / "result.json", result)
    return Outcome(0 if status in ("converged", "pruned") else 1, lr, interrupted=status == "interrupted")


def loop(context: Job, lr: float) -> Any:
    """Iterations with the observers of the sweep; how one of them ended it, or None."""
    watchers = context.observers()
    for iteration in range(6000 if lr == WAIT else 3):
        if lr == WAIT:
            if Path("go").exists():
                return None
            time.sleep(0.01)
        report = SimpleNamespace(last_round=True, iteration=iteration, best=SimpleNamespace(objective=lr))
        for watcher in watchers:
            wish = watcher(report)
            if wish is not None:
                return wish
    return None


def main(words: list[str]) -> int:
    """Exit code of the sweep; `--resume DIR`, `--failed` as those of `genesis sweep resume`."""
    sweep = words[words.index("--resume") + 1] if "--resume" in words else None
    kept = [word for word in words if "=" in word]
    try:
        flags = Flags(multirun=True, config_dir=str(CONFIGS), config_name="tiny", sweep=sweep, failed_too="--failed" in words)
        return run(Command("optimize", job), kept, flags)
    except CommandError as error:
        print("error:", error)
        return error.exit_code


if __name__ == "__main__":
    from tests.cli.sweeps import fake

    sys.exit(fake.main(sys.argv[1:]))
