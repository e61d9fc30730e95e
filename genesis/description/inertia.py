"""Mass, centre of mass and inertia: of solids, of meshes, moved, added and checked.

An inertia is a symmetric (3, 3) matrix [kg m²] about the centre of mass unless said otherwise.
"""

import math

import numpy as np

MassProperties = tuple[float, np.ndarray, np.ndarray]  # mass [kg], com (3,) [m], inertia about com (3, 3) [kg m²]


def box_inertia(mass: float, size: np.ndarray) -> np.ndarray:
    """I_xx = m (y² + z²) / 12 and so on; size (3,): full edge lengths [m]."""
    x2, y2, z2 = np.square(size)
    return mass / 12.0 * np.diag([y2 + z2, x2 + z2, x2 + y2])


def sphere_inertia(mass: float, radius: float) -> np.ndarray:
    """I = 2/5 m r² on every axis (solid ball)."""
    return 0.4 * mass * radius**2 * np.eye(3)


def cylinder_inertia(mass: float, radius: float, height: float) -> np.ndarray:
    """Solid cylinder along z: I_zz = m r² / 2, I_xx = I_yy = m (3 r² + h²) / 12."""
    across = mass * (3 * radius**2 + height**2) / 12.0
    return np.diag([across, across, 0.5 * mass * radius**2])


def capsule_volume(radius: float, height: float) -> float:
    """Cylinder of length ``height`` with a half ball on each end [m³]."""
    return math.pi * radius**2 * height + 4.0 / 3.0 * math.pi * radius**3


def capsule_inertia(mass: float, radius: float, height: float) -> np.ndarray:
    """Solid capsule along z; ``height`` is the length of the cylinder between the two half balls [m].

    Each half ball has its centre of mass 3r/8 beyond the end of the cylinder and, about its flat face, the inertia of a ball;
    Huygens–Steiner from there gives the 2·(3/8)·(h/2)·r cross term.
    """
    cylinder = math.pi * radius**2 * height / capsule_volume(radius, height) * mass
    balls = mass - cylinder
    along = 0.5 * cylinder * radius**2 + 0.4 * balls * radius**2
    across = cylinder * (3 * radius**2 + height**2) / 12.0
    across += balls * (0.4 * radius**2 + 0.25 * height**2 + 0.375 * height * radius)
    return np.diag([across, across, along])


def mesh_properties(vertices: np.ndarray, faces: np.ndarray) -> MassProperties:
    """Volume [m³], centre and second moments of a closed mesh at density 1, summed over the tetrahedra (origin, face).

    The sign of the volume is that of the winding: negative when the faces look inwards.

    Args: vertices (n, 3) [m], faces (m, 3) indices.
    Source: Tonon, "Explicit exact formulas for the 3-D tetrahedron inertia tensor", J. Math. Stat. 1 (2005);
    the covariance form ∫ x xᵀ dV = Σ V/20 (Σ v vᵀ + s sᵀ), s = Σ v, is that of Blow and Binstock (2004).
    """
    vertices = vertices - (origin := vertices.mean(axis=0))  # sums stay small for a mesh far from its origin
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    volumes = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0
    volume = float(volumes.sum())
    if volume == 0.0:
        return 0.0, origin, np.zeros((3, 3))
    total = a + b + c
    com = volumes @ total / 4.0 / volume
    covariance = sum(np.einsum("i,ij,ik->jk", volumes, v, v) for v in (a, b, c, total)) / 20.0
    covariance = covariance - volume * np.outer(com, com)
    inertia = np.trace(covariance) * np.eye(3) - covariance
    return volume, com + origin, inertia


def is_closed(faces: np.ndarray) -> bool:
    """True if every directed edge of the (m, 3) faces is met once by its reverse: the mesh bounds a volume."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward, counts = np.unique(edges, axis=0, return_counts=True)
    backward = np.unique(edges[:, ::-1], axis=0)
    return len(faces) > 0 and bool((counts == 1).all()) and np.array_equal(forward, backward)


def rotate_inertia(inertia: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """I_A = R_AB I_B R_ABᵀ, made exactly symmetric."""
    turned = rotation @ inertia @ rotation.T
    return 0.5 * (turned + turned.T)


def shift_inertia(inertia: np.ndarray, mass: float, offset: np.ndarray) -> np.ndarray:
    """Inertia about a point ``offset`` (3,) [m] away from the centre of mass: I + m (d·d 1 − d dᵀ) (Huygens–Steiner)."""
    return inertia + mass * (offset @ offset * np.eye(3) - np.outer(offset, offset))


def combine(parts: list[MassProperties]) -> MassProperties:
    """One rigid body from several, all in the same axes; massless parts only add their inertia."""
    mass = sum(part[0] for part in parts)
    if mass == 0.0:
        return 0.0, np.zeros(3), sum((part[2] for part in parts), np.zeros((3, 3)))
    com = sum((m * c for m, c, _ in parts), np.zeros(3)) / mass
    inertia = sum((shift_inertia(i, m, c - com) for m, c, i in parts), np.zeros((3, 3)))
    return mass, com, inertia


def unphysical(inertia: np.ndarray, tolerance: float = 1e-9) -> str | None:
    """Why no rigid body has this inertia, or None: eigenvalues A ≤ B ≤ C must be positive and satisfy A + B ≥ C."""
    a, b, c = np.linalg.eigvalsh(inertia)
    if a <= 0.0:
        return f"is not positive definite (eigenvalues {a:.3g}, {b:.3g}, {c:.3g})"
    if a + b < c * (1.0 - tolerance):
        return f"violates the triangle inequality A + B >= C (eigenvalues {a:.3g}, {b:.3g}, {c:.3g})"
    return None
