"""The `genesis` command: subcommands and their options. Imports neither torch nor taichi nor hydra."""

import os
import sys
from typing import Annotated, Any, Literal, NoReturn

import typer

from genesis_cli.completion import answer_bash, complete_override
from genesis_cli.errors import FAILED, CommandError
from genesis_cli.job import Command, Flags
from genesis_cli.new_app import new
from genesis_cli.sweep_app import Json, sweep

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

HYDRA, FILES = "Hydra", "Files, instead of the browser"
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
Watch = Annotated[bool, typer.Option("--watch", help="Show the motion in the browser while the run goes on.")]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="Of that page; default: 8080, or the next that is free.")
]
Rerun = Annotated[
    str | None, typer.Option("--rerun", metavar="RUN", help="Start anew from the stored config of a run folder, with overrides.")
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="RUN", help="Begin at the estimates of another run, of parameters of the same name."),
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
    watch: Watch = False,
    port: Port = None,
) -> None:
    """Learn parameters of a scene by gradients through its physics."""
    flags = Flags(multirun, cfg, resolve, package, info, config_dir, config_name, resume, rerun)
    _run("optimize", overrides, flags, **_watched(watch, port, multirun))


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
    begin: From = None,
    watch: Watch = False,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Identify physical parameters from recorded motion, with their uncertainty."""
    flags = Flags(multirun, cfg, resolve, package, info, config_dir, config_name, resume, rerun)
    if as_json and multirun:
        raise CommandError("--json is the result of one identification; of many: genesis sweep table DIR --json.")
    words = [
        *(overrides or []),
        *([f"starts.run={_quoted(os.path.abspath(os.path.expanduser(begin)))}"] if begin is not None else []),
    ]
    _run("sysid", words, flags, **_watched(watch, port, multirun), **({"as_json": True} if as_json else {}))


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
def control(
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
    """Drive a task in closed loop: a plan at every step, or the feedback of a stored motion, on a plant that may be another one."""
    _run("control", overrides, Flags(multirun, cfg, resolve, package, info, config_dir, config_name, None, rerun))


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
def show_groups(config_dir: ConfigDir = None, as_json: Json = False) -> None:
    """Config groups and what each offers."""
    from genesis_cli.commands.show import groups

    groups(config_dir, as_json)


@show.command("keys")
def show_keys(
    overrides: Overrides = None,
    command: Annotated[
        str, typer.Option("--command", metavar="COMMAND", help="Whose config: optimize, sysid, simulate, control, gradcheck.")
    ] = "optimize",
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Every key of the composed config: type, value, meaning."""
    from genesis_cli.commands.show import keys

    keys(command, overrides or [], config_dir, as_json)


@show.command("config")
def show_config(
    overrides: Overrides = None,
    command: Annotated[
        str, typer.Option("--command", metavar="COMMAND", help="Whose config: optimize, sysid, simulate, control, gradcheck.")
    ] = "optimize",
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """The composed and checked config as YAML."""
    from genesis_cli.commands.show import config

    config(command, overrides or [], config_dir, as_json)


@show.command("scene")
def show_scene(overrides: Overrides = None, config_dir: ConfigDir = None, as_json: Json = False) -> None:
    """What the scene of a config is made of: links, geoms, pairs that may touch, limits, equalities."""
    from genesis_cli.bridge import run
    from genesis_cli.commands.show_scene import execute

    options = {"as_json": True} if as_json else {}
    raise typer.Exit(run(Command("simulate", execute, options=options), overrides or [], Flags(config_dir=config_dir)))


@show.command("diff")
def show_diff(
    first: Annotated[str, typer.Argument(metavar="RUN1", help="A run folder.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="RUN2", help="Another.", show_default=False)],
    as_json: Json = False,
) -> None:
    """What two runs were told differently, and how they ended."""
    from genesis_cli.commands.show_diff import diff

    diff(first, second, as_json)


@app.command()
def view(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A run folder, the folder of a sweep (its best job), or a replay.npz.", show_default=False
        ),
    ],
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="One page that plays in any browser, offline.", rich_help_panel=FILES),
    ] = None,
    mp4: Annotated[
        str | None, typer.Option("--mp4", metavar="FILE", help="A film (H.264; extra video).", rich_help_panel=FILES)
    ] = None,
    gif: Annotated[
        str | None, typer.Option("--gif", metavar="FILE", help="A film that loops (extra video).", rich_help_panel=FILES)
    ] = None,
    png: Annotated[
        str | None,
        typer.Option("--png", metavar="FILE", help="A picture, of the end or of --at (extra video).", rich_help_panel=FILES),
    ] = None,
    rrd: Annotated[
        str | None, typer.Option("--rrd", metavar="FILE", help="A recording for rerun (extra rerun).", rich_help_panel=FILES)
    ] = None,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Of pictures and films.", rich_help_panel=FILES)
    ] = "1280x720",
    fps: Annotated[
        float, typer.Option("--fps", min=1.0, max=240.0, help="Pictures a second of films and pages.", rich_help_panel=FILES)
    ] = 30.0,
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, max=100.0, help="Of films: 0.5 plays at half speed.", rich_help_panel=FILES)
    ] = 1.0,
    camera: Annotated[
        str | None,
        typer.Option("--camera", metavar="X,Y,Z", help="Where pictures are taken from, in metres.", rich_help_panel=FILES),
    ] = None,
    lookat: Annotated[
        str | None, typer.Option("--lookat", metavar="X,Y,Z", help="Where that camera looks, in metres.", rich_help_panel=FILES)
    ] = None,
    take: Annotated[
        str | None,
        typer.Option("--take", metavar="NAME", help="Only this motion: best, first, measured, …", rich_help_panel=FILES),
    ] = None,
    at: Annotated[
        float | None, typer.Option("--at", metavar="SECONDS", help="The moment of --png.", rich_help_panel=FILES)
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="A dark page.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Of the page; default: 8080, or the next that is free.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
) -> None:
    """See the motion of a run: in the browser, or as a page, a film, a picture."""
    from genesis_cli.commands.view import Wanted
    from genesis_cli.commands.view import view as show_replay

    raise typer.Exit(
        show_replay(run, Wanted(html, mp4, gif, png, rrd, port, browser, size, fps, speed, camera, lookat, take, at, dark))
    )


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
def doctor(as_json: Json = False) -> None:
    """Check the installation: versions, devices, configs, and a gradient against its closed form."""
    from genesis_cli.commands.doctor import examine

    raise typer.Exit(examine(as_json))


def _run(name: str, overrides: list[str] | None, flags: Flags, **options: Any) -> NoReturn:
    """Run the jobs of a command, which is loaded only now; options: its own."""
    from genesis_cli.bridge import run
    from genesis_cli.commands.by_name import command

    raise typer.Exit(run(command(name, **options), overrides or [], flags))


def _quoted(text: str) -> str:
    """As a value of an override."""
    inside = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{inside}'"


def _watched(watch: bool, port: int | None, multirun: bool) -> dict[str, Any]:
    """The options of a run that is watched; none of one that is not. Raises: CommandError for what does not go together."""
    if port is not None and not watch:
        raise CommandError("--port is of the page of --watch; give both.")
    if watch and multirun:
        raise CommandError("--watch shows one run, --multirun starts many; see its jobs with genesis view.")
    return {"watch": True, "port": port} if watch else {}


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
    os.environ["ENABLE_TAICHI_HEADER_PRINT"] = "0"  # Taichi keeps its banner for itself
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
