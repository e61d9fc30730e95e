"""Every kind of constraint: what it measures, and that gradients, residuals, stage costs and candidates are those of one objective."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.constraints import CONSTRAINTS
from genesis.errors import InputError
from genesis.grad.rotation import from_rotation_vector, multiply, rotate
from genesis.losses.seeds import seeds
from genesis.methods.method import move, point
from genesis.runners.evaluate import TaskProblem
from genesis.scene.linear import probe
from genesis.view import TrajectoryView
from tests.settings import fake
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

PANDA = ("task=reach", "parameters=torques", "parameter.controls.scale=limits", "parameter.controls.noise=0.05",
         "parameter.controls.bounds=null", "task.horizon=8")  # fmt: skip
GO2 = ("task=trot", "task.horizon=5", "task.distance=0.05", "parameter.controls.noise=0.05", "parameter.controls.bounds=null")
CART = ("task=swing_up", "task.horizon=8", "parameters=torques", "parameter.controls.scale=1", "parameter.controls.noise=3.0",
        "parameter.controls.bounds=null", "parameter.controls.joints=[slider]")  # fmt: skip
FEET = "feet: [FL_calf, FR_calf, RL_calf, RR_calf], offset: [0, 0, -0.213], period: 0.08, offsets: [0, 0.5, 0.5, 0]"
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
    "torque_rate from what acted before": (PANDA, "{kind: torque_rate, low: -20, high: 30.0, before: [1, -2, 0, 0, 0, 0, 0]}"),
    "power": (PANDA, "{kind: power, low: -0.01, high: 0.02}"),
    "power of all": (PANDA, "{kind: power, total: true, high: 0.01}"),
    "position in a box": (PANDA, "{kind: position, low: [null, 0.02, null], high: [0.3, null, 0.48], offset: [0.1, 0, 0]}"),
    "position at a target": (PANDA, "{kind: position, target: [0.4, 0.1, 0.4], at: end}"),
    "position on a path": (PANDA, "{kind: position, target: [[0.3, 0, 0.5], [0.4, 0.2, 0.5]]}"),
    "half_space": (PANDA, "{kind: half_space, normal: [1, 2, 0], distance: 0.1, frame: panda_hand}"),
    "position in another frame": (PANDA, "{kind: position, high: [null, 0.1, 0.05], relative_to: panda_link4}"),
    "half_space of another frame": (PANDA, "{kind: half_space, normal: [0, 0, 1], relative_to: panda_link5, at: [0.5, 1.0]}"),
    "pose": (PANDA, f"{{kind: pose, target_pos: [0.3, 0.1, 0.4], target_quat: {QUAT}, offset: [0, 0.05, 0]}}"),
    "orientation": (PANDA, f"{{kind: orientation, target: {QUAT}}}"),
    "orientation within an angle": (PANDA, "{kind: orientation, target: [0.3, 1, 0.2, 0], angle: 0.1}"),
    "cone": (PANDA, "{kind: cone, angle: 0.001, about: [0, 0.2, -1]}"),
    "terminal_state": (PANDA, "{kind: terminal_state, qpos: [0.1, -0.7, 0, -2.3, 0, 1.5, 0.7]}"),
    "terminal_state of a floating base": (GO2, "{kind: terminal_state, qvel: 0.1}"),
    "periodic": (CART, "{kind: periodic, free: [slider]}"),
    "periodic of a floating base": (GO2, "{kind: periodic}"),
    "periodic of a base that may have turned": (GO2, "{kind: periodic, free_heading: true}"),
    "clearance of the robot itself": (PANDA, "{kind: clearance, itself: true, between: [], least: 0.2}"),
    "clearance of a floating robot": (GO2, "{kind: clearance, least: 0.1, at: [0.2, 1.0]}"),
    "contact_schedule": (GO2, f"{{kind: contact_schedule, {FEET}, radius: 0.05, clearance: 0.1}}"),
    "foot_clearance": (GO2, "{kind: foot_clearance, feet: [FL_calf, RR_calf], offset: [0, 0, -0.213], least: 0.1}"),
    "slip": (GO2, f"{{kind: slip, {FEET}, speed: 0.001}}"),
    "slip of balls": (GO2, f"{{kind: slip, {FEET}, speed: 0.001, radius: 0.022, margin: 0.01}}"),
    "slip of so many metres": (GO2, f"{{kind: slip, {FEET}, speed: 9.0, radius: 0.022, length: 0.001}}"),
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


@pytest.mark.parametrize("name", [name for name in CASES if " " not in name or "frame" in name or "whole" in name])
def test_soft_ones_are_means_of_squares_with_their_gradient_and_residuals(name: str, tmp_path: Path) -> None:
    words, node = CASES[name]
    (tmp_path / "mine.py").write_text(USER)
    soft = node.replace("FILE", str(tmp_path / "mine.py")).removesuffix("}") + ", hard: false, weight: 3}"
    _, task = configured(*words, f"+constraint.c={soft}")
    problem = TaskProblem(task, remember=False)
    problem.evaluate()
    assert problem.latest is not None and problem.latest.gradient is not None
    constraint = task.constraints.all["c"].constraint
    with torch.no_grad():
        rows = constraint.measure(task.simulate()[0])
    expected = 3.0 * sum(
        float((quantity.violation(one.values) / quantity.scale).square().mean())
        for quantity, one in zip(constraint.quantities, rows, strict=True)
    )
    assert problem.latest.terms["c"] == pytest.approx(expected, rel=1e-10) and expected > 0.0
    x, gradient, random = point(problem.groups), problem.latest.gradient, np.random.default_rng(5)
    direction, values = random.standard_normal(len(x)), []
    for side in (1.0, -1.0):
        move(problem.groups, x + side * 1e-6 * direction)
        values.append(problem.evaluate(gradient=False))
    assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=3e-6, abs=1e-7)
    move(problem.groups, x)
    blocks = problem.linearize()
    assert blocks is not None
    assert problem.normal(blocks).gradient() == pytest.approx(gradient, rel=1e-7, abs=1e-9 * float(np.abs(gradient).max()))


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
    for name in (
        "joint_torque", "torque_rate from what acted before", "power", "position in a box", "position on a path",
        "position in another frame", "half_space of another frame", "pose", "orientation", "orientation within an angle", "cone",
        "clearance of the robot itself", "terminal_state", "periodic of a base that may have turned",
    ):  # fmt: skip
        words, node = CASES[name]
        alone = measured(words, node, tmp_path, "parameter.controls.noise=0")[1]
        batch = measured(words, node, tmp_path, "parameter.controls.noise=0", "task.envs=2")[1]
        for one, both in zip(alone, batch, strict=True):
            assert both.shape == (one.shape[0], 2, one.shape[1])
            assert both[:, 1] == pytest.approx(one, abs=1e-12), name


def test_every_kind_has_a_case() -> None:
    assert {node.removeprefix("{kind: ").partition(",")[0].strip("}") for _, node in CASES.values()} == set(CONSTRAINTS)


def test_every_kind_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "constraints.md").read_text()
    assert [kind for kind in CONSTRAINTS if f"`{kind}`" not in text] == []


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
     ("{kind: power, limit: 3, high: 2}", "limit is ±limit, and low and high are given too"),
     ("{kind: torque_rate}", "nothing is limited"),
     ("{kind: torque_rate, limit: -1}", r"constraint\.c\.limit: -1 is below zero; it is the largest magnitude"),
     ("{kind: joint_velocity, limit: [1, 1, 1, -1, 1, 1, 1]}", r"constraint\.c\.limit: .* is below zero"),
     ("{kind: joint_position, low: 1, high: 0}", r"range of panda_joint1: \[1, 0\]; low must not be above high"),
     ("{kind: pose, target_pos: [0, 0, 0], target_quat: [0, 0, 0, 0]}", r"constraint\.c\.target_quat: .* has length zero"),
     ("{kind: clearance}", r"constraint\.c: there is nothing but panda in the scene; itself=true keeps"),
     ("{kind: position, high: 1, at: [0, 0]}", r"at=\[0, 0\] is the start alone, which nothing changes"),
     ("{kind: joint_position, at: [0.0, 0.0]}", "is the start alone"),
     ("{kind: cone, angle: 0.1, at: [0.0, 0.0]}", "is the start alone"),
     ("{kind: position, high: 1, relative_to: elbow}", r"constraint\.c\.relative_to: unknown link or site"),
     ("{kind: position, high: 1, relative_entity: table}", "relative_entity"),
     ("{kind: periodic, free_heading: true}", "none of the chosen joints is that of a floating base"),
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


@pytest.mark.parametrize("kind", ["joint_torque, limit: 1", "torque_rate, limit: 1", "power, limit: 1"])
def test_limits_of_what_nothing_drives_are_named(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"constraint\.c: nothing drives hinge, so that this limits nothing; driven are: slider"):
        problem_of(CART, f"{{kind: {kind}, joints: [slider, hinge]}}", tmp_path)
    assert problem_of(CART, f"{{kind: {kind}}}", tmp_path).task.constraints


def test_the_first_step_is_compared_with_what_acted_before_and_shares_the_metric(tmp_path: Path) -> None:
    task = problem_of(CART, "{kind: torque_rate, limit: 1.0, before: 50.0, joints: [slider]}", tmp_path).task
    with torch.no_grad():
        view = task.simulate()[0]
    force = view.controls[:, task.constraints.all["c"].constraint.groups[0]]
    rates = (torch.cat([force.new_full((1, 1), 50.0), force])).diff(dim=0).abs() / task.setting.dt - 1.0
    (worst,) = task.constraints.violations(view)
    assert worst.value == pytest.approx(float(rates.max())) and worst.step == int(rates.argmax()) == 0
    assert float(task.constraints.metrics(view)["c_violation_N_per_s"]) == worst.value
    assert task.constraints.limits() == {"c_violation_N_per_s": 1e-6}


def test_rows_that_see_both_ends_have_seeds_of_two_steps(tmp_path: Path) -> None:
    _, task = configured("task=throw", "task.horizon=6", "+constraint.c={kind: periodic, free: []}")
    with torch.no_grad():
        at = probe(task.simulate()[0].trajectory, parameters=False)
    with torch.enable_grad():
        parts = task.losses["c"][1].residuals(TrajectoryView(at.trajectory))
    for part in parts:
        short, long = (
            seeds(part, at.leaves(), torch.arange(0)),
            seeds(replace(part, ends=False, sees=None), at.leaves(), torch.arange(0)),
        )
        assert short.state is not None and long.state is not None
        assert len(short.state) == 2 and len(long.state) == 7
        assert torch.equal(short.state, long.state[[0, 6]]) and short.state[0].any() and not long.state[1:6].any()


def test_a_free_heading_lets_a_base_turn_and_tilts_it_not(tmp_path: Path) -> None:
    constraint = problem_of(GO2, "{kind: periodic, free_heading: true}", tmp_path).task.constraints.all["c"].constraint
    task = problem_of(GO2, "{kind: periodic, free_heading: true}", tmp_path).task
    with torch.no_grad():
        view = task.simulate()[0]
        q, v = view.qpos[:1].expand(6, -1).clone(), view.qvel[:1].expand(6, -1).clone()
        v[:, :3] = v.new_tensor([0.3, 0.1, -0.2])
        base = next(joint for joint in task.setting.robot.joints if joint.kind.floats)
        assert list(base.qs_idx_local) == list(range(7))
        yaw = from_rotation_vector(q.new_tensor([0.0, 0.0, 0.7]))
        q[-1, 3:7], q[-1, :2] = multiply(yaw, q[-1, 3:7]), q.new_tensor([3.0, 2.0])
        v[-1, :3] = rotate(yaw, v[-1, :3])
        constraint.start = (q[0], v[0])
        assert max(float(rows.values.abs().max()) for rows in constraint.measure(fake(qpos=q, qvel=v))) < 1e-12
        q[-1, 3:7] = multiply(from_rotation_vector(q.new_tensor([0.0, 0.2, 0.0])), q[-1, 3:7])
        measured = zip(constraint.quantities, constraint.measure(fake(qpos=q, qvel=v)), strict=True)
        off = {quantity.unit: rows.values.abs().max() for quantity, rows in measured}
        assert float(off["1"]) > 0.1
