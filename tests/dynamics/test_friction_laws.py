"""Friction laws: motion against an independent simulation, every gradient against central differences, the twin in torch."""

from functools import cache

import numpy as np
import pytest
import torch

from genesis.description.friction_law import LAWS
from genesis.description.read import read_mjcf
from genesis.dynamics.schemes import FRICTION_LAWS
from genesis.grad.friction import friction_damping, friction_force
from genesis.grad.physics import Physics
from genesis.grad.step_jacobian import step_jacobian
from genesis.model.compile import Placed, compile_model
from genesis.model.model import Model
from genesis.model.options import ConstraintRequest

pytestmark = pytest.mark.usefixtures("engine")
DT = 0.01
SLIDER = """<mujoco><worldbody><body name="cart"><joint name="rail" type="slide" axis="1 0 0" armature="0.3"/>
  <inertial pos="0 0 0" mass="1.7" diaginertia="1 1 1"/></body></worldbody></mujoco>"""
# One joint stands at its limit, one has dry friction: the constraints see another acceleration than that of the step.
ARM = """<mujoco><compiler angle="radian"/><worldbody><body name="upper"><joint name="shoulder" axis="0 1 0" damping="0.1" range="-3 0.4"
    limited="true"/><inertial pos="0 0 -0.2" mass="1" diaginertia="0.02 0.02 0.01"/>
  <body name="fore" pos="0 0 -0.4"><joint name="elbow" axis="0 1 0" frictionloss="0.05" armature="0.02"/>
    <inertial pos="0 0 -0.15" mass="0.6" diaginertia="0.01 0.01 0.004"/></body></body></worldbody></mujoco>"""
# Two motors: one turns with the sum of both joints, the other with their difference.
DIFFERENTIAL = """<mujoco><compiler angle="radian"/><worldbody><body name="a" pos="0 0 1"><joint name="pitch" axis="0 1 0" armature="0.05"/>
    <inertial pos="0 0 -0.1" mass="1" diaginertia="0.02 0.02 0.01"/>
  <body name="b" pos="0 0 -0.2"><joint name="roll" axis="1 0 0" armature="0.02"/>
    <inertial pos="0.02 0 -0.15" mass="0.6" diaginertia="0.01 0.01 0.004"/></body></body></worldbody>
  <tendon><fixed name="sum"><joint joint="pitch" coef="2"/><joint joint="roll" coef="1"/></fixed>
    <fixed name="difference"><joint joint="pitch" coef="2"/><joint joint="roll" coef="-1"/></fixed></tendon>
  <actuator><motor name="left" tendon="sum"/><motor name="right" tendon="difference"/></actuator></mujoco>"""
ROWS = {
    "tanh": LAWS["tanh"].row([0.4, 0.3, 0.08]),
    "atan": LAWS["atan"].row([0.4, 0.3, 0.08]),
    "stribeck": LAWS["stribeck"].row([0.4, 0.8, 0.5, 0.2, 0.08]),
    "asymmetric": LAWS["asymmetric"].row([0.5, 0.3, 0.2, 0.35, 0.08]),
}


@cache
def model(text: str) -> Model:
    return compile_model([Placed(read_mjcf(text), "it")], request=ConstraintRequest(contact="mujoco"))


def by_hand(law: str, v: float) -> tuple[float, float]:
    """f(v) and f'(v), from the words of the law."""
    s, s1 = np.tanh(v / 0.08), (1.0 - np.tanh(v / 0.08) ** 2) / 0.08
    if law == "atan":
        s, s1 = 2.0 / np.pi * np.arctan(v / 0.08), 2.0 / np.pi / (1.0 + (v / 0.08) ** 2) / 0.08
    if law == "stribeck":
        e = np.exp(-((v / 0.5) ** 2))
        level = 0.4 + 0.4 * e
        return s * level + 0.2 * v, s1 * level - s * 0.4 * e * 2.0 * v / 0.25 + 0.2
    if law == "asymmetric":  # forwards where the sign is +1, backwards where it is -1
        share, more = 0.5 * (1.0 + s), 0.5 * s1
        f = s * (share * 0.5 + (1.0 - share) * 0.3) + (share * 0.2 + (1.0 - share) * 0.35) * v
        slope = s1 * (share * 0.5 + (1.0 - share) * 0.3) + s * more * 0.2 + (share * 0.2 + (1.0 - share) * 0.35) - more * 0.15 * v
        return f, slope
    return s * 0.4 + 0.3 * v, s1 * 0.4 + 0.3


