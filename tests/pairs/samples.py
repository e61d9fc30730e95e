"""Sample poses of two geoms: random ones, and aligned ones where features coincide."""

import itertools

import numpy as np

from tests.pairs.harness import Samples


def rotations(rng, shape) -> np.ndarray:
    """Uniformly random rotation matrices."""
    w, x, y, z = np.moveaxis((q := rng.normal(size=(*shape, 4))) / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def random_samples(n: int, seed: int = 0) -> Samples:
    """Geoms of sizes 0.2 to 0.6 whose centres lie about 0.7 apart."""
    rng = np.random.default_rng(seed)
    return Samples(0.3 * rng.normal(size=(n, 2, 3)), rotations(rng, (n, 2)), rng.uniform(0.2, 0.6, size=(n, 2, 3)))


def parallel_samples(n: int, seed: int = 0) -> Samples:
    """As `random_samples`, but all axes of the two geoms are parallel or antiparallel."""
    samples = random_samples(n, seed)
    flip = np.where(np.arange(n) % 2, 1.0, -1.0)
    samples.r[:, 1] = samples.r[:, 0] * np.stack([np.ones(n), flip, flip], -1)[:, None]
    return samples


def over_field(samples: Samples) -> Samples:
    """The same poses with the first geom, a height field, upright, and smaller second geoms near its surface."""
    samples.p *= 0.7
    samples.p[:, 1, 2] += 0.3
    samples.size *= 0.6
    samples.r[:, 0] = np.eye(3)
    return samples


def aligned_samples() -> Samples:
    """Axes of the geoms along the world's: coinciding centres, exact touch, resting flat, parallel axes."""
    quarter = {
        "none": np.eye(3),
        "x": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        "y": np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]),
        "z": np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]),
    }
    steps = np.array([-1.0, -0.5, 0.0, 0.5])
    p, r = [], []
    for first, second in itertools.product(quarter.values(), repeat=2):
        for x, z in itertools.product(steps, repeat=2):
            p.append([[0, 0, 0], [x, 0, z]])
            r.append([first, second])
    size = np.full((len(p), 2, 3), 0.5)
    size[len(p) // 2 :, 1] = 0.25
    return Samples(np.array(p, float), np.array(r), size)
