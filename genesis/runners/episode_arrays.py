"""A policy of episodes as arrays: what a run folder keeps of it, how it is read back, and what it observes and does in plain data."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from genesis.episodes.episodes import Episodes
from genesis.episodes.normaliser import SMALL
from genesis.episodes.task import EpisodeTask
from genesis.errors import InputError
from genesis.grad.tensor import plain
from genesis.runners.files import read_npz
from genesis.runners.names import CONTROL_KIND, JOINT_KINDS, JOINT_NAMES, LEAF, POLICY, VALUE
from genesis.runners.solution import named_joints

if TYPE_CHECKING:
    from genesis.runners.training import Tested, TrainingProblem

NAME = "policy"  # of the parameter that acts in episodes


def policy_arrays(task: EpisodeTask, mean: torch.Tensor, variance: torch.Tensor) -> dict[str, np.ndarray]:
    """The policy: its leaves, mean and variance (n,) of its observations, activation, and its `specification` as JSON; what qpos is made of.

    Names are those of other policies: leaf/policy/0, …, the last of them log_std; policy/policy/….
    """
    joints = named_joints(task.setting.entities)
    statistics = {"mean": mean.cpu().numpy().copy(), "variance": variance.cpu().numpy().copy()}
    arrays = {f"{LEAF}{NAME}/{k}": leaf.detach().cpu().numpy().copy() for k, leaf in enumerate(task.actor.leaves())}
    made = {
        **statistics, "activation": np.array(task.actor.activation),
        "specification": np.array(json.dumps(specification(task, statistics["mean"], statistics["variance"]))),
    }  # fmt: skip
    arrays |= {f"{POLICY}{NAME}/{name}": value for name, value in made.items()}
    return {
        **arrays, VALUE + NAME: task.actor.value().cpu().numpy(), CONTROL_KIND: np.array(task.setting.control),
        JOINT_NAMES: np.array([name for name, _ in joints]), JOINT_KINDS: np.array([kind.name for _, kind in joints]),
    }  # fmt: skip


def motion_arrays(task: EpisodeTask, found: "Tested") -> dict[str, np.ndarray]:
    """Of the first of some episodes: time (T+1) [s], qpos (T+1, nq), qvel (T+1, nv), observations (T, n), actions (T, m), controls (T, nv)."""
    series = ("qpos", "qvel", "seen", "actions", "controls")
    named = {"seen": "observations"}
    made = {named.get(name, name): plain(getattr(found, name))[:, 0].cpu().numpy() for name in series}
    return {"time": np.arange(len(found.qpos)) * task.setting.dt, **made}


def restore(problem: "TrainingProblem", file: Path) -> None:
    """Put the policy of a solution.npz, and the statistics of its observations, into a problem.

    Raises: InputError where the file holds none, or one of other shapes.
    """
    arrays = read_npz(file)
    heads = [f"{POLICY}{NAME}/mean", f"{POLICY}{NAME}/variance"]
    names = [f"{LEAF}{NAME}/{k}" for k in range(len(problem.groups[0].leaves))] + heads
    leaves = [leaf for group in problem.groups[:2] for leaf in group.leaves]
    for name, leaf in zip(names, leaves, strict=True):
        value = arrays.get(name)
        if value is None or value.shape != tuple(leaf.shape):
            shape = "none there" if value is None else value.shape
            raise InputError(
                f"{file}: {name} has shape {shape}, here {tuple(leaf.shape)}; it is no run of this task of episodes: use that run's config."
            )
        with torch.no_grad():
            leaf.copy_(torch.from_numpy(value))


# ---- in plain data


def specification(task: EpisodeTask, mean: np.ndarray, variance: np.ndarray) -> dict[str, Any]:
    """Observation and action in plain data, ready for JSON; SI units.

    observation: of each number its name, unit and term. action: of each number its joint, what its control is (force, position, velocity),
    unit, middle and scale (control = middle + scale · action), gains kp and kv of the joint's controller as they act (0 where it is off).
    terms: observe, reward, ends and target of the task, each with its kind and options, and what they mean on this robot: `body` (a link),
    `coordinates`, `angles` and `velocities` (names of numbers of qpos and qvel), `point` (in the axes of the body [m]). dt [s], substeps,
    horizon [steps], seed; statistics of the observations; equation: what the exported file computes.
    """
    episodes, setting = task.episodes, task.setting
    terms = {
        group: {name: _described(episodes, made[name], node) for name, node in nodes.items()}
        for group, nodes, made in (
            ("observe", episodes.nodes["observe"], episodes.observations), ("reward", episodes.nodes["reward"], episodes.rewards),
            ("ends", episodes.nodes["ends"], episodes.ends), ("target", episodes.nodes["target"], episodes.targets),
        )
    }  # fmt: skip
    owners = [name for name, term in episodes.observations.items() for _ in term.labels]
    return {
        "policy": NAME,
        "observation": [
            {"name": label, "unit": unit, "term": owner}
            for label, unit, owner in zip(episodes.labels, episodes.units, owners, strict=True)
        ],
        "action": _actions(episodes),
        "terms": terms,
        "dt": setting.dt, "substeps": setting.scene.substeps, "horizon": setting.horizon, "seed": task.seed,
        "statistics": {"mean": mean.tolist(), "variance": variance.tolist(), "added": SMALL},
        "activation": task.actor.activation, "dtype": str(mean.dtype),
        "equation": (
            "action = tanh(MLP((observation - mean) / sqrt(variance + added))), control = middle + scale action, inside the exported file"
        ),
    }  # fmt: skip


def _actions(episodes: Episodes) -> list[dict[str, Any]]:
    """Of each number of an action."""
    actions, kinds = episodes.actions, _columns(episodes)[2]
    names, offsets = _columns(episodes)[1], episodes.physics.model.parameter_offsets
    gains = {key: episodes.theta[offsets[f"dof_{key}"][0] :] for key in ("kp", "kv")}
    return [
        {
            "name": names[dof], "quantity": actions.kind, "unit": getattr(kinds[dof], actions.kind), "middle": float(middle),
            "scale": float(scale), **{key: float(gain[dof]) for key, gain in gains.items()},
        }
        for dof, middle, scale in zip(actions.dofs.tolist(), actions.middle, actions.scale, strict=True)
    ]  # fmt: skip


def _columns(episodes: Episodes) -> tuple[list[str], list[str], list[Any]]:
    """Names of the numbers of qpos and of qvel, and the units of the latter."""
    joints = named_joints(episodes.setting.entities)
    qpos = [kind.label(name, k) for name, kind in joints for k in range(kind.nq)]
    qvel = [kind.label(name, k) for name, kind in joints for k in range(kind.nv)]
    return qpos, qvel, [unit for _, kind in joints for unit in kind.dofs]


def _described(episodes: Episodes, term: Any, node: Any) -> dict[str, Any]:
    """Kind and options of a term, and what they mean on this robot."""
    qpos, qvel, _ = _columns(episodes)
    made = {name: value for name, value in dict(node).items() if value is not None and name not in ("entity", "link", "frame")}
    body = getattr(term, "body", None)
    if body is not None:
        made["body"] = _link(episodes, body.link)
    frame = getattr(term, "frames", None)
    if frame is not None:
        made["point"] = {"body": _link(episodes, frame.links[0]), "at": frame.pos.reshape(-1, 3)[0].tolist()}
    for name, attribute, labels in (
        ("coordinates", "plain", qpos), ("coordinates", "places", qpos), ("angles", "angles", qpos), ("velocities", "dofs", qvel),
    ):  # fmt: skip
        places = getattr(term, attribute, None)
        if places is not None:
            made[name] = [labels[k] for k in places.tolist()]
    for name in ("target", "low", "high"):  # of joints, a number each; a name of a target stays
        value = getattr(term, name, None)
        if isinstance(value, torch.Tensor):
            made[name] = [x if np.isfinite(x) else None for x in value.expand(len(made.get("coordinates", value))).tolist()]
    along = getattr(term, "along", None)
    return made if along is None else {**made, "direction": along.tolist()}


def _link(episodes: Episodes, number: int) -> str:
    """Name of a link of the scene, "entity/link" where several entities move."""
    entities = episodes.setting.scene.entities
    owner = next(entity for entity in entities for link in entity.links if int(link.idx) == number)
    link = next(link for link in owner.links if int(link.idx) == number)
    moving = [entity for entity in entities if entity.n_dofs]
    alone = len(moving) <= 1 and (owner in moving or len(entities) == 1)
    return str(link.name) if alone else f"{owner.name}/{link.name}"
