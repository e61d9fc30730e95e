"""`sweep=optuna`: a study in the sweep's folder proposes jobs, hears how they end, and stops those that do badly."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from genesis_cli.errors import CommandError
from genesis_cli.suggest import known
from genesis_cli.sweeps import manifest
from genesis_cli.sweeps.jobs import RESULT, SUCCEEDED, objective, read, write
from genesis_cli.sweeps.space import Axis
from genesis_cli.sweeps.sweeper import SweepBody, need_axes
from genesis_cli.sweeps.watch import stop_asked

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
NOT_REACHED = ("not_converged", *SUCCEEDED)  # statuses whose numbers count


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


class Study(SweepBody):
    """Ask for jobs, run them, tell how they ended."""

    def __init__(self, **options: Any) -> None:
        self.trials, self.parallel = options.pop("trials"), options.pop("parallel")
        for name in ("sampler_options", "pruner_options"):
            options[name] = dict(options[name] or {})
        self.settings = StudySettings(**{name: plain(value) for name, value in options.items()})

    def plan(self) -> list[list[str]]:
        """Nothing is planned: the study decides on the way."""
        need_axes(self.axes)
        self.settings.check()
        optuna()
        middle = [f"{axis.key}={axis.values[0] if axis.discrete else axis.low}" for axis in self.axes]
        self._validate([middle])
        return []

    def run(self) -> None:
        write(self.folder / STUDY, asdict(self.settings))
        study = open_study(self.folder, self.settings, create=True)
        states = optuna().trial.TrialState
        distributions = {axis.key: distribution(axis) for axis in self.axes}
        self._again(study)
        while not stop_asked(self.folder):
            trials = study.get_trials(deepcopy=False)
            open_ones = [trial.number for trial in trials if not trial.state.is_finished()]
            wanted = min(self.parallel, self.trials - len(trials) + len(open_ones)) - len(open_ones)
            asked = [study.ask(distributions).number for _ in range(wanted)]
            numbers = sorted([*open_ones, *asked])
            if not numbers:
                return
            self._note(study, numbers)
            self.complete(numbers)
            for number in numbers:
                self._tell(study, number, states)

    def _note(self, study: Any, numbers: list[int]) -> None:
        """Put the jobs of these trials into the manifest: trial n is job n."""
        trials = study.get_trials(deepcopy=False)
        jobs = self.stored.jobs
        jobs += [[] for _ in range(max(numbers) + 1 - len(jobs))]
        for number in numbers:
            jobs[number] = [f"{axis.key}={spelled(trials[number].params[axis.key])}" for axis in self.axes]
        manifest.store(self.stored, self.folder)

    def _tell(self, study: Any, number: int, states: Any) -> None:
        """How the job of a trial ended; one that was stopped stays open, so that it goes on later."""
        if self._missing([number]):
            return
        result = read(self.job_folder(number) / RESULT) or {}
        if result.get("status") == "pruned":
            study.tell(number, state=states.PRUNED, skip_if_finished=True)
            return
        values = [value_at(result, name) for name in self.settings.objectives]
        good = result.get("status") in NOT_REACHED and all(v is not None and math.isfinite(v) for v in values)
        if good:
            study.tell(number, values, skip_if_finished=True)
        else:
            study.tell(number, state=states.FAIL, skip_if_finished=True)

    def _again(self, study: Any) -> None:
        """Going on with the failed ones: ask for their points once more, as new trials."""
        if self.task.flags.failed_too:
            for trial in study.get_trials(deepcopy=False):
                if trial.state.name == "FAIL":
                    study.enqueue_trial(trial.params, skip_if_exists=False)


class Pruning:
    """Observer that reports the best objective so far, and ends the job where the pruner says so."""

    def __init__(self, trial: Any, every: int) -> None:
        self.trial, self.every = trial, every

    @classmethod
    def of(cls, sweep: Path, folder: Path) -> Self | None:
        """Of the job in a folder; None if its study does not prune."""
        settings = StudySettings(**(read(sweep / STUDY) or {}))
        if settings.pruner == "none":
            return None
        study = open_study(sweep, settings, create=False)
        number = int(folder.name)
        frozen = next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
        return cls(optuna().trial.Trial(study, frozen._trial_id), settings.report_every)

    def __call__(self, report: Any) -> Any:
        """How the job has ended, or None."""
        if report.iteration % self.every or report.best is None:
            return None
        self.trial.report(report.best.objective, report.iteration)
        if not self.trial.should_prune():
            return None
        from genesis.problems.problem import PRUNED, Verdict

        return Verdict(PRUNED, f"at iteration {report.iteration} worse than other trials were there")


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
    storage = package.storages.RDBStorage(
        f"sqlite:///{sweep / DATABASE}", engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}}
    )
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


def distribution(axis: Axis) -> Any:
    """Optuna's description of an axis."""
    made = optuna().distributions
    if axis.discrete:
        return made.CategoricalDistribution(axis.values)
    if axis.whole:
        return made.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return made.FloatDistribution(axis.low, axis.high, log=axis.log)


def plain(value: Any) -> Any:
    """A value of Hydra's config without its wrapping."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def spelled(value: Any) -> str:
    """A value as an override writes it, with every digit."""
    return value if isinstance(value, str) else repr(value)


def value_at(result: dict[str, Any], name: str) -> float | None:
    """A number of a result by its dotted key; `objective` is that of any command."""
    if name == "objective":
        return objective(result)
    found: Any = result
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return float(found) if isinstance(found, (int, float)) else None
