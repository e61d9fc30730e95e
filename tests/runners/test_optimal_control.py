"""Tasks step by step: derivatives against the adjoint and the Jacobian, trials, what cannot be driven, whole runs."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.grad.quadratics import BackwardPass
from genesis.methods import make_method
from genesis.methods.optimal_control import Path as Motion
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Stop
from genesis.runners.optimal_control import TaskControl
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from tests.tasks.configured import configured

TORQUES = ("parameters=torques", "parameter.controls.init=zero", "parameter.controls.scale=1")
DRIVEN = {  # name -> words of a short task with one control a step, near a motion at which no residual has a kink
    "reach": ("task=reach", "parameters=torques", "parameter.controls.scale=limits", "task.horizon=12"),
    "track": ("task=track", "parameters=torques", "parameter.controls.scale=2", "task.horizon=9", "loss.smoothness.weight=1e-3"),
    "swing": ("task=swing_up_double", *TORQUES, "task.horizon=15", "+loss.work={kind: energy, weight: 0.1}"),
    "trot": ("task=trot", "task.horizon=6", "task.distance=0.05"),
    "hop": ("task=hop", "task.horizon=8", "scene.contact=mujoco"),
}


def control_of(name: str, *words: str) -> tuple[TaskProblem, TaskControl, Motion]:
    """A motion of noisy controls."""
    _, task = configured(*DRIVEN[name], "parameter.controls.noise=0.02", *words)
    problem = TaskProblem(task, remember=False)
    control = problem.optimal_control()
    start = control.start()
    assert start is not None
    return problem, control, start


def total_gradient(control: TaskControl, motion: Motion) -> np.ndarray:
    """Of the cost to the controls (T, m), by the recursion of the costate."""
    found = control.expand(motion)
    assert found is not None
    p, _ = found
    costate, made = p.lx[-1], np.empty_like(p.lu)
    for t in range(len(p.a) - 1, -1, -1):
        made[t] = p.lu[t] + p.b[t].T @ costate
        costate = p.lx[t] + p.a[t].T @ costate
    return made


@pytest.mark.parametrize("name", DRIVEN)
def test_dynamics_and_costs_make_the_gradient_of_the_adjoint(name: str) -> None:
    problem, control, start = control_of(name)
    found = total_gradient(control, start)
    seen = problem.latest
    assert seen is not None and seen.exact
    value = problem.evaluate()
    assert problem.latest is not None and seen.objective == pytest.approx(value, rel=1e-12)
    assert seen.terms == pytest.approx(problem.latest.terms, rel=1e-12)
    assert seen.metrics == pytest.approx(problem.latest.metrics, rel=1e-9, abs=1e-12)
    (leaf,) = problem.leaves
    assert leaf.grad is not None
    adjoint = torch.linalg.solve(control.own[0].unit, leaf.grad.mT).mT.numpy()
    assert found == pytest.approx(adjoint, rel=1e-7, abs=1e-9 * np.abs(adjoint).max())


@pytest.mark.parametrize("name", ["reach", "trot", "track", "hop"])
def test_hessians_are_the_squares_of_the_jacobian(name: str) -> None:
    problem, control, start = control_of(name)
    found = control.expand(start)
    assert found is not None
    p, rng = found[0], np.random.default_rng(0)
    du = 0.1 * rng.standard_normal(start.controls.shape)
    dx, curve = np.zeros(p.lx.shape[1]), 0.0
    for t in range(len(p.a)):
        curve += dx @ p.lxx[t] @ dx + 2.0 * du[t] @ p.lux[t] @ dx + du[t] @ p.luu[t] @ du[t]
        dx = p.a[t] @ dx + p.b[t] @ du[t]
    curve += dx @ p.lxx[-1] @ dx
    blocks = problem.linearize()
    assert blocks is not None
    dz = torch.linalg.solve(control.own[0].unit, torch.from_numpy(du), left=False).numpy().ravel()
    squares = sum(float(((block.z @ dz) ** 2).sum()) for block in blocks)
    if name == "track":  # smoothness sees two steps at once: bounded from above, not by much more than that
        assert squares < curve < 2.0 * squares + 1e-12
    else:
        assert curve == pytest.approx(squares, rel=1e-8)


def idle(control: TaskControl) -> BackwardPass:
    m, n = len(control.dofs), 2 * control.physics.nv
    horizon = control.horizon
    empty = np.zeros((horizon + 1, n)), np.zeros((horizon + 1, n, n))
    return BackwardPass(np.zeros((horizon, m)), np.zeros((horizon, m, n)), *empty, 0.0, 0.0, 0.0, -1)


@pytest.mark.parametrize("name", ["reach", "trot"])
def test_trials_without_a_step_are_the_motion(name: str) -> None:
    problem, control, start = control_of(name)
    sweep = idle(control)
    trials = control.trials(start, sweep, np.array([1.0, 0.5]))
    assert trials.qpos[:, 0] == pytest.approx(start.qpos, abs=1e-10)
    assert trials.controls[:, 1] == pytest.approx(start.controls, abs=1e-12)
    assert trials.values == pytest.approx([problem.evaluate(gradient=False)] * 2, rel=1e-9)


def test_trials_keep_bounds_and_what_is_put_is_what_moves() -> None:
    problem, control, start = control_of("reach")
    sweep = idle(control)
    sweep.k[:] = 1e4
    trials = control.trials(start, sweep, np.array([1.0, 1e-6]))
    assert np.array_equal(trials.controls[:, 0], np.broadcast_to(control.high.numpy(), start.controls.shape))
    assert (np.abs(trials.controls[:, 1] - start.controls) < 0.02).all()
    led = control.put(trials.path(0, None))
    assert led is not None
    assert problem.task.parameters["controls"].value().detach().numpy() == pytest.approx(trials.controls[:, 0], rel=1e-14)
    assert led.qpos == pytest.approx(trials.qpos[:, 0], abs=1e-9)
    assert problem.evaluate(gradient=False) == pytest.approx(trials.values[0], rel=1e-9)


def test_gaps_are_what_a_step_misses() -> None:
    _, control, start = control_of("trot")
    assert np.abs(control.gaps(start.qpos, start.qvel, start.controls)).max() < 1e-8  # of the contact solver
    moved = start.qvel.copy()
    moved[3] += 0.1
    gaps = control.gaps(start.qpos, moved, start.controls)
    nv = moved.shape[1]
    assert gaps[2, nv:] == pytest.approx(-0.1, abs=1e-8) and np.abs(gaps[:2]).max() < 1e-8 and np.abs(gaps[4:]).max() < 1e-8


REFUSED = {
    ("task=reach",): "parameter.controls has fewer; use parameters=torques",
    (
        "task=reach",
        "parameters=policy",
        'parameter.policy.joints=["*"]',
        "parameter.policy.periodic=[]",
        "loss.effort.relative_to=zero",
    ): "parameter.policy is a law or a curve",
    ("task=reach", "parameters=torques", "task.envs=2"): "one environment; set task.envs=0",
    ("task=throw",): "parameter.velocity is none; set its learn to false",
    ("task=reach", "parameters=torques", "+parameter.again=${parameter.controls}"): "two parameters that drive the same joint",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_driven_is_said(words: tuple[str, ...]) -> None:
    _, task = configured(*words, "task.horizon=20")
    with pytest.raises(InputError, match="optimizer: ddp") as raised:
        optimization(task, make_method({"kind": "ddp"}, {"kind": "constant"}, 5, 0), Stop(), signals=False)
    assert REFUSED[words] in str(raised.value)


def test_a_loss_without_curvature_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="genesis")
    control_of("swing")
    assert [r.getMessage() for r in caplog.records if "ddp" in r.getMessage()] == [
        "optimizer: loss.work is no sum of squares; ddp sees its gradient, and no curvature."
    ]


RUNS = {
    "reach": (("task=reach", "parameters=torques", "parameter.controls.scale=limits"), 12),
    "swing_up": (
        ("task=swing_up", *TORQUES, *(f"parameter.controls.{x}" for x in ("joints=[slider]", "bounds=[-20,20]", "noise=0.01"))),
        20,
    ),
    "fall": (("task=fall", "task.horizon=1000"), 5),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_runs_meet_every_tolerance(name: str) -> None:
    words, most = RUNS[name]
    _, task = configured(*words)
    loop = optimization(task, make_method({"kind": "ddp"}, {"kind": "constant"}, 60, 0), Stop(iterations=60), signals=False)
    result = loop.run()
    assert result.status == "converged" and result.iterations <= most
    assert all(result.metrics[k] <= limit for k, limit in result.tolerances.items())
    again = TaskProblem(task, remember=False)
    assert again.evaluate(gradient=False) == pytest.approx(
        result.objective_best, rel=1e-9
    )  # of the controls alone, without feedback
    value = task.parameters["controls"].value()
    low, high = task.parameters["controls"].bounds()
    assert bool(((value >= low) & (value <= high)).all())


def test_a_resume_goes_on_bit_by_bit(tmp_path: Path) -> None:
    words = (*DRIVEN["reach"], "parameter.controls.noise=0.02")

    def loop(folder: str, iterations: int, **more: Any) -> Any:
        _, task = configured(*words)
        record = Record(tmp_path / folder, RecordOptions(tensorboard=False))
        method = make_method({"kind": "ddp"}, {"kind": "constant"}, iterations, 0)
        stop = Stop(iterations=iterations, when_converged=False)
        return optimization(task, method, stop, record=record, signals=False, **more)

    whole = loop("whole", 6).run()
    loop("part", 3).run()
    going = loop("part", 6)
    going.load(load_checkpoint(tmp_path / "part"))
    rest = going.run()
    assert rest.objective_best == whole.objective_best and rest.iterations == whole.iterations
    one, two = (np.load(tmp_path / folder / "solution.npz") for folder in ("whole", "part"))
    assert np.array_equal(one["parameter/controls"], two["parameter/controls"])


def test_another_parameter_on_the_same_joint(caplog: pytest.LogCaptureFixture) -> None:
    """A constant one shifts the room that bounds leave; one that changes in time is refused."""
    words = ("task=swing_up", "task.horizon=20", "parameter.controls.bounds=[-3,3]", "parameter.controls.noise=1")
    more = "+parameter.push={kind: hold, joints: [slider], learn: false, init: %s}"
    _, task = configured(*words, more % "30")
    problem = TaskProblem(task, remember=False)
    control = problem.optimal_control()
    start, sweep = control.start(), idle(control)
    assert start is not None
    sweep.k[:] = 100.0
    trials = control.trials(start, sweep, np.ones(1))
    assert trials.controls[:, 0] == pytest.approx(np.full((20, 1), 3.0), rel=1e-12)
    led = control.put(trials.path(0, None))
    assert led is not None and led.qpos == pytest.approx(trials.qpos[:, 0], abs=1e-9)
    _, task = configured(*words, more % "[[0],[30]]")
    with pytest.raises(InputError, match="another parameter adds controls to the same joints that change in time"):
        TaskProblem(task, remember=False).optimal_control()
