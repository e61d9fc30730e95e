"""Draw the picture of the README from a finished run of the default task.

pip install matplotlib && python docs/images/reach.py outputs/<date>/<time>
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from omegaconf import OmegaConf

import genesis as gs

INK, MUTED, HAND, GOAL = "#1f2933", "#c3cdd6", "#0b7285", "#e8590c"


def arm_points(run: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Link origins (T+1, links, 3), hand path (T+1, 3) and target (3,) of a run."""
    config, solution = OmegaConf.load(run / "config.yaml"), np.load(run / "solution.npz")
    gs.init(precision="64", logging_level="error")
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=float(config.scene.dt)))
    arm = scene.add_entity(gs.morphs.URDF(file=config.robot.file, fixed=True))
    scene.build()
    made = scene.rollout(torch.zeros(1, arm.n_dofs, dtype=torch.float64))  # only to have a trajectory object
    made._qpos, made._qvel = (torch.as_tensor(solution[k])[:, None] for k in ("qpos", "qvel"))
    chain = [link.idx for link in arm.links if link.name.startswith("panda_link")]
    hand = made.point(arm, config.robot.tool)
    points = torch.cat([made.links_pos[:, chain], hand[:, None]], 1)
    return points.numpy(), hand.numpy(), np.asarray(config.task.target_pos, float)


def main(run: Path) -> None:
    points, hand, target = arm_points(run)
    solution = np.load(run / "solution.npz")
    losses = [json.loads(line)["objective"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((run / "result.json").read_text())
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(10, 4.2), dpi=160, constrained_layout=True)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    space = figure.add_subplot(grid[:, 0], projection="3d")
    frames = np.linspace(0, len(points) - 1, 8).astype(int)
    for k, t in enumerate(frames):
        last = k == len(frames) - 1
        shade = INK if last else MUTED
        space.plot(*points[t].T, "-o", color=shade, lw=3.2 if last else 1.6, ms=4 if last else 2, zorder=3 if last else 1)
    space.plot(*hand.T, color=HAND, lw=2, label="path of the hand")
    space.scatter(*target, color=GOAL, s=90, marker="*", label="target", zorder=5)
    space.set(xlabel="x [m]", ylabel="y [m]", zlabel="z [m]", xlim=(-0.2, 0.8), ylim=(-0.5, 0.5), zlim=(0, 1))
    space.set_box_aspect((1, 1, 1))
    space.view_init(elev=18, azim=-62)
    space.legend(loc="upper left", frameon=False)
    error = result["metrics"]
    space.set_title(f"reached: {error['position_error_mm']:.2f} mm, {error['orientation_error_deg']:.2f}°", loc="left", color=INK)
    torque = figure.add_subplot(grid[0, 1])
    time = solution["time"][:-1]
    for k, series in enumerate(solution["controls"].T):
        torque.plot(time, series, lw=1.4, color=plt.cm.viridis(k / 7))
    torque.set(xlabel="time [s]", ylabel="torque [Nm]")
    torque.set_title("learned torques", loc="left", color=INK)
    curve = figure.add_subplot(grid[1, 1])
    curve.semilogy(losses, color=HAND, lw=1.6)
    curve.set(xlabel="iteration", ylabel="objective")
    curve.set_title("objective", loc="left", color=INK)
    out = Path(__file__).with_suffix(".png")
    figure.savefig(out, facecolor="white")
    print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
