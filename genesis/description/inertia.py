"""Mass, centre of mass and inertia: of solids, of meshes, moved, added and checked.

An inertia is a symmetric (3, 3) matrix [kg m²] about the centre of mass unless said otherwise.
"""

import math

import numpy as np

ROUNDS = 2000  # of alternating projections
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


def nearest_physical(inertia: np.ndarray, known: np.ndarray | None = None, margin: float = 1e-6) -> np.ndarray:
    """A tensor near ``inertia`` (3, 3) that a body has: its second moments S = tr(I)/2 - I are positive definite, with least eigenvalue
    ``margin`` of their trace. Entries that are ``known`` (3, 3, bool) stay as they are where any body has them.

    Alternating projections on the two convex sets; without known entries one projection on the first.
    """
    shares = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])  # second moments of moments of inertia
    rows, columns = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
    wanted = inertia[rows, columns]
    held = np.zeros(6, bool) if known is None else known[rows, columns]
    to_inertia = np.zeros((6, 6))  # of (S_xx, S_yy, S_zz, S_xy, S_xz, S_yz)
    to_inertia[:3, :3], to_inertia[3:, 3:] = np.linalg.inv(shares), -np.eye(3)
    least = margin * max(0.5 * abs(np.trace(inertia)), float(np.linalg.norm(inertia)), 1e-12)
    metric = np.sqrt([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])  # off-diagonal entries stand twice in a matrix
    affine = np.linalg.pinv(to_inertia[held] / metric) if held.any() else np.zeros((6, 0))
    second = np.linalg.solve(to_inertia, wanted)
    lifted = second
    for _ in range(ROUNDS):
        matrix = np.zeros((3, 3))
        matrix[rows, columns] = matrix[columns, rows] = second
        values, axes = np.linalg.eigh(matrix)
        if values[0] >= 0.5 * least:
            return _symmetric(to_inertia @ second)
        lifted = ((axes * np.maximum(values, least)) @ axes.T)[rows, columns]
        second = lifted + (affine @ (wanted[held] - to_inertia[held] @ lifted)) / metric
    return nearest_physical(inertia, None, margin) if held.any() else _symmetric(to_inertia @ lifted)


def _symmetric(entries: np.ndarray) -> np.ndarray:
    """(3, 3) of xx yy zz xy xz yz."""
    xx, yy, zz, xy, xz, yz = entries
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
