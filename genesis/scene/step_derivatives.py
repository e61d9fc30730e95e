"""Derivatives of control steps as a user sees them: in the tangent space of the configurations, to controls and parameters as given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.grad.controllers import parameter
from genesis.grad.linearization import linearization
from genesis.grad.physics import CONSTANT_KINDS, Physics
from genesis.grad.pull_back import refuse_transform
from genesis.grad.tensor import Tensor, plain, wrap
from genesis.scene.inputs import ArrayLike
from genesis.scene.linear import GAINS, entries
from genesis.scene.solver import RigidSolver

if TYPE_CHECKING:
    from genesis.scene.rollouts import Rollouts
    from genesis.scene.trajectory import Trajectory


@dataclass(frozen=True)
class StepDerivatives:
    """One control step at each of several states: x' ⊖ x'_0 = A (x ⊖ x_0) + B (u − u_0) + ...

    A tangent has 2 nv numbers, dq then dv. Where a joint turns by a quaternion, dq is a rotation vector about the axes of the moved link,
    q ⊕ dq = q exp(dq / 2); all others are differences of coordinates.

    state: A ([T,] [n_envs,] 2nv, 2nv). controls: B (…, 2nv, nv), to the controls as they were given. act_ctrl: (…, 2nv, nu), to those of the
    actuators of model files; None where there were none. parameters: by name (…, 2nv, *shape of the parameter).
    """

    state: Tensor
    controls: Tensor
    act_ctrl: Tensor | None
    parameters: dict[str, Tensor]


@dataclass(frozen=True)
class Places:
    """Where to linearise: states (T, B, ·), dof_ctrl and controls, of parameters theta (P,) or (B, P) under controls of a kind.

    lead: the axes ([T,] [n_envs,]) of what is given back.
    """

    theta: torch.Tensor
    kind: str
    qpos: torch.Tensor
    qvel: torch.Tensor
    controls: torch.Tensor
    act_ctrl: torch.Tensor | None
    qacc: torch.Tensor | None
    lead: tuple[int, ...]

    def gain(self, physics: Physics) -> torch.Tensor | None:
        """By which controls are multiplied, (nv,) or (B, nv); None: by nothing."""
        return parameter(physics, self.theta, GAINS[self.kind]) if self.kind in GAINS else None

    def dof_ctrl(self, physics: Physics) -> torch.Tensor:
        """(T, B, nv)"""
        gain = self.gain(physics)
        return self.controls if gain is None else gain * self.controls


def at_states(
    rollouts: "Rollouts",
    where: str,
    qpos: ArrayLike,
    qvel: ArrayLike,
    controls: ArrayLike | None,
    kind: str,
    act_ctrl: ArrayLike | None,
    params: Mapping[str, ArrayLike] | None,
) -> Places:
    """What `Scene.linearize` is given. Raises: InputError, UnknownNameError."""
    refuse_transform(where)
    solver, model = rollouts._solver, rollouts._solver.model
    given = {
        "qpos": (qpos, model.nq),
        "qvel": (qvel, model.nv),
        "controls": (controls, model.nv),
        "act_ctrl": (act_ctrl, model.nu),
    }
    series = {name: _series(solver, x, f"{where}: {name}", n) for name, (x, n) in given.items() if x is not None}
    counts = {name: count for name, (_, count) in series.items() if count is not None}
    horizon = max(counts.values(), default=1)
    if any(count not in (1, horizon) for count in counts.values()):
        raise InputError(
            f"{where}: {', '.join(f'{name} has {n} states' for name, n in counts.items())}; allowed: the same number."
        )
    x = {name: value.expand(horizon, -1, -1) for name, (value, _) in series.items()}
    if not (rollouts._turned(x["qpos"]) and all(bool(torch.isfinite(value).all()) for value in x.values())):
        for k in range(horizon):  # the first state with something wrong says what
            driven = {name: x[name][k : k + 1] if name in x else None for name in ("controls", "act_ctrl")}
            rollouts._complain(
                f"{where}: state {k}" if counts else where, driven, {name: x[name][k] for name in ("qpos", "qvel")}
            )
    theta, _ = rollouts._driven(where, kind, None, params)
    lead = ((horizon,) if counts else ()) + ((solver.rows,) if solver.n_envs else ())
    still = torch.zeros_like(x["qvel"])
    return Places(theta.detach(), kind, x["qpos"], x["qvel"], x.get("controls", still), x.get("act_ctrl"), None, lead)


def along_trajectory(trajectory: "Trajectory", wanted: Sequence[str]) -> StepDerivatives:
    """See `Trajectory.linearization`."""
    solver, where = trajectory._solver, "Trajectory.linearization"
    refuse_transform(where)
    solver.alive()
    if trajectory._theta.dim() == 3:
        raise InputError(
            f"{where}: every state has parameters of its own; allowed: a trajectory of scene.rollout or scene.trajectory."
        )

    def batched(x: torch.Tensor | None) -> torch.Tensor | None:
        return None if x is None else (x.unsqueeze(1) if trajectory._flat else x).detach()

    q, v, a = (batched(plain(x)) for x in (trajectory.qpos, trajectory.qvel, trajectory.qacc))
    assert q is not None and v is not None
    u = batched(trajectory._controls)
    lead = tuple(trajectory.qacc.shape[:-1])
    places = Places(
        trajectory._theta.detach(), trajectory.kind, q[:-1], v[:-1], torch.zeros_like(v[:-1]) if u is None else u,
        batched(trajectory._act_ctrl), a if trajectory.simulated else None, lead,
    )  # fmt: skip
    return linearized(solver, places, wanted, where)


def _series(solver: RigidSolver, value: ArrayLike, what: str, width: int) -> tuple[torch.Tensor, int | None]:
    """(T or 1, B, width) from ([T,] [n_envs,] width), and T where it is given; (width,) stands for all environments."""
    made = solver.inputs.tensor(value, what, keep_graph=False)
    one = (solver.rows, width) if solver.n_envs else (width,)
    if made.shape in ((width,), one):
        return made.expand(1, solver.rows, width), None
    if made.ndim == len(one) + 1 and made.shape[1:] == one and len(made):
        return made.reshape(-1, solver.rows, width), len(made)
    envs = f"{solver.rows}, " if solver.n_envs else ""
    allowed = [f"({width},)", *([f"({envs}{width})"] if envs else []), f"(T, {envs}{width})"]
    raise InputError(f"{what} has shape {tuple(made.shape)}; allowed: {' or '.join(allowed)}, T at least 1.")


def linearized(solver: RigidSolver, at: Places, wanted: Sequence[str], where: str) -> StepDerivatives:
    """One launch, or a few for thousands of states. Raises: DivergenceError, ContactOverflowError, UnknownNameError, UnsupportedError."""
    physics, spans = solver.physics, _spans(solver, wanted, where)
    horizon, batch = at.qpos.shape[:2]
    theta, gain = at.theta if at.theta.dim() == 1 else at.theta.repeat(horizon, 1), at.gain(physics)

    def flat(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(0, 1).contiguous()

    made = linearization(
        physics, theta, flat(at.qpos), flat(at.qvel), flat(at.dof_ctrl(physics)), None if at.act_ctrl is None else flat(at.act_ctrl),
        physics.columns(wanted), None if at.qacc is None else flat(at.qacc),
    )  # fmt: skip
    to_dof_ctrl = made.dof_ctrl.unflatten(0, (horizon, batch))
    to_controls = to_dof_ctrl if gain is None else to_dof_ctrl * gain.unsqueeze(-2)

    def give(x: torch.Tensor, axes: int) -> Tensor:
        return wrap(x.reshape(*at.lead, *x.shape[axes:]), solver.scene)

    parameters, first = {}, 0
    for name, count in spans.items():
        rows = made.parameters[..., first : first + count].unflatten(0, (horizon, batch))
        if GAINS.get(at.kind) == name:  # the controls are multiplied by it
            rows = rows + to_dof_ctrl * at.controls.unsqueeze(-2)
        parameters[name] = give(_as_given(solver, at, name, rows), 2)
        first += count
    act_ctrl = None if made.act_ctrl is None else give(made.act_ctrl, 1)
    return StepDerivatives(give(made.state, 1), give(to_controls, 2), act_ctrl, parameters)


def _spans(solver: RigidSolver, wanted: Sequence[str], where: str) -> dict[str, int]:
    """Numbers of each wanted parameter. Raises: UnknownNameError, UnsupportedError."""
    offsets = solver.model.parameter_offsets
    for name in wanted:
        if name not in offsets:
            raise unknown_name(f"{where}: wanted", "parameter", name, offsets)
        if name in CONSTANT_KINDS:
            raise UnsupportedError(f'{where}: wanted: no derivative is implemented for parameter "{name}".')
    return {name: offsets[name][1] for name in wanted}


def _as_given(solver: RigidSolver, at: Places, name: str, rows: torch.Tensor) -> torch.Tensor:
    """Rows (T, B, 2nv, F) to the numbers of a parameter in theta, as rows (T, B, 2nv, *shape) to the parameter."""
    shape = solver.parameters.described(name).shape[1:]
    value = parameter(solver.physics, at.theta, name).reshape(-1, *shape)  # (1 or B, *shape)
    turn = torch.func.vmap(torch.func.jacfwd(lambda x: entries(solver, at.kind, {name: x})))(value)  # (1 or B, F, *shape)
    flat = rows @ turn.flatten(2)
    return flat.unflatten(-1, shape) if shape else flat.squeeze(-1)
