"""Physics behaves as torch users expect: several backward passes, Jacobians, detached inputs, NaN, refusals."""

import warnings

import pytest
import torch

from genesis.errors import DivergenceError, InputError, UnsupportedError
from genesis.grad.physics import CONSTANT_KINDS, Physics
from genesis.model.layout import PARAMETERS
from tests.dynamics.systems import DT, system

T = 4


class Setup:
    """A short rollout of one system with leaves for every input."""

    def __init__(self, name: str = "floater", batch: int = 1) -> None:
        s = system(name)
        self.physics = Physics(s.model, dt=DT)
        self.q0, self.v0 = (x.repeat(batch, 1).requires_grad_() for x in (s.qpos, s.qvel))
        self.controls = [
            x[:T, None].repeat(1, batch, *[1] * (x.dim() - 1)).requires_grad_() for x in (s.dof_ctrl, s.act_ctrl, s.wrench)
        ]
        self.theta = self.physics.pack().requires_grad_()

    @property
    def leaves(self) -> list[torch.Tensor]:
        return [self.theta, self.q0, self.v0, *self.controls]

    def rollout(self):
        return self.physics.rollout(self.theta, self.q0, self.v0, *self.controls)

    def loss(self) -> torch.Tensor:
        q, v, a = self.rollout()
        return (q[-1] ** 2).sum() + (v[2] ** 2).sum() + (a[1] ** 2).sum()


@pytest.fixture(params=[1, 5], ids=["one", "five"])
def setup(engine, request) -> Setup:
    return Setup(batch=request.param)


def same(actual, expected) -> None:
    for x, y in zip(actual, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-13, atol=1e-13 * float(y.detach().abs().max()))


