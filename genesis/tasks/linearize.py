"""The residuals of a task with their exact Jacobian.

    objective = Σ weight · loss = ½ |r|²,      dr/dz = Σ_k (∂r/∂x_k S_k + ∂r/∂u_k du_k/dz) + ∂r/∂θ dθ/dz,      S_k = dx_k/dz

The states' share is taken by one of two recursions (`genesis.grad.sensitivities`): forward, a column for each free number, or in reverse, a
row for each residual that sees states, whichever are fewer. See docs/adjoints/sensitivities.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.grad.sensitivities import forward, reverse
from genesis.losses import Loss, SumOfSquares
from genesis.losses.seeds import Seeds, seeds
from genesis.losses.term import Squares
from genesis.methods.residuals import ResidualBlock
from genesis.parameters import Inputs
from genesis.scene.linear import LinearSteps, linear_steps, probe
from genesis.tasks.outside import InputDerivatives, outside, prior_jacobian
from genesis.tasks.task import PRIOR, Task, divergence, half_square
from genesis.view import TrajectoryView, View

LARGEST = 2**28  # numbers of the largest table
Way = Literal["forward", "reverse"]
#: S (T+1, B, nx, n) from the linearised steps, and what moves with z directly.
Moved = Callable[[LinearSteps, InputDerivatives], Tensor]


@dataclass
class Linearized:
    """Blocks: one for each term, its label the term's name, weights inside; half their squares add up to the objective.

    terms: weighted losses and priors by name. trajectory: what they have seen.
    """

    blocks: list[ResidualBlock]
    terms: dict[str, float]
    trajectory: View

    @property
    def objective(self) -> float:
        return sum(self.terms.values())


@dataclass(frozen=True)
class _Part:
    """Residuals (S, B, m) of one part of a loss, scaled so that half their squares add up to its share of the objective, and what they see."""

    loss: str
    squares: Squares
    scale: float
    seeds: Seeds

    @property
    def shape(self) -> tuple[int, int, int]:
        """(S, B, m)"""
        shape = self.squares.values.shape
        return (shape[0], 1, shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])


def expect_squares(losses: dict[str, tuple[float, Loss]]) -> dict[str, tuple[float, SumOfSquares]]:
    """The losses, if all are sums of squares. Raises: InputError naming one that is not."""
    made: dict[str, tuple[float, SumOfSquares]] = {}
    for name, (weight, loss) in losses.items():
        if not isinstance(loss, SumOfSquares) or weight < 0.0:
            what = f"has the weight {weight:g}, so it" if isinstance(loss, SumOfSquares) else "it"
            raise InputError(
                f"loss.{name}: {what} is no sum of squares; leave it out (loss.{name}.weight=0), or choose an optimizer that asks for "
                "gradients (lbfgs, lbfgsb, adam, ...) or for values (cmaes)."
            )
        made[name] = weight, loss
    return made


def linearize(task: Task, way: Way | None = None, simulated: tuple[View, Inputs] | None = None) -> Linearized:
    """Residuals and Jacobian at the task's present free numbers.

    Args:
        way: of the states' share; None: the cheaper one.
        simulated: what `task.simulate` gives at these numbers, where it is known, without a graph.
    Raises: DivergenceError; InputError for a loss that is no sum of squares.
    """
    with torch.no_grad():
        view, inputs = task.simulate() if simulated is None else simulated
    return linearized_run(task, inputs, view.trajectory, way)


def linearized_run(task: Task, inputs: Inputs, run: Any, way: Way | None = None, moved: Moved | None = None) -> Linearized:
    """`linearize` of a trajectory that these inputs made.

    Args:
        moved: how its states move with z (T+1, B, nx, n), where that is not the recursion from its start.
    """
    losses = expect_squares(task.losses)
    with torch.no_grad():
        at = probe(run, parameters=bool(inputs.physical))
        out = outside(task.setting, task.parameters, inputs, at.x.detach()[:-1])
    columns = task.setting.scene.rigid_solver.physics.columns(out.names)
    with torch.enable_grad():
        seen = TrajectoryView(at.trajectory)
        squares = {name: loss.residuals(seen) for name, (_, loss) in losses.items()}
    terms = {
        name: losses[name][0] * torch.stack([part.total().detach() for part in parts]).sum() for name, parts in squares.items()
    }
    known = prior_jacobian(task.parameters)
    if known is not None:
        terms[PRIOR] = cast(Tensor, half_square(known[0]))
    if not bool(torch.isfinite(torch.stack(list(terms.values()))).all()):
        raise divergence(seen, terms)
    with torch.enable_grad():
        parts = [
            _Part(name, part, (2.0 * losses[name][0] * part.share()) ** 0.5, seeds(part, at.leaves(), columns))
            for name, own in squares.items()
            for part in own
        ]
    with torch.no_grad():
        blocks = _blocks(parts, _tables(parts, linear_steps(run, out.names), out, way, moved))
    if known is not None:
        r, z = (part.double().cpu().numpy() for part in known)
        blocks.append(ResidualBlock(PRIOR, r, z))
    return Linearized(blocks, {name: float(value) for name, value in terms.items()}, seen)


def _tables(
    parts: Sequence[_Part], steps: LinearSteps, out: InputDerivatives, way: Way | None, moved: Moved | None
) -> list[Tensor]:
    """dr/dz (S, B, m, n) of every part, unscaled."""
    if out.feedback is not None:  # what a residual sees of controls, it sees of the states that they answer to
        steps = LinearSteps(steps.state + steps.controls @ out.feedback, steps.controls, steps.parameters)
        parts = [_closed(part, out.feedback) for part in parts]
    rows, columns = [_rows(part) for part in parts], out.controls.shape[-1]
    expect_room(steps, columns)
    few = moved is None and sum(map(len, rows)) < columns
    if way == "reverse" or (way is None and few):
        seen = _by_rows(parts, rows, steps, out)
    else:
        seen = _by_columns(parts, (moved or _moved)(steps, out), out)
    return [_with_direct(table, part, out) for part, table in zip(parts, seen, strict=True)]


def expect_room(steps: LinearSteps, columns: int) -> None:
    """Raises: InputError for a table that is too large to be made."""
    horizon, batch, nx, _ = steps.state.shape
    size = (horizon + 1) * batch * nx * columns
    if size > LARGEST:
        raise InputError(
            f"optimizer: the Jacobian of {horizon} steps of {batch} environments to {columns} free numbers has {size:.2g} entries, at most "
            f"{LARGEST:.2g} are made; choose an optimizer that asks for gradients, or fewer free numbers (parameter.*.count, hidden)."
        )


def _closed(part: _Part, feedback: Tensor) -> _Part:
    given = part.seeds.controls
    if given is None:
        return part
    state = given.new_zeros(*given.shape[:-1], feedback.shape[-1]) if part.seeds.state is None else part.seeds.state.clone()
    for j in range(given.shape[0]):
        there = feedback[part.squares.first + j :][: given.shape[1]]
        state[j, : len(there)] += given[j, : len(there)] @ there
    return _Part(part.loss, part.squares, part.scale, Seeds(state, given, part.seeds.parameters))


def _with_direct(made: Tensor, part: _Part, out: InputDerivatives) -> Tensor:
    """The states' share (S, B, m, n), in place, with ∂r/∂u du/dz + ∂r/∂θ dθ/dz."""
    given = part.seeds
    if given.controls is not None:
        _add_windows(made, given.controls, out.controls, part.squares.first)
    if given.parameters is not None:
        made += given.parameters @ out.parameters
    return made


