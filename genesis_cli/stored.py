"""Runs that are stored: their solution, and their task made again. Imports torch and taichi when called for those."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis_cli.errors import CommandError

if TYPE_CHECKING:
    from genesis.runners.stored import Solution
    from genesis_cli.validate import Checked


def load_solution(run: str | Path) -> "Solution":
    """What a run found, as numpy data with names and units: `genesis.runners.stored.Solution`.

    The engine is not needed, and not started, but for runs of versions that stored no names of joints: their task is made again.

    Args:
        run: the folder of a run of `genesis optimize` or `genesis simulate`.

    Raises: InputError for a folder that is no run, or has no motion.
    """
    return stored_run(run)[0]


def stored_run(run: str | Path) -> tuple["Solution", Callable[[], Any]]:
    """The solution of a run, and what makes its task, once. Raises: as `load_solution`."""
    from genesis.runners.stored import read_solution

    folder = Path(run).expanduser()
    task = cache(lambda: task_of(folder))

    def meaning() -> dict[str, Any]:
        from genesis.runners.solution import meaning_arrays

        return meaning_arrays(task())

    return read_solution(folder, meaning), task


def task_of(folder: Path) -> Any:
    """The task of a run on its scene, with the parameters that it found; the engine that runs is used, else one on the CPU is started.

    Raises: InputError for a config that cannot be read, or files of it that have moved.
    """
    return task_of_checked(folder, checked_of(folder))


def task_of_checked(folder: Path, checked: "Checked") -> Any:
    """The same of a run whose config has been read."""
    from genesis.runners.solution import load_parameters
    from genesis.runners.stored import FILES
    from genesis.runtime import initialized
    from genesis_cli.build import build_task, start_engine

    if not initialized():
        start_engine(checked.plain["runtime"])
    task = build_task(checked)
    if (
        checked.task.kind != "episodes"
    ):  # whose policy comes with statistics of what it has seen, and is restored by `TrainingProblem`
        load_parameters(task, next(folder / name for name in FILES if (folder / name).is_file()))
    return task


def checked_of(folder: Path) -> "Checked":
    """The config of a run, for its scene and parameters alone. Raises: InputError where it cannot be read."""
    from omegaconf import OmegaConf

    from genesis.errors import InputError
    from genesis_cli.run_folder import stored_config
    from genesis_cli.validate import check

    try:
        stored = stored_config(folder / "config.yaml")
    except CommandError as error:
        raise InputError(str(error)) from error
    try:
        OmegaConf.resolve(stored)  # a parameter may name numbers of a loss
        # a scene is made, and nothing is learned or simulated: any optimizer will do, so that keys of other versions do no harm, any loss, so
        # that a user's need not be there, and the CPU
        stored["optimizer"], stored["loss"] = {"kind": "adam"}, {"any": {"kind": "velocity"}}
        stored["runtime"]["backend"] = "cpu"
        stored.pop("polish", None)
        return check(stored)
    except CommandError as error:
        raise InputError(f"{folder / 'config.yaml'}: {error}") from error
    except Exception as error:  # a damaged file raises almost anything
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{folder / 'config.yaml'}: cannot be read: {first}.") from error
