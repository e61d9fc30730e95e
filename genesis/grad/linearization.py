"""Derivatives of one control step at many states, in the tangent space of the configurations.

    x' ⊖ x'_0 = A (x ⊖ x_0) + B (u − u_0) + ...,    x = (qpos, qvel)

One launch linearises a time step at hundreds of states (`genesis.dynamics.linearize`); substeps are linearised each and chained. Runge-Kutta
steps take a launch of the adjoint for every row instead (`adjoint_rows`). The rows are exact, as every adjoint here.
Source: Griewank, Walther, Evaluating Derivatives (2008), §3.2 (vector-Jacobian products).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.errors import DivergenceError
from genesis.grad.adjoint_rows import adjoint_rows
from genesis.grad.physics import Physics
from genesis.grad.rollout_launch import States

# States a launch, and how many there is memory for: enough to fill lanes and threads, few enough to stay in the cache; of few sizes, since
# each keeps memory.
CHUNK, ROOMS = 256, (4, 16, 64, 128, 192, 256)


@dataclass(frozen=True)
class Linearization:
    """At N states: state A (N, 2nv, 2nv), dof_ctrl B (N, 2nv, nv), act_ctrl (N, 2nv, nu) or None, parameters (N, 2nv, F)."""

    state: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None
    parameters: Tensor

    def tables(self) -> list[Tensor]:
        return [x for x in (self.state, self.dof_ctrl, self.act_ctrl, self.parameters) if x is not None]


@dataclass(frozen=True)
class LinearStep:
    """One control step at N states: the next state, the acceleration at its start (nv rows), and qpos' (N, nq) if it was simulated."""

    next: Linearization
    acceleration: Linearization
    qpos: Tensor | None


@dataclass(frozen=True)
class Where:
    """States, controls and parameters of a call, of all states or of a part."""

    theta: Tensor
    qpos: Tensor
    qvel: Tensor
    dof_ctrl: Tensor
    act_ctrl: Tensor | None
    qacc: Tensor | None

    def part(self, at: slice | Tensor) -> "Where":
        rows = (x if x is None else x[at] for x in (self.qpos, self.qvel, self.dof_ctrl, self.act_ctrl, self.qacc))
        return Where(self.theta if self.theta.dim() == 1 else self.theta[at], *rows)  # type: ignore[arg-type]


def linearization(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    act_ctrl: Tensor | None,
    columns: Tensor | None = None,
    qacc: Tensor | None = None,
) -> Linearization:
    """Linearise one control step.

    Args:
        theta: (P,) or (N, P). qpos (N, nq), qvel (N, nv), dof_ctrl (N, nv), act_ctrl (N, nu) or None: where.
        columns: (F,) entries of theta that derivatives are wanted to. qacc: (N, nv) accelerations of the first time step, where known.
    Raises: DivergenceError if a derivative is not finite, ContactOverflowError.
    """
    return linear_step(physics, theta, qpos, qvel, dof_ctrl, act_ctrl, columns, qacc).next


def linear_step(
    physics: Physics,
    theta: Tensor,
    qpos: Tensor,
    qvel: Tensor,
    dof_ctrl: Tensor,
    act_ctrl: Tensor | None,
    columns: Tensor | None = None,
    qacc: Tensor | None = None,
) -> LinearStep:
    """As `linearization`, with all that comes along."""
    if columns is None:
        columns = torch.zeros(0, dtype=torch.int64, device=qpos.device)
    where = Where(theta, qpos, qvel, dof_ctrl, act_ctrl, qacc)
    linearize = by_kernel if physics.stages == 1 else by_adjoints
    with torch.no_grad():
        made = [linearize(physics, where, part, room, columns) for part, room in _parts(len(qpos))]
    if len(made) == 1:
        return made[0]
    q = [x.qpos for x in made if x.qpos is not None]
    return LinearStep(_joined([x.next for x in made]), _joined([x.acceleration for x in made]), torch.cat(q) if q else None)


def _joined(parts: list[Linearization]) -> Linearization:
    state, *rest = (torch.cat(tables) for tables in zip(*(x.tables() for x in parts), strict=True))
    return Linearization(state, rest[0], rest[1] if len(rest) > 2 else None, rest[-1])


def _parts(count: int) -> Iterator[tuple[slice, int]]:
    """(states of a launch, how many it has memory for)."""
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        yield slice(first, first + size), min((room for room in ROOMS if room >= size), default=CHUNK)


