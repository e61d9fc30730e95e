"""The physical parameters that an experiment is to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.model.layout import PARAMETER
from genesis.parameters import Inputs
from genesis.parameters.entries import choose, known_field, learnable
from genesis.selection import tensor, vector
from genesis.setting import Setting

# A quaternion is not four free numbers.
NO_UNKNOWN = ("link_quat", "geom_quat")
# The loops that a kind of control leaves open: their gains act on nothing.
OPEN = {"force": ("dof_kp", "dof_kv"), "velocity": ("dof_kp",), "position": ()}
# Below zero these mean nothing, or something else.
POSITIVE = ("link_mass", "dof_armature", "dof_damping", "dof_frictionloss", "geom_friction", "geom_size", "geom_solmix")
KEYS = ("field", "names", "columns", "scale", "prior")


@dataclass(frozen=True)
class Unknowns:
    """n numbers of the model.

    names: group/row. units. columns: their places in the packed parameter vector. values: (n,) in the model; scale: (n,) what counts as
    100 %; prior: (n,) one over the standard deviation known beforehand in units of the scale, zero where nothing is known.
    """

    names: list[str]
    units: list[str]
    columns: list[int]
    values: Tensor
    scale: Tensor
    prior: Tensor

    def __len__(self) -> int:
        return len(self.names)


def read_unknowns(setting: Setting, inputs: Inputs, specs: Mapping[str, Any], step: float) -> Unknowns:
    """Unknowns from the config node `task.unknowns`.

    Args:
        inputs: of the start, whose physical parameters stand in place of the model's.
        step: of the differences, in units of the scale.
    Raises: InputError, UnknownNameError naming the key.
    """
    parts = [
        _group(f"task.unknowns.{name}", name, setting, inputs, node, step) for name, node in specs.items() if node is not None
    ]
    if not parts:
        raise InputError("task.unknowns: nothing is unknown; name a physical parameter, e.g. {mass: {field: link_mass}}.")
    columns = [column for part in parts for column in part.columns]
    names = [name for part in parts for name in part.names]
    for i, column in enumerate(columns):
        if column in columns[:i]:
            raise InputError(f"task.unknowns: {names[i]} is {names[columns.index(column)]} again; name each once.")
    return Unknowns(
        names=names,
        units=[unit for part in parts for unit in part.units],
        columns=columns,
        values=torch.cat([part.values for part in parts]),
        scale=torch.cat([part.scale for part in parts]),
        prior=torch.cat([part.prior for part in parts]),
    )


def options_of(where: str, node: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    """The keys of a node. Raises: InputError for something else, UnknownNameError for a key that is not allowed."""
    if not isinstance(node, Mapping):
        raise InputError(f"{where}: {node!r} is not a mapping; keys: {', '.join(allowed)}.")
    for key in node:
        if key not in allowed:
            raise unknown_name(where, "key", str(key), allowed)
    return dict(node)


def _group(where: str, name: str, setting: Setting, inputs: Inputs, node: Any, step: float) -> Unknowns:
    options = options_of(where, node, KEYS)
    field = options.get("field")
    if field is None:
        raise InputError(f"{where}.field: must be given, e.g. link_mass, link_com, dof_damping.")
    allowed = {n: v for n, v in learnable(setting).items() if n not in (*NO_UNKNOWN, *OPEN[setting.control])}
    default = known_field(where, field, allowed)
    chosen = choose(where, setting, field, options.get("names", ("*",)), options.get("columns"))
    flat = inputs.physical.get(field, default).detach().reshape(-1)
    first = setting.scene.rigid_solver.model.parameter_offsets[field][0]
    positions = chosen.positions()
    values = flat[positions]
    names = [f"{name}/{label}" for label in chosen.labels] if len(positions) > 1 else [name]
    scale = _scale(f"{where}.scale", names, values, options.get("scale"))
    low = values - step * scale
    if field in POSITIVE and bool((low < 0).any()):
        k = int((low < 0).nonzero()[0])
        raise InputError(
            f"{where}: {names[k]} is {float(values[k]):g} and cannot be less; give the value that is expected, with a parameter "
            f"of kind physical, field {field}, init: VALUE, learn: false."
        )
    return Unknowns(
        names=names,
        units=[PARAMETER[field].unit] * len(names),
        columns=[first + k for k in positions],
        values=values,
        scale=scale,
        prior=_prior(f"{where}.prior", options.get("prior"), len(names)),
    )


def _scale(where: str, names: list[str], values: Tensor, given: Any) -> Tensor:
    """What counts as 100 %: given, or the value itself."""
    scale = values.abs() if given is None else vector(where, given, len(names))
    bad = (scale <= 0).nonzero()
    if len(bad):
        name, problem = names[int(bad[0])], "its value is zero" if given is None else "it is not positive"
        raise InputError(f"{where}: {name}: {problem}; give the size that counts as 100 %.")
    return scale


def _prior(where: str, given: Any, size: int) -> Tensor:
    """One over the standard deviation known beforehand."""
    if given is None:
        return tensor([0.0] * size)
    known = vector(where, given, size)
    if bool((known <= 0).any()):
        raise InputError(f"{where}: {given} must be positive: the standard deviation known beforehand, in units of the scale.")
    return 1.0 / known
