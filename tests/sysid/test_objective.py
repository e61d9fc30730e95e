"""An identification as an objective: value, gradient and residuals at its leaves; what methods make of it."""

from typing import Any

import numpy as np
import pytest

from genesis.errors import DivergenceError, InputError
from genesis.methods.method import all_leaves, bounds, gradient, move, point, sizes
from genesis.methods.residuals import cost
from genesis.observations import Smoothing
from genesis.sysid.objective import LeastSquaresObjective
from genesis.sysid.residuals import of_windows
from genesis.sysid.shooting import Shooting
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.sysid.problems import ARM, PARAMETERS, TRUTH, jacobian_of, joint_problem, recorded, solved, truth

pytestmark = pytest.mark.usefixtures("engine")
EXACT = ("levenberg_marquardt", "least_squares", "lbfgsb")
OPTIONS: dict[str, dict[str, Any]] = {"adam": {"lr": 0.05}, "cmaes": {"population": 8}}
NEAR = {"adam": 0.1, "cmaes": 0.05}
KINDS = (*EXACT, *OPTIONS)
FREE = {
    "mass": {"kind": "mass", "names": ["lower"], "bounds": [0.5, 2.0], "prior": [1.1, 0.1]},
    "damping": PARAMETERS["damping"],
    "start": {"kind": "start_state", "position_std": 0.02, "velocity_std": 0.1},
}


@pytest.fixture(scope="module")
def run(engine):
    return recorded(ARM, truth=truth())


def objective(run: Any, gap_weight: float = 0.7, **more: Any) -> LeastSquaresObjective:
    return LeastSquaresObjective(
        of_windows(joint_problem(ARM, FREE, [run], Shooting(window=0.25, continuity=1.0), **more), gap_weight)
    )


def away(made: LeastSquaresObjective) -> np.ndarray:
    """A point near the start, within the bounds."""
    made.put(made.residuals.first() + 0.05 * np.random.default_rng(0).standard_normal(len(made.low)))
    return point(made.groups)


def test_groups_are_the_parameters_and_the_start_states(run) -> None:
    made = objective(run)
    assert [(g.name, g.leaves[0].numel()) for g in made.groups] == [("mass", 1), ("damping", 2), ("start", 4 * 4)]
    low, high = bounds(made.groups)
    assert low[:3] == pytest.approx([0.5, *np.log([0.005, 0.005])], rel=1e-15) and high[0] == 2.0
    assert np.isinf(low[3:]).all() and made.groups[2].bounds == [None]
    assert np.array_equal(point(made.groups), made.residuals.first()) and np.array_equal(made.x, made.residuals.first())


@pytest.mark.parametrize(("table", "value"), [("z", np.nan), ("start", np.inf), ("after", np.nan), ("z", 1e200)])
def test_a_jacobian_that_is_not_finite_is_a_failure_of_the_point(run, table: str, value: float) -> None:
    made = objective(run)
    real = made.residuals.made

    def spoiled(x: np.ndarray, jacobian: bool) -> Any:
        blocks = real(x, jacobian)
        if jacobian:
            getattr(next(block for block in blocks if getattr(block, table) is not None), table)[0, 0] = value
        return blocks

    made.residuals.made = spoiled
    assert np.isfinite(made.evaluate(gradient=False)) and made.failure is None
    assert made.linearize() is None and isinstance(made.failure, DivergenceError) and "Jacobian" in str(made.failure)
    assert made.evaluate() == np.inf


def test_numbers_count_in_widths_of_their_bounds_or_in_their_size(run) -> None:
    """As learning rates and spreads are told: of start states in standard deviations, of logarithms without bounds in e-folds."""
    assert sizes(objective(run).groups).tolist() == pytest.approx([1.5, *[np.log(40.0)] * 2, *[0.02, 0.02, 0.1, 0.1] * 4])
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"], "init": 1.3},
        "damping": {"kind": "damping", "log": True, "tie": True, "lr": 0.3},
        "bias": {"kind": "input_bias", "input": "torque", "tie": True},
        "spring": {"kind": "stiffness", "tie": True, "init": 1.0, "bounds": [0.0, 4.0], "transform": "smooth"},
        "start": {"kind": "start_state", "position_std": None, "velocity_std": None},
    }
    made = LeastSquaresObjective(of_windows(joint_problem(ARM, parameters, [run], Shooting(window=None, position_scale=0.3))))
    assert sizes(made.groups).tolist() == pytest.approx([1.3, 1.0, 1e-3, 4.0, 0.3, 0.3, 0.1, 0.1])
    assert [group.lr for group in made.groups] == [None, 0.3, None, None, None]


