"""What an experiment would measure by any channel, and how that changes with any unknown."""

import math

import pytest
import torch

from genesis.channels import CHANNELS, Sample
from genesis.runners.gradcheck import gradcheck
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.setting import Setting
from tests.settings import setting_of
from tests.tasks.configured import ONLY, SHORT, configured, experiment

pytestmark = pytest.mark.usefixtures("engine")

IMU = {"local_pos": [0.02, 0.0, 0.1], "local_quat": [0.8, 0.0, 0.6, 0.0]}
MEASURED = {
    "joint_position": {"periodic": True},
    "joint_velocity": {},
    "joint_torque": {},
    "link_position": {"names": ["lower", "tip"]},
    "link_orientation": {"names": ["lower"]},
    "link_velocity": {"names": ["tip"], "axes": "frame"},
    "link_angular_velocity": {"names": ["lower"], "axes": "frame"},
    "accelerometer": {"names": ["lower"], **IMU},
    "gyro": {"names": ["lower"], "local_quat": IMU["local_quat"]},
    "contact_force": {"names": ["lower"]},
    "marker": {"frames": {"m1": "lower"}, "local_pos": {"m1": [0.0, 0.05, 0.3]}},
    "camera": {"names": ["tip"], "matrix": [[300.0, 0.0, 0.0], [0.0, 0.0, -300.0]], "origin": [320.0, 240.0]},
}


@pytest.mark.parametrize("kind", CHANNELS)
def test_every_channel_of_recordings_can_be_planned(kind: str) -> None:
    """Shown without a shift: what the channel predicts of the trajectory itself, in every environment; residuals of a shift are small."""
    setting = setting_of("double_pendulum", horizon=12, qpos=[2.0, 0.5], control="position")
    channels = {"it": {"kind": kind, "sigma": 0.1, **MEASURED[kind]}, "angle": {"kind": "joint_position", "sigma": 1e-3}}
    goal, view = experiment(
        setting, push={"every": 3, "noise": 3.0}, unknowns={"mass": {"kind": "mass"}}, channels=channels, rate=50.0
    )
    (planned, _), model = goal.channels, goal.sensitivity
    shown = model.measure(view, torch.zeros(3, 2, dtype=torch.float64))[0]
    solver, at = setting.scene.rigid_solver, list(range(0, 12 if planned.channel.uses_acceleration else 13, 2))
    step = [min(k, 11) for k in at]
    state = [
        (view.qpos[[k + d for k in which]], view.qvel[[k + d for k in which]]) for which, d in ((at, 0), (step, 0), (step, 1))
    ]
    kp = solver.parameters.value("dof_kp")[0]
    sample = Sample(
        solver.physics, view.trajectory._theta, setting.dt, *state[0], state[1], state[2], view.qacc[step], kp * view.controls[step]
    )  # fmt: skip
    expected = planned.channel.predict(sample)
    assert shown.shape == (len(at), 3, planned.channel.width)
    assert torch.allclose(shown, expected[:, None].expand(-1, 3, -1), rtol=1e-10, atol=1e-10)
    moved = model.jacobian(view)[: len(at) * planned.channel.residual_width]
    assert bool(torch.isfinite(moved).all()) and bool((moved.abs().max() > 1e-3) == (kind != "contact_force"))


@pytest.mark.parametrize(
    "channel",
    [
        "{kind: accelerometer, names: [lower], local_pos: [0.02, 0.0, 0.1], sigma: 0.05}",
        "{kind: link_orientation, names: [lower], sigma: 0.01}",
        "{kind: marker, names: [tip], sigma: 0.001}",
    ],
)
@pytest.mark.parametrize(
    "unknown",
    ["{kind: inertia, names: [lower], scale: [1, 0.1, 0.1, 0.1, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02], prior: [null, 0.5]}", ""],
)
def test_gradient_of_what_other_sensors_tell(channel: str, unknown: str) -> None:
    more = (
        f"+task.unknowns.body={unknown}",
        "task.unknowns.mass=null",
        "task.unknowns.centre=null",
        "task.unknowns.inertia=null",
    )
    _, task = configured(
        *SHORT, *ONLY, "task.horizon=100", "task.difference=1e-2", f"+task.channels.more={channel}", *(more if unknown else ())
    )
    for check in gradcheck(task).directions:  # differences of differences are noisy
        assert check.verdict in ("exact", "noise") and check.error < 5e-6


