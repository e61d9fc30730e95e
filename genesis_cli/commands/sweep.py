"""`genesis sweep resume|table|best`: sweeps that have been started before."""

import os

from genesis_cli import console
from genesis_cli.bridge import run
from genesis_cli.commands.by_name import COMMANDS, command
from genesis_cli.errors import FAILED, OK, CommandError
from genesis_cli.job import Flags
from genesis_cli.suggest import known
from genesis_cli.sweeps import manifest
from genesis_cli.sweeps.manifest import load, sweep_folder
from genesis_cli.sweeps.report import SHOWN, print_rows, show, show_best
from genesis_cli.sweeps.table import gather, store


def resume(folder: str, failed: bool) -> int:
    """Run what a sweep lacks, with the launcher it was started with; with `failed` also what failed."""
    sweep = sweep_folder(folder)
    stored = load(sweep)
    assert stored is not None
    if stored.command not in COMMANDS:
        raise CommandError(f'{sweep / manifest.NAME}: unknown command "{stored.command}"; {known(stored.command, COMMANDS)}.')
    if not os.path.isdir(stored.folder):
        raise CommandError(f"{folder}: was started in {stored.folder}, which is gone; relative paths need it.")
    os.chdir(stored.folder)
    flags = Flags(multirun=True, sweep=str(sweep), failed_too=failed, **stored.flags)
    return run(command(stored.command, **stored.options), stored.words, flags)


def table(folder: str, sort: str | None, descending: bool, top: int | None, as_json: bool = False) -> None:
    """Print and store the table of a sweep, finished or not; as JSON all rows, unless ``top`` says how many."""
    found = gather(sweep_folder(folder))
    rows = found.ranked() if sort is None else found.sorted_by(sort, descending)
    store(found)
    if as_json:
        jobs = [{name: found.cell(row, name) for name in found.columns()} for row in rows[:top]]
        return console.document({"sweep": str(found.sweep), "compared_by": found.compared, "keys": found.keys, "jobs": jobs})
    show(found, rows, top or SHOWN)


def best(folder: str) -> int:
    """The best job, what it owes that to, and how to go on from it."""
    found = gather(sweep_folder(folder))
    first = found.best()
    if first is None:
        console.say(
            f"no job of this sweep has {found.compared} yet; give a column: genesis sweep table {folder} --sort METRIC.", "yellow"
        )
        return FAILED
    print_rows(found, [first])
    show_best(found)
    console.say(f"{first.folder}")
    return OK
