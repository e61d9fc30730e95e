"""Commanded joint forces: bounds, gains and actuators, by closed form and against MuJoCo; followers of mimic joints."""

import mujoco
import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from tests.dynamics.differences import OFFSETS, extrapolated

BODY = '<inertial pos="0 0 0" mass="1" diaginertia="2 2 2"/>'
WHEEL = (
    '<mujoco><compiler angle="radian"/><option gravity="0 0 0"><flag contact="disable"/></option><worldbody>'
    f'<body><joint name="a" axis="0 0 1" {{joint}}/>{BODY}</body>'
    f'<body pos="1 0 0"><joint name="b" axis="0 0 1" {{second}}/>{BODY}</body></worldbody>{{more}}</mujoco>'
)


def physics_of(text: str, dt: float = 0.01, **options) -> Physics:
    return Physics(compile_model([Placed(read_mjcf(text, mimic="reduce"), "wheels")], (0.0, 0.0, 0.0)), dt=dt, **options)


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_joint_controller_is_a_clamped_proportional_derivative_law(engine):
    p = physics_of(WHEEL.format(joint="", second="", more=""))
    theta = p.pack(
        {"dof_kp": row(3.0, 0.0)[0], "dof_kv": row(0.5, 0.0)[0], "dof_force_lo": row(-1, -1)[0], "dof_force_hi": row(2, 2)[0]}
    )
    q, v = row(0.4, 0.0), row(-0.2, 0.0)
    for u, expected in ((0.5, 0.5 - 3 * 0.4 + 0.5 * 0.2), (9.0, 2.0), (-9.0, -1.0)):
        assert p.forward_dynamics(theta, q, v, row(u, 0.0))[0, 0].item() == pytest.approx(expected / 2.0, rel=1e-14)


def test_velocity_gain_is_implicit_while_the_joint_is_not_saturated(engine):
    """(I + dt kv) a = u - kv v; at a bound the gain adds no inertia."""
    p = physics_of(WHEEL.format(joint='damping="0.3"', second="", more=""))
    theta = p.pack({"dof_kv": row(5.0, 0.0)[0], "dof_force_hi": row(1.0, 1.0)[0]})
    q, v = row(0.0, 0.0), row(0.2, 0.0)
    a = p.step(theta, q, v, row(1.5, 0.0))[2][0, 0].item()
    assert a == pytest.approx((1.5 - 5 * 0.2 - 0.3 * 0.2) / (2.0 + 0.01 * 5.3), rel=1e-14)
    a = p.step(theta, q, v, row(9.0, 0.0))[2][0, 0].item()
    assert a == pytest.approx((1.0 - 0.3 * 0.2) / (2.0 + 0.01 * 0.3), rel=1e-14)


LIMITED = WHEEL.format(
    joint='actuatorfrclimited="true" actuatorfrcrange="-0.5 0.7"', second="",
    more='<actuator><motor joint="a" gear="2"/><position joint="a" kp="3"/><motor joint="b" gear="1.5"/></actuator>',
)  # fmt: skip


@pytest.mark.parametrize("ctrl", [(1.0, 0.3, 0.4), (-1.0, 0.3, 0.4), (0.1, 0.2, 0.4)], ids=["high", "low", "inside"])
def test_force_range_of_a_joint_bounds_the_sum_of_its_actuators(engine, ctrl):
    """MuJoCo's actuatorfrcrange; the gradient is that of the bounded sum."""
    m = mujoco.MjModel.from_xml_string(LIMITED)
    d = mujoco.MjData(m)
    d.qpos[0], d.ctrl[:] = 0.1, ctrl
    mujoco.mj_forward(m, d)
    p, u = physics_of(LIMITED), row(*ctrl).requires_grad_()
    qacc = p.forward_dynamics(p.pack(), row(0.1, 0.0), row(0.0, 0.0), row(0.0, 0.0), u)
    np.testing.assert_allclose(qacc.detach().numpy()[0], d.qacc, rtol=1e-14)
    qacc.sum().backward()
    held = abs(2 * ctrl[0] + 3 * (ctrl[1] - 0.1)) > 0.7
    np.testing.assert_allclose(u.grad.numpy()[0], [0.0 if held else 1.0, 0.0 if held else 1.5, 0.75], rtol=1e-14)


FOLLOWER = WHEEL.format(
    joint='stiffness="0.5" springref="0.2"', second='stiffness="2" springref="0.3" damping="0.1" armature="0.05"',
    more='<equality><joint joint1="b" joint2="a" polycoef="0.1 -3 0 0 0"/></equality>'
    '<tendon><fixed name="both"><joint joint="a" coef="0.5"/><joint joint="b" coef="0.25"/></fixed></tendon>'
    '<actuator><motor joint="b" gear="2"/><position joint="b" kp="4" kv="0.3"/><position tendon="both" kp="2"/></actuator>',
)  # fmt: skip


