"""Linearised steps of a scene: shapes, kinds of control, parameters, trajectories, regulators, and what is wrong with a call."""

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_are

import genesis as gs
from tests.scene.conftest import make
from tests.scene.robots import ARM, FLOATING
from tests.settings import built, numbers

EXACT = 1e-9
STATE = ([0.3, -0.4, 0.02], [0.5, -1.0, 0.2])  # of the arm
KINDS = ("force", "position", "velocity")


def plain(x) -> torch.Tensor:
    return x.sceneless() if isinstance(x, gs.Tensor) else x


@pytest.fixture(scope="module")
def arm():
    return make(ARM)[0]


@pytest.fixture(scope="module")
def arms():
    return make(ARM, n_envs=3)[0]


def jacobians(scene, kind: str, act_ctrl=None, **params) -> dict[str, torch.Tensor]:
    """By reverse mode through `step_state`, which for scalar joints is in tangents."""
    start = {"state": torch.cat([numbers(*x) for x in STATE]), "controls": numbers(0.2, -0.1, 0.01)}
    start |= {name: value.clone() for name, value in params.items()}
    if act_ctrl is not None:
        start["act_ctrl"] = act_ctrl

    def step(*values: torch.Tensor) -> torch.Tensor:
        x = dict(zip(start, values, strict=True))
        given = {name: x[name] for name in params}
        made = scene.step_state(
            x["state"][:3], x["state"][3:], x["controls"], kind=kind, act_ctrl=x.get("act_ctrl"), params=given
        )
        return torch.cat([plain(part) for part in made], -1)

    found = torch.autograd.functional.jacobian(step, tuple(start.values()))
    return dict(zip(start, found, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_step_state(arm, kind: str) -> None:
    """To states, to controls of every kind, of actuators too, and to parameters as a user gives them, gains included."""
    names = ("link_mass", "dof_kp", "dof_kv", "dof_damping", "gravity")
    params = {name: plain(value).detach() for name, value in arm.physical_parameters().items() if name in names}
    act_ctrl = numbers(0.3, -0.2)
    expected = jacobians(arm, kind, act_ctrl, **params)
    found = arm.linearize(*STATE, [0.2, -0.1, 0.01], kind=kind, act_ctrl=act_ctrl, wanted=names)
    assert torch.allclose(plain(found.state), expected["state"], atol=EXACT)
    assert torch.allclose(plain(found.controls), expected["controls"], atol=EXACT)
    assert torch.allclose(plain(found.act_ctrl), expected["act_ctrl"], atol=EXACT) and found.act_ctrl.abs().max() > 1e-3
    for name in names:
        assert torch.allclose(plain(found.parameters[name]), expected[name], atol=EXACT), name
    assert bool(found.parameters["dof_kp"].abs().max() > 1e-6) is (kind == "position")


def test_axes_of_time_and_of_environments(arm, arms) -> None:
    """Every shape that may be left out; the environments differ in their masses."""
    one = arm.linearize(*STATE)
    assert one.state.shape == (6, 6) and one.controls.shape == (6, 3) and one.act_ctrl is None and one.parameters == {}
    q = numbers(STATE[0]).repeat(4, 1) + 0.1 * torch.arange(4, dtype=torch.float64)[:, None]
    many = arm.linearize(q, STATE[1])
    assert many.state.shape == (4, 6, 6) and torch.equal(many.state[0], one.state)
    assert torch.equal(many.state[2], arm.linearize(q[2], STATE[1]).state)
    mass = plain(arms.physical_parameters()["link_mass"]) * torch.tensor([[1.0], [1.1], [1.3]], dtype=torch.float64)
    made = arms.linearize(
        q[:, None].expand(4, 3, 3), STATE[1], torch.zeros(3, 3), params={"link_mass": mass}, wanted=["link_mass"]
    )
    assert made.state.shape == (4, 3, 6, 6) and made.parameters["link_mass"].shape == (4, 3, 6, mass.shape[-1])
    for env in range(3):
        alone = arm.linearize(q[3], STATE[1], params={"link_mass": mass[env]}, wanted=["link_mass"])
        assert torch.allclose(plain(made.state[3, env]), plain(alone.state), atol=1e-13)
        assert torch.allclose(plain(made.parameters["link_mass"][3, env]), plain(alone.parameters["link_mass"]), atol=1e-13)


def test_along_a_trajectory(arm, arms) -> None:
    for scene, axes in ((arm, ()), (arms, (3,))):
        controls = 0.3 * torch.rand(7, *axes, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        run = scene.rollout(controls, kind="position", qpos=STATE[0], qvel=STATE[1])
        expected = scene.linearize(run.qpos[:-1], run.qvel[:-1], controls, kind="position", wanted=["dof_kp"])
        found = run.linearization(["dof_kp"])
        assert found.state.shape == (7, *axes, 6, 6)
        for a, b in ((found.state, expected.state), (found.controls, expected.controls), (found.parameters, expected.parameters)):
            a, b = (x["dof_kp"] if isinstance(x, dict) else x for x in (a, b))
            assert torch.allclose(plain(a), plain(b), atol=1e-12)


def test_a_trajectory_that_was_put_together_is_linearised_at_its_states(arm) -> None:
    """Its accelerations are not those of its states, whose velocities somebody has changed."""
    q, v = numbers(STATE[0]).repeat(3, 1), numbers(STATE[1]).repeat(3, 1)
    v[1] += 1.0
    made = arm.trajectory(q, v, torch.zeros(2, 3))
    assert torch.allclose(plain(made.linearization().state), plain(arm.linearize(q[:-1], v[:-1]).state), atol=1e-13)


def test_balls_and_free_joints_move_in_tangents() -> None:
    scene = make(FLOATING)[0]
    q = plain(scene.rigid_solver.qpos0[0]).clone()
    made = scene.linearize(q, torch.zeros(scene.rigid_solver.n_dofs))
    nv = scene.rigid_solver.n_dofs
    assert made.state.shape == (2 * nv, 2 * nv) and len(q) == nv + 2
    assert torch.allclose(plain(made.state)[:3, :3], torch.eye(3, dtype=torch.float64), atol=1e-12)
    scaled = q.clone()
    scaled[3:7] *= 2.0
    assert torch.allclose(plain(scene.linearize(scaled, torch.zeros(nv)).state), plain(made.state), atol=1e-12)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda s: s.linearize([0.0] * 2, [0.0] * 3),
            r"scene.linearize: qpos has shape \(2,\); allowed: \(3,\) or \(T, 3\), T at least 1",
        ),
        (lambda s: s.linearize(torch.zeros(0, 3), [0.0] * 3), "T at least 1"),
        (
            lambda s: s.linearize(torch.zeros(4, 3), torch.zeros(2, 3)),
            "qpos has 4 states, qvel has 2 states; allowed: the same number",
        ),
        (lambda s: s.linearize([0.0, float("nan"), 0.0], [0.0] * 3), "qpos: nan at .*index 1"),
        (lambda s: s.linearize(torch.zeros(4, 3), [0.0] * 3, [0.0, 0.0, float("inf")]), "state 0: controls is inf"),
        (lambda s: s.linearize(*STATE, kind="torque"), 'unknown kind "torque"'),
        (lambda s: s.linearize(*STATE, wanted=["link_mas"]), 'wanted: unknown parameter "link_mas"'),
        (lambda s: s.linearize(*STATE, wanted=["jnt_axis"]), 'no derivative is implemented for parameter "jnt_axis"'),
        (
            lambda s: s.lqr(*STATE, None, Q=torch.ones(5), R=1.0),
            r"scene.lqr: Q has shape \(5,\); allowed: a number, \(6,\) or \(6, 6\)",
        ),
        (lambda s: s.lqr(*STATE, None, Q=-1.0, R=1.0), "Q: allowed: a symmetric matrix .* positive semidefinite"),
        (lambda s: s.lqr(*STATE, None, Q=1.0, R=[1.0, 0.0, 1.0]), "R: allowed: .* positive definite"),
        (lambda s: s.lqr(*STATE, None, Q=1.0, R=1.0, dofs=[]), "dofs is empty"),
        (lambda s: s.lqr(*STATE, None, Q=1.0, R=1.0, dofs=[3]), "dofs: index 3; allowed: 0 to 2"),
    ],
)
def test_what_is_wrong_is_named(arm, call, message: str) -> None:
    with pytest.raises(gs.errors.InputError, match=message):
        call(arm)


