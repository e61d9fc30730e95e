"""A replay as a film: mp4 (H.264, through PyAV of the extra `video`), or an animated gif or webp, which loop."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.replay.files import put
from genesis.replay.letters import letters, write
from genesis.replay.render import SIZE, Renderer
from genesis.replay.replay import PAUSE, Replay
from genesis.replay.viewpoint import Viewpoint

QUALITY = 20  # of H.264, its crf: 0 without loss, 51 the worst
SAMPLES = 8  # pictures that the palette of a gif is made of


def write_video(
    replay: Replay,
    path: str | PathLike,
    size: tuple[int, int] = SIZE,
    fps: float = 30.0,
    camera: Viewpoint | None = None,
    speed: float = 1.0,
    *,
    take: str | None = None,
    clock: bool = False,
) -> Path:
    """The motion, `speed` times as fast as it was, in `fps` pictures a second; by suffix .mp4, .gif or .webp.

    clock: the time of the replay in a corner. Appears whole or not at all.

    Raises: InputError for another suffix, an odd size of an mp4, numbers that are not positive, a file that cannot be written.
    """
    target = Path(path)
    _check(target, size, fps, speed)
    shots = instants(replay, fps, speed)
    with Renderer(replay, size, camera, take=take) as renderer:
        return write_frames(_pictures(renderer, shots, clock), target, fps)


def instants(replay: Replay, fps: float, speed: float = 1.0) -> np.ndarray:
    """The frame of the replay that each picture of the film shows: the nearest in time."""
    count = int(np.floor(replay.duration * fps / speed + 1e-9)) + 1
    wanted = replay.time[0] + np.arange(count) * (speed / fps)
    after = np.searchsorted(replay.time, wanted).clip(1, max(len(replay) - 1, 1))
    if len(replay) == 1:
        return np.zeros(1, int)
    return np.where(wanted - replay.time[after - 1] < replay.time[after] - wanted, after - 1, after)


def _pictures(renderer: Renderer, shots: Iterable[int], clock: bool) -> Iterator[np.ndarray]:
    before, picture = -1, np.zeros((0, 0, 3), np.uint8)
    for frame in shots:
        if frame != before:
            before, picture = frame, renderer.image(int(frame))
            if clock:
                picture = _with_time(picture, float(renderer.replay.time[frame]))
        yield picture


def _with_time(picture: np.ndarray, time: float) -> np.ndarray:
    from PIL import Image, ImageDraw

    made = Image.fromarray(picture)
    font = letters((made.width, made.height))
    write(ImageDraw.Draw(made), (0.8 * font.size, made.height - 1.9 * font.size), f"{time:.2f} s", font)
    return np.asarray(made)


def write_frames(pictures: Iterable[np.ndarray], path: str | PathLike, fps: float) -> Path:
    """Pictures (h, w, 3) uint8 as a film; see `write_video`."""
    target = Path(path)
    kind = _KINDS.get(target.suffix.lower())
    if kind is None:
        raise InputError(f"{target}: a film is one of {', '.join(_KINDS)}; give such a suffix.")
    rest = iter(pictures)
    first = next(rest, None)
    if first is None:
        raise InputError(f"{target}: there are no pictures for a film.")
    return put(target, lambda partial: kind(chain([first], rest), partial, fps))


def _check(target: Path, size: tuple[int, int], fps: float, speed: float) -> None:
    """Raises: InputError before anything is drawn."""
    if target.suffix.lower() not in _KINDS:
        raise InputError(f"{target}: a film is one of {', '.join(_KINDS)}; give such a suffix.")
    for name, value in (("fps", fps), ("speed", speed)):
        if not 0.0 < value < np.inf:
            raise InputError(f"write_video: {name} is {value!r}; allowed: a positive number.")
    if target.suffix.lower() == ".mp4" and any(n % 2 for n in size):
        raise InputError(f"{target}: size is {size!r}; an mp4 has an even width and height.")


def _mp4(pictures: Iterable[np.ndarray], path: Path, fps: float) -> None:
    try:
        import av
    except ImportError as error:
        raise InputError(f'{path.name}: an mp4 needs PyAV; install it with pip install "genesis-optimize[video]".') from error

    rate = Fraction(fps).limit_denominator(1000)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
        stream: Any = film.add_stream("libx264", rate=rate, options={"crf": str(QUALITY), "preset": "veryfast", "threads": "1"})
        stream.pix_fmt = "yuv420p"
        for k, picture in enumerate(pictures):
            if k == 0:
                stream.height, stream.width = picture.shape[:2]
                if any(n % 2 for n in picture.shape[:2]):
                    raise InputError(
                        f"{path.name}: {stream.width} x {stream.height} pixels; an mp4 has an even width and height."
                    )
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        film.mux(stream.encode())


def _durations(count: int, fps: float, unit: int) -> list[int]:
    """How long each picture stays [ms], in whole units, without drifting from the clock; the last one longer."""
    ends = np.round(np.arange(count + 1) * (1000.0 / (fps * unit))).astype(int) * unit
    made = np.maximum(np.diff(ends), unit)
    if count > 1:
        made[-1] += round(1000.0 * PAUSE / unit) * unit
    return made.tolist()


def _gif(pictures: Iterable[np.ndarray], path: Path, fps: float) -> None:
    """One palette for all pictures and no dithering: what stands still takes no room."""
    from PIL import Image

    made = [Image.fromarray(picture) for picture in pictures]
    chosen = [made[k] for k in np.unique(np.linspace(0, len(made) - 1, SAMPLES).astype(int))]
    sheet = Image.new("RGB", (made[0].width, made[0].height * len(chosen)))
    for k, picture in enumerate(chosen):
        sheet.paste(picture, (0, k * made[0].height))
    palette = sheet.quantize(255, method=Image.Quantize.MEDIANCUT, kmeans=1)
    flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in made]
    flat[0].save(
        path,
        "GIF",
        save_all=True,
        append_images=flat[1:],
        duration=_durations(len(flat), fps, 10),
        loop=0,
        optimize=False,
        disposal=1,
    )


def _webp(pictures: Iterable[np.ndarray], path: Path, fps: float) -> None:
    from PIL import Image

    made = [Image.fromarray(picture) for picture in pictures]
    made[0].save(
        path, "WEBP", save_all=True, append_images=made[1:], duration=_durations(len(made), fps, 1), loop=0, quality=80, method=4
    )


_KINDS: dict[str, Callable[[Iterable[np.ndarray], Path, float], None]] = {".mp4": _mp4, ".gif": _gif, ".webp": _webp}
