"""The `genesis` command: subcommands and their options. Imports neither torch nor taichi nor hydra."""

import sys
from typing import Annotated, Any, Literal, NoReturn

import typer

from genesis_cli.completion import answer_bash, complete_override
from genesis_cli.errors import FAILED, CommandError
from genesis_cli.job import Command, Flags
from genesis_cli.new_app import new
from genesis_cli.sweep_app import sweep

app = typer.Typer(
    name="genesis",
    help="Gradient-based optimisation through physics: scenes, robots, losses and parameters in YAML, exact gradients.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
show = typer.Typer(help="Print config groups, keys, or a composed config.", no_args_is_help=True)
app.add_typer(show, name="show")
app.add_typer(sweep, name="sweep")
app.add_typer(new, name="new")

HYDRA = "Hydra"
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Changes to the config: task=throw, optimizer.lr=0.05, +loss.x.kind=energy, …",
        autocompletion=complete_override,
        show_default=False,
    ),
]
Multirun = Annotated[
    bool, typer.Option("--multirun", "-m", help="One job for each combination of comma-separated values.", rich_help_panel=HYDRA)
]
Cfg = Annotated[
    Literal["job", "hydra", "all"] | None,
    typer.Option("--cfg", "-c", help="Print the composed config and stop.", rich_help_panel=HYDRA),
]
Resolve = Annotated[bool, typer.Option("--resolve", help="With --cfg: interpolations resolved.", rich_help_panel=HYDRA)]
Package = Annotated[
    str | None, typer.Option("--package", "-p", metavar="NODE", help="With --cfg: only this node.", rich_help_panel=HYDRA)
]
Info = Annotated[
    Literal["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"] | None,
    typer.Option(
        "--info",
        "-i",
        help="Print what Hydra found and stop.",
        rich_help_panel=HYDRA,
    ),
]
ConfigDir = Annotated[
    str | None, typer.Option("--config-dir", metavar="DIR", help="Your own config folder, searched too.", rich_help_panel=HYDRA)
]
ConfigName = Annotated[
    str | None, typer.Option("--config-name", metavar="NAME", help="Another primary config.", rich_help_panel=HYDRA)
]
Rerun = Annotated[
    str | None, typer.Option("--rerun", metavar="RUN", help="Start anew from the stored config of a run folder, with overrides.")
]
Resume = Annotated[str | None, typer.Option("--resume", metavar="RUN", help="Go on from the last checkpoint of a run folder.")]


@app.command()
def optimize(
    overrides: Overrides = None,
    multirun: Multirun = False,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    config_dir: ConfigDir = None,
    config_name: ConfigName = None,
    resume: Resume = None,
    rerun: Rerun = None,
) -> None:
    """Learn parameters of a scene by gradients through its physics."""
    _run("optimize", overrides, Flags(multirun, cfg, resolve, package, info, config_dir, config_name, resume, rerun))


@app.command()
def sysid(
    overrides: Overrides = None,
    multirun: Multirun = False,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    config_dir: ConfigDir = None,
    config_name: ConfigName = None,
    resume: Resume = None,
    rerun: Rerun = None,
) -> None:
    """Identify physical parameters from recorded motion, with their uncertainty."""
    _run("sysid", overrides, Flags(multirun, cfg, resolve, package, info, config_dir, config_name, resume, rerun))


@app.command()
def simulate(
    overrides: Overrides = None,
    multirun: Multirun = False,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    config_dir: ConfigDir = None,
    config_name: ConfigName = None,
    rerun: Rerun = None,
    solution: Annotated[
        str | None,
        typer.Option("--solution", metavar="RUN", help="Use the learned parameters of a run folder (or its solution.npz)."),
    ] = None,
) -> None:
    """Roll the scene out once and store the trajectory."""
    flags = Flags(multirun, cfg, resolve, package, info, config_dir, config_name, None, rerun)
    _run("simulate", overrides, flags, solution=solution)


@app.command()
def gradcheck(
    overrides: Overrides = None,
    multirun: Multirun = False,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    config_dir: ConfigDir = None,
    config_name: ConfigName = None,
    rerun: Rerun = None,
) -> None:
    """Compare the gradients of a task with differences over many step lengths (float64)."""
    _run("gradcheck", overrides, Flags(multirun, cfg, resolve, package, info, config_dir, config_name, None, rerun))


@show.command("groups")
def show_groups(config_dir: ConfigDir = None) -> None:
    """Config groups and what each offers."""
    from genesis_cli.commands.show import groups

    groups(config_dir)


@show.command("keys")
def show_keys(
    overrides: Overrides = None,
    command: Annotated[
        str, typer.Option("--command", metavar="COMMAND", help="Whose config: optimize, sysid, simulate, gradcheck.")
    ] = "optimize",
    config_dir: ConfigDir = None,
) -> None:
    """Every key of the composed config: type, value, meaning."""
    from genesis_cli.commands.show import keys

    keys(command, overrides or [], config_dir)


@show.command("config")
def show_config(
    overrides: Overrides = None,
    command: Annotated[
        str, typer.Option("--command", metavar="COMMAND", help="Whose config: optimize, sysid, simulate, gradcheck.")
    ] = "optimize",
    config_dir: ConfigDir = None,
) -> None:
    """The composed and checked config as YAML."""
    from genesis_cli.commands.show import config

    config(command, overrides or [], config_dir)


@show.command("scene")
def show_scene(overrides: Overrides = None, config_dir: ConfigDir = None) -> None:
    """What the scene of a config is made of: links, geoms, pairs that may touch, limits, equalities."""
    from genesis_cli.bridge import run
    from genesis_cli.commands.show_scene import execute

    raise typer.Exit(run(Command("simulate", execute), overrides or [], Flags(config_dir=config_dir)))


@show.command("diff")
def show_diff(
    first: Annotated[str, typer.Argument(metavar="RUN1", help="A run folder.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="RUN2", help="Another.", show_default=False)],
) -> None:
    """What two runs were told differently, and how they ended."""
    from genesis_cli.commands.show_diff import diff

    diff(first, second)


@app.command()
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or that of a sweep.", show_default=False)],
) -> None:
    """Write the report of a run, or the overview of a sweep, from what its folder holds."""
    from genesis_cli.commands.report import report as write

    write(run)


@app.command()
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder of optimize or simulate.", show_default=False)],
    form: Annotated[
        str,
        typer.Option(
            "--format", "-f", metavar="FORMAT", help="torchscript, onnx, npz, csv, mujoco, lerobot.", show_default=False
        ),
    ],
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PATH", help="File, or folder of mujoco and lerobot; else in RUN/export.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write a run for other programs: its policy, its trajectory, or its scene with the motion."""
    from genesis_cli.commands.export import execute

    raise typer.Exit(execute(run, form, out, force))


@app.command()
def doctor() -> None:
    """Check the installation: versions, devices, configs, and a gradient against its closed form."""
    from genesis_cli.commands.doctor import examine

    raise typer.Exit(examine())


def _run(name: str, overrides: list[str] | None, flags: Flags, **options: Any) -> NoReturn:
    """Run the jobs of a command, which is loaded only now; options: its own."""
    from genesis_cli.bridge import run
    from genesis_cli.commands.by_name import command

    raise typer.Exit(run(command(name, **options), overrides or [], flags))


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(version("genesis-optimize"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `genesis` itself; the text of the help is in `app`."""


def main() -> None:
    """Entry point of the console script: exit code 0 ok, 1 failed or not converged, 2 wrong input."""
    if answer_bash():
        return
    try:
        app()
    except CommandError as error:
        from genesis_cli import console

        console.error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
