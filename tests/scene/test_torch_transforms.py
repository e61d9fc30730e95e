"""torch.func and torch.compile on a scene: the numbers of torch.autograd, or one line that says what to use."""

import pytest
import torch

import genesis as gs
from genesis.errors import UnsupportedError

pytestmark = pytest.mark.usefixtures("engine")

#: A hinge and a ball, so that coordinates and velocities differ in number.
ROBOT = """<mujoco><worldbody><body name="arm"><joint name="hinge" axis="0 1 0"/><geom size=".1" pos=".2 0 -1"/>
<body name="hand" pos="0 0 -1"><joint name="wrist" type="ball"/><geom type="capsule" size=".05 .2" pos=".1 0 -.3"/></body></body>
</worldbody></mujoco>"""
STEPS, POINTS = 5, 3


class Case:
    """A scene, controls of one point and of several, and what is computed of them."""

    def __init__(self, n_envs: int) -> None:
        self.scene = gs.Scene(sim_options=gs.options.SimOptions(substeps=2))
        self.robot = self.scene.add_entity(gs.morphs.MJCF(file=ROBOT))
        self.scene.build(n_envs=n_envs)
        self.lead = (n_envs,) if n_envs else ()
        random = torch.Generator().manual_seed(3)
        self.points = torch.randn(POINTS, STEPS, *self.lead, 4, dtype=torch.float64, generator=random)
        start = self.scene.rigid_solver.qpos.clone()
        self.start = start if n_envs else start[0]

    def end(self, controls: torch.Tensor, start: torch.Tensor | None = None) -> torch.Tensor:
        """The last state and where the links are then, flat."""
        self.scene.reset()
        made = self.scene.rollout(controls, qpos=self.start if start is None else start)
        return torch.cat([made.qpos[-1].reshape(-1), made.links_pos[-1].reshape(-1)])

    def loss(self, controls: torch.Tensor, start: torch.Tensor | None = None) -> torch.Tensor:
        return self.end(controls, start).square().sum()

    def gradient(self, controls: torch.Tensor) -> torch.Tensor:
        """By torch.autograd."""
        leaf = controls.clone().requires_grad_()
        return torch.autograd.grad(self.loss(leaf), leaf)[0]


@pytest.fixture(scope="module", params=[0, 2])
def case(request, engine) -> Case:
    return Case(request.param)


def near(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_gradients_and_jacobians_are_those_of_autograd(case) -> None:
    u, start = case.points[0], case.start.clone().requires_grad_()
    of_start = torch.autograd.grad(case.loss(u, start), start)[0]
    found = torch.func.grad(case.loss, argnums=(0, 1))(u, case.start)
    assert near(found[0], case.gradient(u)) and near(found[1], of_start)
    jacobian = torch.autograd.functional.jacobian(case.end, u, vectorize=True)
    assert near(torch.func.jacrev(case.end)(u), jacobian)
    out, pull = torch.func.vjp(case.end, u)
    weights = torch.linspace(-1.0, 2.0, len(out), dtype=torch.float64)
    assert near(pull(weights)[0], torch.tensordot(weights, jacobian, 1))


def test_vmap_maps_over_environments(case) -> None:
    u = case.points
    ends = torch.stack([case.end(x) for x in u])
    assert near(torch.func.vmap(case.end)(u), ends)
    assert near(torch.func.vmap(case.end, in_dims=2)(u.movedim(0, 2)), ends)
    starts = torch.stack([case.start] * POINTS)
    starts[..., 0] += torch.arange(POINTS).reshape(POINTS, *[1] * len(case.lead))
    assert near(torch.func.vmap(case.end)(u, starts), torch.stack([case.end(*pair) for pair in zip(u, starts, strict=True)]))


def test_vmap_and_gradients_nest(case) -> None:
    u, gradients = case.points, torch.stack([case.gradient(x) for x in case.points])
    assert near(torch.func.vmap(torch.func.grad(case.loss))(u), gradients)
    assert near(torch.func.grad(lambda x: torch.func.vmap(case.loss)(x).sum())(u), gradients)
    jacobians = torch.stack([torch.func.jacrev(case.end)(x) for x in u])
    assert near(torch.func.vmap(torch.func.jacrev(case.end))(u), jacobians)


def test_physical_parameters_are_mapped_and_differentiated(case) -> None:
    masses = torch.Tensor.as_subclass(case.scene.physical_parameters()["link_mass"], torch.Tensor)

    def loss(mass: torch.Tensor) -> torch.Tensor:
        case.scene.reset()
        return case.scene.rollout(case.points[0], params={"link_mass": mass}).qvel[-1].square().sum()

    leaf = (1.5 * masses).requires_grad_()
    expected = torch.autograd.grad(loss(leaf), leaf)[0]
    found = torch.func.vmap(torch.func.grad(loss))(torch.stack([masses, 1.5 * masses]))
    assert near(found[1], expected) and not near(found[0], expected)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: torch.func.jvp(c.end, (c.points[0],), (c.points[1],)), "scene.linearize"),
        (lambda c: torch.func.hessian(c.loss)(c.points[0]), "torch.func.jacrev"),
        (lambda c: torch.func.grad(lambda x: torch.func.grad(c.loss)(x).sum())(c.points[0]), "second order"),
        (lambda c: torch.func.jacrev(torch.func.jacrev(c.loss))(c.points[0]), "second order"),
        (lambda c: torch.func.grad(lambda x: (c.scene.step(), x.sum())[1])(c.points[0]), "scene.rollout"),
        (lambda c: torch.func.grad(lambda x: c.scene.linearize(c.start, x[0]).state.sum())(c.points[0]), "scene.linearize has"),
        (lambda c: torch.func.grad(lambda x: c.scene.rollout(x).linearization().state.sum())(c.points[0]), "linearization has"),
        (lambda c: torch.func.grad(lambda x: c.scene.bias_force(c.start, x[0]).sum())(c.points[0]), "has no rule"),
        (lambda c: torch.func.vmap(c.robot.set_dofs_velocity)(c.points[:, 0]), "a scene would keep it"),
    ],
    ids=["jvp", "hessian", "grad of grad", "jacrev of jacrev", "step", "linearize", "linearization", "bias", "vmap of a setter"],
)
def test_what_has_no_rule_says_what_to_use(case, call, said) -> None:
    with pytest.raises(UnsupportedError, match=said) as caught:
        call(case)
    assert "\n" not in str(caught.value)


