"""Meshes for the tests: random convex bodies with triangular faces, prisms with larger ones."""

import numpy as np

from genesis.pairs.field import pack_field
from genesis.pairs.hull import convex_hull, pack
from tests.pairs.harness import Samples


def pebble(seed: int, count: int = 30) -> np.ndarray:
    """Points near an ellipsoid, in single precision as a mesh file gives them."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 3))
    points *= rng.uniform(0.25, 0.5, size=3) / np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32).astype(float)


def prism(sides: int) -> np.ndarray:
    """A prism that stands on a regular polygon."""
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([0.4 * np.cos(angle), 0.4 * np.sin(angle), np.full(sides, 0.3)], axis=1)
    return np.concatenate([ring, ring * [1, 1, -1]]).astype(np.float32).astype(float)


HEIGHTS = np.random.default_rng(3).uniform(0.0, 0.2, size=(6, 7)).astype(np.float32).astype(float)


def with_meshes(samples: Samples, code, points: list[np.ndarray], heights: np.ndarray | None = None) -> Samples:
    """The same poses, solids of type mesh (7) taken in turn from the given points, a height field (1) over the given heights."""
    shapes, integers, data = pack([convex_hull(p) for p in points])
    chosen = np.zeros((len(samples), 2), dtype=int)
    for which in range(2):
        if code[which] == 7:
            chosen[:, which] = np.array(data)[(np.arange(len(samples)) + which) % len(points)]
    if code[0] == 1:
        surface, place = pack_field(HEIGHTS if heights is None else heights, 1.0, 0.8, 0.5)
        chosen[:, 0] = len(integers)
        place[2] += len(shapes)
        shapes, integers = np.concatenate([shapes, surface]), np.concatenate([integers, place])
    samples.data, samples.shapes, samples.integers = chosen, shapes, integers
    return samples


def asset(name: str, points: np.ndarray) -> str:
    return f'<mesh name="{name}" vertex="{" ".join(f"{x:.9g}" for x in points.ravel())}" inertia="convex"/>'
