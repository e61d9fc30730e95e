"""The same robot at another size, of the same material: lengths by s, masses by s³, inertias by s⁵."""

import numbers
from dataclasses import replace

import numpy as np

from genesis.description.description import Description, Joint
from genesis.errors import InputError


def scale_description(description: Description, scale: float) -> None:
    """Scale in place. Angles, forces, damping, stiffness and armature stay as they are, as in Genesis.

    Raises: InputError if ``scale`` is not a positive number.
    """
    if not (isinstance(scale, numbers.Real) and 0.0 < scale < np.inf):
        raise InputError(f"scale is {scale!r}, expected one positive number.")
    if scale == 1.0:
        return
    for link in description.links:
        link.pos, link.com = link.pos * scale, link.com * scale
        link.mass, link.inertia = link.mass * scale**3, link.inertia * scale**5
        for joint in link.joints:
            _scale_joint(joint, scale)
    for geom in description.geoms:
        geom.pos, geom.size = geom.pos * scale, geom.size * scale
        geom.margin, geom.gap = geom.margin * scale, geom.gap * scale
        if geom.mesh_file is not None:
            geom.mesh_file = geom.mesh_file.at(scale)
        if not geom.unread and geom.vertices is not None:
            geom.vertices = geom.vertices * scale
        if geom.hull is not None:
            geom.hull = (geom.hull[0] * scale, geom.hull[1])
        if geom.hfield is not None:
            geom.hfield = replace(geom.hfield, size=geom.hfield.size * scale)
    for pair in description.pairs:
        pair.margin, pair.gap = pair.margin * scale, pair.gap * scale
    for site in description.sites:
        site.pos = site.pos * scale
    _scale_mimics(description, scale)
    _scale_equalities(description, scale)
    _scale_keyframes(description, scale)


def _scale_joint(joint: Joint, scale: float) -> None:
    joint.pos = joint.pos * scale
    joint.pitch *= scale
    if joint.kind.slides:
        joint.ref, joint.springref = joint.ref * scale, joint.springref * scale
        joint.limit_margin *= scale
        joint.limit = None if joint.limit is None else (joint.limit[0] * scale, joint.limit[1] * scale)


def _scale_mimics(description: Description, scale: float) -> None:
    joints = {joint.name: joint for link in description.links for joint in link.joints}
    for joint in joints.values():
        if joint.mimic is None:
            continue
        unit, unit_of_target = joint.kind.either(1.0, scale), joints[joint.mimic.joint].kind.either(1.0, scale)
        joint.mimic.multiplier *= unit / unit_of_target
        joint.mimic.offset *= unit


def _scale_equalities(description: Description, scale: float) -> None:
    """Anchors, and polynomials in the new units of the joints; the torque scale stays."""
    unit = {joint.name: joint.kind.either(1.0, scale) for link in description.links for joint in link.joints}
    for equality in description.equalities:
        factors = np.ones(11)
        if equality.type == "joint":
            of_second = 1.0 if equality.second is None else unit[equality.second]
            factors[:5] = unit[equality.first] / of_second ** np.arange(5)
        else:
            factors[:6] = scale
        equality.data = equality.data * factors


def _scale_keyframes(description: Description, scale: float) -> None:
    factors: list[float] = []
    for joint in (joint for link in description.links for joint in link.joints if joint.mimic is None):
        factors += [scale if length else 1.0 for length in joint.kind.lengths]
    description.keyframes = {name: qpos * factors for name, qpos in description.keyframes.items()}
