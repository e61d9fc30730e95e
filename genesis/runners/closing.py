"""From a motion in pieces to one of a single rollout.

Where small changes grow, controls that fit the pieces to the last digit do not reproduce them from the start: feedback does,

    u_t = ū_t + K_t (x_t ⊖ x̄_t),

and the controls that it has chosen are open-loop controls again. They pass through the numbers of their parameters, which rounds them; so
they are found anew from wherever a rollout of the rounded ones has left the path.
Source: Anderson, Moore, Optimal Control: Linear Quadratic Methods (1990), §2.4 (time-varying gains).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES
from genesis.grad.closed_loop import closed_loop
from genesis.grad.controllers import parameter
from genesis.grad.growth import growth
from genesis.grad.quadratics import Quadratics
from genesis.grad.riccati import riccati
from genesis.grad.tangent import state_minus
from genesis.grad.tensor import plain
from genesis.parameters.open_loop import OpenLoop
from genesis.scene.linear import GAINS
from genesis.tasks.rollout import inputs_of
from genesis.tasks.segmented import LARGEST_GAP, SegmentedTask
from genesis.view import TrajectoryView

LEFT = 1e-7  # distance from the path [rad | m, rad/s | m/s] at which controls are found anew
CLOSE = 1e-3  # distance at which a rollout counts as the same motion
EFFORT = 1e-2  # what a control costs in the gains, in squared changes of the velocities that it makes in a step
PASSES = 200


@dataclass
class Closing:
    """What became of a motion in pieces.

    gap: largest between the pieces. growth: log10, along it. deviation: of one rollout of the controls from it, at most; inf where it diverged.
    metrics: of the goal, of a motion held to it by feedback; empty where that diverged, or took controls beyond the bounds of the parameters.
    path: states and controls, dof_ctrl's gains.
    """

    gap: float
    growth: float
    deviation: float
    metrics: dict[str, float]
    path: dict[str, np.ndarray]

    @property
    def reproduced(self) -> bool:
        """One rollout of the controls is that motion."""
        return self.deviation <= CLOSE

    def reason(self) -> str:
        """In words."""
        if self.reproduced:
            return f"small changes grow by {self.factor()}, too much for the gradient of one rollout"
        return (
            f"open loop, the controls do not reproduce the motion of the segments (largest gap {self.gap:.1e}), along which small changes grow "
            f"by {self.factor()}; solution.npz has feedback gains that hold it (feedback/…)"
        )

    def state_dict(self) -> dict[str, Any]:
        """In tensors and plain numbers."""
        return {**vars(self), "path": {name: torch.from_numpy(value) for name, value in self.path.items()}}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> "Closing":
        """What `state_dict` gave."""
        return cls(**{**state, "path": {name: value.numpy() for name, value in state["path"].items()}})

    def factor(self) -> str:
        return f"{10.0 ** min(self.growth, 300.0):.1e}"

    def arrays(self) -> dict[str, np.ndarray]:
        """feedback/qpos (T+1, nq), qvel (T+1, nv), dof_ctrl (T, nv), gains (T, n, 2nv), dofs (n,): u = dof_ctrl + gains (x ⊖ (qpos, qvel)),
        where the K of `Scene.lqr` is subtracted."""
        return {f"feedback/{name}": value for name, value in self.path.items()}

    def content(self) -> dict[str, Any]:
        """For result.json."""
        return {
            LARGEST_GAP: self.gap, "log10_growth": round(self.growth, 3), "reproduced": self.reproduced,
            "deviation": self.deviation, "with_feedback": self.metrics,
        }  # fmt: skip


def close_motion(task: SegmentedTask) -> Closing:
    """Find what a rollout makes of the present motion in pieces, and put controls that stay on it into the parameters that can take them."""
    with torch.no_grad():
        inputs = inputs_of(task.setting, task.whole.parameters)
        pieces = task.pieces(inputs)
        path = _Path(task, pieces.trajectory)
        deviation = path.deviation()
        able = path.learned and all(one.per_step for one in path.learned) and bool(torch.isfinite(path.gains).all())
        if deviation[-1] > LEFT and able:
            deviation = path.follow(deviation)
        gap = float(pieces.gaps.abs().max())
        return Closing(gap, path.growth, float(deviation.max()), path.metrics(), path.arrays())


class _Path:
    """A motion in pieces with gains that hold a rollout to it."""

    def __init__(self, task: SegmentedTask, trajectory: Any) -> None:
        self.task, self.setting = task, task.setting
        self.solver = task.setting.scene.rigid_solver
        self.physics, self.theta = self.solver.physics, trajectory._theta.detach()
        self.q, self.v = (plain(x).detach().contiguous() for x in (trajectory.qpos, trajectory.qvel))
        self.dof_ctrl = trajectory._dof_ctrl().detach().contiguous()
        kind, steps = self.setting.control, trajectory.linearization()
        self.gain = parameter(self.physics, self.theta, GAINS[kind]) if kind in GAINS else torch.ones_like(self.v[0])
        a = plain(steps.state).double().cpu().numpy()
        b = (plain(steps.controls) / torch.where(self.gain == 0.0, 1.0, self.gain)).double().cpu().numpy()
        self.growth = float(growth(a[:, None]).max())
        self.learned = [p for p in task.whole.parameters.values() if p.learn and isinstance(p, OpenLoop)]
        self.dofs = sorted({dof for p in self.learned for dof in p.dofs if float(self.gain[dof]) != 0.0})
        self.low, self.high = self._room()
        self.gains = _gains(a, b[:, :, self.dofs]) if self.dofs else self.q.new_zeros(len(a), 0, a.shape[-1]).double()

    def _room(self) -> tuple[Tensor, Tensor]:
        """Bounds (T, n) of what the joint controllers are given: those of the learned parameters, around what the others give."""
        low = self._controls()
        for p in self.learned:
            low[:, p.dofs] -= p.value()
        high = low.clone()
        for p in self.learned:
            sides = (-torch.inf, torch.inf) if p.limits is None else (p.limits.low.to(low), p.limits.high.to(low))
            low[:, p.dofs] += sides[0]
            high[:, p.dofs] += sides[1]
        return (low * self.gain)[:, self.dofs], (high * self.gain)[:, self.dofs]

    def _controls(self) -> Tensor:
        """(T, nv) of all parameters together."""
        return inputs_of(self.setting, self.task.whole.parameters).controls.detach().clone()

    def deviation(self) -> Tensor:
        """(T+1,) largest so far between a rollout of the present parameters and the path; inf after a divergence."""
        try:
            run, _ = self.task.whole.simulate()
        except SIMULATION_FAILURES:
            return torch.full((len(self.q),), torch.inf, dtype=torch.float64)
        self.run = run.qpos.detach().contiguous(), run.qvel.detach().contiguous()
        return self._off(*self.run)

    def _off(self, q: Tensor, v: Tensor) -> Tensor:
        off = state_minus(self.solver.model, (q, v), (self.q, self.v)).abs().amax(-1).double()
        return torch.cummax(torch.where(torch.isfinite(off), off, torch.inf), 0).values

    def follow(self, deviation: Tensor) -> Tensor:
        """Put controls that stay on the path into the parameters: from where a rollout has left it, as often as it does."""
        first = 0
        for _ in range(PASSES):
            kept = [p.free.detach().clone() for p in self.learned]
            try:
                controls = self.held_from(first)
            except SIMULATION_FAILURES:
                return deviation
            if not bool(torch.isfinite(controls).all()):  # feedback cannot hold it either
                return deviation
            self._put(first, controls)
            for p, old in zip(self.learned, kept, strict=True):
                p.free[:first] = old[:first]  # to the last bit, since these have led here
            found = self.deviation()
            left = torch.nonzero(found > LEFT)
            after = len(self.q) - 1 if not len(left) else int(left[0, 0]) - 1
            if after <= first:  # no nearer: rounding is not what keeps it off
                with torch.no_grad():
                    for p, old in zip(self.learned, kept, strict=True):
                        p.free.copy_(old)
                return self.deviation()
            deviation, first = found, after
            if first >= len(self.q) - 1:
                break
        return deviation

    def _put(self, first: int, controls: Tensor) -> None:
        """dof_ctrl (T-first, nv) into the learned parameters, each of which gives what the others leave."""
        for p in self.learned:
            value = p.value()
            others = self._controls()[first:, p.dofs] - value[first:]
            gain = self.gain[p.dofs]
            wanted = controls[:, p.dofs] / torch.where(gain == 0.0, 1.0, gain) - others
            p.set_value(torch.cat([value[:first], torch.where(gain == 0.0, value[first:], wanted)]))

    def held_from(self, first: int) -> Tensor:
        """dof_ctrl (T-first, nv) that holds a motion to the path, from where the last rollout is at that step."""
        q, v = self.q[first:].clone(), self.v[first:].clone()
        start = (self.run[0][first], self.run[1][first]) if first else (q[0], v[0])
        return self._held(first, start)[3][:, 0]

    def _held(self, first: int, start: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        steps = len(self.dof_ctrl) - first
        # closed_loop begins on the path: a start off it is a first feedforward
        off = state_minus(self.solver.model, start, (self.q[first], self.v[first]))
        q, v = self.q[first:].clone(), self.v[first:].clone()
        q[0], v[0] = start
        forward = self.q.new_zeros(steps, len(self.dofs))
        forward[0] = self.gains[first].to(off) @ off
        # one pair of bounds for all steps: the widest, where what others give moves them
        low, high = self.low.amin(0), self.high.amax(0)
        return closed_loop(
            self.physics, self.theta, q, v, self.dof_ctrl[first:], self.dofs, low, high, forward,
            self.gains[first:].to(forward), None, torch.ones_like(self.v[0, :1]),
        )  # fmt: skip

    def metrics(self) -> dict[str, float]:
        """Of the goal, of a motion held to the path from the start; empty where it diverges, or nothing can hold it."""
        if not self.dofs or not bool(torch.isfinite(self.gains).all()):
            return {}
        try:
            q, v, _, u = (x[:, 0] for x in self._held(0, (self.q[0], self.v[0])))
        except SIMULATION_FAILURES:
            return {}
        given = u[:, self.dofs]
        within = (given >= self.low) & (given <= self.high) | torch.isclose(given, given.clamp(self.low, self.high))
        if not bool(torch.isfinite(q).all() & torch.isfinite(v).all() & within.all()):
            return {}
        controls = torch.where(self.gain == 0.0, 0.0, u / torch.where(self.gain == 0.0, 1.0, self.gain))
        made = self.setting.scene.trajectory(q, v, controls, kind=self.setting.control)
        return self.task.whole.metrics(TrajectoryView(made))

    def arrays(self) -> dict[str, np.ndarray]:
        series = {"qpos": self.q, "qvel": self.v, "dof_ctrl": self.dof_ctrl, "gains": self.gains}
        return {**{name: x.cpu().numpy() for name, x in series.items()}, "dofs": np.array(self.dofs)}


def _gains(a: np.ndarray, b: np.ndarray) -> Tensor:
    """K (T, n, 2nv) that keeps small deviations from a motion small: squares of them against those of the controls, as `EFFORT` says."""
    horizon, nx, n = b.shape
    size = np.square(b).sum(1).max(0) if horizon else np.ones(n)
    effort = np.diag(EFFORT * np.maximum(size, 1e-12))
    free = np.full((horizon, n), np.inf)
    zero = np.zeros((horizon, nx))
    found = riccati(
        Quadratics(
            a=a, b=b, d=zero, lx=np.zeros((horizon + 1, nx)), lxx=np.broadcast_to(np.eye(nx), (horizon + 1, nx, nx)).copy(),
            lu=np.zeros((horizon, n)), luu=np.broadcast_to(effort, (horizon, n, n)).copy(), lux=np.zeros((horizon, n, nx)),
            low=-free, high=free,
        ),
        0.0,
    )  # fmt: skip
    return torch.from_numpy(np.ascontiguousarray(found.gains))