@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_gradient_is_that_of_the_value(run, loss: str) -> None:
    """Against extrapolated central differences in three random directions; priors, start states and gaps count."""
    made = objective(run, loss=loss)
    here = away(made)
    value = made.evaluate()
    slopes, random = gradient(made.groups), np.random.default_rng(1)
    assert value == made.evaluate(gradient=False) == pytest.approx(cost(made.residuals.blocks(made.x, False)), rel=1e-15)
    for _ in range(3):
        direction = 1e-2 * sizes(made.groups) * random.choice([-1.0, 1.0], len(here)) * random.uniform(0.5, 1.0, len(here))
        series = []
        for h in OFFSETS:
            move(made.groups, here + h * direction)
            series.append([made.evaluate(gradient=False)])
        expected, _ = extrapolated(np.stack(series, -1))
        assert slopes @ direction == pytest.approx(expected[0], rel=1e-6)


def test_residuals_have_the_jacobian_to_the_leaves(run) -> None:
    """J^T r is the gradient; the equations are those of J."""
    made = objective(run)
    away(made)
    blocks = made.linearize()
    assert blocks is not None and made.found is not None and made.found.value == cost(blocks)
    table, r = jacobian_of(blocks, made.residuals), np.concatenate([block.r for block in blocks])
    assert made.normal(blocks).gradient() == pytest.approx(table.T @ r, rel=1e-10)
    made.evaluate()
    assert gradient(made.groups) == pytest.approx(table.T @ r, rel=1e-10)
    assert made.found.terms.keys() == {"angle", "speed", "prior", "start", "gap"}
    assert sum(made.found.terms.values()) == pytest.approx(made.found.value, rel=1e-13)


def test_values_are_those_of_each_point_and_leaves_stay(run) -> None:
    made = objective(run)
    here = away(made)
    random = np.random.default_rng(2)
    points = here + 0.1 * random.standard_normal((4, len(here)))
    found = made.values(points)
    assert np.array_equal(point(made.groups), here)
    for x, value in zip(points, found, strict=True):
        move(made.groups, x)
        assert made.evaluate(gradient=False) == pytest.approx(value, rel=1e-10)


def test_what_is_known_is_not_simulated_again(run) -> None:
    made = objective(run)
    here, problem = away(made), made.problem

    def spent(ask: Any) -> int:
        before = problem.simulations
        ask()
        return (problem.simulations - before) // len(problem.windows)

    assert spent(made.linearize) == 1 and spent(made.evaluate) == 0 and spent(made.linearize) == 0
    move(made.groups, 1.01 * here)
    assert spent(lambda: made.evaluate(gradient=False)) == 1 and spent(made.evaluate) == 1
    move(made.groups, here)
    for leaf in all_leaves(made.groups):
        leaf.grad = None
    assert spent(made.evaluate) == 0 and gradient(made.groups).any(), "as a line search asks again"
    made.replace(of_windows(problem, 0.0))
    assert spent(made.evaluate) == 1, "with other residuals nothing is known"


def test_leaves_are_put_back_within_their_bounds(run) -> None:
    made = LeastSquaresObjective(of_windows(joint_problem(ARM, PARAMETERS, [run])))
    made.put(np.array([9.0, -9.0, 0.0]))
    for group in made.groups:
        group.project()
    assert made.x.tolist() == pytest.approx([2.0, np.log(0.005), np.log(0.2)], rel=1e-15)


def test_points_that_cannot_be_simulated(run, monkeypatch) -> None:
    """No value, and why; wrong input at the very first point is raised, later it is the method that has made it."""
    spring = {"kind": "stiffness", "names": ["elbow"], "bounds": [0.0, 1e9]}
    made = LeastSquaresObjective(of_windows(joint_problem(ARM, {"spring": spring}, [run])))
    good = made.evaluate()
    made.put(np.array([1e8]))
    assert np.isinf(made.evaluate()) and isinstance(made.failure, DivergenceError) and made.linearize() is None
    made.put(made.residuals.first())
    assert made.evaluate() == good and made.failure is None

    def refuse(targets):
        raise InputError("no such body")

    monkeypatch.setattr(made.problem, "theta", refuse)
    made.put(np.array([1.0]))
    assert np.isinf(made.evaluate()) and isinstance(made.failure, InputError)
    with pytest.raises(InputError, match="no such body"):
        LeastSquaresObjective(made.residuals).evaluate()


