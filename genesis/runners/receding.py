"""Receding horizon: at every control step, one or two iterations of differential dynamic programming from the state that was measured.

    shift: x_t ← x_(t+1), u_t ← u_(t+1), the last repeated;    x_0 ← measured, with the gap that this opens
    iterate: expand, sweep, the best of a few step lengths;    act: u_0 + K_0 (x ⊖ x_0), until the next plan

Source: Diehl, Bock, Schlöder, A real-time iteration scheme for nonlinear optimization in optimal feedback control, SIAM J. Control Optim.
43 (2005); Tassa, Erez, Todorov, IROS 2012 (DDP in receding horizon).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES
from genesis.grad.tangent import state_minus
from genesis.log import logger
from genesis.methods.ddp import DDP, in_units, mean_curvature
from genesis.methods.optimal_control import Path
from genesis.problems.problem import Evaluation
from genesis.runners.evaluate import TaskProblem
from genesis.runners.plant import Plant
from genesis.setting import PlanWindow
from genesis.tasks import Task
from genesis.view import View

LARGEST = 1e6  # diagonal, relative to the Hessian of the controls, beyond which a plan has failed
RAISE, LOWER = 10.0, 0.2


@dataclass(frozen=True)
class Planning:
    """horizon: steps that a plan looks ahead. iterations: of each. every: control steps from one to the next. lengths, shortest: step
    lengths that are tried. first: iterations of the plan before the motion begins, at most."""

    horizon: int = 25
    iterations: int = 1
    every: int = 1
    lengths: int = 3
    shortest: float = 0.25
    first: int = 50


@dataclass(frozen=True)
class PlannedStep:
    """What is told of a control step. cost: of the plan; length: step length taken (0: none was any good, the plan before goes on); damping:
    relative diagonal; iterations, seconds, cpu: of the planning; status: planned, held (between plans) or failed."""

    step: int
    status: str
    cost: float
    length: float
    damping: float
    iterations: int
    seconds: float
    cpu: float


class _PlanProblem(TaskProblem):
    """Of a plan, of which the goal is not asked."""

    def saw(self, terms: dict[str, float], trajectory: View, exact: bool) -> None:
        self.latest = Evaluation(sum(terms.values()), terms, {}, False, np.zeros(0), exact=exact)
        self.evaluations += 1


class Planner:
    """Plans of a task whose horizon is that of the planning.

    losses_at: the task's losses at a time (`losses`, `own_losses`), asked once a plan; None where no target moves. whole: steps of the
    motion.
    Raises: InputError for a task that DDP cannot drive.
    """

    def __init__(self, task: Task, asked: Planning, losses_at: Callable[[PlanWindow], Any] | None, whole: int) -> None:
        self.task, self.asked, self.losses_at, self.whole = task, asked, losses_at, whole
        self.problem = _PlanProblem(task, remember=False)
        self.control = self.problem.optimal_control()
        self.lengths = np.geomspace(1.0, asked.shortest, asked.lengths) if asked.lengths > 1 else np.ones(1)
        self.path: Path | None = None
        self.gains: np.ndarray | None = None
        self.rho = 0.0
        self.planned_at = 0

    def begin(self) -> None:
        """The plan before the motion begins, by the whole method."""
        method = DDP(lengths=8, regularization=1.0)
        method.init(self.problem)
        for _ in range(self.asked.first):
            if method.look() is not None or method.step() is not None:
                break
        assert method.path is not None or self.problem.failure is not None
        if method.path is None:
            raise self.problem.failure  # type: ignore[misc]
        method.look()
        self.path = replace(method.path, gaps=None)
        self.planned_at = 0

    def plan(self, step: int, qpos: Tensor, qvel: Tensor) -> PlannedStep:
        """From the measured state (nq,), (nv,) at a step of the motion."""
        seconds, cpu = perf_counter(), process_time()
        path = self._shifted(step - self.planned_at, qpos, qvel)
        if self.losses_at is not None:
            made = self.losses_at(PlanWindow(step, self.whole))
            self.task.losses, self.task.own_losses = made.losses, made.own_losses
        cost, length, done = float("nan"), 0.0, 0
        for _ in range(self.asked.iterations):
            found = self._iterate(path)
            if found is None:
                break
            path, cost, length = found
            done += 1
        if done:  # else the plan before goes on, with its feedback, at its own times
            self.path, self.planned_at = path, step
        status = "planned" if done else "failed"
        return PlannedStep(step, status, cost, length, self.rho, done, perf_counter() - seconds, process_time() - cpu)

    def _shifted(self, by: int, qpos: Tensor, qvel: Tensor) -> Path:
        """The last plan so many steps later, from the measured state."""
        path = self.path
        assert path is not None
        by = min(by, len(path.controls))  # of plans that have failed for longer than they look ahead
        later = [np.concatenate([x[by:], np.repeat(x[-1:], by, 0)]) for x in (path.qpos, path.qvel, path.controls)]
        q, v, u = (np.ascontiguousarray(x) for x in later)
        q[0], v[0] = qpos.double().cpu().numpy(), qvel.double().cpu().numpy()
        return Path(q, v, u, self.control.gaps(q, v, u))

    def _iterate(self, path: Path) -> tuple[Path, float, float] | None:
        """One iteration; None where none of its step lengths has a value."""
        found = self.control.expand(path)
        if found is None:
            return None
        sizes = self.control.sizes
        model = in_units(found[0], sizes)
        scale = 1.0
        while True:
            sweep = self.control.backward(model, self.rho * scale)
            if sweep.failed < 0:
                scale = max(mean_curvature(model, sweep), 1e-300)
                whole = replace(sweep, k=sweep.k * sizes, gains=sweep.gains * sizes[:, None])
                trials = self.control.trials(path, whole, self.lengths)
                merits = trials.values * (2.0 - self.lengths) if path.gaps is not None else trials.values
                best = int(np.argmin(np.where(np.isfinite(merits), merits, np.inf)))
                if np.isfinite(merits[best]):
                    length = float(self.lengths[best])
                    self.gains = whole.gains
                    self.rho = self.rho * LOWER if length == 1.0 and self.rho > 1e-6 else (0.0 if length == 1.0 else self.rho)
                    gaps = None if path.gaps is None or length == 1.0 else (1.0 - length) * path.gaps
                    return trials.path(best, gaps), float(trials.values[best]), length
            self.rho = RAISE * max(self.rho, 1e-6)
            if self.rho > LARGEST:
                self.rho = 1.0
                return None

    def act(self, step: int, qpos: Tensor, qvel: Tensor) -> np.ndarray:
        """Controls (m,) at a step from what is measured: those of the plan, with its feedback, within their bounds."""
        path, t = self.path, step - self.planned_at
        assert path is not None
        t = min(t, len(path.controls) - 1)
        made = path.controls[t].copy()
        if self.gains is not None:
            model = self.task.setting.scene.rigid_solver.model
            q, v = (torch.from_numpy(x[t]).to(qpos) for x in (path.qpos, path.qvel))
            made += self.gains[t] @ state_minus(model, (qpos, qvel), (q, v)).double().cpu().numpy()
        clipped: np.ndarray = np.clip(made, self.control.low.numpy(), self.control.high.numpy())
        return clipped


@dataclass
class ClosedLoop:
    """What became of the plant: qpos (N+1, nq), qvel (N+1, nv), dof_ctrl (N, nv) that acted, controls (N, m) that were asked for; told: of each
    step. reason: why it ended before its time, None where it did not."""

    qpos: np.ndarray
    qvel: np.ndarray
    dof_ctrl: np.ndarray
    controls: np.ndarray
    told: list[PlannedStep]
    reason: str | None
    error: Exception | None = None


def run_closed_loop(
    plant: Plant,
    steps: int,
    act: Callable[[int, Tensor, Tensor], tuple[np.ndarray, PlannedStep]],
    given: Callable[[np.ndarray], Tensor],
    asked: Callable[[], bool] = lambda: False,
) -> Iterator[PlannedStep | ClosedLoop]:
    """The plant under a controller, step by step: yields what is told of each step, and in the end the whole.

    Args:
        act: the control (m,) of a step at a measured state, and what is told of it. given: what the joint controllers are given for it (nv,).
        asked: whether the user wants to stop.
    """
    q, v, acted, controls, told = [plant.qpos], [plant.qvel], [], [], []
    reason, error = None, None
    for step in range(steps):
        if asked():
            reason = f"stopped by a signal after {step} of {steps} steps"
            break
        try:
            u, one = act(step, *plant.measure())
            acted.append(plant.step(given(u)))
        except SIMULATION_FAILURES as failure:
            reason, error = str(failure), failure
            break
        q.append(plant.qpos)
        v.append(plant.qvel)
        controls.append(u)
        told.append(one)
        yield one
    series = [torch.stack(x).double().cpu().numpy() if x else np.zeros((0, plant.physics.nv)) for x in (q, v, acted)]
    yield ClosedLoop(series[0], series[1], series[2], np.array(controls), told, reason, error)


def warn_of_failures(told: list[PlannedStep]) -> None:
    """Say that plans have failed, and what may help."""
    failed = [one.step for one in told if one.status == "failed"]
    if failed:
        logger.warning(
            "control: %d of %d plans failed, the first at step %d; the feedback of the plan before acted. A longer control.horizon, more "
            "control.iterations or less noise may help.", len(failed), sum(one.status != "held" for one in told), failed[0],
        )  # fmt: skip


__all__ = ["ClosedLoop", "PlannedStep", "Planner", "Planning", "run_closed_loop", "warn_of_failures"]
