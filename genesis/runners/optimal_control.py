"""A task step by step, for methods that drive a trajectory: see `genesis.methods.optimal_control.OptimalControl`."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES, InputError
from genesis.grad.closed_loop import closed_loop
from genesis.grad.controllers import parameter
from genesis.grad.linearization import linearization
from genesis.grad.quadratics import BackwardPass, Quadratics
from genesis.grad.riccati import riccati
from genesis.grad.tangent import state_minus
from genesis.log import logger
from genesis.methods.optimal_control import Path, Trials
from genesis.parameters import Inputs, Parameter
from genesis.parameters.open_loop import OpenLoop
from genesis.scene.linear import GAINS
from genesis.scene.physical import Loops
from genesis.scene.trajectory import Trajectory
from genesis.tasks.guess import paths
from genesis.tasks.rollout import inputs_of, roll_out
from genesis.tasks.stage_costs import stage_costs, without_squares

if TYPE_CHECKING:
    from genesis.runners.evaluate import TaskProblem

RHO = (
    0.0,
    1e-9,
    1e-6,
    1e-3,
    1.0,
)  # diagonals, relative to the Hessian of the cost in the controls, of which the least that will do is taken


def driven(parameters: Mapping[str, Parameter], environments: int | None) -> list[OpenLoop]:
    """The parameters that make the controls of every step. Raises: InputError for others that are learned, and for several environments."""
    if environments is not None:
        raise InputError("optimizer: ddp drives the trajectory of one environment; set task.envs=0, or choose another.")
    made: list[OpenLoop] = []
    for name, one in parameters.items():
        if one.changes.controls and not isinstance(one, OpenLoop):
            raise InputError(
                f"optimizer: ddp finds one control a step, and parameter.{name} is a law or a curve that makes controls; "
                "use parameters=torques (kind hold), or another optimizer."
            )
        if not one.learn:
            continue
        if not isinstance(one, OpenLoop):
            raise InputError(
                f"optimizer: ddp finds controls, and parameter.{name} is none; set its learn to false, or use another optimizer "
                "(gauss_newton, lbfgsb, adam)."
            )
        if not one.per_step:
            raise InputError(
                f"optimizer: ddp finds one control a step, and parameter.{name} has fewer; use parameters=torques (kind hold, every: 1), "
                "or another optimizer (gauss_newton, lbfgsb)."
            )
        made.append(one)
    dofs = [dof for one in made for dof in one.dofs]
    if len(set(dofs)) < len(dofs):
        raise InputError("optimizer: ddp cannot tell the controls of two parameters that drive the same joint; keep one of them.")
    return made


class TaskControl:
    """Of a task whose learned parameters are controls of single steps. Bounds are cut off from now on, so that controls may lie on them."""

    def __init__(self, problem: "TaskProblem") -> None:
        task = self.task = problem.task
        self.problem, self.setting = problem, task.setting
        self.horizon = task.setting.horizon
        self.own = driven(task.parameters, task.setting.batch[0] if task.setting.batch else None)
        for one in self.own:
            one.cut_off()
        self.dofs = [dof for one in self.own for dof in one.dofs]
        solver = task.setting.scene.rigid_solver
        self.solver, self.physics = solver, solver.physics
        pairs = [one.bounds() for one in self.own]
        free = [torch.full((len(one.dofs),), torch.inf, dtype=torch.float64) for one in self.own]
        self.low = torch.cat([-f if p is None else p[0].double() for f, p in zip(free, pairs, strict=True)])
        self.high = torch.cat([f if p is None else p[1].double() for f, p in zip(free, pairs, strict=True)])
        units = torch.cat([one.unit.diagonal().double() for one in self.own])
        ranged = torch.isfinite(self.high - self.low)
        self.sizes: np.ndarray = torch.where(ranged, 0.5 * (self.high - self.low), units).numpy()
        inputs = self._inputs()
        self.base = self._fixed(inputs.controls.detach())  # (T, nv) controls of what is not learned
        theta = solver.parameters.theta_with(
            Loops.of(task.setting.control, solver.model.nv), inputs.physical, "optimizer"
        ).detach()
        self.theta = theta if theta.dim() == 1 else theta[0]
        curved = without_squares(task)
        if curved:
            logger.warning("optimizer: loss.%s is no sum of squares; ddp sees its gradient, and no curvature.", curved[0])

    def _inputs(self) -> Inputs:
        with torch.no_grad():
            return inputs_of(self.setting, self.task.parameters)

    def _fixed(self, whole: Tensor) -> Tensor:
        """What other parameters give of all controls (T, nv). Raises: InputError where that changes in time beside what is learned."""
        controls = whole.clone()
        controls[:, self.dofs] -= torch.cat([one.value().detach() for one in self.own], -1)
        rest = controls[:, self.dofs]
        if bool(((rest - rest[0]).abs() > 1e-12 * (1.0 + rest.abs().max())).any()):
            raise InputError(
                "optimizer: ddp bounds what it finds, and another parameter adds controls to the same joints that change in time."
            )
        return controls

    @cached_property
    def _gain(self) -> Tensor | None:
        """(nv,) by which controls become what the joint controllers are given."""
        kind = self.setting.control
        return parameter(self.physics, self.theta, GAINS[kind]) if kind in GAINS else None

    def _whole(self, controls: np.ndarray) -> Tensor:
        """All controls (T, [C,] nv) of those that are free (T, [C,] m)."""
        made = self.base if controls.ndim == 2 else self.base[:, None].expand(-1, controls.shape[1], -1)
        made = made.clone()
        made[..., self.dofs] += torch.from_numpy(controls).to(made)
        return made

    def _given(self, controls: Tensor) -> Tensor:
        """What joint controllers are given."""
        return controls if self._gain is None else controls * self._gain

    def given(self, controls: np.ndarray) -> Tensor:
        """What joint controllers are given (nv,) for the free controls (m,) of one step."""
        made = self.base[0].clone()
        made[self.dofs] += torch.from_numpy(controls).to(made)
        return self._given(made)

    def _trajectory(self, states: tuple[Tensor, Tensor, Tensor], controls: Tensor) -> Trajectory:
        return Trajectory(self.solver, self.theta, states, controls, self.setting.dt, 0, self.setting.control)

    # ---- OptimalControl

    def start(self) -> Path | None:
        """The motion of the present controls."""
        try:
            with torch.no_grad():
                run = roll_out(self.setting, self._inputs())
        except SIMULATION_FAILURES as error:
            self.problem.fail(error)
            return None
        q, v = (getattr(run, name).detach().as_subclass(Tensor).double().numpy() for name in ("qpos", "qvel"))
        return Path(q, v, self._controls())

    def _controls(self) -> np.ndarray:
        made: np.ndarray = torch.cat([one.value().detach() for one in self.own], -1).double().numpy()
        return made

    def guesses(self, start: Path) -> Iterator[Path]:
        """See `OptimalControl.guesses`."""
        most = torch.minimum(self.low.abs(), self.high.abs()) if self.setting.control == "force" else None
        for qpos, qvel in paths(self.task, self.dofs, most):
            q, v = (x.detach().double().numpy() for x in (qpos, qvel))
            yield Path(q, v, start.controls, self.gaps(q, v, start.controls))

    def expand(self, path: Path) -> tuple[Quadratics, float] | None:
        """See `OptimalControl.expand`."""
        since = perf_counter()
        problem = self.problem
        try:
            q, v = (torch.from_numpy(x).to(self.base) for x in (path.qpos, path.qvel))
            controls = self._whole(path.controls)
            made = self._trajectory((q, v, (v[1:] - v[:-1]) / self.setting.dt), controls)
            costs = stage_costs(self.task, made, self.dofs)
            since = problem.clock.add("losses", since)
            quadratics = self._quadratics(path, q, v, controls, costs)
        except SIMULATION_FAILURES as error:
            problem.fail(error)
            return None
        since = problem.clock.add("linearize", since)
        problem.saw(costs.terms, costs.trajectory, path.gaps is None)
        problem.clock.add("metrics", since)
        assert problem.latest is not None
        return quadratics, problem.latest.objective

    def _quadratics(self, path: Path, q: Tensor, v: Tensor, controls: Tensor, costs: Any) -> Quadratics:
        given, theta = self._given(controls), self.theta
        step = linearization(self.physics, theta, q[:-1], v[:-1], given.contiguous(), None, qacc=self._accelerations(path))
        b = step.dof_ctrl[..., self.dofs]
        if self._gain is not None:
            b = b * self._gain[self.dofs]
        gaps = np.zeros((self.horizon, 2 * self.physics.nv)) if path.gaps is None else path.gaps
        low, high = self.low.numpy() - path.controls, self.high.numpy() - path.controls
        tables = (costs.lx, costs.lxx, costs.lu, costs.luu, costs.lux)
        lx, lxx, lu, luu, lux = (x.double().numpy() for x in tables)
        return Quadratics(step.state.double().numpy(), b.double().numpy(), gaps, lx, lxx, lu, luu, lux, low, high)

    def _accelerations(self, path: Path) -> Tensor | None:
        """Of every step (T, nv), which the velocities show where a control step is one time step; None where it is not, or digits are few."""
        physics = self.physics
        if physics.substeps * physics.stages > 1 or physics.dtype != torch.float64:
            return None
        after = path.qvel[1:] if path.gaps is None else path.qvel[1:] + path.gaps[:, physics.nv :]
        return torch.from_numpy((after - path.qvel[:-1]) / physics.dt)

    def gaps(self, qpos: np.ndarray, qvel: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """d (T, n) of states that need not follow from controls."""
        q, v = (torch.from_numpy(x).to(self.base) for x in (qpos, qvel))
        with torch.no_grad():
            made = self.physics.step(self.theta, q[:-1], v[:-1], self._given(self._whole(controls)).contiguous())
            off = state_minus(self.physics.model, (made[0], made[1]), (q[1:], v[1:]))
        return off.double().numpy()

    def backward(self, model: Quadratics, rho: float) -> BackwardPass:
        """See `OptimalControl.backward`."""
        since = perf_counter()
        made = riccati(model, rho)
        self.problem.clock.add("riccati", since)
        return made

    def trials(self, path: Path, sweep: BackwardPass, lengths: np.ndarray) -> Trials:
        """See `OptimalControl.trials`."""
        since = perf_counter()
        like = self.base
        q, v = (torch.from_numpy(x).to(like) for x in (path.qpos, path.qvel))
        base = self._whole(path.controls)
        scale = torch.ones(len(self.dofs)).to(like) if self._gain is None else self._gain[self.dofs]
        k, gains = torch.from_numpy(sweep.k).to(like) * scale, torch.from_numpy(sweep.gains).to(like) * scale[:, None]
        rest = self.base[0, self.dofs]
        gaps = None if path.gaps is None else torch.from_numpy(path.gaps).to(like)
        given = self._given(base)
        low, high = ((side.to(like) + rest) * scale for side in (self.low, self.high))
        tried = torch.from_numpy(lengths).to(like)
        made = closed_loop(self.physics, self.theta, q, v, given.contiguous(), self.dofs, low, high, k, gains, gaps, tried)
        acted = made[3] if self._gain is None else self._unscaled(made[3])
        since = self.problem.clock.add("trials", since)
        values = self.problem.candidates.judge(self._trajectory((made[0], made[1], made[2]), acted), len(lengths))
        self.problem.evaluations += int(np.isfinite(values).sum())
        self.problem.clock.add("values", since)
        free = acted[..., self.dofs] - self.base[:, None][..., self.dofs]
        return Trials(values, made[0].double().numpy(), made[1].double().numpy(), free.double().numpy())

    def feedback(self) -> dict[str, np.ndarray]:
        """Gains that hold the motion of the present controls, see `docs/export.md`; nothing where there is none, or no sweep along it.

        qpos (T+1, nq), qvel (T+1, nv), dof_ctrl (T, nv): the motion. gains K (T, m, 2nv), feedforward k (T, m): of dof_ctrl of the m `dofs`,
        u = dof_ctrl + α k + K (x ⊖ (qpos, qvel)); what still lowers the cost is k, zero at a minimum.
        """
        motion = self.start()
        found = None if motion is None else self.expand(motion)
        if motion is None or found is None:
            return {}
        for rho in RHO:
            sweep = riccati(found[0], rho * max(float(np.abs(found[0].luu).max()), 1e-300))
            if sweep.failed < 0:
                break
        else:
            return {}
        scale = np.ones(len(self.dofs)) if self._gain is None else self._gain[self.dofs].double().cpu().numpy()
        given = self._given(self._whole(motion.controls)).double().cpu().numpy()
        return {
            "qpos": motion.qpos, "qvel": motion.qvel, "dof_ctrl": given, "dofs": np.array(self.dofs),
            "gains": sweep.gains * scale[:, None], "feedforward": sweep.k * scale,
        }  # fmt: skip

    def _unscaled(self, given: Tensor) -> Tensor:
        assert self._gain is not None
        return torch.where(self._gain != 0.0, given / self._gain, self.base[:, None].expand_as(given))

    def put(self, path: Path) -> Path | None:
        """See `OptimalControl.put`."""
        controls = torch.from_numpy(path.controls).to(self.base)
        for one, part in zip(self.own, controls.split([len(one.dofs) for one in self.own], -1), strict=True):
            one.set_value(part)
        if path.gaps is not None:
            return path
        return self.start()
