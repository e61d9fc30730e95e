"""Inputs of many rollouts at once, from parameters of one kind whose leaves have an axis of candidates in front."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genesis.parameters import Parameter
from genesis.parameters.policy import Policy
from genesis.setting import Setting
from genesis.tasks.rollout import inputs_of

Law = Callable[[Tensor, Tensor], Tensor]


@dataclass
class StackedInputs:
    """Inputs of candidates: qpos, qvel (n,[E,]…), controls (n,T,[E,]nv), physical: name -> (n,…)."""

    qpos: Tensor
    qvel: Tensor
    controls: Tensor
    physical: dict[str, Tensor]

    def __getitem__(self, row: int) -> "StackedInputs":
        """Those of one candidate, without the axis."""
        physical = {name: value[row] for name, value in self.physical.items()}
        return StackedInputs(self.qpos[row], self.qvel[row], self.controls[row], physical)


def stacked_inputs(
    setting: Setting, parameters: Mapping[str, Parameter], leaves: Sequence[Sequence[Tensor]], qpos: Tensor, qvel: Tensor
) -> StackedInputs:
    """What parameters make of their rollouts, at once; policies act later (`laws`).

    Args:
        leaves: of each parameter, (n, …) each. qpos (n,[E,]nq), qvel (n,[E,]nv): where the candidates start.
    """

    def one(leaves: list[list[Tensor]], qpos: Tensor, qvel: Tensor) -> tuple:
        moved = {
            name: parameter if isinstance(parameter, Policy) else parameter.with_leaves(own)
            for (name, parameter), own in zip(parameters.items(), leaves, strict=True)
        }
        made = inputs_of(replace(setting, start_qpos=qpos, start_qvel=qvel), moved, policies=False)
        return made.qpos, made.qvel, made.controls, made.physical

    return StackedInputs(*torch.vmap(one)([list(own) for own in leaves], qpos, qvel))


def laws(parameters: Mapping[str, Parameter], leaves: Sequence[Sequence[Tensor]]) -> list[Law]:
    """Controls (n,[E,]nv) of each policy at states (n,[E,]…), every candidate with its own weights."""
    pairs = zip(parameters.values(), leaves, strict=True)
    return [parameter.with_leaves(list(own)).law() for parameter, own in pairs if isinstance(parameter, Policy)]


def added(laws: Sequence[Law], qpos: Tensor, qvel: Tensor) -> Tensor:
    """Controls of policies that act together."""
    first, *others = laws
    return sum((law(qpos, qvel) for law in others), start=first(qpos, qvel))


def in_one_axis(series: Tensor, axis: int, envs: int) -> Tensor:
    """Candidates, along an axis, and their environments, along the next one if there are any, in one axis."""
    return series.flatten(axis, axis + 1) if envs else series
