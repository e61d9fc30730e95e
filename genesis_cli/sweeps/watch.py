"""What a sweep adds to the loop of its jobs: the order to stop, and pruning. Told by files, which every launcher shares."""

from pathlib import Path
from typing import Any

STOP = ".stop"


def ask_to_stop(sweep: Path) -> None:
    """Let running jobs end after their present iteration, and no other begin."""
    (sweep / STOP).touch()


def stop_asked(sweep: Path) -> bool:
    """Whether the sweep is to end."""
    return (sweep / STOP).exists()


def forget_stop(sweep: Path) -> None:
    """At the start of a sweep, or when it goes on."""
    (sweep / STOP).unlink(missing_ok=True)


class StopWatch:
    """Observer that ends a job when its sweep is to stop."""

    def __init__(self, sweep: Path) -> None:
        self.sweep = sweep

    def __call__(self, report: Any) -> Any:
        """How the job has ended, or None."""
        if not stop_asked(self.sweep):
            return None
        from genesis.problems.problem import INTERRUPTED, STOPPED, Verdict

        return Verdict(INTERRUPTED, STOPPED)


def watchers(sweep: Path, folder: Path) -> list[Any]:
    """The observers of one job."""
    found: list[Any] = [StopWatch(sweep)]
    from genesis_cli.sweeps.study import STUDY, Pruning

    if (sweep / STUDY).is_file():
        pruning = Pruning.of(sweep, folder)
        if pruning is not None:
            found.append(pruning)
    return found
