"""Gradients of every channel to every tensor of a sample, against central differences; and contact forces by value."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from genesis.channels import CHANNELS, Sample
from genesis.dynamics.inspect_contacts import FIELDS
from genesis.scene import morphs
from genesis.scene.materials import Rigid
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.setting import Setting
from tests.channels.sampling import made, random_state
from tests.scene.differences import relative_error
from tests.settings import numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")

JOINTS, FRAMES = ["panda_joint2", "panda_joint6"], ["panda_link5", "panda_hand_tcp"]
OPTIONS: dict[str, dict[str, Any]] = {
    "link_velocity": {"axes": "frame"},
    "link_angular_velocity": {"axes": "frame"},
    "accelerometer": {"local_pos": [0.03, -0.02, 0.1], "local_quat": [0.7, 0.1, -0.5, 0.2]},
    "gyro": {"local_quat": [0.7, 0.1, -0.5, 0.2]},
    "marker": {"local_pos": [0.03, -0.02, 0.1]},
    "camera": {"local_pos": [0.03, -0.02, 0.1], "matrix": [[9.0, 1.0, 2.0], [-3.0, 7.0, 5.0]], "origin": [1.0, 2.0]},
}
ROWS = 3
LEARNED = ("gravity", "link_pos", "dof_kp", "dof_kv", "dof_force_hi")  # what some channel depends on


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "contact_force"])
@pytest.mark.parametrize("shared", [True, False], ids=["one theta", "theta of each row"])
def test_gradients(kind: str, shared: bool) -> None:
    """Of a random combination of the residuals, along three random directions in all tensors together: 1e-6."""
    setting = setting_of("panda")
    channel = made(setting, kind, JOINTS if kind.startswith("joint") else FRAMES, **OPTIONS.get(kind, {}))
    physics = setting.scene.rigid_solver.physics
    here, left, right = (random_state(setting, ROWS, seed) for seed in (0, 1, 2))
    parameters = [physics.defaults[name] if shared else physics.defaults[name].expand(ROWS, *physics.defaults[name].shape).clone()
                  for name in LEARNED]  # fmt: skip
    states = [state[name] for state in (here, left, right) for name in ("qpos", "qvel")] + [here["qacc"], 20.0 * here["dof_ctrl"]]
    random = torch.Generator().manual_seed(5)
    weights = torch.randn(ROWS, channel.residual_width, generator=random, dtype=torch.float64)
    measured = torch.nn.functional.normalize(torch.randn(ROWS, channel.width, generator=random, dtype=torch.float64), dim=-1)

    def value(*x: torch.Tensor) -> torch.Tensor:
        q, v, ql, vl, qr, vr, a, u = x[len(LEARNED) :]
        theta = physics.pack(dict(zip(LEARNED, x, strict=False)))
        sample = Sample(physics, theta, 0.01, q, v, (ql, vl), (qr, vr), a, u)
        return (weights * channel.residual(channel.predict(sample), measured)).sum()

    assert relative_error(value, [*parameters, *states]) <= 1e-6


def balls() -> Setting:
    """A floor and two balls."""
    scene = Scene(sim_options=SimOptions(dt=0.002, requires_grad=False), rigid_options=RigidOptions(contact="mujoco"))
    floor = scene.add_entity(morphs.Plane(), name="floor")
    material = Rigid(rho=1.0 / (4.0 / 3.0 * torch.pi * 0.1**3))
    first = scene.add_entity(morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 0.098)), material=material, name="ball")
    scene.add_entity(morphs.Sphere(radius=0.1, pos=(5.0, 0.0, 3.0)), material=material, name="other")
    scene.build()
    entities = {"floor": floor, "ball": first}
    qpos, qvel = (torch.as_tensor(x).clone() for x in (scene.rigid_solver.qpos0[0], torch.zeros(12, dtype=torch.float64)))
    return replace(setting_of("double_pendulum"), scene=scene, robot=first, entities=entities, start_qpos=qpos, start_qvel=qvel)


class Springs:
    """Physics of two contacts, floor and ball, ball and other ball, whose forces are formulas of the state."""

    def __init__(self, physics: Any) -> None:
        self.model, self.kinematics, self.theta = physics.model, physics.kinematics, physics.pack()
        first, second = (self.model.integers[f"cand_geom{k}"].tolist() for k in (1, 2))
        pairs = list(zip(first, second, strict=True))
        self.candidates = [pairs.index((0, 1)) + 1.0, pairs.index((1, 2)) + 1.0]

    def contacts(self, theta: Any, q: torch.Tensor, v: torch.Tensor, a: torch.Tensor, *controls: Any) -> torch.Tensor:
        rows = []
        for candidate, force in zip(self.candidates, springs(q, v, a), strict=True):
            row = {"candidate": q[..., :1] * 0.0 + candidate, "force": force, "distance": q[..., :1] * 0.0 - 0.001}
            rows.append(torch.cat([row.get(name, 0.0 * q[..., :width]) for name, width in FIELDS], -1))
        return torch.stack([*rows, 0.0 * rows[0]], -2)


def springs(q: torch.Tensor, v: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Forces (..., 3) of the floor on the ball and of the ball on the other one."""
    return 0.1 * a[..., 3:6] * q[..., 7:10], 0.1 * v[..., :3] - q[..., :3]


def test_contact_forces() -> None:
    """Sum over the contacts of the ball, at the start of the time step, in the world and in its own axes; gradients: 1e-6."""
    setting = balls()
    physics, link = Springs(setting.scene.rigid_solver.physics), setting.robot.links[0].name
    random = torch.Generator().manual_seed(0)
    q, v, a = (torch.randn(2, n, generator=random, dtype=torch.float64) for n in (14, 12, 12))
    q[:, 3:7], q[:, 10:14] = numbers(0.8, 0.0, 0.6, 0.0), numbers(1.0, 0.0, 0.0, 0.0)

    def sample(q: torch.Tensor, v: torch.Tensor, a: torch.Tensor) -> Sample:
        return Sample(physics, physics.theta, 0.002, 0 * q, 0 * v, (q, v), (0 * q, 0 * v), a, 0 * v)

    world, own = made(setting, "contact_force", [link]), made(setting, "contact_force", [link], axes="frame")
    from_floor, on_other = springs(q, v, a)
    force = from_floor - on_other
    assert torch.allclose(world.predict(sample(q, v, a)), force, atol=1e-12)
    c, s = 0.8**2 - 0.6**2, 2 * 0.8 * 0.6
    x, y, z = force.unbind(-1)
    assert torch.allclose(own.predict(sample(q, v, a)), torch.stack([c * x - s * z, y, s * x + c * z], -1), atol=1e-12)
    weights = numbers([1.0, -2.0, 0.5], [0.3, 0.7, -1.0])
    assert relative_error(lambda *state: (weights * own.predict(sample(*state))).sum(), [q, v, a]) <= 1e-6


def test_a_model_without_contacts_has_no_contact_force() -> None:
    setting = setting_of("double_pendulum")
    state = random_state(setting, 2)
    physics = setting.scene.rigid_solver.physics
    pair = (state["qpos"], state["qvel"])
    sample = Sample(physics, physics.pack(), 0.01, *pair, pair, pair, state["qacc"], state["dof_ctrl"])
    assert made(setting, "contact_force", ["upper"]).predict(sample).tolist() == [[0.0] * 3] * 2
