"""The parts of actor–critic methods by themselves."""

import numpy as np
import pytest
import torch

from genesis.methods.actor_critic.critic import Critic
from genesis.methods.actor_critic.training import Transitions, lambda_returns


def test_lambda_returns_are_the_weighted_sums_of_all_n_step_returns() -> None:
    """By their definition: G^λ = (1 − λ) Σ λ^(n−1) G^(n), the last of them with the weight that is left, and nothing behind an end."""
    rng, (h, envs), gamma, decay = np.random.default_rng(0), (6, 5), 0.9, 0.8
    rewards, values = (torch.from_numpy(rng.standard_normal((h, envs))) for _ in range(2))
    fell, late = torch.zeros(h, envs, dtype=torch.bool), torch.zeros(h, envs, dtype=torch.bool)
    fell[2, 1], late[3, 2], fell[5, 3], fell[0, 4], late[1, 4] = True, True, True, True, True
    got = lambda_returns(Transitions(values[..., None], values[..., None], rewards, fell, fell | late), values, gamma, decay)
    for b in range(envs):
        for t in range(h):
            end = next((k for k in range(t, h) if fell[k, b] or late[k, b]), h - 1)
            n_step = []
            for last in range(t, end + 1):
                value = 0.0 if fell[last, b] else float(values[last, b])
                n_step.append(
                    sum(gamma ** (k - t) * float(rewards[k, b]) for k in range(t, last + 1)) + gamma ** (last - t + 1) * value
                )
            weights = [(1 - decay) * decay**n for n in range(len(n_step))]
            weights[-1] = decay ** (len(n_step) - 1)
            assert float(got[t, b]) == pytest.approx(sum(w * x for w, x in zip(weights, n_step, strict=True)), rel=1e-12)


def critic(**options) -> Critic:
    usual = dict(
        hidden=(32,), activation="elu", members=2, lr=1e-2, betas=(0.9, 0.99), passes=40, batch=64, follow=0.5, clip_norm=10.0
    )
    return Critic(2, torch.zeros(1, dtype=torch.float64), 3, **{**usual, **options})


def test_a_critic_learns_a_function_and_its_slow_copy_follows() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = torch.randn(256, 2, generator=generator, dtype=torch.float64)
    wanted = seen[:, 0] ** 2 - seen[:, 1]
    learns = critic()
    start = [leaf.clone() for leaf in learns.target]
    learns.fit(seen, wanted)
    middle = [0.5 * (a + b.detach()) for a, b in zip(start, learns.leaves, strict=True)]
    for a, b in zip(middle, learns.target, strict=True):
        torch.testing.assert_close(a, b)
    for _ in range(8):
        learns.fit(seen, wanted)
    assert float(((learns.value(seen) - wanted) ** 2).mean()) < 0.02 * float(wanted.var())


def test_the_value_has_a_gradient_to_what_is_observed_and_none_to_its_weights() -> None:
    learns = critic()
    seen = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    learns.value(seen).sum().backward()
    assert seen.grad is not None and float(seen.grad.abs().min()) > 0.0 and all(leaf.grad is None for leaf in learns.leaves)


def test_members_differ_and_the_value_is_their_mean() -> None:
    learns, seen = critic(members=3), torch.randn(5, 2, dtype=torch.float64)
    each = learns._each(learns.target, seen)
    assert each.shape == (3, 5) and float((each[0] - each[1]).abs().max()) > 0.01
    torch.testing.assert_close(learns.value(seen), each.mean(0))
