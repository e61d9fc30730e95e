"""Gradients of rollouts with constraints, input by input, against central differences at the scale that suits each."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from genesis.grad.physics import CONSTANT_KINDS, Physics
from tests.dynamics.constraints.scenes import Scene, physics_of, scene
from tests.dynamics.conversions import quaternions
from tests.dynamics.gradients import STATE_INPUTS, direction, run

DIRECTIONS = 3
CHUNK = 256  # environments at a time
SCALES = (3e-4, 1e-4, 1e-5, 1e-6, 2e-7)  # the last for states that lie within a millionth of a kink
OFFSETS = tuple(s * h for h in SCALES for s in (1.0, -1.0, 0.5, -0.5))
RELATIVE = ("solref", "solreffriction", "solimp", "frictionloss")  # every entry by its own size; dry friction of zero stays zero
FACTOR = {
    "act_bias1": 1e-3,
    "act_bias2": 1e-3,
    "dof_kp": 0.03,
    "dof_kv": 0.03,
}  # zero here, and a direction goes by the size of values
SMALL = 1e-2  # of the largest of the three derivatives: below, a derivative is small because its parts cancel
NOTHING = 1e-3  # a derivative below counts as this: differences of a loss of order one to a hundred see no more


def extrapolated(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(derivative, its estimated error) from values (..., OFFSETS): fourth order at each scale, the scale of least disagreement."""
    pairs = values.reshape(*values.shape[:-1], len(SCALES), 2, 2)
    steps = np.array(SCALES)[:, None] * np.array([1.0, 0.5])
    coarse, fine = np.moveaxis((pairs[..., 0] - pairs[..., 1]) / (2.0 * steps), -1, 0)
    size = np.abs(values).max(-1, keepdims=True)
    best, doubt = fine + (fine - coarse) / 3.0, np.abs(fine - coarse) + 1e-15 * size / np.array(SCALES)
    at = doubt.argmin(-1)[..., None]
    return np.take_along_axis(best, at, -1)[..., 0], np.take_along_axis(doubt, at, -1)[..., 0]


def inputs_of(s: Scene) -> dict[str, torch.Tensor]:
    """All inputs by name; quaternions are not of unit length."""
    inputs = {k: x.clone() for k, x in s.physics.defaults.items() if x.numel()}
    inputs |= {k: getattr(s.system, k).clone() for k in STATE_INPUTS}
    if "geom_friction" in inputs:  # the larger of two equal coefficients has no gradient
        inputs["geom_friction"] *= 1.0 + 0.01 * torch.arange(len(inputs["geom_friction"]))[:, None]
    inputs["dof_armature"] += 1e-3
    for q, _ in quaternions(s.model):
        inputs["qpos"][q : q + 4] *= 1.3
    return {k: x for k, x in inputs.items() if x.numel()}


def directions(name: str, value: torch.Tensor, generator: torch.Generator) -> list[torch.Tensor]:
    found = [direction(value, generator) * FACTOR.get(name, 1.0) for _ in range(DIRECTIONS)]
    return [d.sign() * d.abs().clamp(max=value.abs()) for d in found] if name.endswith(RELATIVE) else found


def differentiable(inputs: dict[str, torch.Tensor]) -> list[str]:
    return [k for k in inputs if k not in CONSTANT_KINDS]


def gradients(physics: Physics, s: Scene, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    leaves = {k: x.clone().requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
    run(physics, s.system, {k: x[None] if k in STATE_INPUTS else x for k, x in leaves.items()}).sum().backward()
    return {k: leaves[k].grad for k in differentiable(inputs)}


def shifted(physics: Physics, s: Scene, inputs: dict, along: dict, rows: list) -> np.ndarray:
    """Losses (rows,), each with one input moved along one of its directions."""
    batch = {k: x.expand(len(rows), *x.shape).clone() for k, x in inputs.items()}
    for row, (k, i, h) in enumerate(rows):
        batch[k][row] += h * along[k][i]
    with torch.no_grad():
        return run(physics, s.system, batch).numpy()


@dataclass(frozen=True)
class Comparison:
    """Derivatives (DIRECTIONS,) along random directions of one input: by the adjoint, by differences, and the latter's doubt."""

    adjoint: np.ndarray
    difference: np.ndarray
    doubt: np.ndarray

    @property
    def error(self) -> float:
        size = np.maximum(np.abs(self.difference), SMALL * np.abs(self.difference).max())
        return float(np.max(np.abs(self.adjoint - self.difference) / np.maximum(size, NOTHING)))


def compare(s: Scene) -> dict[str, Comparison]:
    """Every input of a scene: one backward pass, and one batched rollout for all the differences."""
    inputs, generator = inputs_of(s), torch.Generator().manual_seed(1)
    exact = gradients(s.physics, s, inputs)
    names = sorted(exact, key=lambda k: k.endswith("frictionlaw"))  # last: directions of the others stay what they were
    along = {k: directions(k, inputs[k], generator) for k in names}
    names = [k for k in names if any(bool(d.any()) for d in along[k])]
    rows = [(k, i, h) for k in names for i in range(DIRECTIONS) for h in OFFSETS]
    options = dict(integrator=s.physics.integrator, implicit_damping=s.physics.damping_dt > 0.0)
    physics = physics_of(s.model, s.physics.dt, **options)  # its memory goes with it
    values = np.concatenate(
        [shifted(physics, s, inputs, along, rows[k : k + CHUNK]) for k in range(0, len(rows), CHUNK)]
    ).reshape(len(names), DIRECTIONS, len(OFFSETS))
    best, doubt = extrapolated(values)
    found = {k: np.array([float((exact[k] * d).nansum()) for d in along[k]]) for k in names}
    return {k: Comparison(found[k], best[n], doubt[n]) for n, k in enumerate(names)}


@cache
def comparisons(name: str) -> dict[str, Comparison]:
    return compare(scene(name))
