"""A recording for rerun: every pose at its time, in rerun's order of quaternions; where rerun is missing, the extra is named."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.replay.replay import Arrows, Landmark, Polyline
from genesis.replay.rrd import part, write_rrd
from tests.replay.test_html import sliding


class Archetype:
    """Remembers what it was made of, as all that rerun logs."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        self.args, self.fields = args, fields

    from_fields = classmethod(lambda kind, **fields: kind(**fields))

    @classmethod
    def columns(cls, **fields: Any) -> Any:
        made = cls(**fields)
        made.partition = lambda lengths: SimpleNamespace(fields=fields, lengths=lengths)
        return made


@pytest.fixture
def told(monkeypatch) -> dict[str, Any]:
    """What a stand-in for rerun was told: path -> content."""
    said: dict[str, Any] = {}

    class Stream:
        def __init__(self, application: str, recording_id: str) -> None: ...

        def save(self, path: str) -> None:
            open(path, "wb").write(b"RRF2")

        def log(self, path: str, what: Any, static: bool) -> None:
            said[path] = what

        def send_columns(self, path: str, indexes: list, columns: Any) -> None:
            said[f"{path} over time"] = indexes[0].fields["duration"], columns

        def flush(self) -> None: ...

        def disconnect(self) -> None: ...

    module = ModuleType("rerun")
    module.RecordingStream, module.ViewCoordinates = Stream, SimpleNamespace(RIGHT_HAND_Z_UP="z up")  # type: ignore[attr-defined]
    for name in ("TimeColumn", "Transform3D", "Mesh3D", "LineStrips3D", "Ellipsoids3D", "Boxes3D", "Cylinders3D", "Arrows3D"):
        setattr(module, name, type(name, (Archetype,), {}))
    monkeypatch.setitem(sys.modules, "rerun", module)
    return said


def annotated() -> Any:
    made = sliding(takes=2)
    made.takes[0].quat[:, 1] = [0.8, 0.6, 0.0, 0.0]
    made.takes[0].pos[3, 1] = np.nan
    made.polylines = [Polyline("path", np.linspace([0, 0, 0], [1, 0, 0], 5))]
    made.landmarks = [
        Landmark("goal", "sphere", (0.1,), np.array([1.0, 0, 0.1])),
        Landmark("tool", "frame", (0.1,), made.takes[1].pos[:, 1]),
    ]
    vectors = np.full((len(made), 1, 3), np.nan)
    vectors[5:] = [0.0, 0.0, 20.0]
    made.arrows = [Arrows("contact forces", made.takes[1].pos[:, 1:].copy(), vectors, "N", 0.01)]
    return made


def test_poses_landmarks_and_arrows_over_time(told, tmp_path) -> None:
    made = annotated()
    write_rrd(made, tmp_path / "a.rrd")
    assert (tmp_path / "a.rrd").read_bytes() == b"RRF2" and [p.name for p in tmp_path.iterdir()] == ["a.rrd"]
    time, moved = told["takes/best/box/cube over time"]
    assert np.array_equal(time, made.time)
    assert np.allclose(np.delete(moved.fields["quaternion"], 3, 0), [0.6, 0.0, 0.0, 0.8]), "xyzw"
    assert np.allclose(np.delete(moved.fields["translation"], 3, 0), np.delete(made.takes[0].pos[:, 1], 3, 0))
    assert moved.fields["scale"][:, 0].tolist() == [1.0] * 3 + [1e-9] + [1.0] * 7, "hidden where it is not known"
    assert told["takes/ghost\\ 1/box/cube/0"].fields["albedo_factor"] == [0, 0, 255, 76]
    assert "takes/best/world/0" in told and "takes/ghost\\ 1/world/0" not in told
    assert "landmarks/goal" in told and "landmarks/tool over time" in told and "paths/path" in told
    _, arrows = told["arrows/contact\\ forces over time"]
    assert arrows.lengths.tolist() == [0] * 5 + [1] * 6 and np.allclose(arrows.fields["vectors"], [[0.0, 0.0, 0.2]] * 6)


def test_names_are_parts_of_paths() -> None:
    assert part("left_foot-2.b") == "left_foot-2.b" and part("a/b c") == "a\\/b\\ c"


def test_without_rerun_its_extra_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(InputError, match=r"pip install \"genesis-optimize\[rerun\]\""):
        write_rrd(sliding(2), tmp_path / "a.rrd")
    with pytest.raises(InputError, match="give such a suffix"):
        write_rrd(sliding(2), tmp_path / "a.txt")


def test_rerun_takes_it(tmp_path) -> None:
    pytest.importorskip("rerun")
    assert write_rrd(annotated(), tmp_path / "a.rrd").read_bytes()[:3] == b"RRF"
