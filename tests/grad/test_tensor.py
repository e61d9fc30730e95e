"""gs.Tensor: the scene travels through torch, two scenes do not meet, gradients are torch's."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import InputError, SceneMixError
from genesis.grad.tensor import plain, wrap

pytestmark = pytest.mark.usefixtures("engine")


class Place:
    def __repr__(self) -> str:
        return "Place"


A, B = Place(), Place()


def of(scene, *values):
    return wrap(torch.tensor(values, dtype=torch.float64, requires_grad=True), scene)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x + 1.0, lambda x: 2.0 * x, lambda x: torch.stack([x, x]), lambda x: torch.cat((x, x)), lambda x: x[0],
        lambda x: x.sum(), lambda x: torch.nn.functional.mse_loss(x, torch.zeros(2, dtype=torch.float64)), lambda x: x.view(2, 1),
        lambda x: torch.where(x > 0.0, x, 0.0), lambda x: torch.ones(2, dtype=torch.float64) @ x, lambda x: x.clone().mul_(2.0),
    ],
)  # fmt: skip
def test_operations_hand_the_scene_on(operation):
    out = operation(of(A, 1.0, -2.0))
    assert isinstance(out, gs.Tensor) and out.scene is A and out.requires_grad


DIRECT_CALLS = [
    lambda x: x[0], lambda x: x[:, 1], lambda x: x[..., None], lambda x: x[torch.tensor([1, 0])], lambda x: x[[1, 0], [0, 1]],
    lambda x: x[x > 2.0],
    lambda x: x[None, torch.tensor([True, False])], lambda x: x + 1, lambda x: 1 + x, lambda x: x - 2.0, lambda x: x * x, lambda x: 3 * x,
    lambda x: x + torch.ones(2, dtype=torch.float64), lambda x: torch.ones(2, dtype=torch.float64) * x, lambda x: x / x[0], lambda x: -x,
    lambda x: x * np.float64(2.0), lambda x: x.square(), lambda x: x.sum(), lambda x: x.sum(0), lambda x: x.sum((0, 1)),
    lambda x: x.sum(dim=0, keepdim=True), lambda x: x.mean(), lambda x: x.mean(-1, True), lambda x: x.abs(), lambda x: x.sqrt(),
    lambda x: x.exp(),
    lambda x: torch.Tensor.sum(x), lambda x: x.sum(dtype=torch.float32),
]  # fmt: skip


@pytest.mark.parametrize("call", DIRECT_CALLS)
def test_direct_operations_are_those_of_torch(call):
    """Value, gradient, scene and parents, however the operation is reached; the tensor itself is left as it is."""
    values = torch.tensor([[1.0, 4.0], [9.0, 2.5]], dtype=torch.float64)
    leaf, twin = values.clone().requires_grad_(), values.clone().requires_grad_()
    x = wrap(leaf, A)
    out, expected = call(x), call(twin)
    assert type(out) is gs.Tensor and out.scene is A and x.uid in out.parents and type(expected) is torch.Tensor
    assert out.dtype == expected.dtype and torch.equal(plain(out), expected)
    out.sum().backward()
    expected.sum().backward()
    assert torch.equal(leaf.grad, twin.grad)
    assert x.scene is A and x.parents == ()


def test_direct_operations_refuse_what_torch_refuses():
    x = of(A, 1.0, 2.0)
    for call in (lambda: x + "a", lambda: x[5], lambda: x.sum(7), lambda: x.square(1)):
        with pytest.raises((TypeError, IndexError)):
            call()
    with pytest.raises(SceneMixError):
        x - of(B, 1.0, 2.0)
    with pytest.raises(SceneMixError):
        x.sum() * of(B, 1.0)


def test_results_with_several_tensors():
    x = of(A, 1.0, 3.0)
    assert all(part.scene is A for part in x.unbind(0))
    assert [part.item() for part in x] == [1.0, 3.0]
    largest = torch.max(torch.stack([x, 2 * x]), 0)
    assert largest.values.scene is A and largest.indices.tolist() == [1, 1]
    assert x.shape == (2,) and type(x.shape) is torch.Size and x.tolist() == [1.0, 3.0] and x.detach().numpy().sum() == 4.0


def test_two_scenes_are_refused():
    with pytest.raises(SceneMixError, match=r"not derived from the same Scene object: Place vs Place.*Tensor.sceneless"):
        of(A, 1.0) + of(B, 1.0)
    with pytest.raises(SceneMixError):
        torch.stack([of(A, 1.0), of(B, 1.0)])
    with pytest.raises(SceneMixError):
        torch.add(of(A, 1.0), other=of(B, 1.0))
    assert (of(A, 1.0) + of(None, 1.0)).scene is A
    assert (of(A, 1.0) + of(B, 1.0).sceneless()).scene is A


def test_detach_and_sceneless():
    x = of(A, 1.0)
    assert x.detach().scene is None and not x.detach().requires_grad
    assert x.detach(sceneless=False).scene is A
    assert x.sceneless().scene is None and x.sceneless().requires_grad
    x.sceneless().assert_sceneless()
    with pytest.raises(SceneMixError):
        x.assert_sceneless()
    with pytest.raises(InputError):
        of(A, *range(6)).view(2, 3).T.assert_contiguous()


def test_gradients_and_zero_grad():
    leaf = gs.tensor([1.0, 2.0], requires_grad=True)
    assert leaf.is_leaf
    (leaf**2).sum().backward()
    assert leaf.grad.tolist() == [2.0, 4.0]
    leaf.zero_grad()
    assert leaf.grad.tolist() == [0.0, 0.0]
    torch.optim.SGD([leaf], lr=1.0).step()
    assert leaf.tolist() == [1.0, 2.0]


def test_uid_and_parents():
    x, y = of(A, 1.0), of(A, 2.0)
    z = x + y
    assert x.uid != y.uid and z.parents == (x.uid, y.uid)


def test_repr_names_the_scene():
    assert repr(of(A, 1.0)) == "gs.tensor([1.], dtype=torch.float64, scene=<Place>, requires_grad=True)"
    assert "scene=None, requires_grad=False" in repr(gs.tensor([1.0]))


def test_copies_and_pickles_do_not_take_the_scene_along():
    leaf = gs.tensor([1.0], requires_grad=True, scene=A)
    twin = copy.deepcopy(leaf)
    assert twin.scene is A and twin.requires_grad and twin.is_leaf and twin is not leaf
    assert type(pickle.loads(pickle.dumps(of(A, 1.0)))) is torch.Tensor


def test_plain_and_wrap_keep_the_graph():
    leaf = torch.ones(2, requires_grad=True)
    x = wrap(2 * leaf, A)
    assert type(plain(x)) is torch.Tensor
    plain(x).sum().backward()
    assert leaf.grad.tolist() == [2.0, 2.0]


def test_constructor_takes_a_scene():
    assert gs.Tensor([1.0, 2.0], scene=A).scene is A


def test_a_number_is_formatted_and_converted_as_torch_does_it(recwarn):
    """Also what has a graph, and without torch's warning, which would name a file of the library."""
    loss = of(A, 1.0, 2.0).mean()
    assert (f"{loss:.4f}", f"{loss}", "{:.2f}".format(loss), f"{loss.detach():>8.1e}", f"{of(A, 1.0, 2.0)[1]:.1f}") == (  # noqa: UP032
        "1.5000", "1.5", "1.50", " 1.5e+00", "2.0",
    )  # fmt: skip
    assert (float(loss), int(loss), complex(loss), math.sqrt(loss)) == (1.5, 1, 1.5 + 0j, math.sqrt(1.5))
    assert not [w for w in recwarn if "requires_grad" in str(w.message)]
    with pytest.raises(TypeError, match="format"):
        f"{of(A, 1.0, 2.0):.2f}"


def test_numbers_in_lists_become_tensors():
    """A class with `__getitem__` is a sequence to Python, and torch would ask a single number for its length."""
    one, two = of(A, 1.0, 2.0).detach()
    assert torch.tensor([one, two]).tolist() == torch.as_tensor([[one, 2.0]])[0].tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="0-d"):
        iter(one)
