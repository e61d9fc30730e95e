"""The XML of a robot, from a file or from a string, with errors that say where."""

import codecs
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from genesis.description.limits import XmlLimits, check_file_size
from genesis.description.notes import Notes
from genesis.errors import ModelError, nearest_first

READERS = {"robot": "read_urdf", "mujoco": "read_mjcf"}  # root element -> the function that reads it
FORMATS = {"robot": "urdf", "mujoco": "mjcf"}
XACRO = "xacro:"
SUFFIXES = (".urdf", ".xml", ".mjcf", ".xacro")  # of robot files, as they are mostly called
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
LATE_DECLARATION = re.compile(r"<!--.*?-->(?:\s|<!--.*?-->)*(<\?xml\s[^>]*\?>)", re.DOTALL)
AROUND = "\ufeff \t\r\n\0"
LATIN = "cp1252"  # what editors of the time wrote where a file is not in the encoding that it claims


@dataclass
class Source:
    """where: how messages name it. path: None for XML given as a string. root: the parsed document. notes: what is read otherwise."""

    where: str
    path: Path | None
    text: str
    root: Element
    notes: Notes

    @property
    def folder(self) -> Path:
        return self.path.parent if self.path else Path()


def is_text(file: str | PathLike) -> bool:
    """Whether it is the XML itself, not the name of a file."""
    return isinstance(file, str) and file.lstrip(AROUND).startswith("<")


def read_source(file: str | PathLike, root_tag: str) -> Source:
    """Read and parse ``file`` (a path, or the XML itself) and check its root element; macros are expanded where xacro is installed.

    Raises: ModelError if there is no such file, if it is no XML, or if its root element is not ``root_tag``.
    """
    if isinstance(file, str) and is_text(file):
        where, path, text = f"<{root_tag} string>", None, file
        notes = Notes(where)
    else:
        path = Path(file).expanduser()
        where = str(file)
        notes = Notes(where)
        text = decoded(_read_bytes(path), notes)
    text = trimmed(text)
    root = parse_xml(text, where)
    if any(str(element.tag).startswith(XACRO) for element in root.iter()):
        text = _expanded(path, text, where)
        root = parse_xml(text, where)
    if root.tag != root_tag:
        hint = f"; read it with {READERS[root.tag]}" if root.tag in READERS else ""
        raise ModelError(f"{where}: the root element is <{root.tag}>, expected <{root_tag}>{hint}.")
    for prefix in sorted(_undeclared(root)):
        notes.add("XML prefixes that the file does not declare, taken as part of the names", f'"{prefix}"')
    return Source(where, path, text, root, notes)


def format_of(file: str | PathLike) -> str:
    """What a robot file is written in: "urdf" or "mjcf".

    Raises: ModelError if there is no such file, if it is no XML, or another one.
    """
    path = Path(file).expanduser()
    tag = parse_xml(trimmed(decoded(_read_bytes(path))), str(file)).tag
    if tag not in FORMATS:
        raise ModelError(f"{file}: the root element is <{tag}>; allowed: <robot> of URDF, <mujoco> of MJCF.")
    return FORMATS[tag]


def parse_xml(text: str, where: str, comments: bool = False) -> Element:
    """The root element. A prefix stays part of a name, so that what is written again is what was read, declared or not.

    Args: comments: keep comments and processing instructions as elements.
    Raises: ModelError with line and column, also for what `XmlLimits` refuses.
    """
    builder = TreeBuilder(insert_comments=comments, insert_pis=comments)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    limits = XmlLimits(parser, where)
    parser.StartElementHandler, parser.EndElementHandler = limits.around(builder.start, builder.end)
    parser.EntityDeclHandler = limits.entity
    parser.CharacterDataHandler = builder.data
    if comments:
        parser.CommentHandler, parser.ProcessingInstructionHandler = builder.comment, builder.pi
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise ModelError(f"{where}: line {error.lineno}, column {error.offset + 1}: {reason}.") from None
    return builder.close()


def decoded(raw: bytes, notes: Notes | None = None) -> str:
    """The text of an XML file: as its byte order mark says, else as it declares, else UTF-8; where that fails, as Windows wrote it."""
    mark = next((m for m in MARKS if raw.startswith(m)), None)
    if mark is not None:
        return raw.decode(MARKS[mark], errors="replace").removeprefix("\ufeff")
    found = DECLARED.match(raw)
    encoding = found.group(1).decode() if found else "utf-8"
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        if notes is not None:
            notes.add(f"text that is not {encoding}, read as {LATIN}", "the file")
        return raw.decode(LATIN, errors="replace")


def trimmed(text: str) -> str:
    """Without what may not stand around a document: white space, zeros, and an XML declaration that is not at its start."""
    text = text.strip(AROUND)
    late = LATE_DECLARATION.match(text)
    return text if late is None else text[: late.start(1)] + text[late.end(1) :]


def _undeclared(root: Element) -> set[str]:
    """Prefixes of elements and attributes without an xmlns of theirs anywhere in the document."""
    used, known = set(), {"xml", "xmlns"}
    for element in root.iter():
        for name in (str(element.tag), *element.attrib):
            prefix, _, rest = name.partition(":")
            if rest:
                used.add(prefix)
                if prefix == "xmlns":
                    known.add(rest)
    return used - known


def expand(where: str) -> str:
    """The advice for a file with macros."""
    return f"expand the file with `xacro {where} > robot.urdf` (arguments as name:=value)"


def _expanded(path: Path | None, text: str, where: str) -> str:
    """The text after its xacro macros.

    Raises: ModelError that names the command, where the package is not installed or gives up.
    """
    advice = expand(where if path else "robot.xacro")
    try:
        import xacro
    except ImportError:
        raise ModelError(f"{where}: this is a xacro macro file; {advice}, or install xacro to have it done here.") from None
    try:
        if path:
            document = xacro.process_file(str(path))
        else:
            document = xacro.parse(text)
            xacro.process_doc(document)
    except SystemExit:
        raise ModelError(f"{where}: xacro cannot expand this macro file; {advice}.") from None
    except Exception as error:  # XacroException, and whatever its expressions raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{where}: xacro cannot expand this macro file: {reason}; {advice}.") from None
    return document.documentElement.toxml()


def _read_bytes(path: Path) -> bytes:
    if path.is_file():
        check_file_size(path)
        return path.read_bytes()
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, expected a robot file.")
    if not path.parent.is_dir():
        raise ModelError(f"{path}: no such file, and no folder {path.parent}.")
    near = nearest_first(path.name, (p.name for p in path.parent.iterdir() if p.suffix in SUFFIXES and p.is_file()))[:4]
    raise ModelError(f"{path}: no such file; {path.parent} has {', '.join(near) or 'no robot files'}.")
