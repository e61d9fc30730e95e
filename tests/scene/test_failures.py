"""What goes wrong while a scene runs is named: too many contacts, a solver that stops early, a deep start, divergence."""

import math

import pytest
import torch

import genesis as gs
from tests.scene.robots import ARM

RADIUS = 0.1


LOADED = """<mujoco model="egg"><worldbody><body name="egg" pos="0 0 0.0999"><freejoint/>
  <inertial pos="0.03 0.02 0.01" mass="1" diaginertia="0.002 0.001 0.0015"/><geom size="0.1"/></body></worldbody></mujoco>"""


def egg(n_envs: int = 0, **options):
    """A ball with its mass on one side, sliding on a plane."""
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco", friction_cone="elliptic", **options))
    scene.add_entity(gs.morphs.Plane())
    body = scene.add_entity(gs.morphs.MJCF(file=LOADED))
    scene.build(n_envs=n_envs)
    body.set_dofs_velocity([0.3, 0.1, -0.2, 3.0, -2.0, 1.0])
    return scene, body


def balls(count: int = 1, n_envs: int = 0, height: float = RADIUS, substeps: int = 1, **options):
    """A built scene of balls side by side over a plane, and the balls."""
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.005, substeps=substeps, requires_grad=True),
        rigid_options=gs.options.RigidOptions(contact="mujoco", **options),
    )
    scene.add_entity(gs.morphs.Plane(), name="floor")
    made = [scene.add_entity(gs.morphs.Sphere(radius=RADIUS, pos=(k, 0, height)), name=f"ball_{k}") for k in range(count)]
    scene.build(n_envs=n_envs)
    return scene, made


@pytest.fixture(autouse=True)
def _started(engine):
    """Every test here needs the engine."""


def test_too_many_contacts_in_a_step():
    scene, bodies = balls(3, height=1.0, max_contacts=2)
    for body in bodies:
        body.set_pos([body.idx, 0, RADIUS - 1e-3])
    before = bodies[0].get_pos()
    said = r"environment 0 has 3 contacts at step 1 \(t = 0.005 s\) and room for 2; give max_contacts=4"
    with pytest.raises(gs.ContactOverflowError, match=said):
        scene.step()
    assert scene.t == 0 and torch.equal(bodies[0].get_pos(), before)
    bodies[0].set_pos([0, 0, 1])
    scene.step()
    assert scene.get_solver_report()["contacts"] == 2


@pytest.mark.parametrize("substeps", [1, 3])
def test_too_many_contacts_in_a_rollout(substeps):
    scene, (first, second) = balls(2, n_envs=3, height=1.0, max_contacts=1, substeps=substeps)
    scene.step()
    falls = 0.5 * 9.81 * 0.1**2
    for body in (first, second):
        body.set_pos([[body.idx, 0, 1.0], [body.idx, 0, RADIUS + falls], [body.idx, 0, 1.0]])
    with pytest.raises(gs.ContactOverflowError, match="environment 1 has 2 contacts") as caught:
        scene.rollout(torch.zeros(40, 12, dtype=gs.tc_float))
    assert (caught.value.env, caught.value.needed, caught.value.room) == (1, 2, 1)
    assert abs(caught.value.step - 1 - 20) <= 1  # 0.1 s after the first step
    scene.rollout(torch.zeros(3, 12, dtype=gs.tc_float), qpos=scene.rigid_solver.qpos0)  # the next launch begins anew


def test_a_solver_that_stops_early_warns_once(caplog):
    caplog.set_level("WARNING", logger="genesis")
    scene, body = egg(iterations=1)
    scene.step()
    (record,) = caplog.records
    assert "did not converge in environment 0 at step 1 (t = 0.01 s; 1 such solves): after 1 iterations" in record.getMessage()
    assert "raise iterations" in record.getMessage()
    report = scene.get_solver_report()
    assert report["iterations"] == 1 and report["residual"] > 1e-6
    scene.reset()
    body.set_dofs_velocity([0.3, 0.1, -0.2, 3.0, -2.0, 1.0])
    scene.step()
    assert len(caplog.records) == 1


def test_a_solver_that_converges_reports_it(caplog):
    caplog.set_level("WARNING", logger="genesis")
    scene, _ = egg(n_envs=2)
    scene.step()
    report = scene.get_solver_report()
    assert report["contacts"].tolist() == [1, 1] and (report["iterations"] > 1).all() and (report["residual"] < 1e-4).all()
    assert not caplog.records


def test_a_deep_start_is_named(caplog):
    caplog.set_level("WARNING", logger="genesis")
    scene, _ = balls(height=0.6 * RADIUS)
    scene.step()
    scene.reset()
    scene.step()
    (record,) = caplog.records
    assert (
        'of "floor" and ' in record.getMessage()
        and 'of "ball_0" start 0.04 m inside each other in environment 0' in record.getMessage()
    )


