import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genesis.description.poses import compose, quat_between, quat_multiply, quat_to_matrix, rotate

seeds = st.integers(0, 10_000)


def unit(rng, n):
    v = rng.normal(size=n)
    return v / np.linalg.norm(v)


@given(seeds)
def test_product_of_quaternions_is_product_of_rotations(seed):
    rng = np.random.default_rng(seed)
    a, b = unit(rng, 4), unit(rng, 4)
    np.testing.assert_allclose(quat_to_matrix(quat_multiply(a, b)), quat_to_matrix(a) @ quat_to_matrix(b), atol=1e-14)


@given(seeds)
def test_quat_between_takes_one_vector_to_the_other(seed):
    rng = np.random.default_rng(seed)
    a, b = unit(rng, 3), unit(rng, 3)
    np.testing.assert_allclose(rotate(quat_between(a, b), a), b, atol=1e-12)


def test_quat_between_opposite_vectors():
    for a in (*np.eye(3), unit(np.random.default_rng(0), 3)):
        np.testing.assert_allclose(rotate(quat_between(a, -a), a), -a, atol=1e-12)


@given(seeds)
def test_compose_applies_the_inner_pose_first(seed):
    rng = np.random.default_rng(seed)
    p1, q1, p2, q2, x = rng.normal(size=3), unit(rng, 4), rng.normal(size=3), unit(rng, 4), rng.normal(size=3)
    p, q = compose(p1, q1, p2, q2)
    np.testing.assert_allclose(p + rotate(q, x), p1 + rotate(q1, p2 + rotate(q2, x)), atol=1e-12)