@pytest.mark.parametrize("law", LAWS)
def test_a_slider_moves_as_an_independent_simulation(law: str) -> None:
    """v' = v + dt (u - f(v)) / (M + dt max(f', 0)): friction is taken at the end of the step where it grows with the velocity."""
    physics = Physics(model(SLIDER), dt=DT, integrator="Euler")
    theta = physics.pack({"dof_frictionlaw": torch.tensor([ROWS[law]], dtype=torch.float64)})
    assert physics.kind == "Euler" + FRICTION_LAWS
    force = -6.0 * torch.sin(0.08 * torch.arange(150.0, dtype=torch.float64))[:, None, None]
    _, v, _ = physics.rollout(theta, torch.zeros_like(force[0]), torch.full_like(force[0], 0.9), force)
    speed, found = 0.9, [0.9]
    for u in force[:, 0, 0].tolist():
        f, slope = by_hand(law, speed)
        speed += DT * (u - f) / (2.0 + DT * max(slope, 0.0))
        found.append(speed)
    assert v[:, 0, 0].tolist() == pytest.approx(found, rel=1e-11, abs=1e-12)
    assert min(found) < -0.02 and max(found) > 0.3  # both directions


@pytest.mark.parametrize("law", LAWS)
def test_the_force_in_torch(law: str) -> None:
    row, v = torch.tensor(ROWS[law], dtype=torch.float64), torch.linspace(-1.5, 1.5, 41, dtype=torch.float64)
    expected = [by_hand(law, x) for x in v.tolist()]
    assert friction_force(row, v).tolist() == pytest.approx([f for f, _ in expected], rel=1e-12, abs=1e-14)
    assert friction_damping(row, v).tolist() == pytest.approx([max(slope, 0.0) for _, slope in expected], rel=1e-11, abs=1e-13)
    assert float(friction_force(torch.zeros(8, dtype=torch.float64), v).abs().max()) == 0.0


def laws() -> torch.Tensor:
    return torch.tensor([ROWS["stribeck"], ROWS["asymmetric"]], dtype=torch.float64)


def arm(integrator: str, batch: int) -> tuple[Physics, torch.Tensor, dict[str, torch.Tensor]]:
    physics, generator = Physics(model(ARM), dt=DT, integrator=integrator), torch.Generator().manual_seed(2)
    theta = physics.pack({"dof_frictionlaw": laws()})
    at = {
        "qpos": 0.399 - 0.02 * torch.rand(batch, 2, generator=generator, dtype=torch.float64),
        "qvel": torch.rand(batch, 2, generator=generator, dtype=torch.float64) - torch.tensor([-0.2, 0.9], dtype=torch.float64),
        "dof_ctrl": 3.0 * torch.rand(12, batch, 2, generator=generator, dtype=torch.float64),
    }
    return physics, theta, at


@pytest.mark.parametrize(("integrator", "batch"), [("Euler", 1), ("implicitfast", 5)])
def test_gradients_with_limits_and_dry_friction(integrator: str, batch: int) -> None:
    physics, theta, at = arm(integrator, batch)
    generator = torch.Generator().manual_seed(4)
    weights = [torch.randn(13 - k, 1, 2, generator=generator, dtype=torch.float64) for k in (0, 0, 1)]

    def value(theta: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, dof_ctrl: torch.Tensor) -> torch.Tensor:
        made = physics.rollout(theta, qpos, qvel, dof_ctrl)
        return sum(((w * x).sum() for w, x in zip(weights, made, strict=True)), torch.zeros((), dtype=torch.float64))

    inputs = [x.clone().requires_grad_() for x in (theta, *at.values())]
    found = torch.autograd.grad(value(*inputs), inputs)
    first, count = physics.model.parameter_offsets["dof_frictionlaw"]
    for _ in range(3):
        turn = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in inputs]
        turn[0] = torch.zeros_like(theta)
        turn[0][first : first + count] = 0.05 * torch.randn(count, generator=generator, dtype=torch.float64)
        turn[0][[first, first + 8]] = 0.0  # the code of the law
        expected = difference(lambda h, turn=turn: value(*(x.detach() + h * d for x, d in zip(inputs, turn, strict=True))))
        assert float(sum((g * d).sum() for g, d in zip(found, turn, strict=True))) == pytest.approx(float(expected), rel=1e-7)


