"""Files of a run that are damaged: each is one line that names the file, nothing in it runs, and what was cut off is left out with a word."""

import errno
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis import archives
from genesis.errors import InputError
from genesis.methods import make_method
from genesis.problems.problem import Stage
from genesis.runners.checkpoint import CHECKPOINT, SCHEMA, go_on, load_checkpoint
from genesis.runners.files import named, read_npz, write_bytes
from genesis.runners.loop import Loop, Stop
from genesis.runners.record import Record, RecordOptions, lines_before
from tests.runners.staged import Valleys


class Runs:
    """A pickle that makes a file when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> object:
        return Path.touch, (self.target,)


def loop(folder: Path | None = None) -> Loop:
    record = None if folder is None else Record(folder, RecordOptions(tensorboard=False))
    method = make_method({"kind": "adam"}, {"kind": "constant"}, 2, 0)
    stages = [Stage("a", np.array([5.0]))]
    return Loop(Valleys(stages), method, Stop(iterations=4), record=record, checkpoint_every=2)


@pytest.fixture
def folder(tmp_path) -> Path:
    loop(tmp_path).run()
    return tmp_path


def test_an_unchanged_checkpoint_goes_on(folder) -> None:
    made = loop()
    go_on(made, folder)
    assert made.iteration == 4


@pytest.mark.parametrize("name", SCHEMA)
def test_an_entry_that_is_gone_or_of_another_kind_is_named(folder, name) -> None:
    state = load_checkpoint(folder)
    for changed in ({k: v for k, v in state.items() if k != name}, {**state, name: {1, 2}}):
        torch.save({k: "text" if isinstance(v, set) else v for k, v in changed.items()}, folder / CHECKPOINT)
        with pytest.raises(InputError, match=f"checkpoints/last.pt: .*({name}|earlier version).*--rerun") as caught:
            go_on(loop(), folder)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": 7}, "stage 7 of 1"), ({"iteration": -1}, "iteration -1"), ({"stages": ["ab"]}, "stage 0 of 1"),
        ({"point": torch.tensor([float("nan")]).double()}, "not finite"), ({"standing": {}}, "damaged.*KeyError"),
        ({"random": torch.zeros(3, dtype=torch.uint8)}, "damaged"), ({"course": [{"no": 1}]}, "damaged"), ({"endings": {0: 5}}, "damaged"),
        ({"format": 99}, "a later version"), ({"format": 1}, "an earlier version"),
    ],
)  # fmt: skip
def test_what_was_changed_by_hand_is_said(folder, change, said) -> None:
    torch.save({**load_checkpoint(folder), **change}, folder / CHECKPOINT)
    with pytest.raises(InputError, match=f"checkpoints/last.pt: .*{said}"):
        go_on(loop(), folder)


def test_foreign_and_truncated_files_are_refused_and_never_run(folder) -> None:
    path, ran = folder / CHECKPOINT, folder / "ran"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"junk", pickle.dumps(Runs(ran)), pickle.dumps([1])):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoints/last.pt: .*--rerun"):
            go_on(loop(), folder)
    for foreign in (Runs(ran), [1, 2], {"weights": torch.ones(2)}):
        torch.save(foreign, path)
        with pytest.raises(InputError, match=r"checkpoints/last.pt: .*--rerun"):
            go_on(loop(), folder)
    assert not ran.exists()


def test_lines_that_were_cut_off_are_left_out_with_a_word(folder, caplog) -> None:
    caplog.set_level("WARNING", logger="genesis")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 60, "obj')
    assert [line["iteration"] for line in lines_before(folder, 9)] == [0, 1, 2, 3, 4]
    assert "metrics.jsonl: line 6 is cut off" in caplog.text
    (folder / "metrics.jsonl").write_bytes(b'\xff\xfe\n[1]\n{"no": 1}\n{"iteration": 0}\n')
    assert lines_before(folder, 9) == [{"iteration": 0}]


def test_arrays_that_cannot_be_read_are_named(tmp_path) -> None:
    path = tmp_path / "solution.npz"
    np.savez(path, x=np.arange(1000.0))
    whole, ran = path.read_bytes(), tmp_path / "ran"
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1)) | {"shape": (10**12,)}
    huge = tmp_path / "huge.npz"
    np.savez(huge, x=np.zeros(1))
    import zipfile

    with zipfile.ZipFile(huge, "w") as archive, archive.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
    for content in (whole[:300], whole[:-30], b"", b"PK", pickle.dumps(Runs(ran)), huge.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match="solution.npz: cannot be read"):
            read_npz(path)
    np.savez(path, x=np.array([Runs(ran)], dtype=object))
    with pytest.raises(InputError, match="solution.npz: cannot be read"):
        read_npz(path)
    assert not ran.exists()


def test_a_full_disk_names_the_file_that_was_to_be(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError) as caught:
        write_bytes(tmp_path / "last.pt", b"x")
    assert caught.value.filename == str(tmp_path / "last.pt") and not list(tmp_path.iterdir())
    with pytest.raises(OSError) as caught, named(tmp_path / "a"):
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / ".a.1.part"))
    assert caught.value.filename == str(tmp_path / "a")


def test_the_result_is_the_last_file_of_a_run(tmp_path) -> None:
    made = loop(tmp_path)
    made.record.holding = True
    made.run()
    assert (tmp_path / "solution.npz").is_file() and not (tmp_path / "result.json").exists() and made.record.held["status"]
    made.record.release()
    assert (tmp_path / "result.json").is_file() and made.record.held is None


def test_a_tensor_that_is_larger_than_its_file_is_refused(folder) -> None:
    """One number with strides of 0 stands for as many as one likes; a check of all of them would take memory for each."""
    state = load_checkpoint(folder)
    for changed in (
        {"point": torch.zeros(1, dtype=torch.float64).expand(10**12)},
        {"method": {"x": [torch.zeros(1).expand(10**12)]}},
    ):
        torch.save({**state, **changed}, folder / CHECKPOINT)
        with pytest.raises(InputError, match="last.pt: has a tensor of more numbers than are stored"):
            go_on(loop(), folder)


def test_arrays_that_are_larger_than_their_file_are_not_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "solution.npz"
    np.savez_compressed(path, x=np.zeros(100_000))
    assert len(read_npz(path)["x"]) == 100_000
    monkeypatch.setattr(archives, "SMALL", 1000)
    with pytest.raises(InputError, match="solution.npz: cannot be read as arrays .*bytes would take 800128 of memory"):
        read_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "x.npy",
            b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,), }".ljust(117) + b"\n",
        )
    with pytest.raises(InputError, match=r"x.npy says to be an array \(10000000000,\)"):
        read_npz(path)
