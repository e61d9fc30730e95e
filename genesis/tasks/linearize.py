"""The residuals of a task with their exact Jacobian.

    objective = Σ weight · loss = ½ |r|²,      dr/dz = Σ_k (∂r/∂x_k S_k + ∂r/∂u_k du_k/dz) + ∂r/∂θ dθ/dz,      S_k = dx_k/dz

The states' share is taken by one of two recursions (`genesis.grad.sensitivities`): forward, a column for each free number, or in reverse, a
row for each residual that sees states, whichever are fewer. See docs/adjoints/sensitivities.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
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
    """Residuals (S, B, m) of one part of a loss, and what they see of states, controls and parameters times `scale`, with which half their
    squares add up to its share of the objective."""

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
    return linearized_run(task, inputs, view, way)


def linearized_run(task: Task, inputs: Inputs, view: View, way: Way | None = None, moved: Moved | None = None) -> Linearized:
    """`linearize` of a motion that these inputs made.

    Args:
        moved: how its states move with z (T+1, B, nx, n), where that is not the recursion from its start.
    """
    losses, run = expect_squares(task.losses), view.trajectory
    with torch.no_grad():
        at = probe(run, parameters=bool(inputs.physical))
        out = outside(task.setting, task.parameters, inputs, at.x.detach()[:-1])
    columns = task.setting.scene.rigid_solver.physics.columns(out.names)
    seen = TrajectoryView(at.trajectory)
    squares = {name: _residuals(loss, view, seen, graph=bool(out.names)) for name, (_, loss) in losses.items()}
    terms = {
        name: losses[name][0] * sum((part.total().detach() for part in parts[1:]), start=parts[0].total().detach())
        for name, parts in squares.items()
    }
    known = prior_jacobian(task.parameters)
    if known is not None:
        terms[PRIOR] = cast(Tensor, half_square(known[0]))
    if not bool(torch.isfinite(torch.stack(list(terms.values()))).all()):
        raise divergence(seen, terms)
    with torch.enable_grad():
        parts = [
            _part(name, part, (2.0 * losses[name][0] * part.share()) ** 0.5, seeds(part, at.leaves(), columns))
            for name, own in squares.items()
            for part in own
        ]
        parts = [part for part in parts if not _silent(part)]
    with torch.no_grad():
        tables = _tables(parts, linear_steps(run, out.names), out, way, moved)
        blocks = [_block(name, parts, tables, out.start.shape[-1]) for name in squares]
    if known is not None:
        r, z = (part.double().cpu().numpy() for part in known)
        blocks.append(ResidualBlock(PRIOR, r, z))
    return Linearized(blocks, {name: float(value) for name, value in terms.items()}, view)


def _residuals(loss: SumOfSquares, view: View, seen: View, *, graph: bool) -> list[Squares]:
    """Of a motion without a graph, which has computed much already, where all can be differentiated so; else, or with `graph`, of its probe."""
    if not graph:
        known = loss.residuals(view)
        if all(part.to_state is not None for part in known):
            return known
    with torch.enable_grad():
        return loss.residuals(seen)


def _part(name: str, squares: Squares, scale: float, unscaled: Seeds) -> _Part:
    tables = (unscaled.state, unscaled.controls, unscaled.parameters)
    return _Part(name, squares, scale, Seeds(*(None if table is None else scale * table for table in tables)))


def _tables(
    parts: Sequence[_Part], steps: LinearSteps, out: InputDerivatives, way: Way | None, moved: Moved | None
) -> list[Tensor]:
    """dr/dz (S, B, m, n) of every part."""
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


def _silent(part: _Part) -> bool:
    """Whether nothing of a part counts here, as of an excess within its range: no value, and no dependence on anything."""
    tables = (part.squares.values, part.seeds.state, part.seeds.controls, part.seeds.parameters)
    return not any(table is not None and bool(table.any()) for table in tables)


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
    for j, step in enumerate(part.squares.seen):
        there = feedback[part.squares.first + step :][: given.shape[1]]
        state[j, : len(there)] += given[j, : len(there)] @ there
    return _Part(part.loss, part.squares, part.scale, Seeds(state, given, part.seeds.parameters))


def _with_direct(seen: Tensor | None, part: _Part, out: InputDerivatives) -> Tensor:
    """The states' share (S, B, m, n), None if there is none, in place, with ∂r/∂u du/dz + ∂r/∂θ dθ/dz."""
    given, first = part.seeds, part.squares.first
    if seen is None and given.controls is not None and len(given.controls) == 1 and given.parameters is None:
        return given.controls[0] @ out.controls[first : first + part.shape[0]]
    made = out.start.new_zeros(*part.shape, out.start.shape[-1]) if seen is None else seen
    if given.controls is not None:
        _add_windows(made, part.squares, given.controls, out.controls)
    if given.parameters is not None:
        made += given.parameters @ out.parameters
    return made


