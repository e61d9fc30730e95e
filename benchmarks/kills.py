"""Runs that are killed at random moments and go on: is anything lost, and are the results those of a run without a break, bit for bit?

    python benchmarks/kills.py            (25 kills of `genesis sysid`, 25 of a sweep: about half an hour)
    python benchmarks/kills.py 6 7        (6 of each, seed 7)
    python benchmarks/kills.py 6 7 sweep  (of the sweep alone)

Each case starts a command in a folder of its own, kills its whole process group with SIGKILL after a time drawn between nothing and what the
command takes, and once more while it goes on in every third case; then it lets the command go on to its end and compares every number of
result.json but seconds, every array of solution.npz, and the lines of metrics.jsonl.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

QUIET = ("logging.replay=false", "logging.progress=false")
SYSID = (
    "sysid", "observation.validation.files=[]", "stop.iterations=4", "logging.checkpoint_every=1", "logging.report=false",
    "logging.tensorboard=false", *QUIET,
)  # fmt: skip
SWEEP = (
    "optimize", "-m", "task=throw", "optimizer=adam", "optimizer.lr=0.1,1", "stop.iterations=60", "logging.checkpoint_every=7",
    "logging.tensorboard=false", "logging.report=false", *QUIET,
)  # fmt: skip
COMMANDS = {"sysid": SYSID, "sweep": SWEEP}
#: What differs between two runs of the same numbers; the verdict is these in words, with the time it took.
CLOCKS = ("seconds", "verdict", "versions", "folder", "began", "ended", "pid", "host")


def start(words: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """A command in a process group of its own."""
    where = f"hydra.sweep.dir={folder}" if "-m" in words else f"hydra.run.dir={folder}"
    return launch([*words, where], folder)


def go_on(words: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """What a user would type after the kill."""
    if "-m" in words:
        return launch(["sweep", "resume", str(folder)], folder) if (folder / "sweep.json").is_file() else start(words, folder)
    if (folder / "checkpoints" / "last.pt").is_file():
        return launch([words[0], "--resume", str(folder)], folder)
    return start(words, folder)


def launch(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """`genesis WORDS`, with what it says in a file beside the folder."""
    said = folder.with_suffix(".log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", "genesis_cli", *words], cwd=folder.parent, stdout=said, stderr=said, start_new_session=True
    )


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it was still at work then, and is dead now."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def plain(content: Any) -> Any:
    """Without clocks."""
    if isinstance(content, dict):
        return {k: plain(v) for k, v in content.items() if k not in CLOCKS}
    return [plain(v) for v in content] if isinstance(content, list) else content


def differences(folder: Path, whole: Path) -> list[str]:
    """What of one run is not that of the other."""
    found = []
    if plain(json.loads((folder / "result.json").read_text())) != plain(json.loads((whole / "result.json").read_text())):
        found.append("result.json")
    lines = [[plain(json.loads(line)) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in (folder, whole)]
    if lines[0] != lines[1]:
        found.append("metrics.jsonl")
    with np.load(folder / "solution.npz") as one, np.load(whole / "solution.npz") as other:
        if one.files != other.files or any(
            not np.array_equal(one[k], other[k], equal_nan=one[k].dtype.kind == "f") for k in one.files
        ):
            found.append("solution.npz")
    return found


def jobs(folder: Path) -> list[Path]:
    """Run folders of a command's folder."""
    return sorted(path for path in folder.iterdir() if path.name.isdigit()) if (folder / "sweep.json").is_file() else [folder]


def case(words: tuple[str, ...], folder: Path, whole: Path, takes: float, source: random.Random, twice: bool) -> str:
    """One command killed and gone on with: what came of it."""
    kills = [source.uniform(0.0, takes) for _ in range(2 if twice else 1)]
    hit = [kill_after(start(words, folder), kills[0])]
    hit += [kill_after(go_on(words, folder), seconds) for seconds in kills[1:]]
    at = ", ".join(f"{seconds:.2f} s{'' if done else ' (over)'}" for seconds, done in zip(kills, hit, strict=True))
    last = go_on(words, folder) if hit[-1] else None
    if last is not None and last.wait() not in (0, 1):
        return f"killed at {at}: it does not go on, exit code {last.returncode}: {folder.with_suffix('.log')}"
    lost = [
        f"{job.name}/{name}" for job, other in zip(jobs(folder), jobs(whole), strict=True) for name in differences(job, other)
    ]
    return f"killed at {at}: {'differs in ' + ', '.join(lost) if lost else 'the same, bit for bit'}"


def main() -> int:
    """The number of cases that differ."""
    words = sys.argv[1:]
    chosen = words[2:] or list(COMMANDS)
    count, seed = (int(word) for word in (*words[:2], *("25", "0")[len(words[:2]) :]))
    place, wrong = Path(tempfile.mkdtemp(prefix="kills-")), 0
    for name, words in ((name, COMMANDS[name]) for name in chosen):
        began = perf_counter()
        start(words, place / f"{name}-whole").wait()
        takes = perf_counter() - began
        print(f"{name}: {takes:.1f} s without a break; {count} kills, seed {seed}", flush=True)
        for k in range(count):
            source, folder = random.Random(f"{seed} {name} {k}"), place / f"{name}-{k}"
            said = case(words, folder, place / f"{name}-whole", takes, source, k % 3 == 2)
            wrong += not said.endswith("bit for bit")
            print(f"  {k}: {said}", flush=True)
    print(f"{wrong} of {count * len(chosen)} differ" + (f"; folders in {place}" if wrong else ""))
    if not wrong:
        shutil.rmtree(place)
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(), 1))