def _forward(physics: Physics, where: Where, part: slice, room: int) -> tuple[States, Where, Tensor | None]:
    """(states after each time step and accelerations (n, room, ·), where that was, what has touched); the last state fills up the room."""
    at = torch.arange(part.start, part.start + room, device=where.qpos.device).clamp_(max=part.stop - 1)
    full, new, many = where.part(at), where.qpos.new_empty, physics.substeps
    launch = physics.launches(room).rollout(physics, 1, where.theta, where.act_ctrl, None, False)
    act_ctrl = physics.nothing if full.act_ctrl is None else full.act_ctrl
    states = (new(many, room, physics.nq), new(many, room, physics.nv), new(many * physics.stages, room, physics.nv))
    touched = launch.forward(full.theta, (full.dof_ctrl, act_ctrl, physics.nothing, full.qpos, full.qvel), states)
    return states, full, touched


def by_kernel(physics: Physics, where: Where, part: slice, room: int, columns: Tensor) -> LinearStep:
    """At the states of a part, for which there is so much room."""
    here, touched, states = where.part(part), None, None
    theta = here.theta
    if here.qacc is None or physics.substeps > 1 or physics.reach > 0.0:
        states, full, touched = _forward(physics, where, part, room)
        theta = full.theta
    elif theta.dim() == 2:
        theta = torch.cat([theta, theta[-1:].expand(room - len(theta), -1)])
    size, launches, chosen = len(here.qpos), physics.launches(room), columns.to(torch.int32)
    launch = launches.linearize(physics, size, len(columns), theta, here.act_ctrl)
    whole = acceleration = None
    accelerations = here.qacc[None] if here.qacc is not None and states is None else states[2][:, :size]  # type: ignore[index]
    q, v, dof_ctrl = here.qpos.contiguous(), here.qvel.contiguous(), here.dof_ctrl.contiguous()
    act_ctrl = None if here.act_ctrl is None else here.act_ctrl.contiguous()
    for k in range(physics.substeps):
        a = accelerations[k].contiguous()
        tables, rows = launch.run(theta, (q, v, a, dof_ctrl), act_ctrl, chosen, touched)
        made = Linearization(tables[0], tables[1], None if act_ctrl is None else tables[2], tables[3])
        _expect_finite(launches.end(launch.blocks), made, part.start)
        if acceleration is None:
            acceleration = _of_acceleration(physics, rows, act_ctrl is not None)
        whole = made if whole is None else _chained(whole, made)
        if states is not None and k + 1 < physics.substeps:
            q, v = states[0][k, :size], states[1][k, :size]
    assert whole is not None and acceleration is not None
    return LinearStep(whole, acceleration, None if states is None else states[0][-1, :size])


def _of_acceleration(physics: Physics, rows: Tensor, actuated: bool) -> Linearization:
    nv, nu = physics.nv, physics.nu
    state, dof_ctrl, act_ctrl, parameters = rows.split([2 * nv, nv, nu, rows.shape[-1] - 3 * nv - nu], -1)
    return Linearization(state, dof_ctrl, act_ctrl if actuated else None, parameters)


def _chained(first: Linearization, second: Linearization) -> Linearization:
    """One step after another, with the same controls."""

    def through(before: Tensor, direct: Tensor) -> Tensor:
        return torch.baddbmm(direct, second.state, before)

    act_ctrl = None
    if first.act_ctrl is not None and second.act_ctrl is not None:
        act_ctrl = through(first.act_ctrl, second.act_ctrl)
    return Linearization(
        second.state @ first.state,
        through(first.dof_ctrl, second.dof_ctrl),
        act_ctrl,
        through(first.parameters, second.parameters),
    )


def by_adjoints(physics: Physics, where: Where, part: slice, room: int, columns: Tensor) -> LinearStep:
    """The same by launches of the adjoint, for time integrations of any number of stages."""
    states, full, touched = _forward(physics, where, part, room)
    act_ctrl = physics.nothing if full.act_ctrl is None else full.act_ctrl
    inputs = (full.dof_ctrl, act_ctrl, physics.nothing, full.qpos, full.qvel)
    launch = physics.launches(room).rollout(physics, 1, where.theta, where.act_ctrl, None, False)
    size = part.stop - part.start
    rows = adjoint_rows(launch, full.theta, inputs, states, touched, columns)
    made = []
    for table in rows:
        state, dof_ctrl, act_rows, parameters = (x[:size] for x in table)
        made.append(Linearization(state, dof_ctrl, None if where.act_ctrl is None else act_rows, parameters))
    return LinearStep(made[0], made[1], states[0][-1, :size])


def _expect_finite(end: float, made: Linearization, first: int) -> None:
    """Raises: DivergenceError."""
    if abs(end) < float("inf"):
        return
    bad = [k for k in range(len(made.state)) if not all(bool(torch.isfinite(x[k]).all()) for x in made.tables())]
    env = first + bad[0] if bad else None
    raise DivergenceError(
        f"linearization: the derivative of the step is not finite at state {env}, though the state is; "
        "a constraint or a force there has none (try a smaller dt).",
        env=env, step=None, quantity="linearization",
    )  # fmt: skip
