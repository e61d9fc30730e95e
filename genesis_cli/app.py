"""The `genesis` command: subcommands and their options. Imports neither torch nor taichi nor hydra."""

import typer

app = typer.Typer(name="genesis", no_args_is_help=True)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("genesis-optimize"))


@app.callback()
def root() -> None:
    """Gradient-based optimisation through physics."""


def main() -> None:
    """Entry point of the console script."""
    app()
