"""Wrong units are suspected and said."""

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.grad.rotation import from_rotation_vector
from genesis.observations import Dataset, Recording, Series, suspicions
from genesis.observations.spec import channel_spec, input_spec, settle
from tests.settings import setting_of
from tests.sysid.problems import setting_for

pytestmark = pytest.mark.usefixtures("engine")
TIME = np.linspace(0.0, 5.0, 1001)
ANGLE = 0.8 * np.sin(3.0 * TIME)
SPEED = 2.4 * np.cos(3.0 * TIME)


def told(setting, series: dict[str, np.ndarray], nodes: dict[str, dict], time=TIME, inputs=None) -> list[str]:
    specs = {name: channel_spec(name, node) for name, node in nodes.items()}
    driven = {name: input_spec(name, node) for name, node in (inputs or {}).items()}
    for spec in (*specs.values(), *driven.values()):
        settle(spec, [], "made")
    made = {name: Series(time, values[:, None], [name]) for name, values in series.items()}
    recording = Recording(
        "made", None, 0, "train", {k: made[k] for k in specs}, {k: made[k] for k in driven}, float(time[0]), float(time[-1])
    )
    return suspicions(setting, Dataset([recording], specs, driven))


def node(kind: str, joint: str, **more) -> dict:
    return {"kind": kind, "columns": {joint: "x"}, **more}


def test_good_data_is_not_suspected() -> None:
    nodes = {"q": node("joint_position", "panda_joint1"), "v": node("joint_velocity", "panda_joint1")}
    inputs = {"u": node("joint_force", "panda_joint1")}
    assert told(setting_of("panda"), {"q": ANGLE, "v": SPEED, "u": 10.0 * SPEED}, nodes, inputs=inputs) == []
    assert told(setting_of("panda"), {"q": np.degrees(ANGLE)}, {"q": node("joint_position", "panda_joint1", unit="deg")}) == []


def test_degrees_far_beyond_the_limits_are_refused_until_the_unit_is_named() -> None:
    nodes = {"q": node("joint_position", "panda_joint1")}
    with pytest.raises(InputError) as told_of:
        told(setting_of("panda"), {"q": np.degrees(ANGLE)}, nodes)
    assert str(told_of.value) == (
        "observation.channels.q: panda_joint1 goes from -45.84 to 45.84 rad, its limits are -2.897 and 2.897 rad, at up to 137 rad/s where "
        "2.17 rad/s are its limit; as degrees the values fit. Set unit: deg (or unit: rad, if they are radians)."
    )
    text = told(setting_of("panda"), {"q": np.degrees(ANGLE)}, {"q": node("joint_position", "panda_joint1", unit="rad")})
    assert text == [
        "observation.channels.q: panda_joint1 goes from -45.84 to 45.84 rad, its limits are -2.897 and 2.897 rad; "
        "are the values degrees? (unit: deg)"
    ]
    slow = {"q": 20.0 * np.sin(0.1 * TIME)}  # beyond the limits, but not far, and not too fast
    (line,) = told(setting_of("panda"), slow, nodes)
    assert line.endswith("its limits are -2.897 and 2.897 rad; are the values degrees? (unit: deg)")


def test_degrees_of_joints_with_wide_limits_or_none() -> None:
    text = told(setting_of("double_pendulum"), {"q": np.degrees(ANGLE)}, {"q": node("joint_position", "elbow")})
    assert text == ["observation.channels.q: elbow goes from -45.84 to 45.84 rad; are the values degrees? (unit: deg)"]
    assert told(setting_of("double_pendulum"), {"q": 30 * ANGLE}, {"q": node("joint_position", "elbow", periodic=True)}) == []
    text = told(setting_of("panda"), {"q": 2.5 * np.sin(4.0 * TIME)}, {"q": node("joint_position", "panda_joint1")})
    assert text == [
        "observation.channels.q: panda_joint1 goes from -2.5 to 2.5 rad at up to 10 rad/s, its limit is 2.17 rad/s; "
        "are the values degrees? (unit: deg)"
    ]
    steps = np.round(10.0 * np.sin(TIME) / (360.0 / 4096)) * (360.0 / 4096)
    text = told(setting_of("double_pendulum"), {"q": steps}, {"q": node("joint_position", "elbow")})
    assert text == [
        "observation.channels.q: elbow goes from -10.02 to 10.02 rad in steps of 0.087891, 360 / 4096; "
        "are the values degrees? (unit: deg)"
    ]
    of_a_turn = np.round(ANGLE / (2.0 * np.pi / 4096)) * (2.0 * np.pi / 4096)
    assert told(setting_of("double_pendulum"), {"q": of_a_turn}, {"q": node("joint_position", "elbow")}) == []


