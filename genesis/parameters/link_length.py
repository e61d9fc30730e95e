"""How long links are along one of their axes, and what grows with them.

    s = length / reference,  D = diag(1, …, s, …, 1)
    children: pos -> D pos;   centre of mass: c -> D c;   mass: m -> s m
    inertia: S -> D S D (times s with the mass),  S = tr(I) / 2 - I, the second moments of the mass about its centre

S stays positive definite, so that A + B >= C holds for every length.
"""

from typing import Any

import torch
from torch import Tensor

from genesis.description.poses import rotate
from genesis.errors import InputError, unknown_name
from genesis.log import logger
from genesis.model.layout import GEOM_TYPES
from genesis.model.model import Model
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.rows import rows_of
from genesis.selection import indices, tensor, vector
from genesis.setting import Setting

AXES = "xyz"
SCALES = {  # what can grow with a length -> the physical parameters that change
    "mass": ("link_mass",),
    "centre_of_mass": ("link_com",),
    "inertia": ("link_inertia",),
    "shape": ("geom_pos", "geom_size"),
}
SIZED = {"capsule": {2: 1}, "cylinder": {2: 1}, "box": {0: 0, 1: 1, 2: 2}, "ellipsoid": {0: 0, 1: 1, 2: 2}, "sphere": {}}
Places = tuple[list[int], list[int], list[int]]  # rows, columns, and whose length


