"""Rotations: exponential and logarithm, products and matrices, by identities and by gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.grad import rotation

number = st.floats(-1.7, 1.7, allow_nan=False)
vectors = st.tuples(number, number, number).map(lambda v: torch.tensor(v, dtype=torch.float64))


@given(vectors)
@settings(max_examples=60, deadline=None)
def test_logarithm_inverts_the_exponential(v):
    torch.testing.assert_close(rotation.to_rotation_vector(rotation.from_rotation_vector(v)), v, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(rotation.to_rotation_vector(-rotation.from_rotation_vector(v)), v, atol=1e-12, rtol=1e-9)


@given(vectors, vectors, vectors)
@settings(max_examples=30, deadline=None)
def test_products_rotate_one_after_the_other(a, b, v):
    p, q = rotation.from_rotation_vector(a), rotation.from_rotation_vector(b)
    torch.testing.assert_close(rotation.rotate(rotation.multiply(p, q), v), rotation.rotate(p, rotation.rotate(q, v)))
    torch.testing.assert_close(rotation.rotate_inverse(p, rotation.rotate(p, v)), v, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(rotation.matrix(p) @ v, rotation.rotate(p, v))


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-3, 0.00999, 0.0101, 1.0, 3.0])
def test_gradients_are_right_at_every_angle(size):
    v = torch.tensor([0.6, -0.8, 0.0], dtype=torch.float64) * size
    assert torch.autograd.gradcheck(rotation.from_rotation_vector, v.clone().requires_grad_(), eps=1e-6, atol=1e-7)
    composed = torch.autograd.functional.jacobian(lambda x: rotation.to_rotation_vector(rotation.from_rotation_vector(x)), v)
    torch.testing.assert_close(composed, torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=1e-9)


def test_half_a_turn_has_a_finite_gradient():
    q = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    vector = rotation.to_rotation_vector(q)
    assert vector.tolist() == pytest.approx([0.0, 0.0, math.pi])
    assert torch.isfinite(torch.autograd.grad(vector[2], q)[0]).all()


def test_euler_angles_turn_about_fixed_axes():
    q = torch.tensor(rotation.euler_degrees((90.0, 90.0, 0.0)), dtype=torch.float64)  # first x, then y
    assert rotation.rotate(q, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)).tolist() == pytest.approx([1.0, 0.0, 0.0])
    q = torch.tensor(rotation.euler_degrees((0.0, 0.0, 90.0)), dtype=torch.float64)
    assert rotation.rotate(q, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)).tolist() == pytest.approx([0.0, 1.0, 0.0])
