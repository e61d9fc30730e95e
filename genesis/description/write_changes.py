"""What differs between two descriptions of one robot, and what their format cannot say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genesis.description.description import Description, Joint

LINK = ("pos", "quat", "mass", "com", "inertia")
JOINT = (
    "damping", "frictionloss", "armature", "stiffness", "springref", "effort", "limit", "limit_margin", "limit_solref", "limit_solimp",
    "friction_solref", "friction_solimp",
)  # fmt: skip
GEOM = ("pos", "quat", "size", "friction", "solref", "solimp", "solmix", "margin", "gap")
ACTUATOR = ("transmission", "gain", "bias", "ctrlrange", "forcerange")
EQUALITY = ("data", "solref", "solimp")
PAIR = ("friction", "solref", "solref_friction", "solimp", "margin", "gap")
WRITTEN = {"Link": LINK, "Joint": JOINT, "Geom": GEOM, "Actuator": ACTUATOR, "Equality": EQUALITY, "ContactPair": PAIR}

# attribute -> (name in the core, unit of a hinge, unit of a slide)
IN_CORE = {
    "damping": ("dof_damping", "Nms/rad", "Ns/m"),
    "frictionloss": ("dof_frictionloss", "Nm", "N"),
    "armature": ("dof_armature", "kg m²", "kg"),
    "stiffness": ("dof_stiffness", "Nm/rad", "N/m"),
    "springref": ("qpos_spring", "rad", "m"),
    "limit": ("limit_range", "rad", "m"),
    "limit_margin": ("limit_margin", "rad", "m"),
    "limit_solref": ("limit_solref", "s, 1", "s, 1"),
    "limit_solimp": ("limit_solimp", "-", "-"),
    "friction_solref": ("dof_solref", "s, 1", "s, 1"),
    "friction_solimp": ("dof_solimp", "-", "-"),
}
GEOM_UNITS = {
    "friction": "1, m, m", "solref": "s, 1", "solimp": "-", "solmix": "1", "margin": "m", "gap": "m", "size": "m", "pos": "m", "quat": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Beside:
    """A value that the robot file cannot hold. field: its name in the core; element: joint "elbow"."""

    field: str
    element: str
    value: Any
    unit: str


@dataclass
class FileChanges:
    """Which attributes differ, by place in the lists of the description; `beside` and `edits` are filled while a file is written."""

    links: dict[int, set[str]]
    joints: dict[int, set[str]]  # by place in `joints_of`
    geoms: dict[int, set[str]]
    actuators: dict[int, set[str]]
    equalities: dict[int, set[str]]
    contacts: dict[int, set[str]]
    gravity: bool
    beside: list[Beside] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)

    def aside(self, joint: Joint, attribute: str) -> None:
        """Note a value of a joint that the file cannot hold."""
        element = f'joint "{joint.name}"'
        if attribute == "effort":
            low, high = joint.effort if joint.effort is not None else (-np.inf, np.inf)
            unit = joint.kind.either("Nm", "N")
            self.beside += [Beside("dof_force_lo", element, low, unit), Beside("dof_force_hi", element, high, unit)]
            return
        name, turning, sliding = IN_CORE[attribute]
        self.beside.append(Beside(name, element, getattr(joint, attribute), joint.kind.either(turning, sliding)))

    def pairs(self, found: Description, wanted: Description) -> Iterator[tuple[Any, Any]]:
        """(read back, wanted) of every link, joint and equality and of every other changed element."""
        yield from zip(found.links, wanted.links, strict=True)
        yield from zip(joints_of(found), joints_of(wanted), strict=True)
        yield from zip(found.equalities, wanted.equalities, strict=True)
        for name in ("geoms", "actuators"):
            for k in getattr(self, name):
                yield getattr(found, name)[k], getattr(wanted, name)[k]
        for k in self.contacts:
            yield found.pairs[k], wanted.pairs[k]

    def watched(self, element: Any) -> list[str]:
        """Attributes that the file must hold as wanted: all but those put beside."""
        kind = type(element).__name__
        aside = {b.field for b in self.beside if b.element == f'{kind.lower()} "{element.name}"'}
        return [name for name in WRITTEN[kind] if _core_name(kind, name) not in aside]


def _core_name(kind: str, attribute: str) -> str:
    if kind == "Geom":
        return f"geom_{attribute}"
    return "dof_force_lo" if attribute == "effort" else IN_CORE.get(attribute, (attribute,))[0]


def joints_of(description: Description) -> list[Joint]:
    """Every joint, in the order of the links."""
    return [joint for link in description.links for joint in link.joints]


def changes_of(old: Description, new: Description) -> FileChanges:
    """Attributes that differ."""
    return FileChanges(
        links=_differing(old.links, new.links, LINK),
        joints=_differing(joints_of(old), joints_of(new), JOINT),
        geoms=_differing(old.geoms, new.geoms, GEOM),
        actuators=_differing(old.actuators, new.actuators, ACTUATOR),
        equalities=_differing(old.equalities, new.equalities, EQUALITY),
        contacts=_differing(old.pairs, new.pairs, PAIR),
        gravity=new.options.gravity is not None and new.options.gravity != old.options.gravity,
    )


def _differing(old: list, new: list, names: tuple[str, ...]) -> dict[int, set[str]]:
    found = {}
    for k, (a, b) in enumerate(zip(old, new, strict=True)):
        if differing := {name for name in names if not _equal(getattr(a, name), getattr(b, name))}:
            found[k] = differing
    return found


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, list):  # transmission: (joint, coef)
        return all(_equal(x[1], y[1]) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def words(*values: Any) -> str:
    """Numbers as an XML attribute, to the last digit."""
    return " ".join(repr(float(x)) for value in values for x in np.asarray(value, float).reshape(-1))
