"""Make the pictures and animations of the docs from run folders.

pip install "genesis-optimize[video]" && python docs/make/pictures.py outputs/reach outputs/trot --out docs/images

Of each run NAME: NAME_motion.png, its end with several instants of the motion behind it, and NAME.webp, the motion as a loop.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from genesis.errors import InputError
from genesis.replay.render import write_png
from genesis.replay.replay import FILE, Replay
from genesis.replay.video import write_video

STILL, MOVING = (1280, 720), (640, 360)  # pixels


def make(run: Path, out: Path, *, instants: int, fps: float, speed: float, suffix: str) -> list[Path]:
    """The files made of a run. Raises: InputError for a folder without a replay."""
    if not (run / FILE).is_file():
        raise InputError(f"{run}: has no {FILE}; run the command without logging.replay=false.")
    replay = Replay.load(run / FILE)
    still = write_png(replay, out / f"{run.name}_motion.png", size=STILL, instants=min(instants, len(replay)))
    return [still, write_video(replay, out / f"{run.name}.{suffix}", MOVING, fps, speed=speed, clock=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 where an input is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, each with a replay.npz")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--instants", type=int, default=5, help="of the motion, in the picture")
    parser.add_argument("--fps", type=float, default=20.0)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--suffix", choices=("webp", "gif", "mp4"), default="webp")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        for run in given.runs:
            start = time.perf_counter()
            made = make(run, given.out, instants=given.instants, fps=given.fps, speed=given.speed, suffix=given.suffix)
            sizes = ", ".join(f"{path} ({path.stat().st_size / 1e3:.0f} kB)" for path in made)
            print(f"{run}: {sizes} in {time.perf_counter() - start:.1f} s")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
