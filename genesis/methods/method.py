"""What a method is: one way to lower an objective, one step at a time. Loops, records and stops are not its business."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError
from genesis.methods.optimal_control import OptimalControl
from genesis.methods.residuals import Normal, ResidualBlock, expect_finite

#: What a method asks of an objective: `evaluate` with its gradient, `linearize`, `values` alone, `optimal_control`, or windows of `training`.
Needs = Literal["gradient", "residuals", "values", "optimal_control", "episodes"]


@dataclass
class Group:
    """Leaves of one parameter: the free numbers that a method moves in place.

    bounds: low and high of each leaf, where they are kept by projection, else None. lr: own learning rate.
    project: puts the leaves back within their bounds. size: how far each number of each leaf may reasonably move: the length in which lbfgsb,
    cmaes, mppi and learning rates of first-order methods measure it; None: they take it as it is. in_time: the first axis of the leaves is
    time.
    """

    name: str
    leaves: list[Tensor]
    bounds: list[tuple[Tensor, Tensor] | None]
    lr: float | None
    project: Callable[[], None]
    size: list[Tensor] | None = None
    in_time: bool = False


class Objective(Protocol):
    """A function of the free numbers in `groups`. What it is asked last, it keeps for those who report.

    failure: why the last question had no answer (a simulation diverged, values that cannot be simulated); None if it had.
    diverged: environments that the last answer leaves out; always empty unless the method `masks`.
    exact: False where the last answer is that of a mini-batch, whose value is compared with nothing.
    """

    groups: list[Group]
    failure: Exception | None
    diverged: tuple[int, ...]
    exact: bool

    def evaluate(self, gradient: bool = True) -> float:
        """The value at the present leaves, inf where there is none; with `gradient` theirs are in `.grad` afterwards."""
        ...

    def values(self, points: np.ndarray) -> np.ndarray:
        """(C,) values at flat points (C, n), as many as possible in one launch; inf where there is none. Leaves stay."""
        ...

    def linearize(self) -> Sequence[ResidualBlock] | None:
        """Residuals with their Jacobian at the present leaves, half whose (robust) squares sum up to the value; None where there are none.

        Counts as an evaluation: what it finds is the last answer, as after `evaluate`.
        Raises: InputError for an objective that is no sum of squares, naming what is not.
        """
        ...

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        """The Gauss-Newton equations of blocks, over flat points."""
        ...

    def optimal_control(self) -> OptimalControl:
        """The same problem step by step. Raises: InputError where the free numbers are no controls of single steps, naming what they are."""
        ...


@dataclass(frozen=True)
class Ending:
    """Why a method does not go on.

    converged: it has found what it looks for (else it has failed, or has nothing left to try). error: what failed, if something did.
    last: the stages of the problem that are left would bring nothing.
    """

    converged: bool
    reason: str
    error: Exception | None = None
    last: bool = False


class Method(Protocol):
    """Lowers an objective.

    A run is ``init``, then ``look`` and ``step`` in turns: ``look`` evaluates the present iterate, so that the objective's last answer is of
    it; ``step`` moves on from there. Both return None, or why there is no going on. Nothing is raised for points without a value.

    kind: its name in configs and checkpoints. needs: what it asks of an objective. revisits: it asks again for points that it has evaluated
    (line searches), so that remembering pays. masks: it can do with the gradient of some environments, where others diverge (a line search
    cannot: it compares values).
    """

    kind: str
    needs: Needs
    revisits: bool
    masks: bool

    def init(self, objective: Objective) -> None:
        """Start at the objective's present leaves. Raises: InputError for an objective that it cannot lower, naming the key."""
        ...

    def look(self) -> Ending | None: ...

    def step(self) -> Ending | None: ...

    def told(self) -> dict[str, float]:
        """Numbers of the last step that are worth a column: length, damping, slope, sigma, …"""
        ...

    def learning_rates(self) -> list[float]:
        """Present learning rate of each group (empty: the method has none)."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything beside the leaves that is needed to go on bit by bit, in tensors and plain numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """After `init`. Raises: KeyError, ValueError for the state of another method or problem."""
        ...


# ---- what methods share


def learned(objective: Objective) -> list[Group]:
    """The groups of an objective. Raises: InputError if there are none."""
    if not objective.groups:
        raise InputError("parameter: nothing to learn; at least one parameter must have learn: true.")
    return objective.groups


def refuse_rates(groups: Sequence[Group], kind: str) -> None:
    """Raises: InputError if a group has a learning rate of its own, for a method that has none."""
    own = [group.name for group in groups if group.lr is not None]
    if own:
        raise InputError(
            f"parameter.{own[0]}.lr: {kind} finds one step for all groups; leave lr out, or use a first-order optimizer."
        )


def no_value(objective: Objective) -> Ending:
    """The end where the present leaves have no value and there is nowhere to go back to."""
    return Ending(False, str(objective.failure or "the objective has no finite value here"), objective.failure)


def no_step(objective: Objective, falls: Sequence[float]) -> Ending:
    """The end of a method whose trial points, the last that were asked for, do not lower the cost. falls: of the cost, of each."""
    if len(falls) and not np.isfinite(falls).any():  # nothing was compared, so nothing is known of a minimum
        return no_value(objective)
    return Ending(True, "no step lowers the cost any further")


def normal_of(objective: Objective, blocks: Sequence[ResidualBlock]) -> Normal | Ending:
    """The Gauss-Newton equations of blocks, or the end where they, or a Jacobian, are not finite: no slope of them means anything."""
    try:
        return finite_normal(objective, blocks)
    except DivergenceError as error:
        return Ending(False, str(error), error)


def finite_normal(objective: Objective, blocks: Sequence[ResidualBlock]) -> Normal:
    """The Gauss-Newton equations of blocks. Raises: DivergenceError where they, or a Jacobian, are not finite."""
    normal = objective.normal(blocks)
    try:
        return normal.expect_finite()
    except DivergenceError:
        expect_finite(blocks)  # they say more; sums of squares of what is finite may overflow all the same
        raise


# ---- flat points: the leaves of all groups one after the other, float64


def all_leaves(groups: Sequence[Group]) -> list[Tensor]:
    """The leaves of every group, in order."""
    return [leaf for group in groups for leaf in group.leaves]


def flatten(tensors: Sequence[Tensor]) -> np.ndarray:
    """(n,)"""
    vector: np.ndarray = torch.cat([t.detach().reshape(-1).double().cpu() for t in tensors]).numpy()
    return vector


def move(groups: Sequence[Group], x: np.ndarray) -> None:
    """Put a flat point (n,) into the leaves."""
    offset = 0
    with torch.no_grad():
        for leaf in all_leaves(groups):
            part = torch.from_numpy(np.ascontiguousarray(x[offset : offset + leaf.numel()]))
            leaf.copy_(part.reshape(leaf.shape).to(leaf))
            offset += leaf.numel()


def point(groups: Sequence[Group]) -> np.ndarray:
    """The present flat point (n,)."""
    return flatten(all_leaves(groups))


def gradient(groups: Sequence[Group]) -> np.ndarray:
    """(n,) of the last evaluation; zero where the value does not depend on a leaf."""
    return flatten([torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in all_leaves(groups)])


def sizes(groups: Sequence[Group]) -> np.ndarray:
    """Size of each number (n,)."""
    return flatten([size for group in groups for size in group.size or [torch.ones_like(leaf) for leaf in group.leaves]])


def spans(groups: Sequence[Group]) -> np.ndarray:
    """How far each number (n,) may reasonably move: its size where it has one, else half its range where it has bounds, else 1."""
    low, high = bounds(groups)
    given = np.concatenate([np.full(sum(leaf.numel() for leaf in g.leaves), g.size is not None) for g in groups])
    ranged = np.isfinite(high - low) & (high > low)
    return np.where(given, sizes(groups), np.where(ranged, 0.5 * (high - low), 1.0))


def bounds(groups: Sequence[Group]) -> tuple[np.ndarray, np.ndarray]:
    """Low and high (n,), ±inf where there are none."""
    pairs = [(leaf, pair) for group in groups for leaf, pair in zip(group.leaves, group.bounds, strict=True)]
    low = [torch.full_like(leaf, -torch.inf) if pair is None else pair[0].expand_as(leaf) for leaf, pair in pairs]
    high = [torch.full_like(leaf, torch.inf) if pair is None else pair[1].expand_as(leaf) for leaf, pair in pairs]
    return flatten(low), flatten(high)
