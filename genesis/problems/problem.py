"""What a problem is: an objective that methods lower, and what a loop wants to know about it to report, to stop, to store and to judge.

The loop (`genesis.runners.loop`) asks in this order:

    problem.signature()                                         # is a checkpoint of the same problem?
    stages = problem.stages()                                   # where to begin; of a fresh run alone
    for each stage: problem.enter(stage); method.init(problem)
        method.look(); settle, where the stage ends here; report problem.latest; method.step(); …
    verdict = problem.verdict(ending, best)                     # the best point is in the leaves from here on
    problem.conclude(best, asked); problem.arrays(); problem.curves(); problem.files(); problem.summary()
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from genesis.errors import DivergenceError
from genesis.methods.method import Ending, Objective
from genesis.problems.status import CONVERGED, DIVERGED, DOES_NOT_FIT, FINISHED, INTERRUPTED, NOT_CONVERGED, OVERFLOWED, PRUNED

__all__ = [
    "CONVERGED", "DIVERGED", "DOES_NOT_FIT", "FINISHED", "INTERRUPTED", "NOT_CONVERGED", "OVERFLOWED", "PRUNED", "STOPPED", "Best",
    "Evaluation", "Failed", "Problem", "Shown", "Stage", "Stopwatch", "Verdict",
]  # fmt: skip

STOPPED = "stopped by a signal; the best so far is saved, --resume goes on"


@dataclass
class Evaluation:
    """What an objective says about one point.

    point, gradient: flat (n,); gradient None where none was asked for. terms: what adds up to the objective; metrics: numbers that users
    understand; good: all tolerances met. norms: gradient norm of each group; by_step: gradient norm of the controls of each step (T,), if
    there is one. diverged: environments that are left out because their simulation diverged; everything else is of the others.
    exact: False where the value is that of a mini-batch, which is told but compared with nothing. estimate: what is told of a gradient that is
    estimated; health: of any, see `genesis.runners.health`.
    """

    objective: float
    terms: dict[str, float]
    metrics: dict[str, float]
    good: bool
    point: np.ndarray
    gradient: np.ndarray | None = None
    norms: dict[str, float] = field(default_factory=dict)
    by_step: Tensor | None = None
    diverged: tuple[int, ...] = ()
    exact: bool = True
    estimate: dict[str, float] = field(default_factory=dict)
    health: dict[str, float] = field(default_factory=dict)


@dataclass
class Best:
    """The best point so far: one that meets every tolerance beats one that does not, then one where nothing diverged (environments in
    `diverged` are not in its numbers), then the lower objective. iteration: of the whole run; stage: number of the stage it was found in."""

    objective: float
    good: bool
    iteration: int
    metrics: dict[str, float]
    point: np.ndarray
    diverged: tuple[int, ...] = ()
    stage: int = 0


@dataclass(frozen=True)
class Stage:
    """One descent of a run. begin: flat point (n,) that it starts from; None: from the best so far, at first from the present leaves.

    round: stages of one round lower the same function, so that the best of them is kept; with a new round the comparison begins anew.
    method: which of the loop's methods lowers it; problems leave it at 0.
    """

    label: str = ""
    begin: np.ndarray | None = None
    round: int = 0
    method: int = 0


@dataclass(frozen=True)
class Verdict:
    """How a run ends. status: one of the words above; error: what failed, if something did."""

    status: str
    reason: str
    error: Exception | None = None


@dataclass
class Failed:
    """Evaluations without a value since the last report: how many, and why the last (or first environment) had none."""

    count: int = 0
    why: str = ""

    def take_values(self, values: np.ndarray) -> DivergenceError | None:
        """Count those of values (C,) that are inf; why there is none, if all are."""
        lost = int(np.isinf(values).sum())
        if not lost:
            return None
        self.count, self.why = self.count + lost, f"{lost} of {len(values)} candidates cannot be simulated."
        return DivergenceError(f"no candidate of {len(values)} can be simulated.") if lost == len(values) else None


@dataclass
class Stopwatch:
    """Seconds spent, by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, phase: str, since: float) -> float:
        """Add the time since `since`; returns now."""
        now = perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - since
        return now