def _moved(steps: LinearSteps, out: InputDerivatives) -> Tensor:
    """S (T+1, B, nx, n)"""
    return forward(steps.state, steps.controls @ out.controls + steps.parameters @ out.parameters, out.start)


def _by_columns(parts: Sequence[_Part], moved: Tensor, out: InputDerivatives) -> list[Tensor]:
    """Σ_k ∂r/∂x_k S_k by forward sensitivities S."""
    made = [out.start.new_zeros(*part.shape, out.start.shape[-1]) for part in parts]
    for table, part in zip(made, parts, strict=True):
        if part.seeds.state is not None:
            _add_windows(table, part.seeds.state, moved, part.squares.first)
    return made


def _add_windows(made: Tensor, given: Tensor, series: Tensor, first: int) -> None:
    """made (S, B, m, n) += Σ_j given (J, S, B, m, w)[j] @ series (T, B, w, n)[first + j :]; beyond the end of the series there is nothing."""
    for j in range(given.shape[0]):
        there = series[first + j :][: given.shape[1]]
        made[: len(there)] += given[j, : len(there)] @ there


def _rows(part: _Part) -> Tensor:
    """(R, 2): which residuals (s, k) of a part depend on states in some environment; excess within its range does not."""
    state = part.seeds.state
    return torch.zeros(0, 2, dtype=torch.int64) if state is None else (state != 0.0).any(-1).any(2).any(0).nonzero()


def _by_rows(parts: Sequence[_Part], rows: Sequence[Tensor], steps: LinearSteps, out: InputDerivatives) -> list[Tensor]:
    """The same by a sweep in reverse, all rows (R, 2) of the parts at once."""
    horizon, batch, nx, _ = steps.state.shape
    start = steps.state.new_zeros(horizon + 1, batch, sum(map(len, rows)), nx)
    places = torch.arange(start.shape[2]).split([len(own) for own in rows])
    for part, own, place in zip(parts, rows, places, strict=True):
        if part.seeds.state is not None:
            for j, state in enumerate(part.seeds.state):
                start[part.squares.first + j + own[:, 0], :, place] = state[own[:, 0], :, own[:, 1]]
    moved = reverse(steps.state, start)
    after = moved[1:]
    made = torch.einsum("tbru,tbun->brn", after @ steps.controls, out.controls) + moved[0] @ out.start
    if len(out.parameters):
        made += torch.einsum("tbrx,tbxf->brf", after, steps.parameters) @ out.parameters
    tables = [out.start.new_zeros(*part.shape, out.start.shape[-1]) for part in parts]
    for table, own, place in zip(tables, rows, places, strict=True):
        table[own[:, 0], :, own[:, 1]] = made[:, place].transpose(0, 1)
    return tables


def _blocks(parts: Sequence[_Part], tables: Sequence[Tensor]) -> list[ResidualBlock]:
    """Parts of one loss, one after the other, as numpy arrays."""
    made = []
    for name in dict.fromkeys(part.loss for part in parts):
        own = [(part, table) for part, table in zip(parts, tables, strict=True) if part.loss == name]
        r = torch.cat([part.scale * part.squares.values.detach().reshape(-1).double() for part, _ in own])
        z = torch.cat([part.scale * table.reshape(-1, table.shape[-1]).double() for part, table in own])
        made.append(ResidualBlock(name, r.cpu().numpy(), z.cpu().numpy()))
    return made
