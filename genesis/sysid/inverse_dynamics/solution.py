"""The least squares of torques: base parameters, the nearest bodies that exist, and both judged on data that they have not seen.

Weights of the joints come from what is left of their forces, found in turns with the solution. Numbers in which the forces are not linear
(centres of mass, delays, geometry) are held at their start here; the method of the run moves them afterwards, from this solution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from genesis.errors import InputError
from genesis.parameters.link_inertia import LinkInertia
from genesis.sysid.inverse_dynamics.base import Compressed, ParameterBase, base_of, correlated_spread, information
from genesis.sysid.inverse_dynamics.chart import LinearChart
from genesis.sysid.inverse_dynamics.consistent import Consistent, consistent
from genesis.sysid.inverse_dynamics.equations import GEOMETRY, Equations, TorqueEquations
from genesis.sysid.statistics import INTERVAL

ROUNDS = 4  # of weights
SCALE = 1e-9  # of a force: right hand sides below it are none
EXACT = 1e-4  # of a joint's force: below it, what is left does not count as noise
LINEAR = 1e-7  # relative departure from a line that is rounding
STRUCTURE = 7  # random states for each unknown


@dataclass
class BaseParameter:
    """A combination of parameters that the forces tell: its words, value, standard deviation and 95 % interval, and its start."""

    name: str
    unit: str
    start: float
    value: float
    std: float
    low: float
    high: float


@dataclass
class TorqueError:
    """Root mean square of what is left of a joint's force, over that of the force.

    base: linear least squares; consistent: bodies that exist. train: on what they were fitted to; unseen: on parts (folds) or recordings
    (validation) that they were not. rms: of the force [unit]. nan where it cannot be told.
    """

    joint: str
    unit: str
    rms: float
    base_train: float
    base_unseen: float
    consistent_train: float
    consistent_unseen: float
    base_validation: float = float("nan")
    consistent_validation: float = float("nan")


@dataclass
class LinearSystem:
    """Equations of a recording in the numbers x that they are linear in: X (rows, nv, m), y (rows, nv) [N m | N]."""

    columns: np.ndarray
    target: np.ndarray
    pieces: np.ndarray


@dataclass
class TorqueSolution:
    """x (n,), free (n,): the point. linear (m,): which of x are solved for. base, beta (b,): base parameters of all that is linear.

    floor, cost: half the weighted squares of the linear and of the consistent solution. cutoff [Hz], rate [Hz]: of the equations.
    """

    x: np.ndarray
    free: np.ndarray
    linear: np.ndarray
    base: ParameterBase
    beta: np.ndarray
    parameters: list[BaseParameter]
    errors: list[TorqueError]
    floor: float
    cost: float
    notes: list[str] = field(default_factory=list)


class TorqueSolver:
    """Solves the equations of a problem; `solution` does everything in turn. tell: what is going on, in a few words.

    at: z (n,) around which the equations are taken, and all numbers with them; None: the start, and only those that are linear.
    """

    def __init__(
        self, equations: TorqueEquations, tell: Callable[[str], None] = lambda text: None, at: np.ndarray | None = None
    ) -> None:
        self.equations, self.problem, self.tell = equations, equations.problem, tell
        self.chart = LinearChart(self.problem)
        self.z = self.problem.z0 if at is None else torch.as_tensor(at)
        self.x = self.chart.of(self.z).detach().numpy()
        self.to_free = np.linalg.pinv(self.chart.slope(self.z))
        self.acting = equations.acting
        self.linear = self._linear() if at is None else np.arange(self.problem.n)

    # ---- which numbers are linear

    def _linear(self) -> np.ndarray:
        """Numbers of x in which the equations are linear together: slices are moved, one after the other, and stay moved."""
        equations, part, acting = self.equations, self.equations.parts[0], self.acting
        made: list[int] = []
        x, moved = self.x.copy(), set(acting)
        lifted = equations.lifted_at(self.z).detach().numpy()
        slope = equations.lifted_slope(self.z) @ self.to_free
        before = equations.beside(part, self.z)
        rate = equations.beside_slope(part, self.z, acting) @ self.to_free[np.ix_(acting, acting)]
        for parameter, _, where in self.problem.slices:
            if set(self.problem.changes(parameter).physical) & set(GEOMETRY):
                continue
            places = np.arange(where.start, where.stop)
            trial = x.copy()
            trial[places] = self._nudged(places, isinstance(parameter, LinkInertia))
            z = torch.as_tensor(self.chart.free(trial))
            change = trial - self.x
            with torch.no_grad():
                off = _departure(equations.lifted_at(z).numpy(), lifted + slope @ change)
                if moved & set(places.tolist()):
                    off = max(off, _departure(equations.beside(part, z), before + rate @ change[acting]))
            if off < LINEAR:
                made += places.tolist()
                x = trial
        return np.array(made, int)

    def _nudged(self, places: np.ndarray, bodies: bool) -> np.ndarray:
        """Other values within the bounds."""
        x = self.chart.x0[places]
        if bodies:
            return 1.3 * x
        low, high = self.chart.low[places], self.chart.high[places]
        size = np.where(np.abs(x) > 0.0, 0.1 * np.abs(x), 0.1)
        room = np.where(np.isfinite(high), high - x, np.inf)
        return np.where(room > size, x + size, np.maximum(x - size, np.where(np.isfinite(low), 0.5 * (low + x), -np.inf)))

    # ---- equations

    def system(self, part: Equations) -> LinearSystem:
        """That of a recording."""
        columns = self.equations.slope(part, self.z) @ self.to_free[:, self.linear]
        target = columns @ self.x[self.linear] - self.equations.residual(part, self.z)
        return LinearSystem(columns, target, part.samples.piece)

    def systems(self) -> list[LinearSystem]:
        """Those of all recordings. Raises: InputError where nothing sets the scale of the forces."""
        made = [self.system(part) for part in self.equations.parts]
        driving = self.equations.driving
        free = [parameter for parameter, _, part in self.problem.slices if part.start in driving]
        if free and all(parameter.prior is None for parameter in free):
            target = max(float(np.abs(system.target[:, self.equations.dofs]).max()) for system in made)
            force = max(float(np.abs(self.equations.needed(part, self.z)).max()) for part in self.equations.parts)
            if target <= SCALE * force:
                raise InputError(
                    f"{free[0].where}: every force is in proportion to what is learned, and nothing sets their scale; hold a mass or a gain "
                    "(learn: false), or give a gain a prior."
                )
        return made

    def structure(self, systems: Sequence[LinearSystem]) -> ParameterBase:
        """The base of the numbers that are linear, from random states, which leave out nothing that a robot can do."""
        equations, count = self.equations, len(self.linear)
        random = np.random.default_rng(0)
        states = -(-STRUCTURE * max(count, 1) // max(equations.nv, 1)) + 8
        shape = states, equations.nv
        q = random.uniform(-3.0, 3.0, (states, self.problem.space.nq))
        motion = tuple(torch.as_tensor(x) for x in (q, random.normal(0.0, 2.0, shape), random.normal(0.0, 5.0, shape)))
        slope = equations.lifted_slope(self.z) @ self.to_free[:, self.linear]
        observed = [j for j in (*self.acting, *equations.places(GEOMETRY)) if j in set(self.linear.tolist())]
        made = []
        for k, system in enumerate(systems):
            theta = equations.theta0[k] if equations.theta0.dim() == 2 else equations.theta0
            body = equations.regressor.columns(theta, *motion).reshape(states, equations.nv, -1).numpy()
            rows = np.zeros((states, equations.nv, equations.size))
            rows[:, :, : body.shape[-1]] = body
            for dof in range(equations.nv):
                for block, column in enumerate(equations.of_joint(motion, dof)):  # type: ignore[arg-type]
                    rows[:, dof, body.shape[-1] + block * equations.nv + dof] = column.numpy()
            rows = rows @ slope[k if len(slope) > 1 else 0]
            at = random.integers(0, len(system.target), states)
            for j in observed:  # what drives, and where axes lie, is of the recording
                place = int(np.flatnonzero(self.linear == j)[0])
                rows[:, :, place] = system.columns[at][:, :, place]
            made.append(rows[:, equations.dofs].reshape(-1, count))
            if not self.problem.by_recording:
                break
        bodies = {int(place) for body in self.chart.bodies for place in body.places}
        armature = self._armature()
        order = sorted(range(count), key=lambda j: (self.linear[j] in armature, self.linear[j] in bodies, j))
        return base_of(np.concatenate(made), order)

    def _armature(self) -> set[int]:
        return {
            k
            for parameter, _, part in self.problem.slices
            if self.problem.changes(parameter).physical == ("dof_armature",)
            for k in range(part.start, part.stop)
        }

    def weighted(self, systems: Sequence[LinearSystem], rows: Sequence[np.ndarray] | None = None) -> Compressed:
        """All equations, or some rows of each recording, in units of sigma."""
        parts = []
        dofs, sigma = self.equations.dofs, self.equations.sigma
        for k, system in enumerate(systems):
            chosen = slice(None) if rows is None else rows[k]
            columns = (system.columns[chosen][:, dofs] / sigma[dofs][:, None]).reshape(-1, len(self.linear))
            target = (system.target[chosen][:, dofs] / sigma[dofs]).reshape(-1)
            if len(target):
                parts.append(Compressed.of(columns, target))
        return Compressed.joined(parts)

    def prior(self) -> Compressed:
        """What is known of the linear numbers beforehand, around the start."""
        rows = self.problem.prior_rows(self.z).detach().numpy()
        if not len(rows):
            return Compressed(np.zeros((0, len(self.linear) + 1)))
        slope = torch.autograd.functional.jacobian(self.problem.prior_rows, self.z).numpy() @ self.to_free
        slope = slope[:, self.linear]
        return Compressed(np.column_stack([slope, slope @ self.x[self.linear] - rows]))

    # ---- solving

    def solution(self) -> TorqueSolution:
        """Base parameters, weights, consistent bodies, cross-validation."""
        self.tell("equations")
        systems = self.systems()
        self.tell("base parameters")
        base = self.structure(systems)
        beta = self._iterated(systems, base)
        everything = self.weighted(systems)
        floor = _cost(everything.chosen(base), beta)
        self.tell("consistent bodies")
        found = self.consistent(everything)
        x = self.x.copy()
        x[self.linear] = found.x
        errors = self._errors(systems, base, beta, found.x)
        parameters = self._parameters(systems, base, beta)
        cost = _cost(everything, found.x)
        return TorqueSolution(x, self.chart.free(x), self.linear, base, beta, parameters, errors, floor, cost)

    def step(self) -> np.ndarray:
        """z (n,) of consistent bodies alone, with the weights of their joints; `solution` without its answers."""
        systems = self.systems()
        self._iterated(systems, self.structure(systems))
        return self.chart.free(self.consistent(self.weighted(systems)).x)

    def consistent(self, equations: Compressed) -> Consistent:
        """The nearest existing bodies and values within their bounds, with the priors."""
        both = Compressed(np.concatenate([equations.rows, self.prior().rows]))
        place = {int(k): j for j, k in enumerate(self.linear)}
        bodies = [
            type(body)(np.array([place[int(k)] for k in body.places]), body.described)
            for body in self.chart.bodies
            if int(body.places[0]) in place
        ]
        return consistent(
            both.columns, both.target, self.x[self.linear], bodies, self.equations.options.regularization,
            self.chart.low[self.linear], self.chart.high[self.linear],
        )  # fmt: skip

    def _iterated(self, systems: Sequence[LinearSystem], base: ParameterBase) -> np.ndarray:
        """beta; the weights of the joints are what it leaves of their forces."""
        equations, beta = self.equations, np.zeros(len(base.chosen))
        applied = [equations.applied(part, self.z) for part in equations.parts]
        size = np.sqrt(np.mean(np.concatenate(applied) ** 2, 0))
        size = np.where(size > 0.0, size, max(float(size.max(initial=0.0)), 1e-12))
        equations.sigma = size.copy()
        count = sum(len(system.target) for system in systems)
        for _ in range(ROUNDS):
            beta = self.weighted(systems).chosen(base).solved()
            left = np.concatenate([s.target - s.columns[:, :, base.chosen] @ beta for s in systems])
            free = max(1.0 - len(beta) / max(count * len(equations.dofs), 1), 0.1)
            sigma = np.sqrt((left**2).mean(0) / free)
            equations.sigma = np.maximum(sigma, EXACT * size)
        return beta

    def _parameters(self, systems: Sequence[LinearSystem], base: ParameterBase, beta: np.ndarray) -> list[BaseParameter]:
        """With standard deviations that count with noise that is correlated in time, and between joints."""
        dofs, sigma = self.equations.dofs, self.equations.sigma
        scores, pieces, last = [], [], 0
        for system in systems:
            columns = system.columns[:, dofs][:, :, base.chosen] / sigma[dofs][:, None]
            left = (system.target[:, dofs] / sigma[dofs]) - columns @ beta
            scores.append(np.einsum("tdb,td->tb", columns, left))
            pieces.append(system.pieces + last)
            last += int(system.pieces.max(initial=0)) + 1
        inverse, told = information(self.weighted(systems).chosen(base).columns)
        spread = correlated_spread(np.concatenate(scores), np.concatenate(pieces))
        deviation = np.sqrt(np.maximum(np.diag(inverse @ spread @ inverse), 0.0))
        deviation = np.where(told, deviation, np.nan)
        names = [self.chart.names[k] for k in self.linear]
        units = [self.chart.units[self.linear[k]] for k in base.chosen]
        start = base.of(self.chart.x0[self.linear])  # in the directions of this point
        rows = zip(base.words(names), units, start, beta, deviation, strict=True)
        return [
            BaseParameter(name, unit, float(s), float(b), float(d), float(b - INTERVAL * d), float(b + INTERVAL * d))
            for name, unit, s, b, d in rows
        ]

    # ---- unseen data

    def _errors(self, systems: Sequence[LinearSystem], base: ParameterBase, beta: np.ndarray, x: np.ndarray) -> list[TorqueError]:
        """Of training, and of parts that are left out in turns."""
        equations = self.equations
        folds = _folds([len(system.target) for system in systems], equations.options.folds)
        compressed = [self.weighted(systems, fold) for fold in folds]
        unseen = np.zeros((2, equations.nv))
        for k, fold in enumerate(folds):
            self.tell(f"cross-validation {k + 1} of {len(folds)}")
            rest = Compressed.joined([c for j, c in enumerate(compressed) if j != k])
            own, existing = rest.chosen(base).solved(), self.consistent(rest).x
            for system, rows in zip(systems, fold, strict=True):
                columns, target = system.columns[rows], system.target[rows]
                unseen[0] += ((target - columns[:, :, base.chosen] @ own) ** 2).sum(0)
                unseen[1] += ((target - columns @ existing) ** 2).sum(0)
        count = sum(len(system.target) for system in systems)
        train = [
            _squares(systems, lambda s: s.columns[:, :, base.chosen] @ beta) / count,
            _squares(systems, lambda s: s.columns @ x) / count,
        ]
        applied = np.concatenate([equations.applied(part, self.z) for part in equations.parts])
        power = (applied**2).mean(0)
        share = [_share(e, power) for e in (train[0], unseen[0] / count, train[1], unseen[1] / count)]
        if not len(folds):
            share[1] = share[3] = np.full(equations.nv, np.nan)
        return [
            TorqueError(equations.labels[d], equations.units[d], float(np.sqrt(power[d])), *(float(s[d]) for s in share))
            for d in equations.dofs
        ]


def _departure(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max(initial=0.0) / max(np.abs(found).max(initial=0.0), 1e-300))


def _cost(equations: Compressed, x: np.ndarray) -> float:
    return 0.5 * float(((equations.columns @ x - equations.target) ** 2).sum())


def _squares(systems: Sequence[LinearSystem], predicted: Callable[[LinearSystem], np.ndarray]) -> np.ndarray:
    made: np.ndarray = sum(((s.target - predicted(s)) ** 2).sum(0) for s in systems)
    return made


def _share(squares: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Relative error; nan for a joint that nothing drives."""
    return np.where(power > 0.0, np.sqrt(squares / np.maximum(power, 1e-300)), np.nan)


def _folds(counts: Sequence[int], folds: int) -> list[list[np.ndarray]]:
    """Contiguous parts of every recording: rows of each recording in each of them; none for fewer than two parts."""
    if folds < 2 or min(counts) < 2 * folds:
        return []
    edges = [np.linspace(0, count, folds + 1).round().astype(int) for count in counts]
    return [[np.arange(own[k], own[k + 1]) for own in edges] for k in range(folds)]
