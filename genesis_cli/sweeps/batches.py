"""`sweep=batched`: every combination, shared out as batches; a process of the launcher simulates each batch at once."""

import os
from functools import partial
from typing import Any

from genesis_cli import console
from genesis_cli.errors import CommandError
from genesis_cli.failures import explain
from genesis_cli.job import Command, Job
from genesis_cli.sweeps.batched import Batched, attended, jobs_from, number_of, together_of
from genesis_cli.sweeps.jobs import conclude, fail, kind_of
from genesis_cli.sweeps.locks import here
from genesis_cli.sweeps.results import INTERRUPTED, RESULT, read
from genesis_cli.sweeps.sweeper import Grid

MOST = 1024  # jobs of one batch, as those of launcher=batched


class Batches(Grid):
    """A grid whose launcher gets batches in place of jobs; the launcher `basic` is one process, and so one batch."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_jobs=options["max_jobs"])
        self.size = options["batch"]

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Hydra's. Raises: CommandError for a command whose jobs cannot run together."""
        from hydra._internal.core_plugins.basic_launcher import BasicLauncher

        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        together_of(self.task.command)
        if isinstance(self.launcher, BasicLauncher):
            self.launcher = Batched(most=self.size or MOST)
            self.launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def hand_over(self, words: list[list[str]], first: int) -> None:
        """One job of the launcher for each batch: that of its first candidate, which makes the others."""
        if isinstance(self.launcher, Batched):
            return super().hand_over(words, first)
        size = self.size or min(MOST, -(-len(words) // self.workers()))
        lots = [words[k : k + size] for k in range(0, len(words), size)]
        self.task.batches = {number_of(lot[0]): lot for lot in lots}
        self.task.run_batch = run_batch
        console.note(f"{len(words)} jobs in {len(lots)} batches of at most {size}, each one simulation")
        self.launcher.launch([lot[0] for lot in lots], initial_job_idx=first)

    def workers(self) -> int:
        """How many processes the launcher runs at a time: what it says itself, else the cores of this machine."""
        said = self.config.hydra.launcher.get("n_jobs")
        return said if isinstance(said, int) and said > 0 else len(os.sched_getaffinity(0))


def run_batch(command: Command, first: Job, lot: list[list[str]], outcomes: list[int]) -> None:
    """Run the jobs of a batch as environments of one simulation, in whatever process.

    Raises: CommandError that names the jobs, each of which has a result that says why it failed, if the batch cannot run.
    """
    assert first.sweep is not None
    folders = {number: first.sweep / number for number in map(number_of, lot)}
    try:
        jobs = jobs_from(command, lot, first.cfg, first.choices, first.sources, first.sweep)
        together_of(command)(jobs, partial(attended, outcomes))
    except Exception as error:
        code, message = explain(error, first)
        left = [
            number
            for number, folder in folders.items()
            if (read(folder / RESULT) or {}).get("status", INTERRUPTED) == INTERRUPTED
        ]
        for words in (words for words in lot if number_of(words) in left):
            folder = folders[number_of(words)]
            folder.mkdir(parents=True, exist_ok=True)
            fail(folder, kind_of(error, code), message)
            overrides = [word for word in words if not word.startswith("hydra.")]
            conclude(folder, {"command": command.name, "overrides": overrides, **here()}, code)
        outcomes.append(code)
        raise CommandError(f"jobs {', '.join(left)} as one batch: {message}", code) from error
