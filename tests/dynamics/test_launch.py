"""Kernel launches bound by hand are the public ones: same numbers, whatever was launched before."""

import pytest
import torch

from genesis.dynamics.launch import LANES, lanes_for
from genesis.errors import InputError
from genesis.grad.launches import Launches
from genesis.grad.physics import Physics
from tests.dynamics.systems import DT, System, system


def run(physics: Physics, s: System, batch: int, horizon: int, optional: bool = True) -> list[torch.Tensor]:
    """Outputs and gradients of a rollout and of the functions of one state."""
    theta = physics.pack().requires_grad_()
    vary = torch.linspace(0.9, 1.1, batch, dtype=torch.float64)[:, None]
    q, v = (x * vary for x in (s.qpos, s.qvel))
    u, c, w = (x[:horizon, None].expand(horizon, batch, *x.shape[1:]) for x in (s.dof_ctrl, s.act_ctrl, s.wrench))
    leaves = [x.clone().requires_grad_() for x in (q, v, u, c, w)]
    if not optional:
        leaves = leaves[:3]
    outputs = [*physics.rollout(theta, *leaves), *physics.kinematics(theta, *leaves[:2]), physics.bias(theta, *leaves[:2])]
    grads = torch.autograd.grad(sum((x**2).sum() for x in outputs), [theta, *leaves])
    return [x.detach() for x in (*outputs, *grads)]


@pytest.mark.parametrize("batch", [1, 6])
def test_bound_and_public_launches_agree(engine, batch):
    s = system("floater")
    physics = [Physics(s.model, dt=DT) for _ in range(2)]
    launches: Launches = physics[1].launches(batch)
    for kind, evaluations in ((physics[1].integrator, 7), ("kinematics", 8), ("inverse", 8)):
        for launcher in launches.launchers(kind, evaluations):
            launcher.public = True
    expected, found = (run(p, s, batch, 7) for p in physics)
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0)


@pytest.mark.parametrize("integrator", ["Euler", "RK4"])
def test_small_launches_give_what_large_ones_give(engine, integrator, monkeypatch):
    """In the calling thread or shared out among Taichi's: the same bits."""
    s = system("floater")
    found = run(Physics(s.model, dt=DT, integrator=integrator), s, 6, 7)
    monkeypatch.setattr("genesis.grad.launches.SMALL", 0)
    for x, y in zip(found, run(Physics(s.model, dt=DT, integrator=integrator), s, 6, 7), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0)


@pytest.mark.parametrize("integrator", ["Euler", "RK4"])
def test_scratch_on_the_stack_holds_what_it_holds_in_an_array(engine, integrator, monkeypatch):
    """Of a model too large for the stack; with the parameters' gradients, and with the dynamics on a tape. The same bits."""

    def everything() -> list[torch.Tensor]:
        s = system("floater")
        physics = Physics(s.model, dt=DT, integrator=integrator)
        leaves = [x.clone().requires_grad_() for x in (s.qpos[None], s.qvel[None], s.dof_ctrl[:7, None], s.act_ctrl[:7, None])]
        outputs = physics.rollout(physics.pack(), *leaves)
        return [*run(physics, s, 1, 7), *torch.autograd.grad(sum((x**2).sum() for x in outputs), leaves)]

    near = everything()
    monkeypatch.setattr("genesis.dynamics.launch.NEAR", 0)
    for x, y in zip(near, everything(), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0)


def test_launches_of_different_shapes_do_not_disturb_each_other(engine):
    """Batch sizes, horizons, optional inputs and integrators in turn, each as in a Physics of its own."""
    s = system("arm")
    shared = {k: Physics(s.model, dt=DT, integrator=k) for k in ("Euler", "RK4")}
    kinds = [(1, 3, True), (6, 5, True), (6, 3, False), (1, 5, False), (1, 3, True), (6, 5, True)]
    for integrator in shared:
        for kind in kinds:
            expected = run(Physics(s.model, dt=DT, integrator=integrator), s, *kind)
            for x, y in zip(run(shared[integrator], s, *kind), expected, strict=True):
                torch.testing.assert_close(x, y, rtol=0, atol=0)


def test_robots_share_kernels_and_nothing_else(engine):
    """Rollouts of several robots in turn."""
    physics = {name: Physics(system(name).model, dt=DT) for name in ("arm", "floater", "pair")}
    expected = {name: run(Physics(system(name).model, dt=DT), system(name), 5, 4) for name in physics}
    for _ in range(2):
        for name, p in physics.items():
            for x, y in zip(run(p, system(name), 5, 4), expected[name], strict=True):
                torch.testing.assert_close(x, y, rtol=0, atol=0)


def test_one_environment_has_no_lanes(engine):
    assert lanes_for(1) == 1
    assert {lanes_for(n) for n in (2, 3, 100)} == {LANES[lane_float()]}


def test_more_environments_than_a_kernel_addresses_are_refused(engine, monkeypatch):
    """Before memory is taken, with the largest number that fits."""
    physics = Physics(system("arm").model, dt=DT)
    scratch = physics.launches(4).scratch_stride
    monkeypatch.setattr("genesis.grad.launches.ADDRESSES", 5 * scratch)
    with pytest.raises(InputError, match="100 environments .* at most 16"):
        physics.launches(100)
    assert physics.launches(16).blocks == 4


def lane_float():
    from genesis import runtime

    return runtime.state().ti_float
