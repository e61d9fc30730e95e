"""Keys of a robot that set its joints: armature, damping, frictionloss, kp, kv; and what "*" drives."""

import mujoco
import pytest
import torch

from genesis.errors import InputError, UnknownNameError
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

LEGGED = """<mujoco><compiler angle="radian"/><worldbody><body name="trunk" pos="0 0 1"><freejoint name="root"/>
  <inertial pos="0 0 0" mass="3" diaginertia="0.02 0.03 0.04"/>
  <body name="thigh"><joint name="hip" type="ball" damping="0.1"/><inertial pos="0 0 -0.2" mass="0.5" diaginertia="0.004 0.004 0.001"/>
    <body name="shank" pos="0 0 -0.4"><joint name="knee" axis="0 1 0" damping="0.2" armature="0.01"/>
      <inertial pos="0 0 -0.2" mass="0.3" diaginertia="0.002 0.002 0.0005"/>
      <body name="foot" pos="0 0 -0.4"><joint name="spring" type="slide" axis="0 0 1" frictionloss="0.7"/>
        <inertial pos="0 0 -0.05" mass="0.1" diaginertia="0.001 0.001 0.001"/></body></body></body></body></worldbody></mujoco>"""


@pytest.fixture
def legged(tmp_path):
    """Overrides that make a robot with a free base, a ball, a hinge and a slide."""
    file = tmp_path / "legged.xml"
    file.write_text(LEGGED)
    overrides = ("task=throw", "robots=walker", f"robot.file={file}", "robot.name=legged", "robot.tool=foot")
    return (
        *overrides,
        "parameters=torque_knots",
        "parameter.controls.init=zero",
        "parameter.controls.scale=1.0",
        "task.horizon=20",
    )


def values(task, getter: str) -> list[float]:
    return torch.as_tensor(getattr(task.setting.robot, getter)()).tolist()


def test_a_number_is_for_all_but_the_free_joint(legged) -> None:
    _, task = configured(
        *legged, "robot.armature=0.05", "robot.damping=0.3", "robot.frictionloss=0.2", "robot.kp=7", "robot.kv=2"
    )
    assert values(task, "get_dofs_armature") == [0.0] * 6 + [0.05] * 5
    assert values(task, "get_dofs_damping") == [0.0] * 6 + [0.3] * 5
    assert values(task, "get_dofs_frictionloss") == [0.0] * 6 + [0.2] * 5
    assert values(task, "get_dofs_kp") == [0.0] * 9 + [7.0] * 2 and values(task, "get_dofs_kv") == [0.0] * 6 + [2.0] * 5


def test_a_mapping_is_for_the_joints_it_names_and_its_last_pattern_wins(legged) -> None:
    _, task = configured(*legged, "robot.armature={*: 0.1, k*: 0.4}", "robot.damping={spring: 5}", "robot.kp={knee: 11}")
    assert values(task, "get_dofs_armature") == [0.0] * 6 + [0.1] * 3 + [0.4, 0.1]
    assert values(task, "get_dofs_damping") == [0.0] * 6 + [0.1] * 3 + [0.2, 5.0]
    assert values(task, "get_dofs_frictionloss") == [0.0] * 10 + [0.7]
    assert values(task, "get_dofs_kp")[9] == 11.0 and values(task, "get_dofs_kp")[10] == pytest.approx(2500.0 * 0.1 + 250.0)


def test_joints_are_those_of_a_file_that_says_so(legged) -> None:
    """Inertia that joints see, and with it limits and default gains, follow the key as they follow the file."""
    _, task = configured(*legged, "robot.armature={knee: 0.5}")
    model = mujoco.MjModel.from_xml_string(LEGGED.replace('armature="0.01"', 'armature="0.5"'))
    assert task.setting.scene.rigid_solver.model.parameters["dof_invweight"] == pytest.approx(model.dof_invweight0, rel=1e-9)
    assert values(task, "get_dofs_kp")[9] == pytest.approx(2500.0 * model.dof_M0[9], rel=1e-9)
    assert values(task, "get_dofs_kv")[6:] == pytest.approx((100.0 * model.dof_M0[6:]).tolist(), rel=1e-9)


def test_a_joint_is_of_the_type_that_is_asked_for(legged) -> None:
    _, task = configured(*legged, "robot.joints={knee: {type: screw, pitch: 0.02}}")
    joint = task.setting.robot.get_joint("knee")
    assert joint.type == "screw" and joint.kind.scalar and not joint.kind.periodic
    assert task.setting.scene.physical_parameters()["jnt_pitch"].tolist() == [0.0] * 5 + [0.02, 0.0]


