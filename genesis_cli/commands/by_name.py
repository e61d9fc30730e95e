"""The commands that run jobs. A command's module is loaded when it is asked for: `genesis --help` loads none."""

from typing import Any

from genesis_cli.errors import CommandError
from genesis_cli.job import Command
from genesis_cli.suggest import known

NAMES = ("optimize", "sysid", "simulate", "gradcheck")


def command(name: str, **options: Any) -> Command:
    """The command with a name, and options of its own.

    Raises: CommandError for a name that there is not.
    """
    if name == "optimize":
        from genesis_cli.commands import optimize, together

        return Command(name, optimize.execute, together.run_together, options)
    if name == "sysid":
        from genesis_cli.commands import sysid

        return Command(name, sysid.execute, options=options)
    if name == "simulate":
        from genesis_cli.commands import simulate

        return Command(name, simulate.execute, options=options)
    if name == "gradcheck":
        from genesis_cli.commands import gradcheck

        return Command(name, gradcheck.execute, options=options)
    raise CommandError(f'unknown command "{name}"; {known(name, NAMES)}.')
