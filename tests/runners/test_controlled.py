"""Closed loops: plants that differ from the model, feedback of stored motions, plans at every step, targets that move."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.paths import path, target_path
from genesis.runners.controlled import receding, task_control, tracked
from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from genesis.runners.plant import Plant, PlantOptions
from genesis.runners.receding import Planner, Planning
from genesis.runners.stored import FeedbackLaw
from genesis.setting import PlanWindow
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

FALL = ("task=fall", "task.horizon=120", "task.start_qpos=[0.3,-0.2]")
WRONG = PlantOptions(errors={"mass": 0.1, "damping": 0.3}, seed=3)


def found(*words: str) -> tuple[Any, FeedbackLaw]:
    """A task at the motion that DDP finds, and its feedback."""
    _, task = configured(*words)
    loop = optimization(task, make_method({"kind": "ddp"}, {"kind": "constant"}, 50, 0), Stop(iterations=50), signals=False)
    result = loop.run()
    assert result.error is None
    arrays = {k.removeprefix("feedback/"): x for k, x in loop.problem.arrays().items() if k.startswith("feedback/")}
    return task, FeedbackLaw(**arrays)


def quiet(told: Any) -> None:
    """Nobody is told."""


def test_stored_feedback_is_of_the_motion_and_holds_it_where_the_plant_is_the_model() -> None:
    task, law = found(*FALL)
    assert law.gains.shape == (120, 2, 4) and law.dofs.tolist() == [0, 1]
    made = tracked(task, law, PlantOptions(), quiet, lambda: False)
    with torch.no_grad():
        motion = task.simulate()[0]
    assert made.loop.qpos == pytest.approx(motion.qpos.numpy(), abs=1e-9)
    assert made.loop.dof_ctrl == pytest.approx(law.dof_ctrl, abs=1e-7)
    assert made.status == "converged" and made.objective == pytest.approx(float(task.judge().objective.detach()), rel=1e-6)


def test_feedback_brings_back_what_open_loop_loses() -> None:
    task, law = found(*FALL)
    held, lost = (tracked(task, law, WRONG, quiet, lambda: False, feedback=on) for on in (True, False))
    assert held.metrics["angle_error_deg"] < 0.1 < 20.0 < lost.metrics["angle_error_deg"]
    assert held.rates["largest_position_deviation"] < 0.2 * lost.rates["largest_position_deviation"]


def test_gains_are_those_of_the_riccati_equation_at_the_motion() -> None:
    """Of controls of one step before the end: K = −(l_uu + Bᵀ l_xx B)⁻¹ (l_ux + Bᵀ l_xx A)."""
    task, law = found(*FALL)
    control = task_control(task)
    model, _ = control.expand(control.start())  # type: ignore[misc, arg-type]
    a, b, end = model.a[-1], model.b[-1], model.lxx[-1]
    wanted = -np.linalg.solve(model.luu[-1] + b.T @ end @ b, model.lux[-1] + b.T @ end @ a)
    inside = np.abs(law.dof_ctrl[-1]) < np.array([6.0, 3.0]) - 1e-6
    assert law.gains[-1][inside] == pytest.approx(wanted[inside], rel=1e-6, abs=1e-9)


def test_plans_at_every_step_hold_a_plant_that_they_do_not_know() -> None:
    _, task = configured(*FALL)
    _, short = configured(*FALL, "task.horizon=40")
    planner = Planner(short, Planning(horizon=40), None, 120)
    noisy = replace(WRONG, noise={"qpos": 1e-4, "qvel": 1e-3}, delay=1)
    told: list[Any] = []
    made = receding(task, planner, noisy, told.append, lambda: False)
    assert made.loop.reason is None and made.metrics["angle_error_deg"] < 2.0
    assert [one.step for one in told] == list(range(120)) and all(one.status == "planned" for one in told)
    assert made.rates["plans"] == 120 and made.rates["failed"] == 0 and set(made.arrays()) >= {"plan/cost", "plan/length"}


def test_between_plans_their_feedback_acts_and_a_run_can_be_stopped() -> None:
    _, task = configured(*FALL)
    _, short = configured(*FALL, "task.horizon=40")
    told: list[Any] = []
    made = receding(task, Planner(short, Planning(horizon=40, every=5), None, 120), WRONG, told.append, lambda: len(told) >= 12)
    assert [one.status for one in told] == ["planned", *["held"] * 4] * 2 + ["planned", "held"]
    assert made.status == "interrupted" and "12 of 120 steps" in str(made.loop.reason) and len(made.loop.qpos) == 13
    assert float(np.abs(made.loop.qpos[-1]).max()) < 0.5


def test_after_a_failed_plan_the_one_before_goes_on_with_its_feedback() -> None:
    _, short = configured(*FALL, "task.horizon=40")
    planner = Planner(short, Planning(horizon=40), None, 120)
    planner.begin()
    setting = short.setting
    q, v = setting.one_start()
    planner.plan(0, q, v)
    path, gains = planner.path, planner.gains
    assert path is not None and gains is not None
    planner._iterate = lambda path: None  # type: ignore[method-assign]
    off = np.array([0.01, -0.02, 0.1, 0.05])
    x = [torch.from_numpy(series[2]) + torch.from_numpy(part) for series, part in ((path.qpos, off[:2]), (path.qvel, off[2:]))]
    assert planner.plan(2, *x).status == "failed"
    wanted = np.clip(path.controls[2] + gains[2] @ off, planner.control.low.numpy(), planner.control.high.numpy())
    assert planner.act(2, *x) == pytest.approx(wanted, abs=1e-12)
    del planner._iterate
    assert planner.plan(3, *x).status == "planned" and planner.planned_at == 3
    later = planner._shifted(100, *x)  # longer than it looks ahead
    assert later.qpos.shape == path.qpos.shape and later.controls == pytest.approx(np.repeat(planner.path.controls[-1:], 40, 0))


def test_a_plan_sees_its_part_of_a_moving_target() -> None:
    points = [[0.0], [1.0], [4.0], [2.0], [5.0]]
    whole = path("x", points, 1, 40)
    setting = SimpleNamespace(horizon=10, dt=0.1, clock=PlanWindow(7, 40))
    assert torch.equal(target_path(setting, "x", points, 1), whole[7:18])
    setting.clock = PlanWindow(35, 40)
    assert torch.equal(target_path(setting, "x", points, 1), torch.cat([whole[35:], whole[-1:].expand(5, 1)]))
    once = path("x", points, 1, 8)
    assert torch.equal(target_path(setting, "x", points, 1, period=0.8), once[[(35 + t) % 8 for t in range(11)]])
    setting.clock = None
    assert torch.equal(target_path(setting, "x", points, 1), path("x", points, 1, 10))
    assert torch.equal(target_path(setting, "x", points, 1, period=0.4), path("x", points, 1, 4)[[t % 4 for t in range(11)]])


def plant_of(asked: PlantOptions, *words: str) -> Plant:
    _, task = configured(*(words or FALL))
    control = task_control(task)
    return Plant(task.setting, control.theta, control.given(np.zeros(len(control.dofs))), asked)


def test_a_plant_is_wrong_by_its_seed_and_keeps_inertias_with_masses() -> None:
    one, same, other = (plant_of(replace(WRONG, seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(one.theta, same.theta) and not torch.equal(one.theta, other.theta)
    exact, offsets = plant_of(PlantOptions()).theta, one.setting.scene.rigid_solver.model.parameter_offsets
    ratio = {name: (one.theta / exact)[first : first + length] for name, (first, length) in offsets.items()}
    mass = ratio["link_mass"]
    assert 0.0 < float((mass - 1.0).abs().max()) <= 0.1 and len(mass.unique()) == len(mass)
    inertia = ratio["link_inertia"].reshape(len(mass), 6)
    assert inertia[:, 0] == pytest.approx(mass, rel=1e-12)
    assert float((ratio["dof_damping"].nan_to_num(1.0) - 1.0).abs().max()) <= 0.3
    changed = {name for name, values in ratio.items() if bool((values.nan_to_num(1.0) != 1.0).any())}
    assert changed <= {"link_mass", "link_inertia", "dof_damping"}


def test_delays_noise_and_pushes_are_what_they_say() -> None:
    late, now = plant_of(PlantOptions(delay=2)), plant_of(PlantOptions())
    u = torch.tensor([1.0, -0.5], dtype=torch.float64)
    acted = [late.step((k + 1.0) * u) for k in range(4)]
    assert [float(x[0]) for x in acted] == [0.0, 0.0, 1.0, 2.0]
    now.step(0.0 * u), now.step(0.0 * u), now.step(u), now.step(2.0 * u)
    assert torch.equal(late.qpos, now.qpos)
    noisy = plant_of(PlantOptions(noise={"qpos": 0.1}, seed=1))
    draws = torch.stack([noisy.measure()[0] - noisy.qpos for _ in range(400)])
    assert float(draws.std()) == pytest.approx(0.1, rel=0.1) and torch.equal(noisy.measure()[1], noisy.qvel)
    pushed = plant_of(PlantOptions(pushes=[{"link": "upper", "torque": [0.0, 0.7, 0.0], "at": 0.01, "duration": 0.02}]))
    free = plant_of(PlantOptions())
    for k in range(4):
        pushed.step(0.0 * u)
        free.step(torch.tensor([0.7 if k in (1, 2) else 0.0, 0.0], dtype=torch.float64))
    assert pushed.qvel == pytest.approx(free.qvel, abs=1e-12), "a torque about the shoulder is one of its motor"


@pytest.mark.parametrize(
    ("asked", "message"),
    [(PlantOptions(errors={"weight": 0.1}), "weight"), (PlantOptions(errors={"mass": 1.5}), "from 0 to below 1"),
     (PlantOptions(noise={"qacc": 0.1}), "qacc"), (PlantOptions(pushes=[{"link": "arm", "at": 0.0, "duration": 1.0}]), r"pushes\[0\]\.link"),
     (PlantOptions(pushes=[{"link": "upper", "at": 0.0}]), "duration"), (PlantOptions(pushes=[{"links": "upper"}]), "links")],
)  # fmt: skip
def test_plants_that_cannot_be_are_named(asked: PlantOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plant_of(asked)


def test_feedback_of_another_motion_is_refused() -> None:
    task, law = found(*FALL)
    with pytest.raises(InputError, match=r"control\.run: its motion has 119 steps"):
        tracked(task, replace(law, dof_ctrl=law.dof_ctrl[1:]), PlantOptions(), quiet, lambda: False)
