"""A pendulum in numpy, driven by one torque a step: an objective of its controls that is an optimal-control problem too."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from genesis.errors import DivergenceError
from genesis.grad.quadratics import BackwardPass, Quadratics
from genesis.grad.riccati import riccati
from genesis.methods.optimal_control import Path, Trials
from tests.methods.objectives import FunctionOf

STEP, PULL = 0.1, 9.81


def advance(q: Any, v: Any, u: Any, pull: float) -> tuple[Any, Any]:
    faster = v + STEP * (u - pull * np.sin(q))
    return q + STEP * faster, faster


class Pendulum(FunctionOf):
    """½ Σ effort u² + ½ weight (q − goal)² + ½ weight v² at the end, from rest at q = 0.

    pull: 0 for a mass without gravity, whose problem is quadratic. limit: of the torque. wall: a motion beyond it has no value.
    """

    def __init__(
        self, horizon: int = 20, goal: float = 1.0, pull: float = PULL, limit: float | None = None, wall: float = np.inf,
        weight: float = 100.0, effort: float = 0.01,
    ) -> None:  # fmt: skip
        super().__init__(lambda u: self._cost(u), np.zeros((horizon, 1)), bounds=None if limit is None else {0: (-limit, limit)})
        self.horizon, self.goal, self.pull, self.wall, self.weight, self.effort = horizon, goal, pull, wall, weight, effort
        self.limit, self.sizes = np.inf if limit is None else limit, np.full(1, limit or 1.0)
        self.known: list[Path] = []  # what `guesses` gives

    def _cost(self, u: torch.Tensor) -> torch.Tensor:
        q, v = torch.zeros(()), torch.zeros(())
        for torque in u[:, 0]:
            v = v + STEP * (torque - self.pull * torch.sin(q))
            q = q + STEP * v
            if abs(float(q.detach())) > self.wall:
                raise DivergenceError("beyond the wall")
        return 0.5 * (self.effort * u.square().sum() + self.weight * ((q - self.goal) ** 2 + v**2))

    def optimal_control(self) -> "Pendulum":
        return self

    # ---- OptimalControl

    def start(self) -> Path | None:
        controls = self.leaves[0].detach().numpy().copy()
        motion = self._drive(controls)
        if motion is None:
            self.failure = DivergenceError("beyond the wall")
            return None
        return Path(*motion, controls)

    def _drive(self, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        q, v = np.zeros((self.horizon + 1, 1)), np.zeros((self.horizon + 1, 1))
        for t in range(self.horizon):
            q[t + 1], v[t + 1] = advance(q[t], v[t], controls[t], self.pull)
        return None if np.abs(q).max() > self.wall else (q, v)

    def guesses(self, start: Path) -> Iterator[Path]:
        return iter(self.known)

    def guess(self, qpos: np.ndarray, qvel: np.ndarray) -> Path:
        """Nodes with their gaps, and no torque."""
        controls = np.zeros((self.horizon, 1))
        q, v = advance(qpos[:-1], qvel[:-1], controls, self.pull)
        return Path(qpos, qvel, controls, np.concatenate([q - qpos[1:], v - qvel[1:]], 1))

    def value_of(self, q: np.ndarray, v: np.ndarray, u: np.ndarray) -> Any:
        return 0.5 * (self.effort * (u**2).sum((0, -1)) + self.weight * ((q[-1, ..., 0] - self.goal) ** 2 + v[-1, ..., 0] ** 2))

    def expand(self, path: Path) -> tuple[Quadratics, float] | None:
        q, v, u, horizon = path.qpos, path.qvel, path.controls, self.horizon
        slope = -STEP * self.pull * np.cos(q[:-1, 0])
        a, b = np.zeros((horizon, 2, 2)), np.zeros((horizon, 2, 1))
        a[:, 1, 0], a[:, 1, 1], a[:, 0, 0], a[:, 0, 1] = slope, 1.0, 1.0 + STEP * slope, STEP
        b[:, 0, 0], b[:, 1, 0] = STEP**2, STEP
        lx, lxx = np.zeros((horizon + 1, 2)), np.zeros((horizon + 1, 2, 2))
        lx[-1], lxx[-1] = self.weight * np.array([q[-1, 0] - self.goal, v[-1, 0]]), self.weight * np.eye(2)
        luu, lux = np.full((horizon, 1, 1), self.effort), np.zeros((horizon, 1, 2))
        gaps = np.zeros((horizon, 2)) if path.gaps is None else path.gaps
        self.failure, self.value, self.exact = None, float(self.value_of(q, v, u)), path.gaps is None
        self.evaluations += 1
        return Quadratics(a, b, gaps, lx, lxx, self.effort * u, luu, lux, -self.limit - u, self.limit - u), self.value

    def backward(self, model: Quadratics, rho: float) -> BackwardPass:
        return riccati(model, rho)

    def trials(self, path: Path, sweep: BackwardPass, lengths: np.ndarray) -> Trials:
        count, horizon = len(lengths), self.horizon
        q, v, u = np.zeros((horizon + 1, count, 1)), np.zeros((horizon + 1, count, 1)), np.zeros((horizon, count, 1))
        gaps = np.zeros((horizon, 2)) if path.gaps is None else path.gaps
        for t in range(horizon):
            off = np.concatenate([q[t] - path.qpos[t], v[t] - path.qvel[t]], 1)
            u[t] = np.clip(path.controls[t] + lengths[:, None] * sweep.k[t] + off @ sweep.gains[t].T, -self.limit, self.limit)
            q[t + 1], v[t + 1] = advance(q[t], v[t], u[t], self.pull)
            q[t + 1] -= (1.0 - lengths[:, None]) * gaps[t, :1]
            v[t + 1] -= (1.0 - lengths[:, None]) * gaps[t, 1:]
        values = np.where(np.abs(q).max((0, 2)) > self.wall, np.inf, self.value_of(q, v, u))
        return Trials(values, q, v, u)

    def put(self, path: Path) -> Path | None:
        with torch.no_grad():
            self.leaves[0].copy_(torch.from_numpy(np.ascontiguousarray(path.controls)))
        return path if path.gaps is not None else self.start()
