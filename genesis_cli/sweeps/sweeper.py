"""The body of every sweeper: plan or read the plan, launch what is missing, try again what a dying process took with it, report."""

import itertools
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.errors import FAILED, CommandError
from genesis_cli.hydra_task import TaskFunction
from genesis_cli.sweeps import manifest
from genesis_cli.sweeps.jobs import PARENT_VARIABLE, fail
from genesis_cli.sweeps.locks import locked, wait_until_free
from genesis_cli.sweeps.manifest import Manifest
from genesis_cli.sweeps.report import report
from genesis_cli.sweeps.results import INTERRUPTED, KILLED, MARKER, RESULT, read
from genesis_cli.sweeps.signals import StopSignals
from genesis_cli.sweeps.space import Axis, read_space
from genesis_cli.sweeps.watch import forget_stop, stop_asked

KILLED_REASON = "its process ended without a result, also when it ran alone (killed, or out of memory)"


class SweepBody:
    """What the sweepers share. Hydra calls `setup` and `sweep`.

    words: overrides of every job; axes: what is swept; stored: the plan, in the sweep's `folder`.
    """

    hydra_context: Any = None
    config: Any = None
    launcher: Any = None
    task: TaskFunction
    folder: Path
    stored: Manifest

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Hydra's: remember, and make the launcher."""
        from hydra.core.plugins import Plugins

        self.hydra_context, self.config, self.task = hydra_context, config, task_function
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Hydra's: run everything that is missing, and show the table however it ends."""
        from omegaconf import OmegaConf

        self.folder = Path(self.config.hydra.sweep.dir).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.words, self.axes = read_space(arguments, self.hydra_context.config_loader)
        os.environ[PARENT_VARIABLE] = str(os.getpid())
        with locked(self.folder) as free:
            if not free:
                raise CommandError(f"{self.folder}: another process is at this sweep; wait for it, or stop it.", FAILED)
            before = manifest.load(self.folder)
            if before is not None and self.task.flags.sweep is None:
                raise CommandError(f"{self.folder}: holds a sweep; go on with `genesis sweep resume`, or choose another folder.")
            self.stored = before or self._plan()
            OmegaConf.save(self.config, self.folder / "multirun.yaml")
            forget_stop(self.folder)
            try:
                with StopSignals(self.folder):
                    self.run()
            finally:
                self.task.outcomes[:] = report(self.folder, OmegaConf.select(self.config, "logging.report") is not False)

    def plan(self) -> list[list[str]]:
        """Overrides of each job, as far as they are known at the start.

        Raises: CommandError for a space that this sweeper cannot handle.
        """
        raise NotImplementedError

    def run(self) -> None:
        """Run what is missing."""
        self.complete(range(len(self.stored.jobs)))

    def complete(self, numbers: Iterable[int]) -> None:
        """Run those of the planned jobs that have no result; afterwards each has one, or the sweep was stopped."""
        self._begin_again(numbers)
        alone: list[int] = []
        batch = self._missing(numbers)
        while batch and not stop_asked(self.folder):
            error = self._launch(batch)
            left = self._missing(batch)
            suspects = [number for number in left if self._begun(number)]
            if len(left) == len(batch) and not suspects:  # nothing has run at all: the launcher itself is at fault
                if error is not None:
                    raise CommandError(f"the launcher could not run any job: {type(error).__name__}: {first_line(error)}", FAILED)
                break
            alone += suspects
            batch = [number for number in left if number not in suspects]
        for number in alone:
            if self._missing([number]) and not stop_asked(self.folder):
                self._launch([number])
                if self._missing([number]) and not stop_asked(self.folder):
                    fail(self.job_folder(number), KILLED, KILLED_REASON)

    def job_folder(self, number: int) -> Path:
        """Where a job lives."""
        return self.folder / str(number)

    def _plan(self) -> Manifest:
        made = manifest.describe(self.task.command, self.task.words, self.task.flags)
        made.jobs = self.plan()
        self._validate(made.jobs)
        manifest.store(made, self.folder)
        return made

    def _validate(self, jobs: Sequence[list[str]]) -> None:
        """Compose one job for each combination of options, so that a wrong key ends the sweep before it begins."""
        seen = set()
        for job in jobs:
            options = tuple(word for word in job if "." not in word.partition("=")[0])
            if options not in seen:
                seen.add(options)
                self.hydra_context.config_loader.load_sweep_config(self.config, [*self.words, *job])

    def _launch(self, numbers: Sequence[int]) -> Exception | None:
        """Hand jobs to the launcher; an error of the launcher (a process that died) is returned, not raised."""
        for number in numbers:  # processes of a sweep whose parent was killed may still be at work
            wait_until_free(self.job_folder(number))
        numbers = self._missing(numbers)
        if not numbers:
            return None
        place = f"hydra.sweep.dir={quoted(str(self.folder))}"
        words = [[*self.words, *self.stored.jobs[n], place, f"hydra.sweep.subdir={n}"] for n in numbers]
        try:
            self.hand_over(words, numbers[0])
        except CommandError:
            raise
        except Exception as error:
            console.note(
                f"a process of the launcher died ({type(error).__name__}); jobs without a result are tried again, once and alone."
            )
            return error
        return None

    def hand_over(self, words: list[list[str]], first: int) -> None:
        """Let the launcher run jobs; words: overrides of each, first: the number of the first."""
        self.launcher.launch(words, initial_job_idx=first)

    def _missing(self, numbers: Iterable[int]) -> list[int]:
        """Jobs without a result, or with one that only says where they were interrupted."""
        found = {number: read(self.job_folder(number) / RESULT) for number in numbers}
        return [number for number, result in found.items() if result is None or result.get("status") == INTERRUPTED]

    def _begun(self, number: int) -> bool:
        """The job's process has died, or could not write what it found."""
        return (self.job_folder(number) / MARKER).exists()

    def _begin_again(self, numbers: Iterable[int]) -> None:
        """Forget earlier attempts; those that failed keep their old result beside the new one if they are to run again."""
        for number in numbers:
            folder = self.job_folder(number)
            done = read(folder / MARKER)
            code = None if done is None else done.get("exit_code")
            killed = (read(folder / RESULT) or {}).get("status") == KILLED
            if self.task.flags.failed_too and (killed or code not in (None, 0)) and (folder / RESULT).exists():
                (folder / RESULT).rename(free_name(folder))
                (folder / "checkpoints" / "last.pt").unlink(missing_ok=True)
            if self._missing([number]):
                (folder / MARKER).unlink(missing_ok=True)


