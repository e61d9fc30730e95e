"""What a task of episodes is: a policy, the episodes that it acts in, and what counts as success."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from genesis.episodes.episodes import Episodes
from genesis.errors import InputError
from genesis.parameters.actor import Actor
from genesis.setting import Setting


@dataclass
class EpisodeTask:
    """A policy, the episodes that it acts in, and what counts as success.

    envs: of training; test_envs: of a test. test_every: windows from one test to the next. least: metric -> value that it must reach;
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
    ended_tolerance: float | None = None
    kind: str = "episodes"

    @property
    def parameters(self) -> dict[str, Actor]:
        """What is learned, by name."""
        return {"policy": self.actor}

    def __post_init__(self) -> None:
        known = ["return", "length_s", *self.episodes.rewards]
        for name in self.least:
            if name not in known:
                raise InputError(f'task.least: unknown metric "{name}"; known: {", ".join(known)}.')
