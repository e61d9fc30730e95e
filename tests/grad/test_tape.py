"""The tape of a single environment: gradients with it are those without it, and it serves as often as it is asked."""

import pytest
import torch

from genesis.grad.physics import Physics
from tests.dynamics.systems import DT, SYSTEMS, system

HORIZON = 12


def start(physics: Physics, name: str, scale: float = 1.0) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(output, leaves) of a rollout whose adjoint is still to come: initial state, commands and actuator controls."""
    s = system(name)
    inputs = (s.qpos[None], scale * s.qvel[None], s.dof_ctrl[:HORIZON, None], s.act_ctrl[:HORIZON, None])
    leaves = [x.clone().requires_grad_() for x in inputs]
    q, v, a = physics.rollout(physics.pack(), *leaves)
    return (q**2).sum() + (q[2:5] * q[3:6]).sum() + (v**2).sum() + 0.1 * (a**2).sum(), leaves


def gradient(physics: Physics, name: str) -> list[torch.Tensor]:
    output, leaves = start(physics, name)
    return list(torch.autograd.grad(output, leaves))


def same(found, expected) -> None:
    for x, y in zip(found, expected, strict=True):
        size = float(y.abs().max()) if y.numel() else 0.0
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-13 * size)


@pytest.mark.parametrize("integrator", ["Euler", "RK4"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_gradients_with_and_without_a_tape_agree(engine, monkeypatch, name, integrator):
    """Also with several substeps; a tape that would be too long is not kept."""
    s, options = system(name), {"dt": DT, "integrator": integrator, "substeps": 2}
    taped = Physics(s.model, **options)
    found = gradient(taped, name)
    monkeypatch.setattr("genesis.grad.rollout_launch.LONGEST_TAPE", 10)
    again = Physics(s.model, **options)
    same(found, gradient(again, name))
    lengths = [[launch.tape for launch in p.launches(1)._rollouts.values()] for p in (taped, again)]
    assert lengths == [[HORIZON * 2 * taped.stages * taped.launches(1).tape_width], [0]]


def test_several_rollouts_keep_their_tapes(engine):
    """Two rollouts wait for their adjoints, and one of those runs twice."""
    physics = Physics(system("floater").model, dt=DT)
    one, leaves = start(physics, "floater")
    other, others = start(physics, "floater", scale=-1.0)
    first = torch.autograd.grad(one, leaves, retain_graph=True)
    second = torch.autograd.grad(other, others)
    same(torch.autograd.grad(one, leaves), first)
    same(first, gradient(physics, "floater"))
    output, leaves = start(physics, "floater", scale=-1.0)
    same(second, torch.autograd.grad(output, leaves))


def test_there_is_no_tape_where_it_would_not_serve(engine):
    """Several environments, wrenches, and steps one by one: memory would grow for little."""
    s = system("arm")
    physics = Physics(s.model, dt=DT)
    assert physics.launches(2).tape_width == 0
    physics.rollout(physics.pack(), s.qpos[None], s.qvel[None], s.dof_ctrl[:3, None], s.act_ctrl[:3, None], s.wrench[:3, None])
    assert [launch.tape for launch in physics.launches(1)._rollouts.values()] == [0]
