"""A problem of several stages, in plain numbers: valleys f(x) = w (x - c)² + d, one floor c, d for each side of a ridge at 0."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from genesis.errors import DivergenceError
from genesis.methods.method import Ending, Group, flatten, point
from genesis.problems.problem import CONVERGED, NOT_CONVERGED, Best, Evaluation, Failed, Stage, Stopwatch, Verdict


class Valleys:
    """Minimum 2 at -3 (left) and 1 at +2 (right); w is the number of the round + 1; beyond `wall` nothing can be simulated."""

    kind = "valleys"

    def __init__(self, stages: list[Stage], tolerances: dict[str, float] | None = None, wall: float = math.inf) -> None:
        self.x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        self.groups = [Group("x", [self.x], [None], None, lambda: None)]
        self.latest: Evaluation | None = None
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.failed, self.clock, self.tolerances = Failed(), Stopwatch(), tolerances or {}
        self.plan, self.wall, self.weight, self.simulations = stages, wall, 1.0, 0
        self.entered: list[str] = []
        self.exact_at: Callable[[int], bool] = lambda count: True
        self.exact, self.settles = True, True
        self.name = "x"

    def evaluate(self, gradient: bool = True) -> float:
        x = float(self.x.detach()[0])
        if abs(x) > self.wall:
            self.failure = DivergenceError(f"beyond the wall at {x:g}")
            self.failed.count, self.failed.why = self.failed.count + 1, str(self.failure)
            return math.inf
        floor, centre = (2.0, -3.0) if x < 0 else (1.0, 2.0)
        value, slope = self.weight * (x - centre) ** 2 + floor, 2.0 * self.weight * (x - centre)
        self.x.grad = torch.tensor([slope], dtype=torch.float64)
        self.simulations += 1
        metrics = {"distance": abs(x - centre)}
        good = bool(self.tolerances) and metrics["distance"] <= self.tolerances["distance"]
        self.failure, self.exact = None, self.exact_at(self.simulations)
        self.latest = Evaluation(
            value, {}, metrics, good, point(self.groups), flatten([self.x.grad]), {"x": abs(slope)},
            exact=self.exact,
        )  # fmt: skip
        return value

    def signature(self) -> dict[str, Any]:
        return {"names": [self.name]}

    def stages(self) -> list[Stage]:
        return self.plan

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        self.weight = stage.round + 1.0
        self.entered.append(stage.label)

    def enough(self, step: int) -> Ending | None:
        return None

    def curves(self) -> dict[str, np.ndarray]:
        return {}

    def settle(self) -> None:
        assert self.latest is not None
        if self.settles:
            self.latest = replace(self.latest, exact=True)

    def counts(self) -> dict[str, int]:
        return {"simulations": self.simulations}

    def shown(self) -> dict[str, Any]:
        return {}

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        return Verdict(CONVERGED if ending.converged else NOT_CONVERGED, ending.reason, ending.error)

    def conclude(self, best: Best, asked: Callable[[], bool]) -> None:
        self.found = float(best.point[0])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"x": np.array(self.found)}

    def point_arrays(self) -> dict[str, np.ndarray]:
        return {"x": self.x.detach().numpy().copy()}

    def files(self) -> dict[str, bytes]:
        return {"found.txt": f"{self.found:g}".encode()}

    def summary(self) -> dict[str, Any]:
        return {"found": self.found}

    def state_dict(self) -> dict[str, Any]:
        return {"simulations": self.simulations}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.simulations = state["simulations"]


def starts(*places: float) -> list[Stage]:
    """One round, a stage from each place."""
    return [Stage(f"start {k + 1} of {len(places)}", np.array([x])) for k, x in enumerate(places)]
