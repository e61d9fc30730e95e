"""`genesis export RUN --format FORMAT`: a run for other programs."""

from pathlib import Path

from genesis_cli import console
from genesis_cli.errors import FAILED, OK, CommandError


def execute(run: str, form: str, out: str | None, force: bool) -> int:
    """Write the run, say what was written and what its check found; the exit code.

    Raises: CommandError for wrong input.
    """
    from genesis.errors import InputError
    from genesis.runners.export import FORMATS, export
    from genesis.runners.export.format import CheckError
    from genesis_cli.stored import stored_run
    from genesis_cli.suggest import known

    if form not in FORMATS:
        raise CommandError(f'--format: unknown format "{form}"; {known(form, FORMATS)}.')
    target = None if out is None else Path(out).expanduser()
    try:
        solution, task = stored_run(run)
        written = export(solution, form, target, task=task, force=force)
    except InputError as error:
        raise CommandError(str(error)) from error
    except CheckError as error:
        raise CommandError(str(error), FAILED) from error
    for line in written.said:
        console.say(line)
    for file in written.files[:1] if FORMATS[form].folder else written.files:
        console.say(f"{file}")
    return OK
