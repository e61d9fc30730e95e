"""More of the files of `hostile`: bags, data sets, and what is no file."""

import json
import os
import socket
import sqlite3
import struct
from pathlib import Path
from typing import Any

from tests.observations.hostile import HOSTILE, TABLE, hostile, parquet, put

for _ending in ("bag", "mcap", "db3"):
    HOSTILE[f"{_ending}_text"] = lambda folder, name=f"log.{_ending}": put(folder, name, "no bag" * 100)  # type: ignore[misc]
    HOSTILE[f"{_ending}_empty_file"] = lambda folder, name=f"log.{_ending}": put(folder, name, b"")  # type: ignore[misc]


@hostile
def bag_junk_after_its_mark(folder: Path) -> Path:
    return put(folder, "log.bag", b"#ROSBAG V2.0\n" + b"\xff" * 5000)


@hostile
def db3_without_tables(folder: Path) -> Path:
    sqlite3.connect(folder / "log.db3").executescript("create table other (x); insert into other values (1);")
    return folder / "log.db3"


def mcap(*records: bytes) -> bytes:
    """A file of records without summary."""
    magic = b"\x89MCAP0\r\n"
    start = _record(0x01, struct.pack("<I4sI", 4, b"ros2", 0))
    return magic + start + b"".join(records) + _record(0x02, bytes(20)) + magic


def _record(op: int, content: bytes) -> bytes:
    return bytes([op]) + struct.pack("<Q", len(content)) + content


def _chunk(size: int, compression: bytes, content: bytes) -> bytes:
    head = struct.pack("<QQQI", 0, 1, size, 0) + struct.pack("<I", len(compression)) + compression
    return _record(0x06, head + struct.pack("<Q", len(content)) + content)


@hostile
def mcap_junk_records(folder: Path) -> Path:
    return put(folder, "log.mcap", mcap(_record(0x05, b"short"), _record(0x04, b"\xff" * 50)))


@hostile
def mcap_chunk_that_lies(folder: Path) -> Path:
    import lz4.frame

    return put(folder, "log.mcap", mcap(_chunk(100, b"lz4", lz4.frame.compress(bytes(50_000_000)))))


@hostile
def mcap_chunk_of_terabytes(folder: Path) -> Path:
    return put(folder, "log.mcap", mcap(_chunk(1 << 43, b"zstd", b"junk")))


@hostile
def mcap_record_of_exabytes(folder: Path) -> Path:
    return put(folder, "log.mcap", mcap(bytes([0x03]) + struct.pack("<Q", 1 << 60)))


def metadata(folder: Path, text: str) -> Path:
    """The folder of a bag with this description."""
    bag = folder / "bag"
    bag.mkdir()
    put(bag, "metadata.yaml", text)
    return bag


@hostile
def bag_metadata_junk(folder: Path) -> Path:
    return metadata(folder, "a: [1, 2\n\t- x")


@hostile
def bag_metadata_without_files(folder: Path) -> Path:
    return metadata(folder, "rosbag2_bagfile_information: {version: 9, relative_file_paths: [../../etc/passwd]}")


@hostile
def bag_metadata_bomb(folder: Path) -> Path:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30)]
    return metadata(folder, "\n".join(lines))


@hostile
def bag_message_bomb(folder: Path) -> Path:
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd

    bag = metadata(folder, "rosbag2_bagfile_information: {version: 9}\n# compression_mode: message\n")
    table = sqlite3.connect(bag / "a.db3")
    table.execute("create table messages (data blob)")
    expander, parts = zstd.ZstdCompressor(), []
    parts += [expander.compress(bytes(10_000_000)) for _ in range(30)]
    table.execute("insert into messages values (?)", (b"".join([*parts, expander.flush()]),))
    table.commit()
    table.close()
    return bag


def lerobot(folder: Path, info: Any, **columns: Any) -> Path:
    """A data set with one file."""
    data = folder / "set"
    (data / "meta").mkdir(parents=True)
    put(data / "meta", "info.json", info if isinstance(info, str) else json.dumps(info))
    if columns:
        (data / "data" / "chunk-000").mkdir(parents=True)
        parquet(data / "data" / "chunk-000", **columns).rename(data / "data" / "chunk-000" / "file-000.parquet")
    return data


INFO = {"codebase_version": "v3.0", "fps": 50, "features": {"q": {"dtype": "float32", "shape": [1], "names": None}}}


@hostile
def lerobot_info_junk(folder: Path) -> Path:
    return lerobot(folder, "{" * 100_000)


@hostile
def lerobot_of_another_version(folder: Path) -> Path:
    return lerobot(folder, INFO | {"codebase_version": "v9.0"}, q=[1.0])


@hostile
def lerobot_without_data(folder: Path) -> Path:
    return lerobot(folder, INFO)


@hostile
def lerobot_without_episodes(folder: Path) -> Path:
    return lerobot(folder, INFO, q=[1.0, 2.0], timestamp=[0.0, 0.02])


@hostile
def lerobot_damaged(folder: Path) -> Path:
    data = lerobot(folder, INFO, q=[1.0, 2.0], timestamp=[0.0, 0.02], episode_index=[0, 0])
    put(data / "data" / "chunk-000", "file-001.parquet", "junk" * 100)
    return data


@hostile
def a_folder(folder: Path) -> Path:
    (folder / "logs").mkdir()
    return folder / "logs"


@hostile
def a_folder_called_as_a_file(folder: Path) -> Path:
    (folder / "log.csv").mkdir()
    return folder / "log.csv"


@hostile
def a_fifo(folder: Path) -> Path:
    os.mkfifo(folder / "log.csv")
    return folder / "log.csv"


@hostile
def a_device(folder: Path) -> Path:
    (folder / "log.csv").symlink_to("/dev/zero")
    return folder / "log.csv"


@hostile
def a_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        before = Path.cwd()
        os.chdir(folder)  # names of sockets are short
        made.bind("log.csv")
        os.chdir(before)
    return folder / "log.csv"


@hostile
def a_broken_link(folder: Path) -> Path:
    (folder / "log.csv").symlink_to(folder / "gone.csv")
    return folder / "log.csv"


@hostile
def a_link_to_itself(folder: Path) -> Path:
    (folder / "log.csv").symlink_to(folder / "log.csv")
    return folder / "log.csv"


@hostile
def an_unknown_ending(folder: Path) -> Path:
    return put(folder, "log.mat", TABLE)
