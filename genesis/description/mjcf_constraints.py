"""What an MJCF file says about constraints: equalities, contact pairs, filters, hulls and height fields."""

from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.description.description import ContactPair, Description, Equality, HeightField
from genesis.description.meshes import Mesh
from genesis.description.mjcf_features import SIMULATED_EQUALITIES, active_equalities, equality_type
from genesis.description.mjcf_names import Names
from genesis.description.poses import quat_multiply

if TYPE_CHECKING:
    import mujoco


def read_constraints(description: Description, model: "mujoco.MjModel", names: Names, reduced: set[int]) -> None:
    """Fill equalities but the ``reduced`` ones, explicit pairs and filters."""
    import mujoco

    flag, off = mujoco.mjtDisableBit, model.opt.disableflags
    bodies = ["world", *(link.name for link in description.links)]
    description.excludes = [(bodies[pair >> 16], bodies[pair & 0xFFFF]) for pair in map(int, model.exclude_signature)]
    if not off & (flag.mjDSBL_CONTACT | flag.mjDSBL_CONSTRAINT):
        description.pairs = [_pair(model, names, k) for k in range(model.npair)]
    paired = {name for pair in description.pairs for name in (pair.geom1, pair.geom2)}
    for geom in description.geoms:
        geom.visual = geom.visual and geom.name not in paired
    description.equalities = [
        _equality(model, names, k)
        for k in active_equalities(model)
        if k not in reduced and equality_type(model, k) in SIMULATED_EQUALITIES
    ]


def _pair(model: "mujoco.MjModel", names: Names, k: int) -> ContactPair:
    return ContactPair(
        name=names.pair[k],
        geom1=names.geom[model.pair_geom1[k]],
        geom2=names.geom[model.pair_geom2[k]],
        condim=int(model.pair_dim[k]),
        friction=floats(model.pair_friction[k]),
        solref=floats(model.pair_solref[k]),
        solref_friction=floats(model.pair_solreffriction[k]),
        solimp=floats(model.pair_solimp[k]),
        margin=float(model.pair_margin[k]),
        gap=float(model.pair_gap[k]),
    )


def _equality(model: "mujoco.MjModel", names: Names, k: int) -> Equality:
    import mujoco

    kind, first, second = equality_type(model, k), int(model.eq_obj1id[k]), int(model.eq_obj2id[k])
    data = model.eq_data[k, :11].astype(float)  # newer versions append flags of the compiler
    if kind == "joint":
        ends = (names.joint[first], names.joint[second] if second >= 0 else None)
        data = np.append(data[:5], np.zeros(6))
    else:
        if model.eq_objtype[k] == mujoco.mjtObj.mjOBJ_SITE:
            data = _between_sites(model, kind == "weld", first, second, data)
            first, second = int(model.site_bodyid[first]), int(model.site_bodyid[second])
        ends = (names.body[first], names.body[second])
    return Equality(
        name=names.equality[k],
        type=kind,
        first=ends[0],
        second=ends[1],
        data=data,
        solref=floats(model.eq_solref[k]),
        solimp=floats(model.eq_solimp[k]),
    )


def _between_sites(model: "mujoco.MjModel", weld: bool, first: int, second: int, data: np.ndarray) -> np.ndarray:
    """Anchors of the bodies where the sites are, and the orientation of body 2 in body 1 that makes the sites' frames agree."""
    if not weld:
        return np.concatenate([model.site_pos[first], model.site_pos[second], np.zeros(5)])
    back = model.site_quat[second] * np.array([1.0, -1.0, -1.0, -1.0])
    orientation = quat_multiply(model.site_quat[first], back)
    return np.concatenate([model.site_pos[second], model.site_pos[first], orientation, data[10:11]])


def hull_of(model: "mujoco.MjModel", mesh: int) -> Mesh | None:
    """The convex hull that MuJoCo made of a mesh: corners and triangles; None where it made none."""
    start = int(model.mesh_graphadr[mesh])
    if start < 0:
        return None
    graph = model.mesh_graph[start:]
    corners, triangles = int(graph[0]), int(graph[1])
    ids = graph[2 + corners : 2 + 2 * corners]
    faces = graph[2 + 3 * corners + 3 * triangles : 2 + 3 * corners + 6 * triangles].reshape(-1, 3)
    first = int(model.mesh_vertadr[mesh])
    number = np.full(int(model.mesh_vertnum[mesh]), -1)
    number[ids] = np.arange(corners)
    return model.mesh_vert[first + ids].astype(float), number[faces]


def height_field_of(model: "mujoco.MjModel", hfield: int, name: str) -> HeightField:
    """Grid of heights with its sizes."""
    rows, columns, start = int(model.hfield_nrow[hfield]), int(model.hfield_ncol[hfield]), int(model.hfield_adr[hfield])
    heights = model.hfield_data[start : start + rows * columns].astype(float).reshape(rows, columns)
    return HeightField(name, model.hfield_size[hfield].copy(), heights)


def floats(values: np.ndarray) -> Any:
    """A tuple as long as the field that takes it."""
    return tuple(map(float, values))