def test_several_backward_passes(setup):
    """retain_graph: the second pass gives the same again, .grad accumulates."""
    loss = setup.loss()
    first = torch.autograd.grad(loss, setup.leaves, retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    same([x.grad for x in setup.leaves], [2.0 * g for g in first])
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_losses_of_one_trajectory_add(setup):
    q, v, a = setup.rollout()
    parts = [(q[1] ** 2).sum(), (v[-1] ** 2).sum(), a.sum()]
    whole = torch.autograd.grad(sum(parts), setup.leaves, retain_graph=True)
    pieces = [torch.autograd.grad(p, setup.leaves, retain_graph=True) for p in parts]
    same(whole, [sum(g) for g in zip(*pieces, strict=True)])


def test_an_evaluation_between_forward_and_backward_changes_nothing(setup):
    """Buffers are not shared between a pending backward and later calls of the same or other shapes."""
    expected = torch.autograd.grad(setup.loss(), setup.leaves)
    loss = setup.loss()
    with torch.no_grad():
        s = system("floater")
        other = [2.0 * x for x in (setup.q0, setup.v0)]
        setup.physics.rollout(setup.physics.pack({"gravity": torch.zeros(3, dtype=torch.float64)}), *other, *setup.controls)
        setup.physics.rollout(setup.theta, setup.q0, setup.v0, s.dof_ctrl[:50, None].expand(50, len(setup.q0), -1))
        setup.physics.kinematics(setup.theta, *other)
        setup.physics.mass_matrix(setup.theta, other[0])
    same(torch.autograd.grad(loss, setup.leaves), expected)


def test_jacobian_rows(setup):
    """is_grads_batched, torch.autograd.functional.jacobian and one row at a time agree."""
    final = setup.rollout()[1][-1].sum(0)
    rows = [torch.autograd.grad(x, setup.leaves, retain_graph=True) for x in final]
    eye = torch.eye(len(final), dtype=final.dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*vmap.*")
        stacked = torch.autograd.grad(final, setup.leaves, eye, is_grads_batched=True)
    same(stacked, [torch.stack(column) for column in zip(*rows, strict=True)])

    def last_velocity(q0):
        return setup.physics.rollout(setup.theta, q0, setup.v0, *setup.controls)[1][-1].sum(0)

    same([torch.autograd.functional.jacobian(last_velocity, setup.q0)], [stacked[1]])


def test_jacobian_of_other_functions(setup):
    q, v = setup.q0[:1], setup.v0[:1]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*vmap.*")
        for function in (
            lambda x: setup.physics.kinematics(setup.theta, x, v)[0],
            lambda x: setup.physics.bias(setup.theta, x, v),
        ):
            plain = torch.autograd.functional.jacobian(function, q)
            same([torch.autograd.functional.jacobian(function, q, vectorize=True)], [plain])


def test_second_derivatives_are_refused(setup):
    """create_graph alone is allowed; differentiating the gradient again says that this is not implemented, and is never zero."""
    plain = torch.autograd.grad(setup.loss(), setup.leaves)
    graph = torch.autograd.grad(setup.loss(), setup.leaves, create_graph=True)
    same([g.detach() for g in graph], plain)
    for gradient in graph:
        for leaf in setup.leaves:
            with pytest.raises(UnsupportedError, match="second order"):
                torch.autograd.grad((gradient**2).sum(), leaf, retain_graph=True)
    with pytest.raises(UnsupportedError, match="second order"):
        sum((g**2).sum() for g in graph).backward()


@pytest.mark.parametrize("function", ["step", "kinematics", "bias", "mass_matrix"])
def test_hessians_are_refused(setup, function):
    """torch takes an unconnected gradient for zero; these are connected."""

    def scalar(q0):
        call = getattr(setup.physics, function)
        more = {"mass_matrix": (), "step": (setup.v0, setup.controls[0][0])}.get(function, (setup.v0,))
        out = call(setup.theta, q0, *more)
        return (out[0] if isinstance(out, tuple) else out).sum()

    with pytest.raises(UnsupportedError, match="second order"):
        torch.autograd.functional.hessian(scalar, setup.q0)


def test_no_grad_and_inference_mode(setup):
    q, v, a = setup.rollout()
    assert q.requires_grad and v.requires_grad and a.requires_grad
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            silent = setup.rollout()
        assert not any(x.requires_grad for x in silent)
        same(silent, [q.detach(), v.detach(), a.detach()])


def test_tensors_made_in_inference_mode(setup):
    """Parameters, state and controls made where torch tracks nothing."""
    expected = setup.rollout()
    with torch.inference_mode():
        values = [x.detach().clone() for x in setup.leaves]
        for _ in range(2):
            same(setup.physics.rollout(*values), [x.detach() for x in expected])
        values[0].mul_(0.0)
        values[0].add_(setup.theta.detach())
        same(setup.physics.rollout(*values), [x.detach() for x in expected])


def test_parameters_changed_in_place_are_seen(setup):
    """No stale copy of theta is used."""
    with torch.no_grad():
        theta = setup.theta.detach().clone()
        before = setup.physics.rollout(theta, setup.q0, setup.v0, setup.controls[0])[1]
        theta[0:3] = 0.0
        after = setup.physics.rollout(theta, setup.q0, setup.v0, setup.controls[0])[1]
        fresh = setup.physics.rollout(theta.clone(), setup.q0, setup.v0, setup.controls[0])[1]
    same([after], [fresh])
    assert float((after - before).abs().max()) > 0.1


def test_only_what_requires_a_gradient_gets_one(setup):
    expected = torch.autograd.grad(setup.loss(), setup.leaves)
    for k, leaf in enumerate(setup.leaves):
        setup_leaves = [x.detach().requires_grad_(i == k) for i, x in enumerate(setup.leaves)]
        q, v, a = setup.physics.rollout(*setup_leaves)
        loss = (q[-1] ** 2).sum() + (v[2] ** 2).sum() + (a[1] ** 2).sum()
        loss.backward()
        assert [x.grad is not None for x in setup_leaves] == [i == k for i in range(len(setup_leaves))]
        same([setup_leaves[k].grad], [expected[k]])
        assert leaf.grad is None


@pytest.mark.parametrize("which", range(6), ids=["theta", "qpos", "qvel", "dof_ctrl", "act_ctrl", "wrench"])
def test_inputs_changed_in_place_are_noticed(setup, which):
    """As torch does it for its own functions: an error at backward, unless the value is not needed any more."""
    held = [x.detach().clone() for x in setup.leaves]
    setup.v0 = held[2].requires_grad_() if which != 2 else setup.v0
    inputs = [x if k == which else y for k, (x, y) in enumerate(zip(held, setup.leaves, strict=True))]
    q, v, _ = setup.physics.step(*inputs[:3], *(x[0] for x in inputs[3:]))
    inputs[which].mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (q.sum() + v.sum()).backward()


def test_outputs_changed_in_place_are_noticed(setup):
    q, v, _ = setup.rollout()
    with torch.no_grad():
        q.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        v.sum().backward()


def test_controls_that_are_not_given_exert_no_force(setup):
    p, dof_ctrl = setup.physics, setup.controls[0]
    given = p.rollout(
        setup.theta, setup.q0, setup.v0, dof_ctrl, torch.zeros_like(setup.controls[1]), torch.zeros_like(setup.controls[2])
    )
    same(p.rollout(setup.theta, setup.q0, setup.v0, dof_ctrl), given)


def test_strided_and_expanded_inputs(setup):
    """Memory layout does not matter."""
    expected = torch.autograd.grad(setup.loss(), setup.leaves)
    wide = [torch.stack([x.detach(), -x.detach()], -1)[..., 0].requires_grad_() for x in setup.leaves]
    assert not any(x.is_contiguous() for x in wide[3:])
    q, v, a = setup.physics.rollout(*wide)
    loss = (q[-1] ** 2).sum() + (v[2] ** 2).sum() + (a[1] ** 2).sum()
    same(torch.autograd.grad(loss, wide), expected)


def test_parameters_of_each_environment_have_rows_of_gradient(engine):
    setup = Setup(batch=5)
    p = setup.physics
    mass = p.defaults["link_mass"].expand(5, -1).clone().requires_grad_()
    damping = p.defaults["dof_damping"].clone().requires_grad_()
    theta = p.pack({"link_mass": mass, "dof_damping": damping})
    assert theta.shape == (5, p.model.parameter_size)
    q = p.rollout(theta, setup.q0.detach(), setup.v0.detach(), setup.controls[0].detach())[0]
    (q[-1] ** 2).sum().backward()
    assert mass.grad.shape == (5, p.nlink) and damping.grad.shape == (p.nv,)
    same([mass.grad[1:]], [mass.grad[:1].expand(4, -1)])
    assert float(mass.grad.abs().min()) > 1e-9


@pytest.mark.parametrize("kind", CONSTANT_KINDS)
def test_parameters_without_adjoint_are_refused_by_name(engine, kind):
    p = Physics(system("arm").model, dt=DT)
    with pytest.raises(UnsupportedError, match=f"parameter {kind}: no gradient"):
        p.pack({kind: p.defaults[kind].clone().requires_grad_()})
    assert p.pack({kind: p.defaults[kind].clone()}).shape == (p.model.parameter_size,)


def test_unknown_and_misshapen_parameters_are_refused(engine):
    p = Physics(system("arm").model, dt=DT)
    with pytest.raises(InputError, match='unknown parameter "link_masses"; known: link_mass'):
        p.pack({"link_masses": p.defaults["link_mass"]})
    with pytest.raises(InputError, match=r"parameter link_mass: shape \(3,\); allowed: \(5,\)"):
        p.pack({"link_mass": torch.ones(3)})


WRONG = {
    "theta": lambda x: x[:-1], "theta of other environments": lambda x: x.expand(2, -1), "qpos": lambda x: x[:, :-1],
    "qvel": lambda x: x[0], "dof_ctrl": lambda x: x[:, :, :-1], "act_ctrl": lambda x: x[:-1], "xfrc": lambda x: x[..., :5],
    "precision": lambda x: x.float(),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_the_kernels_cannot_read_is_refused(engine, what):
    """Shape and dtype of every input of a rollout; a step and the functions of one state use the same check."""
    setup = Setup("floater", batch=5)
    names = ("theta", "qpos", "qvel", "dof_ctrl", "act_ctrl", "xfrc")
    values = dict(zip(names, setup.leaves, strict=True))
    key = "qvel" if what == "precision" else what.split()[0]
    values[key] = WRONG[what](values[key])
    with pytest.raises(InputError, match=f"Physics: {key} is .*; allowed: "):
        setup.physics.rollout(**values)


def test_the_functions_of_one_state_refuse_too(engine):
    p, s = Physics(system("arm").model, dt=DT), system("arm")
    theta, q, v = p.pack(), s.qpos[None], s.qvel[None]
    calls = {
        "qvel": lambda: p.kinematics(theta, q, v[0]),
        "qacc": lambda: p.inverse_dynamics(theta, q, v, v.float()),
        "qpos": lambda: p.mass_matrix(theta, q[:, :-1]),
        "theta": lambda: p.bias(theta.expand(3, -1), q, v),
        "dof_ctrl": lambda: p.step(theta, q, v, v[:, :-1]),
    }
    for name, call in calls.items():
        with pytest.raises(InputError, match=f"Physics: {name} is "):
            call()
    with torch.no_grad(), pytest.raises(InputError, match="Physics: qpos is "):
        p.step(theta, q[:, :-1], v, v)


def test_theta_holds_the_parameters_in_the_order_of_the_layout(engine):
    p = Physics(system("pair").model, dt=DT)
    theta, offsets = p.pack(), p.model.parameter_offsets
    for kind in PARAMETERS:
        offset, length = offsets[kind.name]
        torch.testing.assert_close(theta[offset : offset + length], p.defaults[kind.name].flatten(), rtol=0, atol=1e-15)
    assert sum(length for _, length in offsets.values()) == theta.numel() == p.model.parameter_size


@pytest.mark.parametrize("which", range(1, 6), ids=["qpos", "qvel", "dof_ctrl", "act_ctrl", "wrench"])
def test_nan_in_is_nan_out(setup, which):
    """No bound, maximum or normalisation turns a NaN into a number; other environments keep theirs."""
    clean = setup.rollout()
    inputs = [x.detach().clone() for x in setup.leaves]
    first = inputs[which][0] if which >= 3 else inputs[which]  # the first step
    first[0].reshape(-1)[-1] = torch.nan
    q, v, a = setup.physics.rollout(*inputs)
    assert v[-1, 0].isnan().any() and q[-1, 0].isnan().any() and a[-1, 0].isnan().all()
    same([x[:, 1:] for x in (q, v, a)], [x[:, 1:].detach() for x in clean]) if len(setup.q0) > 1 else None


def test_nan_gradient_is_not_swallowed(setup):
    """A NaN output gradient never reaches the inputs: it is named."""
    q, v, _ = setup.rollout()
    step = v.shape[0] - 1
    with pytest.raises(
        DivergenceError, match=f"gradient that reaches qvel of .* in environment 0 at step {step} .*look at the loss"
    ):
        torch.autograd.grad((v[-1] * torch.nan).sum(), setup.leaves)
