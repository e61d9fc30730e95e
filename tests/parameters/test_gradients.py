"""Every kind of parameter that a task can have: its gradient through a rollout against central differences, and its value there and back.

Those of recordings have theirs in `tests/sysid/test_jacobian.py`, over the same registry.
"""

from typing import Any

import pytest
import torch

from genesis.parameters import OF_MODELS, OF_TASKS, make_parameter, make_parameters
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.setting import Setting
from genesis.tasks.rollout import inputs_of, roll_out
from tests.scene.differences import relative_error

pytestmark = pytest.mark.usefixtures("engine")

# Everything that a quantity can belong to: hinges and slides with springs, friction and controllers, an actuator, a box that slides on a floor.
WORLD = """<mujoco model="world"><compiler angle="radian"/><worldbody>
  <geom name="ground" type="plane" size="5 5 0.1" friction="0.6"/>
  <body name="cart" pos="0 0 2"><inertial pos="0.01 0 0.02" mass="1.2" diaginertia="0.02 0.03 0.04"/>
    <joint name="rail" type="slide" axis="1 0 0" damping="0.3" armature="0.1" frictionloss="0.2"/>
    <body name="pole" pos="0.1 0 0"><inertial pos="0 0.02 0.3" mass="0.4" diaginertia="0.01 0.012 0.004"/>
      <joint name="pivot" type="hinge" axis="0 1 0" damping="0.05" stiffness="1.5" springref="0.1" armature="0.01" frictionloss="0.1"/>
      <body name="rod" pos="0 0 0.5"><inertial pos="0 0 0.2" mass="0.2" diaginertia="0.004 0.004 0.001"/>
        <joint name="wrist" type="hinge" axis="0 1 0" damping="0.02" armature="0.01"/></body>
    </body></body>
  <body name="box" pos="0 0 0.099"><freejoint name="float"/><geom name="box" type="box" size="0.1 0.1 0.1" mass="0.7" friction="0.5"/></body>
  </worldbody><actuator><position name="servo" joint="rail" kp="3"/></actuator></mujoco>"""
START_VELOCITY = [0.4, -1.0, 0.8, 0.6, 0.2, -0.1, 0.3, 0.1, -0.2]

OPTIONS: dict[str, dict[str, Any]] = {
    "hold": {"every": 4, "noise": 1.0, "bounds": [-20.0, 30.0]},
    "knots": {"count": 4, "noise": 1.0, "scale": 2.0},
    "fourier": {"harmonics": 2, "noise": 1.0},
    "policy": {"hidden": [4], "joints": ["rail", "pivot"], "bounds": [-5.0, 5.0]},
    "initial_position": {"joints": ["rail", "pivot"], "bounds": [-4.0, 5.0]},
    "mass": {"bounds": [0.01, 5.0], "names": ["cart", "pole", "box"]},
    "damping": {"names": ["rail", "pivot"], "log": True},
    "dry_friction": {"names": ["rail", "pivot"], "log": True, "bounds": [0.01, 3.0]},
    "stiffness": {"names": ["pivot"]},
    "armature": {"names": ["rail", "pivot"], "bounds": [0.0, 1.0], "transform": "clamp"},
    "kp": {"names": ["rail", "pivot"], "tie": True, "init": 3.0},
    "kv": {"names": ["rail", "pivot"], "init": 0.5},
    "centre_of_mass": {"names": ["pole"]},
    "friction_law": {"law": "stribeck", "names": ["rail", "pivot"]},
    "inertia": {"names": ["cart", "pole"]},
    "link_rotation": {"names": ["pole"]},
    "link_length": {"names": ["pole"], "scales": ["mass", "centre_of_mass", "inertia"]},
    "link_position": {"names": ["rod"]},
    "joint_offset": {"names": ["rail", "pivot"]},
    "dry_friction_time": {"names": ["rail", "pivot"], "init": 0.1},
    "friction": {"names": ["world/box"], "init": 0.9},
    "solref": {"names": ["world/box"]},
    "solimp": {"names": ["world/box"], "columns": [0, 1]},
    "field": {"field": "link_inertia", "names": ["pole"]},
}

#: Beside them: friction that holds, where its time constant matters.
MORE = {"dry_friction_time": {"loss": {"kind": "dry_friction", "names": ["rail", "pivot"], "init": 50.0, "learn": False}}}
#: Joint controllers drive the robot: the actuators of its file are off.
UNMOVED = ("actuator_gain", "actuator_bias")