def test_speeds_beyond_the_limit_of_the_joint() -> None:
    text = told(setting_of("panda"), {"v": np.degrees(SPEED) * 0.5}, {"v": node("joint_velocity", "panda_joint1")})
    assert text == [
        "observation.channels.v: panda_joint1 moves at up to 68.75 rad/s, its limit is 2.175 rad/s; is the unit deg/s?"
    ]


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (180.0 / np.pi, "elbow is 57.3 times the derivative of its position; is the unit deg/s?"),
        (30.0 / np.pi, "elbow is 9.55 times the derivative of its position; is the unit rpm?"),
        (0.01, "elbow is 0.01 times the derivative of its position; are the units right?"),
        (-1.0, "elbow moves against the derivative of its position; is the sign right? (scale: -1)"),
    ],
)
def test_velocities_that_do_not_fit_the_positions(factor: float, said: str) -> None:
    nodes = {"q": node("joint_position", "elbow"), "v": node("joint_velocity", "elbow")}
    assert told(setting_of("double_pendulum"), {"q": ANGLE, "v": factor * SPEED}, nodes) == [f"observation.channels.v: {said}"]


@pytest.mark.parametrize(("correlation", "suspected"), [(-0.7, True), (-0.3, False)])
def test_a_noisy_velocity_is_of_the_wrong_sign_from_a_correlation_of_minus_a_half_on(correlation: float, suspected: bool) -> None:
    """Noise as strong as the motion does not hide a wrong sign; noise alone is none."""
    noise = np.random.default_rng(0).standard_normal(len(TIME))
    noise *= np.sqrt(np.mean(SPEED**2) / np.mean(noise**2))
    speed = correlation * SPEED + np.sqrt(1.0 - correlation**2) * noise
    nodes = {"q": node("joint_position", "elbow"), "v": node("joint_velocity", "elbow")}
    text = told(setting_of("double_pendulum"), {"q": ANGLE, "v": speed}, nodes)
    assert [("is the sign right" in line) for line in text] == [True] * suspected


def test_torques_a_thousand_times_off() -> None:
    nodes, inputs = {"q": node("joint_position", "panda_joint4")}, {"u": node("joint_force", "panda_joint4")}
    series = {"q": ANGLE - 1.5, "u": 30e3 * np.sin(TIME)}
    (text,) = told(setting_of("panda"), series, nodes, inputs=inputs)
    assert text.startswith("observation.inputs.u: panda_joint4: 2.18e+04 Nm rms, but the joint's limit is 87; is the unit right?")
    (text,) = told(setting_of("panda"), {**series, "u": 0.03 * np.sin(TIME)}, nodes, inputs=inputs)
    assert "panda_joint4: 0.0218 Nm rms, but the joint's limit is 87" in text


def test_torques_without_a_limit_are_compared_with_what_the_motion_takes() -> None:
    """Rods of 1 kg: the elbow needs about 0.1 kg m² · 9 /s² · 0.8 and the weight 2.45 Nm · sin 0.8."""
    nodes, inputs = {"q": node("joint_position", "elbow")}, {"u": node("joint_force", "elbow")}
    for scale, suspected in ((1.0, 0), (1000.0, 1), (1e-3, 1)):
        text = told(setting_of("double_pendulum"), {"q": ANGLE, "u": 3.0 * scale * ANGLE}, nodes, inputs=inputs)
        assert len(text) == suspected, text
    assert "but moving as measured takes about 1" in text[0] and text[0].endswith("is the unit right? (mNm or kNm)")


