"""Gradients of rollouts with constraints: every input and every parameter kind in three random directions, and batches."""

import numpy as np
import pytest
import torch

from genesis.grad.physics import CONSTANT_KINDS
from tests.dynamics.constraints.gradients import Comparison, compare, comparisons, inputs_of
from tests.dynamics.constraints.scenes import SCENES, SCREW_SCENES, scene, smooth
from tests.dynamics.gradients import DIFFERENTIABLE, STATE_INPUTS, run
from tests.grad.test_physics_gradients import assert_same

TOLERANCE = 1e-6
SMOOTH = ("limits", "branches pyramids damped", "contact3 pyramids", "contact6 cones-5", "explicit cones", "screws")
BATCH = 5  # more than one block of lanes, the last one not full
BATCHED = ("limits", "friction", "equality", "branches", "contact4 pyramids-5", "contact6 cones", "explicit cones-5")


def assert_small(name: str, found: dict[str, Comparison]) -> None:
    worst = max(found, key=lambda k: found[k].error)
    print(f"{name:22s} {len(found)} inputs, worst {worst} {found[worst].error:.1e} (differences {found[worst].doubt.max():.1e})")
    assert {k: x.error for k, x in found.items() if not x.error <= TOLERANCE} == {}


@pytest.mark.parametrize("name", (*SCENES, *SCREW_SCENES))
def test_every_input_of_a_rollout(engine, name):
    assert_small(name, comparisons(name))


@pytest.mark.parametrize("name", SMOOTH)
def test_every_input_with_the_smooth_law(engine, name):
    assert_small(f"{name}, smooth", compare(smooth(scene(name))))


NEW = ("dof_frictionloss", "dof_sol", "limit_", "eq_", "geom_", "xpair_")


def test_every_parameter_of_a_constraint_matters_somewhere(engine):
    """No parameter passes the tests above only because nothing depends on it."""
    seen = {k for name in SCENES for k, x in comparisons(name).items() if np.abs(x.difference).max() > 1e-4}
    assert {k for k in DIFFERENTIABLE if k.startswith(NEW)} <= seen


def varied(name: str) -> dict[str, torch.Tensor]:
    """Inputs (B, ...) of environments that all differ, parameters included."""
    generator, rows = torch.Generator().manual_seed(4), {}
    for key, value in inputs_of(scene(name)).items():
        scale = 1.0 + 0.02 * torch.rand(BATCH, *value.shape, generator=generator, dtype=value.dtype)
        rows[key] = value * scale if key not in CONSTANT_KINDS else value.expand(BATCH, *value.shape).clone()
    return rows


def value_and_gradients(name: str, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    s = scene(name)
    leaves = {k: x.clone().requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
    value = run(s.physics, s.system, leaves)
    value.sum().backward()
    return value.detach(), {k: x.grad for k, x in leaves.items() if k not in CONSTANT_KINDS}


@pytest.mark.parametrize("name", BATCHED)
def test_lanes_give_what_each_environment_gives(engine, name):
    inputs = varied(name)
    together, bars = value_and_gradients(name, inputs)
    for e in range(BATCH):
        alone, bar = value_and_gradients(name, {k: x[e : e + 1] for k, x in inputs.items()})
        assert_same(together[e : e + 1], alone, f"loss of environment {e}", 1e-12)
        for key, value in bar.items():
            assert_same(bars[key][e : e + 1], value, f"{key} of environment {e}", 1e-11)


@pytest.mark.parametrize("name", ["equality", "contact6 cones"])
def test_shared_parameters_collect_all_environments(engine, name):
    inputs = {k: x if k in STATE_INPUTS else x[:1].expand(BATCH, *x.shape[1:]) for k, x in varied(name).items()}
    _, rows = value_and_gradients(name, inputs)
    _, once = value_and_gradients(name, {k: x if k in STATE_INPUTS else x[0] for k, x in inputs.items()})
    for key, value in once.items():
        assert_same(value, rows[key] if key in STATE_INPUTS else rows[key].sum(0), key)
