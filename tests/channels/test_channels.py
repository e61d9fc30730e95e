"""What each channel says, against MuJoCo's sensors and closed forms."""

from math import cos, pi, sin

import mujoco
import numpy as np
import pytest
import torch

from genesis.channels import CHANNELS, make_channel
from genesis.channels.kinds import CHANNEL_KINDS
from genesis.errors import InputError
from genesis.observations.spec import channel_spec, settle
from genesis.scene.morphs import MJCF
from genesis.scene.options import SimOptions
from genesis.scene.scene import Scene
from genesis_cli.paths import config_dir
from tests.channels.sampling import made, moving, random_state, still
from tests.settings import numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")
LINK, SITE_POS, SITE_QUAT = "panda_link5", [0.03, -0.02, 0.1], [0.7, 0.1, -0.5, 0.2]


def test_every_kind_has_its_class_and_numbers() -> None:
    assert set(CHANNELS) == set(CHANNEL_KINDS)
    setting = setting_of("double_pendulum")
    for kind, made_by in CHANNELS.items():
        about = CHANNEL_KINDS[kind]
        names = ["shoulder", "elbow"] if about.of == "joint" else ["upper", "lower"]
        options = {"matrix": [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], "origin": [0.0, 0.0]} if kind == "camera" else {}
        channel = made_by(setting, "x", names, **options)
        sample = still(setting, 0.3, 0.2)
        predicted = channel.predict(sample)
        assert channel.kind == kind and predicted.shape == (1, channel.width) == (1, len(channel.labels))
        assert channel.residual(predicted, predicted).shape == (1, channel.residual_width)
        assert (channel.width, channel.residual_width) == (2 * about.width, 2 * about.residual_width)
        if channel.selection is not None:
            state = torch.cat([sample.qpos, sample.qvel], -1)
            assert torch.equal(state[:, channel.selection], predicted)


@pytest.fixture(scope="module")
def panda():
    """The arm in MuJoCo with sensors on a site that is turned and away from its link."""
    spec = mujoco.MjSpec.from_file(str(config_dir() / "robots" / "panda" / "panda.urdf"))
    spec.compiler.fusestatic = False
    sensor, site, body = mujoco.mjtSensor, mujoco.mjtObj.mjOBJ_SITE, spec.body(LINK)
    quat = np.array(SITE_QUAT) / np.linalg.norm(SITE_QUAT)
    body.add_site(name="sensor", pos=SITE_POS, quat=quat)
    body.add_site(name="origin")
    for name, kind, place in (
        ("accelerometer", sensor.mjSENS_ACCELEROMETER, "sensor"), ("gyro", sensor.mjSENS_GYRO, "sensor"),
        ("marker", sensor.mjSENS_FRAMEPOS, "sensor"), ("link_position", sensor.mjSENS_FRAMEPOS, "origin"),
        ("link_orientation", sensor.mjSENS_FRAMEQUAT, "origin"), ("link_velocity", sensor.mjSENS_FRAMELINVEL, "origin"),
        ("link_angular_velocity", sensor.mjSENS_FRAMEANGVEL, "origin"),
    ):  # fmt: skip
        spec.add_sensor(name=name, type=kind, objtype=site, objname=place)
    model = spec.compile()
    return model, mujoco.MjData(model)


KINDS = ("accelerometer", "gyro", "marker", "link_position", "link_orientation", "link_velocity", "link_angular_velocity")


@pytest.mark.parametrize("kind", KINDS)
def test_sensors_of_mujoco(panda, kind: str) -> None:
    """Ten states with the accelerations that MuJoCo finds; the channel takes its difference over 4 us."""
    model, data = panda
    setting = setting_of("panda")
    state = random_state(setting, 10)
    expected, accelerations = [], []
    for q, v, u in zip(state["qpos"], state["qvel"], state["dof_ctrl"], strict=True):
        data.qpos[:], data.qvel[:], data.qfrc_applied[:] = q, v, u
        mujoco.mj_forward(model, data)
        expected.append(data.sensor(kind).data.copy())
        accelerations.append(data.qacc.copy())
    options = {"accelerometer": {"local_pos": SITE_POS, "local_quat": SITE_QUAT}, "gyro": {"local_quat": SITE_QUAT}}
    channel = made(setting, kind, [LINK], **{**options, "marker": {"local_pos": SITE_POS}}.get(kind, {}))
    sample = moving(setting, state["qpos"], state["qvel"], torch.as_tensor(np.array(accelerations)), half=2e-6)
    error = channel.residual(channel.predict(sample), torch.as_tensor(np.array(expected)))
    assert error.abs().max() < (1e-5 if kind == "accelerometer" else 1e-9)
    assert np.abs(expected).max() > 0.1


