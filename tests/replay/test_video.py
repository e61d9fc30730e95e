"""A film has the pictures, the size and the times that were asked for, and appears whole or not at all."""

import sys

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.replay.video import instants, write_frames, write_video
from tests.replay.drawing import skip_without_drawing
from tests.replay.test_render import BOX, SIZE, replay, skin

skip_without_drawing()


def moving(frames: int = 11):
    made = replay(skin(BOX, (0.9, 0.1, 0.1, 1.0)), frames=frames)  # 0.1 s apart
    made.takes[0].pos[:, 1, 1] = np.linspace(-0.5, 0.5, frames)
    return made


def test_instants_keep_to_the_clock() -> None:
    made = moving()
    assert instants(made, 10.0).tolist() == list(range(11))
    assert instants(made, 20.0).tolist()[::2] == list(range(11))
    assert instants(made, 10.0, speed=2.0).tolist() == [0, 2, 4, 6, 8, 10]
    assert instants(made, 10.0, speed=0.5).tolist()[::2] == list(range(11))
    made.time = made.time + 3.0
    assert instants(made, 5.0).tolist() == [0, 2, 4, 6, 8, 10]
    assert instants(made.at([4]), 30.0).tolist() == [0]


def test_mp4(tmp_path) -> None:
    import av

    write_video(moving(), tmp_path / "film.mp4", SIZE, fps=10)
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == SIZE and float(stream.average_rate) == 10.0
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(stream)]
    assert len(pictures) == 11
    red = [np.argwhere(picture[..., 0] - picture[..., 1] > 60)[:, 1].mean() for picture in pictures]
    assert (np.diff(red) > 2.0).all()  # it goes to the right
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_loops(tmp_path, suffix) -> None:
    from PIL import Image

    path = write_video(moving(), tmp_path / f"film.{suffix}", SIZE, fps=30, speed=2.0, clock=True)
    with Image.open(path) as film:
        assert film.size == SIZE and film.info["loop"] == 0
        times = []
        for k in range(film.n_frames):
            film.seek(k)
            film.load()
            times.append(film.info["duration"])
    assert sum(times) == pytest.approx(1000 * 16 / 30 + 800, abs=10)  # half a second, 16 pictures, and the last one stays
    assert path.stat().st_size < 60_000


def test_what_cannot_be_filmed(tmp_path, monkeypatch) -> None:
    made = moving(2)
    for call, words in (
        (lambda: write_video(made, tmp_path / "a.avi"), r"\.mp4, \.gif, \.webp"),
        (lambda: write_video(made, tmp_path / "a.mp4", (161, 120)), "even"),
        (lambda: write_video(made, tmp_path / "a.mp4", SIZE, fps=0), "fps"),
        (lambda: write_video(made, tmp_path / "a.gif", SIZE, speed=-1.0), "speed"),
        (lambda: write_video(made, tmp_path / "none" / "a.mp4", SIZE), "cannot be written"),
        (lambda: write_video(made, tmp_path / "none" / "a.gif", SIZE), "cannot be written"),
        (lambda: write_frames([], tmp_path / "a.gif", 30), "no pictures"),
    ):
        with pytest.raises(InputError, match=words):
            call()

    def failing():
        yield np.zeros((120, 160, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_frames(failing(), tmp_path / "a.mp4", 30)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"genesis-optimize\[video\]"):
        write_video(made, tmp_path / "a.mp4", SIZE)
