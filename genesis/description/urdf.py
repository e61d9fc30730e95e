"""URDF to a description."""

import os
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from genesis.description import tree
from genesis.description.description import Description
from genesis.description.inertia import unphysical
from genesis.description.inferred import fill_stuck
from genesis.description.magnitudes import check_numbers
from genesis.description.notes import Notes
from genesis.description.retype import retype_joints
from genesis.description.scale import scale_description
from genesis.description.source import Source, read_source
from genesis.description.urdf_check import check_urdf
from genesis.description.urdf_elements import end_of, name_of
from genesis.description.urdf_joints import read_joint, split_floating
from genesis.description.urdf_spec import read_links
from genesis.errors import InputError

MIMIC_MODES = ("reduce", "independent")


def read_urdf(
    file: str | os.PathLike,
    *,
    fixed: bool = False,
    scale: float = 1.0,
    mimic: str = "reduce",
    default_armature: float = 0.0,
    joints: Mapping[str, Mapping[str, Any]] | None = None,
    package_dirs: Sequence[str | os.PathLike] = (),
    collision: bool = True,
) -> Description:
    """Read a URDF file (or the XML itself).

    The root link gets a free joint named "root_joint", unless ``fixed`` or it is an anchor: named "world", or without any mass
    and geometry in what is rigidly attached to it; an anchor is dropped. Massless links between moving joints are folded into the
    link that carries the mass. Inertias that no rigid body can have are kept as given, with a warning.

    Args:
        fixed: weld the root link to the world.
        scale: of all lengths; masses grow with its third power (same material).
        mimic: "reduce" keeps ``Joint.mimic``; "independent" lets mimic joints move freely.
        default_armature: for joints other than the free one [kg m² | kg].
        joints: types that the file has no word for, see `retype.retype_joints`; in its units of length.
        package_dirs: where ``package://`` names are looked for first, and other ones last.
        collision: whether every collision mesh is needed; one that is lost is then an error, else noted as a visual one is.

    What is harmless but odd is read as well as it can be, with one warning a kind.

    Raises: ModelError naming file and element.
    """
    if mimic not in MIMIC_MODES:
        raise InputError(f'mimic is "{mimic}"; known: {", ".join(MIMIC_MODES)}.')
    source = read_source(file, "robot")
    where, notes = source.where, source.notes
    _declare_world(source.root)
    check_urdf(source)
    links, geoms = read_links(source, package_dirs, collision)
    name = source.root.get("name") or (source.path.stem if source.path else "robot")
    description = Description(name, str(source.path) if source.path else None, links, geoms)
    _add_joints(description, source, mimic)
    check_numbers(description, where)
    retype_joints(description, joints, where)
    tree.attach_root(description, fixed)
    for link in description.links:
        if link.parent >= 0 and [joint.kind.floats for joint in link.joints] == [True]:
            link.joints = split_floating(link.joints[0])
    tree.fold_massless(description)
    tree.resolve_mimics(description, where)
    if default_armature:
        tree.add_armature(description, default_armature)
    fill_stuck(description, source)
    tree.check_moves(description, where)
    _note_inertias(description, notes)
    notes.report()
    scale_description(description, scale)
    return description


def _declare_world(root: Element) -> None:
    """Add the link "world" where joints start from it although no link has that name, as Drake allows."""
    starts = {end_of(joint, "parent") for joint in root.findall("joint")}
    if "world" in starts - {name_of(link) for link in root.findall("link")}:
        SubElement(root, "link", name="world")


def _add_joints(description: Description, source: Source, mimic: str) -> None:
    index = {link.name: k for k, link in enumerate(description.links)}
    for element in source.root.findall("joint"):
        child = description.links[index[end_of(element, "child")]]
        child.joints = read_joint(element, mimic, source.notes)


def _note_inertias(description: Description, notes: Notes) -> None:
    for link in description.links:
        reason = unphysical(link.inertia) if link.mass > 0.0 else None
        if reason:
            notes.add("inertias that no rigid body has, loaded as given", f'that of link "{link.name}" {reason}')
