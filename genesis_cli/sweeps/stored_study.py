"""A study as it lies in the folder of its sweep, for the processes of its jobs too: settings, database, and what ends jobs that do badly."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from genesis_cli.errors import CommandError
from genesis_cli.suggest import known
from genesis_cli.sweeps.results import read

STUDY, DATABASE, NAME = "study.json", "study.db", "sweep"
SAMPLERS = {
    "tpe": "TPESampler",
    "cmaes": "CmaEsSampler",
    "random": "RandomSampler",
    "gp": "GPSampler",
    "nsga2": "NSGAIISampler",
    "nsga3": "NSGAIIISampler",
    "qmc": "QMCSampler",
}
SINGLE = ("cmaes",)  # samplers of one objective
PRUNERS = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
}
BUSY_SECONDS = 120  # how long a process waits while others write to the database


@dataclass
class StudySettings:
    """What a study was made with; kept in study.json for the processes of its jobs."""

    sampler: str
    pruner: str
    seed: int
    report_every: int
    sampler_options: dict[str, Any] = field(default_factory=dict)
    pruner_options: dict[str, Any] = field(default_factory=dict)
    objectives: list[str] = field(default_factory=list)
    directions: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raises: CommandError for names that there are not, or that do not go together."""
        where = "hydra.sweeper"
        for key, name, table in (("sampler", self.sampler, SAMPLERS), ("pruner", self.pruner, PRUNERS)):
            if name not in table:
                raise CommandError(f'{where}.{key}: unknown {key} "{name}"; {known(name, table)}.')
        for direction in self.directions:
            if direction not in ("minimize", "maximize"):
                raise CommandError(f'{where}.directions: "{direction}" is not allowed; allowed: minimize, maximize.')
        if len(self.objectives) != len(self.directions) or not self.objectives:
            raise CommandError(
                f"{where}: {len(self.objectives)} objectives and {len(self.directions)} directions; give one direction for each."
            )
        if len(self.objectives) > 1 and self.pruner != "none":
            raise CommandError(f"{where}.pruner: pruning needs a single objective; give pruner=none.")
        if len(self.objectives) > 1 and self.sampler in SINGLE:
            raise CommandError(f"{where}.sampler: {self.sampler} knows a single objective; for several: tpe, gp, nsga2, nsga3.")


class Pruning:
    """Observer that reports the best objective so far, and ends the job where the pruner says so.

    Of several rounds the last alone counts: the earlier ones lower other functions, which say nothing of one another.
    """

    def __init__(self, trial: Any, every: int) -> None:
        self.trial, self.every = trial, every

    @classmethod
    def of(cls, sweep: Path, folder: Path) -> Self | None:
        """Of the job in a folder; None if its study does not prune."""
        settings = stored_settings(sweep)
        if settings.pruner == "none":
            return None
        study = open_study(sweep, settings, create=False)
        number = int(folder.name)
        frozen = next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
        return cls(optuna().trial.Trial(study, frozen._trial_id), settings.report_every)

    def __call__(self, report: Any) -> Any:
        """How the job has ended, or None."""
        if report.iteration % self.every or report.best is None or not report.last_round:
            return None
        self.trial.report(report.best.objective, report.iteration)
        if not self.trial.should_prune():
            return None
        from genesis.problems.problem import PRUNED, Verdict

        return Verdict(PRUNED, f"at iteration {report.iteration} worse than other trials were there")


def stored_settings(sweep: Path) -> StudySettings:
    """Of a sweep's study. Raises: CommandError for a file that is damaged."""
    try:
        return StudySettings(**(read(sweep / STUDY) or {}))
    except TypeError as error:
        raise CommandError(
            f"{sweep / STUDY}: cannot be read: cut off, or changed by hand; the study can be started anew alone."
        ) from error


def optuna() -> Any:
    """The package.

    Raises: CommandError naming the extra.
    """
    try:
        import optuna as package
    except ImportError:
        raise CommandError('sweep=optuna needs Optuna: pip install "genesis-optimize[optuna]".') from None
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def open_study(sweep: Path, settings: StudySettings, *, create: bool) -> Any:
    """The study in a sweep's folder, with its sampler and pruner."""
    import warnings

    package = optuna()
    warnings.simplefilter("ignore", package.exceptions.ExperimentalWarning)
    storage = _storage(sweep)
    try:
        pruner = getattr(package.pruners, PRUNERS[settings.pruner])(**settings.pruner_options)
        if not create:
            return package.load_study(study_name=NAME, storage=storage, pruner=pruner)
        sampler = getattr(package.samplers, SAMPLERS[settings.sampler])(seed=settings.seed, **settings.sampler_options)
    except (TypeError, ValueError) as error:
        raise CommandError(f"hydra.sweeper: sampler_options or pruner_options: {error}.") from error
    return package.create_study(
        study_name=NAME, storage=storage, sampler=sampler, pruner=pruner, directions=settings.directions, load_if_exists=True
    )


def _storage(sweep: Path) -> Any:
    """The database of a study. Raises: CommandError for one that is damaged."""
    package = optuna()
    try:
        return package.storages.RDBStorage(
            f"sqlite:///{sweep / DATABASE}", engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}}
        )
    except Exception as error:  # of SQLAlchemy, which is Optuna's
        why = (str(error).splitlines() or [""])[0]
        raise CommandError(f"{sweep / DATABASE}: cannot be read as a study ({type(error).__name__}: {why}).") from error
