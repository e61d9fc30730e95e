"""Does a simulated cube land where the real one did, and does the gradient find its friction?

    python benchmarks/cube_toss.py [TOSSES]

400 tosses of an acrylic cube onto a table (ContactNets, Pfrommer, Halm, Posa, CoRL 2020), recorded at 148 Hz. Each is simulated from its
first frame to its last without correction, all of them in one launch, four substeps a frame, with the published mass, inertia, size and
friction; the stiffness of the contact is the same for both laws and for MuJoCo. Errors: mean over the frames of a toss, then over tosses.
The fit minimises the mean distance over friction, from far on both sides, by the gradient through whole tosses.

The data are looked for in $GENESIS_SHARED/data/cube_toss, else in ../shared beside the repository.
"""

import math
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from measure import ROOT, machine, table

import genesis as gs

DT, SUBSTEPS, PUBLISHED = 1.0 / 148.0, 4, 0.18
DATA = Path(os.environ.get("GENESIS_SHARED", ROOT.parent / "shared")) / "data" / "cube_toss" / "tosses.npz"
MODEL = ROOT / "benchmarks" / "models" / "cube.xml"


class Tosses(NamedTuple):
    """start (N, 13); poses (T, N, 7) of frames 1 to T; seen (T, N): 1 where a toss still has a frame."""

    start: torch.Tensor
    poses: torch.Tensor
    seen: torch.Tensor

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Over the frames of each toss, then over tosses; values (T, N)."""
        return ((values * self.seen).sum(0) / self.seen.sum(0)).mean()


def load(file: Path = DATA, count: int | None = None, first: int = 0) -> Tosses:
    data = np.load(file)
    parts = np.split(data["state"], np.cumsum(data["length"])[:-1])[first:][:count]
    horizon = max(map(len, parts)) - 1
    poses, seen = np.zeros((horizon, len(parts), 7)), np.zeros((horizon, len(parts)))
    for i, part in enumerate(parts):
        poses[: len(part) - 1, i], seen[: len(part) - 1, i] = part[1:, :7], 1.0
    return Tosses(torch.tensor(np.array([part[0] for part in parts])), torch.tensor(poses), torch.tensor(seen))


def world(contact: str, count: int) -> gs.Scene:
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=DT, substeps=SUBSTEPS),
        rigid_options=gs.options.RigidOptions(contact=contact, friction_cone="elliptic"),
    )
    scene.add_entity(gs.morphs.MJCF(file=str(MODEL)))
    scene.build(n_envs=count)
    return scene


def simulate(scene: gs.Scene, tosses: Tosses, friction: torch.Tensor | None = None) -> torch.Tensor:
    """Poses (T, N, 7) of frames 1 to T."""
    params = None
    if friction is not None:
        rows = scene.physical_parameters()["geom_friction"].detach().clone()  # table, cube; the first column is that of sliding
        params = {"geom_friction": torch.cat([rows[:1], torch.cat([friction.reshape(1), rows[1, 1:]])[None]])}
    controls = torch.zeros(len(tosses.poses), len(tosses.start), 6, dtype=torch.float64)
    start = tosses.start[:, :7].contiguous(), tosses.start[:, 7:].contiguous()
    qpos: torch.Tensor = scene.rollout(controls, qpos=start[0], qvel=start[1], params=params).qpos[1:]
    return qpos


def distances(poses: torch.Tensor, tosses: Tosses) -> torch.Tensor:
    """(T, N) [m]"""
    return ((poses[..., :3] - tosses.poses[..., :3]).square().sum(-1) + 1e-12).sqrt()


def errors(poses: torch.Tensor, tosses: Tosses) -> tuple[float, float, float]:
    """Mean position [mm] and rotation [deg] over a toss, position at its end [mm]; means over tosses."""
    far = distances(poses, tosses)
    cosine = (poses[..., 3:] * tosses.poses[..., 3:]).sum(-1).abs().clamp(max=1.0)
    last = tosses.seen.sum(0).long() - 1
    end = far[last, torch.arange(len(last))].mean()
    return 1e3 * float(tosses.mean(far)), math.degrees(float(tosses.mean(2.0 * cosine.acos()))), 1e3 * float(end)


def fit(scene: gs.Scene, tosses: Tosses, start: float, iterations: int = 20) -> tuple[float, float, int]:
    """Friction, mean distance [mm] and number of rollouts; L-BFGS on the logarithm."""
    log_friction = torch.tensor(math.log(start), dtype=torch.float64, requires_grad=True)
    # 1e-4 m changes nothing that the data could tell; the step is so long that the first one is a tenth in the logarithm at most.
    optimizer = torch.optim.LBFGS(
        [log_friction], max_iter=iterations, max_eval=2 * iterations, tolerance_change=2e-3, line_search_fn="strong_wolfe"
    )
    count = 0

    def closure() -> torch.Tensor:
        nonlocal count
        count += 1
        optimizer.zero_grad()
        loss = 10.0 * tosses.mean(distances(simulate(scene, tosses, log_friction.exp()), tosses))
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        far = tosses.mean(distances(simulate(scene, tosses, log_friction.exp()), tosses))
    return float(log_friction.detach().exp()), 1e3 * float(far), count


def main() -> None:
    gs.init(precision="64", logging_level="error")
    torch.set_num_threads(1)
    tosses = load(count=int(sys.argv[1]) if len(sys.argv) > 1 else None)
    rows = []
    for contact in ("smooth", "mujoco"):
        scene = world(contact, len(tosses.start))
        simulate(scene, tosses)
        begin = time.process_time()
        position, rotation, end = errors(simulate(scene, tosses).detach(), tosses)
        seconds = time.process_time() - begin
        found = []
        for start in (0.5, 0.05):
            begin = time.process_time()
            friction, far, count = fit(scene, tosses, start)
            found.append(f"{friction:.4f} ({far:.2f} mm, {count} rollouts, {time.process_time() - begin:.0f} s)")
            print(contact, start, found[-1], flush=True)
        rows.append([f"`{contact}`", f"{position:.2f} mm", f"{rotation:.2f}°", f"{end:.1f} mm", f"{seconds:.1f} s", *found])
    head = ["contact", "position", "rotation", "at the end", "CPU", "friction from 0.5", "friction from 0.05"]
    print(f"\n{machine()}, {len(tosses.start)} tosses, published friction {PUBLISHED}\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
