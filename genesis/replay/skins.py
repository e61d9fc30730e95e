"""What the bodies of a description look like: their visual shapes, else what touches."""

import numpy as np

from genesis.description.description import Description, Geom
from genesis.description.poses import quat_to_matrix
from genesis.replay.replay import Skin

TRIANGLES = 20_000  # of all bodies of a description together, at most
GROUND = 5.0  # half width of the piece of an endless plane that is worth seeing [m]


def skins_of(description: Description, triangles: int = TRIANGLES) -> list[list[Skin]]:
    """Skins of each link, in the order of the description, then those of what is fixed in the world (link -1).

    triangles: of all together, at most; meshes have fewer where they would have more.
    """
    made: list[list[Skin]] = [[] for _ in range(len(description.links) + 1)]
    for geom in description.geoms:
        skin = _skin(geom)
        if skin is not None:
            made[geom.link].append(skin)
    return made


def _skin(geom: Geom) -> Skin | None:
    """The triangles of a geom in the frame of its link; None where nothing is known of its shape."""
    import trimesh

    size = geom.size
    if geom.type == "plane":
        x, y = (float(s) if s > 0.0 else GROUND for s in size[:2])
        vertices = np.array([[-x, -y, 0.0], [x, -y, 0.0], [x, y, 0.0], [-x, y, 0.0]])
        faces = np.array([[0, 1, 2], [0, 2, 3]])
    elif geom.vertices is not None and geom.faces is not None:
        vertices, faces = geom.vertices, geom.faces
    elif geom.type in ("sphere", "ellipsoid", "box", "capsule", "cylinder"):
        if geom.type == "box":
            mesh = trimesh.creation.box(2.0 * size)
        elif geom.type == "capsule":
            mesh = trimesh.creation.capsule(2.0 * size[1], size[0], count=(16, 16))
        elif geom.type == "cylinder":
            mesh = trimesh.creation.cylinder(size[0], 2.0 * size[1], sections=24)
        else:
            mesh = trimesh.creation.icosphere(2)
            mesh.apply_scale(size[0] if geom.type == "sphere" else size)
        vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    else:
        return None
    placed = vertices @ quat_to_matrix(geom.quat).T + geom.pos
    return Skin(placed.astype(np.float32), np.asarray(faces, np.int32), geom.rgba, ground=geom.type == "plane")
