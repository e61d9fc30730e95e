"""Shipped tasks that are trajectories, and recipes for arms: they are learnt, and keep what they promise."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.grad.tensor import plain
from genesis_cli.paths import config_dir
from tests.settings import posed
from tests.tasks.configured import configured, learn

KINOVA = Path(__file__).resolve().parents[1] / "data" / "robots" / "urdf" / "kinova_j2s6s200.urdf"


def trot(
    steps: int, dt: float = 0.02, speed: float = 0.6, half: float = 0.2, lift: float = 0.05, leg: float = 0.213
) -> np.ndarray:
    """Hips, thighs and calves (steps + 1, 12) of a trot: feet under the hips on the floor, in turns ahead and up."""
    height, stride = 2.0 * leg * np.cos(0.9), speed * half
    rows = np.zeros((steps + 1, 4, 3))
    for k in range(steps + 1):
        turn, share = divmod(k * dt / half + 1e-9, 1.0)
        for foot, pair in enumerate((0, 1, 1, 0)):
            up = (turn + pair) % 2 == 0
            back = 0.0 if turn == 0 else -0.5 * stride if up else 0.5 * stride  # legs begin side by side
            ahead = 0.5 * stride if up else -0.5 * stride
            smooth = share - np.sin(2.0 * np.pi * share) / (2.0 * np.pi) if up else share
            x, z = back + (ahead - back) * smooth, height - (lift * np.sin(np.pi * share) if up else 0.0)
            bend = np.arccos(np.hypot(x, z) / (2.0 * leg))
            rows[k, foot, 1:] = bend - np.arctan2(x, z), -2.0 * bend
    return rows.reshape(steps + 1, 12)


def test_the_path_of_the_trot_is_the_one_that_its_file_describes() -> None:
    stored = np.loadtxt(config_dir() / "tasks" / "trot.csv", delimiter=",")
    assert stored == pytest.approx(trot(100), abs=2e-5)


def test_the_trot_begins_on_its_path() -> None:
    _, task = configured("task=trot", "loss.legs.target=" + str(config_dir() / "tasks" / "trot.csv"))
    controls = task.setting.start_controls
    assert controls[:, 6:].numpy() == pytest.approx(trot(100)[1:], abs=2e-5)
    judged = task.judge()
    assert judged.terms["effort"].item() == 0.0
    assert task.metrics(judged.trajectory)["advanced_m"] < 0.3  # and does not walk yet


@pytest.mark.slow
def test_a_quadruped_trots_after_a_few_iterations() -> None:
    from genesis.runners.loop import Stop
    from genesis.runners.optimize import optimization
    from genesis.tasks.rollout import inputs_of, roll_out
    from genesis_cli.build import build_method

    checked, task = configured("task=trot", "loss.legs.target=" + str(config_dir() / "tasks" / "trot.csv"))
    result = optimization(task, build_method(checked), Stop(**vars(checked.plain["stop"]))).run()
    assert result.status == "converged" and result.iterations <= 10
    with torch.no_grad():
        run = roll_out(task.setting, inputs_of(task.setting, task.parameters))
    qpos, qvel = plain(run.qpos), plain(run.qvel)
    assert float(qpos[:, 2].min()) > 0.265 and float(qpos[:, 2].max()) < 0.305
    assert float(qvel[20:, 0].mean()) == pytest.approx(0.6, abs=0.05)
    for name in ("FL_calf", "FR_calf", "RL_calf", "RR_calf"):
        foot = plain(run.point(task.setting.robot, name, (0.0, 0.0, -0.213)))[:, 2]
        for step in foot[:100].reshape(5, 20):  # each 0.4 s; the floor is soft, so that lifts count from the lowest
            assert float(step.max() - step.min()) > 0.03, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_hopper_gets_two_metres_ahead(seed: int) -> None:
    result = learn("task=hop", f"runtime.seed={seed}")
    assert result.status == "converged" and result.iterations <= 40
    assert result.metrics["advanced_m"] > 2.0 and result.metrics["largest_tilt_deg"] < 30.0


@pytest.mark.slow
@pytest.mark.parametrize("words", [("task=fall",), ("task=fall", "task.horizon=1000"), ("task=acrobot",)], ids=" ".join)
def test_rods_come_upright(words: tuple[str, ...]) -> None:
    result = learn(*words)
    assert result.status == "converged"
    assert result.metrics["angle_error_deg"] < 1.0 and result.metrics["final_speed"] < 0.05


POSE = ("task.target_pos=[-0.38654,-0.26885,0.45721]", "task.target_quat=[0.37681,-0.26407,0.66381,0.58961]")
KINOVA_WORDS = (
    "task=reach", f"robot.file={KINOVA}", "robot.tool=j2s6s200_end_effector", "robot.home=[0,2.9,1.3,4.2,1.4,0]", *POSE,
    "task.range_tolerance=0", "loss.joint_limits.weight=1000", "optimizer=levenberg_marquardt",
)  # fmt: skip
RECIPES = {
    "so101": (("task=reach_so101",), 25),
    "so101, rotors unknown": (("task=reach_so101", "robot.armature=null", "robot.damping=null"), 60),
    "so101, one torque a step": (("task=reach_so101", "parameter=torques", "optimizer=ddp"), 15),
    "kinova": (KINOVA_WORDS, 25),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_bring_arms_to_a_pose_within_their_ranges(name: str) -> None:
    words, most = RECIPES[name]
    result = learn(*words)
    assert result.status == "converged" and result.iterations <= most
    assert result.metrics["position_error_mm"] < 1.0 and result.metrics["orientation_error_deg"] < 1.0
    assert result.metrics["position_excess"] == 0.0


def test_reach_tells_how_far_a_joint_leaves_its_range() -> None:
    _, task = configured("task=reach", "task.range_tolerance=0.01")
    way = task.setting.start_qpos.repeat(3, 1)
    way[1, 3] = 0.2  # the elbow's range ends at -0.0698
    assert task.metrics(posed(task.setting, way))["position_excess"] == pytest.approx(0.2 + 0.0698, abs=1e-3)
    way[1, 3] = -0.08
    metrics = task.metrics(posed(task.setting, way))
    assert metrics["position_excess"] == 0.0
    assert not task.good_enough({**dict.fromkeys(metrics, 0.0), "position_excess": 0.011})
    assert task.good_enough({**dict.fromkeys(metrics, 0.0), "position_excess": 0.009})