def test_divergence_keeps_the_trajectory_before():
    scene, (ball,) = balls(n_envs=2)
    calm, wild = torch.zeros(2, 6, dtype=gs.tc_float), torch.zeros(2, 6, dtype=gs.tc_float)
    wild[1, 3] = 1e300 if gs.tc_float is torch.float64 else 1e38
    controls = torch.stack([calm] * 4 + [wild] * 3)
    with pytest.raises(gs.DivergenceError, match='"ball_0/.*" is not finite in environment 1 at step') as caught:
        scene.rollout(controls)
    error = caught.value
    assert error.env == 1 and error.step >= 5 and error.quantity.split()[0] in ("acceleration", "velocity", "position")
    kept = error.trajectory
    assert kept.qpos.shape == (error.step, 2, 7) and kept.qacc.shape[0] == error.step - 1
    assert torch.isfinite(kept.qpos).all() and torch.isfinite(kept.qvel).all() and torch.isfinite(kept.qacc).all()
    with torch.no_grad():
        whole = scene.rollout(controls[:4], qpos=scene.rigid_solver.qpos0, qvel=torch.zeros(2, 6, dtype=gs.tc_float))
    assert torch.equal(kept.qpos[:5], whole.qpos)


def test_dry_friction_that_is_given_later_acts():
    def swing(loss):
        scene = gs.Scene(rigid_options=gs.options.RigidOptions(enable_joint_limit=False))
        scene.add_entity(gs.morphs.MJCF(file=ARM))
        scene.build()
        rest = {} if loss is None else {"params": {"dof_frictionloss": loss}}
        return scene, scene.rollout(torch.zeros(30, 3), qvel=[0.5, 0.3, 0.0], **rest).qvel[-1].sceneless()

    scene, free = swing(None)
    assert scene.rigid_solver.physics.constraints is None
    scene, braked = swing(torch.tensor([1e3, 0.0, 0.0]))
    assert scene.rigid_solver.physics.constraints is not None
    assert abs(float(free[0])) > 0.1 and abs(float(braked[0])) < 0.01
    start = torch.zeros(3, dtype=gs.tc_float, requires_grad=True)
    scene, moving = swing(start)
    assert torch.allclose(moving, free, atol=1e-5)
    moving[0].backward()
    assert math.isfinite(start.grad[0]) and start.grad[0] < -0.1  # friction brakes: not the zero of a kernel without it


OVERFLOWING = """<mujoco model="stiff"><compiler angle="radian"/><worldbody><body name="bar">
  <joint name="swing" axis="0 1 0" range="0 1" limited="true" solreflimit="-1e308 -1e308"/>
  <geom name="tip" size="0.1" pos="0.3 0 0" contype="0" conaffinity="0"/></body></worldbody></mujoco>"""
SOFT = """<mujoco model="soft"><worldbody><body name="ball" pos="0 0 5"><freejoint/>
  <geom name="shell" size="0.1" solref="-1e308 -1e308"/></body></worldbody></mujoco>"""


@pytest.fixture
def numbers_without_bounds(monkeypatch):
    """Files whose numbers leave the range of floating point, which are refused when they are read."""
    monkeypatch.setattr("genesis.description.mjcf_budget.MOST_MASS", math.inf)


@pytest.mark.usefixtures("numbers_without_bounds")
@pytest.mark.parametrize("n_envs", [0, 3])
@pytest.mark.parametrize("way", ["step", "rollout"])
@pytest.mark.parametrize(
    ("xml", "qpos", "blamed"),
    [
        (OVERFLOWING, [-0.2], 'the limit of "stiff/swing"'),
        (SOFT, [0, 0, 0.09, 1, 0, 0, 0], 'the contact between geom "plane" of "floor" and geom "shell" of "soft"'),
    ],
)
def test_a_constraint_that_is_not_finite_is_named(xml, qpos, blamed, way, n_envs):
    """Its force would be dropped by comparisons, and the body pass through: environment, step and constraint are named instead."""
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.01),
        rigid_options=gs.options.RigidOptions(contact="mujoco", implicit_damping=False),
    )
    scene.add_entity(gs.morphs.Plane(pos=(0, 0, 0 if xml is SOFT else -9)), name="floor")
    scene.add_entity(gs.morphs.MJCF(file=xml), name="soft" if xml is SOFT else "stiff")
    scene.build(n_envs=n_envs)
    solver = scene.rigid_solver
    scene.step()
    still = solver.qpos0.clone()
    still[:, -len(qpos) :] = torch.tensor([0.5] if xml is OVERFLOWING else [0, 0, 5.0, 1, 0, 0, 0], dtype=gs.tc_float)
    still[-1] = torch.tensor(qpos, dtype=gs.tc_float)
    start = still if n_envs else still[0]
    step = 2 if way == "step" else 1
    with pytest.raises(gs.DivergenceError, match=f"in environment {max(n_envs - 1, 0)} at step {step} ") as caught:
        if way == "step":
            solver.put_state(still, torch.zeros_like(solver.qvel))
            scene.step()
        else:
            scene.rollout(torch.zeros(4, scene.rigid_solver.n_dofs, dtype=gs.tc_float), qpos=start)
    assert f"because of {blamed}; try a smaller dt" in str(caught.value)
    assert (caught.value.env, caught.value.step) == (max(n_envs - 1, 0), step)
    assert torch.isinf(scene.get_solver_report()["residual"].max())


