"""Masses, lengths and friction laws in numbers."""

import numpy as np
import pytest
import torch

from genesis.description.inertia import box_inertia
from genesis.errors import InputError, UnknownNameError
from genesis.parameters import Inputs, make_parameter
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.setting import Setting
from tests.settings import numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")
BOXES = """<mujoco model="boxes"><compiler angle="radian"/><worldbody><body name="base" pos="0 0 1">
  <joint name="turn" axis="0 1 0" damping="0.2" frictionloss="0.3"/>
  <geom name="beam" type="box" pos="0.2 0 0.05" size="0.2 0.03 0.02" mass="2"/>
  <geom name="ball" type="sphere" pos="0.4 0 0" size="0.01" mass="0"/>
  <body name="tip" pos="0.4 0 0.1"><joint name="wrist" axis="0 0 1"/><geom name="rod" type="capsule" size="0.02 0.1" mass="0.3"/></body>
  </body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def boxes(engine) -> Setting:
    scene = Scene(sim_options=SimOptions(dt=0.01, requires_grad=False), rigid_options=RigidOptions(enable_self_collision=True))
    entity = scene.add_entity(morphs.MJCF(file=BOXES), name="boxes")
    scene.add_entity(morphs.Plane(), name="floor")
    scene.build()
    qpos = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone()
    return Setting(
        scene=scene, robot=entity, entities={"boxes": entity}, tool=None, horizon=1, dt=0.01, control="force", start_qpos=qpos,
        start_qvel=torch.zeros(2, dtype=torch.float64), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip


def put(setting: Setting, **spec) -> dict[str, torch.Tensor]:
    inputs = Inputs(described=setting.described)
    inputs.take("it", make_parameter(setting, "parameter.it", {"learn": False, **spec}))
    return inputs.physical


@pytest.mark.parametrize("kind", [{"kind": "mass"}, {"kind": "field", "field": "link_mass"}])
def test_the_inertia_grows_with_the_mass(kind: dict) -> None:
    setting = setting_of("double_pendulum")
    described = setting.described["link_inertia"]
    made = put(setting, **kind, names=["lower"], init=1.7)
    assert made["link_mass"].tolist() == [1.0, 1.7]
    assert torch.equal(made["link_inertia"][0], described[0]) and torch.allclose(
        made["link_inertia"][1], 1.7 * described[1], rtol=1e-15
    )
    assert set(put(setting, **kind, names=["lower"], init=1.7, inertia="keep")) == {"link_mass"}


def test_what_becomes_of_the_inertia_is_one_of_two_words() -> None:
    setting = setting_of("double_pendulum")
    with pytest.raises(InputError, match='parameter.it.inertia: "grow" is not allowed; allowed: scale, keep'):
        put(setting, kind="mass", inertia="grow")
    with pytest.raises(InputError, match="parameter.it.inertia: belongs to link_mass, and field is dof_damping"):
        put(setting, kind="field", field="dof_damping", inertia="keep")


def test_a_longer_beam(boxes: Setting) -> None:
    """Of twice the length: mass, centre, inertia and shape of such a box; what it carries stands twice as far along it."""
    made = put(boxes, kind="link_length", names=["base"], init=0.8, scales=["mass", "centre_of_mass", "inertia", "shape"])
    assert made["link_pos"][1].tolist() == pytest.approx([0.8, 0.0, 0.1]) and made["link_mass"].tolist()[:2] == pytest.approx(
        [4.0, 0.3]
    )
    assert made["link_com"][0].tolist() == pytest.approx([0.4, 0.0, 0.05])
    inertia = box_inertia(4.0, np.array([0.8, 0.06, 0.04]))
    assert made["link_inertia"][0].tolist() == pytest.approx([*inertia.diagonal(), 0.0, 0.0, 0.0], rel=1e-12, abs=1e-15)
    beam, ball, rod = 0, 1, 2
    assert made["geom_pos"][beam].tolist() == pytest.approx([0.4, 0.0, 0.05]) and made["geom_pos"][
        ball
    ].tolist() == pytest.approx([0.8, 0, 0])
    assert made["geom_size"][beam].tolist() == pytest.approx([0.4, 0.03, 0.02]) and made["geom_size"][ball][0] == 0.01
    assert torch.equal(made["geom_size"][rod], boxes.described["geom_size"][rod])
    alone = put(boxes, kind="link_length", names=["base"], init=0.8)
    assert set(alone) == {"link_pos"} and alone["link_pos"][1].tolist() == pytest.approx([0.8, 0.0, 0.1])


def test_a_length_along_another_axis_and_of_a_last_link(boxes: Setting) -> None:
    up = put(boxes, kind="link_length", names=["base"], axis="z", init=0.3, scales=["inertia"])
    assert up["link_pos"][1].tolist() == pytest.approx([0.4, 0.0, 0.3])
    assert up["link_inertia"][0, :3].tolist() == pytest.approx(box_inertia(2.0, np.array([0.4, 0.06, 0.12])).diagonal())
    last = put(boxes, kind="link_length", names=["tip"], axis="z", reference=0.2, init=0.3, scales=["mass", "shape"])
    assert last["link_mass"].tolist()[:2] == pytest.approx([2.0, 0.45]) and last["geom_size"][2].tolist()[:2] == pytest.approx(
        [0.02, 0.15]
    )


@pytest.mark.parametrize("length", [1e-3, 0.05, 3.0])
def test_every_length_is_a_body(boxes: Setting, length: float) -> None:
    made = put(boxes, kind="link_length", names=["base"], init=length, scales=["inertia"])
    a, b, c = sorted(made["link_inertia"][0, :3].tolist())
    assert 0.0 < a and a + b >= c * (1.0 - 1e-12)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"names": ["tip"]}, 'link "tip" carries no link along any axis, so its length is not known; give reference'),
        ({"names": ["base"], "axis": "y"}, 'link "base" carries no link along y'), ({"names": ["base"], "axis": "w"}, '"w" is not allowed'),
        ({"names": ["base"], "scales": ["colour"]}, 'unknown property "colour"; known: '),
        ({"names": ["base"], "reference": -1.0}, "must be positive"),
        ({"names": ["tip"], "axis": "x", "reference": 0.2, "scales": ["shape"]}, 'the capsule of link "tip" cannot be stretched along x'),
        ({"names": ["base"], "init": 0.0, "bounds": [0, 1]}, "starts at 0, outside its bounds"),
    ],
)  # fmt: skip
def test_lengths_that_mean_nothing(boxes: Setting, options: dict, problem: str) -> None:
    with pytest.raises(InputError, match="^parameter.it") as raised:
        put(boxes, kind="link_length", **options)
    assert problem in str(raised.value)


def test_a_friction_law_stands_in_place_of_damping_and_dry_friction(boxes: Setting) -> None:
    """It starts as those do; static friction is said as the force that breaks away, and stored beyond Coulomb friction."""
    made = put(boxes, kind="friction_law", law="stribeck", names=["turn"], init={"static": 0.5, "slip_velocity": 0.1})
    assert made["dof_frictionlaw"][0].tolist() == pytest.approx([1.0, 0.3, 0.3, 0.2, 0.5, 0.1, 0.2, 0.2])
    assert made["dof_frictionlaw"][1].tolist() == [0.0] * 8
    assert made["dof_damping"].tolist() == [0.0, 0.0] and made["dof_frictionloss"].tolist() == [0.0, 0.0]
    both = put(boxes, kind="friction_law", law="asymmetric", names=["turn"], numbers=["coulomb_backward"], init=[0.7])
    assert both["dof_frictionlaw"][0].tolist() == pytest.approx([1.0, 0.3, 0.7, 0.0, 0.0, 0.05, 0.2, 0.2])
    assert put(boxes, kind="friction_law", law="atan", names=["wrist"])["dof_frictionlaw"][1, 0] == 2.0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"law": "lugre"}, 'parameter.it.law: unknown friction law "lugre"; known: '),
        ({"law": "tanh", "numbers": ["static"]}, 'parameter.it.numbers: unknown number of the law tanh "static"; known: '),
        ({"law": "tanh", "init": {"cold": 1.0}}, 'parameter.it.init: unknown number of the law tanh "cold"'),
        ({"law": "tanh", "init": {"coulomb": "a"}}, "parameter.it.init.coulomb: 'a' is no number"),
        ({"law": "tanh", "numbers": []}, "parameter.it.numbers: nothing is chosen"),
        ({"law": "tanh", "tie": True}, "parameter.it.tie: does not apply"),
    ],
)  # fmt: skip
def test_laws_that_there_are_not(boxes: Setting, options: dict, problem: str) -> None:
    with pytest.raises((InputError, UnknownNameError)) as raised:
        put(boxes, kind="friction_law", **options)
    assert problem in str(raised.value)


def test_units_of_a_law(boxes: Setting) -> None:
    made = make_parameter(boxes, "parameter.it", {"kind": "friction_law", "law": "tanh", "names": ["turn"]})
    assert made.labels() == ["turn.coulomb", "turn.viscous", "turn.slip_velocity"]
    assert [made.unit_of(k) for k in range(3)] == ["Nm", "Nms", "rad/s"]
    assert [made.natural_of(k) for k in range(3)] == [0.0, 0.0, None], (
        "a joint may have no friction; a slip velocity of zero is no answer"
    )
    assert made.value().tolist() == pytest.approx([0.3, 0.2, 0.05]) and numbers(1.0).dtype == torch.float64
