"""Pairs with a cylinder or an ellipsoid: the distance against a search over all directions, contacts against MuJoCo, bodies at rest."""

import numpy as np
import pytest

from genesis.pairs import PAIRS
from tests.pairs import harness, oracle
from tests.pairs.harness import Samples
from tests.pairs.meshes import asset, pebble, prism, with_meshes
from tests.pairs.samples import aligned_samples, random_samples
from tests.pairs.test_pairs import CURVED

REACH = 0.1
POINTS = pebble(3)
NAMED = [pytest.param(code, id=PAIRS[code].NAME) for code in CURVED]
pytestmark = pytest.mark.usefixtures("engine")


def extent(kind: int, samples: Samples, i: int, which: int, d: np.ndarray) -> np.ndarray:
    """Support function: how far a solid reaches along directions d (..., 3)."""
    size, local = samples.size[i, which], d @ samples.r[i, which]
    reach = {
        2: lambda: np.full(d.shape[:-1], size[0]),
        3: lambda: size[1] * np.abs(local[..., 2]) + size[0],
        4: lambda: np.linalg.norm(size * local, axis=-1),
        5: lambda: size[0] * np.hypot(local[..., 0], local[..., 1]) + size[1] * np.abs(local[..., 2]),
        6: lambda: np.abs(local) @ size,
        7: lambda: (local @ POINTS.T).max(-1),
    }[kind]()
    return d @ samples.p[i, which] + reach


def gap(code, samples: Samples, i: int, d: np.ndarray):
    """How far apart the planes across d are that touch the two solids."""
    return -extent(code[0], samples, i, 0, d) - extent(code[1], samples, i, 1, -d)


def separation(code, samples: Samples, i: int) -> float:
    """Distance, or minus the depth: the largest gap, searched from many directions (so it may be a little less)."""
    rng = np.random.default_rng(i)

    def unit(d):
        return d / np.linalg.norm(d, axis=-1, keepdims=True)

    def far(d):
        return gap(code, samples, i, d)

    axes = np.concatenate([samples.r[i, 0].T, samples.r[i, 1].T])
    d = np.concatenate([unit(rng.normal(size=(2000, 3))), axes, -axes])
    d, width = d[np.argsort(-far(d))[:8]], 0.05
    while width > 1e-9:
        near = np.concatenate([d[:, None], unit(d[:, None] + width * rng.normal(size=(len(d), 40, 3)))], axis=1)
        d, width = near[np.arange(len(d)), far(near).argmax(axis=1)], 0.7 * width
    return float(far(d).max())


def posed(make, code, *arguments) -> Samples:
    samples = make(*arguments)
    return with_meshes(samples, code, [POINTS]) if 7 in code else samples


