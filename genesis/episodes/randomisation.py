"""Robots that differ from episode to episode: numbers of the model, and pushes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.model.layout import PARAMETERS
from genesis.selection import match, tensor, vector
from genesis.setting import Setting

#: What can be varied, and the core names that one factor multiplies together.
VARIED = {
    "mass": ("link_mass", "link_inertia"), "friction": ("geom_friction",), "damping": ("dof_damping",), "armature": ("dof_armature",),
    "frictionloss": ("dof_frictionloss",), "kp": ("dof_kp",), "kv": ("dof_kv",), "stiffness": ("dof_stiffness",),
}  # fmt: skip
CORE = {kind.name for kind in PARAMETERS}


class Variation:
    """Each number of a kind times a factor of its own, uniform in a range, anew in every episode; `together`: one factor for all.

    Args:
        quantity: of `VARIED`, or a core name. factor: [from, to]. links: of mass, by name or glob pattern.
    Raises: InputError, UnknownNameError naming the key.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        quantity: str,
        factor: Any,
        links: Any = ("*",),
        together: bool = False,
    ) -> None:
        names = VARIED.get(quantity, (quantity,))
        if names[0] not in CORE:
            raise unknown_name(f"{where}.quantity", "quantity", quantity, [*VARIED, *sorted(CORE)])
        pair = vector(f"{where}.factor", factor, 2)
        self.low, self.high = float(pair[0]), float(pair[1])
        if not 0.0 <= self.low <= self.high:
            raise InputError(f"{where}.factor: {pair.tolist()} is no range; allowed: [from, to] with 0 <= from <= to.")
        model = setting.scene.rigid_solver.model
        count = {"link": model.nlink, "geom": model.sizes["ngeom"], "dof_": model.nv}.get(names[0][:4])
        offsets = [model.parameter_offsets[name] for name in names]
        if count is None:
            count = offsets[0][1]
        self.together, self.count = together, count
        chosen = list(range(count))
        if names[0].startswith("link"):
            every = [str(link.name) for entity in setting.entities.values() for link in entity.links]
            chosen = chosen if list(links) == ["*"] else match(f"{where}.links", "link", links, every)
        self.columns = torch.tensor(
            [first + k * (length // count) + i for first, length in offsets for k in chosen for i in range(length // count)]
        )
        self.source = torch.tensor([k for _, length in offsets for k in range(len(chosen)) for _ in range(length // count)])
        self.numbers = len(chosen)

    def vary(self, theta: Tensor, rows: Tensor, generator: torch.Generator) -> None:
        """In these rows of theta (B, P), which hold the described values, in place."""
        share = torch.rand(len(rows), 1 if self.together else self.numbers, generator=generator, dtype=torch.float64)
        factor = tensor(self.low + (self.high - self.low) * share).expand(len(rows), self.numbers)
        theta[rows[:, None], self.columns] *= factor[:, self.source]


class Pushes:
    """A force on a link in a direction of the plane, drawn anew each time, now and then.

    Args:
        link: by name; None: the first. force: [from, to] [N]. duration: of a push [s]. every: mean time between two pushes [s].
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        force: Any,
        link: str | None = None,
        duration: float = 0.1,
        every: float = 2.0,
    ) -> None:
        links = {str(one.name): int(one.idx) for one in setting.robot.links}
        if link is not None and link not in links:
            raise unknown_name(f"{where}.link", "link", link, links)
        self.link = next(iter(links.values())) if link is None else links[link]
        pair = vector(f"{where}.force", force, 2)
        self.low, self.high = float(pair[0]), float(pair[1])
        self.steps, self.chance = max(1, round(duration / setting.dt)), min(1.0, setting.dt / every)

    def begin(self, left: Tensor, force: Tensor, generator: torch.Generator) -> None:
        """Pushes that begin now: left (B,) steps of each that goes on, force (B, 3), both changed in place."""
        idle = (left <= 0) & (torch.rand(len(left), generator=generator) < self.chance)
        count = int(idle.sum())
        left -= 1
        if count:
            angle = 2.0 * torch.pi * torch.rand(count, generator=generator, dtype=torch.float64)
            size = self.low + (self.high - self.low) * torch.rand(count, generator=generator, dtype=torch.float64)
            force[idle] = tensor(torch.stack((size * angle.cos(), size * angle.sin(), torch.zeros(count)), -1))
            left[idle] = self.steps


def make_variations(setting: Setting, specs: Mapping[str, Mapping[str, Any]]) -> tuple[list[Variation], list[Pushes]]:
    """Of nodes `task.randomise.NAME`: kind number or push, and its keyword arguments."""
    numbers, pushes = [], []
    for name, spec in specs.items():
        options = dict(spec)
        kind = options.pop("kind")
        if kind == "push":
            pushes.append(Pushes(setting, f"task.randomise.{name}", **options))
        else:
            numbers.append(Variation(setting, f"task.randomise.{name}", **options))
    return numbers, pushes