@pytest.fixture(scope="module")
def setting(engine) -> Setting:
    scene = Scene(sim_options=SimOptions(dt=0.004, requires_grad=False), rigid_options=RigidOptions(contact="smooth"))
    world = scene.add_entity(morphs.MJCF(file=WORLD), name="world")
    scene.build()
    world.set_dofs_kp(8.0, [0, 1])
    world.set_dofs_kv(0.7, [0, 1])
    qpos = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone()
    qpos[1] = 0.3
    return Setting(
        scene=scene, robot=world, entities={"world": world}, tool=None, horizon=12, dt=0.004, control="position", start_qpos=qpos,
        start_qvel=torch.tensor(START_VELOCITY, dtype=torch.float64), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip


@pytest.mark.parametrize("kind", [*OF_TASKS, *OF_MODELS])
def test_gradient_through_a_rollout(setting: Setting, kind: str) -> None:
    parameter = make_parameter(setting, "parameter.it", {"kind": kind, **OPTIONS.get(kind, {})})
    more = make_parameters(setting, MORE.get(kind, {}))
    random = torch.Generator().manual_seed(3)
    weights = [torch.randn(12 + 1, n, generator=random, dtype=torch.float64) for n in (10, 9)]

    def value(*leaves: torch.Tensor) -> torch.Tensor:
        made = roll_out(setting, inputs_of(setting, {**more, "it": parameter.with_leaves(list(leaves))}))
        return (weights[0] * made.qpos).sum() + (weights[1] * made.qvel).sum()

    leaves = [leaf.detach() for leaf in parameter.leaves()]
    assert relative_error(value, leaves) <= 5e-6
    assert moves(value, leaves) == (kind not in UNMOVED)


def moves(value: Any, leaves: list[torch.Tensor]) -> bool:
    """The objective depends on the parameter."""
    own = [leaf.clone().requires_grad_() for leaf in leaves]
    gradients = torch.autograd.grad(value(*own), own, allow_unused=True)
    return any(g is not None and float(g.abs().max()) > 1e-9 for g in gradients)


@pytest.mark.parametrize("kind", [*OF_TASKS, *OF_MODELS])
def test_a_value_is_set_and_read(setting: Setting, kind: str) -> None:
    """Other free numbers, their value, and back; the copy with other leaves has left the original as it was."""
    parameter = make_parameter(setting, "parameter.it", {"kind": kind, **OPTIONS.get(kind, {})})
    before = parameter.value().detach().clone()
    random = torch.Generator().manual_seed(1)
    leaves = [leaf.detach() + 0.01 * torch.rand(leaf.shape, generator=random, dtype=torch.float64) for leaf in parameter.leaves()]
    other = parameter.with_leaves(leaves)
    wanted = other.value().detach().clone()
    assert torch.equal(parameter.value(), before) and not torch.equal(wanted, before)
    if kind in ("hold", "knots", "fourier"):  # controls have more numbers than leaves; those of a spline are met exactly
        assert wanted.shape == (setting.horizon, 9 - 6)
    parameter.set_value(wanted)
    assert torch.allclose(parameter.value(), wanted, rtol=1e-9, atol=1e-11)
    changes = parameter.changes
    assert bool(changes.physical) == (kind in OF_MODELS) and bool(changes.controls) == (
        kind in ("hold", "knots", "fourier", "policy")
    )
    assert changes.start == kind.startswith("initial") and not changes.sensors and not changes.inputs


@pytest.mark.parametrize("kind", ["hold", "knots", "fourier"])
@pytest.mark.parametrize("transform", ["smooth", "clamp"])
@pytest.mark.parametrize("coupled", [False, True])
def test_jacobian_of_open_loop_controls_is_that_of_forward_mode(
    setting: Setting, kind: str, transform: str, coupled: bool
) -> None:
    own = {"joints": ["rail", "pivot", "wrist"], "bounds": [-1.0, 1.5], "transform": transform, "scale": [2.0, 3.0, 4.0]}
    options = OPTIONS[kind] | own
    parameter = make_parameter(setting, "parameter.it", {"kind": kind, **options})
    if coupled:  # as by scale: inertia
        parameter.unit = parameter.unit + torch.tensor([[0.0, 0.3, -0.2], [0.1, 0.0, 0.5], [-0.4, 0.2, 0.0]], dtype=torch.float64)
    found = parameter.jacobian()
    expected = torch.func.jacfwd(lambda free: parameter.with_leaves([free]).value())(parameter.leaves()[0].detach())
    assert found.shape == expected.flatten(2).shape
    assert torch.allclose(found, expected.flatten(2), rtol=1e-13, atol=1e-15)
    assert (found == 0.0).any() or transform == "smooth"
