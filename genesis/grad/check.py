"""Is a gradient right? Slopes along directions against differences over many step lengths, and what to make of those that differ."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES, InputError
from genesis.grad.verdict import EXACT, KINK, NOISE, UNDEFINED, WRONG, ZERO, Slopes, judge

if TYPE_CHECKING:
    from genesis.grad.physics import Physics

# Across the gradient the derivative is mere rounding: errors are relative to at least this part of the gradient's norm.
SMALL = 1e-3
INTERVALS = (0.03, 0.1, 0.3, 1.0)  # half widths over which the trend is asked for, relative to the size of the parameters
WITHIN = 2.0  # a secant within this factor of the gradient follows it
MEANING = {
    EXACT: "exact",
    ZERO: "zero",
    KINK: "kink",
    NOISE: "noise",
    UNDEFINED: "undefined: no value around",
    WRONG: "WRONG",
}


@dataclass(frozen=True)
class Steps:
    """Step lengths of the differences, relative to the norm of the parameters where that is above one: from long to short, evenly in
    their logarithm, two to a decade."""

    longest: float = 1e-2
    shortest: float = 1e-7

    def lengths(self) -> list[float]:
        """Raises: InputError for less than two decades."""
        count = 1 + round(2.0 * math.log10(self.longest / self.shortest)) if self.longest > self.shortest > 0.0 else 0
        if count < 5:
            raise InputError(
                f"gradcheck: steps from {self.longest:g} down to {self.shortest:g}; allowed: two decades or more, e.g. 1e-2 to 1e-7."
            )
        return [self.longest * 10.0 ** (-0.5 * k) for k in range(count)]


@dataclass(frozen=True)
class Direction:
    """One direction in one group of parameters.

    adjoint: slope by the gradient, without a surrogate; surrogate: what the surrogate adds to it. numeric: slope by differences,
    uncertainty: how far it is settled; error: of the adjoint, relative to the larger of both. backward, forward: one-sided slopes at
    the shortest step that rounding leaves alone. steps, errors: |central difference − adjoint| by step length, relative likewise.
    trend: (half width, secant slope over it); follows: the largest half width up to which secants are within a factor two of the
    adjoint, 0 if none, None where the slope is too small to ask.
    """

    group: str
    name: str
    verdict: str
    adjoint: float
    surrogate: float
    numeric: float
    uncertainty: float
    error: float
    backward: float
    forward: float
    steps: list[float]
    errors: list[float]
    trend: list[tuple[float, float]]
    follows: float | None


@dataclass
class Report:
    """All directions of a check.

    values: of the loss, twice at the same place. surrogate: per group, the norm of what surrogates add to the gradient relative to the whole.
    """

    directions: list[Direction]
    tolerance: float
    values: tuple[float, float] = (0.0, 0.0)
    surrogate: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing is wrong: exact, or a kink, or noise in which nothing can be told."""
        return not any(d.verdict in (WRONG, UNDEFINED) for d in self.directions)

    @property
    def largest_error(self) -> float:
        """Of the directions in which it can be told; NaN if an adjoint there is no number, or there are none."""
        errors = [d.error for d in self.directions if d.verdict in (EXACT, ZERO, WRONG)]
        return math.nan if any(map(math.isnan, errors)) else max(errors, default=math.nan)

    def counts(self) -> dict[str, int]:
        """How many directions got each verdict, those that there are."""
        found = [d.verdict for d in self.directions]
        return {verdict: found.count(verdict) for verdict in MEANING if verdict in found}

    def table(self) -> list[tuple[str, ...]]:
        """Names of the columns, then one row a direction; with what surrogates add where there are any."""
        shown = [k for k, name in enumerate(HEADER) if name != "surrogate adds" or self.surrogate]
        return [tuple(row[k] for k in shown) for row in (HEADER, *(_row(d) for d in self.directions))]

    def __str__(self) -> str:
        table = self.table()
        widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]
        return "\n".join([*lines, *self.notes()])

    def notes(self) -> list[str]:
        """What has to be said beside the table."""
        said = [
            f"{name}: a surrogate (contact_reach) is {share:.0%} of the gradient by norm; the table is about the gradient without it."
            for name, share in self.surrogate.items()
        ]
        if self.values[0] != self.values[1]:
            first, second = self.values
            said.append(
                f"the loss was {first:.9g} and then {second:.9g} at the same place: it must depend on its inputs alone "
                "(a rollout goes on from the scene's state unless qpos and qvel are given)."
            )
        return said


