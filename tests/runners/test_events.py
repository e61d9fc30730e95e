"""Event files that TensorBoard reads, and histories that do not grow."""

from itertools import count

import numpy as np
import pytest

from genesis.runners.events import HELD, Events, History


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    found.Reload()
    return found


def test_curves_texts_and_pictures_are_read_back(tmp_path) -> None:
    events = Events(tmp_path)
    for step in (0, 5):
        events.scalars({"a": 1.5 * step, "b/c": -step}, step)
    events.text("config", "words")
    events.image("picture", np.zeros((4, 6, 3), np.uint8), 5)
    events.close()
    found = read(tmp_path)
    assert [(p.step, p.value) for p in found.Scalars("a")] == [(0, 0.0), (5, 7.5)]
    assert [(p.step, p.value) for p in found.Scalars("b/c")] == [(0, 0.0), (5, -5.0)]
    picture = found.Images("picture")[0]
    assert (picture.width, picture.height, picture.step) == (6, 4, 5)
    assert found.Tags()["tensors"] == ["config/text_summary"]


@pytest.mark.parametrize("number", [0, 9, 99])
def test_what_was_written_after_the_checkpoint_is_dropped(tmp_path, monkeypatch, number: int) -> None:
    """Also within a second, and where the number of the file gets one more digit."""
    monkeypatch.setattr("genesis.runners.events._NUMBERS", count(number))
    monkeypatch.setattr("genesis.runners.events.time.time", lambda: 1.8e9)
    first = Events(tmp_path)
    for step in range(6):
        first.scalars({"a": step}, step)
    first.close()
    second = Events(tmp_path, first_step=3)
    second.scalars({"a": 30.0}, 3)
    second.close()
    assert [(p.step, p.value) for p in read(tmp_path).Scalars("a")] == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 30.0)]


def test_points_are_seen_while_a_run_goes_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("genesis.runners.events.FLUSHED", 0.0)
    events = Events(tmp_path)
    events.scalars({"a": 1.0}, 7)
    assert [p.step for p in read(tmp_path).Scalars("a")] == [7]
    events.close()


@pytest.mark.parametrize("count", [1, HELD, HELD + 1, 7 * HELD + 3])
def test_a_history_is_thinned_evenly(count: int) -> None:
    history = History()
    for k in range(count):
        history.add(np.array([k]))
    kept = [int(row[0]) for row in history.rows]
    stride = kept[1] if len(kept) > 1 else 1
    assert kept == list(range(0, count, stride)) and len(kept) <= HELD
    assert count <= HELD or len(kept) > HELD // 2
