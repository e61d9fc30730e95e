"""From Typer to Hydra: the only file that knows both worlds. Sets sys.argv, calls the public hydra.main, gathers outcomes."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from genesis_cli.errors import FAILED, OK, WRONG_INPUT, CommandError

log = logging.getLogger("genesis_cli")


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
    """One composed job: what a command needs to know about where it runs. sweep: the folder of the sweep that it belongs to."""

    command: str
    cfg: Any
    folder: Path
    overrides: list[str]
    choices: dict[str, str]
    sources: list[Path]
    resume: bool
    sweep: Path | None = None

    def observers(self) -> list[Any]:
        """What a sweep wants to have in the loop of its jobs: to stop them, to prune them. Empty for a single run."""
        if self.sweep is None:
            return []
        from genesis_cli.sweeps.watch import watchers

        return watchers(self.sweep, self.folder)


@dataclass
class Outcome:
    """How a job ended; `value` is what a sweeper minimises. An interrupted job ends a multirun."""

    exit_code: int
    value: float | None = None
    interrupted: bool = False


@dataclass
class Task:
    """What Hydra calls with the config of each job, here or in a process of a launcher's.

    words: overrides as typed, aliases expanded. outcomes: exit codes of the jobs that ran in this process.
    """

    command: str
    job: Callable[[Job], Outcome]
    flags: Flags
    words: list[str]
    outcomes: list[int] = field(default_factory=list)

    def __call__(self, cfg: Any) -> float | None:
        logging.raiseExceptions = False  # a log that cannot be written, on a full disk, must not bury the message
        context = _context(self.command, cfg, self.flags)
        if context.sweep is not None:
            from genesis_cli.sweeps.jobs import attend

            return attend(context, self.job, self.outcomes)
        return _guarded(context, self.job, self.outcomes)


def run(command: str, job: Callable[[Job], Outcome], overrides: list[str], flags: Flags) -> int:
    """Compose the config of `command`, run `job` on it (or on each job of a multirun), return the exit code."""
    # Hydra raises instead of printing and exiting; Taichi keeps its banner for itself.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    os.environ["ENABLE_TAICHI_HEADER_PRINT"] = "0"
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # user functions are importable from the working folder

    from genesis_cli.aliases import expand_all
    from genesis_cli.compose import register_schema
    from genesis_cli.hydra_errors import as_command_error, is_hydra_error
    from genesis_cli.paths import config_dir

    stored = _stored_run(flags)
    words = expand_all(overrides)
    register_schema()
    name = flags.config_name or command
    if stored is not None:
        name = _register_rerun(command, stored)
        if flags.resume:
            words += ["hydra.output_subdir=null"]
    _check_config_dir(flags)
    task = Task(command, job, flags, words)
    made = _run_folder(flags)
    try:
        with _argv([f"genesis {command}", *flags.argv(), *words]):
            import hydra

            if flags.multirun:
                from genesis_cli.sweeps.plugins import register_plugins

                register_plugins()
            hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(task)()
    except CommandError:
        raise
    except KeyboardInterrupt:
        raise CommandError("interrupted; the jobs that had not begun are left out.", FAILED) from None
    except Exception as error:
        if task.outcomes and any(task.outcomes):
            return max(task.outcomes)  # already told by the job
        if is_hydra_error(error):
            raise as_command_error(error, command, words, [flags.config_dir] if flags.config_dir else []) from error
        raise
    finally:
        _drop_if_unused(made, command)
    return max(task.outcomes, default=OK)


def _guarded(context: Job, job: Callable[[Job], Outcome], outcomes: list[int]) -> float | None:
    """One job: its errors are told here, once, and become its outcome."""
    try:
        outcome = job(context)
    except Exception as error:
        outcomes.append(tell(error, context)[0])
        return None
    outcomes.append(outcome.exit_code)
    return outcome.value


def tell(error: BaseException, context: Job) -> tuple[int, str]:
    """Print and log the error of a job; returns its exit code and message."""
    from genesis_cli import console

    code, message = _explain(error, context)
    log.info("error: %s", message, exc_info=error if code == FAILED else None)  # to the file; the terminal has it below
    console.error(message)
    return code, message


def _explain(error: BaseException, context: Job) -> tuple[int, str]:
    """Exit code and message of an error of a job."""
    from genesis_cli.hydra_errors import from_engine

    if isinstance(error, CommandError):
        return error.exit_code, str(error)
    known = from_engine(error) if isinstance(error, Exception) else None
    if known is not None:
        return known
    first = (str(error).splitlines() or [""])[0]
    return FAILED, f"{type(error).__name__}: {first} (traceback in {context.folder / (context.command + '.log')})"


def _context(command: str, cfg: Any, flags: Flags) -> Job:
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

    stored = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=False)
    if not isinstance(stored, dict):
        raise CommandError(f"{folder / 'config.yaml'}: not a mapping; the stored config is damaged.")
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


def _run_folder(flags: Flags) -> Path | None:
    """Set GENESIS_RUN_DIR to a folder of this run's own; returns it if it was made here."""
    if flags.resume or flags.sweep:
        os.environ["GENESIS_RUN_DIR"] = str(Path(flags.resume or flags.sweep or "").expanduser().resolve())
        return None
    base = Path("outputs/multirun" if flags.multirun else "outputs")
    now = datetime.now()
    wanted = base / now.strftime("%Y-%m-%d") / now.strftime("%H-%M-%S")
    if flags.only_shows:
        os.environ["GENESIS_RUN_DIR"] = str(wanted)
        return None
    folder = fresh_folder(wanted)
    os.environ["GENESIS_RUN_DIR"] = str(folder)
    return folder


def fresh_folder(wanted: Path) -> Path:
    """Make `wanted`, or `wanted-2`, `wanted-3`, … if another start has it: mkdir is the lock."""
    count = 1
    while True:
        folder = wanted if count == 1 else wanted.with_name(f"{wanted.name}-{count}")
        try:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            if not wanted.parent.is_dir():
                raise CommandError(f"{wanted.parent}: a file is in the way of the folder for runs; move it.", FAILED) from None
            count += 1
        except OSError as error:
            raise CommandError(
                f"{folder}: no run folder can be made there ({error.strerror}); run from another folder.", FAILED
            ) from error
        else:
            return folder


def _drop_if_unused(folder: Path | None, command: str) -> None:
    """Remove the folder made for a run that never began (wrong input), and its day's folder if now empty."""
    if folder is None or not folder.is_dir():
        return
    if {path.name for path in folder.iterdir()} <= {".hydra", f"{command}.log", "multirun.yaml", "sweep.json", ".lock"}:
        root = logging.getLogger()
        for handler in root.handlers[:]:
            if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).is_relative_to(folder.resolve()):
                root.removeHandler(handler)  # closed alone, it would open its file again at the next message
                handler.close()
        shutil.rmtree(folder)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()


@contextmanager
def _argv(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before


__all__ = ["FAILED", "OK", "WRONG_INPUT", "Flags", "Job", "Outcome", "Task", "fresh_folder", "run", "tell"]
