"""Schema of our sweepers and of the batched launcher, under the names that Hydra knows them by."""

from dataclasses import dataclass, field
from typing import Any

PACKAGE = "hydra_plugins.genesis_sweeps"


@dataclass
class GridConf:
    """max_jobs: largest number of combinations."""

    _target_: str = f"{PACKAGE}.GridSweeper"
    max_jobs: int = 10000


@dataclass
class RandomConf:
    """samples: number of jobs. seed: of the choice."""

    _target_: str = f"{PACKAGE}.RandomSweeper"
    samples: int = 20
    seed: int = 0


@dataclass
class OptunaConf:
    """trials: number of jobs in all. parallel: how many at a time. seed: of the sampler.

    sampler: tpe, cmaes, random, gp, nsga2, nsga3, qmc. pruner: none, median, percentile, halving, hyperband. sampler_options,
    pruner_options: keyword arguments of Optuna's classes, as a mapping. report_every: iterations between two values that the pruner sees.
    objectives: what is best, keys of result.json such as objective, metrics.miss_mm, seconds.loop; directions: of each.
    """

    _target_: str = f"{PACKAGE}.OptunaSweeper"
    trials: int = 20
    parallel: int = 1
    seed: int = 0
    sampler: str = "tpe"
    sampler_options: Any = None
    pruner: str = "none"
    pruner_options: Any = None
    report_every: int = 1
    objectives: list[str] = field(default_factory=lambda: ["objective"])
    directions: list[str] = field(default_factory=lambda: ["minimize"])


@dataclass
class BatchesConf:
    """max_jobs: largest number of combinations. batch: candidates simulated together; null: as many batches as the launcher has processes
    (hydra.launcher.n_jobs, else the cores of this machine)."""

    _target_: str = f"{PACKAGE}.BatchesSweeper"
    max_jobs: int = 10000
    batch: int | None = None


@dataclass
class BatchedConf:
    """most: largest number of candidates simulated together; more are run one lot after another."""

    _target_: str = f"{PACKAGE}.BatchedLauncher"
    most: int = 1024


SWEEPS: dict[str, dict[str, type]] = {
    "hydra/sweeper": {
        "genesis_grid": GridConf,
        "genesis_batches": BatchesConf,
        "genesis_random": RandomConf,
        "genesis_optuna": OptunaConf,
    },
    "hydra/launcher": {"genesis_batched": BatchedConf},
}
#: The extra that brings a launcher or sweeper of others.
EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit", "submitit_slurm": "submitit"}
