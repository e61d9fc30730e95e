"""A run for other programs, one format a file. A new one is added here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genesis.errors import InputError, unknown_name
from genesis.runners.export import csv, lerobot, mujoco, npz, onnx, torchscript
from genesis.runners.export.format import Exported, Format
from genesis.runners.stored import Solution

FORMATS: dict[str, Format] = {
    one.name: one for one in (torchscript.FORMAT, onnx.FORMAT, npz.FORMAT, csv.FORMAT, mujoco.FORMAT, lerobot.FORMAT)
}

__all__ = ["FORMATS", "Format", "Exported", "default_target", "export"]


def default_target(folder: Path, name: str) -> Path:
    """Where an export of a run lies unless something else is asked for: in its folder `export`."""
    return folder / "export" / _format(name).target


def export(
    solution: Solution, name: str, target: Path | None = None, *, task: Callable[[], Any] | None = None, force: bool = False
) -> Exported:
    """Write a run in a format, and check what was written.

    Args:
        solution: the run. name: of the format. target: file, or for mujoco and lerobot folder; None: `default_target`.
        task: makes the task of the run with its parameters, on a built scene; `mujoco` asks for it.
        force: write over files that are there; others in the folder stay.

    Returns: the files, and what is to be said of them, with the figure of the check.

    Raises: InputError for an unknown format, a run that lacks what it needs, a target that is there or cannot be written, a package that
        is missing; CheckError if what was written does not do what the run did.
    """
    form = _format(name)
    place = default_target(solution.folder, name) if target is None else target
    try:
        _expect_free(form, place, force)
        (place if form.folder else place.parent).mkdir(parents=True, exist_ok=True)
        return form.write(solution, place, task)
    except OSError as error:
        raise InputError(f"{place}: cannot be written ({error.strerror or error}).") from error


def _expect_free(form: Format, place: Path, force: bool) -> None:
    """Raises: InputError if something is at the place that must not be written over."""
    if not place.exists():
        return
    if place.is_dir() != form.folder:
        raise InputError(
            f"{place}: {form.name} writes a {'folder' if form.folder else 'file'}, and that is none; give another --out."
        )
    if not force and not (form.folder and not any(place.iterdir())):
        raise InputError(f"{place}: is there already; give another --out, or --force to write over it.")


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise unknown_name("--format", "format", name, FORMATS)
    return FORMATS[name]