def test_a_scene_is_sound_after_a_transform(case) -> None:
    """What a transform makes dies with it, and nothing of it may stay in the scene."""
    before = case.end(case.points[0])
    for transform in (lambda: torch.func.jacrev(case.end)(case.points[0]), lambda: torch.func.vmap(case.end)(case.points)):
        case.scene.set_gravity((0.0, 0.0, -9.81))  # packed parameters are made anew, within the transform
        transform()
        case.scene.step()
        assert near(case.end(case.points[0]), before)


SETTERS = (
    "set_qpos",
    "set_dofs_position",
    "set_dofs_velocity",
    "control_dofs_force",
    "control_dofs_position",
    "set_dofs_damping",
)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_scene_takes_nothing_that_dies_with_a_transform(engine, requires_grad: bool) -> None:
    scene = gs.Scene(sim_options=gs.options.SimOptions(requires_grad=requires_grad))
    robot = scene.add_entity(gs.morphs.MJCF(file=ROBOT.replace('type="ball"', 'axis="0 1 0"')))
    scene.build()
    x, u = torch.tensor([0.3, 0.4], dtype=torch.float64), torch.ones(STEPS, 2, dtype=torch.float64)
    for name in SETTERS:

        def loss(x: torch.Tensor, name: str = name) -> torch.Tensor:
            getattr(robot, name)(x)
            return scene.rollout(u).qpos.square().sum()

        with pytest.raises(UnsupportedError, match=f"{name}: torch.func: .* scene.rollout") as caught:
            torch.func.grad(loss)(x)
        assert "\n" not in str(caught.value)
        with pytest.raises(UnsupportedError, match=name):
            torch.func.grad(lambda x, name=name: getattr(robot, name)([x[0], 0.1]))(x)
        scene.step()
        assert bool(torch.isfinite(robot.get_qpos()).all())

    def with_constants(x: torch.Tensor) -> torch.Tensor:
        """What the transform neither differentiates nor maps is kept, and outlives it."""
        scene.reset(scene.get_state())
        for name in SETTERS:
            getattr(robot, name)([0.5, 0.25] if name == "set_qpos" else torch.full((2,), 0.5, dtype=torch.float64), [1, 0])
        scene.set_gravity(torch.zeros(3, dtype=torch.float64))
        scene.rigid_solver.apply_links_external_force(torch.ones(3, dtype=torch.float64), [1])
        robot.get_links_pos()
        return x.square().sum()

    assert torch.equal(torch.func.grad(with_constants)(x), 2.0 * x)
    assert torch.equal(robot.get_dofs_velocity(), torch.full((2,), 0.5, dtype=torch.float64))
    found = scene.get_state()
    scene.step()
    scene.reset(found)


def test_the_mass_matrix_and_joint_targets_are_those_of_autograd(case) -> None:
    def mass(q: torch.Tensor) -> torch.Tensor:
        return case.scene.mass_matrix(q).square().sum()

    def asked(u: torch.Tensor) -> torch.Tensor:
        case.scene.reset()
        return case.scene.rollout(u, kind="position", qpos=case.start).controller_force.square().sum()

    for function, at in ((mass, case.start), (asked, 0.01 * case.points[0])):
        leaf = at.clone().requires_grad_()
        expected = torch.autograd.grad(function(leaf), leaf)[0]
        found = torch.func.grad(function)(at)
        assert expected.any() and torch.allclose(found, expected.as_subclass(torch.Tensor), rtol=1e-9)


def test_contact_forces_have_no_rule(engine) -> None:
    floor = '<mujoco><worldbody><geom type="plane" size="1 1 .1"/><body pos="0 0 .09"><freejoint/><geom size=".1"/></body></worldbody></mujoco>'
    scene = gs.Scene()
    scene.add_entity(gs.morphs.MJCF(file=floor))
    scene.build()
    for transform in (torch.func.grad, torch.func.vmap):
        with pytest.raises(UnsupportedError, match="ContactRows of the engine has no rule"):
            u = torch.zeros(2, 2, 6, dtype=torch.float64)
            u = u[0] if transform is torch.func.grad else u
            transform(lambda u: scene.rollout(u).links_contact_force.sum())(u)
        scene.step()


def test_compiled_functions_break_around_the_engine(case) -> None:
    torch.compiler.reset()

    def loop(controls: torch.Tensor) -> torch.Tensor:
        case.scene.reset()
        states = [torch.zeros(*case.lead, 4, dtype=torch.float64)]
        start = case.start
        for force in controls[:2]:
            start, speed = case.scene.step_state(start, states[-1], force)
            states.append(speed)
        return states[-1].square().sum()

    for function in (case.loss, loop):
        plain, leaf = case.points[0].clone().requires_grad_(), case.points[0].clone().requires_grad_()
        expected, found = function(plain), torch.compile(function, backend="eager")(leaf)
        assert torch.equal(found, expected)
        assert torch.equal(torch.autograd.grad(found, leaf)[0], torch.autograd.grad(expected, plain)[0])