@pytest.mark.parametrize("make, number", [(random_samples, 24), (aligned_samples, 16)])
@pytest.mark.parametrize("code", NAMED)
def test_depth_is_the_least_of_all_directions(code, make, number):
    """Where a cylinder nearly lies on a face, the face may be taken at a depth at most a twentieth larger."""
    samples = posed(make, code, *([number] if make is random_samples else []))
    found, count = harness.find(code, samples, REACH)
    resting = {5, 6, 7} >= set(code)
    for i in range(0, len(samples), len(samples) // number):
        exact = separation(code, samples, i)
        if count[i] == 0:
            assert exact > REACH - 1e-4
            continue
        k = np.argmin(found[i, : count[i], 6])
        n, dist = found[i, k, 3:6], found[i, k, 6]
        faced = found[i, k, 10] % 4 != 3
        assert gap(code, samples, i, n) >= exact - 1e-6 - (0.05 * abs(exact) if faced and resting else 0.0)
        assert dist >= gap(code, samples, i, n) - 1e-9
        assert faced or dist == pytest.approx(gap(code, samples, i, n), abs=1e-9)


@pytest.mark.parametrize("code", NAMED)
def test_contacts_are_mujocos(code):
    """MuJoCo iterates: its depth is now and then too large, its normals are as exact as its iteration; several contacts are its own choice."""
    samples = posed(random_samples, code, 200)
    found, count = harness.find(code, samples, REACH)
    model = oracle.build(code, REACH, asset("m", POINTS) if 7 in code else "", ['mesh="m"' if k == 7 else "" for k in code])
    model.opt.ccd_tolerance, model.opt.ccd_iterations = 1e-12, 500
    same = normals = both = 0
    for i, rows in enumerate(oracle.contacts(model, samples)):
        assert (len(rows) > 0) == (count[i] > 0)
        if count[i]:
            both += 1
            mine, theirs = found[i, np.argmin(found[i, : count[i], 6])], rows[np.argmin(rows[:, 6])]
            same += abs(mine[6] - theirs[6]) < 1e-7
            normals += np.abs(mine[3:6] - theirs[3:6]).max() < 1e-5
    assert both > 100
    share = 0.6 if code == (5, 7) else 0.85  # MuJoCo turns cylinders that nearly lie on a side of a mesh
    assert min(same, normals) > share * both


LYING = np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])  # axis along x
UPRIGHT = np.eye(3)
RESTS = {
    "cylinder stands on box": ((5, 6), [[0, 0, 0.495], [0, 0, 0]], (UPRIGHT, UPRIGHT), [[0.1, 0.2, 0], [0.3, 0.3, 0.3]], 4),
    "cylinder lies on box": ((5, 6), [[0, 0, 0.395], [0, 0, 0]], (LYING, UPRIGHT), [[0.1, 0.2, 0], [0.3, 0.3, 0.3]], 2),
    "box on cylinder": ((5, 6), [[0, 0, 0], [0, 0, 0.295]], (UPRIGHT, UPRIGHT), [[0.2, 0.2, 0], [0.1, 0.1, 0.1]], 4),
    "cap on cap": ((5, 5), [[0, 0, 0], [0, 0, 0.395]], (UPRIGHT, UPRIGHT), [[0.1, 0.2, 0], [0.1, 0.2, 0]], 4),
    "cap on wider cap": ((5, 5), [[0, 0, 0], [0.05, 0, 0.395]], (UPRIGHT, UPRIGHT), [[0.3, 0.2, 0], [0.1, 0.2, 0]], 4),
    "cylinders side by side": ((5, 5), [[0, 0, 0], [0, 0, 0.195]], (LYING, LYING), [[0.1, 0.2, 0], [0.1, 0.2, 0]], 2),
    "capsule beside cylinder": ((3, 5), [[0.05, 0, 0.195], [0, 0, 0]], (LYING, LYING), [[0.1, 0.2, 0], [0.1, 0.2, 0]], 2),
    "capsule lies on cap": ((3, 5), [[0, 0, 0.295], [0, 0, 0]], (LYING, UPRIGHT), [[0.1, 0.1, 0], [0.2, 0.2, 0]], 2),
    "cylinder stands on mesh": ((5, 7), [[0, 0, 0.495], [0, 0, 0]], (UPRIGHT, UPRIGHT), [[0.1, 0.2, 0], [0.1, 0.1, 0.1]], 4),
    "cylinder lies on mesh": ((5, 7), [[0, 0, 0.395], [0, 0, 0]], (LYING, UPRIGHT), [[0.1, 0.2, 0], [0.1, 0.1, 0.1]], 2),
}


@pytest.mark.parametrize("tilt", [0.0, 1e-6, 2e-3])
@pytest.mark.parametrize("case", RESTS)
def test_bodies_rest_on_several_contacts(case, tilt):
    """All at the depth of the pose, up or down, on both sides of the middle."""
    code, p, r, size, wanted = RESTS[case]
    c, s = np.cos(tilt), np.sin(tilt)
    lean = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    samples = Samples(np.array([p], float), np.array([[lean @ r[0], r[1]]]), np.array([size], float))
    found, count = harness.find(code, with_meshes(samples, code, [prism(6)]) if 7 in code else samples, 0.0)
    rows = found[0, : count[0]]
    assert count[0] == wanted
    np.testing.assert_allclose(np.abs(rows[:, 5]), 1.0, atol=1e-5)
    np.testing.assert_allclose(rows[:, 6], -0.005, atol=1e-9 + 0.25 * tilt + (1e-7 if 7 in code else 0))
    middle = max(p, key=lambda x: x[2])[0]
    assert rows[:, 0].min() < middle - 0.05
    assert rows[:, 0].max() > middle + 0.05
    if wanted == 4:
        assert rows[:, 1].min() < -0.05
        assert rows[:, 1].max() > 0.05