def test_an_accelerometer_at_rest_feels_the_ground() -> None:
    setting = setting_of("double_pendulum")
    channel = made(setting, "accelerometer", ["upper"])
    assert channel.uses_acceleration and channel.labels == ["upper.x", "upper.y", "upper.z"]
    value = channel.predict(still(setting, 0.3, 0.0))[0]
    assert torch.allclose(value, 9.81 * numbers(-sin(0.3), 0.0, cos(0.3)), atol=1e-12)
    physics = setting.scene.rigid_solver.physics
    heavy = physics.pack({"gravity": numbers(0.0, 0.0, -20.0)})
    q = numbers([0.3, 0.0])
    value = channel.predict(moving(setting, q, 0 * q, 0 * q, theta=heavy))[0]
    assert torch.allclose(value, 20.0 * numbers(-sin(0.3), 0.0, cos(0.3)), atol=1e-12)
    both = torch.stack([physics.pack(), heavy])  # parameters of their own in each row
    value = channel.predict(moving(setting, q.expand(2, -1), 0 * q.expand(2, -1), 0 * q.expand(2, -1), theta=both))
    assert torch.allclose(value[:, 2], cos(0.3) * numbers(9.81, 20.0), atol=1e-12)


def test_blocks_of_instants_give_the_rows_one_by_one() -> None:
    setting = setting_of("panda")
    state = random_state(setting, 150)
    channel = made(setting, "link_position", [LINK, "panda_link7"])
    sample = moving(setting, state["qpos"], state["qvel"], state["qacc"])
    each = [channel.predict(moving(setting, *(state[k][i : i + 1] for k in ("qpos", "qvel", "qacc")))) for i in (0, 63, 64, 149)]
    assert torch.allclose(channel.predict(sample)[[0, 63, 64, 149]], torch.cat(each), atol=1e-14)


def test_joints() -> None:
    setting = setting_of("cartpole")
    sample = still(setting, 0.1, 0.2, qvel=[0.3, 0.4])
    position, velocity = made(setting, "joint_position", ["hinge", "slider"]), made(setting, "joint_velocity", ["hinge"])
    assert position.predict(sample).tolist() == [[0.2, 0.1]] and position.selection == [1, 0]
    assert velocity.predict(sample).tolist() == [[0.4]] and velocity.selection == [3]
    assert (position.unit, velocity.unit) == ("rad | m", "rad/s")
    assert made(setting, "joint_position", ["slider"]).unit == "m"
    assert position.residual(numbers([7.0, 7.0]), numbers([0.5, 0.5])).tolist() == [[6.5, 6.5]]


def test_periodic_angles_differ_by_less_than_half_a_turn() -> None:
    channel = made(setting_of("cartpole"), "joint_position", ["slider", "hinge"], periodic=True)
    residual = channel.residual(numbers([7.0, 0.1 + 4 * pi], [0.0, -3.0]), numbers([0.5, 0.3], [0.0, 3.0]))
    assert torch.allclose(residual, numbers([6.5, -0.2], [0.0, 2 * pi - 6.0]), atol=1e-12)
    assert torch.isnan(channel.residual(numbers([1.0, 1.0]), numbers([1.0, float("nan")]))).tolist() == [[False, True]]


