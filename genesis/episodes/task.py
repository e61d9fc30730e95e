"""What a task of episodes is: a policy, the episodes that it acts in, and what counts as success."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from genesis.episodes.episodes import Episodes
from genesis.errors import unknown_name
from genesis.parameters.actor import Actor
from genesis.setting import Setting

AT_END = "_end"


@dataclass
class EpisodeTask:
    """A policy, the episodes that it acts in, and what counts as success.

    envs: of training; test_envs: of a test. test_every: windows from one test to the next. least, most: metric -> value that it must reach,
    or not exceed; of rewards in every episode of a test, in the mean over its steps, or with `AT_END` behind the name over its last tenth.
    ended_tolerance: largest share of test episodes that end before their time [%]; None: not judged.
    """

    setting: Setting
    episodes: Episodes
    actor: Actor
    envs: int
    test_envs: int
    test_every: int
    seed: int
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    ended_tolerance: float | None = None
    kind: str = "episodes"

    @property
    def parameters(self) -> dict[str, Actor]:
        """What is learned, by name."""
        return {"policy": self.actor}

    def __post_init__(self) -> None:
        known = ["return", "length_s", *self.episodes.rewards, *(f"{name}{AT_END}" for name in self.episodes.rewards)]
        for key, given in (("least", self.least), ("most", self.most)):
            for name in given:
                if name not in known:
                    raise unknown_name(f"task.{key}", "metric", name, known)
