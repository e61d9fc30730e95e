"""Text files: encoding and lines, found without holding the file in memory."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genesis.errors import InputError

CHUNK = 1 << 20
LONGEST_LINE = 64 << 20  # bytes; what has none shorter is no table
HEAD = 4096  # bytes that encoding and kind are judged by
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Control characters that no table has; tabs, line and page ends, escape and the end of file of DOS are left out.
CONTROL = bytes(set(range(32)) - {9, 10, 11, 12, 13, 26, 27})
PADDING = "\r\n\0\x1a"  # at the end of a line: its end, and what a crash or DOS leaves there


@dataclass(frozen=True)
class Text:
    """A text file: encoding, how many lines it has about, and whether its last line was finished."""

    path: Path
    encoding: str
    lines: int
    finished: bool

    def numbered(self, skip: int = 0) -> Iterator[tuple[int, str]]:
        """(number from 1, line) of lines with something in them, without their ends. Raises: InputError where the encoding fails."""
        errors = "replace" if self.encoding == "cp1252" else "strict"
        try:
            with self.path.open(encoding=self.encoding, errors=errors) as file:
                for number, line in enumerate(file, 1):
                    if number > skip and (content := line.rstrip(PADDING)) and not content.isspace():
                        yield number, content
        except UnicodeError as error:
            raise InputError(f"{self.path} is not written in {self.encoding}: {error}; set observation.encoding.") from error


def examine(path: Path, encoding: str | None) -> Text:
    """Encoding and size of a text, by one pass over its bytes.

    UTF-8 where its bytes allow it, else Windows-1252, of which Latin-1 is a part; UTF-16 and UTF-32 by their mark or by their zeros.
    Raises: InputError for what is no text, and for lines without end.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        if not head:
            raise InputError(f"{path}: the file is empty.")
        found = encoding or _marked(path, head)
        decoder = None if found else codecs.getincrementaldecoder("utf-8")()
        lines = run = 0
        chunk, last = head, b""
        while chunk:
            if decoder is not None:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    decoder, found = None, "cp1252"
            lines += chunk.count(b"\n") or chunk.count(b"\r")
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            run = run + len(chunk) if end < 0 else len(chunk) - end
            if run > LONGEST_LINE:
                raise InputError(f"{path}: a line is longer than {LONGEST_LINE >> 20} MB; this is no table of numbers.")
            last, chunk = chunk, file.read(CHUNK)
    return Text(path, found or "utf-8", lines + 1, last.rstrip(b"\0").endswith((b"\n", b"\r")))


def _marked(path: Path, head: bytes) -> str | None:
    """The encoding that a mark or zeros at the start give away; None: an 8-bit one. Raises: InputError for what is no text."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    place = next((k for k, byte in enumerate(head.rstrip(b"\0")) if byte in CONTROL), None)
    if place is not None:
        raise InputError(f"{path} is no text: byte {place} is {head[place]:#04x}; set observation.encoding if it is one.")
    return None
