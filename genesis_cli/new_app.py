"""The commands `genesis new …`."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from genesis_cli.errors import CommandError
from genesis_cli.suggest import known


class Kinds(TyperGroup):
    """Subcommands that are kinds of files: an unknown one is told in one line."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand. Raises: CommandError for a kind that there is not."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise CommandError(f'genesis new: unknown kind "{cmd_name}"; {known(cmd_name, self.commands)}.')
        return found


new = typer.Typer(
    help="Write a task, robot, loss or system of your own, commented, that runs at once.", no_args_is_help=True, cls=Kinds
)
Folder = Annotated[str, typer.Option("--config-dir", metavar="DIR", help="Your config folder; made if it is not there.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called.", show_default=False)]
Robot = Annotated[
    str | None,
    typer.Option(
        "--robot", metavar="R", help="A shipped robot or one of yours; default: the only one of yours (of a task, else panda)."
    ),
]


@new.command("task")
def new_task(name: Name, robot: Robot = None, config_dir: Folder = "my_configs") -> None:
    """A task: a goal, its losses and what is learnt, every line explained."""
    from genesis_cli.commands.new_task import task

    task(name, robot, config_dir)


@new.command("robot")
def new_robot(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What it is to be called; may be left out: as the file.", show_default=False)
    ],
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="URDF or MJCF, .urdf or .xml.", show_default=False)] = None,
    config_dir: Folder = "my_configs",
) -> None:
    """A robot from its URDF or MJCF file: home, tool, limits, gains are proposed and the start is checked; and a first task."""
    from genesis_cli.commands.new_robot import robot

    robot(name, file, config_dir)


@new.command("loss")
def new_loss(name: Name, config_dir: Folder = "my_configs") -> None:
    """A loss of yours: one Python file with a function of the trajectory, and the override that uses it."""
    from genesis_cli.commands.new import loss

    loss(name, config_dir)


@new.command("system")
def new_system(
    name: Name,
    log: Annotated[str, typer.Argument(metavar="LOG", help="A log: .csv, .npz, .parquet, …", show_default=False)],
    robot: Robot = None,
    config_dir: Folder = "my_configs",
) -> None:
    """An identification: observations from the columns of a log, and parameters to be found."""
    from genesis_cli.commands.new_system import system

    system(name, log, robot, config_dir)
