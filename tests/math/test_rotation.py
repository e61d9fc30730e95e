"""Quaternions, exponential and logarithm, and their Jacobians, against scipy's Rotation and differences."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from genesis.math.rotation import (
    Mat3,
    Quat,
    Vec3,
    axis_angle,
    exp,
    log,
    right_jacobian_inverse_adjoint,
    right_jacobian_inverse_apply,
    right_jacobian_inverse_transpose_apply,
    right_jacobian_transpose_apply,
)
from tests.dynamics.conversions import skew
from tests.math.tracing import LANES, evaluate

both_widths = pytest.mark.parametrize("lanes", LANES)
ANGLES = (0.0, 1e-300, 1e-20, 1e-12, 1e-8, 1e-5, 1e-3, 9.9e-3, 1.01e-2, 9.9e-2, 0.101, 0.5, 1.5, 3.0, np.pi - 1e-6)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def rotation_vectors(angles=ANGLES, each: int = 3) -> np.ndarray:
    axes = np.random.default_rng(1).normal(size=(len(angles) * each, 3))
    return axes / np.linalg.norm(axes, axis=1, keepdims=True) * np.repeat(angles, each)[:, None]


def wxyz(rotation: Rotation) -> np.ndarray:
    return np.roll(rotation.as_quat(), 1, axis=1)


def same_rotation(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal up to sign."""
    sign = np.sign((found * expected).sum(1, keepdims=True))
    np.testing.assert_allclose(found * sign, expected, rtol=0, atol=4e-16)


def right_jacobian(phi: np.ndarray) -> np.ndarray:
    """J_r by its power series, sum of (-[phi])^k / (k + 1)!."""
    term, total = np.eye(3), np.eye(3)
    for k in range(1, 40):
        term = term @ -skew(phi) / (k + 1)
        total = total + term
    return total


@both_widths
def test_product_conjugate_and_matrix(engine, lanes):
    a, b = Rotation.random(20, rng=1), Rotation.random(20, rng=2)
    x = np.hstack([wxyz(a), wxyz(b)])
    found = evaluate(lambda v, _: (Quat(*v[:4]) * Quat(*v[4:])).parts(), x, lanes)
    same_rotation(found, wxyz(a * b))
    np.testing.assert_allclose(evaluate(lambda v, _: Quat(*v[:4]).conjugate().parts(), x, lanes), x[:, :4] * [1, -1, -1, -1])
    np.testing.assert_allclose(evaluate(lambda v, _: Quat(*v[:4]).matrix().m, x, lanes), a.as_matrix().reshape(-1, 9), atol=1e-15)


@both_widths
def test_matrix_on_vectors(engine, lanes):
    x = random(9, 12)

    def both(v, _):
        m, u = Mat3(*v[:9]), Vec3(*v[9:])
        return [*(m @ u).parts(), *m.transpose_apply(u).parts(), *m.column(1).parts()]

    m, u = x[:, :9].reshape(-1, 3, 3), x[:, 9:, None]
    expected = np.concatenate([m @ u, m.transpose(0, 2, 1) @ u, m[:, :, 1:2]], 1)[..., 0]
    np.testing.assert_allclose(evaluate(both, x, lanes), expected, atol=1e-14)


@both_widths
def test_normalisation(engine, lanes):
    """Any length becomes one; zero stays finite."""
    x = random(8, 4) * 10.0 ** np.arange(-8, 8, 2)[:, None]
    np.testing.assert_allclose(
        evaluate(lambda v, _: Quat(*v).normalized().parts(), x, lanes), x / np.linalg.norm(x, axis=1)[:, None]
    )
    nothing = evaluate(lambda v, _: Quat(*v).normalized().parts(), np.zeros((2, 4)), lanes)
    np.testing.assert_array_equal(nothing, [[1.0, 0.0, 0.0, 0.0]] * 2)  # MuJoCo's mju_normalize4


@both_widths
def test_exponential(engine, lanes):
    """Also at zero and over several turns."""
    phi = np.vstack([rotation_vectors(), rotation_vectors((4.0, 7.0, 20.0)), np.zeros((1, 3))])
    found = evaluate(lambda v, _: exp(Vec3(*v)).parts(), phi, lanes)
    angle = np.linalg.norm(phi, axis=1, keepdims=True)
    expected = np.hstack([np.cos(angle / 2), np.sinc(angle / 2 / np.pi) / 2 * phi])
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-15)
    same_rotation(found[:40], wxyz(Rotation.from_rotvec(phi[:40])))


