"""The replay of a trajectory of a built scene."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from genesis.replay.replay import DrawnBody, Replay, Take
from genesis.replay.skins import skins_of

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity
    from genesis.scene.trajectory import Trajectory

FPS, MOST = 60.0, 1200  # frames a second, and in all


def bodies_of(entities: Sequence["RigidEntity"]) -> list[DrawnBody]:
    """The world, then the links of all entities by their number in the scene."""
    world, bodies = DrawnBody("", ""), []
    for entity in entities:
        skins = skins_of(entity.description)
        world.skins += skins[-1]  # fixed in the world
        bodies += [DrawnBody(link.name, entity.name, skins[k]) for k, link in enumerate(entity.links)]
    return [world, *bodies]


def take_of(trajectory: "Trajectory", name: str, env: int = 0) -> Take:
    """The motion of one environment of a trajectory in all its states; the world is body 0."""
    with torch.no_grad():
        pos, quat = (x.detach().cpu().double().numpy() for x in (trajectory.links_pos, trajectory.links_quat))
    if pos.ndim == 4:
        pos, quat = pos[:, env], quat[:, env]
    still = np.zeros((len(pos), 1, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(pos), 1, 1))
    return Take(name, np.concatenate([still[0], pos], 1), np.concatenate([still[1], quat], 1))


def replay_of(trajectory: "Trajectory", entities: Sequence["RigidEntity"], *, title: str = "", name: str = "simulated") -> Replay:
    """What is to be seen of a trajectory: its first environment, in at most `FPS` frames a second."""
    time = trajectory.time.detach().cpu().double().numpy()
    whole = Replay(title, time, bodies_of(entities), [take_of(trajectory, name)])
    return whole.at(whole.frames(FPS, MOST))
