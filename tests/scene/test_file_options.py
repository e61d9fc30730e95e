"""What files ask of the simulation: followed where the user has not chosen, and named in one line where it is not."""

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.grad.tensor import plain

PENDULUM = """<mujoco>{option}<worldbody><body name="arm"><joint axis="0 1 0" damping="0.3"/>
  <geom size="0.1" pos="0 0 -1" contype="0" conaffinity="0"/></body></worldbody></mujoco>"""
CRATES = """<mujoco>{option}<worldbody><geom type="plane" size="0 0 1"/><body pos="0 0 0.1"><freejoint/>
  <geom type="sphere" size="0.1"/></body></worldbody></mujoco>"""
MOON = '<option gravity="0.3 0 -1.62" integrator="RK4" timestep="0.004"/>'
ORDER = " Options of the scene come before files, and defaults where files disagree."


def built(*options: str, text: str = PENDULUM, sim=None, rigid=None):
    """A scene of one file for each of the options."""
    scene = gs.Scene(sim_options=gs.options.SimOptions(**sim or {}), rigid_options=gs.options.RigidOptions(**rigid or {}))
    for k, option in enumerate(options):
        scene.add_entity(gs.morphs.MJCF(file=text.format(option=option), pos=(k, 0, 0)), name=f"robot{k}")
    scene.build()
    return scene


def line(caplog) -> tuple[str, str] | None:
    """(level, what the scene said about files), without the frame of the sentence; None if nothing."""
    found = [r for r in caplog.records if r.getMessage().startswith("settings of the scene: ")]
    caplog.clear()
    assert len(found) <= 1
    text = found[0].getMessage().removeprefix("settings of the scene: ").removesuffix(f".{ORDER}") if found else ""
    return (found[0].levelname, text) if found else None


@pytest.fixture(autouse=True)
def _listen(engine, caplog):
    caplog.set_level("INFO", logger="genesis")


def test_a_file_alone_is_simulated_as_mujoco_does(engine):
    scene, model = built(MOON), mujoco.MjModel.from_xml_string(PENDULUM.format(option=MOON))
    assert scene.dt == 0.004 and plain(scene.get_gravity()).tolist() == [0.3, 0.0, -1.62]
    data, robot = mujoco.MjData(model), scene.entities[0]
    data.qpos[0] = 0.7
    robot.set_qpos([0.7])
    for _ in range(100):
        scene.step()
        mujoco.mj_step(model, data)
    np.testing.assert_allclose(plain(robot.get_qpos()).numpy(), data.qpos, rtol=0, atol=1e-13)
    assert scene.get_time() == pytest.approx(data.time)


def test_a_time_step_taken_over_is_said(caplog):
    assert built(MOON).entities[0].name == "robot0"
    assert line(caplog) == (
        "WARNING", 'of the file of "robot0" it follows timestep 0.004, gravity 0.3 0 -1.62, integrator RK4'
    )  # fmt: skip
    built('<option gravity="0 0 -1.62"/>')
    assert line(caplog) == ("INFO", 'of the file of "robot0" it follows gravity 0 0 -1.62')


def test_the_scene_comes_before_the_file(caplog):
    scene = built(MOON, sim=dict(dt=0.01, gravity=(0, 0, -9.81)), rigid=dict(integrator="Euler"))
    assert (scene.dt, scene.rigid_solver.physics.dt) == (0.01, 0.01)
    assert plain(scene.get_gravity()).tolist() == [0.0, 0.0, -9.81]
    assert line(caplog) == (
        "INFO",
        'of the file of "robot0" it does not follow timestep 0.004 (here 0.01), gravity 0.3 0 -1.62 (here 0 0 -9.81), '
        "integrator RK4 (here Euler)",
    )
    assert built(MOON, rigid=dict(dt=0.02, gravity=(0, 0, 1))).dt == 0.02


def test_what_agrees_or_is_not_stated_needs_no_word(caplog):
    scene = built("", '<option timestep="0.01" gravity="0 0 -9.81" integrator="Euler" cone="elliptic" iterations="7"/>')
    assert (scene.dt, line(caplog)) == (0.01, None)  # a cone and a solver, but nothing touches


def test_files_that_disagree_leave_the_defaults(caplog):
    scene = built('<option timestep="0.002" gravity="0 0 0"/>', '<option timestep="0.004" gravity="0 0 0"/>', "")
    assert (scene.dt, plain(scene.get_gravity()).tolist()) == (0.01, [0.0, 0.0, 0.0])
    said = 'of the file of "{}" it follows gravity 0 0 0 and does not follow timestep {} (here 0.01)'
    assert line(caplog) == ("WARNING", f"{said.format('robot0', 0.002)}; {said.format('robot1', 0.004)}")


def test_what_is_not_simulated_is_named(caplog):
    built('<option density="1.2" integrator="discrete" noslip_iterations="2"/>')
    assert line(caplog) == (
        "WARNING",
        'of the file of "robot0" it does not follow integrator discrete (here Euler), fluid forces (density 1.2, viscosity 0), '
        "noslip iterations (2)",
    )


