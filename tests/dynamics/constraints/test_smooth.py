"""The smooth law does what it is for: the derivative of one touch-down agrees with the trend of many. And contacts felt from a distance."""

import numpy as np
import pytest
import torch

from genesis.description.read import read_mjcf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest

pytestmark = pytest.mark.usefixtures("engine")

BALL = """<mujoco><worldbody><geom type="plane" size="0 0 0.05" friction="0.5 0.005 0.0001"/>
  <body pos="0 0 0.2"><freejoint/><geom type="sphere" size="0.1" mass="1" friction="0.5 0.005 0.0001"/></body></worldbody></mujoco>"""

PUSHER = """<mujoco><option gravity="0 0 -9.81"/><worldbody><geom type="plane" size="0 0 0.05" friction="0.5 0.005 0.0001"/>
  <body pos="-0.35 0 0.1"><joint type="slide" axis="1 0 0" damping="2"/><geom type="sphere" size="0.08" mass="1"/></body>
  <body pos="0 0 0.0998"><freejoint/><geom type="sphere" size="0.1" mass="1"/></body></worldbody></mujoco>"""


def physics(text: str, dt: float, **request) -> Physics:
    return Physics(compile_model([Placed(read_mjcf(text), "scene")], (0.0, 0.0, -9.81), ConstraintRequest(**request)), dt=dt)


def slides(law: str, dt: float, count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(heights, slide after 0.5 s, its derivative in the height) of balls thrown forward at 1 m/s from 0.15 to 0.25 m."""
    engine = physics(BALL, dt, contact=law)
    q = torch.zeros(count, 7, dtype=torch.float64)
    q[:, 2], q[:, 3] = torch.linspace(0.15, 0.25, count, dtype=torch.float64), 1.0
    v = torch.zeros(count, 6, dtype=torch.float64)
    v[:, 0] = 1.0
    q.requires_grad_()
    dof_ctrl = torch.zeros(round(0.5 / dt), count, 6, dtype=torch.float64)
    far = engine.rollout(engine.pack(), q, v, dof_ctrl)[0][-1, :, 0]
    (slope,) = torch.autograd.grad(far.sum(), q)
    return q[:, 2].detach().numpy(), far.detach().numpy(), slope[:, 2].numpy()


def test_the_derivative_of_a_touch_down_is_that_of_the_trend():
    for dt in (0.002, 0.005):
        heights, far, slope = slides("smooth", dt)
        trend = np.polyfit(heights, far, 1)[0]
        assert abs(np.median(slope) / trend - 1.0) < 0.05
        assert (slope * trend > 0.0).all()


def test_under_mujocos_law_it_is_not():
    heights, far, slope = slides("mujoco", 0.005)
    assert np.median(slope) / np.polyfit(heights, far, 1)[0] > 1.8  # why there is another law


def test_a_ball_at_rest_lies_as_deep_as_documented():
    for dt, depth in ((0.002, 0.0010), (0.005, 0.0030)):
        engine = physics(BALL, dt, contact="smooth")
        q = torch.tensor([[0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
        out = engine.rollout(
            engine.pack(), q, torch.zeros(1, 6, dtype=torch.float64), torch.zeros(600, 1, 6, dtype=torch.float64)
        )
        assert 0.5 * depth < 0.1 - out[0][-1, 0, 2].item() < depth
        assert out[1][-1].abs().max() < 1e-6


def pushed(reach: float, force: float) -> tuple[torch.Tensor, float, torch.Tensor]:
    """(trajectory, where the ball ends, gradient of that in the force at the pusher) after half a second."""
    engine = physics(PUSHER, 0.005, contact="smooth", contact_reach=reach)
    dof_ctrl = torch.zeros(100, 1, 7, dtype=torch.float64)
    dof_ctrl[:, 0, 0] = force
    dof_ctrl.requires_grad_()
    q = torch.tensor(engine.model.qpos0)[None]
    out = engine.rollout(engine.pack(), q, torch.zeros(1, 7, dtype=torch.float64), dof_ctrl)
    place = out[0][-1, 0, 1]
    return out[0].detach(), place.item(), torch.autograd.grad(place, dof_ctrl)[0][:, 0, 0]


def test_an_object_at_rest_has_a_gradient_to_whatever_may_push_it():
    still, _, none = pushed(0.0, 0.0)
    same, _, felt = pushed(0.3, 0.0)
    assert torch.equal(still, same)  # the trajectory does not change, bit for bit
    assert (none == 0.0).all()
    assert (felt[:80] > 0.0).all()  # pushing moves the ball away from the pusher


def test_a_pair_that_touches_has_the_exact_gradient_whatever_the_reach():
    plain, exact = pushed(0.0, 6.0), pushed(0.3, 6.0)
    assert plain[1] > 0.01  # it was hit
    torch.testing.assert_close(plain[2], exact[2], rtol=0.0, atol=0.0)
