"""Each thing that is wrong with a log, or missing in a model, is named from the balance of forces; what is right is not."""

from copy import deepcopy

import numpy as np
import pytest

from genesis.observations import Recording
from genesis.sysid.cause import NO_BALANCE, UNKNOWN, likeliest_cause
from genesis.sysid.force_balance import ForceBalance, SmoothedMotion
from tests.sysid.problems import ARM, PARAMETERS, joint_problem, recorded, whole

pytestmark = pytest.mark.usefixtures("engine")
STEPS, SIZE, HANGING = 300, 2.0, (np.pi, 0.0)


def log(**truth: object) -> Recording:
    return recorded(ARM, truth=truth, noise=1e-4, steps=STEPS, size=SIZE, start=HANGING)


def changed(angle: object = 1.0, torque: object = 1.0, late: float = 0.0) -> Recording:
    """The right log with factors on angles and torques, and with torques that are stamped later."""
    made = deepcopy(log())
    for name in ("angle", "speed"):
        made.channels[name].values = made.channels[name].values * angle
    made.inputs["torque"].values, made.inputs["torque"].time = (
        made.inputs["torque"].values * torque,
        made.inputs["torque"].time + late,
    )
    return made


def problem(recording: Recording):
    return joint_problem(ARM, PARAMETERS, [recording])


def cause(recording: Recording) -> str:
    return likeliest_cause(problem(recording), None)


def test_a_right_log_balances() -> None:
    asked = problem(log())
    assert ForceBalance(SmoothedMotion(asked), asked.z0).forces.unbalanced() < 0.02
    assert likeliest_cause(asked, None) == UNKNOWN


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (lambda: changed(torque=-1.0), ("torque of shoulder seems to have the opposite sign", "torque of elbow seems", "torque.scale: -1")),
        (lambda: changed(torque=np.array([1.0, -1.0])), ("the torque of elbow seems to have the opposite sign",)),
        (lambda: changed(torque=1e3), ("torque of shoulder seems to be in another unit (mNm?)", "torque of elbow")),
        (lambda: changed(angle=180.0 / np.pi), ("angles of shoulder, elbow seem to be degrees",)),
        (lambda: changed(late=0.1), ("on another clock: 0.1 s earlier", "observation.inputs.torque.delay: -0.1")),
        (lambda: changed(late=-0.1), ("on another clock: 0.1 s later", "observation.inputs.torque.delay: 0.1")),
        (lambda: log(gravity=[0.0, 0.0, -3.0]), ("gravity seems to be [", ", -2.9", "not [0, 0, -9.81]")),
        (lambda: log(dof_damping=whole(ARM, "dof_damping", shoulder=2.0, elbow=1.0)), ("friction seems to be missing at shoulder", "elbow")),
        (lambda: log(link_mass=whole(ARM, "link_mass", lower=3.0)), ("lower seems to be", "kg heavier")),
        (lambda: log(dof_armature=whole(ARM, "dof_armature", shoulder=1.0, elbow=1.0)), ("inertia seems to be missing at shoulder", "elbow")),
    ],
    ids=["sign", "one sign", "unit", "degrees", "late", "early", "gravity", "friction", "payload", "rotor"],
)  # fmt: skip
def test_what_is_wrong_is_named(recording, words) -> None:
    said = cause(recording())
    assert all(word in said for word in words), said
    assert "shoulder" not in said or words[0].startswith(("torque of shoulder", "angles of", "friction", "inertia")), said


def test_clocks_apart() -> None:
    assert cause(changed(late=17.5)) == (
        "run: input torque is recorded from 17.5 to 20.5 s, the motion from 0 to 3 s: two clocks (observation.inputs.torque.time)"
    )
    assert "two clocks" in cause(changed(late=-1.6)) and "two clocks" not in cause(changed(late=1.4))


def test_where_forces_cannot_be_told() -> None:
    asked = joint_problem(ARM, PARAMETERS, [log()])
    asked.channels = {"speed": asked.channels["speed"]}
    assert likeliest_cause(asked, None) == NO_BALANCE