def test_spring_and_actuators_of_a_mimic_joint_act_on_its_leader(engine):
    """q_b = 0.1 - 3 q_a: forces of b reach a with the factor -3, lengths and rest positions are those of b."""
    p, q, v, u = physics_of(FOLLOWER), 0.4, 0.7, (0.3, -0.2, 0.5)
    q_b, v_b = 0.1 - 3 * q, -3 * v
    on_b = 2 * u[0] + 4 * (u[1] - q_b) - 0.3 * v_b - 2 * (q_b - 0.3) - 0.1 * v_b
    pull = 2 * (u[2] - (0.5 * q + 0.25 * q_b))
    force = -0.5 * (q - 0.2) - 3 * on_b + pull * (0.5 - 3 * 0.25)
    a = p.forward_dynamics(p.pack(), row(q), row(v), row(0.0), row(*u))[0, 0].item()
    assert a == pytest.approx(force / (2.0 + 9 * 2.05), rel=1e-13)


def test_gradient_through_a_mimic_joint_with_spring_and_actuators(engine):
    p = physics_of(FOLLOWER)
    inputs = {"qpos": row(0.4), "qvel": row(0.7), "act_ctrl": row(0.3, -0.2, 0.5)}

    def velocity(x):
        return p.rollout(
            p.pack(), x["qpos"], x["qvel"], torch.zeros(50, 1, 1, dtype=torch.float64), x["act_ctrl"].expand(50, 1, 3)
        )[1][-1]

    leaves = {k: x.clone().requires_grad_() for k, x in inputs.items()}
    velocity(leaves).sum().backward()
    for key, value in inputs.items():
        for k in range(value.shape[1]):
            unit = torch.zeros_like(value)
            unit[0, k] = 1.0
            values = np.array([float(velocity(inputs | {key: value + h * unit}).sum()) for h in OFFSETS])
            assert leaves[key].grad[0, k].item() == pytest.approx(float(extrapolated(values)[0]), rel=1e-8)


def test_position_feedback_through_a_ball_joint_is_refused_by_name(engine):
    from genesis.errors import UnsupportedError

    text = (
        f'<mujoco><worldbody><body name="x"><joint name="hip" type="ball"/>{BODY}</body></worldbody>'
        '<actuator><position name="servo" joint="hip" gear="1 0 0" kp="2"/></actuator></mujoco>'
    )
    with pytest.raises(UnsupportedError, match='actuator "servo"'):
        physics_of(text)


def test_saturated_control_and_force_have_no_gradient_and_their_bounds_have_one(engine):
    text = WHEEL.format(
        joint="", second="",
        more='<actuator><motor joint="a" gear="2" ctrllimited="true" ctrlrange="-1 1"/>'
        '<motor joint="b" gear="3" forcelimited="true" forcerange="-0.5 0.5"/></actuator>',
    )  # fmt: skip
    p, u = physics_of(text), row(1.5, -0.8).requires_grad_()
    bounds = {k: p.defaults[k].clone().requires_grad_() for k in ("ctrl_lo", "ctrl_hi", "force_lo", "force_hi")}
    qacc = p.forward_dynamics(p.pack(bounds), row(0.0, 0.0), row(0.0, 0.0), row(0.0, 0.0), u)
    np.testing.assert_allclose(qacc.detach().numpy()[0], [2 * 1.0 / 2, 3 * -0.5 / 2])
    qacc.sum().backward()
    expected = {"ctrl_lo": [0, 0], "ctrl_hi": [1, 0], "force_lo": [0, 1.5], "force_hi": [0, 0]}
    assert {k: x.grad.tolist() for k, x in bounds.items()} == expected
    assert u.grad.tolist() == [[0.0, 0.0]]


def test_motors_and_servos_share_a_block_of_environments(engine):
    """Actuator b feels its joint in every second environment only: each gives what it gives alone, with its gradients."""
    text = WHEEL.format(joint="", second="", more='<actuator><motor joint="a"/><general joint="b" gainprm="2"/></actuator>')
    p, count = physics_of(text), 6
    feedback = torch.tensor([[0.0, -3.0 * (e % 2)] for e in range(count)], dtype=torch.float64)
    theta = p.pack({"act_bias1": feedback, "act_bias2": 0.1 * feedback})
    q, v = (x * torch.linspace(0.5, 1.5, count, dtype=torch.float64)[:, None] for x in (row(0.4, -0.3), row(0.7, 0.2)))
    u, off = torch.full((20, count, 2), 0.3, dtype=torch.float64), torch.zeros(20, count, 2, dtype=torch.float64)

    def motion(which: slice) -> list[torch.Tensor]:
        leaves = [x.clone().requires_grad_() for x in (q[which], v[which], u[:, which])]
        out = p.rollout(theta[which], leaves[0], leaves[1], off[:, which], leaves[2])[0][-1]
        return [out.detach(), *torch.autograd.grad(out.sum(), leaves)]

    together = motion(slice(None))
    for e in range(count):
        for x, y in zip(motion(slice(e, e + 1)), together, strict=True):
            torch.testing.assert_close(x, y[e : e + 1] if y.dim() == 2 else y[:, e : e + 1], rtol=1e-14, atol=1e-15)
    assert together[1][0, 1] == pytest.approx(1.0, rel=1e-12) and together[1][1, 1] < 0.99
