"""Files appear whole: whoever has the old one open keeps it, and a write that fails changes nothing."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from genesis.runners.files import write_bytes, write_json, write_npz


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("write", [write_bytes, lambda path, content: write_npz(path, {"x": np.frombuffer(content, np.uint8)})])
def test_a_file_is_replaced_not_written_over(tmp_path, write) -> None:
    """A hard link is a reader that opened the old file: it must see all of the old content, and only that."""
    path, reader = tmp_path / "a.npz", tmp_path / "reader"
    write(path, b"old")
    before = path.read_bytes()
    os.link(path, reader)
    write(path, b"new and longer")
    assert reader.read_bytes() == before != path.read_bytes()
    assert names(tmp_path) == ["a.npz", "reader"]


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    whole = Path.write_bytes

    def half(self: Path, content: bytes) -> int:
        whole(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"x": 2})
    assert json.loads(path.read_text()) == {"x": 1} and names(tmp_path) == ["a.json"]


def test_arrays_that_cannot_be_written_leave_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, {"x": np.arange(3)})

    def half(file: Path, **arrays: np.ndarray) -> None:
        file.write_bytes(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(OSError, match="No space left"):
        write_npz(path, {"x": np.arange(4)})
    assert np.load(path)["x"].tolist() == [0, 1, 2] and names(tmp_path) == ["a.npz"]
