"""What a run has reached: the best point of the present round, and how long there has been no better."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from genesis.problems.problem import Best, Evaluation


@dataclass
class Standing:
    """min_delta: relative fall of the objective that counts as better. since_better: iterations without one, in the present stage.

    Mini-batches count for nothing; the objective of some environments says nothing of that of all, so it uses no patience.
    """

    min_delta: float = 0.0
    best: Best | None = None
    since_better: int = 0
    better_than: float = math.inf
    anew: bool = False  # the best is of an earlier round

    def __post_init__(self) -> None:
        self._before: tuple[Best | None, int, float, bool] = (None, 0, math.inf, False)

    def take(self, evaluation: Evaluation, iteration: int, stage: int) -> None:
        """Compare with the best so far."""
        self._before = (self.best, self.since_better, self.better_than, self.anew)
        if not evaluation.exact:
            return
        here = (not evaluation.good, len(evaluation.diverged), evaluation.objective)
        if self.best is None or self.anew or here < (not self.best.good, len(self.best.diverged), self.best.objective):
            self.anew = False
            self.best = Best(
                evaluation.objective, evaluation.good, iteration, evaluation.metrics, evaluation.point, evaluation.diverged, stage
            )
        if evaluation.diverged:
            return
        if evaluation.objective < self.better_than - self.min_delta * abs(self.better_than) or math.isinf(self.better_than):
            self.better_than, self.since_better = evaluation.objective, 0
        else:
            self.since_better += 1

    def new_stage(self) -> None:
        """Patience begins anew."""
        self.since_better, self.better_than = 0, math.inf

    def new_round(self) -> None:
        """Keep the best point with its value, and let any evaluation beat it: values of two rounds cannot be compared."""
        self.anew = self.best is not None

    def state_dict(self) -> dict[str, Any]:
        """To go on from before the present evaluation, which one who goes on makes again."""
        before, since_better, better_than, anew = self._before
        best = None if before is None else {**asdict(before), "point": torch.from_numpy(before.point)}
        return {"best": best, "since_better": since_better, "better_than": better_than, "anew": anew}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        best = state["best"]
        self.best = None if best is None else Best(**{**best, "point": best["point"].numpy().copy()})
        self.since_better, self.better_than, self.anew = (state[k] for k in ("since_better", "better_than", "anew"))
