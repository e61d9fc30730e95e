"""The folder of a run: made before Hydra starts, taken away again where nothing has run."""

import logging
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from genesis_cli.errors import FAILED, CommandError
from genesis_cli.job import Flags


def run_folder(flags: Flags) -> Path | None:
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


def stored_config(file: Path) -> Any:
    """The config of a run as it is stored.

    Raises: CommandError naming the file for one that is damaged.
    """
    from omegaconf import DictConfig

    from genesis_cli.yaml_files import load_yaml

    try:
        found = load_yaml(file)
    except CommandError as error:
        raise CommandError(f"{str(error).rstrip('.')}; the stored config is damaged.") from error
    if not isinstance(found, DictConfig) or not found:
        raise CommandError(f"{file}: not a mapping; the stored config is damaged, or cut off.")
    return found


def drop_if_unused(folder: Path | None, command: str) -> None:
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
