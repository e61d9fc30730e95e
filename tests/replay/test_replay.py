"""A replay comes back from its file as it was, and is cut to frames at even instants."""

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.replay.replay import Arrows, DrawnBody, Landmark, Polyline, Replay, Skin, Take


def replay(count: int = 5, bodies: int = 2) -> Replay:
    rng = np.random.default_rng(0)
    triangle = Skin(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), (1.0, 0.5, 0.0, 1.0))
    painted = Skin(
        np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), uv=np.zeros((3, 2), np.float32),
        texture=np.arange(12, dtype=np.uint8).reshape(2, 2, 3), colours=np.full((3, 4), 255, np.uint8),
    )  # fmt: skip
    take = Take("best", rng.normal(size=(count, bodies, 3)), np.tile([1.0, 0, 0, 0], (count, bodies, 1)), tint=(0.1, 0.2, 0.3))
    return Replay(
        "an arm", np.linspace(0.0, 1.0, count), [DrawnBody("", "", [triangle]), DrawnBody("hand", "arm", [painted])], [take],
        [Polyline("path", rng.normal(size=(7, 3)))],
        [Landmark("target", "sphere", (0.1,), np.array([1.0, 2.0, 3.0]), label="here"),
         Landmark("moving", "frame", (0.1,), rng.normal(size=(count, 3)))],
        [Arrows("forces", rng.normal(size=(count, 4, 3)), rng.normal(size=(count, 4, 3)), "N", 0.01)],
    )  # fmt: skip


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.shape == b.shape
            and (a.dtype.kind != "f" and np.array_equal(a, b) or np.allclose(a, b, atol=1e-6, equal_nan=True))
        )
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(same(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    return a == b


def test_a_file_gives_back_what_was_saved(tmp_path) -> None:
    made = replay()
    made.save(tmp_path / "replay.npz")
    assert same(made, Replay.load(tmp_path / "replay.npz"))
    assert [file.name for file in tmp_path.iterdir()] == ["replay.npz"]


def test_where_a_replay_cannot_be_written_nothing_is_left(tmp_path) -> None:
    (tmp_path / "replay.npz").mkdir()
    with pytest.raises(InputError, match="replay.npz: cannot be written"):
        replay().save(tmp_path / "replay.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["replay.npz"]


def test_what_is_no_replay_is_said(tmp_path) -> None:
    for name, content in (("text.npz", b"hello"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: cannot be read as a replay"):
            Replay.load(tmp_path / name)
    with pytest.raises(InputError, match="none.npz"):
        Replay.load(tmp_path / "none.npz")


def test_frames_are_the_nearest_to_even_instants() -> None:
    made = replay(101)  # 1 s, a frame every 10 ms
    assert made.frames(25.0).tolist() == list(range(0, 101, 4))
    assert made.frames(1000.0).tolist() == list(range(101))
    assert made.frames(25.0, most=5).tolist() == [0, 25, 50, 75, 100]
    made.time = np.concatenate([[0.0], np.linspace(0.9, 1.0, 100)])
    assert made.frames(2.0).tolist() == [0, 1, 100]


def test_cutting_takes_all_that_moves_along() -> None:
    made = replay(5)
    cut = made.at([0, 4])
    assert cut.time.tolist() == [0.0, 1.0] and len(cut) == 2
    assert np.array_equal(cut.takes[0].pos, made.takes[0].pos[[0, 4]])
    assert np.array_equal(cut.landmarks[1].pos, made.landmarks[1].pos[[0, 4]])
    assert np.array_equal(cut.landmarks[0].pos, made.landmarks[0].pos), "what stands still stays"
    assert np.array_equal(cut.arrows[0].vectors, made.arrows[0].vectors[[0, 4]])


def test_the_box_holds_what_moves() -> None:
    made = replay()
    made.arrows, made.polylines, made.landmarks = [], [], []
    made.takes[0].pos[:, 1] = [[x, 0.0, 0.0] for x in range(5)]
    low, high = made.box()
    assert np.allclose(low, [-1.0, -1.0, -1.0]) and np.allclose(high, [5.0, 1.0, 1.0])  # the skin reaches 1 m


def test_ghosts_and_grounds_do_not_move_the_box() -> None:
    made = replay()
    made.arrows, made.polylines, made.landmarks = [], [], []
    made.takes[0].pos[:] = 0.0
    low, high = made.box()
    far = Take("first", made.takes[0].pos + 100.0, made.takes[0].quat, ghost=True)
    made.takes.append(far)
    made.polylines.append(Polyline("its path", np.full((2, 3), 100.0), take="first"))
    made.bodies[0].skins.append(Skin(np.full((3, 3), -50.0, np.float32), np.array([[0, 1, 2]], np.int32), ground=True))
    assert np.allclose(made.box(), (low, high))
    far.ghost = False
    assert made.box()[1].max() > 99.0
