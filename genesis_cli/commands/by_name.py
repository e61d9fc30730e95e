"""The commands that run jobs. A command's module is loaded when it is asked for: `genesis --help` loads none."""

from collections.abc import Callable
from typing import Any

from genesis_cli.errors import CommandError
from genesis_cli.job import Command
from genesis_cli.suggest import known


def _optimize(**options: Any) -> Command:
    from genesis_cli.commands import optimize, together

    return Command("optimize", optimize.execute, together.run_together, options)


def _sysid(**options: Any) -> Command:
    from genesis_cli.commands import sysid

    return Command("sysid", sysid.execute, options=options)


def _simulate(**options: Any) -> Command:
    from genesis_cli.commands import simulate

    return Command("simulate", simulate.execute, options=options)


def _control(**options: Any) -> Command:
    from genesis_cli.commands import control

    return Command("control", control.execute, options=options)


def _gradcheck(**options: Any) -> Command:
    from genesis_cli.commands import gradcheck

    return Command("gradcheck", gradcheck.execute, options=options)


#: name -> what loads the command, with its own options.
COMMANDS: dict[str, Callable[..., Command]] = {
    "optimize": _optimize,
    "sysid": _sysid,
    "simulate": _simulate,
    "control": _control,
    "gradcheck": _gradcheck,
}


def command(name: str, **options: Any) -> Command:
    """The command with a name, and options of its own.

    Raises: CommandError for a name that there is not.
    """
    if name not in COMMANDS:
        raise CommandError(f'unknown command "{name}"; {known(name, COMMANDS)}.')
    return COMMANDS[name](**options)
