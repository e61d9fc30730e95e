"""Triangle meshes: find the file that a robot names, read its vertices and faces."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import ModelError

logger = logging.getLogger("genesis")

Mesh = tuple[np.ndarray, np.ndarray]  # vertices (n, 3) [m], faces (m, 3)


def locate(name: str, folder: Path, package_dirs: Sequence[str | os.PathLike] = ()) -> Path | None:
    """The file behind a mesh name of a robot file in ``folder``, or None.

    ``package://pkg/rest`` (and ``model://``) is looked for in ``package_dirs`` (each a package itself or a folder of packages),
    then in ROS_PACKAGE_PATH, then in the folders above the robot file. Anything else is relative to the robot file.
    """
    scheme, _, rest = name.partition("://")
    if not rest:
        scheme, rest = "file", name
    if scheme == "file":
        return _existing([folder / rest])
    if scheme not in ("package", "model"):
        return None
    package, _, inside = rest.partition("/")
    roots = [Path(d).expanduser() for d in package_dirs]
    roots += [Path(d) for d in os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep) if d]
    roots += [folder.absolute(), *folder.absolute().parents]
    candidates = []
    for root in roots:
        candidates += [root / package / inside] + ([root / inside] if root.name == package else [])
    return _existing(candidates)


def _existing(candidates: list[Path]) -> Path | None:
    return next((path for path in candidates if path.is_file()), None)


def read_mesh(file: str | os.PathLike) -> Mesh:
    """Vertices (n, 3) and faces (m, 3) of a mesh file, equal vertices merged; the units are those of the file.

    trimesh reads it where that is installed (any format it knows, scenes as one mesh), else MuJoCo (STL, OBJ, MSH).
    Raises: ModelError if the file is missing or neither can read it.
    """
    path = Path(file)
    if not path.is_file():
        raise ModelError(f"{file}: no such mesh file.")
    try:
        import trimesh
    except ImportError:
        return _merge(*_read_with_mujoco(path))
    try:
        mesh: Any = trimesh.load(path, force="mesh", process=False)
        vertices, faces = np.array(mesh.vertices, np.float64), np.array(mesh.faces, np.int64)
    except Exception as error:  # whatever the loader of one of its many formats raises
        raise ModelError(f"{file}: not a readable mesh: {error}") from None
    if len(faces) == 0:
        raise ModelError(f"{file}: the mesh has no faces.")
    return _merge(vertices, faces)


def _read_with_mujoco(path: Path) -> Mesh:
    import mujoco

    spec = mujoco.MjSpec()
    mesh = spec.add_mesh(name="mesh", file=str(path.absolute()))
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX  # an open mesh has no volume of its own
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="mesh")
    try:
        model = spec.compile()
    except ValueError as error:
        raise ModelError(f"{path}: not a readable mesh: {str(error).splitlines()[0]}") from None
    # MuJoCo moves a mesh to its principal axes; put it back
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[0])
    return model.mesh_vert @ rotation.reshape(3, 3).T + model.mesh_pos[0], np.asarray(model.mesh_face, int)


def _merge(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """Give equal vertices one index (STL repeats them for every triangle) and drop triangles that collapse."""
    unique, index = np.unique(vertices, axis=0, return_inverse=True)
    faces = index.reshape(-1)[faces]
    solid = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return unique, faces[solid]


def convex_hull(vertices: np.ndarray) -> Mesh:
    """Corners of the convex hull of at least four points that are not in one plane, and its triangles, which look outwards."""
    from scipy.spatial import ConvexHull  # only robots with meshes pay for its start

    hull = ConvexHull(vertices)
    corners = hull.vertices
    number = np.full(len(vertices), -1)
    number[corners] = np.arange(len(corners))
    faces = number[hull.simplices]
    points = np.asarray(vertices, np.float64)[corners]
    a, b, c = (points[faces[:, k]] for k in range(3))
    inwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0.0
    faces[inwards] = faces[inwards][:, ::-1]
    return points, faces
