"""Mass and inertia that a URDF leaves out where something has to move: from the shapes of the link, else the bounds that the file sets.

A link that is only a frame stays without mass. MuJoCo's rules: uniform density, 1000 kg/m³ where the file gives no mass; closed meshes as
they are, open ones by their convex hull; <mujoco><compiler boundmass boundinertia> as the least mass and inertia of what moves.
"""

import math
from collections.abc import Iterable

import numpy as np

from genesis.description import tree
from genesis.description.description import Description, Geom
from genesis.description.hulls import convex_hull
from genesis.description.inertia import (
    MassProperties,
    box_inertia,
    capsule_inertia,
    capsule_volume,
    combine,
    cylinder_inertia,
    is_closed,
    mesh_properties,
    rotate_inertia,
    sphere_inertia,
)
from genesis.description.notes import Notes
from genesis.description.poses import quat_to_matrix, rotate
from genesis.description.source import Source
from genesis.description.urdf_elements import number

DENSITY = 1000.0  # [kg/m³]


def fill_stuck(description: Description, source: Source) -> None:
    """Let every joint that moves nothing move the shapes of the links behind it, or what the file bounds them to."""
    fill(description, _behind_stuck(description), source.notes)
    compiler = source.root.find("mujoco/compiler")
    mass, inertia = number(compiler, "boundmass", 0.0), number(compiler, "boundinertia", 0.0)
    if mass > 0.0 or inertia > 0.0:
        for k in {stuck.link for stuck in tree.stuck_joints(description)}:
            link = description.links[k]
            link.mass = max(link.mass, mass)
            link.inertia = link.inertia + inertia * np.eye(3) * (not link.inertia.any())
            source.notes.add("links without mass or inertia, given the bounds that the file sets", f'"{link.name}"')


def fill(description: Description, links: Iterable[int], notes: Notes) -> None:
    """Give the links without mass, or with mass but no inertia, that of their shapes, and note it."""
    for k in links:
        link = description.links[k]
        solid = _solid([geom for geom in description.geoms if geom.link == k])
        if solid is None or (link.mass > 0.0 and link.inertia.any()):
            continue
        if link.mass == 0.0:
            volume, link.com, unit = solid
            link.mass, link.inertia = DENSITY * volume, DENSITY * unit
            notes.add(
                f"links without mass, given that of their shape at {DENSITY:g} kg/m³", f'"{link.name}" ({link.mass:.3g} kg)'
            )
        else:
            link.inertia = solid[2] * (link.mass / solid[0])
            notes.add("links without inertia, given that of their shape", f'"{link.name}"')


def _behind_stuck(description: Description) -> list[int]:
    """Links that a joint should move and cannot, and those that hang on them: on a free one by no joint."""
    links = description.links
    found = {s.link for s in tree.stuck_joints(description) if not s.joint.kind.floats}
    for k, link in enumerate(links):
        if link.parent in found:
            found.add(k)
    for stuck in tree.stuck_joints(description):
        if stuck.joint.kind.floats:
            found.update(tree.cluster(links, stuck.link))
    return sorted(found)


def _solid(geoms: list[Geom]) -> MassProperties | None:
    """Volume [m³], centre and inertia at density 1 of the collision shapes together, else of the visual ones; None without volume."""
    for visual in (False, True):
        parts = [part for geom in geoms if geom.visual == visual and (part := _of_geom(geom)) is not None]
        if parts:
            return combine(parts)
    return None


def _of_geom(geom: Geom) -> MassProperties | None:
    """Volume, centre and inertia at density 1 of one shape, in the frame of its link."""
    found = _of_mesh(geom) if geom.type == "mesh" else _of_primitive(geom)
    if found is None or not found[0] > 0.0:
        return None
    volume, centre, inertia = found
    return volume, geom.pos + rotate(geom.quat, centre), rotate_inertia(inertia, quat_to_matrix(geom.quat))


def _of_primitive(geom: Geom) -> MassProperties:
    radius, length = float(geom.size[0]), 2.0 * float(geom.size[1])
    if geom.type == "box":
        volume = 8.0 * float(np.prod(geom.size))
        return volume, np.zeros(3), box_inertia(volume, 2.0 * geom.size)
    if geom.type == "sphere":
        volume = 4.0 / 3.0 * math.pi * radius**3
        return volume, np.zeros(3), sphere_inertia(volume, radius)
    if geom.type == "capsule":
        volume = capsule_volume(radius, length)
        return volume, np.zeros(3), capsule_inertia(volume, radius, length)
    volume = math.pi * radius**2 * length
    return volume, np.zeros(3), cylinder_inertia(volume, radius, length)


def _of_mesh(geom: Geom) -> MassProperties | None:
    from scipy.spatial import QhullError

    if geom.vertices is None or geom.faces is None:
        return None
    least = 1e-9 * float(np.ptp(geom.vertices, axis=0).max()) ** 3  # what is thinner is flat
    if is_closed(geom.faces):
        volume, centre, inertia = mesh_properties(geom.vertices, geom.faces)
        if abs(volume) > least:
            return abs(volume), centre, inertia * np.sign(volume)
    try:
        solid = mesh_properties(*convex_hull(geom.vertices))
    except (QhullError, ValueError):
        return None
    return solid if solid[0] > least else None