class LinkLength(Numbers):
    """Lengths of links [m]: where the links that they carry stand, and what of the link itself grows with it.

    Args:
        axis: "x", "y" or "z" of the link; None: that along which what it carries lies farthest.
        reference: the described length, a number or one each; None: that of the farthest link that it carries, along the axis.
        scales: which of "mass", "centre_of_mass", "inertia" and "shape" grow with it.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        names: Any = ("*",),
        axis: str | None = None,
        reference: Any = None,
        scales: Any = (),
        **common: Any,
    ) -> None:
        model = setting.scene.rigid_solver.model
        for word in scales:
            if word not in SCALES:
                raise unknown_name(f"{where}.scales", "property", str(word), SCALES)
        if axis is not None and axis not in tuple(AXES):
            raise InputError(f'{where}.axis: "{axis}" is not allowed; allowed: x, y, z, or null.')
        rows, found = rows_of(f"{where}.names", setting, "link_pos", names)
        self.links, self.scales = rows or list(range(len(found))), tuple(scales)
        given = [None] * len(found) if reference is None else vector(f"{where}.reference", reference, len(found)).tolist()
        self.axes, lengths = [], []
        for link, name, length in zip(self.links, found, given, strict=True):
            own, reach = _farthest(model, link, None if axis is None else AXES.index(axis))
            if length is None and reach < 1e-9:
                raise InputError(
                    f'{where}: link "{name}" carries no link along {axis or "any axis"}, so its length is not known; give reference (its '
                    "length as described [m]), or leave it out of names."
                )
            if length is not None and length <= 0.0:
                raise InputError(f"{where}.reference: is {length:g}; it must be positive.")
            self.axes.append(own)
            lengths.append(reach if length is None else length)
        self.reference = tensor(lengths)
        children = [
            (child, k) for child, parent in enumerate(model.link_parents) for k, link in enumerate(self.links) if parent == link
        ]
        self.carried: Places = [c for c, _ in children], [self.axes[k] for _, k in children], [k for _, k in children]
        self.own: Places = list(self.links), list(self.axes), list(range(len(found)))
        self.shapes = _shapes(model, self.links, self.axes, where, found) if "shape" in self.scales else None
        _warn_of_sites(model, dict(zip(self.links, found, strict=True)), where)
        fields = ("link_pos", *(field for word in self.scales for field in SCALES[word]))
        described = DescribedNumbers(found, "m", self.reference.clone(), least=1e-6)
        super().__init__(setting, where, described, NumberOptions(**common), Changes(physical=fields, scales=fields))

    def apply(self, inputs: Inputs) -> None:
        grown = self.of_rows() / self.reference
        _multiply(inputs, "link_pos", grown, self.carried)
        if "centre_of_mass" in self.scales:
            _multiply(inputs, "link_com", grown, self.own)
        if "mass" in self.scales:
            base = inputs.value("link_mass")
            inputs.physical["link_mass"] = base * base.new_ones(base.shape[-1]).index_put((indices(self.links),), grown.to(base))
        if "inertia" in self.scales:
            base, places = inputs.value("link_inertia"), indices(self.links)
            stretched = stretch(base.index_select(-2, places), grown.to(base), self.axes, "mass" in self.scales)
            inputs.physical["link_inertia"] = base.index_copy(-2, places, stretched)
        if self.shapes is not None:
            placed, sized = self.shapes
            _multiply(inputs, "geom_pos", grown, placed)
            _multiply(inputs, "geom_size", grown, sized)


def stretch(inertia: Tensor, grown: Tensor, axes: list[int], with_mass: bool) -> Tensor:
    """Inertias (..., n, 6: xx yy zz xy xz yz) of bodies that become ``grown`` (n,) times as long along their axes (n)."""
    factor = torch.stack(
        [torch.where(tensor([k == axis for axis in axes]) > 0.0, grown, torch.ones_like(grown)) for k in range(3)], -1
    )
    half = 0.5 * inertia[..., :3].sum(-1, keepdim=True)
    second = (half - inertia[..., :3]) * factor.square()
    products = inertia[..., 3:] * torch.stack(
        [factor[:, 0] * factor[:, 1], factor[:, 0] * factor[:, 2], factor[:, 1] * factor[:, 2]], -1
    )
    made = torch.cat([second.sum(-1, keepdim=True) - second, products], -1)
    return made * grown.unsqueeze(-1) if with_mass else made


def _multiply(inputs: Inputs, field: str, grown: Tensor, places: Places) -> None:
    """Numbers (row, column) of a field times that of a link."""
    rows, columns, owners = places
    if rows:
        base = inputs.value(field)
        factor = base.new_ones(base.shape[-2:]).index_put((indices(rows), indices(columns)), grown[indices(owners)].to(base))
        inputs.physical[field] = base * factor


def _farthest(model: Model, link: int, axis: int | None) -> tuple[int, float]:
    """The axis along which the links that a link carries lie farthest, or the given one, and how far [m]."""
    children = [child for child, parent in enumerate(model.link_parents) if parent == link]
    reach = abs(model.parameters["link_pos"][children]).max(0, initial=0.0)
    chosen = int(reach.argmax()) if axis is None else axis
    if axis is None and not children:
        chosen = int(abs(model.parameters["link_com"][link]).argmax())
    return chosen, float(reach[chosen])


def _shapes(model: Model, links: list[int], axes: list[int], where: str, names: list[str]) -> tuple[Places, Places]:
    """Positions and sizes of geoms that grow. Raises: InputError for a shape that cannot be stretched along the axis."""
    placed: Places = [], [], []
    sized: Places = [], [], []
    for row, (slot, code) in enumerate(zip(model.integers["geom_slot"], model.integers["geom_type"], strict=True)):
        if slot - 1 not in links:
            continue
        k, kind = links.index(slot - 1), GEOM_TYPES[code]
        unit = tensor([float(i == axes[k]) for i in range(3)]).numpy()
        turned = rotate(model.parameters["geom_quat"][row] * [1.0, -1.0, -1.0, -1.0], unit)
        local = int(abs(turned).argmax())
        along = SIZED.get(kind, {}).get(local) if abs(turned[local]) > 1.0 - 1e-6 else None
        if along is None and kind != "sphere":
            raise InputError(
                f'{where}.scales: the {kind} of link "{names[k]}" cannot be stretched along {AXES[axes[k]]}; allowed: boxes and ellipsoids '
                "along their axes, capsules and cylinders along theirs, spheres (which move only). Leave shape out."
            )
        for places, column in ((placed, axes[k]), (sized, along)):
            if column is not None:
                for part, number in zip(places, (row, column, k), strict=True):
                    part.append(number)
    bare = [name for k, name in enumerate(names) if k not in placed[2]]
    if bare:
        raise InputError(f'{where}.scales: link "{bare[0]}" has no shape that can touch in this scene; leave shape out.')
    return placed, sized


def _warn_of_sites(model: Model, names: dict[int, str], where: str) -> None:
    for site in model.sites:
        if site.link in names:
            logger.warning(
                '%s: the site "%s" of link "%s" stays where it is: sites are no parameters.', where, site.name, names[site.link]
            )
