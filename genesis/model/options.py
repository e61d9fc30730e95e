"""Which constraints act in a model, and how they are solved: what the user asks for, else what the files say, else a default."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from genesis.description.description import SolverSettings
from genesis.errors import InputError

CONES = ("pyramidal", "elliptic")
CONTACTS = ("smooth", "mujoco")


@dataclass(frozen=True)
class ConstraintOptions:
    """How constraints are solved.

    cone: "pyramidal" | "elliptic" friction cones. impratio: impedance of friction relative to that of the normal. tolerance: of the
    solver, on the forces out of balance relative to the largest one (None: what the precision allows). iterations, ls_iterations:
    limits of Newton steps and of line search steps in each.
    max_contacts: room for contacts of one environment (None: made to fit). contact: "smooth", a law without jumps at touch-down, or
    "mujoco".
    """

    cone: str = "pyramidal"
    impratio: float = 1.0
    tolerance: float | None = None
    iterations: int = 100
    ls_iterations: int = 50
    max_contacts: int | None = None
    contact: str = "smooth"


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


SOLVER = ("tolerance", "iterations", "ls_iterations")  # of this solver: what a file asks of MuJoCo's means other things
REQUEST_NAME = {"cone": "friction_cone"}  # where the user's option is not called as the field


def resolve(request: ConstraintRequest, settings: Sequence[tuple[str, SolverSettings]]) -> ConstraintOptions:
    """The options of a scene; settings: name and wishes of each entity.

    Raises: InputError if two files disagree and the user has not chosen.
    """
    chosen = {}
    for field in fields(ConstraintOptions):
        value = getattr(request, field.name)
        if value is None and field.name not in SOLVER:
            value = _said(field.name, settings)
        if value is not None:
            chosen[field.name] = value
    return ConstraintOptions(**chosen)


def _said(name: str, settings: Sequence[tuple[str, SolverSettings]]) -> object:
    """What the files say about an option; None if nothing."""
    said = [(entity, asdict(s)[name]) for entity, s in settings if asdict(s).get(name) is not None]
    for entity, value in said[1:]:
        if value != said[0][1]:
            raise InputError(
                f'the files of "{said[0][0]}" and "{entity}" ask for {name} {said[0][1]} and {value}; '
                f"choose with RigidOptions({REQUEST_NAME.get(name, name)}=...)."
            )
    return said[0][1] if said else None
