"""Gradients of whole rollouts against extrapolated differences: every input, parameter, joint type and integrator."""

import numpy as np
import pytest
import torch

from genesis.grad.physics import CONSTANT_KINDS, Physics
from tests.dynamics.gradients import CONSTRAINED, DIFFERENTIABLE, STATE_INPUTS, VARIANTS, all_inputs, comparisons, loss, run
from tests.dynamics.systems import DT, SYSTEMS, system

TOLERANCE = 1e-7
BATCH = 5  # more than one block of lanes, the last one not full


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_input_of_a_rollout(engine, name, variant):
    """T = 100, three random directions each; the loss sees the first, intermediate and final states and accelerations."""
    found = comparisons(name, variant)
    worst = max(found, key=lambda k: found[k].error)
    print(f"{name:8s} {variant:15s} {len(found)} inputs, worst {worst} {found[worst].error:.1e}")
    assert {k: x.error for k, x in found.items() if not x.error <= TOLERANCE} == {}


def test_every_input_has_been_differentiated_where_it_matters(engine):
    """No input passes the test above only because nothing depends on it. (Friction laws: tests/dynamics/test_friction_laws.py.)"""
    seen = {k for name in SYSTEMS for k, x in comparisons(name, "euler").items() if np.abs(x.difference).min() > 1e-4}
    assert seen == {k for k in DIFFERENTIABLE if not k.startswith(CONSTRAINED) and not k.endswith("frictionlaw")}


def batched(name: str) -> dict[str, torch.Tensor]:
    """Inputs (B, ...) of environments that all differ, parameters included."""
    generator, rows = torch.Generator().manual_seed(4), {}
    for key, value in all_inputs(system(name)).items():
        scale = 1.0 + 0.05 * torch.rand(BATCH, *value.shape, generator=generator, dtype=value.dtype)
        rows[key] = value * scale if key not in CONSTANT_KINDS else value.expand(BATCH, *value.shape).clone()
    return rows


def gradients(physics: Physics, name: str, inputs: dict[str, torch.Tensor], weights: torch.Tensor) -> dict[str, torch.Tensor]:
    leaves = {k: x.clone().requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
    (run(physics, system(name), leaves) * weights).sum().backward()
    return {k: x.grad for k, x in leaves.items() if k not in CONSTANT_KINDS}


def assert_same(actual: torch.Tensor, expected: torch.Tensor, what: str, tolerance: float = 1e-11) -> None:
    assert actual.shape == expected.shape, what
    assert float((actual - expected).abs().max()) <= tolerance * max(float(expected.abs().max()), 1e-3), what


@pytest.mark.parametrize("variant", ["euler", "implicitfast", "implicit", "rk4-substeps"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_batch_gradients_are_those_of_each_environment(engine, name, variant):
    """Lanes of several environments give what one environment alone gives, parameters of each environment included."""
    physics, inputs = Physics(system(name).model, dt=DT, **VARIANTS[variant]), batched(name)
    weights = torch.linspace(0.5, 2.0, BATCH, dtype=torch.float64)
    together = gradients(physics, name, inputs, weights)
    for e in range(BATCH):
        alone = gradients(physics, name, {k: x[e : e + 1] for k, x in inputs.items()}, weights[e : e + 1])
        for key, value in alone.items():
            assert_same(together[key][e : e + 1], value, f"{key} of environment {e}")


@pytest.mark.parametrize("name", SYSTEMS)
def test_shared_parameters_collect_all_environments(engine, name):
    physics, inputs = Physics(system(name).model, dt=DT), batched(name)
    shared = {k: x if k in STATE_INPUTS else x[:1] for k, x in inputs.items()}
    weights = torch.linspace(0.5, 2.0, BATCH, dtype=torch.float64)
    rows = gradients(physics, name, {k: x.expand(BATCH, *x.shape[1:]) for k, x in shared.items()}, weights)
    once = gradients(physics, name, {k: x if k in STATE_INPUTS else x[0] for k, x in shared.items()}, weights)
    for key, value in once.items():
        assert_same(value, rows[key] if key in STATE_INPUTS else rows[key].sum(0), key)


@pytest.mark.parametrize("name", SYSTEMS)
def test_steps_in_a_loop_are_the_rollout(engine, name):
    """Ten single steps chained by torch: same states, same gradients of every input."""
    s, T = system(name), 10
    physics, inputs = Physics(s.model, dt=DT, substeps=2), {k: x[None] for k, x in all_inputs(s).items()}
    for k in ("dof_ctrl", "act_ctrl", "wrench"):
        if k in inputs:
            inputs[k] = inputs[k][:, :T]
    results = []
    for fused in (True, False):
        leaves = {k: x.clone().requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
        theta = physics.pack({k: x for k, x in leaves.items() if k not in STATE_INPUTS})
        controls = [leaves[k].movedim(0, 1) if k in leaves else None for k in ("dof_ctrl", "act_ctrl", "wrench")]
        if fused:
            q, v, a = physics.rollout(theta, leaves["qpos"], leaves["qvel"], *controls)
        else:
            states, qacc = [(leaves["qpos"], leaves["qvel"])], []
            for t in range(T):
                *state, acc = physics.step(theta, *states[-1], *(None if x is None else x[t] for x in controls))
                states.append(tuple(state))
                qacc.append(acc)
            q, v, a = torch.stack([x for x, _ in states]), torch.stack([x for _, x in states]), torch.stack(qacc)
        objective = (q.cos().sum(0) ** 2).sum() + (v**2).sum() + 1e-3 * (a**2).sum()
        objective.backward()
        results.append((q.detach(), v.detach(), a.detach(), {k: x.grad for k, x in leaves.items() if x.grad is not None}))
    for what, one, other in zip(("qpos", "qvel", "qacc"), results[0], results[1], strict=False):
        assert_same(one, other, what, 1e-13)
    for key, value in results[0][3].items():
        assert_same(results[1][3][key], value, f"gradient of {key}")


def test_the_first_state_of_a_rollout_is_its_input(engine):
    """The gradient of row 0 goes straight to the inputs, quaternions as they are."""
    s = system("floater")
    physics = Physics(s.model, dt=DT)
    q0, v0 = (2.0 * s.qpos[None]).requires_grad_(), s.qvel[None].clone().requires_grad_()
    q, v, _ = physics.rollout(physics.pack(), q0, v0, s.dof_ctrl[:, None])
    wq, wv = torch.randn_like(q0), torch.randn_like(v0)
    ((wq * q[0]).sum() + (wv * v[0]).sum()).backward()
    torch.testing.assert_close((q0.grad, v0.grad), (wq, wv), rtol=0, atol=0)


def test_loss_weights_reach_every_output(engine):
    """The loss of these tests depends on every state and acceleration that it names."""
    s = system("arm")
    shapes = ((s.horizon + 1, 1, s.model.nq), (s.horizon + 1, 1, s.model.nv), (s.horizon, 1, s.model.nv))
    outputs = [torch.ones(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    loss(s, *outputs).sum().backward()
    times = [sorted(set(x.grad.abs().sum((1, 2)).nonzero()[:, 0].tolist())) for x in outputs]
    assert times == [[0, 50, 100], [0, 33, 100], [0, 50, 99]]
