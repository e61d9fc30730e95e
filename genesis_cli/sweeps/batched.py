"""`launcher=batched`: all jobs of a sweep in one process, as environments of one batched simulation.

The jobs are composed from the first: one composition by Hydra, then the numbers in which each job differs.
"""

import contextlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.errors import CommandError
from genesis_cli.hydra_task import TaskFunction
from genesis_cli.job import Command, Job, Work
from genesis_cli.sweeps.jobs import attend

REMEDY = "run it with another launcher, such as launcher=joblib"


class Batched:
    """Hydra's launcher interface: `setup`, then `launch` for each lot of jobs."""

    hydra_context: Any = None
    config: Any = None
    task: TaskFunction

    def __init__(self, **options: Any) -> None:
        self.most = options["most"]

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Hydra's. Raises: CommandError for a command whose jobs cannot run together."""
        self.hydra_context, self.config, self.task = hydra_context, config, task_function
        self.together = together_of(self.task.command)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[Any]:
        """Run jobs; each leaves its own folder, as with any launcher. The list of Hydra's own returns stays empty."""
        from hydra.core.utils import configure_log, setup_globals

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        for first in range(0, len(job_overrides), self.most):
            lot = job_overrides[first : first + self.most]
            console.note(f"{len(lot)} jobs as environments of one simulation")
            self.together(self._jobs(lot), partial(attended, self.task.outcomes))
        return []

    def _jobs(self, lot: Sequence[Sequence[str]]) -> list[Job]:
        """Compose the first job, and the others from it."""
        from omegaconf import open_dict

        base = self.hydra_context.config_loader.load_sweep_config(self.config, list(lot[0]))
        choices = {k: v for k, v in base.hydra.runtime.choices.items() if isinstance(v, str)}
        sources = [Path(s.path) for s in base.hydra.runtime.config_sources if s.schema == "file"]
        with open_dict(base):
            del base["hydra"]
        return jobs_from(self.task.command, lot, base, choices, sources, Path(self.config.hydra.sweep.dir).resolve())


def jobs_from(
    command: Command, lot: Sequence[Sequence[str]], base: Any, choices: dict[str, str], sources: list[Path], sweep: Path
) -> list[Job]:
    """The jobs of one batch, made from the config of the first, which differ from it in numbers only.

    lot: overrides of each, with Hydra's own. base, choices, sources: of the first. sweep: the folder of all.
    Raises: CommandError for a job that differs in an option or a term.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    parser, jobs = OverridesParser.create(), []
    for words in lot:
        own = [word for word in words if word not in lot[0] or word.startswith("hydra.")]
        cfg = deepcopy(base)
        for override in parser.parse_overrides([word for word in own if not word.startswith("hydra.")]):
            key = override.get_key_element()
            if "." not in key or key[0] in "+~":
                raise CommandError(f"{key}: jobs of one batch differ only in numbers, not in options or terms; {REMEDY}.")
            OmegaConf.update(cfg, key, override.value())
        overrides = [word for word in words if not word.startswith("hydra.")]
        jobs.append(Job(command.name, cfg, sweep / number_of(words), overrides, choices, sources, resume=False, sweep=sweep))
    return jobs


def number_of(words: Sequence[str]) -> str:
    """The number of a job, by its overrides."""
    return next(word.partition("=")[2] for word in words if word.startswith("hydra.sweep.subdir="))


def attended(outcomes: list[int], job: Job, work: Work) -> None:
    """A job of a batch with its folder kept around its work; outcomes: gets its exit code."""
    note_overrides(job)
    with contextlib.suppress(CommandError):  # told already, and in the job's result
        attend(job, work, outcomes)


def together_of(command: Command) -> Callable[..., None]:
    """The function that runs several jobs of a command at once.

    Raises: CommandError if the command has none.
    """
    if command.together is None or command.options:
        raise CommandError(f"launcher=batched: `genesis {command.name}` cannot run jobs together (optimize can); {REMEDY}.")
    return command.together


def note_overrides(job: Job) -> None:
    """What Hydra's launchers write into .hydra/, so that the folder says where it came from."""
    import yaml

    from genesis.runners.files import write_bytes

    (job.folder / ".hydra").mkdir(parents=True, exist_ok=True)
    write_bytes(job.folder / ".hydra" / "overrides.yaml", yaml.safe_dump(job.overrides).encode())
