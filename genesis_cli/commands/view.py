"""`genesis view RUN`: the motion of a run in the browser, or as a file. Where the run has its replay, no engine is started."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.errors import OK, CommandError
from genesis_cli.hydra_errors import from_engine

REPLAY = "replay.npz"
PAGES = (".html", ".htm")


@dataclass
class Wanted:
    """What is to be made of a replay. The files by kind; size as typed, camera and lookat "x,y,z", at [s]: the moment of a picture."""

    html: str | None = None
    mp4: str | None = None
    gif: str | None = None
    png: str | None = None
    rrd: str | None = None
    port: int | None = None
    browser: bool = True
    size: str = "1280x720"
    fps: float = 30.0
    speed: float = 1.0
    camera: str | None = None
    lookat: str | None = None
    take: str | None = None
    at: float | None = None
    dark: bool = False

    def files(self) -> dict[str, str]:
        """Kind -> path of the files that are asked for."""
        asked = {kind: getattr(self, kind) for kind in WRITERS}
        return {kind: path for kind, path in asked.items() if path is not None}


def view(run: str, wanted: Wanted) -> int:
    """Write the files that are asked for, or serve the replay until Ctrl-C; returns the exit code.

    Raises: CommandError for what is no run, has no motion, cannot be shown or written.
    """
    size = size_of(wanted.size)
    camera, lookat = point_of("--camera", wanted.camera), point_of("--lookat", wanted.lookat)
    if lookat is not None and camera is None:
        raise CommandError("--lookat: says where a --camera looks; give both.")
    try:
        replay = replay_of(run)
        for kind, path in wanted.files().items():
            written = WRITERS[kind](replay, Path(path).expanduser(), wanted, size, viewpoint(replay, camera, lookat, size))
            console.say(f"{written}  {size_in_words(written.stat().st_size)}")
        if not wanted.files():
            serve(replay, wanted)
    except Exception as error:
        known = from_engine(error)
        if known is None:
            raise
        raise CommandError(known[1], known[0]) from error
    return OK


def replay_of(run: str) -> Any:
    """The replay of a run folder, of the best job of a sweep, or of a file.

    Raises: CommandError for what is none of these.
    """
    from genesis.replay.replay import Replay

    given = Path(run).expanduser()
    if given.is_file() and given.name in ("trajectory.npz", "solution.npz", "result.json", "config.yaml", "replay.html"):
        given = given.parent  # of a run, which says what the numbers are of
    if given.is_file():
        return Replay.load(given)
    if not given.is_dir():
        raise CommandError(f"{run}: no such folder or file; give a run folder such as outputs/DATE/TIME, or its {REPLAY}.")
    folder = best_job(given)
    if (folder / REPLAY).is_file():
        return Replay.load(folder / REPLAY)
    return made_anew(folder)


def best_job(folder: Path) -> Path:
    """The folder itself, or that of the best job of a sweep, which is told."""
    from genesis_cli.sweeps import manifest

    jobs = any(part.name.isdigit() and part.is_dir() for part in folder.iterdir())
    if not (folder / manifest.NAME).is_file() and not (jobs and not (folder / "config.yaml").is_file()):
        return folder
    from genesis_cli.sweeps.table import gather

    best = gather(folder.resolve()).best()
    if best is None:
        raise CommandError(f"{folder}: no job of this sweep has an objective yet; give the folder of one of them.")
    console.note(f"the best of the sweep: {best.folder}")
    return best.folder


def made_anew(folder: Path) -> Any:
    """The replay of a run that wrote none."""
    if not (folder / "config.yaml").is_file():  # before the engine is loaded
        raise CommandError(f"{folder}: no run there (config.yaml is missing); give a run folder such as outputs/DATE/TIME.")
    from genesis_cli.commands.replay import rebuilt

    console.note(f"{folder} has no {REPLAY}: simulated anew …")
    return rebuilt(folder)


def viewpoint(replay: Any, camera: tuple | None, lookat: tuple | None, size: tuple[int, int]) -> Any:
    """Where pictures are taken from; None: from where all is seen."""
    from genesis.replay.viewpoint import Viewpoint, framing, seen_points

    if camera is None:
        return None
    if lookat is None:
        lookat = tuple(framing(seen_points(replay, replay.takes), size).lookat)
    chosen = Viewpoint(camera, lookat)
    chosen.check("--camera")
    return chosen


def serve(replay: Any, wanted: Wanted) -> None:
    """Show it in the browser until Ctrl-C."""
    from genesis.replay.viewer import serve as open_viewer

    with open_viewer(replay, wanted.port, open_browser=wanted.browser, dark=wanted.dark) as viewer:
        if wanted.browser and not viewer.browser:
            console.note("no browser here: open the address in one; for another machine, --html FILE writes a page.")
        console.say(f"{viewer.url}  (Ctrl-C ends)")
        viewer.wait()


def size_of(text: str) -> tuple[int, int]:
    """Width and height of `1280x720`. Raises: CommandError."""
    width, cross, height = text.lower().partition("x")
    if not cross or not width.isdigit() or not height.isdigit() or not 16 <= int(width) <= 8192 or not 16 <= int(height) <= 8192:
        raise CommandError(f"--size: {text}; allowed: WIDTHxHEIGHT of 16 to 8192 pixels, such as 1280x720.")
    return int(width), int(height)


def point_of(where: str, text: str | None) -> tuple[float, float, float] | None:
    """Three numbers of `1,0.5,2`. Raises: CommandError."""
    if text is None:
        return None
    try:
        x, y, z = (float(word) for word in text.split(","))
    except ValueError:
        raise CommandError(f'{where}: {text}; allowed: three numbers, such as "1,0.5,2" [m].') from None
    return x, y, z


def size_in_words(count: int) -> str:
    """Of a file, in MB or kB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{max(count, 100) / 1e3:.1f} kB"


