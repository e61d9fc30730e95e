"""What an experiment is to tell, and what it measures: the parameters and channels of an identification that is still to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.channels import CHANNEL_KINDS, CHANNELS, Channel, chosen_names, make_channel
from genesis.errors import InputError, unknown_name
from genesis.parameters import OF_MODELS, Inputs, Numbers, Parameter, make_parameter
from genesis.scene.physical import Loops
from genesis.selection import vector
from genesis.setting import Columns, Recorded, Setting
from genesis.units import conversion

# What measurements can be asked about: the model, and numbers that sensors add to theirs. (A delay is no change at the same instant.)
TELLABLE = (*OF_MODELS, "sensor_gain", "sensor_bias")
# A quaternion is not four free numbers.
QUATERNIONS = ("link_quat", "geom_quat")
PARALLEL = 1e-9  # of the cosine between two changes of the model: they are one


@dataclass(frozen=True)
class Planned:
    """A channel that will be measured; sigma: (residuals,) standard deviation of the noise of one sample [SI]."""

    name: str
    kind: str
    channel: Channel
    sigma: Tensor


@dataclass(frozen=True)
class Unknowns:
    """n numbers to be told, as parameters around their expected values.

    names: group/row. values: (n,) expected. scale: (n,) what counts as 100 %. prior: (n,) one over the standard deviation known beforehand
    in units of the scale, zero where nothing is known. sizes: (n,) the change of each free number that counts as one: of the values that it
    moves, the one that it moves most changes by its scale. to_unit: (n, n) changes of the free numbers, so counted, that change one value by
    its scale; None where they are the same.
    """

    parameters: list[Numbers]
    names: list[str]
    units: list[str]
    values: Tensor
    scale: Tensor
    prior: Tensor
    sizes: Tensor
    to_unit: Tensor | None

    def __len__(self) -> int:
        return len(self.names)

    def inputs(self, described: Mapping[str, Tensor], offset: Tensor) -> Inputs:
        """What the parameters make of free numbers that are moved by an offset (n,) in units of `sizes`."""
        return _moved(described, self.parameters, offset * self.sizes)


def read_channels(setting: Setting, specs: Mapping[str, Any]) -> list[Planned]:
    """Channels from the config node `task.channels`. Raises: InputError, UnknownNameError naming the key."""
    made = [_channel(f"task.channels.{name}", name, setting, dict(node)) for name, node in specs.items() if node is not None]
    if not made:
        raise InputError(
            "task.channels: nothing is measured; name a channel, e.g. {angle: {kind: joint_position, sigma: 0.001}}."
        )
    return made


def _channel(where: str, name: str, setting: Setting, node: dict[str, Any]) -> Planned:
    kind, names, sigma, unit = (node.pop(key, None) for key in ("kind", "names", "sigma", "unit"))
    if kind not in CHANNELS:
        raise unknown_name(f"{where}.kind", "kind", str(kind), CHANNELS)
    if kind == "joint_torque" and setting.control == "force":
        raise InputError(f"{where}: with task.control force the joint forces are given, and tell nothing; measure positions.")
    about = CHANNEL_KINDS[kind]
    channel = make_channel(setting, where, kind, chosen_names(setting, where, kind, names, node), node)
    if sigma is None:
        raise InputError(f"{where}.sigma: must be given: the standard deviation of the noise of one sample.")
    count = len(channel.labels) // about.width
    given = np.asarray(sigma, dtype=object).reshape(-1).tolist()
    if len(given) == about.residual_width and count > 1:  # those of one name
        given = given * count
    noise = conversion(f"{where}.unit", unit, about.quantities)[0] * vector(
        f"{where}.sigma", given if len(given) > 1 else given[0], channel.residual_width
    )
    if bool((noise <= 0).any()):
        raise InputError(f"{where}.sigma: {sigma} must be positive.")
    return Planned(name, kind, channel, noise)


def read_unknowns(
    setting: Setting,
    inputs: Inputs,
    parameters: Mapping[str, Parameter],
    specs: Mapping[str, Any],
    channels: list[Planned],
    step: float,
) -> Unknowns:
    """Unknowns from the config node `task.unknowns`.

    Args:
        inputs: of the start, whose physical parameters are the expected ones; parameters: those that the task has.
        channels: what is measured, for properties of sensors.
        step: of the differences, in units of the scale.
    Raises: InputError, UnknownNameError naming the key.
    """
    expected = {**setting.described, **{name: value.detach() for name, value in inputs.physical.items()}}
    sensors = Recorded({c.name: Columns(c.channel.labels, c.channel.units) for c in channels}, {})
    around = replace(setting, recorded=sensors, described_=(setting.scene, expected))
    made = [_unknown(f"task.unknowns.{name}", around, dict(node)) for name, node in specs.items() if node is not None]
    if not made:
        raise InputError("task.unknowns: nothing is unknown; name a quantity, e.g. {m: {kind: mass}}.")
    for parameter, _ in made:
        for name, other in parameters.items():
            both = set(parameter.changes.physical) & set(other.changes.physical)
            if other.learn and both:
                raise InputError(
                    f"{parameter.where}: parameter.{name} learns {min(both)}, and what is learned is known; set learn: false."
                )
    units = [unit for parameter, scale in made for unit in [_in_units(parameter, scale, step)]]
    maps = [unit[2] for unit in units]
    whole = torch.block_diag(*maps)
    unknowns = Unknowns(
        parameters=[parameter for parameter, _ in made],
        names=[name for parameter, _ in made for name in _names(parameter)],
        units=[parameter.unit_of(k) for parameter, _ in made for k in range(len(parameter.labels()))],
        values=torch.cat([parameter.value().detach() for parameter, _ in made]),
        scale=torch.cat([unit[0] for unit in units]),
        prior=torch.cat([_prior(parameter, unit[0]) for (parameter, _), unit in zip(made, units, strict=True)]),
        sizes=torch.cat([unit[1] for unit in units]),
        to_unit=None if torch.equal(whole, torch.eye(len(whole)).to(whole)) else torch.linalg.inv(whole),
    )
    _check_changes(setting, expected, unknowns, step)
    return unknowns


def changes_of(
    setting: Setting, described: Mapping[str, Tensor], parameters: Sequence[Numbers], moves: Tensor
) -> tuple[list[int], Tensor]:
    """Columns of the packed parameters of what the parameters change, and by how much moves (B, n) of their free numbers change these
    (B, columns).
    """
    solver = setting.scene.rigid_solver
    made = [_moved(described, parameters, move) for move in torch.cat([torch.zeros_like(moves[:1]), moves])]
    names = list(dict.fromkeys(name for inputs in made for name in inputs.physical))
    if not names:
        return [], moves[:, :0]
    replaced = {name: torch.stack([inputs.value(name) for inputs in made]) for name in names}
    packed = solver.parameters.packed(Loops.of(setting.control, solver.model.nv), replaced).detach()
    places = (solver.model.parameter_offsets[name] for name in names)
    columns = [first + k for first, count in places for k in range(count)]
    return columns, packed[1:, columns] - packed[:1, columns]


def _moved(described: Mapping[str, Tensor], parameters: Sequence[Numbers], move: Tensor) -> Inputs:
    """What parameters make of free numbers moved by (n,)."""
    made = Inputs(described=described)
    for parameter, shift in zip(parameters, move.split([len(p.free) for p in parameters]), strict=True):
        parameter.with_leaves([parameter.free.detach() + shift]).apply(made)
    return made


def _unknown(where: str, setting: Setting, node: dict[str, Any]) -> tuple[Numbers, Any]:
    """The parameter of a node, and its scale as given."""
    scale, kind = node.pop("scale", None), node.get("kind")
    if kind is None:
        raise InputError(
            f"{where}.kind: must be given, e.g. mass, centre_of_mass, damping; or field, with the core name in field."
        )
    if kind not in TELLABLE:
        raise unknown_name(where, "kind of unknown", str(kind), TELLABLE)
    prior = node.get("prior")
    if prior is not None and not (isinstance(prior, (list, tuple)) and len(prior) == 2 and prior[0] is None):
        raise InputError(
            f"{where}.prior: {prior!r} is not allowed; write [null, std]: around the expected value, std in its unit."
        )
    parameter: Numbers = make_parameter(setting, where, node)
    if set(parameter.changes.physical) & set(QUATERNIONS) and kind == "field":
        raise InputError(f"{where}.field: the numbers of a quaternion are not free; ask for link_rotation.")
    return parameter, scale


def _names(parameter: Numbers) -> list[str]:
    labels = parameter.labels()
    return [f"{parameter.name}/{label}" for label in labels] if len(labels) > 1 else [parameter.name]


def _in_units(parameter: Numbers, given: Any, step: float) -> tuple[Tensor, Tensor, Tensor]:
    """scale (k,) of the values, sizes (k,) of the free numbers, and the change of values over scale with free numbers over sizes (k, k)."""
    names, where = _names(parameter), f"{parameter.where}.scale"
    values = parameter.value().detach()
    scale = values.abs() if given is None else vector(where, given, len(names))
    bad = (scale <= 0).nonzero()
    if len(bad):
        problem = "its value is zero" if given is None else "it is not positive"
        raise InputError(f"{where}: {names[int(bad[0])]}: {problem}; give the size that counts as 100 %.")
    free = parameter.free.detach()
    slope: Tensor = torch.autograd.functional.jacobian(parameter.values_of, free)
    sizes = 1.0 / (slope.abs() / scale[:, None]).amax(0) if parameter.coupled else scale / slope.diagonal().abs()
    low = free - step * sizes < parameter.free_bounds()[0]
    if bool(low.any()):
        k = int(low.nonzero()[0])
        raise InputError(
            f"{parameter.where}: {names[k]} is {float(values[k]):g} and cannot be less; give the value that is expected, with a parameter of "
            "the same kind, init: VALUE, learn: false."
        )
    return scale, sizes, slope * sizes / scale[:, None]


def _prior(parameter: Numbers, scale: Tensor) -> Tensor:
    """One over the standard deviation known beforehand, in units of the scale."""
    return torch.zeros_like(scale) if parameter.prior is None else scale / parameter.prior[1]


def _check_changes(setting: Setting, described: Mapping[str, Tensor], unknowns: Unknowns, step: float) -> None:
    """Raises: InputError for an unknown that changes nothing of the model, or what another one changes already."""
    known: list[tuple[str, dict[int, float]]] = []
    first = 0
    for parameter in unknowns.parameters:
        sizes = unknowns.sizes[first : first + len(parameter.free)]
        columns, change = changes_of(setting, described, [parameter], step * torch.diag(sizes))
        for row, name in zip(change, unknowns.names[first : first + len(sizes)], strict=True):
            first += 1
            own = {column: float(x) for column, x in zip(columns, row, strict=True) if x != 0.0}
            if not own and not parameter.changes.sensors:
                raise InputError(f"{parameter.where}: {name} acts on nothing with task.control {setting.control}.")
            again = next((other for other, change in known if own and _parallel(own, change)), None)
            if again is not None:
                raise InputError(f"task.unknowns: {name} is {again} again; name each once.")
            known.append((name, own))


def _parallel(first: Mapping[int, float], second: Mapping[int, float]) -> bool:
    """Two changes, by column, are one but for their size."""
    if first.keys() != second.keys():
        return False
    pairs = torch.tensor([[first[k], second[k]] for k in first], dtype=torch.float64)
    return bool((pairs[:, 0] @ pairs[:, 1]).abs() > (1.0 - PARALLEL) * pairs[:, 0].norm() * pairs[:, 1].norm())


__all__ = ["Planned", "Unknowns", "changes_of", "read_channels", "read_unknowns"]
