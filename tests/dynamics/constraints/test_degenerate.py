"""States in which a division by a length, an angle or a velocity would fail: values as in MuJoCo, finite gradients, and the limit's."""

import mujoco
import numpy as np
import pytest
import torch

from genesis.grad.physics import CONSTANT_KINDS
from tests.dynamics import mujoco_twin
from tests.dynamics.constraints.scenes import CONES, HEAD, exact, modelled, physics_of
from tests.dynamics.conversions import advance

FLAT = '<geom type="plane" size="0 0 1" friction="{mu} 0.01 0.001" condim="6"/>'
BALL = '<body pos="0 0 {z}"><freejoint/><geom type="sphere" size="0.1" mass="1" friction="{mu} 0.01 0.001" condim="6"/></body>'
CRATE = '<body pos="0 0 0.099"><freejoint/><geom type="box" size="0.1 0.1 0.1" mass="1" friction="{mu} 0.01 0.001" condim="{dim}"/></body>'
PENDULUM = """<body><joint type="ball" range="0 {most}" margin="0.1" limited="true" damping="0.1"/><geom type="sphere" size="0.1"
  pos="0 0 -0.3" mass="1" contype="0" conaffinity="0"/></body>"""
WHEEL = """<body pos="0 0 0.099"><joint axis="0 1 0"/><geom type="sphere" size="0.1" mass="1" condim="{dim}"/></body>"""
SCENES = {
    "a ball at rest on flat ground": FLAT.format(mu=0.5) + BALL.format(z=0.099, mu=0.6),
    "a box at rest on flat ground": FLAT.format(mu=0.5) + CRATE.format(mu=0.6, dim=3),
    "a box at rest, six rows": FLAT.format(mu=0.5) + CRATE.format(mu=0.6, dim=6),
    "no friction": FLAT.format(mu=0) + BALL.format(z=0.099, mu=0),
    "two centres in one point": BALL.format(z=1, mu=0.5) + BALL.format(z=1, mu=0.6),
    "a ball joint at zero angle": PENDULUM.format(most=0.05),
    "a wheel that spins about its contact's centre": FLAT.format(mu=0.5) + WHEEL.format(dim=6),
    "a weld in place": """<body><freejoint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/></body><body name="b" pos="1 0 0"><freejoint/>
      <inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/></body>""",
}
UNTURNED = (
    "a ball joint at zero angle"  # MuJoCo pushes it about the x axis; here nothing pushes where no axis is better than another
)
ROUGH = (  # no derivative there, or (the wheel, whose link has no inverse inertia at its centre) a stiffness of 1e15
    "two centres in one point",
    UNTURNED,
    "no friction",
    "a wheel that spins about its contact's centre",
)
STEPS = 5


def scene(name: str, cones: str):
    cone, impratio = CONES[cones]
    equality = '<equality><weld body1="b" torquescale="0.5"/></equality>' if "weld" in name else ""
    xml = HEAD.format(cone=cone, impratio=impratio).replace("0.4 -0.7", "0 0")
    xml += f"<worldbody>{SCENES[name]}</worldbody>{equality}</mujoco>"
    model = modelled(xml)
    return model, physics_of(model, 0.005), exact(mujoco.MjModel.from_xml_string(xml))


def gradients(physics, qpos: np.ndarray, qvel: np.ndarray) -> dict[str, np.ndarray]:
    """Of a sum of all positions and velocities of a short rollout, with weights."""
    params = {k: x.clone() for k, x in physics.defaults.items() if x.numel()}
    leaves = {k: x.requires_grad_(k not in CONSTANT_KINDS) for k, x in params.items()}
    q0, v0 = (torch.tensor(x)[None].requires_grad_() for x in (qpos, qvel))
    dof_ctrl = torch.zeros(STEPS, 1, physics.nv, dtype=torch.float64, requires_grad=True)
    q, v, a = physics.rollout(physics.pack(leaves), q0, v0, dof_ctrl)
    weight = torch.linspace(0.5, 1.5, STEPS, dtype=torch.float64)[:, None, None]
    ((weight * q[1:]).sum() + (weight * v[1:] ** 2).sum() + (weight * v[1:]).sum() + 1e-3 * (weight * a).sum()).backward()
    found = {k: x.grad.numpy() for k, x in leaves.items() if x.grad is not None}
    return found | {"qpos": q0.grad.numpy(), "qvel": v0.grad.numpy(), "dof_ctrl": dof_ctrl.grad.numpy()}


@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
@pytest.mark.parametrize("name", [name for name in SCENES if name != UNTURNED])
def test_values_are_mujocos(engine, name, cones):
    model, physics, twin = scene(name, cones)
    start, still = model.qpos0[None], np.zeros((1, model.nv))
    found = physics.step(physics.pack(), torch.tensor(start), torch.tensor(still), torch.zeros(1, model.nv, dtype=torch.float64))[
        2
    ]
    expected = mujoco_twin.accelerations(twin, start, still, np.zeros((1, model.nu)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-8 * max(np.abs(expected).max(), 1.0))


@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
@pytest.mark.parametrize("name", SCENES)
def test_gradients_are_finite_and_those_of_the_states_beside(engine, name, cones):
    """Between the gradients at two states, a tiny step to either side, if there is one there at all."""
    model, physics, _ = scene(name, cones)
    start, still = np.array(model.qpos0, float), np.zeros(model.nv)
    found = gradients(physics, start, still)
    for key, value in found.items():
        assert np.isfinite(value).all(), key
    if name in ROUGH:
        return
    step = 1e-7 * np.random.default_rng(0).normal(size=(2, model.nv))
    sides = [gradients(physics, advance(model, start, sign * step[0]), sign * step[1]) for sign in (1.0, -1.0)]
    for key, value in found.items():
        low, high = np.minimum(sides[0][key], sides[1][key]), np.maximum(sides[0][key], sides[1][key])
        slack = 1e-3 * max(np.abs(high).max(), np.abs(low).max(), 1e-3)
        assert (value >= low - slack).all() and (value <= high + slack).all(), key
