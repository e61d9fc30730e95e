"""A scalar loss of a whole rollout, its gradient by the adjoint, and the same by extrapolated differences, input by input."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from genesis.grad.physics import CONSTANT_KINDS, Physics
from genesis.model.layout import PARAMETERS
from tests.dynamics.conversions import quaternions
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.dynamics.systems import DT, System, system

DIRECTIONS = 3
LIFTED, PRESSED = {"arm": 1, "floater": 0, "pair": 1}, {"floater": 1, "pair": 6}  # joints at a force bound all the time
STATE_INPUTS = ("qpos", "qvel", "dof_ctrl", "act_ctrl", "wrench")
VARIANTS = {
    "euler": {},
    "euler-explicit": {"implicit_damping": False},
    "euler-substeps": {"substeps": 3},
    "implicitfast": {"integrator": "implicitfast"},
    "implicit": {"integrator": "implicit"},
    "rk4": {"integrator": "RK4"},
    "rk4-substeps": {"integrator": "RK4", "substeps": 2},
}


def parameters_of(s: System) -> dict[str, torch.Tensor]:
    """Described values, with feedback gains, and bounds that hold some joints and actuators down for the whole rollout."""
    physics, rng = Physics(s.model, dt=DT), np.random.default_rng(11)
    values = {name: value.clone() for name, value in physics.defaults.items() if value.numel()}
    scalar = torch.tensor([float(k >= 0) for k in s.model.integers["dof_qadr"]])
    values["dof_kp"] = torch.tensor(rng.uniform(0.5, 1.5, s.model.nv)) * scalar
    values["dof_kv"] = torch.tensor(rng.uniform(0.05, 0.1, s.model.nv))
    if s.name in LIFTED:
        values["dof_force_lo"][LIFTED[s.name]] = 6.0
    if s.name in PRESSED:
        values["dof_force_hi"][PRESSED[s.name]] = -6.0
    return values


@cache
def loss_weights(s: System) -> tuple[torch.Tensor, ...]:
    generator, T = torch.Generator().manual_seed(3), s.horizon

    def weights(rows: int, times, size: int) -> torch.Tensor:
        w = torch.zeros(rows, 1, size, dtype=torch.float64)
        for t in times:
            w[t] = torch.randn(size, generator=generator, dtype=torch.float64)
        return w

    return (
        weights(T + 1, (0, T // 2, T), s.model.nq),
        weights(T + 1, (0, T // 3, T), s.model.nv),
        weights(T, (0, T // 2, T - 1), s.model.nv),
    )


def loss(s: System, q: torch.Tensor, v: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """(B,) from the start, intermediate and final states and accelerations, linear and quadratic."""
    wq, wv, wa = loss_weights(s)
    linear = (wq * q).sum((0, 2)) + (wv * v).sum((0, 2)) + 0.01 * (wa * a).sum((0, 2))
    return linear + 0.5 * (q[-1] ** 2).sum(-1) + 0.05 * (v[-1] ** 2).sum(-1)


@dataclass(frozen=True)
class Comparison:
    """Directional derivatives (DIRECTIONS,) of one input: by the adjoint, by differences, estimated error of the latter."""

    adjoint: np.ndarray
    difference: np.ndarray
    uncertainty: np.ndarray

    @property
    def error(self) -> float:
        """Largest relative difference over the directions."""
        return float(np.max(np.abs(self.adjoint - self.difference) / np.maximum(np.abs(self.difference), 1e-30)))


def run(physics: Physics, s: System, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Loss (B,) with inputs (B, ...) by name."""
    theta = physics.pack({k: x for k, x in inputs.items() if k not in STATE_INPUTS})
    controls = (inputs[k].movedim(0, 1) if k in inputs else None for k in ("dof_ctrl", "act_ctrl", "wrench"))
    return loss(s, *physics.rollout(theta, inputs["qpos"], inputs["qvel"], *controls))


# Parameters of constraints, which tests/dynamics/constraints differentiates where constraints act; a friction of zero is a kink.
CONSTRAINED = ("dof_frictionloss", "dof_sol", "limit_", "eq_", "geom_", "xpair_")


def all_inputs(s: System) -> dict[str, torch.Tensor]:
    """Inputs by name; quaternions of qpos are not of unit length, so that the gradient of the normalised one is seen."""
    inputs = parameters_of(s) | {k: getattr(s, k).clone() for k in STATE_INPUTS}
    for q, _ in quaternions(s.model):
        inputs["qpos"][q : q + 4] *= 1.3
    return {k: x for k, x in inputs.items() if x.numel() and not k.startswith(CONSTRAINED)}


def direction(value: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random, every entry by its own size; bounds at infinity stay there."""
    finite = torch.isfinite(value)
    size = torch.where(finite, value.abs(), 0.0)
    size = size + 0.05 * (size.max() if size.max() > 0.0 else 20.0)
    return torch.where(finite, torch.randn(value.shape, generator=generator, dtype=value.dtype) * size, 0.0)


@cache
def comparisons(name: str, variant: str) -> dict[str, Comparison]:
    """Every input of a system under one integrator: one backward pass, and one batched rollout for all the differences."""
    s = system(name)
    physics = Physics(s.model, dt=DT, **VARIANTS[variant])
    inputs, generator = all_inputs(s), torch.Generator().manual_seed(1)
    leaves = {k: x.clone().requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
    single = {k: x[None] if k in STATE_INPUTS else x for k, x in leaves.items()}
    run(physics, s, single).sum().backward()
    names = [k for k in inputs if k not in CONSTANT_KINDS]
    along = {k: [direction(inputs[k], generator) for _ in range(DIRECTIONS)] for k in names}
    rows = [(k, i, h) for k in names for i in range(DIRECTIONS) for h in OFFSETS]
    batch = {k: x.expand(len(rows), *x.shape).clone() for k, x in inputs.items()}
    for row, (k, i, h) in enumerate(rows):
        batch[k][row] += h * along[k][i]
    values = run(physics, s, batch).numpy().reshape(len(names), DIRECTIONS, len(OFFSETS))
    best, uncertainty = extrapolated(values)
    exact = {k: np.array([float((leaves[k].grad * d).sum()) for d in along[k]]) for k in names}
    return {k: Comparison(exact[k], best[n], uncertainty[n]) for n, k in enumerate(names)}


DIFFERENTIABLE = tuple(kind.name for kind in PARAMETERS if kind.name not in CONSTANT_KINDS) + STATE_INPUTS
