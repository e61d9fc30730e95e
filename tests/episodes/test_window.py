"""Windows of episodes: their gradient, what is cut off, and where episodes begin anew."""

import copy

import numpy as np
import pytest
import torch

from genesis.grad.clipped import Clipped
from genesis.methods.method import move, point
from tests.episodes.trained import training

pytestmark = pytest.mark.usefixtures("engine")
HOPPER = ("task=run_hopper", "task.horizon=9")  # its episodes end within a window, by time and by falling
STEPS = 14


def value(observed: torch.Tensor) -> torch.Tensor:
    """Of the kind that a critic gives."""
    return torch.tanh(observed * torch.linspace(-0.4, 0.5, observed.shape[-1], dtype=observed.dtype)).sum(-1)


@pytest.mark.parametrize(
    "words",
    [(*HOPPER, "task.ends.fall.least=1.22"), ("task=cartpole_policy", "task.horizon=9"), ("task=run_ant",)],
    ids=lambda w: w[0],
)
def test_the_gradient_of_a_window_is_that_of_its_differences(words: tuple[str, ...]) -> None:
    """Through physics, contact, rewards, the policy and the input of the value; a lost factor or a graph that is cut shows."""
    _, problem = training(*words)
    problem.normaliser.mean += 0.1
    problem.normaliser.variance *= 1.3
    before = copy.deepcopy(problem.state.state_dict())

    def total() -> float:
        problem.state.load_state_dict(before)
        mean, scale = problem.normaliser.frozen()
        act = problem.task.actor.law(mean, scale, problem.state.generator)
        from genesis.episodes.window import roll

        found = roll(problem.episodes, problem.state, act, STEPS)
        envs = len(problem.state.age)
        return -float(problem._return(found, (found.reached - mean) * scale, value, 0.97)) / (STEPS * envs)

    problem.state.load_state_dict(before)
    found = problem.window(value, STEPS, 0.97, None)
    assert found is not None
    if len(words) > 1:
        assert bool((found.done & ~found.fell).any()), "an episode ends by time within the window"
    leaves = problem.groups[0].leaves
    exact = torch.cat([leaf.grad.reshape(-1) for leaf in leaves])
    here, rng, h = point(problem.groups), np.random.default_rng(0), 1e-6
    for _ in range(4):
        along = np.zeros_like(here)
        along[: exact.numel()] = rng.standard_normal(exact.numel())
        along /= np.linalg.norm(along)
        ends = []
        for side in (1.0, -1.0):
            move(problem.groups, here + side * h * along)
            with torch.no_grad():
                ends.append(total())
        slope = float(exact @ torch.from_numpy(along[: exact.numel()]))
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, rel=1e-6, abs=1e-6 * float(exact.norm()))
        move(problem.groups, here)


def test_pieces_begin_with_discount_one_and_only_cut_ones_have_a_value() -> None:
    _, problem = training("task=cartpole_policy", "task.envs=2")
    rewards = torch.tensor([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]], dtype=torch.float64)
    fell = torch.tensor([[False, False], [True, False], [False, False]])
    late = torch.tensor([[False, True], [False, False], [False, False]])
    from genesis.episodes.window import EpisodeWindow

    seen = torch.zeros(3, 2, problem.width, dtype=torch.float64)
    found = EpisodeWindow(seen, seen, seen, rewards, {}, fell, late, torch.zeros_like(fell))
    reached = torch.arange(6.0, dtype=torch.float64).reshape(3, 2, 1)
    got = problem._return(found, reached, lambda o: 10.0 * o[:, 0], 0.5)
    first = (1.0 + 0.5 * 2.0) + (
        4.0 + 0.5 * 10.0 * 4.0
    )  # it fell at the second step: nothing behind it; then a new episode, cut off
    second = (1.0 + 0.5 * 10.0 * 1.0) + (2.0 + 0.5 * 4.0 + 0.25 * 10.0 * 5.0)  # its time was over at the first step
    assert float(got) == pytest.approx(first + second)


def test_an_episode_that_ends_begins_anew_and_the_others_go_on() -> None:
    _, problem = training("task=run_hopper", "task.horizon=5", "task.envs=3")
    problem.state.age[1] = 2
    found = problem.window(None, 4, 1.0, None)
    assert found is not None and found.done.sum(0).tolist() == [0, 1, 0]
    assert problem.state.age.tolist() == [4, 1, 4]
    start = problem.task.setting.one_start()[0]
    seen = problem.found.seen[3, 1] if problem.found is not None else None
    assert seen is not None and float((seen[:5] - start[1:]).abs().max()) <= 0.03 + 1e-12, "a fresh start, within its spread"


def test_no_environment_has_a_longer_adjoint_than_asked() -> None:
    q, v = (torch.ones(3, n, dtype=torch.float64, requires_grad=True) for n in (4, 2))
    a, b = Clipped.apply(q, v, 0.5)
    weight = torch.tensor([[1e-3], [1.0], [1e3]], dtype=torch.float64)
    ((a * weight).sum() + (b * weight).sum()).backward()
    lengths = torch.cat([q.grad, v.grad], -1).norm(dim=-1)
    assert lengths.tolist() == pytest.approx([1e-3 * 6**0.5, 0.5, 0.5])


def test_an_environment_that_cannot_be_simulated_is_left_out() -> None:
    """It begins anew, is told, and no other one feels it."""
    problems = [training("task=cartpole_policy", "task.envs=3")[1] for _ in range(2)]
    problems[0].state.qvel[1] = 1e200
    found = [problem.window(value, 3, 0.9, None) for problem in problems]
    assert found[0] is not None and found[1] is not None
    assert problems[0].latest is not None and problems[0].latest.health["lost"] == 1.0 and bool(found[0].fell[0, 1])
    assert torch.isfinite(torch.cat([leaf.grad.reshape(-1) for leaf in problems[0].groups[0].leaves])).all()
    assert torch.equal(found[0].rewards[0, ::2], found[1].rewards[0, ::2]) and found[0].rewards[0, 1] == 0.0
