"""sweep.json: what a sweep was asked for and which jobs it has planned, so that it can go on after any end."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genesis_cli.errors import CommandError
from genesis_cli.job import Command, Flags

NAME = "sweep.json"


@dataclass
class Manifest:
    """A sweep as stored.

    command, options: the command and options of its own. words: overrides as typed. flags: config_dir, config_name, rerun.
    folder: working folder, which relative paths start from.
    jobs: overrides of each planned job, by number; they grow where a study decides on the way.
    """

    command: str
    options: dict[str, Any]
    words: list[str]
    flags: dict[str, Any]
    folder: str
    jobs: list[list[str]] = field(default_factory=list)


def describe(command: Command, words: list[str], flags: Flags) -> Manifest:
    """The manifest of a sweep that begins."""
    kept = {name: getattr(flags, name) for name in ("config_dir", "config_name", "rerun")}
    return Manifest(command.name, command.options, words, kept, os.getcwd())


def store(manifest: Manifest, sweep: Path) -> None:
    """Write the manifest into the sweep's folder, whole or not at all."""
    from genesis.runners.files import write_json

    write_json(sweep / NAME, asdict(manifest))


def load(sweep: Path) -> Manifest | None:
    """The manifest of a sweep's folder; None if there is none.

    Raises: CommandError for a damaged one.
    """
    try:
        found = Manifest(**json.loads((sweep / NAME).read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"{sweep / NAME}: cannot be read ({error}); the sweep can be started anew alone.") from error
    jobs = found.jobs
    sound = isinstance(jobs, list) and all(_words(job) for job in jobs) and _words(found.words)
    if not sound or not isinstance(found.flags, dict) or not isinstance(found.options, dict) or not isinstance(found.folder, str):
        raise CommandError(f"{sweep / NAME}: is no plan of a sweep, or was changed by hand; the sweep can be started anew alone.")
    return found


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def sweep_folder(given: str) -> Path:
    """The folder of a sweep that a user named.

    Raises: CommandError if there is no sweep.
    """
    folder = Path(given).expanduser().resolve()
    if not (folder / NAME).is_file():
        raise CommandError(f"{given}: no sweep there ({NAME} is missing); give a folder such as outputs/multirun/DATE/TIME.")
    return folder
