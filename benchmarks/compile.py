"""How long do kernels take to compile: cold, and in a later process that finds them on disk?

    python benchmarks/compile.py

CPU time of a rollout of two steps and of its gradient in a process of their own, one thread, float64: for free motion, and for the sets of
geometry pairs of three robots with contact. Cold: with an empty cache. `LLVM's loops`: the same with loops that LLVM may count and unroll.
Then what compiling costs the jobs of a sweep: two jobs in one process on an empty cache, and two more in another process.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from measure import machine, models_folder, table
from sweeps import run

import genesis as gs
from genesis.dynamics import launch

MODELS = ("cartpole", "hopper", "ant", "go2")
GOAL = 20.0  # s, cold
COUNTED = "--counted"


def measure(name: str) -> None:
    """Print the CPU seconds of the first rollout and the first gradient."""
    gs.init(precision="64", cpu_threads=1, logging_level="error")
    torch.set_num_threads(1)
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.002, requires_grad=True),
        rigid_options=gs.options.RigidOptions(contact="smooth", disable_constraint=name == "cartpole"),
    )
    scene.add_entity(gs.morphs.MJCF(file=str(models_folder() / f"{name}.xml")))
    scene.build()
    controls = torch.zeros(2, scene.rigid_solver.model.nu, dtype=torch.float64, requires_grad=True)
    start = time.process_time()
    made = scene.rollout(act_ctrl=controls)
    middle = time.process_time()
    made.qpos[-1].square().sum().backward()
    print(f"seconds {middle - start} {time.process_time() - middle}")


def child(name: str, cache: str, *options: str) -> tuple[float, float]:
    """`measure` in a process of its own."""
    environment = {**os.environ, "TI_OFFLINE_CACHE_FILE_PATH": cache}
    done = subprocess.run([sys.executable, __file__, name, *options], env=environment, capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("seconds ")), None)
    if done.returncode or line is None:
        raise SystemExit(done.stdout + done.stderr)
    return float(line.split()[1]), float(line.split()[2])


def jobs(folder: Path) -> list[list[str]]:
    """Of two sweeps of two jobs, one after the other: seconds until the first gradient is there, and kernels that were compiled."""
    cache, rows = folder / "cache", []
    words = ["task=slide", "optimizer=adam", "optimizer.lr=0.01,0.02", "stop.iterations=1", "logging=quiet"]
    os.environ["TI_OFFLINE_CACHE_FILE_PATH"] = str(cache)
    for process in ("first process, empty cache", "second process"):
        before = len(list(cache.rglob("*.tic")))
        place = folder / process
        place.mkdir()
        *_, sweep = run(words, place)
        seconds = [json.loads((sweep / str(n) / "result.json").read_text())["seconds"]["loop"] for n in (0, 1)]
        made = len(list(cache.rglob("*.tic"))) - before
        rows.append([process, *(f"{x:.1f}" for x in seconds), str(made)])
    return rows


def main() -> None:
    rows = []
    for name in MODELS:
        seconds = []
        for options in ((), (COUNTED,)):
            with tempfile.TemporaryDirectory() as cache:
                seconds += [child(name, cache, *options), child(name, cache, *options)]
        cold, warm, counted_cold, counted_warm = seconds
        kind = "free motion" if name == "cartpole" else f"contact, {name}"
        rows.append(
            [kind, *(f"{x:.1f}" for x in (*cold, sum(cold), sum(warm), sum(counted_cold), sum(counted_warm))), f"{GOAL:.0f}"]
        )
        print(" | ".join(rows[-1]), flush=True)
    head = [
        "kernels",
        "forward, cold",
        "adjoint, cold",
        "both, cold",
        "both, on disk",
        "LLVM's loops, cold",
        "on disk",
        "goal, cold",
    ]
    print(f"\n{machine()}, CPU s\n\n{table(head, rows)}")
    with tempfile.TemporaryDirectory() as folder:
        head = ["a sweep of two jobs with contact", "first job, s", "second job, s", "kernels compiled"]
        print(f"\n{table(head, jobs(Path(folder)))}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        if COUNTED in sys.argv:
            launch.tracing = contextlib.nullcontext
        measure(sys.argv[1])
    else:
        main()
