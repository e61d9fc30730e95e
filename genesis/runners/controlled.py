"""A task in closed loop: a controller drives a plant for the task's horizon, and the task judges what came of it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.grad.tangent import state_minus
from genesis.problems.problem import CONVERGED, DIVERGED, FINISHED, INTERRUPTED, NOT_CONVERGED
from genesis.runners.evaluate import TaskProblem
from genesis.runners.optimal_control import TaskControl
from genesis.runners.plant import Plant, PlantOptions
from genesis.runners.receding import ClosedLoop, PlannedStep, Planner, run_closed_loop, warn_of_failures
from genesis.runners.stored import FeedbackLaw
from genesis.scene.trajectory import Trajectory
from genesis.tasks import Task
from genesis.view import TrajectoryView


@dataclass
class Controlled:
    """status: as of an optimisation. terms, metrics: of the closed loop, empty where it ended early. rates: of planning. seconds: of it all."""

    status: str
    reason: str
    loop: ClosedLoop
    trajectory: Any
    objective: float
    terms: dict[str, float]
    metrics: dict[str, float]
    rates: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def arrays(self) -> dict[str, np.ndarray]:
        """plan/…: of each step its cost, step length, damping, seconds; nan between plans."""
        told = [asdict(one) for one in self.loop.told]
        return (
            {f"plan/{name}": np.array([one[name] for one in told], float) for name in ("cost", "length", "damping", "seconds")}
            if told
            else {}
        )


Observer = Callable[[PlannedStep], None]


def receding(task: Task, planner: Planner, asked: PlantOptions, observer: Observer, stop: Callable[[], bool]) -> Controlled:
    """By plans of the planner, whose task is the same with a shorter horizon."""
    control = planner.control
    plant = Plant(task.setting, control.theta, control.given(np.zeros(len(control.dofs))), asked)
    begun = perf_counter()
    planner.begin()
    first = perf_counter() - begun

    def act(step: int, qpos: torch.Tensor, qvel: torch.Tensor) -> tuple[np.ndarray, PlannedStep]:
        told = PlannedStep(step, "held", float("nan"), float("nan"), planner.rho, 0, 0.0, 0.0)
        if step % planner.asked.every == 0:
            told = planner.plan(step, qpos, qvel)
        return planner.act(step, qpos, qvel), told

    begun = perf_counter()
    found = _driven(plant, task, act, control.given, observer, stop)
    warn_of_failures(found.told)
    made = _judged(task, control, plant, found)
    made.seconds = perf_counter() - begun
    plans = [one for one in found.told if one.status != "held"]
    if plans:
        cpu = float(np.median([one.cpu / max(one.iterations, 1) for one in plans]))
        made.rates = {
            "plans": len(plans), "failed": sum(one.status == "failed" for one in plans), "first_plan_seconds": first,
            "median_plan_seconds": float(np.median([one.seconds for one in plans])), "median_iteration_cpu_seconds": cpu,
            "iterations_per_second": 1.0 / max(cpu, 1e-9),
        }  # fmt: skip
    return made


def tracked(
    task: Task, law: FeedbackLaw, asked: PlantOptions, observer: Observer, stop: Callable[[], bool], *, feedback: bool = True
) -> Controlled:
    """By the stored controls of a motion and, with `feedback`, its gains (TVLQR).

    Raises: InputError for a motion of another length or robot.
    """
    control = task_control(task)
    horizon, nv = task.setting.horizon, task.setting.scene.rigid_solver.model.nv
    if law.dof_ctrl.shape != (horizon, nv):
        raise InputError(
            f"control.run: its motion has {law.dof_ctrl.shape[0]} steps of {law.dof_ctrl.shape[1]} degrees of freedom, this task "
            f"{horizon} of {nv}; give the words of that run (task, task.horizon, robot)."
        )
    model = task.setting.scene.rigid_solver.model
    plant = Plant(task.setting, control.theta, control.given(np.zeros(len(control.dofs))), asked)

    def act(step: int, qpos: torch.Tensor, qvel: torch.Tensor) -> tuple[np.ndarray, PlannedStep]:
        made = law.dof_ctrl[step].copy()
        if feedback:
            q, v = (torch.from_numpy(x[step]).to(qpos) for x in (law.qpos, law.qvel))
            made[law.dofs] += law.gains[step] @ state_minus(model, (qpos, qvel), (q, v)).double().cpu().numpy()
        return made, PlannedStep(step, "held", float("nan"), float("nan"), 0.0, 0, 0.0, 0.0)

    like, begun = control.base, perf_counter()
    found = _driven(plant, task, act, lambda u: torch.from_numpy(u).to(like), observer, stop)
    made = _judged(task, control, plant, found)
    made.seconds, steps = perf_counter() - begun, len(found.qpos)
    q, v = (torch.from_numpy(x[:steps]) for x in (law.qpos, law.qvel))
    off = state_minus(model, (torch.from_numpy(found.qpos), torch.from_numpy(found.qvel)), (q, v))
    made.rates = {
        "largest_position_deviation": float(off[:, : model.nv].abs().max()), "largest_velocity_deviation": float(off[:, model.nv :].abs().max())
    }  # fmt: skip
    return made


def task_control(task: Task) -> TaskControl:
    """Of a task's own problem. Raises: InputError for one that DDP cannot drive."""
    return TaskProblem(task, remember=False).optimal_control()


def _driven(plant: Plant, task: Task, act: Any, given: Any, observer: Observer, stop: Callable[[], bool]) -> ClosedLoop:
    found = None
    for one in run_closed_loop(plant, task.setting.horizon, act, given, stop):
        if isinstance(one, ClosedLoop):
            found = one
        else:
            observer(one)
    assert found is not None
    return found


def _judged(task: Task, control: TaskControl, plant: Plant, found: ClosedLoop) -> Controlled:
    """What the task says of the motion of the plant."""
    setting, solver = task.setting, task.setting.scene.rigid_solver
    like = setting.start_qvel
    q, v = (torch.from_numpy(x).to(like) for x in (found.qpos, found.qvel))
    acted = torch.from_numpy(found.dof_ctrl).to(like)
    controls = (
        acted if control._gain is None else torch.where(control._gain != 0.0, acted / control._gain, torch.zeros_like(acted))
    )
    trajectory = Trajectory(
        solver, plant.theta, (q, v, (v[1:] - v[:-1]) / setting.dt), controls, setting.dt, 0, setting.control, simulated=False
    )
    if found.reason is not None:
        status = DIVERGED if found.error is not None else INTERRUPTED
        return Controlled(status, found.reason, found, trajectory, float("nan"), {}, {})
    view = TrajectoryView(trajectory)
    with torch.no_grad():
        terms = {
            name: float(weight * loss(view)) for name, (weight, loss) in task.losses.items() if name not in task.constraints.hard
        }
    metrics = task.metrics(view)
    if not task.limits:
        status, reason = FINISHED, "the closed loop is over"
    elif task.good_enough(metrics) or (not task.goal.limits and task.holds(metrics)):
        status, reason = CONVERGED, "every tolerance is met in closed loop"
    else:
        status, reason = NOT_CONVERGED, "the closed loop is over, and does not meet every tolerance"
    return Controlled(status, reason, found, trajectory, sum(terms.values()), terms, metrics)
