"""Learning a policy in episodes: the problem that a loop works on.

An evaluation is a window of a few steps of all environments, whose value is that of a mini-batch (`exact` is False). Now and then, and where
a stage ends, whole episodes of the policy without noise are run apart, always from the same starts: these values are compared, the best
policy is that of the best test, and its metrics decide about success.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.episodes.normaliser import Normaliser
from genesis.episodes.task import AT_END, EpisodeTask
from genesis.episodes.window import EpisodeWindow, roll
from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.methods.actor_critic.training import Transitions, Value
from genesis.methods.method import Ending, Group, point
from genesis.problems.problem import (
    CONVERGED,
    DIVERGED,
    FINISHED,
    NOT_CONVERGED,
    OVERFLOWED,
    Best,
    Evaluation,
    Failed,
    Shown,
    Stage,
    Stopwatch,
    Verdict,
)  # fmt: skip
from genesis.runners.episode_arrays import motion_arrays, policy_arrays

TEST_SEED = 20_000  # of the starts of tests, far from those of training


@dataclass
class Tested:
    """Episodes of the policy without noise. returns, lengths [steps] (B,), ended (B,) bool; terms, ends (B,): mean of each reward per step,
    without its weight, while alive, and in the last tenth of the time.

    qpos (T+1, B, nq), qvel (T+1, B, nv), seen (T, B, n), actions (T, B, m), controls (T, B, nv): the motion. targets: name -> (T+1, B, ·).
    """

    returns: Tensor
    lengths: Tensor
    ended: Tensor
    terms: dict[str, Tensor]
    ends: dict[str, Tensor]
    qpos: Tensor
    qvel: Tensor
    seen: Tensor
    actions: Tensor
    controls: Tensor
    targets: dict[str, Tensor]


class TrainingProblem:
    """See the module. Implements `genesis.problems.problem.Problem` and `genesis.methods.actor_critic.training.Training`."""

    def __init__(self, task: EpisodeTask, *, seconds: Mapping[str, float] | None = None) -> None:
        self.task, self.kind, self.episodes = task, task.kind, task.episodes
        self.like = task.actor.weights[0].detach()
        self.width = task.episodes.width
        self.normaliser = Normaliser(self.width, self.like)
        leaves = task.actor.leaves()
        self.groups = [
            Group("policy", leaves, task.actor.leaf_bounds(), task.actor.lr, task.actor.project),
            Group("observations", [self.normaliser.mean, self.normaliser.variance], [None, None], None, lambda: None),
        ]
        self.state = task.episodes.begin(task.envs, torch.Generator().manual_seed(task.seed))
        self.before: dict[str, Any] = {}
        self.latest: Evaluation | None = None
        self.failure: Exception | None = None
        self.diverged: tuple[int, ...] = ()
        self.exact = False
        self.failed, self.clock = Failed(), Stopwatch(dict(seconds or {}))
        self.windows = self.steps = self.ended = self.tests = 0
        self.found: EpisodeWindow | None = None
        self.tolerances = {f"{name}_short": 0.0 for name in task.least}
        self.tolerances |= {f"{name}_largest": most for name, most in task.most.items()}
        if task.ended_tolerance is not None:
            self.tolerances["ended_percent"] = task.ended_tolerance

    # ---- what methods ask

    def training(self) -> "TrainingProblem":
        return self

    def evaluate(self, gradient: bool = True) -> float:
        """A window without a value behind it."""
        found = self.window(None, 32, 1.0, None)
        return float("inf") if found is None or self.latest is None else self.latest.objective

    def values(self, points: np.ndarray) -> np.ndarray:
        raise InputError("optimizer: values of many policies at once are not asked in episodes; take optimizer=shac.")

    def linearize(self) -> None:
        raise InputError("optimizer: a return is no sum of squares; take optimizer=shac.")

    def normal(self, blocks: Any) -> Any:
        raise InputError("optimizer: a return is no sum of squares; take optimizer=shac.")

    def optimal_control(self) -> Any:
        raise InputError("optimizer: ddp finds controls, and here a policy is learned; take optimizer=shac.")

    def window(self, value: Value | None, steps: int, discount: float, clip: float | None) -> Transitions | None:
        """See `Training.window`. A test comes first where it is time for one."""
        self.failure, self.before = None, self._now()
        start = perf_counter()
        for leaf in self.groups[0].leaves:
            leaf.grad = None
        mean, scale = self.normaliser.frozen()
        act = self.task.actor.law(mean, scale, self.state.generator)
        envs = len(self.state.age)
        try:
            found = roll(self.episodes, self.state, act, steps, None if clip is None else clip / (steps * envs))
            start = self.clock.add("simulate", start)
            reached = (found.reached - mean) * scale
            objective = -self._return(found, reached, value, discount) / (steps * envs)
            objective.backward()
            start = self.clock.add("backward", start)
        except (DivergenceError, ContactOverflowError) as error:
            self.failure = error
            self.failed.count, self.failed.why = self.failed.count + 1, str(error)
            return None
        self.found = found
        self.windows, self.steps, self.ended = self.windows + 1, self.steps + steps * envs, self.ended + int(found.done.sum())
        lost = found.lost.any(0).nonzero()[:, 0].tolist()
        seen = (found.seen - mean) * scale
        transitions = Transitions(seen, reached.detach(), found.rewards.detach(), found.fell, found.done)
        norms = {
            "policy": float(torch.stack([leaf.grad.norm() for leaf in self.groups[0].leaves if leaf.grad is not None]).norm())
        }
        mean_reward = float(found.rewards.detach().mean())
        weights = self.episodes.weights
        self.latest = Evaluation(
            objective=-mean_reward * self.task.setting.horizon,
            terms={name: -weights[name] * value for name, value in found.terms.items()},
            metrics={"reward": mean_reward},
            good=False, point=point(self.groups), norms=norms, exact=False, health={"lost": float(len(lost))},
        )  # fmt: skip
        self.exact = False
        if (self.windows - 1) % self.task.test_every == 0:
            self._test()
        return transitions

    def _return(self, found: EpisodeWindow, reached: Tensor, value: Value | None, discount: float) -> Tensor:
        """Sum over environments and pieces of episodes of discounted rewards, and of the value where a piece is cut off."""
        steps, done = len(found.rewards), found.done
        factors, factor = [], torch.ones_like(found.rewards[0])
        for t in range(steps):
            factors.append(factor)
            factor = torch.where(done[t], torch.ones_like(factor), factor * discount)
        weight = torch.stack(factors)
        total = (weight * found.rewards).sum()
        if value is None:
            return total
        cut = done.clone()
        cut[-1] = True
        cut &= ~found.fell
        return total + discount * (weight[cut] * value(reached[cut])).sum()

    def learn_statistics(self) -> None:
        if self.found is not None:
            self.normaliser.take(self.found.seen)

    # ---- tests

    def test(self, count: int | None = None, seed: int = TEST_SEED, steps: int | None = None) -> Tested:
        """Whole episodes of the policy without noise, all from fresh starts."""
        episodes, horizon = self.episodes, self.task.setting.horizon if steps is None else steps
        state = episodes.begin(self.task.test_envs if count is None else count, torch.Generator().manual_seed(seed))
        mean, scale = self.normaliser.frozen()
        with torch.no_grad():
            act = self.task.actor.law(mean, scale, None)
            alive = torch.ones(len(state.age), dtype=torch.bool)
            returns, lengths = torch.zeros_like(state.qpos[:, 0]), torch.zeros_like(state.age)
            sums, ends = ({name: torch.zeros_like(returns) for name in episodes.rewards} for _ in range(2))
            last = max(1, horizon // 10)
            qpos, qvel, seen, actions, controls = [state.qpos], [state.qvel], [], [], []
            targets = {name: [target] for name, target in state.targets.items()}
            for step in range(horizon):
                seen.append(episodes.observe(episodes.now(state), state.generator))
                action = act(seen[-1])
                controls.append(episodes.actions.controls(action, state.rest))
                lost = episodes.advance(state, action)
                now = episodes.now(state)
                alive = alive & ~lost
                terms = episodes.terms(now)
                returns += torch.where(alive, episodes.total(terms), torch.zeros_like(returns))
                for name, value in terms.items():
                    sums[name] += torch.where(alive, value, torch.zeros_like(value))
                    if step >= horizon - last:
                        ends[name] += value / last
                lengths += alive
                alive = alive & ~episodes.fell(now)
                qpos.append(state.qpos)
                qvel.append(state.qvel)
                actions.append(action)
                for name, target in state.targets.items():
                    targets[name].append(target)
        steps_each = lengths.clamp(min=1)
        means = {name: value / steps_each for name, value in sums.items()}
        q, v, o, a, u = (torch.stack(values) for values in (qpos, qvel, seen, actions, controls))
        asked = {name: torch.stack(values) for name, values in targets.items()}
        return Tested(returns, lengths, ~alive, means, ends, q, v, o, a, u, asked)

    def _test(self) -> None:
        """Make the last answer one that counts. What meets every goal has to meet them from other starts too: the best of many tests from the
        same ones is chosen for these."""
        start = perf_counter()
        metrics = self.judged(self.test())
        self.tests += 1
        if self._good(metrics):
            others = self.judged(self.test(seed=TEST_SEED + 1))
            metrics |= {name: max(metrics[name], others[name]) for name in self.tolerances}
        assert self.latest is not None
        self.latest.metrics, self.latest.objective, self.latest.exact, self.exact = metrics, -metrics["return"], True, True
        self.latest.good = self._good(metrics)
        self.clock.add("test", start)

    def judged(self, found: Tested) -> dict[str, float]:
        """Metrics of a test."""
        metrics = {
            "return": float(found.returns.mean()),
            "length_s": float(found.lengths.double().mean()) * self.task.setting.dt,
            "ended_percent": 100.0 * float(found.ended.double().mean()),
            **{name: float(value.mean()) for name, value in found.terms.items()},
        }
        # what is asked for is asked of every episode
        each = {**found.terms, **{f"{name}{AT_END}": value for name, value in found.ends.items()}}
        for name, least in self.task.least.items():
            worst = metrics[name] if name not in each else float(each[name].min())
            metrics[f"{name}_short"] = max(0.0, least - worst)
        for name in self.task.most:
            metrics[f"{name}_largest"] = metrics[name] if name not in each else float(each[name].max())
        return metrics

    def _good(self, metrics: Mapping[str, float]) -> bool:
        """Every goal is met."""
        return bool(self.tolerances) and all(metrics[name] <= most for name, most in self.tolerances.items())

    # ---- what the loop asks

    def signature(self) -> dict[str, Any]:
        return {"task": self.kind, "parameters": ["policy"], "observations": list(self.episodes.labels)}

    def stages(self) -> Sequence[Stage]:
        return [Stage()]

    def enter(self, stage: Stage, *, goes_on: bool = False) -> None:
        """Nothing differs."""

    def enough(self, step: int) -> Ending | None:
        return None

    def settle(self) -> None:
        """The last policy is tested, where it has not been."""
        if self.latest is not None and not self.latest.exact:
            self._test()

    def counts(self) -> dict[str, int]:
        return {"evaluations": self.windows, "steps": self.steps, "episodes": self.ended}

    def shown(self) -> Mapping[str, Shown]:
        return {"policy": self.task.actor}

    def verdict(self, ending: Ending, best: Best | None) -> Verdict:
        if ending.error is not None:
            status = OVERFLOWED if isinstance(ending.error, ContactOverflowError) else DIVERGED
            return Verdict(status, ending.reason, ending.error)
        if not self.tolerances:
            return Verdict(FINISHED, ending.reason)
        return Verdict(CONVERGED if best is not None and best.good else NOT_CONVERGED, ending.reason)

    def conclude(self, best: Best, asked: Callable[[], bool]) -> None:
        """Nothing more."""

    def arrays(self) -> dict[str, np.ndarray]:
        """The policy, and one episode of it."""
        return {**self.point_arrays(), **motion_arrays(self.task, self.test(1))}

    def point_arrays(self) -> dict[str, np.ndarray]:
        return policy_arrays(self.task, self.normaliser.mean, self.normaliser.variance)

    def curves(self) -> dict[str, np.ndarray]:
        return {}

    def files(self) -> dict[str, bytes]:
        return {}

    def summary(self) -> dict[str, Any]:
        return {"observations": self.episodes.labels, "actions": self.episodes.actions.labels}

    def _now(self) -> dict[str, Any]:
        return {
            "episodes": self.state.state_dict(), "seen": self.normaliser.count, "windows": self.windows, "steps": self.steps,
            "ended": self.ended,
        }  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """From before the last window."""
        return self.before or self._now()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state.load_state_dict(state["episodes"])
        self.normaliser.count = state["seen"]
        self.windows, self.steps, self.ended = state["windows"], state["steps"], state["ended"]
