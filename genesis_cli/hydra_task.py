"""What Hydra calls with the config of each job, in this process or in one of a launcher's."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genesis_cli.job import Attend, Command, Flags, Job


@dataclass
class TaskFunction:
    """Hydra's task function.

    attend: what keeps the folder of a job around its work. words: overrides as typed, aliases expanded.
    outcomes: exit codes of the jobs that ran in this process. batches: overrides of the jobs that run together, by the number of the first,
    which alone a launcher knows of; run_batch: what runs them, (command, first job, their overrides, outcomes).
    """

    command: Command
    flags: Flags
    words: list[str]
    attend: Attend
    outcomes: list[int] = field(default_factory=list)
    batches: dict[str, list[list[str]]] = field(default_factory=dict)
    run_batch: Callable[[Command, Job, list[list[str]], list[int]], None] | None = None

    def __call__(self, cfg: Any) -> float | None:
        logging.raiseExceptions = False  # a log that cannot be written, on a full disk, must not bury the message
        job = job_of(self.command.name, cfg, self.flags)
        if self.run_batch is not None and job.folder.name in self.batches:
            self.run_batch(self.command, job, self.batches[job.folder.name], self.outcomes)
            return None
        return self.attend(job, self.command, self.outcomes)


def job_of(command: str, cfg: Any, flags: Flags) -> Job:
    """The job that Hydra runs now."""
    from hydra.core.hydra_config import HydraConfig

    hydra_cfg = HydraConfig.get()
    sources = [Path(s.path) for s in hydra_cfg.runtime.config_sources if s.schema == "file"]
    return Job(
        command=command,
        cfg=cfg,
        folder=Path(hydra_cfg.runtime.output_dir),
        overrides=list(hydra_cfg.overrides.task),
        choices={k: v for k, v in hydra_cfg.runtime.choices.items() if isinstance(v, str)},
        sources=sources,
        resume=flags.resume is not None,
        sweep=Path(hydra_cfg.sweep.dir).resolve() if flags.multirun else None,
    )