def test_a_friction_law_stands_in_place_of_damping_and_dry_friction(legged) -> None:
    """Numbers that are left out begin as the file's friction: damping of the knee, dry friction of the slide."""
    _, task = configured(*legged, "robot.friction_law={knee: {law: stribeck, coulomb: 0.1, static: 0.3}, spring: {law: atan}}")
    rows = task.setting.scene.physical_parameters()["dof_frictionlaw"]
    assert rows[9].tolist() == pytest.approx([1.0, 0.1, 0.1, 0.2, 0.5, 0.05, 0.2, 0.2])
    assert rows[10].tolist() == pytest.approx([2.0, 0.7, 0.7, 0.0, 0.0, 0.05, 0.0, 0.0]) and not rows[:9].any()
    assert (
        values(task, "get_dofs_damping") == [0.0] * 6 + [0.1] * 3 + [0.0] * 2
        and values(task, "get_dofs_frictionloss") == [0.0] * 11
    )
    assert task.setting.scene.rigid_solver.physics.friction_laws


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("robot.friction_law={knee: 1}", "legged.friction_law.knee: 1 is not allowed; write a mapping, e.g. "),
        ("robot.friction_law=0.3", "legged.friction_law: 0.3 is not allowed; write a mapping of joint patterns"),
        ("robot.friction_law={knee: {law: dahl}}", 'legged.friction_law.knee.law: unknown friction law "dahl"; known: '),
        (
            "robot.friction_law={knee: {law: tanh, static: 1}}",
            'friction_law.knee: unknown number of the law tanh "static"; known: ',
        ),
        (
            "robot.friction_law={knee: {law: tanh, coulomb: -1}}",
            "friction_law.knee.coulomb: is -1; allowed: zero or a positive number",
        ),
        ("robot.friction_law={kne: {law: tanh}}", 'legged.friction_law.kne: unknown joint "kne"'),
        ("robot.joints={ankle: {type: screw, pitch: 1}}", 'joints: unknown joint "ankle"'),
        (
            "robot.joints={spring: {type: screw, pitch: 1}}",
            "joints.spring: is a slide in the file; a screw takes the place of a hinge",
        ),
        ("robot.armature=-1", "legged.armature: -1 is not allowed; allowed: a number, 0 or more"),
        ("robot.damping={knee: soft}", "legged.damping.knee: 'soft' is neither a number"),
        ("robot.frictionloss=[1,2]", r"legged.frictionloss: \[1, 2\] is not allowed; allowed: a number"),
        ("robot.kv={knee: .nan}", "legged.kv.knee"),
    ],
)
def test_wrong_values_are_named(legged, override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        configured(*legged, override)


def test_a_pattern_without_a_joint_is_named(legged) -> None:
    with pytest.raises(UnknownNameError, match='legged.armature.kne: unknown joint "kne"; known: knee'):
        configured(*legged, "robot.armature={kne: 1}")
    with pytest.raises(UnknownNameError, match='legged.damping.root: unknown joint "root"'):
        configured(*legged, "robot.damping={root: 1}")


def test_a_star_drives_what_motors_move(legged) -> None:
    _, task = configured(*legged, "+loss.effort={kind: control_effort, weight: 1.0}")
    assert task.parameters["controls"].dofs == list(range(6, 11)) and task.losses["effort"][1].dofs == list(range(6, 11))
    _, task = configured(*legged, "parameter.controls.joints=[root, knee]")
    assert task.parameters["controls"].dofs == [0, 1, 2, 3, 4, 5, 9]
    _, task = configured(*legged, "parameter.controls.joints=['r*', spring]")
    assert task.parameters["controls"].dofs == [10]


def test_a_body_without_motors_is_not_driven_by_a_star() -> None:
    words = (
        "task=throw",
        "parameters=torque_knots",
        "parameter.controls.init=zero",
        "parameter.controls.scale=1.0",
        "task.horizon=20",
    )
    with pytest.raises(
        InputError, match=r'"ball" has none there; its free joint is driven only where it is named: joints: \["root_joint"\]'
    ):
        configured(*words, "parameter.controls.joints=['*']")
    _, task = configured(*words, "parameter.controls.joints=[root_joint]")
    assert task.parameters["controls"].dofs == list(range(6))
