"""Pictures of reports for the documentation: runs some jobs, opens their reports in headless Chromium, in light and in dark.

python docs/make/screenshots.py            # all, into docs/images/report_*.png; a minute or two
python docs/make/screenshots.py trot       # one of them
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.browser import CHROMIUM, screenshot  # noqa: E402

IMAGES = REPOSITORY / "docs" / "images"
WIDTH = 1280
COLOURS = 128  # of a stored picture: half the bytes, and nothing to be seen of it


@dataclass(frozen=True)
class Shot:
    """One report. words: of `genesis`; parts: (name, section it begins at, height in pixels, light or dark)."""

    words: tuple[str, ...]
    parts: tuple[tuple[str, str, int, str], ...]


SHOTS = {
    "reach": Shot(("optimize",), (("reach", "", 1500, "light"), ("reach_dark", "", 1500, "dark"), ("reach_motion", "motion", 1300, "light"))),
    "trot": Shot(("optimize", "task=trot"), (("trot", "motion", 1300, "dark"),)),
    "balance": Shot(("optimize", "task=balance", "stop.iterations=40"), (("balance", "", 1500, "light"),)),
    "constraints": Shot(("optimize", "task=reach_around"), (("constraints", "constraints", 780, "light"),)),
    "simulate": Shot(("simulate", "task=swing_up"), (("simulate", "", 1200, "light"),)),
    "sysid": Shot(("sysid",), (("sysid", "", 1400, "light"),)),
    "sweep": Shot(
        (
            "optimize", "-m", "optimizer=adam,lbfgs,levenberg_marquardt", "loss.final_velocity.weight=0.1,1,10", "stop.iterations=12",
            "runtime.seed=0,1",
        ),
        (("sweep", "", 1500, "light"),),
    ),
}  # fmt: skip


def main(names: list[str]) -> None:
    """Make the pictures of the named reports, or of all."""
    if CHROMIUM is None:
        raise SystemExit("there is no chromium here: install it first.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for name in names or SHOTS:
            shoot(name, SHOTS[name], Path(place))


def shoot(name: str, shot: Shot, place: Path) -> None:
    """Run the job, and take the pictures of its report."""
    run = place / name
    where = "hydra.sweep.dir" if "-m" in shot.words else "hydra.run.dir"
    words = [*shot.words, f"{where}={run}", "logging.progress=false", "logging.tensorboard=false"]
    subprocess.run([sys.executable, "-m", "genesis_cli", *words], cwd=REPOSITORY, check=False)  # some do not converge, on purpose
    for part, section, height, scheme in shot.parts:
        target = IMAGES / f"report_{part}.png"
        screenshot(run / "report.html", target, place, scheme=scheme, width=WIDTH, height=height, section=section)
        with Image.open(target) as picture:
            picture.convert("RGB").quantize(COLOURS).save(target, optimize=True)
        print(target, f"{target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
