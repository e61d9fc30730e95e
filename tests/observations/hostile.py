"""Files that are damaged, lie about their size, or would run or read what is not theirs; each is made in a folder of its own."""

import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Made = tuple[Path, dict[str, Any]]  # the file, and more of the node `observation`
HOSTILE: dict[str, Callable[[Path], Path | Made]] = {}
TABLE = "time,q\n" + "".join(f"{k * 0.01:.2f},{k}\n" for k in range(20))


def hostile(make: Callable[[Path], Path | Made]) -> Callable[[Path], Path | Made]:
    """Add to the list, by the name of the function."""
    HOSTILE[make.__name__] = make
    return make


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _texts() -> dict[str, tuple[str | bytes, dict[str, Any]]]:
    """Name -> content of a text file, and keys."""
    ns = "time,q\n" + "".join(f"{k * 10**12},{k}\n" for k in range(2000))
    return {
        "empty": ("", {}),
        "blank": ("\n \n\t\n", {}),
        "comments_only": ("# a\n# b\n", {}),
        "header_only": ("time,q\n", {}),
        "words": ("hello\nworld\n", {}),
        "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {}),
        "compressed": (gzip.compress(TABLE.encode()), {}),
        "zeros": (b"\0" * 5000, {}),
        "ragged": (TABLE.replace("0.05,5", "0.05,5,6"), {}),
        "short_row": (TABLE.replace("0.05,5", "0.05"), {}),
        "two_names": ("time,q,q\n0,1,2\n1,2,3\n", {}),
        "wide_without_rows": ("time,q," + ",".join(f"c{k}" for k in range(50_000)) + "\n", {}),
        "wide_without_names": ("," * 5_000_000 + "\n1,2\n", {}),
        "wide_by_its_comment": ("# " + "a," * 5_000_000 + "\n", {}),
        "open_quote": ('time,q\n0,"1\n1,2\n2,3\n', {}),
        "not_utf8": (TABLE.encode() + b"# \xff\n", {"encoding": "utf-8"}),
        "cut_utf16": (TABLE.encode("utf-16")[:-1], {}),
        "unknown_encoding": (TABLE, {"encoding": "klingon"}),
        "backwards": (TABLE + "0.05,3\n", {}),
        "no_time": (TABLE.replace("0.05,", ","), {}),
        "time_in_words": (TABLE.replace("0.05,", "later,"), {}),
        "two_of_one_time": (TABLE + "0.19,3\n", {}),
        "beyond_floats": ("time,q\n" + "".join(f"{k},1e400\n" for k in range(9)), {}),
        "nanoseconds_as_seconds": (ns, {"resample": 100.0}),
        "a_gap_of_eons": ("time,q\n0,1\n0.01,1\n0.02,1\n1000000000000,1\n", {"resample": 100.0}),
        "larger_than_the_budget": (TABLE, {"budget_gb": 1e-7}),
        "half_a_date": ("time,q\n2024-13-77T00:00:00,1\n2024-13-78T00:00:00,2\n", {}),
        "two_zones": ("time,q\n2024-01-01T00:00:00Z,1\n2024-01-01T00:00:01,2\n", {}),
    }


for _name, (_content, _more) in _texts().items():
    HOSTILE[f"csv_{_name}"] = lambda folder, content=_content, more=_more: (put(folder, "log.csv", content), more)  # type: ignore[misc]


@hostile
def csv_of_three_gigabytes(folder: Path) -> Path:
    path = put(folder, "log.csv", TABLE)
    os.truncate(path, 3 << 30)  # a hole: no byte of it is on the disk
    return path


def archive(path: Path, **members: bytes) -> Path:
    """A zip of .npy members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return path


def npy(values: Any) -> bytes:
    """An array as NumPy writes it."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def header(shape: str, kind: str = "<f8", more: bytes = b"") -> bytes:
    """The start of an array of any shape, true or not."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + more


class Runs:
    """What leaves a file behind if it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.mark = str(folder / "executed")

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


TIME = npy(np.arange(20) * 0.01)


@hostile
def npz_pickle(folder: Path) -> Path:
    return put(folder, "log.npz", pickle.dumps(Runs(folder)))


@hostile
def npz_objects(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=npy(np.array([Runs(folder)] * 20, dtype=object)))


@hostile
def npz_seven_tebibytes(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=header("(962072674304,)"))


@hostile
def npz_bomb(folder: Path) -> Made:
    return archive(folder / "log.npz", time=TIME, q=npy(np.zeros(2_000_000))), {"budget_gb": 0.001}


@hostile
def npz_shape_hides_size(folder: Path) -> Made:
    return archive(folder / "log.npz", time=TIME, q=header("(20,)", more=bytes(8_000_000))), {"budget_gb": 0.001}


@hostile
def npz_small_types(folder: Path) -> Made:
    return archive(folder / "log.npz", time=TIME, q=npy(np.zeros(500_000, np.int8))), {"budget_gb": 0.001}


@hostile
def npz_of_another_length(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=npy(np.zeros(3)))


@hostile
def npz_truncated_array(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=npy(np.zeros(20))[:-9])


@hostile
def npz_negative_shape(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=header("(-20,)", more=bytes(160)))


@hostile
def npz_header_of_code(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=header(f"__import__('os').mkdir({str(folder / 'executed')!r})"))


@hostile
def npz_junk_members(folder: Path) -> Path:
    return archive(folder / "log.npz", time=b"junk", q=b"")