def test_velocities_in_the_axes_of_the_link() -> None:
    """Both rods turn at 2 rad/s about y: the elbow moves at 1 m/s along the x axis of the upper rod."""
    setting = setting_of("double_pendulum")
    sample = still(setting, 0.7, 0.0, qvel=[2.0, 0.0])
    world = made(setting, "link_velocity", ["lower"]).predict(sample)
    assert torch.allclose(world, numbers([cos(0.7), 0.0, -sin(0.7)]), atol=1e-12)
    assert torch.allclose(
        made(setting, "link_velocity", ["lower"], axes="frame").predict(sample), numbers([1.0, 0, 0]), atol=1e-12
    )
    turn = made(setting, "link_angular_velocity", ["tip"], axes="frame").predict(sample)
    assert torch.allclose(turn, numbers([0.0, 2.0, 0.0]), atol=1e-12)


def test_orientations_differ_by_the_turn_between_them() -> None:
    channel = made(setting_of("double_pendulum"), "link_orientation", ["upper"])
    measured = numbers([cos(0.2), 0.0, sin(0.2), 0.0])  # 0.4 rad about y
    predicted = channel.predict(still(setting_of("double_pendulum"), 0.5, 0.0))
    for sign in (1.0, -1.0):  # of the same orientation
        assert torch.allclose(channel.residual(sign * predicted, measured), numbers([0.0, 2 * sin(0.05), 0.0]), atol=1e-12)


def test_markers_on_sites_and_by_name() -> None:
    setting = setting_of("double_pendulum")
    sample = still(setting, pi / 2, 0.0)  # lies along x
    marker = made(setting, "marker", ["tip", "lower"], local_pos={"tip": [0.0, 0.0, 0.1], "lower": [0.2, 0.0, 0.0]})
    assert torch.allclose(marker.predict(sample), numbers([1.1, 0.0, 0.0, 0.5, 0.0, -0.2]), atol=1e-12)
    marker = made(
        setting, "marker", ["m1", "m2"], frames={"m1": "lower", "m2": "lower"}, local_pos={"m1": [0, 0, 0], "m2": [0, 1, 0]}
    )
    assert torch.allclose(marker.predict(sample), numbers([0.5, 0.0, 0.0, 0.5, 1.0, 0.0]), atol=1e-12)


def test_a_camera_is_an_affine_map() -> None:
    setting = setting_of("double_pendulum")
    camera = made(setting, "camera", ["tip"], matrix=[[100.0, 0.0, 0.0], [0.0, 3.0, -100.0]], origin=[320.0, 240.0])
    pixels = camera.predict(still(setting, pi / 6, 0.0))
    assert torch.allclose(pixels, numbers([320.0 + 50.0, 240.0 - 100.0 * cos(pi / 6)]), atol=1e-10)
    assert camera.labels == ["tip.u", "tip.v"] and camera.unit == "px"


def test_torques_of_joint_controllers() -> None:
    setting = setting_of("panda")
    state = random_state(setting, 4)
    bound = setting.scene.rigid_solver.physics.defaults["dof_force_hi"]
    theta = setting.scene.rigid_solver.physics.pack({"dof_kp": numbers(*range(7)), "dof_kv": 0.1 * numbers(*range(7))})
    command = 100.0 * state["dof_ctrl"]
    sample = moving(setting, state["qpos"], state["qvel"], state["qacc"], theta=theta, dof_ctrl=command)
    channel = made(setting, "joint_torque", ["panda_joint4", "panda_joint1"])
    free = command - numbers(*range(7)) * (state["qpos"] + 0.1 * state["qvel"])
    expected = torch.minimum(torch.maximum(free, -bound), bound)
    assert torch.allclose(channel.predict(sample), expected[:, [3, 0]], atol=1e-12)
    assert bool((expected != free).any()) and bool((expected == free).any())


ACTUATED = """
<mujoco>
  <worldbody>
    <body><joint name="a" axis="0 1 0" actuatorfrcrange="-3 3"/><geom size="0.1" mass="1" contype="0" conaffinity="0"/>
      <body pos="0.3 0 0"><joint name="b" axis="0 0 1"/><geom size="0.1" mass="1" contype="0" conaffinity="0"/></body></body>
  </worldbody>
  <tendon><fixed name="both"><joint joint="a" coef="0.5"/><joint joint="b" coef="-2"/></fixed></tendon>
  <actuator>
    <motor name="m" joint="a" gear="2" ctrlrange="-1 1" ctrllimited="true"/>
    <position name="p" joint="b" kp="5" kv="0.3" forcerange="-2 2"/>
    <motor name="t" tendon="both" gear="1.5"/>
  </actuator>
</mujoco>
"""


