"""How certain estimates are: Monte Carlo, closed forms, what cannot be told apart, notes, profiles, whiteness."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.methods.residuals import ResidualBlock
from genesis.observations import Smoothing
from genesis.sysid.profile import profile_interval
from genesis.sysid.residuals import Residuals
from genesis.sysid.shooting import Shooting
from genesis.sysid.statistics import INTERVAL, certainty, estimates, noise_level, whiteness
from tests.sysid.problems import ARM, PARAMETERS, TRUTH, jacobian_of, joint_problem, recorded, solved, truth, whole

pytestmark = pytest.mark.usefixtures("engine")
SIGMA = 1e-3


def fitted(problem: Any) -> tuple[Residuals, np.ndarray]:
    made = solved(problem)
    return made.residuals, made.xs[-1]


def judged(problem: Any, errors: str = "residual") -> tuple[Any, dict[str, Any]]:
    residuals, x = fitted(problem)
    known = certainty(residuals, x, residuals.blocks(x), errors)
    return known, {e.name: e for e in estimates(problem, x, known)}


def noisy(seed: int) -> Any:
    """The truth with white noise as large as sigma says; the first sample, from which windows start, is exact."""
    made = recorded(ARM, truth=truth(), steps=60)
    random = np.random.default_rng(seed)
    for series, sigma in zip(made.channels.values(), (SIGMA, 10 * SIGMA), strict=True):
        series.values[1:] += sigma * random.standard_normal(series.values[1:].shape)
    return made


def test_covariance_is_that_of_many_repetitions() -> None:
    """30 recordings of other noise: the spread of the estimates is the standard error of each."""
    found, told = [], []
    for seed in range(30):
        problem = joint_problem(ARM, PARAMETERS, [noisy(seed)], Shooting(window=None))
        residuals, x = fitted(problem)
        known = certainty(residuals, x, residuals.blocks(x))
        found.append(problem.natural(torch.as_tensor(x)).numpy())
        told.append(np.sqrt(np.diag(known.covariance)))
    spread = np.std(found, 0, ddof=1)
    assert np.mean(told, 0) == pytest.approx(spread, rel=0.25)
    inside = np.abs(np.array(found) - list(TRUTH.values())) < INTERVAL * np.array(told)
    assert 0.88 <= inside.mean() <= 1.0
    given = certainty(residuals, x, residuals.blocks(x), "given")
    assert given.noise == 1.0 and known.noise == pytest.approx(1.0, abs=0.12)
    assert known.covariance == pytest.approx(given.covariance * known.noise**2)
    assert known.correlation[0, 1] == pytest.approx(
        known.covariance[0, 1] / np.sqrt(known.covariance[0, 0] * known.covariance[1, 1])
    )


def test_free_start_states_use_up_numbers() -> None:
    """With start states free and without priors the noise is still found, and the errors of parameters grow."""
    parameters = PARAMETERS | {"start": {"kind": "start_state", "position_std": None, "velocity_std": None}}
    problem = joint_problem(ARM, parameters, [noisy(3)], Shooting(window=0.1), smoothing=Smoothing(1, 3, "measured"))
    residuals, x = fitted(problem)
    data = residuals.blocks(x)
    count, windows = sum(len(b.r) for b in data), len(problem.windows)
    cost = 2.0 * sum(b.cost() for b in data)
    assert windows == 6 and noise_level(residuals, data) == pytest.approx(np.sqrt(cost / (count - 3 - 4 * windows)))
    assert noise_level(residuals, data) == pytest.approx(1.0, abs=0.15)
    held = certainty(residuals, x, data)
    jacobian = np.concatenate([b.z for b in data])
    naive = np.linalg.inv(jacobian.T @ jacobian)
    assert (np.diag(held.covariance)[:1] > 1.5 * np.diag(naive)[:1]).all()


def test_errors_that_are_correlated_within_windows() -> None:
    """An offset that is the same all over a window: clustered errors are the spread over 16 recordings."""
    clustered, found = [], []
    for seed in range(16):
        made = recorded(ARM, truth={"link_mass": truth()["link_mass"]})
        offsets = 10 * SIGMA * np.random.default_rng(seed).standard_normal((10, 2))
        angles = made.channels["angle"].values
        angles[:100] += np.where(np.arange(100)[:, None] % 10 > 0, np.repeat(offsets, 10, 0), 0.0)  # start states stay
        problem = joint_problem(ARM, {"mass": PARAMETERS["mass"]}, [made], Shooting(window=0.1))
        residuals, x = fitted(problem)
        found.append(x[0])
        clustered.append(np.sqrt(certainty(residuals, x, residuals.blocks(x), "clustered").covariance[0, 0]))
    assert np.mean(clustered) == pytest.approx(np.std(found, ddof=1), rel=0.4)
    assert np.mean(found) == pytest.approx(TRUTH["mass/lower"], abs=4e-3)


def test_clustered_errors_in_closed_form() -> None:
    """The sandwich of the scores of five windows of three parameters, times n / (n - k): two and a half times what it is without."""
    problem = joint_problem(ARM, PARAMETERS, [noisy(0)], Shooting(window=0.12))
    residuals, x = fitted(problem)
    blocks = residuals.blocks(x)
    to_natural = np.diag(problem.natural(torch.as_tensor(x)).numpy() ** np.array([0.0, 1.0, 1.0]))  # damping by its logarithm
    table, r = jacobian_of(blocks, residuals) @ np.linalg.inv(to_natural), np.concatenate([b.r for b in blocks])
    window = np.concatenate([b.window for b in blocks])
    scores = np.stack([table[window == w].T @ r[window == w] for w in range(5)])
    inverse = np.linalg.inv(table.T @ table)
    expected = 5.0 / (5.0 - 3.0) * inverse @ scores.T @ scores @ inverse
    known = certainty(residuals, x, blocks, "clustered")
    assert len(problem.windows) == 5 and known.errors == "clustered"
    assert known.covariance == pytest.approx(expected, rel=1e-6)


def test_clusters_need_more_windows_than_parameters() -> None:
    problem = joint_problem(ARM, PARAMETERS, [noisy(0)], Shooting(window=None))
    known, _ = judged(problem, "clustered")
    plain, _ = judged(problem, "residual")
    assert known.errors == "residual" and np.array_equal(known.covariance, plain.covariance)


def test_mass_and_torque_scale_cannot_be_told_apart() -> None:
    """All masses, inertias and gains scaled together move alike: the direction is named, its parameters have no interval."""
    parameters = {
        "inertia": {"kind": "mass"},
        "spread": {"kind": "field", "field": "link_inertia", "columns": [1]},
        "gain": {"kind": "input_gain", "input": "torque", "tie": True},
        "damping": {"kind": "damping", "tie": True},
        "gravity": {"kind": "gravity", "columns": [2]},
    }
    known, told = judged(joint_problem(ARM, parameters, [noisy(0)]))
    assert known.identifiable.tolist() == [True] * (len(told) - 1) + [False]
    loose = known.directions[:, -1]
    together = [name != "gravity/gravity[z]" for name in told]
    assert np.abs(loose)[together].min() > 0.2 and np.abs(loose)[np.invert(together)].max() < 1e-3
    assert np.ptp(loose[together]) < 2e-2, "in units of their values all change by the same share"
    for name, one in told.items():
        assert np.isnan(one.std) == (name != "gravity/gravity[z]")
        assert one.note == ("not identifiable alone" if name != "gravity/gravity[z]" else "")
    assert known.singular_values[-1] < 1e-6 * known.singular_values[0]


def test_a_known_total_makes_masses_identifiable() -> None:
    parameters = {
        "mass": {"kind": "mass", "total": 2.3, "total_std": 1e-3},
        "gain": {"kind": "input_gain", "input": "torque", "tie": True},
    }
    spread = {"spread": {"kind": "field", "field": "link_inertia", "columns": [1]}, "damping": {"kind": "damping"}}
    _, told = judged(joint_problem(ARM, parameters | spread, [noisy(0)]))
    assert {e.note for e in told.values()} == {""} and all(np.isfinite(e.std) for e in told.values())
    assert told["mass/upper"].value + told["mass/lower"].value == pytest.approx(2.3, abs=2e-3)
    assert told["gain/all"].value == pytest.approx(1.0, abs=0.02)


def test_notes() -> None:
    parameters = {
        "silent": {"kind": "field", "field": "link_inertia", "columns": [0]},
        "believed": {"kind": "field", "field": "link_inertia", "names": ["lower"], "columns": [2], "prior": [1e-3, 1e-4]},
        "mass": {"kind": "mass", "names": ["lower"], "inertia": "keep", "bounds": [None, 1.1]},
        "damping": {"kind": "damping", "names": ["elbow"], "prior": [0.03, 1e-7]},
        "shoulder": {"kind": "damping", "names": ["shoulder"], "prior": [None, 1.0]},
        "held": {"kind": "armature", "learn": False, "init": 1e-4},
    }
    known, told = judged(joint_problem(ARM, parameters, [noisy(0)]))
    notes = {name: e.note for name, e in told.items()}
    assert notes == {
        "silent/upper[0]": "no effect on any residual", "silent/lower[0]": "no effect on any residual",
        "believed/lower[2]": "decided by the prior", "mass/lower": "at its upper bound", "damping/elbow": "decided by the prior",
        "shoulder/shoulder": "", "held/shoulder": "frozen", "held/elbow": "frozen",
    }  # fmt: skip
    assert np.isnan(told["mass/lower"].std) and told["mass/lower"].bounds == (0.0, 1.1)
    assert told["damping/elbow"].std == pytest.approx(1e-7, rel=0.01) and told["shoulder/shoulder"].prior == (0.02, 1.0)
    assert told["held/elbow"].value == told["held/elbow"].low == 1e-4
    one = told["shoulder/shoulder"]
    assert (one.low, one.high) == pytest.approx((one.value - INTERVAL * one.std, one.value + INTERVAL * one.std))


def test_inertial_parameters_are_judged_by_their_natural_values() -> None:
    """A double pendulum in its plane: six of ten numbers of the last link have no effect."""
    known, told = judged(joint_problem(ARM, {"body": {"kind": "inertia", "names": ["lower"]}}, [noisy(0)]))
    assert known.identifiable.sum() == 4, "mass, first moments in the plane, moment of inertia about the joint"
    notes = {name.rpartition(".")[2]: e.note for name, e in told.items()}
    assert notes["ixx"] == notes["izz"] == notes["ixy"] == notes["ixz"] == notes["iyz"] == "no effect on any residual"
    assert (
        told["body/lower.mass"].unit == "kg" and told["body/lower.com.z"].unit == "m" and told["body/lower.iyy"].unit == "kg m²"
    )
    assert told["body/lower.mass"].value == pytest.approx(TRUTH["mass/lower"], abs=0.1)


def test_profile_of_a_linear_parameter_is_the_gaussian_interval() -> None:
    driven = recorded("driven", noise=SIGMA, steps=60)
    parameters = {"bias": {"kind": "sensor_bias", "channel": "speed"}, "gain": {"kind": "sensor_gain", "channel": "speed"}}
    problem = joint_problem("driven", parameters, [driven])
    residuals, x = fitted(problem)
    known = certainty(residuals, x, residuals.blocks(x), "given")
    for k in range(4):
        deviation = np.sqrt(known.covariance[k, k])
        low, high = profile_interval(residuals, x, k, known.noise, deviation)
        expected = x[k] - INTERVAL * deviation, x[k] + INTERVAL * deviation
        assert (low, high) == pytest.approx(expected, abs=2e-3 * deviation)


def test_profile_ends_at_a_bound() -> None:
    driven = recorded("driven", noise=SIGMA, steps=60)
    parameters = {"bias": {"kind": "sensor_bias", "channel": "speed", "names": ["slide"], "bounds": [-1e-4, None]}}
    residuals, x = fitted(joint_problem("driven", parameters, [driven]))
    low, high = profile_interval(residuals, x, 0, 1.0, 2e-3)
    assert low == -1e-4 and high > 1e-3


def test_profile_of_what_the_data_say_nothing_of_is_infinite() -> None:
    parameters = {"silent": {"kind": "field", "field": "link_inertia", "columns": [0], "names": ["lower"]}}
    residuals, x = fitted(joint_problem(ARM, parameters, [noisy(0)]))
    assert profile_interval(residuals, x, 0, 1.0, 1e-4) == (-np.inf, np.inf)


def test_whiteness() -> None:
    random = np.random.default_rng(0)
    white = [random.standard_normal((300, 2)) for _ in range(3)]
    white[1][7, 0] = np.nan
    first, second = whiteness("angle", ["a", "b"], white)
    assert abs(first.lag1) < 0.1 and first.ljung_box_p > 0.01 and first.normality_p > 0.01 and second.label == "b"
    red = [np.cumsum(0.1 * x, 0) for x in white]
    (one, _) = whiteness("angle", ["a", "b"], [np.nan_to_num(x) for x in red])
    assert one.lag1 > 0.9 and one.ljung_box_p < 1e-12
    (flat,) = whiteness("angle", ["a"], [random.uniform(-1, 1, (900, 1))])
    assert flat.normality_p < 1e-6
    (short,) = whiteness("angle", ["a"], [np.zeros((10, 1))])
    assert np.isnan([short.lag1, short.ljung_box_p, short.normality_p]).all()


def test_ljung_box_is_that_of_its_formula() -> None:
    x = np.random.default_rng(4).standard_normal(200)
    c = x - x.mean()
    rho = np.array([c[k:] @ c[: len(c) - k] for k in range(1, 21)]) / (c @ c)
    from scipy.stats import chi2

    expected = chi2.sf(200 * 202 * (rho**2 / (200 - np.arange(1, 21))).sum(), 20)
    (made,) = whiteness("angle", ["a"], [x[:, None]])
    assert made.ljung_box_p == pytest.approx(expected, rel=1e-10) and made.lag1 == pytest.approx(rho[0])
    assert ResidualBlock("it", np.array([3.0])).cost() == 4.5 and whole(ARM, "link_mass", lower=2.0)[-1] == 2.0
