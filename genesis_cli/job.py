"""One job and the command behind it: what passes between the command line, Hydra, sweeps and commands. Imports none of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Flags:
    """Hydra's own flags and the modes of a command, as typed options."""

    multirun: bool = False
    cfg: str | None = None
    resolve: bool = False
    package: str | None = None
    info: str | None = None
    config_dir: str | None = None
    config_name: str | None = None
    resume: str | None = None
    rerun: str | None = None
    sweep: str | None = None  # folder of a sweep that goes on
    failed_too: bool = False  # going on, it runs the jobs that failed again

    @property
    def only_shows(self) -> bool:
        """Nothing runs: a config or Hydra's state is printed."""
        return self.cfg is not None or self.info is not None

    def argv(self) -> list[str]:
        """As Hydra's own command line spells them."""
        words: list[str] = []
        if self.multirun:
            words.append("--multirun")
        if self.resolve:
            words.append("--resolve")
        for name in ("cfg", "package", "info", "config_dir"):
            value = getattr(self, name)
            if value is not None:
                words += [f"--{name.replace('_', '-')}", value]
        return words


@dataclass
class Job:
    """One composed job: what a command needs to know about where it runs. sweep: the folder of the sweep that it belongs to.

    observers: makes what a sweep wants to have in the loop of its jobs, to stop them, to prune them; nothing for a single run.
    """

    command: str
    cfg: Any
    folder: Path
    overrides: list[str]
    choices: dict[str, str]
    sources: list[Path]
    resume: bool
    sweep: Path | None = None
    observers: Callable[[], list[Any]] = list

    @property
    def log(self) -> Path:
        """Where it is logged."""
        return self.folder / f"{self.command}.log"


@dataclass
class Outcome:
    """How a job ended; `value` is what a sweeper minimises. An interrupted job ends a multirun."""

    exit_code: int
    value: float | None = None
    interrupted: bool = False


Work = Callable[[Job], Outcome]
#: Keeps a job's folder around its work: (job, work, exit codes of the jobs of this process) -> what a sweeper minimises.
Attend = Callable[[Job, Work, list[int]], float | None]


@dataclass(frozen=True)
class Command:
    """What stands behind a subcommand that runs jobs.

    name: of its config. execute: one job, (job, **options). together: several jobs as one batch, (jobs, attend), if it can.
    """

    name: str
    execute: Callable[..., Outcome]
    together: Callable[[list[Job], Callable[[Job, Work], None]], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, job: Job) -> Outcome:
        """Run one job."""
        return self.execute(job, **self.options)
