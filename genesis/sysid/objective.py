"""Half a sum of squares as an objective of methods: its leaves, its value and gradient, its residuals with their Jacobian.

value = cost of the blocks at x,    gradient = J^T r,    x = the leaves: free numbers z, then tangents of free start states
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from genesis.errors import DivergenceError, InputError
from genesis.methods.method import Group, all_leaves, move, point
from genesis.methods.optimal_control import OptimalControl
from genesis.methods.residuals import Normal, ResidualBlock, cost, expect_finite
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import FAILURES, Residuals
from genesis.sysid.sizes import sizes_of

START = "start"  # group of the free start states
REMEMBERED = 32  # points of a line search: the accepted one is asked for again


@dataclass
class _Found:
    """What is known of a flat point x (n,). terms: cost by label of the blocks; gradient: to x, None where it was not asked for."""

    x: np.ndarray
    value: float
    terms: dict[str, float]
    gradient: np.ndarray | None = None


class LeastSquaresObjective:
    """An objective; see `genesis.methods.Objective`. One group for each learned parameter, one for the start states.

    Args:
        residuals: what is squared. Others may take their place between two questions.
    """

    def __init__(self, residuals: Residuals) -> None:
        self.residuals = residuals
        self.low, self.high = residuals.bounds()
        self.groups = self._groups(residuals.first())
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.exact = True
        self.found: _Found | None = None  # of the last question that had an answer
        self._known: deque[_Found] = deque(maxlen=REMEMBERED)
        self._blocks: tuple[np.ndarray, list[ResidualBlock]] | None = None

    @property
    def problem(self) -> RecordingProblem:
        """Whose residuals these are."""
        return self.residuals.problem

    @property
    def x(self) -> np.ndarray:
        """(n,) the present point."""
        return point(self.groups)

    def put(self, x: np.ndarray) -> None:
        """Go to a point (n,)."""
        move(self.groups, x)

    def replace(self, residuals: Residuals) -> None:
        """Other residuals of the same numbers from here on."""
        self.residuals, self.found, self._blocks = residuals, None, None
        self._known.clear()

    def evaluate(self, gradient: bool = True) -> float:
        """See `Objective.evaluate`. Raises: InputError if the very first point cannot be meant."""
        x = self.x
        known = next(
            (f for f in reversed(self._known) if np.array_equal(f.x, x) and (f.gradient is not None or not gradient)), None
        )
        if known is None:
            blocks = self._at(x, gradient)
            if blocks is None:
                return float("inf")
            known = self._keep(x, blocks, gradient)
            if known is None:
                return float("inf")
        self.failure, self.found = None, known
        if gradient:
            self.put_gradient(known.gradient)
        return known.value

    def linearize(self) -> Sequence[ResidualBlock] | None:
        """See `Objective.linearize`."""
        x = self.x
        blocks = self._at(x, True)
        found = None if blocks is None else self._keep(x, blocks, True)
        if blocks is None or found is None:
            return None
        self.failure, self.found = None, found
        return blocks

    def optimal_control(self) -> OptimalControl:
        """Raises: InputError always."""
        raise InputError(
            "optimizer: ddp finds controls, and an identification has none; use levenberg_marquardt, least_squares, lbfgsb or adam."
        )

    def normal(self, blocks: Sequence[ResidualBlock]) -> Normal:
        """The Gauss-Newton equations of what `linearize` gave."""
        return self.residuals.normal(blocks)

    def values(self, points: np.ndarray) -> np.ndarray:
        """(C,) at points (C, n), in one launch where the residuals can."""
        return self.residuals.costs(np.clip(points, self.low, self.high))

    def put_gradient(self, gradient: np.ndarray | None) -> None:
        """Into the leaves (n,); None: none."""
        first = 0
        for leaf in all_leaves(self.groups):
            part = slice(first, first + leaf.numel())
            first += leaf.numel()
            leaf.grad = None if gradient is None else torch.tensor(gradient[part]).reshape(leaf.shape)

    def _at(self, x: np.ndarray, jacobian: bool) -> list[ResidualBlock] | None:
        """Blocks at x; None, with the failure set, where it cannot be simulated."""
        if self._blocks is not None and np.array_equal(self._blocks[0], x):
            return self._blocks[1]
        try:
            blocks = self.residuals.blocks(x, jacobian)
        except FAILURES as failure:
            if isinstance(failure, InputError) and self.found is None:
                raise
            self.failure = failure
            return None
        if jacobian:
            self._blocks = x, blocks
        return blocks

    def _keep(self, x: np.ndarray, blocks: list[ResidualBlock], gradient: bool) -> _Found | None:
        """What blocks say; None, with the failure set, where they, or their Jacobian with `gradient`, are not finite."""
        value = cost(blocks)
        if not np.isfinite(value):
            self.failure = DivergenceError("the residuals are not finite, but the simulation is.", quantity="residuals")
            return None
        slope: np.ndarray | None = None
        if gradient:
            try:
                expect_finite(blocks)
                slope = self.residuals.normal(blocks).expect_finite().gradient()
            except DivergenceError as failure:
                self.failure = failure
                return None
        terms: dict[str, float] = {}
        for block in blocks:
            terms[block.label] = terms.get(block.label, 0.0) + block.cost()
        made = _Found(x, value, terms, slope)
        self._known.append(made)
        return made

    def _groups(self, first: np.ndarray) -> list[Group]:
        parts: dict[str, slice] = {}
        for parameter, _, part in self.problem.slices:
            before = parts.get(parameter.name, part)
            parts[parameter.name] = slice(before.start, part.stop)
        rates = {parameter.name: parameter.lr for parameter in self.problem.learned}
        if self.residuals.nt:
            parts[START] = slice(self.problem.n, len(first))
        sizes = sizes_of(self.problem)
        return [self._group(name, first[part], part, rates.get(name), sizes[part]) for name, part in parts.items()]

    def _group(self, name: str, first: np.ndarray, part: slice, lr: float | None, size: np.ndarray) -> Group:
        leaf = torch.tensor(first, requires_grad=True)
        low, high = (torch.tensor(bound[part]) for bound in (self.low, self.high))
        bounded = bool(torch.isfinite(low).any() or torch.isfinite(high).any())

        def project() -> None:
            with torch.no_grad():
                leaf.clamp_(low, high)

        return Group(name, [leaf], [(low, high) if bounded else None], lr, project, [torch.tensor(size)])