HEADER = ("parameter", "direction", "adjoint", "differences", "error", "surrogate adds", "trend", "verdict")


def _row(d: Direction) -> tuple[str, ...]:
    verdict = MEANING[d.verdict]
    if d.verdict == KINK:
        verdict = f"kink: {d.backward:.3e} | {d.forward:.3e}"
    elif d.verdict == NOISE:
        verdict = f"noise: known to ±{d.uncertainty:.0e}"
    trend = "-" if d.follows is None else f"to ±{d.follows:g}" if d.follows else f"not to ±{INTERVALS[0]:g}"
    return (
        d.group, d.name, f"{d.adjoint:.4e}", f"{d.numeric:.4e}", f"{d.error:.1e}", f"{d.surrogate:.3e}", trend, verdict,
    )  # fmt: skip


def gradcheck(
    loss: Callable[..., Tensor],
    inputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    *,
    directions: int = 3,
    steps: Steps | None = None,
    tolerance: float = 1e-6,
    seed: int = 0,
    scene: Any = None,
) -> Report:
    """The gradient of `loss` against differences, along the steepest direction and random ones in each input.

    Args:
        loss: function of the inputs, in their order, that returns a scalar; it may simulate.
        inputs: float64 tensors, by name or in order; their values are where it is checked, and are left as they are.
        directions: random ones for each input, beside the steepest.
        steps: of the differences, `gs.Steps(longest, shortest)`; None: 1e-2 to 1e-7.
        tolerance: largest relative error that counts as exact.
        scene: simulated by the loss; with `contact_reach` its gradient is checked without that surrogate, whose share is told apart.

    Returns: a `Report`; `print` shows its table, `report.ok` is False if something is wrong.
    """
    if isinstance(inputs, Tensor):
        inputs = [inputs]
    named = dict(inputs) if isinstance(inputs, Mapping) else {f"input {k}": x for k, x in enumerate(inputs)}
    for name, x in named.items():
        if x.dtype != torch.float64:
            raise InputError(f"gradcheck: {name} is {x.dtype}; allowed: float64, because differences need its digits.")
    leaves = {name: x.detach().as_subclass(Tensor).clone().requires_grad_() for name, x in named.items()}

    def value() -> Tensor:
        found = loss(*leaves.values())
        if not isinstance(found, Tensor) or found.numel() != 1:
            raise InputError("gradcheck: the loss must return a scalar tensor.")
        return found.as_subclass(Tensor).reshape(())

    def gradient() -> list[Tensor]:
        found = value()
        if not found.requires_grad:
            return [torch.zeros_like(x) for x in leaves.values()]
        made = torch.autograd.grad(found, list(leaves.values()), allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves.values(), made, strict=True)]

    groups = {name: [x] for name, x in leaves.items()}
    return compare(
        groups, lambda: float(value().detach()), gradient, directions=directions, steps=steps or Steps(), tolerance=tolerance, seed=seed,
        physics=None if scene is None else scene.rigid_solver.physics,
    )  # fmt: skip


