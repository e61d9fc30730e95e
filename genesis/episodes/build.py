"""A task of episodes from plain descriptions."""

from typing import Any

import torch

from genesis.episodes.episodes import Episodes
from genesis.episodes.task import EpisodeTask
from genesis.parameters.actor import Actor
from genesis.setting import Setting
from genesis.start import start_state


def make_episodes(
    scene: Any,
    robot: Any,
    entities: dict[str, Any],
    *,
    homes: dict[str, Any],
    tool: str | None,
    dt: float,
    seed: int,
    task: dict[str, Any],
) -> EpisodeTask:
    """The task on a built scene; arguments as those of `genesis.tasks.make_task`.

    Raises: InputError, UnknownNameError naming the key.
    """
    options = dict(task)
    options.pop("kind", None)
    generator = torch.Generator().manual_seed(seed)
    start = {name: options.pop(f"start_{name}", None) for name in ("qpos", "qvel")}
    named_homes = {entities[name]: homes.get(name) for name in entities}
    qpos, qvel = start_state(scene, robot, named_homes, **start, envs=0, generator=generator)
    setting = Setting(
        scene=scene, robot=robot, entities=entities, tool=tool, horizon=options.pop("horizon"), dt=dt,
        control=options.pop("control", "force"), start_qpos=qpos, start_qvel=qvel, generator=generator,
    )  # fmt: skip
    counts = {name: options.pop(name) for name in ("envs", "test_envs", "test_every", "least", "most", "ended_tolerance")}
    network = options.pop("policy")
    episodes = Episodes(setting, **options)
    actor = Actor(episodes.width, len(episodes.actions), generator, **network)
    return EpisodeTask(setting, episodes, actor, seed=seed, **counts)
