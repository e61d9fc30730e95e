"""Contacts and their forces at a state: gradients against central differences."""

import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.dynamics.inspect_contacts import PLACE, WIDTH
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest

ROBOT = """<mujoco model="feet"><compiler angle="radian"/><worldbody><geom type="plane" size="1 1 1" friction="0.3 0.01 0.001"/>
  <body name="trunk" pos="0 0 0.298"><freejoint/><inertial pos="0.01 0 0" mass="2" diaginertia="0.02 0.03 0.04"/>
    <geom type="sphere" size="0.1" condim="4" friction="0.7 0.02 0.002" pos="0.3 0 -0.2" solref="0.03 0.8"/>
    <body name="leg" pos="-0.2 0.02 -0.1"><joint name="hip" axis="0 1 0" damping="0.4"/><inertial pos="0 0 -0.1" mass="0.5"
      diaginertia="0.002 0.002 0.0005"/>
      <geom type="capsule" fromto="0 0 0 0.05 0.02 -0.15" size="0.05" friction="0.5 0.01 0.001" solimp="0.8 0.97 0.004 0.4 2"/>
    </body></body></worldbody></mujoco>"""
LEARNED = "link_pos link_quat geom_pos geom_quat geom_size geom_friction geom_solref geom_solimp geom_margin geom_solmix".split()


@pytest.fixture(scope="module", params=[("mujoco", "elliptic"), ("smooth", "elliptic"), ("mujoco", "pyramidal")], ids="-".join)
def physics(engine, request):
    law, cone = request.param
    description = read_mjcf(ROBOT)
    model = compile_model([Placed(description, "feet")], description.gravity, ConstraintRequest(contact=law, cone=cone))
    return Physics(model, dt=0.002)


def states(physics: Physics, count: int = 2) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(1)
    q = np.tile(physics.model.qpos0, (count, 1))
    q[:, 2] -= 0.012
    q[:, 3:7] += 0.005 * random.normal(size=(count, 4))
    q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
    q[:, 7] += 0.05
    v, a = 0.3 * random.normal(size=(count, physics.nv)), random.normal(size=(count, physics.nv))
    return {name: torch.tensor(x)[None] for name, x in (("q", q), ("v", v), ("a", a))}


def test_gradients_of_every_field(physics):
    given = states(physics)
    parameters = {name: physics.defaults[name].clone() for name in LEARNED}
    inputs = {**given, **parameters}
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(1, 2, physics.constraints.contacts, WIDTH, generator=random, dtype=torch.float64)
    weights[..., PLACE["candidate"]] = 0.0

    def scalar(x):
        theta = physics.pack({name: x[name] for name in LEARNED})
        return (physics.contacts(theta, x["q"], x["v"], x["a"]) * weights).sum()

    with torch.no_grad():
        rows = physics.contacts(physics.pack(parameters), given["q"], given["v"], given["a"])
    assert (rows[..., PLACE["candidate"]] > 0).sum(-1).tolist() == [[2, 2]]
    assert (rows[..., PLACE["force"] + 2] > 0.1).sum() >= 3
    leaves = {name: x.clone().requires_grad_() for name, x in inputs.items()}
    scalar(leaves).backward()
    for name, leaf in leaves.items():
        direction = torch.randn(leaf.shape, generator=random, dtype=torch.float64)
        if name == "q":  # keeps the quaternion a quaternion
            quat = leaf.detach()[..., 3:7]
            direction[..., 3:7] -= (direction[..., 3:7] * quat).sum(-1, keepdim=True) * quat
        direction = direction * leaf.detach().abs() if name in ("geom_solimp", "geom_solref", "geom_friction") else direction
        analytic = float((leaf.grad * direction).sum())

        def moved(step, name=name, direction=direction):
            with torch.no_grad():
                return float(scalar({**inputs, name: inputs[name] + step * direction}))

        numeric = [(moved(e) - moved(-e)) / (2 * e) for e in (1e-5, 1e-6, 1e-7)]
        error = min(abs(analytic - n) / max(abs(analytic), abs(n), 1e-6) for n in numeric)
        assert error < 1e-6, (name, analytic, numeric)


def test_forces_are_those_of_the_step(physics):
    """M a + c = tau + sum of J^T F, for the trunk: net force makes the acceleration of the centre of mass."""
    given, theta = states(physics), physics.pack()
    q, v = given["q"][0], given["v"][0]
    a = physics.step(theta, q, v, torch.zeros(2, physics.nv, dtype=torch.float64))[2]
    rows = physics.contacts(theta, q, v, a)
    force = rows[..., PLACE["force"] : PLACE["force"] + 3].sum(1)
    expected = physics.inverse_dynamics(theta, q, v, a)[:, :3]  # of the free joint: force on the whole robot
    torch.testing.assert_close(force, expected, rtol=1e-6, atol=1e-7)