@pytest.mark.usefixtures("numbers_without_bounds")
@pytest.mark.parametrize("n_envs", [0, 3])
def test_a_constraint_is_named_by_a_look_long_after(n_envs):
    """As on a device that is looked at now and then: the steps after, from a state that is not finite, blame nothing and forget nothing."""
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(contact="mujoco", implicit_damping=False))
    scene.add_entity(gs.morphs.MJCF(file=OVERFLOWING), name="stiff")
    scene.build(n_envs=n_envs)
    solver, env = scene.rigid_solver, max(n_envs - 1, 0)
    solver._check_every = 4
    still = torch.full_like(solver.qpos, 0.5)
    still[-1] = -0.2
    solver.put_state(still, torch.zeros_like(solver.qvel))
    for _ in range(3):
        scene.step()
    with pytest.raises(gs.DivergenceError, match=f'in environment {env} .* because of the limit of "stiff/swing"; mend'):
        scene.step()
    status, physics, zero = solver.physics.launches(solver.rows).status, solver.physics, torch.zeros_like(solver.qvel)
    assert status.fault(env) == 'the limit of "stiff/swing"'
    lost = physics.rollout(solver.theta(), torch.full_like(still, 0.5), torch.full_like(zero, math.inf), zero[None])[1]
    assert not torch.isfinite(lost[-1]).any() and status.fault(env) is not None
    physics.rollout(solver.theta(), torch.full_like(still, 0.5), zero, zero[None])
    assert status.fault(env) is None  # another motion


def test_a_step_that_failed_can_be_taken_again_with_its_external_forces():
    found = []
    for fails in (True, False):
        scene, bodies = balls(3, height=1.0, max_contacts=2)
        if fails:
            for body in bodies:
                body.set_pos([body.idx, 0, RADIUS - 1e-3])
        scene.rigid_solver.apply_links_external_force([[3.0, 0.0, 0.0]], links_idx=[bodies[0].base_link.idx])
        if fails:
            with pytest.raises(gs.ContactOverflowError):
                scene.step()
            for body in bodies:
                body.set_pos([body.idx, 0, 1.0])
        speeds = []
        for _ in range(2):
            scene.step()
            speeds.append(float(bodies[0].get_dofs_velocity()[0]))
        found.append(speeds)
    assert found[0] == found[1] and found[0][0] == found[0][1] == pytest.approx(
        3.0 * 0.005 / float(bodies[0].get_mass()), rel=1e-6
    )


def test_an_external_force_that_is_not_finite_is_dropped_once_it_is_named():
    scene, (ball,) = balls(height=1.0)
    link = ball.base_link.idx
    scene.rigid_solver.apply_links_external_force([[math.nan, 0.0, 0.0]], links_idx=[link])
    with pytest.raises(gs.InputError, match="external force of "):
        scene.step()
    scene.rigid_solver.apply_links_external_force([[3.0, 0.0, 0.0]], links_idx=[link])
    scene.step()
    assert float(ball.get_dofs_velocity()[0]) == pytest.approx(3.0 * 0.005 / float(ball.get_mass()), rel=1e-6)


def test_steps_of_a_rollout_count_from_its_start():
    scene, _ = balls(height=1.0)
    calm = torch.zeros(5, 6, dtype=gs.tc_float)
    scene.rollout(calm)
    wild = calm.clone()
    wild[2, 3] = 1e300 if gs.tc_float is torch.float64 else 1e38
    with pytest.raises(gs.DivergenceError) as caught:
        scene.rollout(wild)
    assert 3 <= caught.value.step <= 5
    assert f"at step {caught.value.step} (t = {caught.value.step * 0.005:g} s)" in str(caught.value)
    assert caught.value.trajectory.qpos.shape[0] == caught.value.step


