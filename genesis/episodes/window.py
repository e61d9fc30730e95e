"""A few steps of many environments under a policy, with the graph of everything that it was rewarded for."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis.episodes.episodes import Episodes, EpisodeState
from genesis.episodes.moments import Moments
from genesis.grad.clipped import Clipped

#: Actions (B, n) in [-1, 1] for observations (B, width).
Act = Callable[[Tensor], Tensor]


@dataclass
class EpisodeWindow:
    """h steps of B environments; step t goes from what is `seen` at t to what is `reached`, which is before an episode begins anew.

    seen, reached (h, B, width): observations, of these with their graph. actions (h, B, n). rewards (h, B) with their graph; terms: means
    of each, without its weight. fell (h, B): ended by a condition, or lost; late: by time; lost: could not be simulated.
    """

    seen: Tensor
    reached: Tensor
    actions: Tensor
    rewards: Tensor
    terms: dict[str, float]
    fell: Tensor
    late: Tensor
    lost: Tensor

    @property
    def done(self) -> Tensor:
        """(h, B)"""
        return self.fell | self.late


def roll(episodes: Episodes, state: EpisodeState, act: Act, steps: int, clip: float | None = None) -> EpisodeWindow:
    """So many steps from a state, which goes on, without a graph, where the window ends.

    clip: largest norm of the adjoint of each environment's state at each step; None: as it comes.
    Raises: ContactOverflowError.
    """
    state.detached()
    seen, reached, actions, before, states, targets = [], [], [], [], [], []
    fell, late, lost = [], [], []
    observed = episodes.observe(episodes.now(state), state.generator)
    for _ in range(steps):
        seen.append(observed.detach())
        action = act(observed)
        if clip is not None and (state.qpos.requires_grad or state.qvel.requires_grad):
            state.qpos, state.qvel = Clipped.apply(state.qpos, state.qvel, clip)
        gone = episodes.advance(state, action)
        actions.append(state.action)
        before.append(state.before)
        targets.append(dict(state.targets))
        states.append((state.qpos, state.qvel))
        now = episodes.now(state)
        fallen, over = episodes.fell(now) | gone, episodes.late(state)
        observed = episodes.observe(now, state.generator)
        reached.append(observed)
        fell.append(fallen)
        late.append(over & ~fallen)
        lost.append(gone)
        done = fallen | over
        if bool(done.any()):
            episodes.renew(state, done)
            with torch.no_grad():
                fresh = episodes.observe(episodes.now(state), state.generator)
            observed = torch.where(done.unsqueeze(-1), fresh, observed)
    whole = Moments(
        episodes.physics, state.theta, torch.stack([q for q, _ in states]), torch.stack([v for _, v in states]),
        torch.stack(actions), torch.stack(before),
        {name: torch.stack([one[name] for one in targets]) for name in episodes.targets},
    )  # fmt: skip
    terms = episodes.terms(whole)
    rewards, gone = episodes.total(terms), torch.stack(lost)
    if bool(gone.any()):
        rewards = torch.where(gone, torch.zeros_like(rewards), rewards)
    return EpisodeWindow(
        torch.stack(seen), torch.stack(reached), whole.action, rewards,
        {name: float(value.detach().mean()) for name, value in terms.items()},
        torch.stack(fell), torch.stack(late), gone,
    )  # fmt: skip
