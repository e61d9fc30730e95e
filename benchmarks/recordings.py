"""How well do identified models tell what real machines do?

    python benchmarks/recordings.py [SYSTEM ...]

The systems of `genesis sysid` with recordings from $GENESIS_SHARED/data, else ../shared/data beside the repository, fitted as shipped,
then judged as the descriptions of the data say: double pendulums by half-second windows from measured states, the SO-101 arm by free
runs of whole motions, the cube by whole tosses. The first figure of each row is that of the described model.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import ROOT, machine, table

from genesis.methods import Method
from genesis.methods.lower import lower
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.outcome import GoodnessOfFit, compare
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import of_windows
from genesis.sysid.statistics import certainty, estimates
from genesis_cli.build import build_method, build_problem, start_engine
from genesis_cli.compose import compose_config
from genesis_cli.observation_files import absolute_observations
from genesis_cli.paths import config_dir
from genesis_cli.validate import check

DATA = Path(os.environ.get("GENESIS_SHARED", ROOT.parent / "shared")) / "data"
FOLDERS = {
    "simple_pendulum": config_dir() / "observations",
    "double_pendulum_a0": DATA / "dfki_double_pendulum" / "design_A0",
    "double_pendulum_c1": DATA / "dfki_double_pendulum" / "design_C1",
    "so101": DATA / "so101_actuator",
    "cube_toss": DATA / "cube_toss",
}
TRAINING = ["step_response.npz", "chirp_sweep.npz", "multisine.npz", "large_amplitude.npz", "prbs_excitation.npz"]
HELD_OUT = 60  # the tosses before it are those that friction is identified from
# what differs in the judgement from the fit
JUDGED: dict[str, dict[str, Any]] = {
    "so101": {"files": TRAINING, "window": None},
}


def problem(
    system: str, *overrides: str, files: list[str] | None = None, window: Any = ""
) -> tuple[RecordingProblem, Method, int]:
    """The estimation problem of a system, what lowers it, iterations; files, window: instead of those of the config."""
    cfg = compose_config("sysid", [f"systems={system}", f"observation.folder={FOLDERS[system]}", *overrides])
    cfg.robot.file = str(config_dir() / "robots" / cfg.robot.file)
    if files is not None:
        cfg.observation.files = files
    if window != "":
        cfg.shooting.window = window
    absolute_observations(cfg, {}, [], [f"observation.folder={FOLDERS[system]}"])
    checked = check(cfg)
    start_engine(checked.plain["runtime"])
    return build_problem(checked), build_method(checked), checked.plain["stop"].iterations


def fitted(system: str, *overrides: str) -> tuple[RecordingProblem, np.ndarray, float, int]:
    """The problem, its estimate (a flat point), CPU seconds and windows simulated."""
    asked, method, iterations = problem(system, *overrides)
    squares = LeastSquaresObjective(of_windows(asked))
    begin = time.process_time()
    lower(method, squares, iterations)
    return asked, squares.x, time.process_time() - begin, asked.simulations


def judged(system: str, asked: RecordingProblem, best: np.ndarray) -> GoodnessOfFit:
    """Training and held-out recordings by the protocol of the data."""
    how = JUDGED.get(system)
    if how is None:
        return compare(asked, of_windows(asked).first(), best)
    other, *_ = problem(system, **how)
    z, _ = asked.split(best)
    return compare(other, of_windows(other).first(), z)


def by_label(fit: GoodnessOfFit) -> list[list[str]]:
    """Root mean squares over all samples of each number and split."""
    rows = []
    for split in ("train", "validation"):
        labels = list(dict.fromkeys((t.channel, t.label, t.unit) for t in fit.traces if t.split == split))
        for channel, label, unit in labels:
            traces = [t for t in fit.traces if (t.split, t.channel, t.label) == (split, channel, label)]
            before, after = (
                float(np.sqrt(np.nanmean(np.concatenate([(getattr(t, key) - t.measured) ** 2 for t in traces]))))
                for key in ("before", "after")
            )
            rows.append([split, f"{channel} {label}", f"{before:.4f}", f"{after:.4f}", unit])
    return rows


def main() -> None:
    torch.set_num_threads(1)
    print(machine())
    for system in sys.argv[1:] or list(FOLDERS):
        if system == "cube_toss":
            cube()
            continue
        asked, best, seconds, simulations = fitted(system)
        fit = judged(system, asked, best)
        values = asked.natural(torch.as_tensor(asked.split(best)[0])).tolist()
        print(f"\n{system}: {len(asked.names())} numbers, {simulations} windows simulated, {seconds:.0f} s of CPU time\n")
        print(", ".join(f"{name} {value:.4g}" for name, value in zip(asked.names(), values, strict=True)), "\n")
        rows = [
            [r["split"], r["recording"], r["channel"], f"{r['before']:.4f}", f"{r['after']:.4f}", r["unit"]] for r in fit.rmse
        ]
        if len(rows) < 60:
            print(table(["split", "recording", "channel", "before", "after", "unit"], rows), "\n")
        print(table(["split", "number", "before", "after", "unit"], by_label(fit)), flush=True)


def cube() -> None:
    """Friction from both sides, and what whole tosses that were held out look like with it."""
    import cube_toss

    tosses = cube_toss.load(DATA / "cube_toss" / "tosses.npz", first=HELD_OUT)
    rows = []
    for start in (0.5, 0.05):
        asked, best, seconds, simulations = fitted("cube_toss", f"parameter.friction.init={start}")
        residuals = of_windows(asked)
        friction = estimates(asked, best, certainty(residuals, best, residuals.blocks(best), "clustered"))[0]
        world = cube_toss.world("smooth", len(tosses.start))
        far = cube_toss.errors(cube_toss.simulate(world, tosses, torch.tensor(friction.value)).detach(), tosses)
        rows.append(
            [
                f"{start:g}", f"{friction.value:.4f} ± {friction.high - friction.value:.4f}", f"{far[0]:.2f} mm", f"{far[1]:.2f}°",
                f"{far[2]:.1f} mm", f"{simulations}", f"{seconds:.0f} s",
            ]
        )  # fmt: skip
        print(rows[-1], flush=True)
    head = ["start", "friction, 95 %", "position", "rotation", "at the end", "windows simulated", "CPU"]
    print(f"\ncube_toss: friction from 60 tosses, errors of {len(tosses.start)} others\n\n{table(head, rows)}", flush=True)


if __name__ == "__main__":
    main()
