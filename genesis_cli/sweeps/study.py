"""`sweep=optuna`: a study in the sweep's folder proposes jobs and hears how they end."""

import math
from dataclasses import asdict
from typing import Any

from genesis_cli import console
from genesis_cli.errors import CommandError
from genesis_cli.sweeps import manifest
from genesis_cli.sweeps.measure import changing, in_words, measures, split_of
from genesis_cli.sweeps.results import RESULT, SUCCEEDED, objective, read, write
from genesis_cli.sweeps.space import Axis
from genesis_cli.sweeps.stored_study import STUDY, StudySettings, open_study, optuna
from genesis_cli.sweeps.sweeper import SweepBody, need_axes
from genesis_cli.sweeps.watch import stop_asked

NOT_REACHED = ("not_converged", "does_not_fit", *SUCCEEDED)  # statuses whose numbers count


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
        self._expect_comparable()
        optuna()
        middle = [f"{axis.key}={axis.values[0] if axis.discrete else axis.low}" for axis in self.axes]
        self._validate([middle])
        self._expect_measure(middle)
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
        values = [self._value(number, result, name) for name in self.settings.objectives]
        good = result.get("status") in NOT_REACHED and all(v is not None and math.isfinite(v) for v in values)
        if good:
            study.tell(number, values, skip_if_finished=True)
        else:
            study.tell(number, state=states.FAIL, skip_if_finished=True)

    def _value(self, number: int, result: dict[str, Any], name: str) -> float | None:
        """A number that the study compares; in place of an objective that the study itself changes, the measure, as of the jobs before.

        None, which fails the trial, where there is none: that is told.
        """
        changed = changing(axis.key for axis in self.axes)
        if name != "objective" or not changed:
            return value_at(result, name)
        before = [one for n in range(number) if (one := read(self.job_folder(n) / RESULT)) is not None]
        first = next((one for one in before if measures([one])[0] is not None), result)
        found = measures([*before, result], split_of([first]))[-1]
        if found is None and value_at(result, name) is not None:
            console.note(f"job {number} counts as failed: {self._incomparable(changed)}", "yellow")
        return found

    def _incomparable(self, changed: list[str]) -> str:
        return (
            f"{', '.join(changed)}: part of the objective, so the study cannot compare by it, and there is no tolerance or error in its place; "
            "give the task a tolerance, or name what to compare: hydra.sweeper.objectives=[metrics.NAME]."
        )

    def _expect_comparable(self) -> None:
        """Raises: CommandError for settings that need objectives of jobs to be comparable, where a swept key changes the objective."""
        changed = changing(axis.key for axis in self.axes)
        if not changed:
            return
        if self.settings.pruner != "none":
            raise CommandError(
                f"hydra.sweeper.pruner: {', '.join(changed)} is part of the objective, by which pruners compare jobs; give pruner=none."
            )
        for name, direction in zip(self.settings.objectives, self.settings.directions, strict=True):
            if name == "objective" and direction == "maximize":
                raise CommandError(
                    f"hydra.sweeper.directions: {', '.join(changed)} is part of the objective, in whose place a measure is minimised; name "
                    "what to compare: hydra.sweeper.objectives=[metrics.NAME]."
                )
        console.note(in_words(changed), "yellow")

    def _expect_measure(self, job: list[str]) -> None:
        """Raises: CommandError for a task without any tolerance, where jobs have nothing else to be compared by."""
        changed = changing(axis.key for axis in self.axes)
        if not changed or "objective" not in self.settings.objectives:
            return
        made = self.hydra_context.config_loader.load_sweep_config(self.config, [*self.words, *job])
        task = made.get("task")
        if (
            task is None
            or "observation" in made
            or any(axis.key == "task" or axis.key.endswith("tolerance") for axis in self.axes)
        ):
            return
        if all(task[name] is None for name in task if str(name).endswith("tolerance")):
            raise CommandError(self._incomparable(changed))

    def _again(self, study: Any) -> None:
        """Going on with the failed ones: ask for their points once more, as new trials."""
        if self.task.flags.failed_too:
            for trial in study.get_trials(deepcopy=False):
                if trial.state.name == "FAIL":
                    study.enqueue_trial(trial.params, skip_if_exists=False)


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
