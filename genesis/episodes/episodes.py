"""Episodes: many environments that begin anew, each for itself, when something has ended them.

A task of kind `episodes` says what a policy observes, what its actions do, what it is rewarded for, what ends an episode, what is asked of
it and what differs from one episode to the next. `Episodes` are these terms; `EpisodeState` is where the environments are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.episodes.actions import Actions
from genesis.episodes.endings import ENDINGS
from genesis.episodes.moments import Moments
from genesis.episodes.observations import OBSERVATIONS
from genesis.episodes.randomisation import make_variations
from genesis.episodes.rewards import REWARDS
from genesis.episodes.targets import TARGETS
from genesis.errors import InputError, unknown_name
from genesis.scene.physical import Loops
from genesis.selection import joints_of
from genesis.setting import Setting
from genesis.start import Spread

#: Terms that name a target of the task.
ASKING = ("target", "to_target", "velocity_tracking", "target_distance")


@dataclass
class EpisodeState:
    """Of B environments. qpos (B, nq), qvel (B, nv); action, before (B, n): chosen last, and before that; age (B,): steps of the episode.

    targets: by name, (B, ·). theta: packed parameters, (P,) of all or (B, P). rest (B, nv): controls of joints that no action drives.
    pushed: for each kind of push, steps that it lasts on (B,) and force (B, 3). generator: of everything random.
    """

    qpos: Tensor
    qvel: Tensor
    action: Tensor
    before: Tensor
    age: Tensor
    targets: dict[str, Tensor]
    theta: Tensor
    rest: Tensor
    pushed: list[tuple[Tensor, Tensor]]
    generator: torch.Generator

    def detached(self) -> None:
        """Cut the graph, in place."""
        self.qpos, self.qvel, self.action, self.before = (x.detach() for x in (self.qpos, self.qvel, self.action, self.before))

    def state_dict(self) -> dict[str, Any]:
        """To go on bit by bit."""
        tensors = {name: getattr(self, name).detach().clone() for name in PLAIN}
        return {
            **tensors,
            "targets": {name: value.clone() for name, value in self.targets.items()},
            "pushed": [(left.clone(), force.clone()) for left, force in self.pushed],
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        for name in PLAIN:
            setattr(self, name, state[name].clone())
        self.targets = {name: value.clone() for name, value in state["targets"].items()}
        self.pushed = [(left.clone(), force.clone()) for left, force in state["pushed"]]
        self.generator.set_state(state["generator"])


PLAIN = ("qpos", "qvel", "action", "before", "age", "theta", "rest")


class Episodes:
    """The terms of a task of kind `episodes` on its scene.

    Args:
        setting: with horizon: steps after which an episode is over; start_qpos, start_qvel (B, ·): one start each.
        action: keyword arguments of `Actions`. observe, reward, ends, target, randomise: by name, kind and keyword arguments of the tables
            OBSERVATIONS, REWARDS (with weight), ENDINGS, TARGETS, and of `make_variations`.
        spread_qpos, spread_qvel: half widths of the uniform spread of starts.
    Raises: InputError, UnknownNameError naming the key.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        action: Mapping[str, Any],
        observe: Mapping[str, Mapping[str, Any]],
        reward: Mapping[str, Mapping[str, Any]],
        ends: Mapping[str, Mapping[str, Any]],
        target: Mapping[str, Mapping[str, Any]],
        randomise: Mapping[str, Mapping[str, Any]],
        spread_qpos: Any = 0.0,
        spread_qvel: Any = 0.0,
        noise: bool = True,
    ) -> None:
        self.setting, self.physics = setting, setting.scene.rigid_solver.physics
        self.actions = Actions(setting, "task.action", **action)
        self.nodes = {"observe": observe, "reward": reward, "ends": ends, "target": target}  # as they were asked for
        self.targets = {name: _made(setting, f"task.target.{name}", TARGETS, node) for name, node in target.items()}
        if not observe:
            raise InputError("task.observe: a policy must observe something; give at least one term, e.g. joint_position.")
        if not reward:
            raise InputError("task.reward: nothing is rewarded; give at least one term, e.g. speed.")
        self.noises, self.observations = [], {}
        for name, node in observe.items():
            options = {**node}
            self.noises.append(float(options.pop("noise", 0.0)))
            self.observations[name] = _made(
                setting, f"task.observe.{name}", OBSERVATIONS, options, targets=self.targets, actions=self.actions.labels
            )
        self.weights, self.rewards = {}, {}
        for name, node in reward.items():
            options = {**node}
            self.weights[name] = float(options.pop("weight", 1.0))
            self.rewards[name] = _made(setting, f"task.reward.{name}", REWARDS, options, targets=self.targets)
        self.ends = {name: _made(setting, f"task.ends.{name}", ENDINGS, node) for name, node in ends.items()}
        self.variations, self.pushes = make_variations(setting, randomise)
        self.spread = Spread(joints_of(setting.robot), spread_qpos, spread_qvel)
        self.labels = [label for term in self.observations.values() for label in term.labels]
        self.units = [unit for term in self.observations.values() for unit in term.units]
        self.width = len(self.labels)
        scale = [noise for noise, term in zip(self.noises, self.observations.values(), strict=True) for _ in term.labels]
        self.noise = torch.tensor(scale, dtype=setting.start_qpos.dtype) if noise and any(scale) else None
        loops = Loops.of(setting.control, self.physics.nv)
        self.theta = setting.scene.rigid_solver.parameters.theta(loops).detach()
        self.theta = self.theta[0] if self.theta.dim() == 2 else self.theta
        self.gains = self._gains()

    def _gains(self) -> Tensor | None:
        """Of position or velocity controls (nv,): what makes forces of the joint controllers of them."""
        kind = self.setting.control
        if kind == "force":
            return None
        first, length = self.physics.model.parameter_offsets["dof_kp" if kind == "position" else "dof_kv"]
        return self.theta[first : first + length]

    # ---- states

    def begin(self, count: int, generator: torch.Generator) -> EpisodeState:
        """Fresh episodes in so many environments."""
        qpos, qvel = (x.expand(count, -1).clone() for x in self.setting.one_start())
        still = qpos.new_zeros(count, len(self.actions))
        rest = torch.zeros_like(qvel)
        if self.setting.control == "position":
            for joint in (j for entity in self.setting.entities.values() for j in joints_of(entity) if j.is_scalar):
                rest[:, joint.dofs[0]] = qpos[:, joint.qs[0]]
        theta = self.theta.expand(count, -1).clone() if self.variations else self.theta
        state = EpisodeState(
            qpos, qvel, still, still.clone(), torch.zeros(count, dtype=torch.int64),
            {name: qpos.new_zeros(count, len(one.labels)) for name, one in self.targets.items()}, theta, rest,
            [(torch.zeros(count, dtype=torch.int64), qpos.new_zeros(count, 3)) for _ in self.pushes], generator,
        )  # fmt: skip
        self.renew(state, torch.ones(count, dtype=torch.bool))
        return state

    def renew(self, state: EpisodeState, done: Tensor) -> None:
        """Begin anew where an episode is done (B,), in place but for what has a graph, which is replaced."""
        rows = done.nonzero()[:, 0]
        if not len(rows):
            return
        start = [x.expand(len(rows), -1).clone() for x in self.setting.one_start()]
        fresh = self.spread.draw(start[0], start[1], state.generator)
        state.qpos, state.qvel = (x.index_copy(0, rows, new) for x, new in zip((state.qpos, state.qvel), fresh, strict=True))
        still = state.action.new_zeros(len(rows), len(self.actions))
        state.action, state.before = (x.index_copy(0, rows, still) for x in (state.action, state.before))
        state.age = state.age.index_fill(0, rows, 0)
        for name, target in self.targets.items():
            state.targets[name] = state.targets[name].index_copy(0, rows, target.draw(len(rows), state.generator))
        if self.variations:
            state.theta = state.theta.index_copy(0, rows, self.theta.expand(len(rows), -1))
            for variation in self.variations:
                variation.vary(state.theta, rows, state.generator)
        for left, _ in state.pushed:
            left[rows] = 0

    def now(self, state: EpisodeState) -> Moments:
        """What terms look at."""
        return Moments(self.physics, state.theta, state.qpos, state.qvel, state.action, state.before, state.targets)

    def observe(self, now: Moments, generator: torch.Generator) -> Tensor:
        """(B, width), with the noise of sensors."""
        parts = [term(now) for term in self.observations.values()]
        seen = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        if self.noise is None:
            return seen
        drawn = torch.randn(seen.shape, generator=generator, dtype=torch.float64)
        return seen + self.noise * drawn.to(seen)

    # ---- one step

    def advance(self, state: EpisodeState, action: Tensor) -> Tensor:
        """One control step under actions (B, n), in place; environments (B,) bool that cannot be simulated, whose states are fresh then."""
        dof_ctrl = self.actions.controls(action, state.rest)
        if self.gains is not None:
            dof_ctrl = dof_ctrl * self.gains
        wrench = self._wrench(state)
        q, v, _ = self.physics.step(state.theta, state.qpos, state.qvel, dof_ctrl, None, wrench)
        lost = ~(torch.isfinite(q).all(-1) & torch.isfinite(v).all(-1))
        if bool(lost.any()):  # once more, with these somewhere else: the adjoint of a motion that is not finite is none
            rows = lost.nonzero()[:, 0]
            start = [x.expand(len(rows), -1) for x in self.setting.one_start()]
            put = (x.index_copy(0, rows, new) for x, new in zip((state.qpos, state.qvel), start, strict=True))
            q, v, _ = self.physics.step(state.theta, *put, dof_ctrl.index_fill(0, rows, 0.0), None, wrench)
        state.qpos, state.qvel, state.before, state.action = q, v, state.action, action
        state.age = state.age + 1
        for name, target in self.targets.items():
            if target.every is not None:
                again = (state.age % target.every == 0).nonzero()[:, 0]
                state.targets[name] = state.targets[name].index_copy(0, again, target.draw(len(again), state.generator))
        return lost

    def _wrench(self, state: EpisodeState) -> Tensor | None:
        """Pushes (B, nlink, 6) that act now."""
        if not self.pushes:
            return None
        made = state.qpos.new_zeros(len(state.age), self.physics.nlink, 6)
        for push, (left, force) in zip(self.pushes, state.pushed, strict=True):
            push.begin(left, force, state.generator)
            made[:, push.link, :3] += force * (left > 0).unsqueeze(-1)
        return made

    def fell(self, now: Moments) -> Tensor:
        """Environments (B,) bool whose episode something has ended before its time."""
        with torch.no_grad():
            found = torch.zeros(now.qpos.shape[:-1], dtype=torch.bool)
            for ending in self.ends.values():
                found = found | ending(now)
        return found

    def late(self, state: EpisodeState) -> Tensor:
        """Environments (B,) bool whose time is over."""
        return state.age >= self.setting.horizon

    def terms(self, now: Moments) -> dict[str, Tensor]:
        """Every reward, without its weight, (…, B)."""
        return {name: reward(now) for name, reward in self.rewards.items()}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Their weighted sum (…, B)."""
        return torch.stack([self.weights[name] * value for name, value in terms.items()]).sum(0)


def _made(setting: Setting, where: str, table: Mapping[str, Any], node: Mapping[str, Any], **also: Any) -> Any:
    """The term of a node; also: what those that ask for it get beside."""
    options = dict(node)
    kind = options.pop("kind")
    if kind not in table:
        raise unknown_name(f"{where}.kind", "kind", kind, table)
    if kind in ASKING and "targets" in also:
        options["targets"] = also["targets"]
    if kind == "last_action":
        options["actions"] = also["actions"]
    return table[kind](setting, where, **options)
