"""How much small changes of a state grow along a motion: the largest singular values of products of its linearised steps.

    σ_t = ‖A_(t−1) … A_0‖₂

A gradient of what is seen at t reaches the start multiplied by up to σ_t, and the rounding of the motion comes with it.
Source: Golub, Van Loan, Matrix Computations (2013), §8.2 (powers of PᵀP).
"""

import numpy as np

SQUARINGS = 4  # of PᵀP: directions smaller by a third are then smaller by 1e-7


def growth(steps: np.ndarray) -> np.ndarray:
    """log10 σ_t (T+1, B) of the products of linearised steps (T, B, n, n); σ_0 = 1. Products of any length: they are scaled on the way."""
    horizon, count, n, _ = steps.shape
    products = np.empty((horizon + 1, count, n, n))
    scales = np.zeros((horizon + 1, count))
    products[0] = np.eye(n)
    for t in range(horizon):
        made = np.matmul(steps[t], products[t], out=products[t + 1])
        size = np.abs(made).max((1, 2), keepdims=True)
        made /= np.maximum(size, 1e-300)
        scales[t + 1] = scales[t] + np.log10(np.maximum(size[:, 0, 0], 1e-300))
    return scales + np.log10(np.maximum(largest_singular_values(products), 1e-300))


def largest_singular_values(matrices: np.ndarray) -> np.ndarray:
    """‖M‖₂ (...) of matrices (..., m, n): exact to the sixth digit where no two are nearly equal, and within a few
    per cent where some are."""
    sizes = np.maximum(np.abs(matrices).max((-1, -2), keepdims=True), 1e-300)
    matrices = matrices / sizes
    powers = np.matmul(matrices.swapaxes(-1, -2), matrices)
    for _ in range(SQUARINGS):
        powers = np.matmul(powers, powers)
        powers /= np.maximum(np.abs(powers).max((-1, -2), keepdims=True), 1e-300)
    which = np.argmax(np.diagonal(powers, axis1=-2, axis2=-1), -1)
    vectors = np.take_along_axis(powers, which[..., None, None], -1)
    lengths = np.linalg.norm(np.matmul(matrices, vectors), axis=(-2, -1))
    made: np.ndarray = sizes[..., 0, 0] * lengths / np.maximum(np.linalg.norm(vectors, axis=(-2, -1)), 1e-300)
    return made


def growth_of_segments(steps: np.ndarray, starts: np.ndarray) -> float:
    """log10 of the largest growth within segments of a motion: steps (T, n, n), starts: first step of each segment (S,)."""
    horizon, n, _ = steps.shape
    ends = np.append(starts[1:], horizon)
    products, scales = np.broadcast_to(np.eye(n), (len(starts), n, n)).copy(), np.zeros(len(starts))
    for k in range(int((ends - starts).max())):
        inside = starts + k < ends
        products[inside] = np.matmul(steps[starts[inside] + k], products[inside])
        size = np.abs(products).max((1, 2))
        products /= np.maximum(size, 1e-300)[:, None, None]
        scales += np.log10(np.maximum(size, 1e-300))
    return float((scales + np.log10(np.maximum(largest_singular_values(products), 1e-300))).max())
