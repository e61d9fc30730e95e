"""The report of an identification says what the numbers say: by value in HTML, JSON, rows, TensorBoard."""

import json
import math
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from genesis.runners.report import console_rows, to_json, verdict, write_report, write_tensorboard
from genesis.runners.report.digits import change, percent, plain, quantity
from genesis.runners.report.html import render
from genesis.runners.report.judge import in_words, kind, relative_std, strongest_correlations, weak_directions
from genesis.runners.report.marks import marks
from genesis.runners.report.rows import uncertainty
from genesis.runners.report.thin import autocorrelation, broken, thin
from genesis.sysid.result import Estimate
from tests.runners.identifications import NAN, WARNINGS, failed, pendulum, trace


@pytest.fixture(scope="module")
def page() -> str:
    return render(pendulum(), "pendulum <1>", "scene:\n  dt: 0.01\n")


def words(page: str) -> str:
    """The text of a page, without pictures and marks, single spaces."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_file_needs_nothing_else(tmp_path: Path) -> None:
    path = write_report(tmp_path / "run", pendulum(), "pendulum")
    text = path.read_text()
    assert path == tmp_path / "run" / "report.html"
    assert not re.search(r"https?:|//cdn|<script|<link|@import|url\((?!#)", text)
    assert set(re.findall(r'(?:src|href)="([^"#]{0,5})', text)) <= {"", "data:"}  # "": inside the file
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    assert len(text) < 500_000


def test_every_estimate_is_there_to_the_last_digit(page: str) -> None:
    found = re.findall(r'data-name="([^"]*)" data-value="([^"]*)" data-std="([^"]*)"', page)
    assert [(name, float(value), float(std)) for name, value, std in found] == [
        (e.name, e.value, e.std) for e in pendulum().estimates
    ]


def test_numbers_on_the_page(page: str) -> None:
    text = words(page)
    for shown in (
        "1.235 ± 0.012 kg", "1.211 … 1.258", "(3.142 ± 0.040)·10⁻⁵ kg m²", "0.50 ± 0.20 Nms/rad", "0 … 20", "prior 3·10⁻⁵ ± 1·10⁻⁵", "≥ 0",
        "Objective 1234 → 61.7", "angle 0.4 → 0.05 rad", "lag 1 0.61", "Ljung–Box p 3·10⁻¹²", "normality p 0.2", "not white",
        "0.71 mass/rod − 0.71 armature/pivot", "cannot be told apart", "singular value 1·10⁻⁷", "−0.930", "pendulum <1>", "dt: 0.01",
    ):  # fmt: skip
        assert shown in text, shown
    assert [float(x) for x in re.findall(r'class="num" data-value="([^"]*)"', page)] == [
        0.5,
        0.025,
        0.4,
        0.05,
        0.5,
        0.025,
        0.4,
        0.05,
    ]
    assert all(warning in text for warning in WARNINGS)
    assert page.count("<svg") == 2 + 1 + 3  # fits, residuals, singular values, correlation, history


def test_report_of_a_failure() -> None:
    text = words(render(failed(), "pendulum"))
    assert "Diverged after 3 iterations, 17 simulations, 2 s: joint velocity is not finite at step 212." in text
    assert "The objective is not a number" in text and "the fit is not validated" in text
    assert "Without a standard deviation: mass/rod, armature/pivot, damping/pivot." in text
    assert "The covariance is not known." in text and "No iteration was finished." in text
    assert "nan" not in text.lower().split()


def test_verdict_of_a_fit_that_does_not_generalise() -> None:
    made = pendulum()
    made.rmse[3]["after"] = 0.6
    said = {sentence.text: sentence.tone for sentence in verdict(made)}
    assert said["Validation RMSE: angle 0.4 → 0.6 rad. Worse than before on angle: the model does not generalise there."] == "bad"
    assert said["Uncertain (standard deviation above 25 %): damping/pivot."] == "warn"
    assert said["2 of 3 parameters known to 5 % or better, 0 to 25 %."] == "plain"


def test_json_is_the_identification() -> None:
    made = pendulum()
    content = json.loads(json.dumps(to_json(made), allow_nan=False))
    assert content["estimates"][0] == {
        "name": "mass/rod", "group": "mass", "unit": "kg", "start": 1.0, "value": 1.23456, "std": 0.012, "low": 1.21104,
        "high": 1.25808, "bounds": [0.0, 20.0], "prior": None, "note": "", "natural": None, "beyond": None,
    }  # fmt: skip
    assert content["estimates"][2]["bounds"] == [0.0, None]
    np.testing.assert_array_equal(content["correlation"], made.correlation)
    assert content["identifiable"] == [True, True, False]
    assert content["rmse"] == made.rmse and content["history"] == made.history and content["warnings"] == WARNINGS
    assert content["traces"][1]["samples"] == 60 and content["traces"][1]["recording"] == "held"
    np.testing.assert_allclose([content["traces"][1][side] for side in ("before", "after")], [0.4, 0.05])
    nothing = to_json(failed())
    assert nothing["objective_best"] is None and nothing["covariance"] == [[None] * 3] * 3
    json.dumps(nothing, allow_nan=False)


def test_console_rows() -> None:
    estimates, errors = console_rows(pendulum())
    assert estimates[0] == ("mass/rod", "1", "1.235 ± 0.012 kg", "0.97 %", "")
    assert estimates[1][2:4] == ("(3.142 ± 0.040)·10⁻⁵ kg m²", "1.3 %")
    assert errors[0] == ("run", "train", "angle", "0.5", "0.025", "rad", "÷ 20")
    assert [row[0] for row in errors] == ["run", "held", "all", "all"]


def test_tensorboard_holds_the_numbers(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_tensorboard(tmp_path, pendulum())
    events = EventAccumulator(str(tmp_path))
    events.Reload()

    def curve(tag: str) -> list[tuple[int, float]]:
        return [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(tag)]

    assert curve("parameter/mass/rod/std") == [(3, 0.012)]
    assert curve("parameter/mass/rod/interval_high") == [(3, 1.25808)]
    assert curve("metric/rmse/validation/angle") == [(0, 0.4), (3, 0.05)]
    assert set(events.Tags()["images"]) == {
        "estimates", "correlation", "singular_values", "fit/run/angle/pivot", "fit/held/angle/pivot",
    }  # fmt: skip


def estimate(
    value: float, std: float = NAN, note: str = "", start: float = 1.0, bounds: tuple = (-math.inf, math.inf)
) -> Estimate:
    return Estimate("a", "a", "m", start, value, std, value - 2 * std, value + 2 * std, bounds, None, note)


@pytest.mark.parametrize(
    ("value", "std", "text", "interval"),
    [
        (1.23456, 0.0123, "1.235 ± 0.012", "1.210 … 1.259"),
        (-0.5, 0.099, "−0.500 ± 0.099", "−0.698 … −0.302"),
        (12345.0, 678.0, "12340 ± 680", "10990 … 13700"),
        (2.5e6, 1e4, "(2.500 ± 0.010)·10⁶", "(2.480 … 2.520)·10⁶"),
        (0.0, 2e-5, "(0.0 ± 2.0)·10⁻⁵", "(−4.0 … 4.0)·10⁻⁵"),
        (1.5, 1e-13, "1.5000000 ± 0.0000000", "1.5000000 … 1.5000000"),
        (0.1234567, NAN, "0.12346", "–"),
    ],
)
def test_value_has_the_digits_of_its_standard_deviation(value: float, std: float, text: str, interval: str) -> None:
    shown = quantity(estimate(value, std))
    assert (shown.measured, shown.interval) == (text, interval)


def test_plain_numbers() -> None:
    assert [plain(x) for x in (0.0, 0.123456, 12345.6, 1e-7, -math.inf, NAN, 999.99)] == [
        "0", "0.1235", "12346", "1·10⁻⁷", "−∞", "–", "1000",
    ]  # fmt: skip
    assert [percent(x) for x in (0.0043, 0.05, 0.117, 3.4, 80.0, NAN)] == ["0.43 %", "5 %", "12 %", "340 %", "over 1000 %", "–"]
    assert [change(1.0, x) for x in (0.02, 0.6, 1.0, 1.5, 40.0, NAN)] == ["÷ 50", "−40 %", "0 %", "+50 %", "× 40", "–"]


def test_kinds_of_estimates() -> None:
    notes = {
        "at its lower bound": "bound",
        "no effect on any residual": "lost",
        "decided by the prior": "prior",
        "frozen": "frozen",
    }
    assert {note: kind(estimate(1.0, 0.01, note)) for note in notes} == notes
    assert [kind(estimate(1.0, std)) for std in (0.04, 0.2, 0.5, NAN)] == ["well", "roughly", "uncertain", "unknown"]
    around_zero = estimate(0.001, 0.005, start=0.0, bounds=(-0.05, 0.05))
    assert relative_std(around_zero) == pytest.approx(5.0) and kind(around_zero) == "roughly", "a tenth of half its range"
    assert relative_std(estimate(2.0, 0.1, start=500.0)) == pytest.approx(0.05), "the start says nothing of it"
    assert math.isinf(relative_std(estimate(0.0, 0.1))) and kind(estimate(0.0, 0.1)) == "uncertain"
    told = [uncertainty(estimate(v, s, start=0.0)) for v, s in ((2.0, 0.1), (0.0043, 0.0069), (0.0, 2e-5), (1.0, NAN))]
    assert told == ["5 %", "0.0069 m", "2.0·10⁻⁵ m", "–"]


def test_combinations_in_words() -> None:
    made = pendulum()
    assert in_words(np.array([0.1, -0.7, 0.7]), list("abc")) == "0.70 b − 0.70 c"
    assert in_words(np.array([0.0, -1.0]), ["a", "b"]) == "b"
    assert weak_directions(made, least=1) == [(False, "0.71 mass/rod − 0.71 armature/pivot", 1e-7)]
    assert strongest_correlations(made) == [("armature/pivot", "mass/rod", -0.93)]


def test_marks_on_the_track() -> None:
    placed = marks(Estimate("a", "a", "m", 0.0, 1.0, 0.1, 0.8, 1.2, (0.6, 9.0), (1.2, 0.1)))
    assert (placed.start, placed.band, placed.bounds) == (8.0, pytest.approx((64.0, 92.0)), pytest.approx((50.0,)))
    assert placed.value == pytest.approx(78.0) and placed.prior == pytest.approx((78.0, 100.0))


def test_thinning_keeps_peaks_and_gaps() -> None:
    time = np.arange(10_000.0)
    values = np.sin(time / 700.0)
    values[4321], values[777], values[6000:6200] = 9.0, -9.0, NAN
    t, v = thin(time, values, 200)
    assert len(t) <= 310 and np.nanmax(v) == 9.0 and np.nanmin(v) == -9.0
    assert t[np.nanargmax(v)] == 4321.0
    assert np.isnan(v[(t >= 6000) & (t < 6200)]).all() and np.isnan(v[(t >= 6000) & (t < 6200)]).any()
    t, v = broken(time[:4], values[:4], np.array([0, 2]))
    assert np.isnan(v).tolist() == [False, False, True, False, False] and t.tolist() == [0.0, 1.0, 2.0, 2.0, 3.0]


def test_autocorrelation_of_a_known_process() -> None:
    generator = np.random.default_rng(0)
    residual = np.zeros(20_000)
    for k in range(1, len(residual)):
        residual[k] = 0.8 * residual[k - 1] + generator.normal()
    made = trace("run", "train", "pivot", 0.0, 0.0, samples=len(residual), starts=(0, 10_000))
    made.after = made.measured + residual
    made.measured[::97] = NAN
    values, bound = autocorrelation([made])
    np.testing.assert_allclose(values[:4], 0.8 ** np.arange(4), atol=0.03)
    assert bound == pytest.approx(1.96 / math.sqrt(np.isfinite(made.measured).sum()))
    assert trace("run", "train", "pivot", 0.025, 0.5).rmse("before") == pytest.approx(0.5)
