"""Gradients of rollouts that go a few steps back, or whose adjoint of the state is clipped, against a loop over single steps."""

import math
from typing import Any

import pytest
import torch

import genesis as gs
from genesis.errors import InputError
from tests.scene.conftest import make
from tests.scene.robots import ARM

T = 7


def given(*lead):
    draw = torch.Generator().manual_seed(3)
    u = torch.randn(T, *lead, 3, generator=draw, dtype=torch.float64).requires_grad_()
    q, v = (torch.randn(*lead, 3, generator=draw, dtype=torch.float64).mul_(0.3).requires_grad_() for _ in range(2))
    return u, q, v


def value(q, v):
    return (q**3).sum() + 2.0 * (v**2).sum()


def looped(scene, u, q, v, truncate, clip):
    """Gradients of the summed value of all states, by steps of their own."""
    states = [(q, v)]
    for t in range(T):
        before = tuple(x.detach() for x in states[-1]) if t and t % truncate == 0 else states[-1]
        after = scene.step_state(*before, u[t])
        if clip is not None:
            after = Clipped.apply(*after, clip)
        states.append(after)
    return torch.autograd.grad(sum(value(*state) for state in states), (u, q, v))


class Clipped(torch.autograd.Function):
    """A state as it is, whose adjoint is clipped in each environment."""

    @staticmethod
    def forward(ctx, q, v, clip):
        ctx.clip = clip
        return q.clone(), v.clone()

    @staticmethod
    def backward(ctx, q_bar, v_bar):
        factor = (ctx.clip / torch.cat((q_bar, v_bar), -1).norm(dim=-1, keepdim=True)).clamp(max=1.0)
        return factor * q_bar, factor * v_bar, None


def rolled(scene, u, q, v, **how):
    made = scene.rollout(u, qpos=q, qvel=v, **how)
    return torch.autograd.grad(value(made.qpos, made.qvel), (u, q, v))


@pytest.fixture(scope="module", params=[0, 3])
def scene(request, engine):
    return make(ARM, n_envs=request.param)[0]


@pytest.mark.parametrize(("truncate", "clip"), [(1, None), (3, None), (T - 1, None), (T, None), (100, 2.0), (3, 1.5)])
def test_a_loop_of_steps_has_the_same_gradient(scene, truncate, clip):
    numbers = given(*(3,) * bool(scene.n_envs))
    fast, slow = rolled(scene, *numbers, truncate=truncate, clip=clip), looped(scene, *numbers, truncate, clip)
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a.as_subclass(torch.Tensor), b.as_subclass(torch.Tensor), rtol=1e-10, atol=1e-11)
    if truncate < T or clip:
        assert not torch.allclose(fast[0], rolled(scene, *numbers)[0], rtol=1e-3)


def test_what_cuts_nothing_has_the_exact_bits(scene):
    numbers = given(*(3,) * bool(scene.n_envs))
    exact = rolled(scene, *numbers)
    for how in ({"truncate": T}, {"clip": math.inf}, {"clip": 1e300}, {"truncate": None, "clip": None}):
        assert all(torch.equal(a, b) for a, b in zip(rolled(scene, *numbers, **how), exact, strict=True))


def test_rollouts_before_and_after_are_their_own(scene):
    numbers = given(*(3,) * bool(scene.n_envs))
    exact, cut = rolled(scene, *numbers), rolled(scene, *numbers, truncate=2)
    made = scene.rollout(numbers[0], qpos=numbers[1], qvel=numbers[2], truncate=2)
    again = rolled(scene, *numbers)
    late = torch.autograd.grad(value(made.qpos, made.qvel), numbers)
    assert all(torch.equal(a, b) for a, b in zip(exact + cut, again + late, strict=True))


@pytest.mark.parametrize(
    ("how", "word"),
    [({"truncate": 0}, "truncate"), ({"truncate": 2.0}, "truncate"), ({"truncate": True}, "truncate"), ({"truncate": -1}, "truncate"),
     ({"clip": 0.0}, "clip"), ({"clip": -1.0}, "clip"), ({"clip": math.nan}, "clip"), ({"clip": "1"}, "clip")],
)  # fmt: skip
def test_what_is_no_number_of_steps_or_no_norm_is_refused(scene, how, word):
    numbers = given(*(3,) * bool(scene.n_envs))
    with pytest.raises(InputError, match=rf"scene.rollout: {word} is .*; allowed: "):
        scene.rollout(numbers[0], **how)


def test_torch_func_is_refused(engine):
    scene = make(ARM)[0]
    with pytest.raises(gs.InputError, match="torch.func"):
        torch.func.grad(lambda x: scene.rollout(x, truncate=2).qpos.sum())(torch.zeros(T, 3, dtype=torch.float64))


@pytest.mark.parametrize("how", [{"truncate": 5}, {"clip": 1e-3}])
def test_policies_are_cut_and_clipped_as_steps_by_hand(how: dict) -> None:
    """A task in closed loop against a loop of single steps with states that are detached, or clipped by a hook."""
    from tests.tasks.configured import configured

    _, task = configured("task=balance", "task.envs=3", "task.horizon=12")
    exact = _policy_gradient(task)
    for name, value in how.items():
        setattr(task.setting, name, value)
    made = _policy_gradient(task)
    assert not torch.allclose(made, exact)
    for name in how:
        setattr(task.setting, name, 12 if name == "truncate" else 1e300)
    assert torch.allclose(_policy_gradient(task), exact, rtol=1e-12, atol=0.0)


def _policy_gradient(task: Any) -> torch.Tensor:
    for parameter in task.parameters.values():
        for leaf in parameter.leaves():
            leaf.grad = None
    task.judge().objective.backward()
    return torch.cat([leaf.grad.reshape(-1) for parameter in task.parameters.values() for leaf in parameter.leaves()])