def _moved(steps: LinearSteps, out: InputDerivatives) -> Tensor:
    """S (T+1, B, nx, n)"""
    return forward(steps.state, steps.controls @ out.controls + steps.parameters @ out.parameters, out.start)


def _by_columns(parts: Sequence[_Part], moved: Tensor, out: InputDerivatives) -> list[Tensor | None]:
    """Σ_k ∂r/∂x_k S_k by forward sensitivities S, of the parts that see states."""
    made: list[Tensor | None] = []
    for part in parts:
        table = None
        if part.seeds.state is not None:
            table = out.start.new_zeros(*part.shape, out.start.shape[-1])
            _add_windows(table, part.squares, part.seeds.state, moved)
        made.append(table)
    return made


def _add_windows(made: Tensor, rows: Squares, given: Tensor, series: Tensor) -> None:
    """made (S, B, m, n) += Σ_j given (J, S, B, m, w)[j] @ series (T, B, w, n)[first + seen[j] :]; beyond the end of the series there is
    nothing."""
    for j, step in enumerate(rows.seen):
        there = series[rows.first + step :][: given.shape[1]]
        made[: len(there)] += given[j, : len(there)] @ there


def _rows(part: _Part) -> Tensor:
    """(R, 2): which residuals (s, k) of a part depend on states in some environment; excess within its range does not."""
    state = part.seeds.state
    return torch.zeros(0, 2, dtype=torch.int64) if state is None else (state != 0.0).any(-1).any(2).any(0).nonzero()


def _by_rows(parts: Sequence[_Part], rows: Sequence[Tensor], steps: LinearSteps, out: InputDerivatives) -> list[Tensor | None]:
    """The same by a sweep in reverse, all rows (R, 2) of the parts at once."""
    horizon, batch, nx, _ = steps.state.shape
    start = steps.state.new_zeros(horizon + 1, batch, sum(map(len, rows)), nx)
    places = torch.arange(start.shape[2]).split([len(own) for own in rows])
    for part, own, place in zip(parts, rows, places, strict=True):
        if part.seeds.state is not None:
            for step, state in zip(part.squares.seen, part.seeds.state, strict=True):
                start[part.squares.first + step + own[:, 0], :, place] = state[own[:, 0], :, own[:, 1]]
    moved = reverse(steps.state, start)
    after = moved[1:]
    to_controls = (after @ steps.controls).permute(1, 2, 0, 3).flatten(2)  # (B, R, T nv)
    made = to_controls @ out.controls.transpose(0, 1).flatten(1, 2) + moved[0] @ out.start
    if len(out.parameters):
        made += torch.einsum("tbrx,tbxf->brf", after, steps.parameters) @ out.parameters
    tables: list[Tensor | None] = []
    for part, own, place in zip(parts, rows, places, strict=True):
        table = None
        if len(own):
            table = out.start.new_zeros(*part.shape, out.start.shape[-1])
            table[own[:, 0], :, own[:, 1]] = made[:, place].transpose(0, 1)
        tables.append(table)
    return tables


def _block(name: str, parts: Sequence[_Part], tables: Sequence[Tensor], n: int) -> ResidualBlock:
    """Parts of one loss, one after the other, as numpy arrays; without rows if none counts."""
    own = [(part, table) for part, table in zip(parts, tables, strict=True) if part.loss == name]
    if not own:
        return ResidualBlock(name, np.zeros(0), np.zeros((0, n)))
    r = [part.scale * part.squares.values.detach().reshape(-1).double() for part, _ in own]
    z = [table.reshape(-1, table.shape[-1]).double() for _, table in own]
    r_all, z_all = (x[0] if len(x) == 1 else torch.cat(x) for x in (r, z))
    return ResidualBlock(name, r_all.cpu().numpy(), z_all.cpu().numpy())
