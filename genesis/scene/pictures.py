"""The replay of a trajectory of a built scene."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from genesis.dynamics.inspect_contacts import PLACE
from genesis.grad.tensor import plain
from genesis.replay.replay import Arrows, Colour, DrawnBody, Polyline, Replay, Take
from genesis.replay.skins import moved, skins_of
from genesis.scene.variants import some_envs

if TYPE_CHECKING:
    from genesis.scene.entity import RigidEntity
    from genesis.scene.solver import RigidSolver
    from genesis.scene.trajectory import Trajectory

FPS, MOST = 60.0, 1200  # frames a second, and in all
LENGTH = 0.25  # of the arrow of a large force, relative to what is to be seen
LARGE = 0.95  # share of the forces that are smaller than a large one
STILL = np.array([1.0, 0.0, 0.0, 0.0])


def bodies_of(entities: Sequence["RigidEntity"]) -> list[DrawnBody]:
    """The world, then the links of all entities by their number in the scene."""
    world, bodies = DrawnBody("", ""), []
    for entity in entities:
        morph = entity.morph
        skins = skins_of(entity.description) if morph.visualization else [[]] * (len(entity.links) + 1)
        world.skins += [moved(skin, np.array(morph.pos), np.array(morph.quat)) for skin in skins[-1]]
        bodies += [DrawnBody(link.name, entity.name, skins[k]) for k, link in enumerate(entity.links)]
    return [world, *bodies]


def frames_of(time: np.ndarray) -> np.ndarray:
    """Which of the instants (N,) [s] are worth showing, with the first and the last."""
    return Replay("", time, [], []).frames(FPS, MOST)


def poses_of(physics: Any, theta: torch.Tensor, qpos: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """pos (N, 1 + nlink, 3) [m] and quat (N, 1 + nlink, 4) of the world and of all links at qpos (N, nq)."""
    with torch.no_grad():
        states = plain(qpos).detach()[:, None], qpos.new_zeros(len(qpos), 1, physics.nv)
        pos, quat = (x[:, 0].cpu().double().numpy() for x in physics.kinematics(theta.detach(), *states)[:2])
    return with_world(pos, quat)


def poses_now(solver: "RigidSolver") -> tuple[np.ndarray, np.ndarray]:
    """pos (rows, 1 + nlink, 3) [m] and quat (rows, 1 + nlink, 4) of the world and of all links in the present state of all environments."""
    theta, qpos, qvel = (x.detach() for x in (solver.theta(), solver.qpos, solver.qvel))
    with torch.no_grad():
        pos, quat = (x.cpu().double().numpy() for x in solver.physics.kinematics(theta, qpos, qvel)[:2])
    return with_world(pos, quat)


def with_world(pos: np.ndarray, quat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poses of the links (N, nlink, 3) [m] and (N, nlink, 4), and before them that of the world, which stands still."""
    world = np.zeros((len(pos), 1, 3)), np.tile(STILL, (len(pos), 1, 1))
    return np.concatenate([world[0], pos], 1), np.concatenate([world[1], quat], 1)


def alone(trajectory: "Trajectory", env: int = 0) -> "Trajectory":
    """One environment of a trajectory, without an axis for it."""
    if plain(trajectory.qpos).ndim == 2:
        return trajectory
    return some_envs(trajectory, torch.tensor([env], device=trajectory.qpos.device), flat=True)


def take_of(trajectory: "Trajectory", name: str, frames: np.ndarray, **looks: Any) -> Take:
    """The motion of a trajectory of one environment (`alone`) in some of its states; looks: those of a `Take`."""
    physics, theta = trajectory._solver.physics, trajectory._theta
    return Take(name, *poses_of(physics, theta, plain(trajectory.qpos)[frames.tolist()]), **looks)


def path_of(trajectory: "Trajectory", entity: "RigidEntity", frame: str, frames: np.ndarray, name: str, rgba: Colour) -> Polyline:
    """The way of a link or site of an entity, of a trajectory of one environment."""
    with torch.no_grad():
        points = plain(trajectory.point(entity, frame)).detach().cpu().double().numpy()
    return Polyline(name, points[frames], rgba)


def forces_of(trajectory: "Trajectory", frames: np.ndarray, size: float, name: str = "contact forces") -> Arrows | None:
    """The contact forces of a trajectory of one environment, on the second of two bodies that touch; None where nothing ever does.

    size: of what is to be seen [m], which the arrows are scaled to. The last state has the forces of the step before it.
    """
    physics = trajectory._solver.physics
    if physics.constraints is None or not physics.constraints.pairs or not trajectory.horizon:
        return None
    steps = np.minimum(frames, trajectory.horizon - 1).tolist()
    with torch.no_grad():
        q, v, a = (plain(x).detach()[steps][:, None] for x in (trajectory.qpos, trajectory.qvel, trajectory.qacc))
        given = trajectory._dof_ctrl(), trajectory._act_ctrl
        u, c = (None if x is None else plain(x).detach()[steps][:, None] for x in given)
        rows = physics.contacts(trajectory._theta.detach(), q, v, a, u, c)
        assert rows is not None
        table = rows[:, 0].cpu().double().numpy()
        there = trajectory._solver.contact_table().numbers(rows)[:, 0].cpu().numpy() > 0
    origins, vectors = (table[..., PLACE[part] : PLACE[part] + 3] for part in ("position", "force"))
    there &= np.linalg.norm(vectors, axis=-1) > 0.0
    if not there.any():
        return None
    order = np.argsort(~there, axis=1, kind="stable")[:, : int(there.sum(1).max())]
    there, origins, vectors = (
        np.take_along_axis(x, order if x.ndim == 2 else order[..., None], 1) for x in (there, origins, vectors)
    )
    large = float(np.quantile(np.linalg.norm(vectors[there], axis=-1), LARGE))
    hidden = ~there[..., None]
    return Arrows(name, np.where(hidden, np.nan, origins), np.where(hidden, np.nan, vectors), "N", LENGTH * size / large)


def replay_of(
    trajectory: "Trajectory", *, title: str = "", name: str = "simulated", env: int = 0, contact_forces: bool = True
) -> Replay:
    """What is to be seen of one environment of a trajectory, in at most `FPS` frames a second, with its contact forces."""
    entities, one = trajectory._solver.entities, alone(trajectory, env)
    time = trajectory.time.detach().cpu().double().numpy()
    frames = frames_of(time)
    made = Replay(title, time[frames], bodies_of(entities), [take_of(one, name, frames)])
    if contact_forces:
        add_forces(made, one, frames)
    return made


def add_forces(replay: Replay, trajectory: "Trajectory", frames: np.ndarray) -> None:
    """Add the contact forces of a trajectory of one environment, if there are any."""
    low, high = replay.box()
    found = forces_of(trajectory, frames, float(np.linalg.norm(high - low)))
    replay.arrows += [] if found is None else [found]
