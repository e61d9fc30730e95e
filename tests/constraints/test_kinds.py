"""Every kind of constraint: what it measures, and that gradients, residuals, stage costs and candidates are those of one objective."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.constraints import CONSTRAINTS
from genesis.errors import InputError
from genesis.grad.rotation import rotate
from genesis.methods.method import move, point
from genesis.runners.evaluate import TaskProblem
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

PANDA = ("task=reach", "parameters=torques", "parameter.controls.scale=limits", "parameter.controls.noise=0.05",
         "parameter.controls.bounds=null", "task.horizon=8")  # fmt: skip
GO2 = ("task=trot", "task.horizon=5", "task.distance=0.05", "parameter.controls.noise=0.05", "parameter.controls.bounds=null")
CART = ("task=swing_up", "task.horizon=8", "parameters=torques", "parameter.controls.scale=1", "parameter.controls.noise=3.0",
        "parameter.controls.bounds=null", "parameter.controls.joints=[slider]")  # fmt: skip
QUAT = "[0.0,1.0,0.0,0.0]"
USER = '''
import torch

def energy(trajectory, scene, factor=1.0):
    """Of each state, a number that couples positions and velocities."""
    return factor * (trajectory.qpos[..., :2] * trajectory.qvel[..., :2])

def jumps(trajectory, scene):
    return trajectory.qvel[1:, ..., :1] - trajectory.qvel[:-1, ..., :1]

def whole(trajectory, scene):
    return torch.stack([trajectory.qvel.square().sum(), trajectory.qpos[-1].sum()])
'''
CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "joint_position": (PANDA, "{kind: joint_position, margin: 0.8}"),
    "joint_velocity": (PANDA, "{kind: joint_velocity, limit: 0.01, at: [0.3, 0.8]}"),
    "joint_torque": (PANDA, "{kind: joint_torque, limit: 2.0, at: end}"),
    "joint_torque under position control": (GO2, "{kind: joint_torque, limit: 1.5}"),
    "torque_rate": (PANDA, "{kind: torque_rate, limit: 30.0}"),
    "torque_rate under position control": (GO2, "{kind: torque_rate, limit: 50.0, at: [0.2, 1.0]}"),
    "power": (PANDA, "{kind: power, low: -0.01, high: 0.02}"),
    "power of all": (PANDA, "{kind: power, total: true, high: 0.01}"),
    "position in a box": (PANDA, "{kind: position, low: [null, 0.02, null], high: [0.3, null, 0.48], offset: [0.1, 0, 0]}"),
    "position at a target": (PANDA, "{kind: position, target: [0.4, 0.1, 0.4], at: end}"),
    "position on a path": (PANDA, "{kind: position, target: [[0.3, 0, 0.5], [0.4, 0.2, 0.5]]}"),
    "half_space": (PANDA, "{kind: half_space, normal: [1, 2, 0], distance: 0.1, frame: panda_hand}"),
    "orientation": (PANDA, f"{{kind: orientation, target: {QUAT}}}"),
    "orientation within an angle": (PANDA, "{kind: orientation, target: [0.3, 1, 0.2, 0], angle: 0.1}"),
    "cone": (PANDA, "{kind: cone, angle: 0.001, about: [0, 0.2, -1]}"),
    "terminal_state": (PANDA, "{kind: terminal_state, qpos: [0.1, -0.7, 0, -2.3, 0, 1.5, 0.7]}"),
    "terminal_state of a floating base": (GO2, "{kind: terminal_state, qvel: 0.1}"),
    "periodic": (CART, "{kind: periodic, free: [slider]}"),
    "periodic of a floating base": (GO2, "{kind: periodic}"),
    "clearance of the robot itself": (PANDA, "{kind: clearance, itself: true, between: [], least: 0.2}"),
    "clearance of a floating robot": (GO2, "{kind: clearance, least: 0.1, at: [0.2, 1.0]}"),
    "user": (CART, "{kind: user, function: FILE:energy, options: {factor: 2.0}, low: [-0.01, null], high: [0.01, 0.3], labels: [a, b]}"),
    "user of two steps": (CART, "{kind: user, function: FILE:jumps, reach: 1, low: -0.1, high: 0.1}"),
    "user of the whole motion": (CART, "{kind: user, function: FILE:whole, low: [0.0, 3.4], high: [0.1, 3.4]}"),
}  # fmt: skip


def problem_of(words: tuple[str, ...], node: str, folder: Path, *more: str) -> TaskProblem:
    """With the constraint ``c``, hard, under multipliers and a weight of a later round."""
    (folder / "mine.py").write_text(USER)
    _, task = configured(*words, f"+constraint.c={node.replace('FILE', str(folder / 'mine.py'))}", *more)
    problem = TaskProblem(task, remember=False)
    random = np.random.default_rng(3)
    with torch.no_grad():
        task.constraints.next_round(task.simulate()[0])
    for _, _, law in task.constraints.laws():
        law.weight = 30.0
        law.multipliers = law.multipliers + 0.05 * torch.from_numpy(random.standard_normal(law.multipliers.shape))
    return problem


@pytest.mark.parametrize("name", CASES)
def test_gradient_residuals_stage_costs_and_candidates_are_of_one_objective(name: str, tmp_path: Path) -> None:
    words, node = CASES[name]
    problem = problem_of(words, node, tmp_path)
    x = point(problem.groups)
    value = problem.evaluate()
    assert problem.latest is not None and problem.latest.gradient is not None
    assert problem.latest.terms["c"] > 1e-4, "it acts here"
    gradient, random = problem.latest.gradient, np.random.default_rng(5)
    for _ in range(2):
        direction, values = random.standard_normal(len(x)), []
        for side in (1.0, -1.0):
            move(problem.groups, x + side * 1e-6 * direction)
            values.append(problem.evaluate(gradient=False))
        assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=3e-6, abs=1e-7)
    move(problem.groups, x)
    blocks = problem.linearize()
    assert blocks is not None and problem.latest.objective == pytest.approx(value, rel=1e-11)
    size = float(np.abs(gradient).max())
    assert problem.normal(blocks).gradient() == pytest.approx(gradient, rel=1e-7, abs=1e-9 * size)
    assert problem.values(x[None])[0] == pytest.approx(value, rel=1e-11)
    control = problem.optimal_control()
    model, cost = control.expand(control.start())  # type: ignore[misc, arg-type]
    costate, made = model.lx[-1], np.empty_like(model.lu)
    for t in range(len(model.a) - 1, -1, -1):
        made[t] = model.lu[t] + model.b[t].T @ costate
        costate = model.lx[t] + model.a[t].T @ costate
    assert cost == pytest.approx(value, rel=1e-11)
    problem.evaluate()
    units = np.concatenate([one.unit.diagonal().numpy() for one in control.own])
    assert (made * units).reshape(-1) == pytest.approx(problem.latest.gradient, rel=1e-7, abs=1e-8 * size)


def measured(words: tuple[str, ...], node: str, folder: Path, *more: str) -> tuple[Any, list[torch.Tensor]]:
    """The view of the start, and the quantities of ``c``."""
    task = problem_of(words, node, folder, *more).task
    with torch.no_grad():
        view = task.simulate()[0]
        return view, [rows.values for rows in task.constraints.all["c"].constraint.measure(view)]


def test_each_kind_measures_what_its_name_says(tmp_path: Path) -> None:
    def of(name: str) -> tuple[Any, torch.Tensor]:
        view, found = measured(*CASES[name], tmp_path)
        return view, found[0]

    view, velocity = of("joint_velocity")
    assert torch.equal(velocity, view.qvel[2:7])
    view, torque = of("joint_torque")
    assert torch.equal(torque, view.controls[-1:])
    view, rate = of("torque_rate")
    assert rate == pytest.approx((view.controls[1:] - view.controls[:-1]) / 0.01)
    view, power = of("power of all")
    assert power[:, 0] == pytest.approx((view.controls * view.qvel[:-1]).sum(-1))
    view, box = of("position in a box")
    robot = view.trajectory._solver.scene.entities[0]
    tool = view.point(robot, "panda_hand_tcp", None, slice(1, 9)) + rotate(
        view.frame_quat(robot, "panda_hand_tcp", slice(1, 9)), torch.tensor([0.1, 0.0, 0.0], dtype=torch.float64)
    )
    assert box == pytest.approx(tool, abs=1e-14)
    view, behind = of("half_space")
    hand = view.point(robot, "panda_hand", None, slice(1, 9))
    assert behind[:, 0] == pytest.approx((hand[:, 0] + 2.0 * hand[:, 1]) / 5.0**0.5)
    view, cone = of("cone")
    axis = rotate(view.frame_quat(robot, "panda_hand_tcp", slice(1, 9)), torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    down = torch.tensor([0.0, 0.2, -1.0], dtype=torch.float64) / 1.04**0.5
    assert torch.cos(cone[:, 0]) == pytest.approx(axis @ down, abs=1e-12) and float(cone.min()) > 0.05
    view, turn = of("orientation within an angle")
    given = torch.tensor([0.3, 1.0, 0.2, 0.0], dtype=torch.float64)
    cosine = (view.frame_quat(robot, "panda_hand_tcp", slice(1, 9)) @ (given / given.norm())).abs()
    assert turn[:, 0] == pytest.approx(2.0 * torch.acos(cosine), abs=1e-7)


def test_periodic_motions_may_go_ahead_and_nothing_else(tmp_path: Path) -> None:
    task = problem_of(GO2, "{kind: periodic}", tmp_path).task
    labels = [label for quantity in task.constraints.all["c"].constraint.quantities for label in quantity.labels]
    base = next(joint.name for joint in task.setting.robot.joints if joint.kind.floats)
    assert f"{base}.vz" in labels and labels.count(f"{base}.vx") == 1, "the position is free, the velocity is not"
    with torch.no_grad():
        view = task.simulate()[0]
    assert max(v.value for v in task.constraints.violations(view)) == pytest.approx(
        max(float((view.qvel[-1] - view.qvel[0]).abs().max()), float((view.qpos[-1] - view.qpos[0])[2:].abs().max())), rel=1e-6
    )


def test_a_learned_start_is_seen_by_periodic_constraints(tmp_path: Path) -> None:
    words = ("task=throw", "task.horizon=6", "+constraint.c={kind: periodic, free: []}")
    _, task = configured(*words)
    assert task.setting.start_is_learned
    problem = TaskProblem(task, remember=False)
    x = point(problem.groups)
    problem.evaluate()
    assert problem.latest is not None and problem.latest.gradient is not None
    gradient, direction, values = problem.latest.gradient, np.linspace(1.0, 2.0, len(x)), []
    for side in (1.0, -1.0):
        move(problem.groups, x + side * 1e-6 * direction)
        values.append(problem.evaluate(gradient=False))
    assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)
    move(problem.groups, x)
    blocks = problem.linearize()
    assert blocks is not None
    assert problem.normal(blocks).gradient() == pytest.approx(gradient, rel=1e-7, abs=1e-9)


def test_environments_of_a_batch_are_measured_as_alone(tmp_path: Path) -> None:
    for name in ("joint_torque", "power", "position in a box", "orientation", "cone", "terminal_state"):
        words, node = CASES[name]
        alone = measured(words, node, tmp_path, "parameter.controls.noise=0")[1]
        batch = measured(words, node, tmp_path, "parameter.controls.noise=0", "task.envs=2")[1]
        for one, both in zip(alone, batch, strict=True):
            assert both.shape == (one.shape[0], 2, one.shape[1])
            assert both[:, 1] == pytest.approx(one, abs=1e-12), name


def test_every_kind_has_a_case() -> None:
    assert {node.removeprefix("{kind: ").partition(",")[0].strip("}") for _, node in CASES.values()} == set(CONSTRAINTS)


@pytest.mark.parametrize(
    ("node", "message"),
    [("{kind: position}", "nothing is limited; give low, high"),
     ("{kind: position, low: [0, 0, 1], high: [1, 1, 0]}", r"low is 1 and high 0 in entry 2"),
     ("{kind: position, low: 0, target: [0, 0, 0]}", "target is where the point must be"),
     ("{kind: half_space, normal: [0, 0, 0]}", r"constraint\.c\.normal: \[0(\.0)?, 0(\.0)?, 0(\.0)?\] has length zero"),
     ("{kind: half_space, normal: [0, 0, 1], frame: panda_hnad}", "panda_hand"),
     ("{kind: terminal_state, qpos: null, qvel: null}", "nothing is asked of the last state"),
     ("{kind: periodic, free: [wheel]}", r"constraint\.c\.free"),
     ("{kind: power}", "nothing is limited"),
     ("{kind: torque_rate, limit: [1, 2]}", r"constraint\.c\.limit: has shape"),
     ("{kind: user, function: FILE:nothing, high: 1}", "unknown function \"nothing\"; known: energy, jumps, whole"),
     ("{kind: joint_position, joints: [panda_joint9]}", "panda_joint")],
)  # fmt: skip
def test_wrong_words_are_named(node: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        problem_of(PANDA, node, tmp_path)


@pytest.mark.parametrize(
    ("node", "message"),
    [("{kind: user, function: FILE:jumps, low: -0.1, high: 0.1}", r"constraint\.c\.reach: a row of numbers depends on the state of step"),
     ("{kind: user, function: FILE:whole, high: 1.0}", r"returned a tensor of shape \(2,\); it must return numbers \(\.\.\., 1\)")],
)  # fmt: skip
def test_functions_that_are_not_what_they_say_are_named(node: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        problem_of(CART, node, tmp_path).linearize()