def motors(batch: int) -> tuple[Physics, torch.Tensor, list[torch.Tensor]]:
    physics, generator = Physics(model(DIFFERENTIAL), dt=DT), torch.Generator().manual_seed(6)
    theta = physics.pack({"act_frictionlaw": torch.tensor([ROWS["stribeck"], ROWS["asymmetric"]], dtype=torch.float64)})
    shapes = ((batch, 2), (batch, 2), (12, batch, 2), (12, batch, 2))
    return physics, theta, [torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5 for shape in shapes]


def test_friction_at_the_speed_of_motors() -> None:
    """tau = N^T (u - f(N v)): the difference that friction makes to the acceleration, by the mass matrix."""
    physics, theta, (qpos, qvel, dof_ctrl, act_ctrl) = motors(3)
    ways, free = torch.tensor([[2.0, 1.0], [2.0, -1.0]], dtype=torch.float64), theta.clone()
    first, count = physics.model.parameter_offsets["act_frictionlaw"]
    free[first : first + count] = 0.0
    slower, faster = (physics.forward_dynamics(x, qpos, qvel, dof_ctrl[0], act_ctrl[0]) for x in (theta, free))
    speed = (qvel @ ways.T).tolist()
    force = torch.tensor(
        [[by_hand("stribeck", left)[0], by_hand("asymmetric", right)[0]] for left, right in speed], dtype=torch.float64
    )
    expected = torch.linalg.solve(physics.mass_matrix(theta, qpos), (force @ ways)[..., None])[..., 0]
    assert torch.allclose(faster - slower, expected, rtol=1e-10, atol=1e-12)
    driven = physics.forward_dynamics(free, qpos, qvel, dof_ctrl[0] + act_ctrl[0] @ ways, torch.zeros_like(act_ctrl[0]))
    assert torch.allclose(driven, faster, rtol=1e-12)  # motor torques reach the joints by N^T


def test_gradients_of_friction_of_motors() -> None:
    physics, theta, inputs = motors(1)
    generator = torch.Generator().manual_seed(7)
    weights = [torch.randn(13 - k, 1, 2, generator=generator, dtype=torch.float64) for k in (0, 0, 1)]

    def value(*given: torch.Tensor) -> torch.Tensor:
        return sum(
            ((w * x).sum() for w, x in zip(weights, physics.rollout(*given), strict=True)), torch.zeros((), dtype=torch.float64)
        )

    leaves = [x.clone().requires_grad_() for x in (theta, *inputs)]
    found = torch.autograd.grad(value(*leaves), leaves)
    for name in ("act_frictionlaw", "trn_coef", "act_gain"):
        turn = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in leaves]
        first, count = physics.model.parameter_offsets[name]
        turn[0] = torch.zeros_like(theta)
        turn[0][first : first + count] = 0.05 * torch.randn(count, generator=generator, dtype=torch.float64)
        if name == "act_frictionlaw":
            turn[0][[first, first + 8]] = 0.0
        expected = difference(lambda h, turn=turn: value(*(x.detach() + h * d for x, d in zip(leaves, turn, strict=True))))
        assert float(sum((g * d).sum() for g, d in zip(found, turn, strict=True))) == pytest.approx(float(expected), rel=1e-7)


def test_the_linearized_step() -> None:
    physics, theta, at = arm("implicitfast", 5)
    first, count = physics.model.parameter_offsets["dof_frictionlaw"]
    columns = torch.tensor([first + k for k in range(count) if k % 8])
    command = at["dof_ctrl"][0]
    made = step_jacobian(physics, theta, at["qpos"], at["qvel"], command, None, columns, True)
    generator = torch.Generator().manual_seed(5)
    dq, dv, du = (torch.randn(5, 2, generator=generator, dtype=torch.float64) for _ in range(3))
    d_theta = torch.zeros_like(theta)
    d_theta[columns] = 0.05 * torch.randn(len(columns), generator=generator, dtype=torch.float64)
    expected = difference(
        lambda h: torch.cat(physics.step(theta + h * d_theta, at["qpos"] + h * dq, at["qvel"] + h * dv, command + h * du)[:2], -1)
    )
    found = (made.next.state @ torch.cat([dq, dv], -1)[..., None] + made.next.dof_ctrl @ du[..., None])[..., 0]
    found = found + made.next.parameters @ d_theta[columns]
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-9)


def difference(value, h: float = 1e-5) -> torch.Tensor:
    """Of order four."""
    return (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h)
