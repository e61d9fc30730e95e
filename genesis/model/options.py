"""Which constraints act in a model, and how they are solved: what the user asks for, else what the files say, else a default."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from genesis.description.description import FileOptions

CONES = ("pyramidal", "elliptic")
CONTACTS = ("smooth", "mujoco")


@dataclass(frozen=True)
class ConstraintOptions:
    """How constraints are solved.

    cone: "pyramidal" | "elliptic" friction cones; the smooth law takes elliptic ones unless asked otherwise, since with pyramids a
    sliding contact pushes itself open. impratio: impedance of friction relative to that of the normal. tolerance: largest unbalanced
    force at the end of the solver, relative to the forces that balance (None: close to rounding). iterations, ls_iterations: limits of
    Newton steps and of line search steps in each.
    max_contacts: bound on the contacts of one environment (None: room grows). contact: "smooth", a law without jumps at touch-down, or
    "mujoco". contact_reach: distance [m] from which pairs that never touch in a trajectory act on its gradient (0: not at all); the
    trajectory itself does not change.
    """

    cone: str = "pyramidal"
    impratio: float = 1.0
    tolerance: float | None = None
    iterations: int = 100
    ls_iterations: int = 50
    max_contacts: int | None = None
    contact: str = "smooth"
    contact_reach: float = 0.0


@dataclass(frozen=True)
class ConstraintRequest:
    """What the user asks for. None: what the files say, else the default of `ConstraintOptions`.

    enable_self_collision: contacts between moving links of one entity. enable_adjacent_collision: contacts between a link and its
    parent (None: as the file says, else no). disable_constraint: no contact, limit, dry friction or equality at all.
    """

    enable_collision: bool = True
    enable_self_collision: bool = True
    enable_adjacent_collision: bool | None = None
    enable_joint_limit: bool = True
    disable_constraint: bool = False
    cone: str | None = None
    impratio: float | None = None
    tolerance: float | None = None
    iterations: int | None = None
    ls_iterations: int | None = None
    max_contacts: int | None = None
    contact: str | None = None
    contact_reach: float | None = None


FROM_FILES = ("cone", "impratio")  # the files' stopping rules are for another solver


def resolve(request: ConstraintRequest, files: Sequence[FileOptions]) -> ConstraintOptions:
    """The options of a scene: what the user asks for, else what the files of its entities agree on, else the default."""
    chosen = {field.name: getattr(request, field.name) for field in fields(ConstraintOptions)}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    smooth = chosen.get("contact", ConstraintOptions.contact) == "smooth"
    for name in FROM_FILES:
        value = "elliptic" if name == "cone" and smooth else agreed(name, files)
        if name not in chosen and value is not None:
            chosen[name] = value
    return ConstraintOptions(**chosen)


def agreed(name: str, files: Sequence[FileOptions]) -> Any:
    """What the files that state an option all say; None if none does, or if they disagree."""
    said = [value for file in files if (value := file.said(name)) is not None]
    return said[0] if said and all(value == said[0] for value in said) else None
