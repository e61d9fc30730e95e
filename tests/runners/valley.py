"""A task without physics, for tests of the loop: a valley with a wall behind which nothing can be simulated."""

import math
from types import SimpleNamespace

import torch

from genesis.constraints import ConstraintSet
from genesis.errors import DivergenceError
from genesis.parameters import Inputs
from genesis.parameters.parameter import Changes
from genesis.tasks.goal import Limit, met
from genesis.tasks.task import Judged
from tests.settings import numbers


class Number:
    """A parameter of plain numbers."""

    learn, lr, changes = True, None, Changes()

    def __init__(self, *start: float) -> None:
        self.leaf = numbers(*start).requires_grad_()

    def leaves(self):
        return [self.leaf]

    def leaf_bounds(self):
        return [None]

    def controlled(self):
        return []

    def project(self) -> None: ...

    def value(self):
        return self.leaf

    def bounds(self):
        return None

    def labels(self):
        return ["a", "b"]


class Valley:
    """Stands in for a task: objective Σ (x − (3, 1))² + tilt · x₀, good when |x − (3, 1)| is small."""

    kind = "valley"

    def __init__(
        self, tolerance: float | None = 1e-2, tilt: float = 0.0, wall: float = math.inf, behind: Exception | None = None
    ) -> None:
        self.behind = behind or DivergenceError("the simulation diverged: x", step=3)
        self.parameters = {"x": Number(0.0, 0.0)}
        limits = [] if tolerance is None else [Limit("distance", tolerance)]
        self.goal = SimpleNamespace(limits=limits, over_time=lambda trajectory: {})
        self.limits, self.constraints = limits, ConstraintSet({})
        start = torch.zeros(1, dtype=torch.float64)
        self.setting = SimpleNamespace(
            scene=SimpleNamespace(entities=[], rigid_solver=SimpleNamespace(physics=None)),
            entities={},
            control="force",
            batch=(),
            start_qpos=start,
            start_qvel=start,
            horizon=1,
            dt=0.1,
        )
        self.tilt, self.wall = tilt, wall

    def judge(self) -> Judged:
        x = self.parameters["x"].leaf
        if float(x[0].detach()) > self.wall:
            raise self.behind
        terms = {"distance": ((x - numbers(3.0, 1.0)) ** 2).sum(), "tilt": self.tilt * x[0]}
        view = SimpleNamespace(x=x.detach().clone())
        return Judged(sum(terms.values()), terms, view, Inputs(x, x, x))

    def simulate(self):
        x = self.parameters["x"].leaf
        series = torch.zeros(2, 1, dtype=torch.float64)
        return SimpleNamespace(qpos=series, qvel=series, controls=series[1:], x=x), None

    def metrics(self, trajectory) -> dict[str, float]:
        return {"distance": float((trajectory.x - numbers(3.0, 1.0)).norm())}

    def good_enough(self, metrics: dict[str, float]) -> bool:
        return met(self.goal.limits, metrics)
