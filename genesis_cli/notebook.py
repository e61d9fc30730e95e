"""`gs.compose`: the configs of the command line as objects, for notebooks and scripts. Nothing is printed or, without a folder, written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from genesis.errors import InputError
from genesis_cli.aliases import expand_all
from genesis_cli.build import absolute_files, build_loop, build_task, engine_differs, settings, start_engine
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


def compose(*overrides: str, command: str = "optimize", config_dirs: Sequence[str] = ()) -> "Learning":
    """The problem of `genesis COMMAND OVERRIDES`.

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
        return PROBLEMS[command](found.cfg, check(found.cfg))


class Learning:
    """A task with its parameters, and how they are learned.

    config: the composed config, with absolute paths, as text.
    """

    def __init__(self, cfg: Any, checked: Checked) -> None:
        self._cfg, self._checked, self._seconds = cfg, checked, 0.0
        self.config = OmegaConf.to_yaml(cfg)

    @cached_property
    def task(self) -> Any:
        """`genesis.tasks.Task`: judges parameters. Raises: InputError, as for an engine that runs otherwise than the config asks for."""
        from genesis import runtime as engine

        runtime = self._checked.plain["runtime"]
        differs = engine_differs(runtime) if engine.initialized() else None
        if differs is not None:
            raise InputError(
                f"runtime.{differs}: {getattr(runtime, differs)}, but the engine runs otherwise; compose it as gs.init was called, "
                "or call gs.destroy() first, which ends all scenes."
            )
        start = perf_counter()
        start_engine(runtime)
        with _library_errors("", [], []):
            task = build_task(self._checked)
        self._seconds = perf_counter() - start
        return task

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
            observers: are told about every iteration (`genesis.runners.iteration.IterationReport`); a `genesis.problems.problem.Verdict` that
                they return ends the run.
            folder: where the files of a run are written; None: nowhere.

        Returns: `status` and `reason` say how it ended (`error`: what failed, where something did), the other fields what was reached.

        Raises: InputError for what cannot be learned, and for a folder that holds a run.
        """
        place = None if folder is None else Path(folder)
        if place is not None and (place / "result.json").exists():
            raise InputError(f"folder: {place} holds a finished run; choose another one.")
        task = self.task
        loop = build_loop(self._checked, task, seconds={"build": self._seconds}, observers=list(observers))
        if place is not None:
            self._write_to(place, loop)
        result: Result = loop.run()
        return result

    def _write_to(self, folder: Path, loop: Any) -> None:
        from genesis.runners.files import write_bytes
        from genesis.runners.record import Record, RecordOptions

        writing = self._checked.plain["logging"]
        hyperparameters = settings(self._cfg) if writing.tensorboard else None
        loop.record = Record(folder, RecordOptions(self.config, hyperparameters, writing.tensorboard, writing.every))
        write_bytes(folder / "config.yaml", self.config.encode())

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

        seed = self._checked.plain["runtime"].seed if seed is None else seed
        return gradcheck(self.task, directions=directions, steps=steps, tolerance=tolerance, seed=seed)


#: What a command's config becomes.
PROBLEMS: dict[str, Any] = {"optimize": Learning}


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
