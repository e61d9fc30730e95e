"""One iteration of a run, as records and observers see it."""

from dataclasses import dataclass
from typing import Protocol

from genesis.problems.problem import Best, Evaluation, Verdict


@dataclass
class IterationReport:
    """What observers see once an iteration.

    iteration: of the whole run; step: of the present stage, of at most `steps`; stage: its label. best: None until an exact evaluation.
    rates: learning rate of each group; told: the method's own numbers. seconds: since the start, breaks left out; counts: what was spent.
    last_round: objectives can be compared with those of other runs; those of earlier rounds are of another function.
    """

    iteration: int
    step: int
    steps: int
    stage: str
    evaluation: Evaluation
    best: Best | None
    rates: dict[str, float]
    told: dict[str, float]
    seconds: float
    counts: dict[str, int]
    last_round: bool = True


class Observer(Protocol):
    """Is told about every iteration; may ask for the end after it, by saying how the run has ended."""

    def __call__(self, report: IterationReport) -> Verdict | None: ...