class Grid(SweepBody):
    """Every combination."""

    def __init__(self, **options: Any) -> None:
        self.most = options["max_jobs"]

    def plan(self) -> list[list[str]]:
        for axis in self.axes:
            if not axis.discrete:
                raise CommandError(f"{axis.key}: a grid needs values, not an interval; use sweep=random or sweep=optuna.")
        combinations = itertools.product(*([f"{axis.key}={value}" for value in axis.values] for axis in self.axes))
        jobs = [list(words) for words in itertools.islice(combinations, self.most + 1)]
        if len(jobs) > self.most:
            raise CommandError(
                f"the grid has more than {self.most} jobs; raise hydra.sweeper.max_jobs, or draw some with sweep=random."
            )
        return jobs


class Random(SweepBody):
    """Points by chance."""

    def __init__(self, **options: Any) -> None:
        self.samples, self.seed = options["samples"], options["seed"]

    def plan(self) -> list[list[str]]:
        need_axes(self.axes)
        source = random.Random(self.seed)
        return [[f"{axis.key}={axis.draw(source)}" for axis in self.axes] for _ in range(self.samples)]


def need_axes(axes: list[Axis]) -> None:
    """Raises: CommandError where nothing is swept."""
    if not axes:
        raise CommandError(
            "nothing is swept; give a KEY=a,b,c, KEY='interval(0, 1)' or KEY='tag(log, interval(1e-4, 1))' (in quotes)."
        )


def first_line(error: Exception) -> str:
    """Of its message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")


def free_name(folder: Path) -> Path:
    """failed-1.json, failed-2.json, …"""
    return next(name for k in itertools.count(1) if not (name := folder / f"failed-{k}.json").exists())


def quoted(text: str) -> str:
    """A text as one value of an override, whatever is in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
