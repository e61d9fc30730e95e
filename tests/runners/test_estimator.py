"""Estimated gradients: closed forms, jumps, samples against single evaluations, what cannot be estimated, going on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis.errors import DivergenceError, InputError
from genesis.methods import make_method
from genesis.methods.method import move, point, spans
from genesis.problems.problem import INTERRUPTED, Verdict
from genesis.runners.checkpoint import load_checkpoint
from genesis.runners.estimator import EstimatedProblem, GradientOptions, mixture
from genesis.runners.evaluate import TaskProblem
from genesis.runners.loop import Loop, Stop
from genesis.runners.optimize import optimization
from genesis.runners.record import Record, RecordOptions
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

PUSH = ("task=throw_bin", "task.horizon=30")
SIZE = np.array([2.0, 0.5])


def samples(count: int, sigma: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise (N, 2) in pairs, and its scale."""
    half = np.random.default_rng(seed).standard_normal((count // 2, 2))
    return np.concatenate([half, -half]) * sigma * SIZE, sigma * SIZE


def test_of_a_quadratic_both_are_its_gradient_and_variances_are_known() -> None:
    """f = gᵀx + ½ xᵀ H x: in pairs of gradients H cancels, pairs of values vary by the slope alone."""
    g, h, x, sigma = np.array([1.0, -3.0]), np.diag([4.0, 2.0]), np.array([0.3, 0.2]), 0.1
    noise, scale = samples(200_000, sigma)
    points = x + noise
    values = points @ g + 0.5 * np.einsum("ni,ij,nj->n", points, h, points)
    found = mixture(g + points @ h, values, noise, scale, "mixed")
    exact = g + h @ x
    assert found.first == pytest.approx(exact, rel=1e-11) and found.told["variance_first"] < 1e-25, "pairs cancel"
    assert found.zeroth == pytest.approx(exact, rel=0.04)
    slope = exact * scale
    zeroth = sum((slope**2).sum() + slope[i] ** 2 for i in range(2)) / (len(noise) / 2)
    assert found.told["variance_zeroth"] == pytest.approx(zeroth, rel=0.05)
    assert found.told["alpha"] == pytest.approx(1.0, abs=1e-9) and found.gradient == pytest.approx(exact, abs=1e-9)


def test_of_a_cubic_variances_and_covariance_are_known() -> None:
    """f = x³ at 0: of a pair the mean gradient is 3 z², and the values give z⁴ / σ²; their variances are 18 σ⁴ and 96 σ⁴, and 15 σ⁴ in the
    other number, the covariance 36 σ⁴: the first is that much better that it would be taken 75 / 57 times."""
    noise, scale = samples(400_000, 0.1)
    z, s = noise[:, 0], scale[0]
    found = mixture(np.stack([3.0 * z**2, 0.0 * z], 1), z**3, noise, scale, "mixed")
    pairs = len(z) / 2
    assert found.told["variance_first"] == pytest.approx(18.0 * s**6 / pairs, rel=0.05)
    assert found.told["variance_zeroth"] == pytest.approx((96.0 + 15.0) * s**6 / pairs, rel=0.05)
    assert found.told["alpha"] == 1.0
    assert found.gradient[0] == pytest.approx(3.0 * s**2, rel=0.02)


@pytest.mark.parametrize(
    ("height", "wave", "limit"), [(0.0, 0.0, 0.35), (5.0, 0.0, 1.25), (0.0, 50.0, 1.05)], ids=["smooth", "jump", "steep"]
)
def test_the_mixture_errs_about_as_little_as_the_better_one(height: float, wave: float, limit: float) -> None:
    """f = |x|² / 2 + x₀ + x₁ + a jump or short waves in x₀; the error over that of zeroth-order gradients."""
    errors: dict[str, list[float]] = {"zeroth": [], "mixed": [], "bundled": []}
    for seed in range(200):
        noise, scale = samples(128, 0.1, seed)
        z = noise[:, 0]
        values = noise.sum(1) + 0.5 * (noise**2).sum(1) + height * (z > 0.0) + 0.2 * np.sin(wave * z)
        slopes = 1.0 + noise
        slopes[:, 0] += 0.2 * wave * np.cos(wave * z)
        exact = np.array(
            [1.0 + height / (2.0 * np.pi) ** 0.5 / scale[0] + 0.2 * wave * np.exp(-0.5 * (wave * scale[0]) ** 2), 1.0]
        )
        for kind, some in errors.items():
            found = mixture(None if kind == "zeroth" else slopes, values, noise, scale, kind)  # type: ignore[arg-type]
            some.append(float((((found.gradient - exact) * scale) ** 2).sum()))
    of = {kind: np.mean(some) ** 0.5 for kind, some in errors.items()}
    assert of["mixed"] < limit * of["zeroth"]
    if height or wave:
        assert of["bundled"] > 2.0 * of["zeroth"]


def test_at_a_jump_exact_gradients_are_biased_and_the_mixture_is_not() -> None:
    """f = x₀ + 5 [x₀ > 0] at 0: the slope of the mean is 1 + 5 φ(0) / σ."""
    noise, scale = samples(4000, 0.1)
    values, slopes = noise[:, 0] + 5.0 * (noise[:, 0] > 0.0), np.tile([1.0, 0.0], (4000, 1))
    found = mixture(slopes, values, noise, scale, "mixed")
    exact = 1.0 + 5.0 / (2.0 * np.pi) ** 0.5 / scale[0]
    assert found.first is not None and found.first[0] == 1.0 and found.told["variance_first"] < 1e-30
    assert found.zeroth is not None and found.zeroth[0] == pytest.approx(exact, rel=0.1)
    assert found.told["bias"] > 5.0 * found.told["confidence"] and found.told["alpha"] < 0.05
    assert found.gradient[0] == pytest.approx(exact, rel=0.12)
    assert mixture(slopes, values, noise, scale, "bundled").gradient[0] == 1.0
    assert mixture(None, values, noise, scale, "zeroth").gradient == pytest.approx(found.zeroth, rel=1e-12)


def test_signs_that_do_not_agree_and_samples_without_a_value_are_told() -> None:
    noise, scale = samples(100, 0.1)
    slopes = np.stack([np.where(np.arange(100) % 4 < 3, 1.0, -1.0), np.zeros(100)], 1)
    values = np.zeros(100)
    values[[0, 7]] = np.inf
    found = mixture(slopes, values, noise, scale, "mixed")
    assert found.told["finite"] == 0.98 and found.told["sign_agreement"] == pytest.approx(0.75, abs=0.02)
    assert found.told["without_gradient"] == 0.0
    slopes[:49] = 0.0
    found = mixture(slopes, values, noise, scale, "bundled")
    assert found.told["without_gradient"] == 47 / 98 and found.told["sign_agreement"] == pytest.approx(0.75, abs=0.02)
    with pytest.raises(DivergenceError, match="99 of 100 samples"):
        mixture(slopes, np.where(np.arange(100) == 3, 0.0, np.inf), noise, scale, "bundled")


@pytest.mark.parametrize("words", [PUSH, ("task=balance", "task.envs=2", "task.horizon=10"), ("task=reach", "task.horizon=20")])
def test_a_bundle_is_the_mean_of_gradients_that_are_found_one_by_one(words: tuple[str, ...]) -> None:
    _, task = configured(*words)
    asked = GradientOptions("bundled", samples=6, sigma=0.03, seed=4)
    problem, plain = EstimatedProblem(task, asked, remember=False), TaskProblem(task, remember=False)
    x = point(problem.groups)
    value = problem.evaluate()
    assert problem.latest is not None and problem.latest.gradient is not None
    half = np.random.default_rng((4, 0)).standard_normal((3, len(x)))
    noise = np.concatenate([half, -half]) * 0.03 * spans(problem.groups)
    slopes, values = [], []
    for one in x + noise:
        move(plain.groups, one)
        values.append(plain.evaluate())
        assert plain.latest is not None and plain.latest.gradient is not None
        slopes.append(plain.latest.gradient)
    size = float(np.abs(np.mean(slopes, 0)).max())
    assert problem.latest.gradient == pytest.approx(np.mean(slopes, 0), rel=1e-9, abs=1e-10 * size)
    assert problem.latest.estimate["smoothed"] == pytest.approx(np.mean(values), rel=1e-10)
    move(plain.groups, x)
    assert value == pytest.approx(plain.evaluate(), rel=1e-12) == problem.latest.objective


def test_a_line_search_compares_means_over_the_same_samples() -> None:
    _, task = configured(*PUSH)
    problem = EstimatedProblem(task, GradientOptions("bundled", samples=8, sigma=0.01), remember=True)
    x = point(problem.groups)
    value = problem.evaluate()
    assert problem.latest is not None and problem.latest.gradient is not None
    gradient, direction, values = problem.latest.gradient, np.linspace(1.0, 2.0, len(x)), []
    for side in (1.0, -1.0):
        move(problem.groups, x + side * 1e-6 * direction)
        values.append(problem.evaluate(gradient=False))
    assert gradient @ direction == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5)
    move(problem.groups, x)
    assert problem.evaluate(gradient=False) == value != problem.latest.objective


def run(folder: Path, stop_at: int | None, resume: bool = False) -> Any:
    _, task = configured(*PUSH)
    method = make_method({"kind": "adam"}, {"kind": "constant"}, 8, 0)
    asked = GradientOptions("mixed", samples=8, sigma=0.05)
    loop = optimization(task, method, Stop(iterations=8), gradient=asked, signals=False, checkpoint_every=1)
    assert isinstance(loop.problem, EstimatedProblem)
    if resume:
        loop.load(load_checkpoint(folder))
    elif stop_at is not None:
        loop.observers = [lambda report: Verdict(INTERRUPTED, "asked") if report.iteration == stop_at else None]
    loop.record = Record(folder, RecordOptions(tensorboard=False))
    return loop.run(), point(loop.problem.groups)


def test_going_on_from_a_checkpoint_is_bit_identical(tmp_path: Path) -> None:
    whole, best = run(tmp_path / "whole", None)
    run(tmp_path / "broken", 3)
    result, found = run(tmp_path / "broken", None, resume=True)
    assert np.array_equal(found, best) and result.objective_best == whole.objective_best
    lines = [(tmp_path / name / "metrics.jsonl").read_text().count('"estimate"') for name in ("whole", "broken")]
    assert lines == [9, 9]


def test_what_exact_gradients_do_not_see_samples_do() -> None:
    def end(estimator: str) -> Loop:
        checked, task = configured("task=pivot")
        asked = GradientOptions(estimator, 64, 0.2)  # type: ignore[arg-type]
        method = make_method({"kind": "adam", "lr": 0.05}, {"kind": "constant"}, 40, 0)
        return optimization(task, method, Stop(iterations=40), gradient=asked, signals=False)

    still, mixed = end("analytic").run(), end("mixed").run()
    assert still.status == "not_converged" and still.objective_best == still.objective_first
    assert mixed.status == "converged" and mixed.iterations < 40


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        ("bundled", "mixed asks values too"),
        ("mixed", "they miss jumps"),
        ("mixed", "none of the 64 samples has an exact gradient"),
    ],
)
def test_what_misleads_is_said_once(estimator: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """At its start few samples of task pivot strike the board; a wall's edge is a jump of the objective that no exact gradient sees."""
    _, task = configured("task=pivot")
    problem = EstimatedProblem(task, GradientOptions(estimator, 64, 0.2), remember=False)  # type: ignore[arg-type]
    with caplog.at_level("INFO", logger="genesis"):
        if estimator == "bundled":
            problem.evaluate()
            assert problem.latest is not None and problem.latest.estimate["without_gradient"] > 0.5
            told = problem.latest.estimate
        else:
            noise, scale = samples(64, 0.1)
            slopes = noise * 0.0 if "none" in said else np.where(np.arange(64)[:, None] == 0, 1e-6, 0.0) * np.ones_like(noise)
            told = mixture(slopes, np.sign(noise[:, 0]), noise, scale, "mixed").told
        problem._warn(told)
        problem._warn(told)
    assert caplog.text.count(said) == 1


def test_a_mixture_of_a_few_samples_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    _, task = configured("task=pivot")
    for count, said in ((8, 1), (32, 1)):  # of the second nothing more
        with caplog.at_level("INFO", logger="genesis"):
            EstimatedProblem(task, GradientOptions("mixed", count, 0.2), remember=False)
        assert caplog.text.count("biased by up to half of the gradient") == said


@pytest.mark.parametrize(
    ("words", "kind", "options", "message"),
    [(PUSH, "gauss_newton", {}, "asks for residuals"), (PUSH, "cmaes", {}, "asks for values"), (PUSH, "adam", {"samples": 7}, "7 is odd"),
     ((*PUSH, "+constraint.c={kind: position, high: [9, 9, 9]}"), "adam", {}, r"constraint\.c is hard")],
)  # fmt: skip
def test_what_cannot_be_estimated_is_named(words: tuple[str, ...], kind: str, options: dict[str, Any], message: str) -> None:
    _, task = configured(*words)
    method = make_method({"kind": "levenberg_marquardt" if kind == "gauss_newton" else kind}, {"kind": "constant"}, 5, 0)
    with pytest.raises(InputError, match=message):
        optimization(task, method, Stop(), gradient=GradientOptions("mixed", **options), signals=False)
