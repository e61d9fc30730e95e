"""sweep.json: what a sweep was asked for and which jobs it has planned, so that it can go on after any end."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from genesis_cli.errors import CommandError

NAME = "sweep.json"
COMMANDS = "genesis_cli.commands."


@dataclass
class Manifest:
    """A sweep as stored.

    command, execute, options: the command, the function behind it and its keyword arguments. words: overrides as typed.
    flags: config_dir, config_name, rerun. folder: working folder, which relative paths start from.
    jobs: overrides of each planned job, by number; they grow where a study decides on the way.
    """

    command: str
    execute: str
    options: dict[str, Any]
    words: list[str]
    flags: dict[str, Any]
    folder: str
    jobs: list[list[str]] = field(default_factory=list)


def describe(command: str, execute: Any, words: list[str], flags: Any) -> Manifest:
    """The manifest of a sweep that begins."""
    options: dict[str, Any] = {}
    if isinstance(execute, partial):
        execute, options = execute.func, dict(execute.keywords)
    named = f"{execute.__module__}:{execute.__qualname__}"
    kept = {name: getattr(flags, name) for name in ("config_dir", "config_name", "rerun")}
    return Manifest(command, named, options, words, kept, os.getcwd())


def function_of(manifest: Manifest) -> Callable[..., Any]:
    """The function behind the command of a stored sweep."""
    module, _, name = manifest.execute.partition(":")
    if not module.startswith(COMMANDS):
        raise CommandError(f"{NAME}: execute is {manifest.execute}, which is no command of genesis; the file is damaged.")
    execute: Callable[..., Any] = getattr(import_module(module), name)
    return partial(execute, **manifest.options) if manifest.options else execute


def store(manifest: Manifest, sweep: Path) -> None:
    """Write the manifest into the sweep's folder, whole or not at all."""
    from genesis.runners.files import write_json

    write_json(sweep / NAME, asdict(manifest))


def load(sweep: Path) -> Manifest | None:
    """The manifest of a sweep's folder; None if there is none.

    Raises: CommandError for a damaged one.
    """
    try:
        return Manifest(**json.loads((sweep / NAME).read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"{sweep / NAME}: cannot be read ({error}).") from error


def sweep_folder(given: str) -> Path:
    """The folder of a sweep that a user named.

    Raises: CommandError if there is no sweep.
    """
    folder = Path(given).expanduser().resolve()
    if not (folder / NAME).is_file():
        raise CommandError(f"{given}: no sweep there ({NAME} is missing); give a folder such as outputs/multirun/DATE/TIME.")
    return folder