@pytest.mark.parametrize(
    ("factor", "said"),
    [(1e3, "made: 5 s between the samples of \"q\"; is the unit of time ms? (observation.time.unit)"),
     (1e6, "made: 5000 s between the samples of \"q\"; is the unit of time us? (observation.time.unit)"),
     (1e9, "made: 5e+06 s between the samples of \"q\"; is the unit of time ns? (observation.time.unit)"),
     (1e-3, "made: 5e-06 s between the samples of \"q\"; is the unit of time s? (observation.time.unit)")],
)  # fmt: skip
def test_steps_of_time(factor: float, said: str) -> None:
    assert told(setting_of("double_pendulum"), {"q": ANGLE}, {"q": node("joint_position", "elbow")}, TIME * factor) == [said]


def turning(time: np.ndarray, start: float = 0.0) -> np.ndarray:
    """Orientations (N, 4) of a body that turns about an axis, at 2 rad/s."""
    return from_rotation_vector(torch.as_tensor(start + 2.0 * time)[:, None] * torch.tensor([0.48, -0.6, 0.64]).double()).numpy()


def orders(
    setting, quats: np.ndarray, more: dict[str, np.ndarray], nodes: dict[str, dict], names=("a", "b", "c", "d")
) -> list[str]:
    """What is told of orientations of the first node's link, whose columns have these names."""
    ((name, link), *rest) = nodes.items()
    specs = {name: channel_spec(name, {"kind": "link_orientation", "columns": {link["link"]: list(names)}})}
    specs |= {key: channel_spec(key, content) for key, content in rest}
    for spec in specs.values():
        settle(spec, [], "made")
    series = {name: Series(TIME, quats, list(names))} | {key: Series(TIME, x, [key]) for key, x in more.items()}
    recording = Recording("made", None, 0, "train", series, {}, float(TIME[0]), float(TIME[-1]))
    return suspicions(setting, Dataset([recording], specs, {}))


def test_the_order_of_a_quaternion_is_judged_by_what_else_was_measured() -> None:
    ball = setting_for("sphere")
    spin = {"spin": {"kind": "link_angular_velocity", "columns": {"sphere": ["p", "q", "r"]}}}
    node_of = {"turn": {"link": "sphere"}}
    quats, speed = turning(TIME, 2.0), np.tile(2.0 * np.array([0.48, -0.6, 0.64]), (len(TIME), 1))
    assert orders(ball, quats, {"spin": speed}, node_of | spin) == []
    (text,) = orders(ball, np.roll(quats, -1, 1), {"spin": speed}, node_of | spin)
    assert text == (
        "observation.channels.turn: sphere: its turns are not those of the measured angular velocity, in the other order they are; "
        "is the order x, y, z, w? (columns: {sphere: [d, a, b, c]})"
    )
    still = turning(0.01 * TIME)
    assert orders(ball, still, {}, node_of) == []
    (text,) = orders(ball, np.roll(still, -1, 1), {}, node_of)
    assert "rad off the start of the scene, in the other order" in text


def test_the_order_of_a_quaternion_is_judged_by_the_joints_and_by_names() -> None:
    arm = setting_for("double_pendulum")
    angles = np.stack([0.5 * ANGLE, ANGLE], 1)
    joints = {"q": {"kind": "joint_position", "columns": {"shoulder": "x", "elbow": "y"}}}
    physics = arm.scene.rigid_solver.physics
    q = torch.as_tensor(angles)[:, None]
    link = next(link.idx for link in arm.robot.links if link.name == "lower")
    quats = physics.kinematics(physics.pack(), q, torch.zeros_like(q))[1][:, 0, link].detach().numpy()
    node_of = {"turn": {"link": "lower"}}
    assert orders(arm, quats, {"q": angles}, node_of | joints) == []
    (text,) = orders(arm, np.roll(quats, -1, 1), {"q": angles}, node_of | joints)
    assert "rad off that of the measured joints, in the other order" in text and "[d, a, b, c]" in text
    (text,) = orders(arm, quats, {"q": angles}, node_of | joints, ("qx", "qy", "qz", "qw"))
    assert text.endswith("their names say otherwise; is the order x, y, z, w? (columns: {lower: [qw, qx, qy, qz]})")
