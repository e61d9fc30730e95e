"""Growth along a product of matrices: against singular values, beyond the range of floating point numbers, and by segments."""

import numpy as np
import pytest

from genesis.grad.growth import growth, growth_of_segments, largest_singular_values


def steps(horizon: int, count: int, n: int, size: float) -> np.ndarray:
    random = np.random.default_rng(3)
    return np.eye(n) + size * random.standard_normal((horizon, count, n, n))


def test_growth_is_the_norm_of_the_product() -> None:
    a = steps(40, 2, 5, 0.2)
    found = growth(a)
    assert found.shape == (41, 2) and found[0] == pytest.approx(0.0, abs=1e-12)
    for env in range(2):
        product = np.eye(5)
        for t in range(40):
            product = a[t, env] @ product
            assert found[t + 1, env] == pytest.approx(np.log10(np.linalg.norm(product, 2)), abs=0.01)
        assert found[-1, env] == pytest.approx(np.log10(np.linalg.norm(product, 2)), abs=1e-6)


def test_growth_knows_no_overflow() -> None:
    a = np.broadcast_to(np.diag([100.0, 0.5]), (400, 1, 2, 2))
    assert growth(a)[-1, 0] == pytest.approx(800.0, rel=1e-12)
    assert growth(0.001 * a)[-1, 0] == pytest.approx(-400.0, rel=1e-12)


def test_equal_singular_values_are_found_within_a_few_per_cent() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 7)))[0]
    assert largest_singular_values(turn[None])[0] == pytest.approx(1.0, rel=1e-9)
    near = turn @ np.diag([1.0, 0.98, 0.97, 0.1, 0.1, 0.0, 0.0])
    assert largest_singular_values(near[None])[0] == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("starts", [[0], [0, 13], [0, 10, 20, 30]])
def test_growth_of_segments_is_the_largest_of_their_products(starts: list[int]) -> None:
    a = steps(40, 1, 4, 0.3)[:, 0]
    norms = []
    for first, last in zip(starts, [*starts[1:], 40], strict=True):
        norms.append(np.linalg.norm(np.linalg.multi_dot([*a[first:last][::-1], np.eye(4)]), 2))
    assert growth_of_segments(a, np.array(starts)) == pytest.approx(np.log10(max(norms)), abs=1e-3)
