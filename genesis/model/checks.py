"""Values of constraints that no simulation can use: refused by file, element, what was found and what is allowed."""

from collections.abc import Sequence

import numpy as np

from genesis.description.description import ContactPair, Equality, Geom, Joint
from genesis.description.hulls import convex_hull
from genesis.description.inertia import mesh_properties
from genesis.description.meshes import Mesh
from genesis.errors import ModelError, unknown_name
from genesis.model.layout import GEOM_TYPES

LEAST_VOLUME = 1e-9  # of a hull, relative to the cube over its largest edge
CONDIMS = (1, 3, 4, 6)
SIZES = {"plane": 0, "hfield": 0, "sphere": 1, "capsule": 2, "ellipsoid": 3, "cylinder": 2, "box": 3, "mesh": 0}  # that are used


def check_joint(where: str, joint: Joint) -> None:
    """Raises: ModelError for damping, armature, dry friction, limit, limit margin, pitch, solref or solimp out of range."""
    _not_negative(where, "a damping", joint.damping)
    _not_negative(where, "an armature", joint.armature)
    if not (np.isfinite(joint.frictionloss) and joint.frictionloss >= 0.0):
        raise ModelError(f"{where} has dry friction {joint.frictionloss:g}; allowed: zero or a positive number.")
    if joint.limit is not None and not joint.limit[0] <= joint.limit[1]:
        raise ModelError(f"{where} has the limits {joint.limit[0]:g} to {joint.limit[1]:g}; allowed: the lower one first.")
    if not np.isfinite(joint.pitch) or (joint.pitch and not joint.kind.has("pitch")):
        raise ModelError(
            f"{where} is a {joint.type} with a pitch of {joint.pitch:g} m/rad; allowed: finite numbers, of screws alone."
        )
    _not_negative(where, "a limit margin", joint.limit_margin)
    for what, solref, solimp in (
        ("limit", joint.limit_solref, joint.limit_solimp),
        ("friction", joint.friction_solref, joint.friction_solimp),
    ):
        check_solref(where, f"{what} solref", solref)
        check_solimp(where, f"{what} solimp", solimp)


def check_geom(where: str, geom: Geom) -> None:
    """Raises: ModelError or UnknownNameError for a type, size or contact parameter that is no good."""
    if geom.type not in GEOM_TYPES:
        raise unknown_name(where, "geom type", geom.type, GEOM_TYPES)
    used = np.asarray(geom.size, float)[: SIZES[geom.type]]
    if not (np.isfinite(used).all() and (used > 0.0).all()):
        raise ModelError(f"{where}: the size of a {geom.type} is {used.tolist()}; allowed: positive lengths [m].")
    _contact(where, geom, geom.friction)
    if not (np.isfinite(geom.solmix) and geom.solmix >= 0.0):
        raise ModelError(f"{where}: solmix is {geom.solmix:g}; allowed: zero or a positive number.")


def check_pair(where: str, pair: ContactPair) -> None:
    """Raises: ModelError for a contact parameter that is no good."""
    _contact(where, pair, pair.friction)
    check_solref(where, "solreffriction", pair.solref_friction)


def check_equality(where: str, equality: Equality) -> None:
    """Raises: ModelError for solref, solimp or data that are no good."""
    check_solref(where, "solref", equality.solref)
    check_solimp(where, "solimp", equality.solimp)
    if not np.isfinite(equality.data).all():
        raise ModelError(f"{where}: its data are {np.asarray(equality.data).tolist()}; allowed: finite numbers.")


def _contact(where: str, part: Geom | ContactPair, friction: Sequence[float]) -> None:
    if not (np.isfinite(friction).all() and min(friction) >= 0.0):
        raise ModelError(f"{where}: friction is {_list(friction)}; allowed: zero or positive coefficients.")
    if part.condim not in CONDIMS:
        raise ModelError(f"{where}: condim is {part.condim}; allowed: {', '.join(map(str, CONDIMS))}.")
    check_solref(where, "solref", part.solref)
    check_solimp(where, "solimp", part.solimp)
    _not_negative(where, "a margin", part.margin)
    _not_negative(where, "a gap", part.gap)


def check_solref(where: str, name: str, solref: Sequence[float]) -> None:
    """Raises: ModelError unless both are positive, or neither."""
    first, second = solref
    if not np.isfinite(solref).all() or (first > 0.0) != (second > 0.0):
        raise ModelError(
            f"{where}: {name} is {_list(solref)}; allowed: time constant and damping ratio, both positive, "
            "or minus stiffness and minus damping, both negative."
        )


def check_solimp(where: str, name: str, solimp: Sequence[float]) -> None:
    """Raises: ModelError for an impedance outside [0, 1], one that falls with depth, or a curve that is none."""
    low, high, width, midpoint, power = solimp
    if not (np.isfinite(solimp).all() and 0.0 <= low <= 1.0 and 0.0 <= high <= 1.0):
        raise ModelError(f"{where}: {name} is {_list(solimp)}; allowed: impedances (its first two numbers) from 0 to 1.")
    if low > high:
        raise ModelError(f"{where}: {name} is {_list(solimp)}, whose first two numbers overlap; allowed: the smaller one first.")
    if width < 0.0 or not 0.0 <= midpoint <= 1.0 or power < 1.0:
        raise ModelError(f"{where}: {name} is {_list(solimp)}; allowed: width >= 0, midpoint from 0 to 1, power >= 1.")


def check_hull(where: str, vertices: np.ndarray, hull: Mesh | None = None) -> Mesh:
    """The convex hull of a mesh: the one that is given, else a new one.

    Raises: ModelError for fewer than four different points, or points that span (almost) no volume.
    """
    points = np.unique(np.asarray(vertices, float), axis=0)
    if len(points) < 4:
        raise ModelError(f"{where}: its mesh has {len(points)} different points; allowed: 4 or more, not in one plane.")
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    thin = not spread[2] > 1e-9 * spread[0]
    hull = None if thin else hull or convex_hull(np.asarray(vertices, float))
    if hull is None or mesh_properties(*hull)[0] < LEAST_VOLUME * float(np.ptp(points, axis=0).max()) ** 3:
        raise ModelError(f"{where}: its mesh is flat (all {len(points)} points in one plane); allowed: a mesh with a volume.")
    return hull


def check_heights(where: str, size: np.ndarray, heights: np.ndarray) -> None:
    """Raises: ModelError for a grid below 2 x 2, heights that are no numbers, or sizes that are not positive."""
    if heights.ndim != 2 or min(heights.shape) < 2:
        raise ModelError(f"{where}: its height field has {' x '.join(map(str, heights.shape))} heights; allowed: 2 x 2 or more.")
    if not (np.isfinite(heights).all() and np.isfinite(size).all() and (size > 0.0).all()):
        raise ModelError(f"{where}: its height field has the size {size.tolist()}; allowed: positive lengths and finite heights.")


def _not_negative(where: str, what: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0.0):
        raise ModelError(f"{where} has {what} of {value:g}; allowed: zero or a positive number.")


def _list(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{x:g}" for x in values) + ")"
