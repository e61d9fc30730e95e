"""Constant shapes of a model as the geometry pairs read them: convex hulls of meshes, height fields."""

import numpy as np

from genesis.model.layout import GEOM_CODE
from genesis.model.model import Model
from genesis.pairs import hull
from genesis.pairs.field import pack_field


def pack_shapes(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """(integers, shapes): the packed integers of the model with those of its shapes behind, and the reals they point into."""
    if not model.hulls and not model.hfields:
        return model.pack_integers(), np.zeros(1)
    shapes, integers, firsts = hull.pack([hull.convex_hull(vertices) for vertices, _ in model.hulls])
    reals, blocks, fields = [shapes], [integers], []
    for field in model.hfields:
        half_x, half_y, top, base = (float(x) for x in field.size)
        shapes, integers = pack_field(top * np.asarray(field.heights, float), half_x, half_y, base)
        integers[2] += sum(map(len, reals))
        fields.append(sum(map(len, blocks)))
        reals.append(shapes)
        blocks.append(integers)
    starts = {GEOM_CODE["mesh"]: firsts, GEOM_CODE["hfield"]: fields}
    kinds, data = model.integers["geom_type"].tolist(), model.integers["geom_data"].tolist()
    where = [starts[kind][k] if k >= 0 else 0 for kind, k in zip(kinds, data, strict=True)]
    return model.pack_integers(np.concatenate(blocks).astype(np.int32), where), np.concatenate(reals)
