"""Every pair of the table: contacts against MuJoCo's, adjoint against central differences, aligned and coinciding geoms."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from genesis.pairs import PAIRS
from tests.pairs import harness, oracle
from tests.pairs.meshes import pebble, prism, with_meshes
from tests.pairs.samples import aligned_samples, over_field, parallel_samples, random_samples

REACH = 0.1
MESHES = [*(pebble(seed) for seed in range(4)), prism(6), prism(4)]
NAMED = [pytest.param(code, id=pair.NAME) for code, pair in PAIRS.items()]
# MuJoCo finds these by iteration: test_curved.py
CURVED = [code for code in PAIRS if code[0] > 1 and {4, 5} & set(code) and code != (2, 5)]
PRIMITIVES = [pytest.param(code, id=pair.NAME) for code, pair in PAIRS.items() if not {1, 7} & set(code) and code not in CURVED]
pytestmark = pytest.mark.usefixtures("engine")


def posed(make, code, *arguments, **named):
    """Samples with meshes where the pair has them."""
    samples = make(*arguments, **named)
    if 1 in code:
        samples = over_field(samples)
    return with_meshes(samples, code, MESHES) if {1, 7} & set(code) else samples


def in_order(mine: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Which of my contacts belongs to each of MuJoCo's, by position: the overlap of two faces may begin anywhere."""
    distance = np.linalg.norm(rows[:, None, :3] - mine[None, :, :3], axis=-1)
    return linear_sum_assignment(distance)[1]


@pytest.mark.parametrize("make", [random_samples, parallel_samples])
@pytest.mark.parametrize("code", PRIMITIVES)
def test_contacts_are_mujocos(code, make):
    if make is parallel_samples and PAIRS[code].NAME in ("plane-cylinder", "capsule-box"):
        pytest.skip("rounding decides how many contacts MuJoCo gives in exactly parallel poses")
    samples = make(200)
    found, count = harness.find(code, samples, REACH)
    wanted = oracle.contacts(oracle.build(code, REACH), samples)
    assert sum(count) > 100
    assert count.max() <= PAIRS[code].MOST
    for i, rows in enumerate(wanted):
        assert len(rows) == count[i]
        if count[i]:
            np.testing.assert_allclose(found[i, in_order(found[i, : count[i]], rows), :7], rows[:, :7], atol=1e-10)


@pytest.mark.parametrize("code", PRIMITIVES)
def test_first_tangent_is_mujocos(code):
    """MuJoCo makes the hint orthogonal to the normal; where there is none it takes a direction of its own."""
    samples = random_samples(20)
    found, count = harness.find(code, samples, REACH)
    for i, rows in enumerate(oracle.contacts(oracle.build(code, REACH), samples)):
        for mine, row in zip(found[i, in_order(found[i, : count[i]], rows)], rows, strict=True):
            hint, n = mine[7:10], mine[3:6]
            if hint.any():
                tangent = hint - n * (n @ hint)
            else:
                tangent = np.array([0, 1.0, 0]) if abs(n[1]) < 0.5 else np.array([0, 0, 1.0])
                tangent = tangent - n * (n @ tangent)
            np.testing.assert_allclose(tangent / np.linalg.norm(tangent), row[7:], atol=1e-9)


def same_features(contacts, count, others, other_count):
    """Samples whose contacts were decided by the same features."""
    tags = np.abs(contacts[..., 10:] - others[..., 10:]).sum((1, 2))
    return (count == other_count) & (tags == 0)


@pytest.mark.parametrize("code", NAMED)
def test_adjoint_is_the_derivative(code):
    """Three random directions of both poses and sizes, every component of every contact with a random weight."""
    samples, rng, step = posed(random_samples, code, 200, seed=1), np.random.default_rng(2), 1e-5
    contacts, count = harness.find(code, samples, REACH)
    weights = rng.normal(size=(len(samples), harness.ROOM, 10)) * (np.arange(harness.ROOM) < count[:, None])[..., None]
    bar = harness.find_adjoint(code, samples, contacts, count, weights)
    scale = np.linalg.norm(bar.reshape(len(samples), -1), axis=1)
    for _ in range(3):
        direction = rng.normal(size=(3, len(samples), 2, 3))
        smooth, measured = count >= 0, 0.0
        for factor, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):  # central differences of fourth order
            moved, moved_count = harness.find(code, samples.moved(*(factor * step * direction)), REACH)
            smooth &= same_features(contacts, count, moved, moved_count)
            measured = measured + weight * (moved[..., :10] * weights).sum((1, 2)) / (12 * step)
        assert (smooth & (count > 0)).sum() > 0.9 * (count > 0).sum() > 50
        derived = np.einsum("egk,gek->e", bar, np.concatenate(direction.transpose(0, 2, 1, 3), axis=-1))
        error = np.abs(measured - derived) / (scale + 1e-9)
        assert error[smooth].max() < 1e-6


@pytest.mark.parametrize("code", NAMED)
def test_aligned_geoms_have_finite_contacts_and_bars(code):
    """Coinciding centres, parallel axes, faces on faces, exact touch."""
    samples = posed(aligned_samples, code)
    contacts, count = harness.find(code, samples, REACH)
    assert np.isfinite(contacts).all()
    assert count.max() <= PAIRS[code].MOST
    norms = np.linalg.norm(contacts[..., 3:6], axis=-1)
    np.testing.assert_allclose(norms[np.arange(harness.ROOM) < count[:, None]], 1.0, atol=1e-12)
    bar = harness.find_adjoint(code, samples, contacts, count, np.ones((len(samples), harness.ROOM, 10)))
    assert np.isfinite(bar).all()
    if {1, 7} & set(code) or code in CURVED:
        return
    for rows, mine, k in zip(oracle.contacts(oracle.build(code, REACH), samples), contacts, count, strict=True):
        deepest = min(rows[:, 6], default=REACH)
        assert min(mine[:k, 6], default=REACH) == pytest.approx(deepest, abs=1e-9)