# ---- what methods make of it


@pytest.mark.parametrize("kind", KINDS)
def test_recovers_the_parameters_of_noise_free_motion(run, kind: str) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    made = solved(problem, kind, 200, **OPTIONS.get(kind, {}))
    assert made.values == pytest.approx(list(TRUTH.values()), rel=NEAR.get(kind, 1e-6)) and problem.names() == list(TRUTH)
    assert made.xs[0] == pytest.approx(problem.z0.numpy(), rel=1e-6)
    assert made.costs[0] == pytest.approx(made.residuals.cost(made.residuals.first()), rel=1e-5)


@pytest.mark.parametrize("kind", EXACT)
def test_free_start_states_are_found_along(run, kind: str) -> None:
    """Noise-free start states that the smoothing has blurred."""
    parameters = PARAMETERS | {"start": {"kind": "start_state", "position_std": None, "velocity_std": None}}
    problem = joint_problem(ARM, parameters, [run], Shooting(window=0.5), smoothing=Smoothing(9, 3))
    made = solved(problem, kind, 300)
    assert made.values == pytest.approx(list(TRUTH.values()), rel=1e-3 if kind == "lbfgsb" else 1e-6)
    assert np.abs(made.best[problem.n :]).max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_are_kept_and_reached(run, kind: str) -> None:
    """The truth lies outside: the answer is at the bound, the rest is the best with it."""
    parameters = {"mass": {"kind": "mass", "names": ["lower"], "bounds": [0.8, 1.1]}, "damping": PARAMETERS["damping"]}
    made = solved(joint_problem(ARM, parameters, [run]), kind, **OPTIONS.get(kind, {}))
    low, high = made.residuals.bounds()
    assert all((x >= low).all() and (x <= high).all() for x in made.xs)
    assert made.best[0] == pytest.approx(1.1, rel=1e-5 if kind in EXACT else 1e-2)


def outliers(share: float = 0.1) -> Any:
    made = recorded(ARM, truth=truth(), noise=1e-4)
    random = np.random.default_rng(5)
    for series in made.channels.values():
        bad = random.random(series.values.shape) < share
        bad[::50] = False  # start states stay
        series.values[bad] += 0.3
    return made


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy", "arctan"])
@pytest.mark.parametrize("kind", ["levenberg_marquardt", "least_squares"])
def test_robust_losses_see_past_outliers(kind: str, loss: str) -> None:
    errors = []
    for problem in (joint_problem(ARM, PARAMETERS, [outliers()]), joint_problem(ARM, PARAMETERS, [outliers()], loss=loss)):
        errors.append(np.abs(np.array(solved(problem, kind).values) / list(TRUTH.values()) - 1.0).max())
    assert errors[1] <= 0.02 and errors[0] >= 5.0 * errors[1]


@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_methods_agree_on_the_optimum(loss: str) -> None:
    """Noise and outliers: Gauss-Newton steps, a trust region and L-BFGS end in the same place."""
    problem = joint_problem(ARM, PARAMETERS, [outliers()], loss=loss)
    ends = [solved(problem, kind, 300) for kind in EXACT]
    for end in ends[1:]:
        assert min(end.costs) == pytest.approx(min(ends[0].costs), rel=1e-7)
        assert end.best == pytest.approx(ends[0].best, rel=2e-4)


@pytest.mark.parametrize("kind", EXACT)
def test_a_prior_gives_the_posterior_mean_of_a_linear_problem(kind: str) -> None:
    """The acceleration of gravity moves the cart of `driven` linearly: the MAP is in closed form."""
    driven = recorded("driven", noise=1e-3, steps=60)
    bias = {"bias": {"kind": "sensor_bias", "channel": "speed", "names": ["slide"], "prior": [0.3, 0.002]}}
    made = solved(joint_problem("driven", bias, [driven]), kind)
    plain = joint_problem("driven", {"bias": {key: x for key, x in bias["bias"].items() if key != "prior"}}, [driven])
    (block,) = [b for b in of_windows(plain).blocks(np.zeros(1)) if b.label == "speed"]
    information, moment = block.z[:, 0] @ block.z[:, 0], block.z[:, 0] @ block.r
    expected = (0.3 / 0.002**2 - moment) / (information + 1.0 / 0.002**2)
    assert made.best[0] == pytest.approx(expected, rel=1e-8) and 0.01 < expected < 0.29
