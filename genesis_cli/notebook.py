"""`gs.compose`: the configs of the command line as objects, for notebooks and scripts. Nothing is printed or, without a folder, written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, overload

from omegaconf import OmegaConf

from genesis.errors import InputError
from genesis_cli.aliases import expand_all
from genesis_cli.build import (
    absolute_files,
    build_identification,
    build_loop,
    build_problem,
    build_record,
    build_task,
    engine_differs,
    start_engine,
)
from genesis_cli.commands.sysid import write_answer
from genesis_cli.compose import compose_with_sources
from genesis_cli.errors import CommandError
from genesis_cli.hydra_errors import as_command_error, is_hydra_error
from genesis_cli.job import Job
from genesis_cli.suggest import known
from genesis_cli.validate import Checked, check

if TYPE_CHECKING:
    from genesis.grad.check import Report, Steps
    from genesis.runners.iteration import Observer
    from genesis.runners.loop import Result
    from genesis.runners.simulate import Simulated
    from genesis.sysid.outcome import Comparison
    from genesis.sysid.result import Identification


@overload
def compose(*overrides: str, command: Literal["optimize"] = "optimize", config_dirs: Sequence[str | Path] = ()) -> "Learning": ...


@overload
def compose(*overrides: str, command: Literal["sysid"], config_dirs: Sequence[str | Path] = ()) -> "Identifying": ...


def compose(*overrides: str, command: str = "optimize", config_dirs: Sequence[str | Path] = ()) -> Any:
    """The problem of `genesis COMMAND OVERRIDES`: a `Learning`, or with command="sysid" an `Identifying`.

    The config is checked here; scene and parameters are built when they are first asked for, with the engine that the config's `runtime`
    asks for, which is started unless it runs.

    Args:
        overrides: words as on the command line, "task=reach", "optimizer.lr=0.05".
        command: the one whose configs they change.
        config_dirs: further folders with configs, as --config-dir.

    Raises: InputError for everything that the command would call wrong, with its words.
    """
    if command not in PROBLEMS:
        raise InputError(f'command: "{command}" cannot be composed; {known(command, PROBLEMS)}.')
    words, folders = list(overrides), [str(folder) for folder in config_dirs]
    with _library_errors(command, words, folders):
        missing = next((folder for folder in folders if not Path(folder).is_dir()), None)
        if missing is not None:
            raise CommandError(f"config_dirs: folder {missing} does not exist.")
        found = compose_with_sources(command, words, folders)
        job = Job(command, found.cfg, Path.cwd(), words, found.choices, found.sources, resume=False)
        absolute_files(job)
        return PROBLEMS[command](CheckedConfig(found.cfg, check(found.cfg)))


class CheckedConfig:
    """A checked config, and what all that is made from it shares.

    text: the composed config, with absolute paths. seconds: spent on building, by phase.
    """

    def __init__(self, cfg: Any, checked: Checked) -> None:
        self.cfg, self.checked = cfg, checked
        self.text, self.seconds = OmegaConf.to_yaml(cfg), dict[str, float]()

    def built(self, make: Callable[[Checked], Any]) -> Any:
        """What `make` makes of the config, on the engine that it asks for. Raises: InputError, as for an engine that runs otherwise."""
        from genesis import runtime as engine

        runtime = self.checked.plain["runtime"]
        differs = engine_differs(runtime) if engine.initialized() else None
        if differs is not None:
            raise InputError(
                f"runtime.{differs}: {getattr(runtime, differs)}, but the engine runs otherwise; compose it as gs.init was called, "
                "or call gs.destroy() first, which ends all scenes."
            )
        begun = perf_counter()
        start_engine(runtime)
        started = perf_counter()
        with _library_errors("", [], []):
            made = make(self.checked)
        self.seconds = {"engine": started - begun, "build": perf_counter() - started}
        return made

    def run(
        self, make: Callable[..., Any], problem: Any, observers: "Sequence[Observer]", folder: Path | None
    ) -> tuple[Any, "Result"]:
        """The loop that `make` makes (`build.build_loop` or its like), run to its end, with its record in the folder, if there is one."""
        loop = make(self.checked, problem, seconds=self.seconds, observers=list(observers))
        if folder is not None:
            loop.record = build_record(self.checked, self.cfg, folder)
        return loop, loop.run()


class Learning:
    """A task with its parameters, and how they are learned.

    config: the composed config, with absolute paths, as text.
    """

    def __init__(self, made: CheckedConfig) -> None:
        self._checked, self.config = made, made.text

    @cached_property
    def task(self) -> Any:
        """`genesis.tasks.Task`: judges parameters. Raises: InputError, as for an engine that runs otherwise than the config asks for."""
        return self._checked.built(build_task)

    @property
    def scene(self) -> Any:
        """The built `gs.Scene`."""
        return self.task.setting.scene

    @property
    def parameters(self) -> dict[str, Any]:
        """By name: `value()`, `set_value(tensor)`, `bounds()`, `labels()`; see `genesis.parameters.Parameter`."""
        found: dict[str, Any] = self.task.parameters
        return found

    def solve(self, observers: "Sequence[Observer]" = (), folder: str | Path | None = None) -> "Result":
        """Learn from where the parameters are, until the config's `stop`; they are at the best point afterwards.

        Args:
            observers: are told about every iteration (`genesis.runners.iteration.IterationReport`); a `Verdict` that one returns ends the run.
            folder: where the files of a run are written; None: nowhere.

        Returns: `status` and `reason` say how it ended (`error`: what failed, where something did), the other fields what was reached.

        Raises: InputError for what cannot be learned, and for a folder that holds a run.
        """
        place = _free(folder)
        _, result = self._checked.run(build_loop, self.task, observers, place)
        return result

    def simulate(self) -> "Simulated":
        """One rollout of the present parameters: objective, terms, metrics, arrays of the trajectory."""
        from genesis.runners.simulate import simulate

        return simulate(self.task)

    def gradcheck(
        self, *, directions: int = 3, steps: "Steps | None" = None, tolerance: float = 1e-6, seed: int | None = None
    ) -> "Report":
        """The gradient in each parameter against differences, as `gs.gradcheck`; seed: None is that of the config.

        Raises: InputError with runtime.precision=32.
        """
        from genesis.runners.gradcheck import gradcheck

        seed = self._checked.checked.plain["runtime"].seed if seed is None else seed
        return gradcheck(self.task, directions=directions, steps=steps, tolerance=tolerance, seed=seed)


class Identifying:
    """Recordings of a robot with what is unknown of it, and how that is identified.

    config: the composed config, with absolute paths, as text.
    """

    def __init__(self, made: CheckedConfig) -> None:
        self._checked, self.config = made, made.text

    @cached_property
    def problem(self) -> Any:
        """`genesis.sysid.problem.RecordingProblem`: recordings, windows, channels. Raises: InputError, as `Learning.task`."""
        return self._checked.built(build_problem)

    @property
    def scene(self) -> Any:
        """The built `gs.Scene`."""
        return self.problem.setting.scene

    @property
    def parameters(self) -> dict[str, Any]:
        """By name, as `Learning.parameters`; of what each recording has of its own, the start."""
        found: dict[str, Any] = self.problem.parameters
        return found

    def solve(self, observers: "Sequence[Observer]" = (), folder: str | Path | None = None) -> "Identification":
        """Identify from where the parameters are, until the config's `stop`; they are at the estimates afterwards.

        Args: as `Learning.solve`; a folder also gets the report and the identified models. What cannot be written is among the warnings.

        Returns: estimates with standard deviations and intervals, root mean square errors, curves, warnings; `status` and `reason`.

        Raises: InputError for what cannot be identified, and for a folder that holds a run; what failed, where no start could be simulated.
        """
        from genesis.runners.identify import found

        place = _free(folder)
        self.problem.simulations = 0
        loop, result = self._checked.run(build_identification, self.problem, observers, place)
        made = found(loop.problem, result)
        if made is None:
            raise KeyboardInterrupt if result.error is None else result.error  # without a first value nothing else ends a run
        if place is not None:
            write_answer(place, made, loop, result, self._checked.checked, self.config, made.warnings.append)
        self.problem.keep(loop.problem.squares.x)
        return made

    def simulate(self) -> "Comparison":
        """The recordings simulated with the present parameters from measured start states: errors (`rmse`) and curves (`traces`)."""
        from genesis.sysid.outcome import compare
        from genesis.sysid.residuals import of_windows

        x = of_windows(self.problem, 0.0).first()
        return compare(self.problem, x, x)


#: What a command's config becomes.
PROBLEMS: dict[str, Any] = {"optimize": Learning, "sysid": Identifying}


def _free(folder: str | Path | None) -> Path | None:
    """The folder of a run, if one is asked for. Raises: InputError if it holds a finished one."""
    place = None if folder is None else Path(folder)
    if place is not None and (place / "result.json").exists():
        raise InputError(f"folder: {place} holds a finished run; choose another one.")
    return place


@contextmanager
def _library_errors(command: str, words: list[str], config_dirs: list[str]) -> Iterator[None]:
    """What the command line would say, as errors of the library."""
    try:
        yield
    except CommandError as error:
        raise InputError(str(error)) from error
    except Exception as error:
        if not is_hydra_error(error):
            raise
        raise InputError(str(as_command_error(error, command, expand_all(words), config_dirs))) from error