def suffix(path: Path, allowed: tuple[str, ...], option: str) -> None:
    """Raises: CommandError for a file with another suffix than the option writes."""
    if path.suffix.lower() not in allowed:
        raise CommandError(f'{option}: {path} has the suffix "{path.suffix}"; allowed: {", ".join(allowed)}.')


def _html(replay: Any, path: Path, wanted: Wanted, *_: Any) -> Path:
    from genesis.replay.html import write_html

    suffix(path, PAGES, "--html")
    return write_html(only(replay, wanted.take), path, dark=wanted.dark, fps=wanted.fps)


def _film(kind: str) -> Callable[..., Path]:
    def write(replay: Any, path: Path, wanted: Wanted, size: tuple[int, int], camera: Any) -> Path:
        from genesis.replay.video import write_video

        suffix(path, (f".{kind}",), f"--{kind}")
        return write_video(replay, path, size, wanted.fps, camera, wanted.speed, take=wanted.take)

    return write


def _png(replay: Any, path: Path, wanted: Wanted, size: tuple[int, int], camera: Any) -> Path:
    import numpy as np

    from genesis.replay.render import write_png

    suffix(path, (".png",), "--png")
    time = np.asarray(replay.time)
    if wanted.at is not None and not time[0] - 1e-9 <= wanted.at <= time[-1] + 1e-9:
        raise CommandError(f"--at: {wanted.at:g} s is not in the motion; allowed: {time[0]:g} to {time[-1]:g}.")
    frame = None if wanted.at is None else int(np.abs(time - wanted.at).argmin())
    return write_png(replay, path, frame, size, camera, take=wanted.take)


def _rrd(replay: Any, path: Path, wanted: Wanted, *_: Any) -> Path:
    from genesis.replay.rrd import write_rrd

    suffix(path, (".rrd",), "--rrd")
    return write_rrd(only(replay, wanted.take), path)


def only(replay: Any, take: str | None) -> Any:
    """A replay with one of its takes, or with all. Raises: UnknownNameError."""
    from dataclasses import replace

    from genesis.replay.render import shown

    if take is None:
        return replay
    kept = [part for part in replay.polylines if part.take in ("", take)]
    return replace(replay, takes=shown(replay, take), polylines=kept, arrows=[a for a in replay.arrows if a.take in ("", take)])


WRITERS: dict[str, Callable[..., Path]] = {"html": _html, "mp4": _film("mp4"), "gif": _film("gif"), "png": _png, "rrd": _rrd}