def test_cones_and_the_solver(caplog):
    said = 'of the file of "robot0" it does not follow '
    scene = built('<option iterations="7" tolerance="1e-9" impratio="3" cone="elliptic"/>', text=CRATES)
    assert (scene.rigid_solver.model.constraints.impratio, scene.rigid_solver.model.constraints.iterations) == (3.0, 100)
    assert line(caplog) == ("INFO", f"{said}tolerance 1e-09 (here what the precision allows), iterations 7 (here 100)")
    built('<option cone="pyramidal"/>', text=CRATES)
    assert line(caplog) == ("WARNING", f"{said}cone pyramidal (here elliptic)")  # the smooth law
    built('<option cone="pyramidal"/>', text=CRATES, rigid=dict(contact="mujoco"))
    assert line(caplog) is None
    built('<option cone="pyramidal"/>', text=CRATES, rigid=dict(friction_cone="elliptic"))
    assert line(caplog) == ("INFO", f"{said}cone pyramidal (here elliptic)")


def test_damping_is_explicit_where_a_file_says_so(caplog):
    explicit = '<option><flag eulerdamp="disable"/></option>'
    assert built("").rigid_solver.physics.damping_dt == 0.01
    assert built(explicit).rigid_solver.physics.damping_dt == 0.0
    assert line(caplog) == ("INFO", 'of the file of "robot0" it follows implicit damping off')
    assert built(explicit, '<option><flag eulerdamp="enable"/></option>').rigid_solver.physics.damping_dt == 0.01
    assert line(caplog) == ("WARNING", 'of the file of "robot0" it does not follow implicit damping off (here on)')
    assert built(explicit, rigid=dict(implicit_damping=True)).rigid_solver.physics.damping_dt == 0.01
    assert line(caplog) == ("INFO", 'of the file of "robot0" it does not follow implicit damping off (here on)')
    built(explicit, rigid=dict(integrator="RK4"))
    assert line(caplog) is None  # Runge-Kutta has no implicit damping


@pytest.mark.parametrize("name", ["implicitfast", "implicit"])
def test_implicit_integrators_are_followed_unless_explicit_damping_is_asked_for(name, caplog):
    text = f'<option integrator="{name}"/>'
    assert built(text).rigid_solver.physics.integrator == name
    assert line(caplog) == ("INFO", f'of the file of "robot0" it follows integrator {name}')
    assert built(text, rigid=dict(implicit_damping=False)).rigid_solver.physics.integrator == "Euler"
    assert line(caplog) == ("WARNING", f'of the file of "robot0" it does not follow integrator {name} (here Euler)')


@pytest.mark.parametrize("flag", ['contact="enable"', 'eulerdamp="disable"', 'damper="disable"'])
@pytest.mark.parametrize("damping", [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 2, 0.5)], ids=str)
def test_flags_and_kinds_of_damping_are_those_of_mujoco(flag, damping):
    """One step against dampers of the joint, of the actuator, and a servo's gain: the last is never implicit in Euler."""
    motor = '<position joint="hinge" kp="5" gear="1.5" damping="{}" kv="{}"/>'.format(*damping[1:])
    text = f"""<mujoco><option timestep="0.01" gravity="0 0 0"><flag {flag}/></option><worldbody><body>
      <joint name="hinge" damping="{damping[0]}"/><geom size="0.1" mass="1" pos="0.3 0 0"/></body></worldbody>
      <actuator>{motor}</actuator></mujoco>"""
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    data.qvel[:], data.ctrl[:] = 1.0, 1.0
    mujoco.mj_step(model, data)
    ones = torch.ones(1, 1, dtype=torch.float64)
    moved = built("", text=text).rollout(0.0 * ones, qpos=[0.0], qvel=[1.0], act_ctrl=ones)
    assert moved.qvel[-1].item() == pytest.approx(data.qvel[0], rel=1e-13)


def test_what_a_file_switches_off_stays_off_and_that_is_said(caplog):
    off = '<option><flag contact="disable" limit="disable"/></option>'
    scene = built(off, text=CRATES, rigid=dict(enable_collision=True, enable_joint_limit=True))
    assert scene.rigid_solver.model.sizes["ncand"] == 0
    said = (
        'of the file of "robot0" it has no limits, which the file switches off and has no contacts, which the file switches off'
    )
    assert line(caplog) == ("INFO", said)
    built(off, text=CRATES)
    assert line(caplog) is None


def test_before_build_the_time_step_is_that_of_the_entities_so_far():
    scene = gs.Scene()
    assert scene.dt == 0.01
    scene.add_entity(gs.morphs.MJCF(file=PENDULUM.format(option=MOON)))
    assert scene.dt == 0.004
    scene.add_entity(gs.morphs.MJCF(file=PENDULUM.format(option='<option timestep="0.001"/>')))
    assert scene.dt == 0.01
