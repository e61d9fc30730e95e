"""Goodness of fit as numbers: chi-square, share explained, autocorrelation, and from where on a fit is bad."""

import numpy as np
import pytest

from genesis.sysid.fit import ChannelResiduals, FitLimits, GoodnessOfFit, beyond_sigma, fit_of

N = 4000
LIMITS = FitLimits()


def channel(
    size: float = 1.0, trivial: float = 20.0, split: str = "train", given: bool = True, robust: bool = False, name: str = "angle"
):
    """White residuals of so many sigma, (N, 2)."""
    noise = np.random.default_rng(3 if split == "train" else 4).standard_normal((N, 2))
    noise /= np.sqrt(np.mean(noise**2))
    window = np.repeat(np.arange(4), N // 4)
    return ChannelResiduals(name, split, "rad", size * noise, trivial * noise, window, np.array([0.01, 0.01]), given, robust)


def judged(*channels: ChannelResiduals, used: int = 5, limits: FitLimits = LIMITS) -> GoodnessOfFit:
    return fit_of(channels, used, limits)


def test_chi_square_counts_what_the_fit_has_used() -> None:
    made = judged(channel(1.5), used=N)  # half of 2 N numbers
    (one,) = made.channels
    assert one.samples == 2 * N and one.residual == pytest.approx(1.5) and one.chi2 == pytest.approx(2.0 * 1.5**2)
    assert made.chi2 == one.chi2 and one.sigma == pytest.approx(0.01)
    assert one.explained == pytest.approx(1.0 - 1.5 / 20.0) and abs(one.lag1) < 0.05
    assert made.reasons == [] and made.trusted and np.isnan(made.held_out)
    held = judged(channel(1.5), channel(3.0, split="validation"), used=N)
    assert held.held_out == pytest.approx(2.0) and held.channels[1].chi2 == pytest.approx(9.0), (
        "nothing is fitted to held-out data"
    )
    assert held.chi2 == one.chi2


def test_missing_numbers_and_jumps_between_windows_count_for_nothing() -> None:
    full, holes = channel(), channel()
    holes.left[::2, 0] = np.nan
    assert judged(holes).channels[0].samples == 2 * N - N // 2 and judged(holes).channels[0].residual == pytest.approx(
        1.0, rel=0.02
    )
    full.left = np.where(full.window[:, None] % 2 == 0, 3.0, -3.0) + 0.01 * full.left
    assert judged(full).channels[0].lag1 == pytest.approx(1.0, abs=1e-3), "constant within windows: neighbours agree"


def test_a_robust_loss_looks_away_from_the_largest() -> None:
    plain, robust = channel(), channel(robust=True)
    for one in (plain, robust):
        one.left[: N // 50] = 1e3
    assert judged(plain).channels[0].residual > 100.0
    assert judged(robust).channels[0].residual < 1.2 and judged(robust).reasons == []
    robust.left[: N // 10] = 1e3  # a tenth is no outlier any more
    assert judged(robust).channels[0].residual > 100.0


@pytest.mark.parametrize(
    ("size", "trivial", "limits", "bad"),
    [
        (7.9, 30.0, LIMITS, False), (8.1, 30.0, LIMITS, True),  # chi² of 64
        (7.9, 22.0, LIMITS, True), (2.1, 5.9, LIMITS, True), (1.9, 5.3, LIMITS, False),  # chi² of 4 and 65 % of the motion
        (2.1, 5.9, FitLimits(chi2=128.0), False), (2.1, 5.9, FitLimits(explained=0.5), False),
        (20.0, 201.0, LIMITS, False), (20.0, 199.0, LIMITS, True),  # 90 % of the motion
        (20.0, 199.0, FitLimits(chi2=None), False), (20.0, 199.0, FitLimits(explained=0.5), False),
        (20.0, 2000.0, FitLimits(explained=None), True), (20.0, 0.0, LIMITS, True),
    ],
)  # fmt: skip
def test_bad_is_beyond_sigma_and_explains_too_little(size, trivial, limits, bad) -> None:
    made = judged(channel(size, trivial), used=0, limits=limits)
    assert bool(made.reasons) == bad and made.trusted == (not bad)


def test_held_out_recordings_are_judged_too() -> None:
    good = channel(0.5)
    far = judged(good, channel(9.0, split="validation"))
    assert (
        "angle on held-out recordings: residuals of 9 sigma (given: 0.01 rad), 55 % of the motion is explained (0.5"
        in far.reasons[0]
    )
    assert judged(good, channel(3.0, split="validation")).reasons, "six times the residual, and 85 % explained"
    assert not judged(good, channel(3.0, split="validation"), limits=FitLimits(held_out=7.0)).reasons
    assert not judged(good, channel(1.9, split="validation")).reasons, "90 % explained"
    assert not judged(channel(0.1), channel(0.9, 1.0, split="validation")).reasons, "within sigma"
    alone = judged(good, channel(9.0, split="validation", name="other"))
    assert alone.reasons == [], "a channel of held-out recordings alone was not fitted"


def test_an_estimated_sigma_asks_for_more() -> None:
    assert not judged(channel(7.9, 20.0, given=False), used=0).reasons


def test_one_number_does_not_hide_behind_large_ones() -> None:
    one = channel(0.7, 600.0)
    one.left[:, 1], one.trivial[:, 1] = 80.0 * one.left[:, 1], 70.0 / 600.0 * one.trivial[:, 1]
    assert not judged(one).reasons, "the whole is explained"
    one.labels, one.units = ("shoulder", "elbow"), ("rad", "rad")
    (said,) = judged(one).reasons
    assert "% of the motion is explained; worst is elbow: 5" in said and said.endswith("sigma, 20 % of the motion is explained")
    assert [n.label for n in judged(one).channels[0].numbers] == ["shoulder", "elbow"]
    one.trivial[:, 0] *= 20.0  # what is left is a hundredth of how far the others move
    assert not judged(one).reasons
    one.units = ("m", "rad")
    assert judged(one).reasons, "metres are not compared with radians"
    one.labels = ("tool", "tool")
    assert judged(one).channels[0].numbers == [], "numbers that only count together"


def test_worse_than_the_description_on_all_held_out_data() -> None:
    def found(ratio: float, size: float = 3.0, limits: FitLimits = LIMITS) -> list[str]:
        other = channel(size, 60.0, split="validation")
        other.against = ratio
        return judged(channel(1.0), other, limits=limits).reasons

    assert found(1.2) == ["held-out recordings: residuals are larger than those of the description (angle 1.2 times)"]
    assert found(1.04) == found(np.nan) == found(1.2, 1.9) == found(1.2, limits=FitLimits(held_out=None)) == []


def test_words_tell_where_sigma_is_from() -> None:
    (said,) = judged(channel(16.25, 74.0, given=False)).reasons
    assert said == "angle: residuals of 16.2 sigma (estimated from the data: 0.01 rad), 78 % of the motion is explained"


def test_what_is_beyond_sigma_is_said_though_the_motion_is_explained() -> None:
    made = judged(channel(30.0, 900.0), channel(1.0, name="speed"), channel(40.0, 900.0, split="validation"))
    assert made.reasons == []
    (said,) = beyond_sigma(made, LIMITS)
    assert said.startswith(
        "angle: residuals of 30 sigma (given: 0.01 rad), 97 % of the motion is explained: the model misses something"
    )
    assert beyond_sigma(judged(channel(30.0, 40.0)), LIMITS) == [], "where it is a reason it is said as one"
    assert beyond_sigma(made, FitLimits(chi2=None)) == []
