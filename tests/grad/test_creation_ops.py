"""Creation operations: types and device of the runtime, fresh leaves, torch's values."""

import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import InputError

pytestmark = pytest.mark.usefixtures("engine")

CALLS = {
    "tensor": ([[1.0, 2.0]],), "asarray": ([1.0],), "as_tensor": ([1.0],), "zeros": (2, 3), "ones": (2,),
    "linspace": (0.0, 1.0, 5), "logspace": (0.0, 1.0, 3), "eye": (3,),
    "empty": (2,), "full": ((2,), 3.0), "rand": (2,), "randn": (3,),
    "empty_strided": ((2, 2), (2, 1)),
}  # fmt: skip
LIKE = ("zeros_like", "ones_like", "empty_like", "rand_like", "randn_like")
RANDOM = ("empty", "rand", "randn", "empty_strided")


@pytest.mark.parametrize("name", CALLS)
def test_floats_have_the_type_of_the_runtime_and_are_leaves(name):
    made = getattr(gs, name)(*CALLS[name], requires_grad=True)
    assert isinstance(made, gs.Tensor) and made.dtype is gs.tc_float and made.device == gs.device
    assert made.is_leaf and made.requires_grad and made.scene is None
    if name not in RANDOM:
        torch.testing.assert_close(made.detach().numpy(), getattr(torch, name)(*CALLS[name]).double().numpy(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", LIKE)
def test_like(name):
    made = getattr(gs, name)(gs.ones(2, 3))
    assert made.shape == (2, 3) and made.dtype is gs.tc_float


def test_integers_and_truth_values():
    assert gs.arange(4).dtype is gs.tc_int and gs.arange(4).tolist() == [0, 1, 2, 3]
    assert gs.randperm(5).sort().values.tolist() == [0, 1, 2, 3, 4] and gs.randperm(5).dtype is gs.tc_int
    assert gs.randint(3, 4, (2,)).tolist() == [3, 3] and gs.randint_like(gs.arange(2), 5, 6).tolist() == [5, 5]
    assert gs.tensor([True, False]).dtype is torch.bool
    assert gs.zeros(2, dtype=int).dtype is gs.tc_int and gs.ones(2, dtype=bool).dtype is torch.bool
    assert gs.full((2,), 1, dtype=float).dtype is gs.tc_float and gs.full_like(gs.ones(2), 4.0).tolist() == [4.0, 4.0]
    assert gs.range(0, 1, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_numpy_and_torch_sources_are_copied():
    source = np.array([1.0, 2.0])
    made = gs.from_numpy(source)
    source[0] = 9.0
    assert made.tolist() == [1.0, 2.0]
    tensor = torch.ones(2, dtype=torch.float64)
    for copy in (gs.tensor(tensor), gs.as_tensor(tensor), gs.from_torch(tensor), gs.as_strided(tensor, (2,), (1,))):
        copy[0] = 5.0
    assert tensor.tolist() == [1.0, 1.0]


def test_from_torch_keeps_the_graph_if_asked():
    leaf = torch.ones(2, requires_grad=True)
    assert gs.from_torch(2 * leaf).is_leaf
    gs.from_torch(2 * leaf, detach=False).sum().backward()
    assert leaf.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("call", [lambda: gs.zeros(2, device="cpu"), lambda: gs.zeros(2, dtype=torch.complex64)])
def test_refusals(call):
    with pytest.raises(InputError, match="not supported"):
        call()
