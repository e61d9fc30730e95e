"""Recorded inputs on the time steps: interpolation, delays, lags; and what the sensors add to start states."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from genesis.errors import InputError
from genesis.sysid.drive import Lag, on_lines, read_series
from genesis.sysid.shooting import Shooting
from tests.settings import numbers
from tests.sysid.problems import joint_problem

pytestmark = pytest.mark.usefixtures("engine")
ARM = "double_pendulum"


def test_lines_and_their_slope() -> None:
    time, values = numbers(0.0, 1.0, 3.0), numbers([1.0], [2.0], [-2.0])
    at = numbers(-1.0, 0.25, 2.0, 9.0).requires_grad_()
    made = on_lines(time, values, at)
    assert made[:, 0].tolist() == [1.0, 1.25, 0.0, -2.0]
    assert torch.autograd.grad(made.sum(), at)[0].tolist() == [0.0, 1.0, -2.0, 0.0]
    assert on_lines(time[:1], values[:1], at)[:, 0].tolist() == [1.0] * 4


def test_a_held_input_is_its_mean_over_the_step() -> None:
    time, values = numbers(0.0, 0.05, 0.2), numbers([1.0], [3.0], [7.0])
    at = numbers(-5.0, 0.0, 0.05, 0.1, 0.21, 9.0)
    made = read_series(time, values, at, "zero", 0.1)[:, 0]
    expected = [1.0, 1.0, 0.5 * 1.0 + 0.5 * 3.0, 3.0, 0.4 * 3.0 + 0.6 * 7.0, 7.0]
    assert made.tolist() == pytest.approx(expected, abs=1e-9)
    assert read_series(time[:1], values[:1], at, "zero", 0.1).tolist() == [[1.0]] * 6


def test_a_lag_is_the_exact_filter_and_its_derivatives() -> None:
    u = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    dt, tau = 0.1, 0.25
    y = Lag.apply(u, torch.exp(torch.tensor(-dt / tau, dtype=torch.float64)))
    made = [u[0].numpy()]
    for k in range(1, 9):
        one = solve_ivp(lambda t, x, k=k: (u[k].numpy() - x) / tau, (0.0, dt), made[-1], rtol=1e-11, atol=1e-13)
        made.append(one.y[:, -1])
    assert y.numpy() == pytest.approx(np.array(made), rel=1e-9)
    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Lag.apply, (u.clone().requires_grad_(), a), check_forward_ad=True)


def test_a_lag_does_not_start_anew_in_every_window() -> None:
    """The torque that acts in a window is the filtered one of the whole recording, whatever the windows are."""
    parameters = {"lag": {"kind": "input_lag", "input": "torque", "init": 0.08}}
    whole, cut = (joint_problem(ARM, parameters, shooting=Shooting(window=window)) for window in (None, 0.25))
    expected = whole.controls(whole.batches[0], whole.targets(whole.z0))[0][:, 0]
    (batch,) = cut.batches
    made = cut.controls(batch, cut.targets(cut.z0))[0]
    assert [len(batch), batch.horizon] == [4, 25]
    assert made.movedim(0, 1).reshape(100, 2).numpy() == pytest.approx(expected.numpy(), rel=1e-13)


def test_a_delayed_input_acts_later() -> None:
    problem = joint_problem(
        ARM, {"late": {"kind": "input_delay", "input": "torque", "init": 0.03}}, shooting=Shooting(window=None)
    )
    dof_ctrl, _ = problem.controls(problem.batches[0], problem.targets(problem.z0))
    torque = problem.recordings[0].inputs["torque"]
    at = (np.arange(100) + 0.5) * 0.01 - 0.03
    expected = np.stack([np.interp(at, torque.time, column) for column in torque.values.T], 1)
    assert dof_ctrl[:, 0].numpy() == pytest.approx(expected, abs=1e-12)


def test_start_states_are_freed_of_their_sensors() -> None:
    """measured = gain * q(t - delay) + bias; of two channels on one joint the first counts."""
    options = {
        "gain": {"kind": "sensor_gain", "channel": "angle", "names": ["elbow"], "init": 2.0},
        "bias": {"kind": "sensor_bias", "channel": "angle", "init": [0.1, -0.2]},
        "delay": {"kind": "sensor_delay", "channel": "angle", "init": 0.02},
    }
    problem = joint_problem(ARM, options, shooting=Shooting(window=None))
    batch = problem.batches[0]
    q, v = batch.state[0, :2], batch.state[0, 2:]
    made = problem.begin(batch, problem.targets(problem.z0), None)[0]
    speed = v / numbers(1.0, 2.0)
    assert torch.allclose(made[2:], speed) and torch.allclose(
        made[:2], (q - numbers(0.1, -0.2)) / numbers(1.0, 2.0) + 0.02 * speed
    )


def test_a_lag_of_zero_is_refused_and_starts_at_a_time_step() -> None:
    lag = {"kind": "input_lag", "input": "torque"}
    assert joint_problem(ARM, {"lag": lag}).z0.tolist() == [0.01]
    with pytest.raises(InputError, match="parameter.lag.init: a lag of 0 s has no slope to learn from; give a positive one"):
        joint_problem(ARM, {"lag": lag | {"init": 0.0}})


def test_units_are_those_of_each_joint() -> None:
    """A cart on a slide, and an arm on a hinge."""
    parameters = {
        "force": {"kind": "input_bias", "input": "torque"}, "all": {"kind": "input_bias", "input": "torque", "tie": True},
        "damping": {"kind": "damping"}, "spring": {"kind": "stiffness", "names": ["slide"]}, "rotor": {"kind": "armature"},
        "rest": {"kind": "spring_reference"}, "zero": {"kind": "joint_offset"}, "gain": {"kind": "sensor_gain", "channel": "angle"},
        "bias": {"kind": "sensor_bias", "channel": "speed", "names": ["slide"]},
    }  # fmt: skip
    made = joint_problem("driven", parameters).parameters
    units = {name: [one.unit_of(k) for k in range(len(one.labels()))] for name, one in made.items()}
    assert units == {
        "force": ["N", "Nm"], "all": ["N | Nm"], "damping": ["Ns/m", "Nms"], "spring": ["N/m"], "rotor": ["kg", "kg m²"],
        "rest": ["m", "rad"], "zero": ["m", "rad"], "gain": ["1", "1"], "bias": ["m/s"],
    }  # fmt: skip
