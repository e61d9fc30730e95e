"""A changed description back as the robot file it came from: everything else in the file stays as it was.

What a format cannot say (armature in a URDF, gains of the joint controllers, joints of types that it has no word for) goes to a second
file beside it, NAME.identified.yaml.
Meshes and textures are named by absolute paths in the written file, so that it loads from any folder of the same machine.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genesis.description.description import Description
from genesis.description.retype import retyped
from genesis.description.source import READERS, Source, decoded, is_text, read_source
from genesis.description.write_changes import Beside, FileChanges, changes_of
from genesis.description.write_mjcf import mjcf_text
from genesis.description.write_urdf import urdf_text
from genesis.errors import InputError, ModelError

TOLERANCE = 1e-9  # of what is read back, relative to the size of the numbers


@dataclass
class Written:
    """path: the robot file. edits: what was changed in it, in words. sidecar: the file of ``beside`` and of joints that are of another type
    than the robot file says, None where there is nothing of that. remarks: what a reader must know, which the file says too."""

    path: Path
    sidecar: Path | None
    edits: list[str] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def write_model(
    file: str | PathLike,
    old: Description,
    new: Description,
    out: Path,
    *,
    beside: Sequence[Beside] = (),
    package_dirs: Sequence[str | PathLike] = (),
    read: Callable[[str], Description] | None = None,
    remarks: Sequence[str] = (),
) -> Written:
    """Write the robot file ``file`` (URDF or MJCF, a path or the XML itself), read as ``old``, with the values of ``new`` to ``out``.

    Args:
        old, new: in the units of the file (not scaled); what is equal in both is not touched.
        beside: more values for the sidecar.
        package_dirs: where ``package://`` names are looked for first.
        remarks: what a reader must know of the values; comments at the beginning of the file.
        read: how the written file is read back; what it gives must be ``new``. None: not checked.

    Raises: ModelError, UnsupportedError naming the element that cannot be written; nothing is left behind then.
    """
    source = _source(file)
    out = Path(out)
    if source.path is not None and out.resolve() == source.path.resolve():
        raise InputError(f"{out}: is the file that was read; choose another name.")
    changes = changes_of(old, new)
    if source.root.tag == "robot":
        text = urdf_text(source, old, new, changes, package_dirs)
    else:
        text = mjcf_text(source, old, new, changes)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(remarked(text, remarks), encoding="utf-8")
    if read is not None:
        try:
            _check(read(str(out)), new, changes, source.where)
        except ModelError:
            out.unlink()
            raise
    everything = [*changes.beside, *beside]
    return Written(out, _write_sidecar(out, everything, retyped(new)), changes.edits, everything, list(remarks))


def remarked(text: str, remarks: Sequence[str]) -> str:
    """The text of an XML file with comments behind its declaration; two hyphens, which a comment may not hold, come apart."""
    declared = re.match(r"\s*<\?xml[^>]*\?>[ \t]*\n?", text)
    first = declared.end() if declared else 0
    begun = "\n" if first and not text[:first].endswith("\n") else ""
    comments = "".join(f"<!-- {re.sub('-(?=-|$)', '- ', remark)} -->\n" for remark in remarks)
    return text[:first] + begun + comments + text[first:] if remarks else text


def _source(file: str | PathLike) -> Source:
    """The parsed file, whichever format it is."""
    try:
        text = str(file) if is_text(file) else decoded(Path(file).expanduser().read_bytes())
    except OSError:
        text = ""  # `read_source` says what is wrong
    first = re.search(r"<([A-Za-z]\w*)[\s/>]", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    return read_source(file, first.group(1) if first and first.group(1) in READERS else "robot")


def _write_sidecar(out: Path, beside: list[Beside], joints: dict[str, dict[str, Any]]) -> Path | None:
    path = out.with_name(f"{out.stem.removesuffix('.identified')}.identified.yaml")
    if not beside and not joints:
        path.unlink(missing_ok=True)
        return None
    lines = [f"# What {out.name} cannot say: set these parameters of the scene after loading it."] if beside else []
    lines.append(f"model: {json.dumps(out.name)}")
    if joints:
        lines += [
            "# Types of joints that stand as others in the file: give this to its morph, or to `robot` of a config.",
            "joints:",
        ]
        lines += [f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(about)}" for name, about in joints.items()]
    lines += ["values:"] if beside else []
    for b in beside:
        element, unit = (json.dumps(text, ensure_ascii=False) for text in (b.element, b.unit))
        value = json.dumps(np.asarray(b.value, float).tolist())
        lines.append(f"  - {{field: {b.field}, element: {element}, value: {value}, unit: {unit}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _check(found: Description, wanted: Description, changes: FileChanges, where: str) -> None:
    """Raises: ModelError if what is read back differs from what was to be written: a flag or default of the file was in the way."""
    for got, want in changes.pairs(found, wanted):
        for name in changes.watched(want):
            a, b = _numbers(getattr(got, name)), _numbers(getattr(want, name))
            if name == "quat" and a @ b < 0.0:
                a = -a
            if a.shape != b.shape or not np.allclose(
                a, b, rtol=TOLERANCE, atol=TOLERANCE * max(1.0, float(np.abs(b).max(initial=0.0)))
            ):
                raise ModelError(
                    f'{where}: {type(want).__name__.lower()} "{want.name}": {name} was written as {b.tolist()} but reads as {a.tolist()}; '
                    "a flag of the file (compiler, option) changes it. Remove that flag."
                )


def _numbers(value: object) -> np.ndarray:
    if value is None:
        return np.zeros(0)
    if isinstance(value, list):  # transmission
        return np.concatenate([np.atleast_1d(coef) for _, coef in value]) if value else np.zeros(0)
    return np.asarray(value, float).reshape(-1)
