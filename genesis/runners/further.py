"""Descents that follow those of a problem: from other starts, by methods of their own, and at the end a polish from the best point."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.methods.method import Group, Method, bounds, flatten, point, spans
from genesis.parameters import Parameter
from genesis.parameters.open_loop import OpenLoop
from genesis.problems.problem import Evaluation, Stage

SPREAD = 0.5  # of starts where nothing is drawn, in sizes of the numbers; as that of cmaes


@dataclass(frozen=True)
class Further:
    """One of them, in the last round of the problem. begin: gives the flat point (n,) that it starts from, asked when a fresh run begins,
    with the leaves at its start; None: the best so far."""

    label: str
    method: Method
    begin: Callable[[], np.ndarray] | None = None


def planned(stages: Sequence[Stage], further: Sequence[Further]) -> list[Stage]:
    """All stages of a run, those of the problem first."""
    last = stages[-1].round
    more = [Stage(one.label, None if one.begin is None else one.begin(), last, k + 1) for k, one in enumerate(further)]
    return [*stages, *more]


@dataclass
class Passed:
    """What is told of a stage. method: its kind. objective: the lowest in it (exact ones), None where there was no value."""

    stage: str
    method: str
    iterations: int = 0
    objective: float | None = None
    reason: str = ""


class Course:
    """The stages that a run has gone through."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []
        self._before: Passed | None = None  # the present one, without the present evaluation

    def enter(self, stage: Stage, method: Method) -> None:
        """A stage begins."""
        self.passed.append(Passed(stage.label, method.kind))

    def take(self, step: int, evaluation: Evaluation) -> None:
        """The present stage has made so many steps, and is here."""
        here = self.passed[-1]
        self._before, here.iterations = replace(here), step
        if evaluation.exact:
            here.objective = evaluation.objective if here.objective is None else min(here.objective, evaluation.objective)

    def leave(self, reason: str) -> None:
        """The present stage, if there is one, has ended so."""
        if self.passed and not self.passed[-1].reason:
            self.passed[-1].reason = reason

    def told(self) -> list[dict[str, Any]]:
        """For result.json: nothing of a run of one stage."""
        return [asdict(one) for one in self.passed] if len(self.passed) > 1 else []

    def state_dict(self) -> list[dict[str, Any]]:
        """To go on from before the present evaluation, which is made again."""
        return [asdict(one) for one in (*self.passed[:-1], self._before or self.passed[-1])]

    def load_state_dict(self, state: Sequence[dict[str, Any]]) -> None:
        """What `state_dict` gave."""
        self.passed = [Passed(**one) for one in state]


@dataclass(frozen=True)
class Restarts:
    """How many further descents there are, and where they begin; see the schema of the command line for each field."""

    count: int = 0
    spread: float | None = None


def start(
    spread: float | None, groups: Sequence[Group], drawn: np.ndarray, generator: np.random.Generator, *, alone: bool
) -> np.ndarray:
    """Flat point (n,) where a restart begins.

    Args:
        spread: standard deviation around what is drawn, in sizes of the numbers, half their range where they have bounds, else 1; None:
            only where there is nothing else that differs from the present leaves. drawn: what noise and networks give with another seed.
        alone: the method goes another way from the same point by itself.
    Raises: InputError where the restart would be the same run.
    """
    low, high = bounds(groups)
    same = np.array_equal(drawn, point(groups)) and not alone
    if same and spread == 0.0:
        raise InputError("restarts.spread: 0, and nothing is drawn at the start, so a restart is the same run; set it above 0.")
    width = (SPREAD if same else 0.0) if spread is None else spread
    return np.clip(drawn + width * spans(groups) * generator.standard_normal(len(drawn)), low, high)


def drawn_anew(own: Mapping[str, Parameter], other: Mapping[str, Parameter]) -> np.ndarray:
    """Flat point (n,) of the learned parameters of another task like one's own, which may have begun to cut off their bounds."""
    for name, parameter in own.items():
        twin = other[name]
        if (
            isinstance(parameter, OpenLoop)
            and isinstance(twin, OpenLoop)
            and parameter.limits is not None
            and not parameter.limits.smooth
        ):
            twin.cut_off()
    return flatten([leaf for parameter in other.values() if parameter.learn for leaf in parameter.leaves()])