class Shown(Protocol):
    """A parameter as curves show it; see `genesis.parameters.Parameter`."""

    def value(self) -> Tensor: ...

    def bounds(self) -> tuple[Tensor, Tensor] | None: ...

    def labels(self) -> list[str]: ...


class Problem(Objective, Protocol):
    """An objective that a loop can work on. Leaves are float64 or float32 tensors, flat points x (n,) float64 (`genesis.methods.method`).

    Every answer of `evaluate` and `linearize` leaves `latest`, `failure`, `diverged` and `exact`. Where there is no value, the answer is inf
    (None from `linearize`), `failure` says why, `failed` counts it, and `latest` stays that of the last point that had one. Wrong input, as a
    loss that depends on nothing or a start that cannot be meant, is raised as InputError at the very first answer; later the method
    has made it, and it is a failure.

    kind: a word for it, as the kind of the task. tolerances: metric -> largest value; empty: nothing decides about success but the
    method. failed: the loop takes the count with every report and sets it to 0. clock: seconds by phase.

    An identification has a group for each learned parameter, then one of the start states of all windows (W nt) where they are free.
    Beside the objective it provides the starts and rounds as `stages`, the weight of gaps as what `enter` sets, `counts` with its simulated
    windows, a `verdict` that takes the method's word for convergence, and its answer (estimates, errors) in `conclude`, from which `arrays`,
    `files` and `summary` are made.
    """

    kind: str
    latest: Evaluation | None
    failed: Failed
    clock: Stopwatch
    tolerances: dict[str, float]

    def signature(self) -> dict[str, Any]:
        """Plain values by what they are ("parameters", …) that a checkpoint must agree in; shapes of leaves are compared in any case."""
        ...

    def stages(self) -> Sequence[Stage]:
        """At least one. Called once in a fresh run, with the leaves at the start; may evaluate (candidates), and leaves are free afterwards.

        Raises: InputError; DivergenceError, ContactOverflowError where no start can be simulated.
        """
        ...

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """A stage begins: set what differs between rounds. goes_on: a run goes on within it from a checkpoint, `load_state_dict` follows."""
        ...

    def enough(self, step: int) -> Ending | None:
        """Asked after each report, so many steps into the present stage: why it need not go on; None: the method and the loop decide."""
        ...

    def settle(self) -> None:
        """The stage ends at the present leaves, which `latest` is of: make it exact, where it is not. It stays as it is where it cannot be."""
        ...

    def counts(self) -> dict[str, int]:
        """What was spent so far, by name (evaluations, simulations): in every line of metrics and in the result."""
        ...

    def shown(self) -> Mapping[str, Shown]:
        """What TensorBoard draws of the present leaves."""
        ...

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        """What it means that the stage of the best point (the last one where there is none) ended so. The loop itself says converged (every
        tolerance met), interrupted and pruned."""
        ...

    def conclude(self, best: Best, asked: Callable[[], bool]) -> Verdict | None:
        """The run has ended and the best point is in the leaves: compute what the three below tell. Returns another verdict where that
        speaks against convergence, which counts in place of "converged" alone.

        What it finds out about the best point, as that its objective is another one in the end, it writes into `best`, and the point
        into the leaves.
        asked: whether the user wants to stop: what takes long may then be left out, and said.
        """
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """For solution.npz."""
        ...

    def point_arrays(self) -> dict[str, np.ndarray]:
        """Of `arrays`, what the present point alone gives, before `conclude`: stored first in a run that was interrupted."""
        ...

    def curves(self) -> dict[str, np.ndarray]:
        """Series over time steps (n,), by name, for TensorBoard."""
        ...

    def files(self) -> dict[str, bytes]:
        """Further files of the run folder, by name."""
        ...

    def summary(self) -> dict[str, Any]:
        """Further keys of result.json."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What beside the leaves is needed to go on bit by bit (counts, generators), in tensors and plain numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Of the same problem, whose `signature` has been compared."""
        ...
