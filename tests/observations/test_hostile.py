"""Every damaged or lying file is refused with its name, in few words, without memory, and without running anything."""

import resource
import tracemalloc
from pathlib import Path

import pytest

from genesis.errors import InputError
from genesis.observations import load
from tests.observations.hostile_folders import HOSTILE
from tests.observations.recipes import node

MOST = 100e6  # bytes that refusing a file may take
NEEDS = {"hdf5": "h5py", "parquet": "pyarrow", "lerobot": "pyarrow", "bag": "rosbags", "mcap": "rosbags", "db3": "rosbags"}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused(tmp_path: Path, name: str) -> None:
    pytest.importorskip(NEEDS.get(name.split("_")[0], "numpy"), reason="needs the extra [data]")
    made = HOSTILE[name](tmp_path)
    path, more = made if isinstance(made, tuple) else (made, {})
    if path.name == "bag":
        more = more | {"channels": {"angle": {"kind": "joint_position", "columns": {"j": "/joint_states/j/position"}}}}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            load(node(path, **more))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert path.stem in text or name == "csv_unknown_encoding", text
    assert text.count("\n") < 3 and len(text) < 700, text
    assert peak < MOST and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST / 1024, name
    assert not (tmp_path / "executed").exists()


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,q\n0,1\n")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"log.csv cannot be read: .*Permission denied"):
        load(node(path))
