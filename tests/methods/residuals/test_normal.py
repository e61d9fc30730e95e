"""Structured normal equations against dense linear algebra."""

import numpy as np
import pytest

from genesis.methods.residuals import ResidualBlock
from genesis.methods.residuals.normal import FLOOR, RIDGE, Normal

N, WINDOWS, NT = 4, 5, 3


def blocks(starts: bool, gaps: bool, seed: int = 0) -> list[ResidualBlock]:
    """Random residuals: of windows, priors, gaps between windows that follow each other."""
    random = np.random.default_rng(seed)
    window = random.permutation(np.repeat(np.arange(WINDOWS), 6))
    made = [ResidualBlock("angle", random.standard_normal(30), random.standard_normal((30, N)), window=window)]
    made.append(ResidualBlock("prior", random.standard_normal(2), random.standard_normal((2, N))))
    if starts:
        made[0].start = random.standard_normal((30, NT))
    if gaps:
        first = np.repeat(np.arange(WINDOWS - 1), NT)
        gap = ResidualBlock("gap", random.standard_normal(len(first)), random.standard_normal((len(first), N)), window=first)
        gap.start, gap.after = (random.standard_normal((len(first), NT)) for _ in range(2))
        gap.after_window = first + 1
        made.append(gap)
    return made


def dense(made: list[ResidualBlock], starts: bool) -> tuple[np.ndarray, np.ndarray]:
    """Jacobian (M, n + windows nt) and residuals."""
    rows = []
    for block in made:
        right = np.zeros((len(block.r), WINDOWS * NT if starts else 0))
        for table, window in ((block.start, block.window), (block.after, block.after_window)):
            for i in range(len(block.r)) if table is not None and starts else ():
                right[i, window[i] * NT : (window[i] + 1) * NT] += table[i]
        rows.append(np.hstack([block.z, right]))
    return np.vstack(rows), np.concatenate([block.r for block in made])


@pytest.mark.parametrize(("starts", "gaps"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("held", [(), (1,), (0, N + 2, N + 7)])
def test_step_and_information(starts: bool, gaps: bool, held: tuple) -> None:
    made = blocks(starts, gaps)
    normal = Normal.of(made, N, WINDOWS, NT if starts else 0)
    jacobian, r = dense(made, starts)
    hessian, gradient = jacobian.T @ jacobian, jacobian.T @ r
    assert np.allclose(normal.gradient(), gradient, rtol=1e-13, atol=1e-13)
    assert np.allclose(normal.scale(), np.sqrt(np.diag(hessian)), rtol=1e-13)
    fixed = np.isin(np.arange(len(gradient)), held)
    free = np.flatnonzero(~fixed)
    damped = hessian + 0.1 * np.diag(np.diag(hessian))
    expected = np.zeros(len(gradient))
    expected[free] = np.linalg.solve(damped[np.ix_(free, free)], -gradient[free])
    found, fall = normal.step(0.1, fixed)
    assert found == pytest.approx(expected, rel=1e-10)
    assert not found[fixed].any()
    assert fall == pytest.approx(-(gradient @ expected + 0.5 * expected @ hessian @ expected), rel=1e-10)
    marginal = hessian[:N, :N]
    if starts:
        marginal = marginal - hessian[:N, N:] @ np.linalg.solve(hessian[N:, N:], hessian[N:, :N])
    assert np.allclose(normal.information(), marginal, rtol=1e-9, atol=1e-9)
    slopes = np.abs(gradient) / np.sqrt(np.diag(hessian))
    assert normal.slope(fixed, 2.0) == pytest.approx(slopes[free].max() / 2.0, rel=1e-12)


def test_what_nothing_depends_on_stays() -> None:
    """A parameter and a coordinate of the start states without any effect."""
    made = blocks(True, False)
    made[0].z[:, 2] = made[1].z[:, 2] = 0.0
    made[0].start[:, 1] = 0.0
    normal = Normal.of(made, N, WINDOWS, NT)
    for damping in (1e-3, 0.0):
        dx, fall = normal.step(damping, np.zeros(N + WINDOWS * NT, bool))
        assert dx[2] == 0.0 and not dx[N:].reshape(WINDOWS, NT)[:, 1].any() and fall > 0.0
    information = normal.information()
    assert not information[2].any() and np.linalg.eigvalsh(np.delete(np.delete(information, 2, 0), 2, 1)).min() > 0.0
    assert FLOOR > RIDGE > 0.0