@both_widths
def test_axis_and_angle(engine, lanes):
    axis = rotation_vectors((1.0,), each=10)
    angle = 3.0 * random(10, 1)
    found = evaluate(lambda v, _: axis_angle(Vec3(*v[:3]), v[3]).parts(), np.hstack([axis, angle]), lanes)
    np.testing.assert_allclose(found, np.hstack([np.cos(angle / 2), np.sin(angle / 2) * axis]), atol=1e-15)


@both_widths
def test_logarithm_inverts_the_exponential(engine, lanes):
    """Up to half a turn; both signs of a quaternion are one rotation."""
    phi = rotation_vectors()
    quat = wxyz(Rotation.from_rotvec(phi))
    for x in (quat, -quat):
        found = evaluate(lambda v, width: log(Quat(*v), width).parts(), x, lanes)
        np.testing.assert_allclose(found, phi, rtol=1e-9, atol=1e-15)
    same = evaluate(lambda v, width: log(exp(Vec3(*v)), width).parts(), phi, lanes)
    np.testing.assert_allclose(same, phi, rtol=1e-12, atol=1e-15)


@both_widths
def test_right_jacobian(engine, lanes):
    phi = np.vstack([rotation_vectors(), rotation_vectors((4.0, 5.0))])
    x = np.hstack([phi, random(*phi.shape)])
    J = np.stack([right_jacobian(p) for p in phi])
    apply = {
        right_jacobian_transpose_apply: J.transpose(0, 2, 1),
        right_jacobian_inverse_apply: np.linalg.inv(J),
        right_jacobian_inverse_transpose_apply: np.linalg.inv(J).transpose(0, 2, 1),
    }
    for function, matrix in apply.items():
        found = evaluate(lambda v, _, function=function: function(Vec3(*v[:3]), Vec3(*v[3:])).parts(), x, lanes)
        expected = (matrix @ x[:, 3:, None])[..., 0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-14 * np.abs(matrix).max(), err_msg=function.__name__)


@both_widths
def test_right_jacobian_is_the_derivative_of_the_exponential(engine, lanes):
    """exp(phi + h x) = exp(phi) exp(h J_r x + O(h^2)), by scipy's rotations alone."""
    phi, x, h = rotation_vectors((0.0, 0.3, 2.0)), random(9, 3), 1e-6
    ahead, back = (Rotation.from_rotvec(phi + s * h * x) for s in (1, -1))
    moved = (back.inv() * ahead).as_rotvec() / (2 * h)
    J = np.stack([right_jacobian(p) for p in phi])
    np.testing.assert_allclose((J @ x[..., None])[..., 0], moved, atol=1e-9)
    y = random(9, 3)[::-1]
    found = evaluate(lambda v, _: right_jacobian_transpose_apply(Vec3(*v[:3]), Vec3(*v[3:])).parts(), np.hstack([phi, y]), lanes)
    np.testing.assert_allclose((found * x).sum(1), (y * moved).sum(1), atol=1e-8)


@both_widths
def test_adjoint_of_the_inverse_right_jacobian(engine, lanes):
    """Gradient of bar . J_r(phi)^-1 x in phi and x, at zero, small and large rotations, against differences."""
    phi = np.vstack([rotation_vectors((0.0, 1e-12, 1e-4, 0.05, 0.0999, 0.1001, 0.11, 0.7, 2.5, 4.0))])
    x, bar = random(2, *phi.shape)

    def gradient(v, _):
        parts = right_jacobian_inverse_adjoint(Vec3(*v[:3]), Vec3(*v[3:6]), Vec3(*v[6:]))
        return [*parts[0].parts(), *parts[1].parts()]

    found = evaluate(gradient, np.hstack([phi, x, bar]), lanes)
    inverse = np.stack([np.linalg.inv(right_jacobian(p)) for p in phi])
    np.testing.assert_allclose(found[:, 3:], (inverse.transpose(0, 2, 1) @ bar[..., None])[..., 0], atol=1e-12)
    h = 1e-4
    for k in range(3):
        unit = h * np.eye(3)[k]
        ends = [np.stack([np.linalg.inv(right_jacobian(p + s * unit)) for p in phi]) for s in (1, -1, 2, -2)]
        slope = (8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12 * h)
        expected = (bar[:, None] @ slope @ x[..., None])[:, 0, 0]
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-9, atol=1e-9)
