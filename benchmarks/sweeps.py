"""How much faster are 64 candidates as environments of one simulation than as jobs of joblib on two cores?

    python benchmarks/sweeps.py [policy] [arm] [ball]

The same sweep twice through `genesis optimize -m`: launcher=joblib with two processes, launcher=batched. Whole commands, from the start of the
process to the table; CPU and wall time. Before the times count, the objectives of the first ten iterations of all jobs must agree; later,
rounding may have grown where training is unstable.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import ROOT, machine, table

RATES = ",".join(f"{0.002 * 1.2**k:.4g}" for k in range(16))
SWEEPS = {
    "policy": ["task=balance", "task.envs=2", "runtime.seed=0,1,2,3", f"optimizer.lr={RATES}", "stop.iterations=40"],
    "arm": ["task=reach", "optimizer=adam", "parameter.controls.noise=0.01", "runtime.seed=0,1,2,3", f"optimizer.lr={RATES}",
            "stop.iterations=200"],
    "ball": ["task=throw", "optimizer=adam", "scene.gravity=[0,0,-9.81],[0,0,-3.7],[0,0,-1.6],[0,0,0]", f"optimizer.lr={RATES}",
             "stop.iterations=200"],
}  # fmt: skip
SAME = ["stop.when_converged=false", "logging=quiet"]
LAUNCHERS = {"joblib": ["launcher=joblib", "hydra.launcher.n_jobs=2"], "batched": ["launcher=batched"]}
AGREE, EARLY = 1e-9, 10


def run(words: list[str], folder: Path) -> tuple[float, float, Path]:
    """(CPU seconds, wall seconds, folder of the sweep)"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "genesis_cli", "optimize", "-m", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, next(folder.glob("outputs/multirun/*/*"))


def objectives(job: Path) -> list[float]:
    """Of all iterations."""
    return [json.loads(line)["objective"] for line in (job / "metrics.jsonl").read_text().splitlines()]


def difference(one: Path, two: Path, count: int | None = None) -> float:
    """Largest relative difference over 64 jobs, in the first ``count`` iterations."""
    worst = 0.0
    for number in range(64):
        series = [objectives(sweep / str(number)) for sweep in (one, two)]
        assert len(series[0]) == len(series[1]), number
        worst = max(worst, *(abs(a - b) / max(abs(a), 1e-300) for a, b in list(zip(*series, strict=True))[:count]))
    return worst


def main() -> None:
    rows = []
    for name in sys.argv[1:] or SWEEPS:
        found = {}
        for launcher, words in LAUNCHERS.items():
            if not rows and not found:  # kernels on disk, for both alike
                with tempfile.TemporaryDirectory() as folder:
                    run(["task=throw", "optimizer=adam", "stop.iterations=1", *SAME], Path(folder))
            place = tempfile.TemporaryDirectory()
            found[launcher] = (*run([*SWEEPS[name], *SAME, *words], Path(place.name)), place)
        folders = found["joblib"][2], found["batched"][2]
        early, apart = difference(*folders, EARLY), difference(*folders)
        if early > AGREE:
            raise SystemExit(f"{name}: the objectives differ by {early:.1e}")
        (cpu, wall, *_), (cpu_batched, wall_batched, *_) = found["joblib"], found["batched"]
        rows.append(
            [name, f"{wall:.0f}", f"{wall_batched:.0f}", f"{wall / wall_batched:.1f}×", f"{cpu:.0f}", f"{cpu_batched:.0f}",
             f"{cpu / cpu_batched:.1f}×", f"{early:.0e}", f"{apart:.0e}"]
        )  # fmt: skip
        print(" | ".join(rows[-1]), flush=True)
    head = [
        "64 candidates", "joblib, wall s", "batched, wall s", "ratio", "joblib, CPU s", "batched, CPU s", "ratio",
        f"differ by, {EARLY} iterations", "at the end",
    ]  # fmt: skip
    print(f"\n{machine()}\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
