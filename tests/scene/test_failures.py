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
