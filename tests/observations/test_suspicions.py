"""Wrong units are suspected and said."""

import numpy as np
import pytest

from genesis.observations import Dataset, Recording, Series, suspicions
from genesis.observations.spec import channel_spec, input_spec, settle
from tests.settings import setting_of

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


def test_degrees_for_radians() -> None:
    text = told(setting_of("panda"), {"q": np.degrees(ANGLE)}, {"q": node("joint_position", "panda_joint1")})
    assert text == [
        "observation.channels.q: panda_joint1 goes from -45.84 to 45.84 rad, its limits are -2.897 and 2.897 rad; "
        "are the values degrees? (unit: deg)"
    ]
    text = told(setting_of("double_pendulum"), {"q": np.degrees(ANGLE)}, {"q": node("joint_position", "elbow")})
    assert text == ["observation.channels.q: elbow goes from -45.84 to 45.84 rad; are the values degrees? (unit: deg)"]
    assert told(setting_of("double_pendulum"), {"q": 30 * ANGLE}, {"q": node("joint_position", "elbow", periodic=True)}) == []


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
