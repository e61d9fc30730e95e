"""A task from plain descriptions, in the order in which its parts need each other."""

from typing import Any

import torch

from genesis.constraints import make_constraints
from genesis.errors import InputError, unknown_name
from genesis.losses import LOSSES
from genesis.memory import refuse_beyond, rollout_bytes, task_motion
from genesis.parameters import make_parameters
from genesis.setting import Clock, Setting
from genesis.start import start_state
from genesis.tasks.advance import Advance
from genesis.tasks.balance import Balance
from genesis.tasks.excite import Excite
from genesis.tasks.fit import Fit
from genesis.tasks.place import Place
from genesis.tasks.reach import Reach
from genesis.tasks.rollout import inputs_of
from genesis.tasks.swing_up import SwingUp
from genesis.tasks.task import Task, make_losses
from genesis.tasks.throw import Throw
from genesis.tasks.track import Track

#: kind -> class of the goal; built as `TASKS[kind](setting, parameters, **options)`.
TASKS: dict[str, Any] = {
    "reach": Reach,
    "swing_up": SwingUp,
    "track": Track,
    "throw": Throw,
    "balance": Balance,
    "fit": Fit,
    "place": Place,
    "advance": Advance,
    "excite": Excite,
}


def make_task(
    scene: Any,
    robot: Any,
    entities: dict[str, Any],
    *,
    homes: dict[str, Any],
    tool: str | None,
    dt: float,
    seed: int,
    task: dict[str, Any],
    parameters: dict[str, dict[str, Any]],
    losses: dict[str, dict[str, Any]],
    constraints: dict[str, dict[str, Any]] | None = None,
    clock: Clock | None = None,
) -> Task:
    """The task on a built scene.

    Args:
        entities: by name, the robot among them; homes: their configurations, None for the file's.
        tool: default frame of the robot.
        task: kind, horizon, control, start_*, envs, spread_* and the goal's keyword arguments.
        parameters, losses, constraints: name -> kind and keyword arguments.
        clock: of a plan that is part of a longer motion.
    """
    options = dict(task)
    _check_memory(scene, options["horizon"], options.get("envs", 0))
    kind = options.pop("kind")
    if kind not in TASKS:
        raise unknown_name("task", "kind", kind, TASKS)
    generator = torch.Generator().manual_seed(seed)
    envs = options.pop("envs", 0)
    start = {name: options.pop(f"start_{name}", None) for name in ("qpos", "qvel")}
    spread = {f"spread_{name}": options.pop(f"spread_{name}", 0.0) for name in ("qpos", "qvel")}
    named_homes = {entities[name]: homes.get(name) for name in entities}
    qpos, qvel = start_state(scene, robot, named_homes, **start, envs=envs, **spread, generator=generator)
    setting = Setting(
        scene=scene, robot=robot, entities=entities, tool=tool, horizon=options.pop("horizon"), dt=dt,
        control=options.pop("control", "force"), start_qpos=qpos, start_qvel=qvel, generator=generator, clock=clock,
    )  # fmt: skip
    made = make_parameters(setting, parameters)
    setting.controlled = frozenset(dof for parameter in made.values() for dof in parameter.changes.controls)
    setting.start_is_learned = any(parameter.changes.start for parameter in made.values())
    goal = TASKS[kind](setting, made, **options)
    inputs = inputs_of(setting, made)
    setting.start_controls = None if inputs.policies else inputs.controls.detach().clone()
    for name, spec in losses.items():
        if spec["kind"] not in LOSSES:
            raise unknown_name(f"loss.{name}", "kind", spec["kind"], LOSSES)
    terms = make_losses(setting, losses)
    if not terms:
        raise InputError("loss: no term has a weight; give at least one, e.g. losses=reach.")
    return Task(kind, setting, made, terms, goal, make_constraints(setting, constraints or {}))


def _check_memory(scene: Any, horizon: int, envs: int) -> None:
    """Raises: InputError for a motion that has no room in memory."""
    physics = scene.rigid_solver.physics
    needed = rollout_bytes(horizon, envs, physics.nv, physics.substeps, physics.nothing.itemsize)
    refuse_beyond(needed, *task_motion(horizon, envs, scene.dt), physics.device)