def test_torques_of_actuators_are_those_of_mujoco(tmp_path) -> None:
    from dataclasses import replace

    path = tmp_path / "actuated.xml"
    path.write_text(ACTUATED)
    scene = Scene(sim_options=SimOptions(dt=0.01, requires_grad=False))
    entity = scene.add_entity(MJCF(file=str(path)), name="arm")
    scene.build()
    setting = replace(setting_of("double_pendulum"), scene=scene, robot=entity, entities={"arm": entity})
    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    state, random, expected = random_state(setting, 12), np.random.default_rng(0), []
    control = 2.0 * random.standard_normal((12, 3))
    for q, v, u in zip(state["qpos"], state["qvel"], control, strict=True):
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, v, u
        mujoco.mj_forward(model, data)
        expected.append(data.qfrc_actuator.copy())
    theta = scene.rigid_solver.physics.pack({"dof_kp": numbers(0.0, 0.0), "dof_kv": numbers(0.0, 0.0)})
    sample = moving(setting, state["qpos"], state["qvel"], state["qacc"], theta=theta, act_ctrl=torch.as_tensor(control))
    predicted = made(setting, "joint_torque", ["a", "b"]).predict(sample)
    assert np.allclose(predicted, expected, atol=1e-12) and np.abs(expected)[:, 0].max() == 3.0


@pytest.mark.parametrize(
    ("kind", "names", "options", "message"),
    [
        ("joint_position", ["elbwo"], {}, r'test.columns: unknown joint "elbwo"; known: elbow, shoulder\.'),
        ("joint_velocity", ["elbow"], {"entity": "arm"}, r'test.entity: unknown entity "arm"; known: double_pendulum\.'),
        ("marker", ["tpi"], {}, r'test.columns: unknown link or site "tpi"; known: tip, '),
        ("marker", ["m1"], {"frames": {"m1": "lowre"}}, r'test.frames: unknown link or site "lowre"; known: lower, '),
        ("marker", ["tip"], {"frames": {"m1": "lower"}}, r'test.frames: unknown name "m1"; known: tip\.'),
        ("marker", ["tip"], {"local_pos": {"top": [0, 0, 0]}}, r'test.local_pos: nothing is given for "tip"; given: top\.'),
        ("marker", ["tip"], {"local_pos": 0.3}, r"test.local_pos: 0.3; allowed: a list of 3 numbers, or a mapping"),
        ("gyro", ["tip"], {"local_quat": [0, 0, 0, 0]}, r"test.local_quat: the quaternion is zero"),
        ("contact_force", ["tip"], {}, r'test.columns: unknown link "tip"; known: .*upper'),
        ("contact_force", ["upper"], {"axes": "body"}, r'test.axes: unknown axes "body"; known: frame, world\.'),
        (
            "camera",
            ["tip"],
            {"matrix": [[1, 0, 0]], "origin": [0, 0]},
            r"test.matrix: \[\[1, 0, 0\]\]; allowed: two rows of three",
        ),
    ],
)
def test_wrong_names_and_options(kind: str, names: list[str], options: dict, message: str) -> None:
    with pytest.raises(InputError, match=f"observation.channels.{message}"):
        made(setting_of("double_pendulum"), kind, names, **options)


def test_a_free_joint_has_no_position_of_one_number() -> None:
    setting = setting_of("ball")
    name = next(joint.name for joint in setting.robot.joints if joint.n_dofs == 6)
    with pytest.raises(
        InputError, match="turns in space; allowed: hinges, slides and screws. Measure its link with link_position"
    ):
        made(setting, "joint_position", [name])


def test_channels_of_a_data_set() -> None:
    spec = channel_spec("arm", {"kind": "joint_position", "columns": {"elbow": "q"}, "periodic": True})
    settle(spec, [], "made")
    channel = make_channel(setting_of("double_pendulum"), spec.where, spec.kind, spec.names, spec.options)
    assert channel.labels == ["elbow"] and channel.selection == [1]
