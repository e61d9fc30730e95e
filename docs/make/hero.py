"""Draw the animation of the README, docs/images/hero.webp: an arm reaches, a quadruped trots, a real pendulum is identified.

python docs/make/hero.py                  # runs the three jobs, then draws
python docs/make/hero.py --runs FOLDER    # draws what FOLDER/reach, FOLDER/trot and FOLDER/simple_pendulum hold
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from genesis.replay.render import Renderer
from genesis.replay.replay import FILE, Replay
from genesis.replay.video import write_frames

TARGET = Path(__file__).resolve().parents[1] / "images" / "hero.webp"
COMMANDS = {"reach": "optimize task=reach", "trot": "optimize task=trot", "simple_pendulum": "sysid system=simple_pendulum"}
TITLES = {
    "reach": ("genesis optimize", "an arm reaches a pose"),
    "trot": ("genesis optimize task=trot", "a quadruped trots, through contact"),
    "simple_pendulum": ("genesis sysid", "a real pendulum, with error bars"),
}
WIDTH, TALL, HEAD = 320, 250, 46  # of a panel and of its title [pixels]
FPS, SECONDS, HOLD = 20, 3.0, 0.8  # the motions last so long, and stay at their end
BARS = 118  # height of the error bars [pixels]
INK, MUTED, DOT, BAND = "#1f2933", "#8795a1", "#0b7285", "#99d5df"


def run(folder: Path) -> None:
    """The three jobs."""
    for name, words in COMMANDS.items():
        subprocess.run(
            [sys.executable, "-m", "genesis_cli", *words.split(), "logging.progress=false", f"hydra.run.dir={folder / name}"],
            check=True,
        )


def picture(figure: plt.Figure) -> np.ndarray:
    """(h, w, 3) uint8 of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    plt.close(figure)
    return np.asarray(Image.open(buffer).convert("RGB"))


def title(name: str) -> np.ndarray:
    """What a panel shows, and the command that makes it."""
    figure = plt.figure(figsize=(WIDTH / 100, HEAD / 100), dpi=100)
    command, what = TITLES[name]
    figure.text(0.03, 0.66, what, fontsize=9.5, color=INK, weight="bold", va="center")
    figure.text(0.03, 0.24, command, fontsize=7.5, color=MUTED, family="monospace", va="center")
    return picture(figure)


def bars(run_folder: Path) -> np.ndarray:
    """Start, estimate and 95 % interval of each parameter that the recordings tell, in units of the estimate."""
    estimates = json.loads((run_folder / "result.json").read_text())["estimates"]
    told = [e for e in estimates if e["low"] is not None and e["value"] and e["start"]]
    figure, axes = plt.subplots(figsize=(WIDTH / 100, BARS / 100), dpi=100)
    figure.subplots_adjust(left=0.31, right=0.97, top=0.96, bottom=0.27)
    for y, e in enumerate(reversed(told)):
        low, high = sorted((e["low"] / e["value"], e["high"] / e["value"]))
        axes.barh(y, high - low, left=low, height=0.55, color=BAND)
        axes.plot(1.0, y, "o", color=DOT, ms=5)
        axes.plot(e["start"] / e["value"], y, "|", color=MUTED, ms=11, mew=2)
    names = [e["name"].partition("/")[0].replace("_", " ") for e in reversed(told)]
    axes.set_yticks(range(len(told)), names, fontsize=8, color=INK)
    axes.set_ylim(-0.6, len(told) - 0.4)
    axes.set_xlabel("| start   ● estimate, 95 %   [of the estimate]", fontsize=7, color=INK, labelpad=1)
    axes.tick_params(axis="x", labelsize=7, colors=INK, pad=2)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return picture(figure)


def frames(name: str, folder: Path) -> Iterator[np.ndarray]:
    """Pictures of a panel, all the same many."""
    replay, count = Replay.load(folder / name / FILE), round(FPS * SECONDS)
    below = bars(folder / name) if name == "simple_pendulum" else np.zeros((0, WIDTH, 3), np.uint8)
    head = title(name)
    with Renderer(replay, (WIDTH, TALL - len(below))) as renderer:
        for instant in replay.time[0] + np.linspace(0.0, replay.duration, count):
            image = renderer.image(int(np.abs(replay.time - instant).argmin()))
            yield np.concatenate([head, image, below])


def panels(folder: Path) -> Iterator[np.ndarray]:
    """The pictures of the film."""
    shown = np.zeros((0, 0, 3), np.uint8)
    for together in zip(*(frames(name, folder) for name in COMMANDS), strict=True):
        gap = np.full((len(together[0]), 6, 3), 255, np.uint8)
        shown = np.concatenate([part for panel in together for part in (panel, gap)][:-1], axis=1)
        yield shown
    yield from [shown] * round(FPS * HOLD)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=Path, help="folder of runs that are there already")
    parser.add_argument("--out", type=Path, default=TARGET)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.runs or Path(made)
        if given.runs is None:
            run(folder)
        write_frames(panels(folder), given.out, FPS)
    print(given.out, given.out.stat().st_size)


if __name__ == "__main__":
    main()
