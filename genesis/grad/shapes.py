"""Constant shapes of a model as the geometry pairs read them: convex hulls of meshes, height fields."""

import numpy as np

from genesis.model.layout import GEOM_CODE
from genesis.model.model import Model
from genesis.pairs import PAIRS


def pack_shapes(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """(integers, shapes): the packed integers of the model with those of its shapes behind, and the reals they point into."""
    hulls = model.hulls if _collides("mesh") else []
    if not hulls:
        return model.pack_integers(), np.zeros(1)
    from genesis.pairs.hull import convex_hull, pack

    shapes, integers, first = pack([convex_hull(vertices) for vertices, _ in hulls])
    meshes = model.integers["geom_type"] == GEOM_CODE["mesh"]
    data = np.where(meshes, model.integers["geom_data"], 0)
    return model.pack_integers(integers, np.where(meshes, np.asarray(first)[data], 0)), shapes


def _collides(kind: str) -> bool:
    return any(GEOM_CODE[kind] in types for types in PAIRS)
