"""From parameters to a trajectory: open loop in one launch, closed loop step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genesis.grad.clipped import Clipped
from genesis.grad.tensor import plain
from genesis.parameters import Inputs, Parameter
from genesis.parameters.policy import Policy
from genesis.selection import indices, joints_of
from genesis.setting import Setting


def inputs_of(setting: Setting, parameters: Mapping[str, Parameter], *, policies: bool = True) -> Inputs:
    """What the parameters make of a rollout; policies: False leaves out what these do, for operations that know no networks."""
    rest = torch.zeros_like(setting.start_qvel)
    if setting.control == "position":  # joints that no parameter controls hold their start
        learned = {dof for parameter in parameters.values() for dof in parameter.changes.controls}
        for joint in (j for entity in setting.entities.values() for j in joints_of(entity)):
            if joint.is_scalar and joint.dofs[0] not in learned:
                rest[..., joint.dofs[0]] = setting.start_qpos[..., joint.qs[0]]
    controls = rest.expand(setting.horizon, *rest.shape)
    inputs = Inputs(setting.start_qpos, setting.start_qvel, controls, setting.described)
    for name, parameter in parameters.items():
        if policies or not isinstance(parameter, Policy):
            inputs.take(name, parameter)
    return inputs


def stand_in(inputs: Inputs, without: Sequence[int]) -> Inputs:
    """The inputs with another environment's in place of those of some environments, whose own cannot be simulated."""
    count = inputs.qpos.shape[0]
    stays = next(env for env in range(count) if env not in without)
    rows = indices([stays if env in without else env for env in range(count)])
    return replace(
        inputs, qpos=inputs.qpos.index_select(0, rows), qvel=inputs.qvel.index_select(0, rows),
        controls=inputs.controls.index_select(1, rows),
    )  # fmt: skip


def roll_out(setting: Setting, inputs: Inputs) -> Any:
    """The trajectory of these inputs; its `controls` are the ones applied."""
    if inputs.policies:
        return _closed_loop(setting, inputs)
    if torch.is_grad_enabled():
        if not inputs.controls.requires_grad:
            inputs.controls = inputs.controls.detach().requires_grad_()  # watched even where nothing learns them
        inputs.controls.retain_grad()
        inputs.watched = [inputs.controls]
    return setting.scene.rollout(
        inputs.controls, kind=setting.control, qpos=inputs.qpos, qvel=inputs.qvel, params=inputs.physical or None,
        truncate=setting.truncate, clip=setting.clip,
    )  # fmt: skip


def _closed_loop(setting: Setting, inputs: Inputs) -> Any:
    """Policies act on the state of every step, added to the open-loop controls."""
    scene, qpos, qvel = setting.scene, inputs.qpos, inputs.qvel
    positions, velocities, controls = [qpos], [qvel], []
    for step, open_loop in enumerate(inputs.controls):
        if setting.truncate is not None and step and step % setting.truncate == 0:
            qpos, qvel = qpos.detach(), qvel.detach()
        if setting.clip is not None and step and torch.is_grad_enabled():
            qpos, qvel = Clipped.apply(qpos, qvel, setting.clip)
        control: Tensor = open_loop
        for policy in inputs.policies:
            control = control + policy(qpos, qvel)
        if control.requires_grad:
            control.retain_grad()
            inputs.watched.append(control)
        qpos, qvel = map(plain, scene.step_state(qpos, qvel, control, kind=setting.control, params=inputs.physical or None))
        positions.append(qpos)
        velocities.append(qvel)
        controls.append(control)
    return scene.trajectory(
        torch.stack(positions),
        torch.stack(velocities),
        torch.stack(controls),
        kind=setting.control,
        params=inputs.physical or None,
    )
