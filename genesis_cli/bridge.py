"""From Typer to Hydra: the only file that knows both worlds. Sets sys.argv, calls the public hydra.main, gathers outcomes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genesis_cli.errors import FAILED, OK, CommandError
from genesis_cli.failures import UNWRITABLE, guarded, unwritable
from genesis_cli.hydra_task import TaskFunction
from genesis_cli.job import Attend, Command, Flags
from genesis_cli.run_folder import drop_if_unused, run_folder, stored_config


def run(command: Command, overrides: list[str], flags: Flags) -> int:
    """Compose the config of `command`, run it on that (or on each job of a multirun), return the exit code."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and exiting
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # user functions are importable from the working folder

    from genesis_cli.aliases import expand_all
    from genesis_cli.compose import register_schema
    from genesis_cli.hydra_errors import as_command_error, is_hydra_error
    from genesis_cli.paths import config_dir

    stored = _stored_run(flags)
    words = expand_all(overrides)
    register_schema([flags.config_dir] if flags.config_dir else [])
    name = flags.config_name or command.name
    if stored is not None:
        name = _register_rerun(command.name, stored)
        if flags.resume:
            words += ["hydra.output_subdir=null"]
    _check_config_dir(flags)
    task = TaskFunction(command, flags, words, _attend(flags))
    made = run_folder(flags)
    try:
        with _argv([f"genesis {command.name}", *flags.argv(), *words]):
            import hydra

            hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(task)()
    except CommandError:
        raise
    except KeyboardInterrupt:
        raise CommandError("interrupted; the jobs that had not begun are left out.", FAILED) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:  # of what Hydra itself writes
            where = unwritable(error, Path(os.environ["GENESIS_RUN_DIR"]))
            raise CommandError(
                f"{where}\nMake room and start again, or name a folder elsewhere: hydra.run.dir=DIR.", FAILED
            ) from error
        if task.outcomes and any(task.outcomes):
            return max(task.outcomes)  # already told by the job
        if is_hydra_error(error):
            raise as_command_error(
                error, name if stored is not None else command.name, words, [flags.config_dir] if flags.config_dir else []
            ) from error
        raise
    finally:
        drop_if_unused(made, command.name)
    return max(task.outcomes, default=OK)


def _attend(flags: Flags) -> Attend:
    """What is around each job: the error told, and in a sweep its folder kept, with the sweepers named to Hydra."""
    if not flags.multirun:
        return guarded
    from genesis_cli.sweeps.jobs import attend
    from genesis_cli.sweeps.plugins import register_plugins

    register_plugins()
    return attend


def _stored_run(flags: Flags) -> Path | None:
    """The folder of `--resume` or `--rerun`, checked."""
    if flags.resume and flags.rerun:
        raise CommandError(
            "--resume and --rerun exclude each other: resume goes on in the old folder, rerun starts anew in a new one."
        )
    if flags.resume and flags.multirun:
        raise CommandError("--resume goes on with one run; --multirun starts many.")
    given = flags.resume or flags.rerun
    if given is None:
        return None
    folder = Path(given).expanduser().resolve()
    if not (folder / "config.yaml").is_file():
        raise CommandError(f"{given}: no stored run there (config.yaml is missing); give a run folder such as outputs/DATE/TIME.")
    return folder


def _register_rerun(command: str, folder: Path) -> str:
    """The stored config as a primary config, so that overrides, logging and launchers apply as ever."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    stored: Any = OmegaConf.to_container(stored_config(folder / "config.yaml"), resolve=False)
    schema = ["/schema/run/gradcheck@gradcheck"] if command == "gradcheck" else []
    if command != "gradcheck":
        stored.pop("gradcheck", None)
    defaults: list[Any] = [
        *schema,
        "common",
        "_self_",
        {"override hydra/job_logging": "genesis"},
        {"override hydra/hydra_logging": "genesis"},
    ]
    node = {"defaults": defaults, **stored, "hydra": {"job": {"name": command}}}
    ConfigStore.instance().store(name="_rerun", node=node, provider="genesis")
    return "_rerun"


def _check_config_dir(flags: Flags) -> None:
    if flags.config_dir is not None and not Path(flags.config_dir).is_dir():
        raise CommandError(f"--config-dir: folder {flags.config_dir} does not exist.")


@contextmanager
def _argv(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before
