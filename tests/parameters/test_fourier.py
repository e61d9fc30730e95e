"""The Fourier series: where it starts and ends, how large and how fast it is."""

import math

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.parameters import PARAMETERS
from genesis.parameters.fourier import series
from tests.settings import HOME, numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")


def fourier(setting, **options):
    return PARAMETERS["fourier"](setting, "parameter.test", **options)


@pytest.mark.parametrize(("harmonics", "frequency"), [(2, 0.5), (5, 0.5), (4, 1.0)])
def test_starts_and_ends_at_rest(harmonics: int, frequency: float) -> None:
    """Value, slope and curvature at both ends of two seconds, by differences of the formula."""
    h = 1e-4
    for end in (0.0, 2.0):
        before, here, after = series(np.array([end - h, end, end + h]), frequency, harmonics, rest=True)
        size = (2 * math.pi * frequency * harmonics) ** 2
        assert here == pytest.approx(0.0, abs=1e-12)
        assert (after - before) / (2 * h) == pytest.approx(0.0, abs=1e-6 * size)
        assert (after - 2 * here + before) / h**2 == pytest.approx(0.0, abs=2e-3 * size)


@pytest.mark.parametrize("rest", [False, True])
def test_nothing_above_the_highest_harmonic_and_size_one(rest: bool) -> None:
    weights = series(np.arange(400) / 100.0, 0.25, 6, rest)
    assert weights.shape == (400, 10 if rest else 13)
    assert np.abs(np.fft.rfft(weights, axis=0)[7:]).max() < 1e-10
    waves = weights if rest else weights[:, 1:]
    assert np.square(waves).sum(1).mean() == pytest.approx(1.0, rel=1e-12)
    assert np.linalg.matrix_rank(weights) == weights.shape[1]


def test_curve_is_the_series_of_swevers() -> None:
    """Without rest: a constant, then sines and cosines over their order."""
    setting = setting_of("cartpole", horizon=8, dt=0.01)
    force = fourier(setting, harmonics=2, frequency=5.0, rest=False, joints=["slider"], scale=3.0, init=1.0)
    with torch.no_grad():
        force.leaves()[0].copy_(numbers(0.5, 1.0, -2.0, 0.25, 4.0)[:, None])
    t = np.arange(8) * 0.01
    w = 2 * math.pi * 5.0
    waves = [np.sin(w * t), np.sin(2 * w * t) / 2, np.cos(w * t), np.cos(2 * w * t) / 2]
    size = math.sqrt(2 * (1 + 1 / 4) / 2)  # a sine and a cosine of each order, of mean square 1/2 over a period
    curve = waves[0] - 2.0 * waves[1] + 0.25 * waves[2] + 4.0 * waves[3]
    assert force.value()[:, 0].tolist() == pytest.approx((1.0 + 3.0 * (0.5 + curve / size)).tolist(), rel=1e-12)


def test_settles_at_its_start() -> None:
    setting = setting_of("double_pendulum", horizon=100, control="position")
    target = fourier(setting, harmonics=3, settle=0.3, noise=1.0, init=[0.5, -0.2])
    value = target.value().detach()
    assert torch.equal(value[70:], value[70].expand(30, -1)) and value[0].tolist() == pytest.approx([0.5, -0.2])
    assert value[70].tolist() == pytest.approx([0.5, -0.2], abs=1e-12) and float((value - value[0]).abs().max()) > 0.5


def test_targets_stay_in_the_range_of_the_joints_and_hold_the_arm() -> None:
    setting = setting_of("panda", horizon=60, qpos=HOME, control="position")
    still = fourier(setting, init="hold", bounds="limits")
    weight, gain = setting.scene.gravity_force(setting.start_qpos).detach(), setting.robot.get_dofs_kp()
    assert still.value()[0].detach().numpy() - HOME == pytest.approx((weight / gain).numpy(), abs=1e-9)
    assert float((weight / gain).abs().max()) > 0.01
    trajectory = setting.scene.rollout(still.value(), kind="position", qpos=setting.start_qpos, qvel=setting.start_qvel)
    assert trajectory.qpos[-1].tolist() == pytest.approx(HOME, abs=1e-7)
    wild = fourier(setting, init="home", bounds="limits", noise=10.0).value().detach()
    low, high = setting.robot.get_dofs_limit()
    assert bool((wild >= low).all()) and bool((wild <= high).all()) and float(wild[:, 0].abs().max()) > 2.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"harmonics": 60}, "harmonic 60 of 1 Hz is 60 Hz; a control step of 0.01 s shows less than 50 Hz"),
        ({"harmonics": 1}, "one harmonic cannot start at rest; needs 2 or more, or rest: false"),
        ({"frequency": 1.5}, "1.5 Hz has 1.5 periods in 1 s; to end at rest they must be whole, e.g. 2 Hz"),
        ({"settle": 1.0}, "settle: 1 s at rest leave nothing of the horizon"),
        ({"settle": 0.5, "rest": False}, "set rest: true or settle: 0"),
    ],
)
def test_series_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", "\\(")):
        fourier(setting_of("cartpole", horizon=100), **options)