def compare(
    groups: Mapping[str, list[Tensor]],
    value: Callable[[], float],
    gradient: Callable[[], list[Tensor]],
    *,
    directions: int,
    steps: Steps,
    tolerance: float,
    seed: int,
    physics: "Physics | None" = None,
) -> Report:
    """The body of every check.

    Args:
        groups: leaves by name, moved in place and put back; value: the loss there; gradient: with respect to all leaves in order.
        physics: what the loss simulates with, where its surrogate is to be told apart.
    """
    surrogate = physics is not None and physics.reach > 0.0
    with physics.without_surrogate() if physics is not None and surrogate else nullcontext():
        exact = [g.detach().clone() for g in gradient()]
    whole = [g.detach().clone() for g in gradient()] if surrogate else exact
    generator = torch.Generator().manual_seed(seed)
    here, again = value(), value()
    report, first = Report([], tolerance, (here, again)), 0
    for name, leaves in groups.items():
        own, felt = exact[first : first + len(leaves)], whole[first : first + len(leaves)]
        first += len(leaves)
        added = [w - g for w, g in zip(felt, own, strict=True)]
        if surrogate:
            report.surrogate[name] = _norm(added) / max(_norm(felt), 1e-300)
        line = _Line(leaves, value, here)
        for label, along in _directions({"steepest": own, "surrogate": added}, leaves, directions, generator):
            report.directions.append(line.check(name, label, along, own, added, steps, tolerance))
    return report


def _directions(
    named: Mapping[str, list[Tensor]], leaves: list[Tensor], count: int, generator: torch.Generator
) -> list[tuple[str, list[Tensor]]]:
    """Unit directions: those named, which may be zero, and random ones."""
    made = []
    for name, along in named.items():
        norm = _norm(along)
        if math.isfinite(norm) and norm > 0.0:
            made.append((name, [x / norm for x in along]))
    for k in range(count):
        drawn = [torch.randn(leaf.shape, generator=generator, dtype=torch.float64).to(leaf.device) for leaf in leaves]
        length = _norm(drawn)
        made.append((f"random {k + 1}", [d / length for d in drawn]))
    return made


class _Line:
    """The loss along lines through the present values of some leaves."""

    def __init__(self, leaves: list[Tensor], value: Callable[[], float], here: float) -> None:
        self.leaves, self.value, self.here = leaves, value, here
        self.start = [leaf.detach().clone() for leaf in leaves]
        self.size = max(1.0, _norm(self.start))

    def check(
        self,
        group: str,
        name: str,
        along: list[Tensor],
        gradients: list[Tensor],
        added: list[Tensor],
        steps: Steps,
        tolerance: float,
    ) -> Direction:
        adjoint, surrogate = _dot(gradients, along), _dot(added, along)
        lengths = steps.lengths()
        pairs = [(self._at(along, h), self._at(along, -h)) for h in lengths]
        slopes = Slopes([h * self.size for h in lengths], pairs, self.here)
        found = judge(slopes, adjoint, SMALL * _norm(gradients), tolerance)
        trend = [(w, (self._at(along, w) - self._at(along, -w)) / (2.0 * w * self.size)) for w in INTERVALS]
        errors = [abs(central - adjoint) / found.scale if found.scale else 0.0 for central in slopes.central]
        return Direction(
            group, name, found.verdict, adjoint, surrogate, found.numeric, found.uncertainty / found.scale if found.scale else 0.0,
            found.error, found.backward, found.forward, lengths, errors, trend,
            _follows(adjoint, trend) if abs(adjoint) > SMALL * _norm(gradients) else None,
        )  # fmt: skip

    def _at(self, along: list[Tensor], length: float) -> float:
        """The loss this far along; NaN where it has no value."""
        with torch.no_grad():
            try:
                for leaf, start, d in zip(self.leaves, self.start, along, strict=True):
                    leaf.copy_(start + length * self.size * d)
                return self.value()
            except (*SIMULATION_FAILURES, InputError):
                return math.nan
            finally:
                for leaf, start in zip(self.leaves, self.start, strict=True):
                    leaf.copy_(start)


def _follows(adjoint: float, trend: list[tuple[float, float]]) -> float:
    reach = 0.0
    for width, secant in trend:
        if not 1.0 / WITHIN <= secant / adjoint <= WITHIN:
            break
        reach = width
    return reach


def _dot(first: list[Tensor], second: list[Tensor]) -> float:
    return float(sum((a * b).sum() for a, b in zip(first, second, strict=True)))


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.stack([t.detach().norm() for t in tensors]).norm())
