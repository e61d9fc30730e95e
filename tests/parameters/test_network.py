"""The policy's network: against torch's own, over many times, for one and for several networks at once."""

import pytest
import torch

from genesis.networks import ACTIVATIONS, Network

MODULES = {
    "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "silu": torch.nn.SiLU, "elu": torch.nn.ELU, "gelu": torch.nn.GELU,
}  # fmt: skip
SIZES = (3, 5, 4, 2)


def random_leaves(*several: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    shapes = [s for i, o in zip(SIZES[:-1], SIZES[1:], strict=True) for s in ((o, i), (o,))]
    return [torch.randn(*several, *s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]


def modules(leaves: list[torch.Tensor], activation: str, x: torch.Tensor) -> torch.Tensor:
    """What torch makes of these weights."""
    for k in range(0, len(leaves), 2):
        x = torch.nn.functional.linear(MODULES[activation]()(x) if k else x, leaves[k], leaves[k + 1])
    return x


def loop(network, x: torch.Tensor, times: int) -> torch.Tensor:
    """Outputs that come back as inputs, and count at every time."""
    total = x.new_zeros(())
    for time in range(times):
        y = network(x)
        x = torch.cat((y, x[..., : SIZES[0] - SIZES[-1]]), -1)
        total = total + (1.0 + time) * (y**2).sum()
    return total


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("lead", [(), (6,), (2, 3)])
def test_one_network_is_that_of_torch(activation: str, lead: tuple[int, ...]) -> None:
    leaves, x = random_leaves(), torch.randn(*lead, SIZES[0], dtype=torch.float64).requires_grad_()
    expected = loop(lambda seen: modules(leaves, activation, seen), x, 4)
    found = loop(Network(leaves, activation), x, 4)
    assert found.item() == pytest.approx(expected.item(), rel=1e-14)
    for mine, theirs in zip(torch.autograd.grad(found, [x, *leaves]), torch.autograd.grad(expected, [x, *leaves]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("envs", [(), (4,)])
def test_several_networks_see_their_own(envs: tuple[int, ...]) -> None:
    leaves, x = random_leaves(3), torch.randn(3, *envs, SIZES[0], dtype=torch.float64).requires_grad_()
    found = loop(Network(leaves, "tanh"), x, 4)
    expected = sum(loop(Network([leaf[k] for leaf in leaves], "tanh"), x[k], 4) for k in range(3))
    assert found.item() == pytest.approx(expected.item(), rel=1e-14)
    for mine, theirs in zip(torch.autograd.grad(found, [x, *leaves]), torch.autograd.grad(expected, [x, *leaves]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-13)


def test_gradients_of_several_passes_do_not_mix() -> None:
    """Twice through a kept graph, through one time alone, and through a part that does not ask for the weights."""
    leaves, x = random_leaves(), torch.randn(6, SIZES[0], dtype=torch.float64).requires_grad_()
    network = Network(leaves, "tanh")
    first = network(x)
    second = network(torch.cat((first, x[:, :1]), -1))
    whole = (first**2).sum() + (second**2).sum()
    once = torch.autograd.grad(whole, leaves, retain_graph=True)
    torch.autograd.grad(whole, x, retain_graph=True)
    early = torch.autograd.grad((first**2).sum(), leaves, retain_graph=True)
    again = torch.autograd.grad(whole, leaves)
    expected = torch.autograd.grad((modules(leaves, "tanh", x) ** 2).sum(), leaves)
    for a, b, c, d in zip(once, again, early, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
        torch.testing.assert_close(c, d, rtol=1e-12, atol=1e-14)


def test_weights_that_are_not_learned_pass_gradients_on() -> None:
    leaves = [leaf.detach() for leaf in random_leaves()]
    x = torch.randn(6, SIZES[0], dtype=torch.float64).requires_grad_()
    (mine,) = torch.autograd.grad(Network(leaves, "elu")(x).sum(), x)
    (theirs,) = torch.autograd.grad(modules(leaves, "elu", x).sum(), x)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