def test_a_regulator_holds_the_pole_up() -> None:
    """The gains are those of SciPy for A, B, and the pole comes back from an angle of 0.3 rad."""
    scene = built("cartpole")[0]
    up, rest = [0.0, 0.0], [0.0, 0.0]
    K = scene.lqr(up, rest, None, Q=[1.0, 1.0, 0.1, 0.1], R=0.01, dofs=[0])
    made = scene.linearize(up, rest)
    a, b = plain(made.state).numpy(), plain(made.controls)[:, :1].numpy()
    cost = solve_discrete_are(a, b, np.diag([1.0, 1.0, 0.1, 0.1]), np.array([[0.01]]))
    assert K.shape == (1, 4) and np.allclose(K, np.linalg.solve(0.01 + b.T @ cost @ b, b.T @ cost @ a), rtol=1e-9)
    q, v = numbers(0.0, 0.3), numbers(0.0, 0.0)
    for _ in range(600):
        u = torch.stack([-(plain(K)[0] @ torch.cat([q, v])), q.new_zeros(())])
        q, v = (plain(x) for x in scene.step_state(q, v, u))
    assert torch.cat([q, v]).abs().max() < 1e-3


def test_gains_of_several_environments() -> None:
    scenes = built("cartpole", 2)[0], built("cartpole")[0]
    found, alone = (plain(s.lqr([0.0, 0.0], [0.0, 0.0], None, Q=1.0, R=0.1, dofs=[0])) for s in scenes)
    assert found.shape == (2, 1, 4) and torch.allclose(found, alone.expand(2, 1, 4), rtol=1e-9)


def test_a_state_that_does_not_stay_is_told(caplog) -> None:
    caplog.set_level("WARNING", logger="genesis")
    scene = built("cartpole")[0]
    scene.lqr([0.0, 0.0], [0.0, 0.0], None, Q=1.0, R=0.1, dofs=[0])
    assert caplog.text == ""
    scene.lqr([0.0, 0.3], [0.0, 0.0], None, Q=1.0, R=0.1, dofs=[0])
    assert 'is no equilibrium: in one step the velocity of "cartpole/' in caplog.text


def test_what_no_control_reaches_is_named() -> None:
    """A ball falls beside the cart."""
    options = gs.options.RigidOptions(enable_collision=False, enable_joint_limit=False)
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01, gravity=(0.0, 0.0, 0.0)), rigid_options=options)
    scene.add_entity(gs.morphs.MJCF(file=ARM), name="arm")
    scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(1.0, 0.0, 1.0)), name="ball")
    scene.build()
    q, v = plain(scene.rigid_solver.qpos0[0]), torch.zeros(9)
    with pytest.raises(gs.errors.InputError, match='cannot stabilise the state: the .* of "ball/.*" moves by itself'):
        scene.lqr(q, v, None, Q=1.0, R=1.0, dofs=[0, 1, 2])