@hostile
def npz_truncated(folder: Path) -> Path:
    whole = archive(folder / "whole.zip", time=TIME, q=TIME).read_bytes()
    return put(folder, "log.npz", whole[: len(whole) // 2])


@hostile
def npz_wrong_checksum(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "log.npz", "w") as made:
        made.writestr("time.npy", TIME)
        made.writestr("q.npy", TIME)
    content = bytearray((folder / "log.npz").read_bytes())
    content[len(TIME) + 100] ^= 0xFF
    return put(folder, "log.npz", bytes(content))


@hostile
def npz_one_array_alone(folder: Path) -> Path:
    return put(folder, "log.npz", TIME)


@hostile
def npz_empty(folder: Path) -> Path:
    return archive(folder / "log.npz")


@hostile
def npz_empty_file(folder: Path) -> Path:
    return put(folder, "log.npz", b"")


@hostile
def npz_texts(folder: Path) -> Path:
    return archive(folder / "log.npz", q=npy(np.array(["a", "b"])))


@hostile
def npz_a_picture_a_row(folder: Path) -> Path:
    return archive(folder / "log.npz", time=TIME, q=npy(np.zeros((2, 200, 300), np.uint8)))


def hdf5(folder: Path, write: Callable[[Any, Any], None]) -> Path:
    """A file with times, and what `write` adds."""
    import h5py

    with h5py.File(folder / "log.h5", "w") as file:
        file["time"] = np.arange(20) * 0.01
        write(h5py, file)
    return folder / "log.h5"


@hostile
def hdf5_text(folder: Path) -> Path:
    return put(folder, "log.h5", "no HDF5" * 100)


@hostile
def hdf5_empty_file(folder: Path) -> Path:
    return put(folder, "log.hdf5", b"")


@hostile
def hdf5_truncated(folder: Path) -> Path:
    whole = hdf5(folder, lambda h5py, file: file.create_dataset("q", data=np.zeros(50_000))).read_bytes()
    return put(folder, "log.h5", whole[: len(whole) // 2])


@hostile
def hdf5_without_datasets(folder: Path) -> Path:
    def empty(h5py: Any, file: Any) -> None:
        del file["time"]
        file.create_group("nothing")

    return hdf5(folder, empty)


@hostile
def hdf5_external_link(folder: Path) -> Path:
    hdf5(folder, lambda h5py, file: file.create_dataset("q", data=np.zeros(20))).rename(folder / "other.h5")
    return hdf5(folder, lambda h5py, file: file.__setitem__("q", h5py.ExternalLink("other.h5", "/q")))


@hostile
def hdf5_external_storage(folder: Path) -> Path:
    secret = put(folder, "secret.bin", bytes(160))
    return hdf5(folder, lambda h5py, file: file.create_dataset("q", (20,), "f8", external=[(str(secret), 0, 160)]))


@hostile
def hdf5_virtual(folder: Path) -> Path:
    hdf5(folder, lambda h5py, file: file.create_dataset("q", data=np.zeros(20))).rename(folder / "other.h5")

    def write(h5py: Any, file: Any) -> None:
        layout = h5py.VirtualLayout(shape=(20,), dtype="f8")
        layout[:] = h5py.VirtualSource("other.h5", "q", shape=(20,))
        file.create_virtual_dataset("q", layout)

    return hdf5(folder, write)


@hostile
def hdf5_seven_tebibytes(folder: Path) -> Path:
    return hdf5(folder, lambda h5py, file: file.create_dataset("q", (7 << 37,), "f8", chunks=(1024,)))


@hostile
def hdf5_chunk_of_gigabytes(folder: Path) -> Path:
    return hdf5(folder, lambda h5py, file: file.create_dataset("q", (20,), "f8", chunks=(400_000_000,), maxshape=(None,)))


@hostile
def hdf5_circle(folder: Path) -> Path:
    def write(h5py: Any, file: Any) -> None:
        file.create_group("a")["again"] = file["/"]
        file["a/q"] = h5py.SoftLink("/a/q")

    return hdf5(folder, write)


@hostile
def hdf5_texts(folder: Path) -> Path:
    return hdf5(folder, lambda h5py, file: file.__setitem__("q", ["a"] * 20))


def parquet(folder: Path, **columns: Any) -> Path:
    """A table."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "log.parquet")
    return folder / "log.parquet"


@hostile
def parquet_text(folder: Path) -> Path:
    return put(folder, "log.parquet", "no table" * 100)


@hostile
def parquet_empty_file(folder: Path) -> Path:
    return put(folder, "log.parquet", b"")


@hostile
def parquet_truncated(folder: Path) -> Path:
    whole = parquet(folder, time=np.arange(2000) * 0.1, q=np.random.default_rng(0).normal(size=2000)).read_bytes()
    return put(folder, "log.parquet", whole[:5000] + whole[-8:])


@hostile
def parquet_damaged_pages(folder: Path) -> Path:
    whole = bytearray(parquet(folder, time=np.arange(2000) * 0.1, q=np.random.default_rng(0).normal(size=2000)).read_bytes())
    whole[4:3000] = bytes(2996)
    return put(folder, "log.parquet", bytes(whole))


@hostile
def parquet_texts(folder: Path) -> Path:
    return parquet(folder, time=["a", "b"], q=["c", "d"])


@hostile
def parquet_without_rows(folder: Path) -> Path:
    return parquet(folder, time=np.zeros(0), q=np.zeros(0))


@hostile
def parquet_bomb(folder: Path) -> Made:
    return parquet(folder, time=np.arange(1_000_000), q=np.zeros(1_000_000)), {"budget_gb": 0.001}


@hostile
def parquet_uneven_lists(folder: Path) -> Path:
    return parquet(folder, time=[0.0, 1.0], q=[[1.0], [1.0, 2.0]])
