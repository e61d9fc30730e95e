"""Every solver finds known parameters again; bounds, robust losses, priors; what it does where nothing can be simulated."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError, UnknownNameError
from genesis.methods.residuals import Block, Normal
from genesis.sysid.linearization import Point
from genesis.sysid.shooting import Shooting
from genesis.sysid.solvers import SOLVERS, LeastSquares, make_solver
from genesis.sysid.solvers.stochastic import mini_batch_loss, robust_sum
from tests.sysid.problems import joint_problem, recorded, whole

pytestmark = pytest.mark.usefixtures("engine")
ARM = "double_pendulum"
TRUTH = {"mass/lower": 1.3, "damping/shoulder": 0.05, "damping/elbow": 0.03}
PARAMETERS = {
    "mass": {"kind": "mass", "names": ["lower"], "bounds": [0.5, 2.0]},
    "damping": {"kind": "damping", "log": True, "bounds": [0.005, 0.2]},
}
EXACT = ("levenberg_marquardt", "least_squares", "lbfgsb")
OPTIONS: dict[str, dict[str, Any]] = {
    "lbfgsb": {"cost_tolerance": 1e-15},
    "adam": {"iterations": 100, "windows": 2, "learning_rate": 0.05, "every": 50},
    "cmaes": {"iterations": 40, "population": 8},
}
NEAR = {"adam": 0.1, "cmaes": 0.05}


def truth(dt: float = 0.01) -> dict[str, Any]:
    return {
        "link_mass": whole(ARM, "link_mass", lower=TRUTH["mass/lower"]),
        "dof_damping": whole(ARM, "dof_damping", shoulder=TRUTH["damping/shoulder"], elbow=TRUTH["damping/elbow"]),
    }


@pytest.fixture(scope="module")
def run(engine):
    return recorded(ARM, truth=truth())


def solved(squares: Any, kind: str, start: Point | None = None, **options: Any) -> tuple[list, bool, str]:
    """Reports, whether it converged, why it ended."""
    reports: list = []
    solver = make_solver({"kind": kind, **OPTIONS.get(kind, {}), **options}, seed=0)
    ok, reason = solver.run(squares, start or squares.first(), lambda report, _: reports.append(report))
    return reports, ok, reason


def best(reports: list) -> Any:
    return min(reports, key=lambda report: report.cost)


@pytest.mark.parametrize("kind", SOLVERS)
def test_recovers_the_parameters_of_noise_free_motion(run, kind: str) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    reports, ok, reason = solved(LeastSquares(problem), kind)
    found = problem.natural(torch.as_tensor(best(reports).point.z)).tolist()
    assert problem.names() == list(TRUTH)
    assert found == pytest.approx(list(TRUTH.values()), rel=NEAR.get(kind, 1e-6))
    assert [r.iteration for r in reports] == sorted({r.iteration for r in reports}) and reports[0].iteration == 0
    assert reports[0].point.z == pytest.approx(problem.z0.numpy(), rel=1e-6)
    assert reports[0].cost == pytest.approx(LeastSquares(problem).cost(LeastSquares(problem).first()), rel=1e-5)
    assert reason and (ok or kind == "cmaes")


@pytest.mark.parametrize("kind", EXACT)
def test_free_start_states_are_found_along(run, kind: str) -> None:
    """Noise-free start states that the smoothing has blurred."""
    from genesis.observations import Smoothing

    parameters = PARAMETERS | {"start": {"kind": "start_state", "position_std": None, "velocity_std": None}}
    problem = joint_problem(ARM, parameters, [run], Shooting(window=0.5), smoothing=Smoothing(9, 3))
    reports, _, _ = solved(LeastSquares(problem), kind, iterations=120)
    found = problem.natural(torch.as_tensor(best(reports).point.z)).tolist()
    assert found == pytest.approx(list(TRUTH.values()), rel=1e-3 if kind == "lbfgsb" else 1e-6)
    assert np.abs(best(reports).point.starts).max() > 1e-4


@pytest.mark.parametrize("kind", SOLVERS)
def test_bounds_are_kept_and_reached(run, kind: str) -> None:
    """The truth lies outside: the answer is at the bound, the rest is the best with it."""
    parameters = {"mass": {"kind": "mass", "names": ["lower"], "bounds": [0.8, 1.1]}, "damping": PARAMETERS["damping"]}
    problem = joint_problem(ARM, parameters, [run])
    reports, _, _ = solved(LeastSquares(problem), kind)
    low, high = LeastSquares(problem).bounds()
    assert all((r.point.z >= low).all() and (r.point.z <= high).all() for r in reports)
    assert best(reports).point.z[0] == pytest.approx(1.1, rel=1e-5 if kind in EXACT else 1e-2)


@pytest.mark.parametrize("kind", SOLVERS)
def test_no_iterations_judge_the_start(run, kind: str) -> None:
    problem = joint_problem(ARM, PARAMETERS, [run])
    reports, ok, reason = solved(LeastSquares(problem), kind, iterations=0)
    assert len(reports) == 1 and reports[0].point.z == pytest.approx(problem.z0.numpy(), rel=1e-6)
    assert not ok and "0" in reason or kind == "adam"


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
    plain = joint_problem(ARM, PARAMETERS, [outliers()])
    robust = joint_problem(ARM, PARAMETERS, [outliers()], loss=loss)
    errors = []
    for problem in (plain, robust):
        reports, _, _ = solved(LeastSquares(problem), kind)
        found = problem.natural(torch.as_tensor(best(reports).point.z)).numpy()
        errors.append(np.abs(found / list(TRUTH.values()) - 1.0).max())
    assert errors[1] <= 0.02 and errors[0] >= 5.0 * errors[1]


@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_solvers_agree_on_the_optimum(loss: str) -> None:
    """Noise and outliers: Gauss-Newton steps, a trust region and L-BFGS end in the same place."""
    problem = joint_problem(ARM, PARAMETERS, [outliers()], loss=loss)
    ends = [best(solved(LeastSquares(problem), kind, iterations=300)[0]) for kind in EXACT]
    for end in ends[1:]:
        assert end.cost == pytest.approx(ends[0].cost, rel=1e-7)
        assert end.point.z == pytest.approx(ends[0].point.z, rel=2e-4)


class Linear:
    """r = A z - b with priors, without physics."""

    def __init__(self, a: np.ndarray, b: np.ndarray, low: float = -np.inf) -> None:
        self.a, self.b, self.nt, self.gap_weight = a, b, 0, 0.0
        n = a.shape[1]
        self.problem = SimpleNamespace(n=n, windows=[])
        self._bounds = np.full(n, low), np.full(n, np.inf)

    def bounds(self):
        return self._bounds

    flat_bounds = bounds

    def first(self) -> Point:
        return Point(np.ones(self.problem.n))

    def flat(self, point: Point) -> np.ndarray:
        return point.z

    def unflat(self, x: np.ndarray) -> Point:
        return Point(x.copy())

    def blocks(self, point: Point) -> list[Block]:
        return [Block("it", self.a @ point.z - self.b, self.a, window=np.zeros(len(self.b), int))]

    def try_blocks(self, point: Point) -> list[Block] | None:
        return LeastSquares.try_blocks(self, point)  # type: ignore[arg-type]

    def cost(self, point: Point) -> float:
        made = self.try_blocks(point)
        return float("inf") if made is None else sum(block.cost() for block in made)

    def normal(self, blocks: list[Block]) -> Normal:
        return Normal.of(blocks, self.problem.n, 0, 0)


class Steep(Linear):
    """r = exp(z) - b, which cannot be evaluated beyond 3: a Gauss-Newton step from -2 leads to 10."""

    def first(self) -> Point:
        return Point(np.full(self.problem.n, -2.0))

    def blocks(self, point: Point) -> list[Block]:
        if point.z.max() > 3.0:
            raise DivergenceError("too far")
        grown = np.exp(point.z)
        return [Block("it", grown - self.b, np.diag(grown), window=np.zeros(len(grown), int))]


@pytest.mark.parametrize("kind", EXACT)
def test_points_that_cannot_be_simulated_are_stepped_around(kind: str) -> None:
    wanted = np.array([0.5, 0.2])
    squares = Steep(np.eye(2), np.exp(wanted))
    assert squares.normal(squares.blocks(squares.first())).step(0.0, np.zeros(2, bool))[0].min() > 5.0
    reports, _, _ = solved(squares, kind, iterations=300)
    assert best(reports).point.z == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("kind", EXACT)
def test_badly_scaled_numbers_are_found_to_the_same_digits(kind: str) -> None:
    a = np.random.default_rng(2).standard_normal((30, 3)) * [1e4, 1.0, 1e-4]
    wanted = np.array([1e-4, 2.0, 3e4])
    reports, _, _ = solved(Linear(a, a @ wanted), kind, iterations=300)
    assert best(reports).point.z == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("kind", EXACT)
def test_a_prior_gives_the_posterior_mean_of_a_linear_problem(kind: str) -> None:
    """The acceleration of gravity moves the cart of `driven` linearly: the MAP is in closed form."""
    driven = recorded("driven", noise=1e-3, steps=60)
    bias = {"bias": {"kind": "sensor_bias", "channel": "speed", "names": ["slide"], "prior": [0.3, 0.002]}}
    problem = joint_problem("driven", bias, [driven])
    reports, _, _ = solved(LeastSquares(problem), kind)
    plain = joint_problem("driven", {"bias": {key: x for key, x in bias["bias"].items() if key != "prior"}}, [driven])
    (block,) = [b for b in LeastSquares(plain).blocks(Point(np.zeros(1))) if b.label == "speed"]
    information, moment = block.z[:, 0] @ block.z[:, 0], block.z[:, 0] @ block.r
    expected = (0.3 / 0.002**2 - moment) / (information + 1.0 / 0.002**2)
    assert best(reports).point.z[0] == pytest.approx(expected, rel=1e-8) and 0.01 < expected < 0.29


def test_mini_batches_have_the_gradient_of_the_whole_on_average(run) -> None:
    """All windows at once, robust loss, priors of parameters and start states: value and gradient are those of the blocks."""
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"], "prior": [1.1, 0.1]},
        "start": {"kind": "start_state", "position_std": 0.02, "velocity_std": 0.1},
    }
    problem = joint_problem(ARM, parameters, [run], Shooting(window=0.25), loss="cauchy")
    squares = LeastSquares(problem)
    point = squares.first()
    assert point.starts is not None
    point.starts += 0.01 * np.random.default_rng(0).standard_normal(point.starts.shape)
    z, starts = (torch.tensor(x, requires_grad=True) for x in (point.z, point.starts))
    value = mini_batch_loss(squares, z, starts, 100, np.random.default_rng(0))
    gradients = torch.autograd.grad(value, (z, starts))
    normal = squares.normal(squares.blocks(point))
    assert float(value) == pytest.approx(squares.cost(point), rel=1e-12)
    assert gradients[0].numpy() == pytest.approx(normal.gz, rel=1e-8)
    assert gradients[1].numpy() == pytest.approx(normal.gs, rel=1e-7, abs=1e-8 * np.abs(normal.gs).max())
    assert robust_sum(torch.tensor([3.0, -0.1]), "huber", 1.5) == pytest.approx(0.5 * (1.5**2 * (2 * 2.0 - 1.0) + 0.01))


def test_adam_steps_back_from_where_it_cannot_simulate(run, monkeypatch) -> None:
    from genesis.sysid.solvers import stochastic

    real, calls = mini_batch_loss, []

    def broken(squares, z, *more):
        calls.append(float(z.detach()[0]))
        if len(calls) == 3:
            raise DivergenceError("no")
        return real(squares, z, *more)

    monkeypatch.setattr(stochastic, "mini_batch_loss", broken)
    problem = joint_problem(ARM, PARAMETERS, [run])
    reports, _, _ = solved(LeastSquares(problem), "adam", iterations=5, every=1)
    assert calls[3] == calls[1] and reports[4].step < 0.55 * reports[2].step


def test_what_solvers_refuse(run) -> None:
    one = LeastSquares(joint_problem(ARM, {"mass": PARAMETERS["mass"]}, [run]))
    free = joint_problem(ARM, PARAMETERS | {"start": {"kind": "start_state"}}, [run], Shooting(window=0.5, continuity=1.0))
    with pytest.raises(InputError, match="cmaes searches in two dimensions or more, and one number is learned"):
        solved(one, "cmaes")
    with pytest.raises(InputError, match="cmaes does not estimate start states"):
        solved(LeastSquares(free), "cmaes")
    with pytest.raises(InputError, match="adam sees some windows at a time and closes no gaps; set shooting.continuity=0"):
        solved(LeastSquares(free, 1.0), "adam")
    with pytest.raises(UnknownNameError, match='solver: unknown kind "lm"; known: '):
        make_solver({"kind": "lm"}, 0)
