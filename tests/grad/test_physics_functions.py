"""Every function of Physics by the dot-product test: (J x) . y = x . (J^T y), J x by extrapolated differences."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from genesis.grad.physics import CONSTANT_KINDS, Physics
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.dynamics.gradients import STATE_INPUTS, all_inputs, direction
from tests.dynamics.systems import DT, SYSTEMS, system

PAIRS = 3  # of random x and y
Inputs = dict[str, torch.Tensor]


def stacked(outputs) -> torch.Tensor:
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return torch.cat([x.reshape(-1) for x in outputs])


def dot_product_error(function: Callable[[Inputs], torch.Tensor], inputs: Inputs) -> dict[str, float]:
    """For each input the largest |(J x) . y - x . (J^T y)|, relative to |J x| |y| (or to the output where it hardly moves)."""
    generator, errors = torch.Generator().manual_seed(2), {}
    leaves = {k: x.clone().requires_grad_() for k, x in inputs.items()}
    output = function(leaves)
    for key, value in inputs.items():
        for _ in range(PAIRS):
            x = direction(value, generator)
            y = torch.randn(output.shape, generator=generator, dtype=output.dtype)
            with torch.no_grad():
                values = torch.stack([function(inputs | {key: value + h * x}) for h in OFFSETS], -1).numpy()
            forward = torch.tensor(extrapolated(values)[0])
            (backward,) = torch.autograd.grad(output, leaves[key], y, retain_graph=True, materialize_grads=True)
            size = float(max(forward.norm(), 1e-3 * output.detach().norm()) * y.norm())
            errors[key] = max(errors.get(key, 0.0), abs(float(forward @ y - (x * backward).sum())) / size)
    return errors


class Case:
    """A system at one state, with parameters, motion, controls; ``B`` environments that differ in their states."""

    def __init__(self, name: str, batch: int) -> None:
        s = system(name)
        self.physics = Physics(s.model, dt=DT)
        inputs = all_inputs(s)
        rng = np.random.default_rng(8)
        vary = torch.tensor(1.0 + 0.1 * rng.random((batch, 1)))
        self.fixed = {k: x for k, x in inputs.items() if k in CONSTANT_KINDS}
        self.parameters = {k: x for k, x in inputs.items() if k not in CONSTANT_KINDS and k not in STATE_INPUTS}
        self.state = {"qpos": inputs["qpos"] * vary, "qvel": inputs["qvel"] * vary}
        self.controls = {k: inputs[k][:batch] for k in ("dof_ctrl", "act_ctrl", "wrench") if k in inputs}
        self.qacc = torch.tensor(rng.normal(size=(batch, s.model.nv)))

    def theta(self, x: Inputs) -> torch.Tensor:
        return self.physics.pack({k: x[k] for k in self.parameters} | self.fixed)

    def driven(self, method: str) -> Callable[[Inputs], torch.Tensor]:
        """A function of state and controls."""
        names = ("qpos", "qvel", "dof_ctrl", "act_ctrl", "wrench")
        return lambda x: stacked(getattr(self.physics, method)(self.theta(x), *(x.get(k) for k in names)))


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", SYSTEMS)
def test_link_states(engine, name, batch):
    c = Case(name, batch)
    errors = dot_product_error(lambda x: stacked(c.physics.kinematics(c.theta(x), x["qpos"], x["qvel"])), c.parameters | c.state)
    assert max(errors.values()) <= 1e-9, errors


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", SYSTEMS)
def test_inverse_dynamics(engine, name, batch):
    c = Case(name, batch)
    inputs = c.parameters | c.state | {"qacc": c.qacc}
    errors = dot_product_error(
        lambda x: c.physics.inverse_dynamics(c.theta(x), x["qpos"], x["qvel"], x["qacc"]).flatten(), inputs
    )
    assert max(errors.values()) <= 1e-9, errors


@pytest.mark.parametrize("name", SYSTEMS)
def test_mass_matrix_and_bias(engine, name):
    c = Case(name, 2)
    inputs = c.parameters | c.state
    errors = dot_product_error(lambda x: c.physics.mass_matrix(c.theta(x), x["qpos"]).flatten(), inputs)
    assert max(errors.values()) <= 1e-9, errors
    errors = dot_product_error(lambda x: c.physics.bias(c.theta(x), x["qpos"], x["qvel"]).flatten(), inputs)
    assert max(errors.values()) <= 1e-9, errors


@pytest.mark.parametrize("method", ["forward_dynamics", "step"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_forward_dynamics_and_step(engine, name, method):
    c = Case(name, 5)
    errors = dot_product_error(c.driven(method), c.parameters | c.state | c.controls)
    assert max(errors.values()) <= 1e-9, errors


@pytest.mark.parametrize("name", SYSTEMS)
def test_leading_axes_and_one_row_of_parameters_each(engine, name):
    """(S, B, n) and (B, P): the same numbers and gradients as sample by sample and environment by environment."""
    c, S, B = Case(name, 3), 2, 3
    q = torch.stack([c.state["qpos"], 0.9 * c.state["qpos"]]).requires_grad_()
    v = torch.stack([c.state["qvel"], -c.state["qvel"]]).requires_grad_()
    rows = {k: torch.stack([x * f for f in (1.0, 1.1, 0.9)]) for k, x in c.parameters.items()}
    theta = c.theta(rows).detach().requires_grad_()
    outputs = c.physics.kinematics(theta, q, v), (c.physics.mass_matrix(theta, q), c.physics.bias(theta, q, v))
    outputs = outputs[0] + outputs[1]
    weights = [torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(k)) for k, x in enumerate(outputs)]
    grads = torch.autograd.grad(outputs, (theta, q, v), weights)
    for e in range(B):
        row = theta[e].detach().requires_grad_()
        one_q, one_v = (x[:, e : e + 1].detach().requires_grad_() for x in (q, v))
        alone = c.physics.kinematics(row, one_q, one_v) + (c.physics.mass_matrix(row, one_q), c.physics.bias(row, one_q, one_v))
        for x, y in zip(alone, outputs, strict=True):
            torch.testing.assert_close(x, y[:, e : e + 1], rtol=1e-12, atol=1e-12)
        expected = torch.autograd.grad(alone, (row, one_q, one_v), [w[:, e : e + 1] for w in weights])
        for x, y in zip(expected, (grads[0][e], grads[1][:, e : e + 1], grads[2][:, e : e + 1]), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10 * float(x.abs().max()))
    assert outputs[0].shape == (S, B, c.physics.nlink, 3)


def test_one_state_without_axes(engine):
    """(n,) in, one state out."""
    c = Case("arm", 1)
    theta, q, v = c.theta(c.parameters), c.state["qpos"][0], c.state["qvel"][0]
    many = c.physics.kinematics(theta, q[None], v[None]) + (
        c.physics.mass_matrix(theta, q[None]),
        c.physics.bias(theta, q[None], v[None]),
    )
    one = c.physics.kinematics(theta, q, v) + (c.physics.mass_matrix(theta, q), c.physics.bias(theta, q, v))
    for x, y in zip(one, many, strict=True):
        torch.testing.assert_close(x, y[0], rtol=0, atol=0)
