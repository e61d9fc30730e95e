"""Elementary functions of lane scalars."""

import numpy as np
import pytest

from genesis.math import lanes as lane_math
from tests.math.tracing import LANES, evaluate

ULP = np.finfo(float).eps


@pytest.mark.parametrize("lanes", LANES)
def test_sincos_is_accurate_far_from_zero(engine, lanes):
    """Within two units in the last place of one for |x| <= 1e4 rad; multiples of pi/2 and tiny angles included."""
    rng = np.random.default_rng(0)
    quarters = np.arange(-40, 41) * (np.pi / 2)
    x = np.concatenate(
        [rng.uniform(-r, r, 500) for r in (1e-3, 1.0, 10.0, 1e3, 1e4)] + [quarters, quarters + 1e-9, [0.0, -0.0, 1e-300]]
    )
    found = evaluate(lambda v, _: lane_math.sincos(v[0]), x[:, None], lanes)
    assert np.abs(found[:, 0] - np.sin(x)).max() <= 2 * ULP
    assert np.abs(found[:, 1] - np.cos(x)).max() <= 2 * ULP
    small = np.abs(x) < 1.0
    assert np.abs(found[small, 0] - np.sin(x[small])).max(initial=0) <= 2 * ULP * np.abs(np.sin(x[small])).max()
    np.testing.assert_allclose(found[small, 0], np.sin(x[small]), rtol=4 * ULP)


@pytest.mark.parametrize("lanes", LANES)
def test_sincos_of_no_number_is_no_number(engine, lanes):
    x = np.array([[np.nan], [np.inf], [-np.inf], [0.5]])
    found = evaluate(lambda v, _: lane_math.sincos(v[0]), x, lanes)
    assert np.isnan(found[:3]).all()
    np.testing.assert_allclose(found[3], [np.sin(0.5), np.cos(0.5)], rtol=2 * ULP)


@pytest.mark.parametrize("lanes", LANES)
def test_choices_are_made_lane_by_lane(engine, lanes):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(7, 2))

    def choices(v, width):
        a, b = v
        return [
            lane_math.where(a < b, a, b), lane_math.minimum(a, b), lane_math.maximum(a, b), lane_math.sqrt(a * a),
            lane_math.constant(3.0, width), lane_math.let(lane_math.negative(a)),
        ]  # fmt: skip

    a, b = x.T
    expected = np.stack([np.minimum(a, b), np.minimum(a, b), np.maximum(a, b), np.abs(a), np.full(7, 3.0), -a], 1)
    np.testing.assert_array_equal(evaluate(choices, x, lanes), expected)
