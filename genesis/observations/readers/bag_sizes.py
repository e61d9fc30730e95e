"""What the compressed parts of a bag expand to, before the library that reads bags expands them as a whole.

Sources: the MCAP format, mcap.dev/spec (records: opcode, length in 8 bytes, content; opcode 6 is a chunk), and the ROS bag format 2.0,
wiki.ros.org/Bags/Format/2.0 (records: length of the header, header of name=value, length of the data, data; op 5 is a chunk).
"""

import bz2
import re
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from genesis.errors import InputError
from genesis.observations.readers.budget import afford
from genesis.observations.readers.extras import library
from genesis.observations.readers.options import ReadOptions

MCAP_MAGIC, MCAP_CHUNK, MCAP_END = b"\x89MCAP0\r\n", 0x06, 0x02
ROS1_MAGIC, ROS1_CHUNK = b"#ROSBAG V2.0\n", b"\x05"
METADATA_MOST = 64 << 20  # bytes of metadata.yaml
BLOCK = 1 << 20  # bytes that are expanded at a time
MESSAGE_MOST = 256 << 20  # bytes of one message
MESSAGE_MODE = re.compile(
    r"compression_mode:\s*[\"']?message", re.IGNORECASE
)  # of metadata.yaml: each message is compressed by itself
Chunk = tuple[str, int, bytes]  # compression, size as its header says, compressed content


def expanded(path: Path, folder: Path, options: ReadOptions) -> None:
    """Raises: InputError for a part of a bag that is larger than the budget, or than its header says."""
    if folder.is_dir():
        metadata = folder / "metadata.yaml"
        if metadata.is_file() and metadata.stat().st_size > METADATA_MOST:
            raise InputError(f"{metadata} has {metadata.stat().st_size} bytes; that is no description of a bag.")
        if metadata.is_file() and MESSAGE_MODE.search(metadata.read_text(encoding="utf-8", errors="replace")):
            for file in sorted(folder.glob("*.db3")):
                _messages(file)
        files = sorted(folder.glob("*.mcap"))
        for file in sorted(folder.glob("*.zstd")):
            _whole_file(file, options)
    else:
        files = [folder]
    for file in files:
        for compression, size, content in _chunks(file, options):
            afford(f"{file}: a chunk of {size} bytes", size // 8, options)
            _one_chunk(file, compression, size, content)


def _chunks(file: Path, options: ReadOptions) -> Iterator[Chunk]:
    """The compressed chunks of a file, up to the first record that makes no sense, which the reader tells of."""
    with file.open("rb") as content:
        start = content.read(len(ROS1_MAGIC))
        try:
            if start == ROS1_MAGIC:
                yield from _ros1(content, file.stat().st_size)
            elif start.startswith(MCAP_MAGIC):
                content.seek(len(MCAP_MAGIC))
                yield from _mcap(content, file.stat().st_size)
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            if isinstance(error, InputError):
                raise


def _mcap(content: IO[bytes], size: int) -> Iterator[Chunk]:
    while (op := content.read(1)) and op[0] != MCAP_END:
        (length,) = struct.unpack("<Q", content.read(8))
        start = content.tell()
        _inside(content, start + length, size)
        if op[0] == MCAP_CHUNK:
            _, _, expands, _, word = struct.unpack("<QQQII", content.read(32))
            compression = content.read(min(word, 64)).decode()
            (compressed,) = struct.unpack("<Q", content.read(8))
            if compression and compressed <= length:
                yield compression, expands, content.read(compressed)
        content.seek(start + length)


def _ros1(content: IO[bytes], size: int) -> Iterator[Chunk]:
    while content.tell() < size:
        (length,) = struct.unpack("<I", content.read(4))
        _inside(content, content.tell() + length, size)
        header, fields, place = content.read(length), {}, 0
        while place < length:
            (count,) = struct.unpack_from("<I", header, place)
            name, _, value = header[place + 4 : place + 4 + count].partition(b"=")
            fields[name], place = value, place + 4 + count
        (length,) = struct.unpack("<I", content.read(4))
        start = content.tell()
        _inside(content, start + length, size)
        compression = fields.get(b"compression", b"none").decode()
        if fields.get(b"op") == ROS1_CHUNK and compression != "none":
            yield compression, int.from_bytes(fields.get(b"size", b"")[:4], "little"), content.read(length)
        content.seek(start + length)


def _inside(content: IO[bytes], end: int, size: int) -> None:
    """Raises: InputError for a record that ends behind the file, for which a reader would take memory."""
    if end > size:
        raise InputError(f"{content.name} is cut or damaged: a record ends at byte {end}, the file at {size}.")


def _one_chunk(file: Path, compression: str, size: int, content: bytes) -> None:
    """Raises: InputError for a chunk that expands to more than its header says."""
    if compression == "bz2":
        expander: Any = bz2.BZ2Decompressor()
    elif compression == "lz4":
        expander = library(file, "lz4", "lz4.frame").LZ4FrameDecompressor()
    elif compression == "zstd":
        expander = _zstd(file).ZstdDecompressor()
    else:
        return
    try:
        count = len(expander.decompress(content, BLOCK))
        while count <= size and not expander.eof and not expander.needs_input:
            count += len(expander.decompress(b"", BLOCK))
    except Exception as error:  # each library has an error of its own
        raise InputError(f"{file}: a chunk is damaged: {error}.") from error
    if count > size:
        raise InputError(f"{file}: a compressed part expands to more than {size} bytes, which its header says or one may have.")


def _messages(file: Path) -> None:
    """Raises: InputError for a compressed message that expands to more than one may have."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as table:
        for (content,) in table.execute("select data from messages"):
            if isinstance(content, bytes):
                _one_chunk(file, "zstd", MESSAGE_MOST, content)


def _whole_file(file: Path, options: ReadOptions) -> None:
    """Raises: InputError for a compressed file that expands to more than the budget."""
    total = 0
    with _zstd(file).open(file, "rb") as content:
        while block := content.read(BLOCK):
            total += len(block)
            afford(f"{file}: expanded, more than {total} bytes", total // 8, options)


def _zstd(file: Path) -> Any:
    """The module of the standard library from Python 3.14 on, or its twin for those before."""
    try:
        return library(file, "rosbags", "compression.zstd")
    except InputError:
        return library(file, "rosbags", "backports.zstd")