@pytest.mark.parametrize("n_envs", [0, 3])
def test_a_loss_without_a_finite_gradient_is_named(n_envs):
    """The root of zero: its gradient is infinite, and NaN a step later."""
    scene, _ = balls(n_envs=n_envs, height=1.0)
    env = max(n_envs - 1, 0)
    controls = torch.zeros(4, *([n_envs] if n_envs else []), 6, dtype=gs.tc_float, requires_grad=True)
    made = scene.rollout(controls)
    x = made.qpos[2, env, 0] if n_envs else made.qpos[2, 0]
    said = f'gradient that reaches qpos of "ball_0/.*" from the loss is not finite in environment {env} at step 2 '
    with pytest.raises(gs.DivergenceError, match=said) as caught:
        torch.sqrt(x).backward()
    assert (caught.value.env, caught.value.step, caught.value.quantity) == (env, 2, "gradient of qpos")
    scene.step()
    ball = scene.entities[1]
    force = torch.zeros(*([n_envs] if n_envs else []), 6, dtype=gs.tc_float, requires_grad=True)
    ball.control_dofs_force(force)
    scene.step()
    y = ball.get_dofs_velocity()[env, 1] if n_envs else ball.get_dofs_velocity()[1]
    with pytest.raises(gs.DivergenceError, match=f"from the loss is not finite in environment {env} at step 6 "):
        torch.sqrt(y).backward()
    assert force.grad is None


UNSTABLE = """<mujoco model="spring"><worldbody><body name="mass"><joint name="pull" type="slide" axis="1 0 0" stiffness="1e5"/>
  <inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize("n_envs", [0, 2])
def test_a_gradient_that_overflows_is_named(n_envs):
    """A spring that explicit steps cannot follow, at rest: the motion is zero, the gradient grows a thousandfold a step."""
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.1, gravity=(0, 0, 0)))
    scene.add_entity(gs.morphs.MJCF(file=UNSTABLE))
    scene.build(n_envs=n_envs)
    controls = torch.zeros(150, *([n_envs] if n_envs else []), 1, dtype=gs.tc_float, requires_grad=True)
    made = scene.rollout(controls)
    assert (made.qpos == 0).all()
    said = 'the gradient in controls of "spring/pull" is not finite in environment [01] at step .* though the motion is'
    with pytest.raises(gs.DivergenceError, match=said) as caught:
        made.qpos[-1].sum().backward()
    assert caught.value.envs == tuple(range(max(n_envs, 1))) and caught.value.batch == max(n_envs, 1)
    least = 308 / 3.0 if gs.tc_float is torch.float64 else 38 / 3.0  # steps that it takes to overflow
    assert abs(150 - caught.value.step - least) < 3
    assert controls.grad is None


@pytest.mark.parametrize("n_envs", [0, 3])
def test_a_loss_of_link_states_without_a_finite_gradient_is_named(n_envs):
    """The length of a vector that is zero."""
    scene, _ = balls(n_envs=n_envs, height=1.0)
    env = max(n_envs - 1, 0)
    made = scene.rollout(torch.zeros(4, *([n_envs] if n_envs else []), 6, dtype=gs.tc_float, requires_grad=True))
    place = made.links_pos[3, env, 1] if n_envs else made.links_pos[3, 1]
    said = f"gradient that reaches the poses of links from the loss is not finite in environment {env} at state 3;"
    with pytest.raises(gs.DivergenceError, match=said):
        torch.sqrt((place - place.detach()).square().sum()).backward()


def test_all_environments_whose_gradient_is_not_finite_are_told():
    scene, _ = balls(n_envs=4, height=1.0)
    made = scene.rollout(torch.zeros(4, 4, 6, dtype=gs.tc_float, requires_grad=True))
    for values in (made.qvel[:, :, 0], made.links_pos[:, :, 1, 0]):
        with pytest.raises(gs.DivergenceError, match="environment 3 ") as caught:
            (torch.sqrt(values[2, 3]) + torch.sqrt(values[1, 1])).backward()
        assert (caught.value.env, caught.value.envs, caught.value.batch) == (3, (1, 3), 4)


def test_all_environments_whose_parameters_have_no_finite_gradient_are_told():
    """Springs at rest that explicit steps cannot follow: a stiffness of zero in the second keeps its gradient finite."""
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.1, gravity=(0, 0, 0)))
    spring = scene.add_entity(gs.morphs.MJCF(file=UNSTABLE))
    scene.build(n_envs=3)
    spring.set_dofs_stiffness([[1e5], [0.0], [1e5]])
    controls = torch.zeros(150, 3, 1, dtype=gs.tc_float, requires_grad=True)
    with pytest.raises(gs.DivergenceError, match="environment [02] ") as caught:
        scene.rollout(controls).qpos[-1].sum().backward()
    assert caught.value.envs == (0, 2)


def test_an_external_force_that_is_not_finite_is_named():
    scene, (ball,) = balls(height=1.0)
    with pytest.raises(
        gs.InputError, match='external force of "sphere" is nan in environment 0 at step 1; allowed: finite numbers'
    ):
        scene.rigid_solver.apply_links_external_force(torch.tensor([[math.nan, 0.0, 0.0]], dtype=gs.tc_float), links_idx=[1])
        scene.step()