def test_contact_forces_are_told_by_the_motion_that_makes_them() -> None:
    """A ball on a floor: what a shift-free measurement shows is the force that the trajectory has."""
    options = RigidOptions(contact="mujoco")
    scene = Scene(sim_options=SimOptions(dt=0.005, requires_grad=False), rigid_options=options)
    floor = scene.add_entity(morphs.Plane(), name="floor")
    ball = scene.add_entity(morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 0.099)), name="ball")
    scene.build()
    qpos = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone()
    setting = Setting(
        scene=scene, robot=ball, entities={"floor": floor, "ball": ball}, tool=None, horizon=20, dt=0.005, control="force",
        start_qpos=qpos, start_qvel=torch.zeros(6, dtype=torch.float64), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    link = ball.links[0].name
    goal, view = experiment(
        setting, push={"noise": 2.0, "joints": ["root_joint"]}, unknowns={"mass": {"kind": "mass", "names": [link]}}, rest_tolerance=None,
        channels={"force": {"kind": "contact_force", "names": [link], "sigma": 0.1}},
    )  # fmt: skip
    shown = goal.sensitivity.measure(view, torch.zeros(2, 1, dtype=torch.float64))[0]
    expected = torch.as_tensor(view.trajectory.links_contact_force)[:, ball.links[0].idx]
    assert float(expected[:, 2].max()) > 10.0
    assert torch.allclose(shown, expected[:, None].expand(-1, 2, -1), rtol=1e-9, atol=1e-9)


def test_numbers_of_an_inertia_are_told_as_those_of_its_parts() -> None:
    """Free numbers of a log-Cholesky factor, turned into mass, centre and inertia: the standard deviations are those of the rows themselves."""
    setting = setting_of("double_pendulum", horizon=60, qpos=[math.pi, 0.0])
    body = [setting.described[name][1].reshape(-1) for name in ("link_mass", "link_com", "link_inertia")]
    size = [float(body[0]), 0.1, 0.1, 0.1, *([float(body[2][:3].max())] * 6)]
    common = {"names": ["lower"], "prior": [None, 0.3]}
    rows = {
        "mass": {"kind": "mass", **common},
        "com": {"kind": "centre_of_mass", "scale": size[1:4], **common},
        "inertia": {"kind": "field", "field": "link_inertia", "scale": size[4:], **common},
    }
    found = []
    for unknowns in (rows, {"body": {"kind": "inertia", "scale": size, **common}}):
        setting = setting_of("double_pendulum", horizon=60, qpos=[math.pi, 0.0])  # with its own random numbers: the same push
        goal, view = experiment(
            setting, push={"every": 10, "noise": 3.0}, unknowns=unknowns, difference=1e-5,
            channels={"angle": {"kind": "joint_position", "sigma": 1e-3}},
        )  # fmt: skip
        found.append(goal.sensitivity.jacobian(view))
    assert goal.unknowns.to_unit is not None and goal.unknowns.names[:2] == ["body/lower.mass", "body/lower.com.x"]
    assert float((found[0] - found[1]).abs().max()) < 1e-5 * float(found[0].abs().max())


def test_the_bias_of_a_sensor_costs_information_unless_it_is_known() -> None:
    bias = "+task.unknowns.zero={{kind: sensor_bias, channel: torque, scale: 1.0, prior: {}}}"
    overrides = ((), (bias.format("null"),), (bias.format("[null,1e-9]"),))
    before, free, known = (configured(*SHORT, *more)[1].goal.start.std[:6] for more in overrides)
    assert bool((free > 1.001 * before).any()) and bool((free > before * (1 - 1e-9)).all())
    assert torch.allclose(known, before, rtol=1e-6)
