"""The commands `genesis sweep …`."""

from typing import Annotated

import typer

sweep = typer.Typer(help="Sweeps: go on with one, its table, its best job.", no_args_is_help=True)
Folder = Annotated[
    str, typer.Argument(metavar="DIR", help="Folder of a sweep, such as outputs/multirun/DATE/TIME.", show_default=False)
]


Json = Annotated[bool, typer.Option("--json", help="One document of JSON on stdout, for programs; all else goes to stderr.")]


@sweep.command("resume")
def sweep_resume(
    folder: Folder, failed: Annotated[bool, typer.Option("--failed", help="Run the jobs that failed again, too.")] = False
) -> None:
    """Run only what is missing; interrupted jobs go on from their last checkpoint."""
    from genesis_cli.commands.sweep import resume

    raise typer.Exit(resume(folder, failed))


@sweep.command("table")
def sweep_table(
    folder: Folder,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="objective, seconds, a metric, a swept key, …; default: the best first."),
    ] = None,
    descending: Annotated[bool, typer.Option("--descending", help="Largest first.")] = False,
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Number of rows; default: 20.")] = None,
    as_json: Json = False,
) -> None:
    """Table of all jobs, at any time; also writes results.csv."""
    from genesis_cli.commands.sweep import table

    table(folder, sort, descending, top, as_json)


@sweep.command("best")
def sweep_best(folder: Folder) -> None:
    """The best job, and which settings it owes that to."""
    from genesis_cli.commands.sweep import best

    raise typer.Exit(best(folder))
