"""What diverged in a run that went on: counted, and said."""

import traceback
from dataclasses import asdict, dataclass, field
from typing import Any

from genesis.errors import DivergenceError
from genesis.log import logger
from genesis.problems.problem import Evaluation, Failed

SAID = 5  # iterations that are warned of; the others stand in the record alone


@dataclass
class Divergences:
    """failed_evaluations: those in which everything diverged. iterations: those in which some
    environments diverged and did not count; environments: in how many iterations each of them did.

    before: the counts without those of the present evaluation, which one who goes on from here makes again.
    """

    failed_evaluations: int = 0
    iterations: int = 0
    environments: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = self.summary()
        self._said = 0

    def take(self, iteration: int, failed: Failed, evaluation: Evaluation) -> dict[str, Any]:
        """Count and say what has diverged up to this evaluation; returns what its line of metrics has to say of it."""
        count = self._count(failed)
        self.before = self.summary()
        lost = evaluation.diverged
        if lost:
            self.iterations += 1
            for env in lost:
                self.environments[env] = self.environments.get(env, 0) + 1
        if (count or lost) and self._said < SAID:
            self._said += 1
            self._say(iteration, count, lost, failed.why)
        return {**({"failed_evaluations": count} if count else {}), **({"diverged": list(lost)} if lost else {})}

    def take_rest(self, iteration: int, failed: Failed) -> None:
        """Count and say what has diverged since the last report, in a step that led nowhere."""
        count = self._count(failed)
        if count and self._said < SAID:
            self._said += 1
            self._say(iteration, count, (), failed.why)

    def _count(self, failed: Failed) -> int:
        count, failed.count = failed.count, 0
        self.failed_evaluations += count
        return count

    def summary(self) -> dict[str, Any]:
        """The counts."""
        return asdict(self)

    def _say(self, iteration: int, count: int, lost: tuple[int, ...], why: str) -> None:
        last = " Further ones stand in metrics.jsonl." if self._said == SAID else ""
        if lost:
            names = ", ".join(map(str, lost[:8])) + (f", … ({len(lost)} in all)" if len(lost) > 8 else "")
            logger.warning(
                "iteration %d goes on without environment %s, whose simulation diverged: %s%s",
                iteration,
                names,
                why,
                last,
            )
        else:
            logger.warning("iteration %d: %d trial points diverged and were left out: %s%s", iteration, count, why, last)


def let_go(error: BaseException | None) -> None:
    """Drop what an error that is kept, and those that led to it, hold of the evaluation: graphs that take as much memory as the next one."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        if isinstance(error, DivergenceError):
            error.trajectory = None
        error = error.__cause__ or error.__context__
