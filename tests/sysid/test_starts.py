"""Where solvers begin: the balance of forces, and candidates spread over the bounds."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.observations import Dataset, Recording, Series, Smoothing
from genesis.scene.physical import Loops
from genesis.sysid.build import problem_of
from genesis.sysid.equation_error import EquationError
from genesis.sysid.linearization import Point, try_cost
from genesis.sysid.multistart import box, spread_starts
from genesis.sysid.population import population_costs
from genesis.sysid.shooting import Shooting
from genesis.sysid.solvers import LeastSquares, make_solver
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.sysid.problems import channel, driver, joint_problem, joints_of, pushes, recorded, setting_for, whole
from tests.sysid.test_solvers import ARM, PARAMETERS, TRUTH, truth

pytestmark = pytest.mark.usefixtures("engine")


def actuated(steps: int, dt: float) -> Recording:
    """The robot `driven` under the controls of its actuators, a motor and a servo; twice the mass of the arm."""
    setting = setting_for("driven", dt)
    solver = setting.scene.rigid_solver
    time = np.arange(steps + 1) * dt
    control = pushes(time, 2, 4, 0.3)
    closed = np.zeros((1, 2), bool)
    mass = torch.tensor(whole("driven", "link_mass", dt, arm=1.0))
    theta = solver.parameters.packed(Loops(closed, closed, np.ones((1, 2), bool)), {"link_mass": mass[None]})
    middle = torch.as_tensor(0.5 * (control[1:] + control[:-1]))[:, None].contiguous()
    qpos, qvel = setting.one_start()
    q, v, _ = solver.physics.rollout(theta, qpos[None], qvel[None], torch.zeros(steps, 1, 2, dtype=torch.float64), middle)
    names = list(joints_of("driven"))
    channels = {key: Series(time, x[:, 0].numpy(), names) for key, x in (("angle", q), ("speed", v))}
    inputs = {"torque": Series(time, control, ["push", "servo"])}
    return Recording("run", None, 0, "train", channels, inputs, 0.0, float(time[-1]))  # type: ignore[arg-type]


def actuated_problem(parameters: dict, steps: int = 100, dt: float = 0.01) -> Any:
    names = joints_of("driven")
    specs = {"angle": channel("joint_position", names, 1e-3), "speed": channel("joint_velocity", names, 1e-2)}
    specs["speed"].name = "speed"
    dataset = Dataset(
        [actuated(steps, dt)], specs, {"torque": driver("actuator", ["push", "servo"])}, Smoothing(1, 3, "measured")
    )
    return problem_of(setting_for("driven", dt), dataset, parameters, Shooting(window=0.5))


def forces_of(problem) -> np.ndarray:
    """Natural values at the optimum of the balance of forces."""
    squares, last = EquationError(problem), []
    make_solver({"kind": "levenberg_marquardt"}, 0).run(squares, squares.first(), lambda report, _: last.append(report.point))
    return problem.natural(torch.as_tensor(last[-1].z)).numpy()


def test_forces_give_the_parameters_of_noise_free_motion() -> None:
    problem = joint_problem(ARM, PARAMETERS, [recorded(ARM, truth=truth())])
    assert forces_of(problem) == pytest.approx(list(TRUTH.values()), rel=1e-6)


def test_forces_of_actuators_count() -> None:
    """A motor with a gear and a servo; the gain of the servo's input is off."""
    gain = {"kind": "input_gain", "input": "torque", "names": ["servo"], "init": 0.7}
    problem = actuated_problem({"mass": {"kind": "mass"}, "gain": gain})
    assert forces_of(problem) == pytest.approx([1.0, 1.0, 1.0], rel=1e-6)


@pytest.mark.parametrize("robot", [ARM, "driven"])
def test_jacobian_of_the_forces(robot: str) -> None:
    parameters = {
        "mass": {"kind": "mass"},
        "damping": {"kind": "damping", "log": True},
        "spring": {"kind": "stiffness", "init": 1.0},
        "armature": {"kind": "armature", "init": 0.01, "prior": [0.02, 0.01]},
        "gain": {"kind": "input_gain", "input": "torque"},
        "delay": {"kind": "input_delay", "input": "torque", "init": 0.003},
    }
    problem = actuated_problem(parameters) if robot == "driven" else joint_problem(ARM, parameters)
    squares = EquationError(problem)
    z = squares.first().z
    table = np.concatenate([b.z for b in squares.blocks(Point(z))])

    def residuals(at: np.ndarray) -> np.ndarray:
        return np.concatenate([b.r for b in squares._evaluate(Point(at), False)])

    random = np.random.default_rng(0)
    for _ in range(3):
        direction = 0.1 * np.maximum(np.abs(z), 1e-2) * random.uniform(-1.0, 1.0, len(z))
        expected, _ = extrapolated(np.stack([residuals(z + h * direction) for h in OFFSETS], -1))
        assert np.abs(table @ direction - expected).max() <= 1e-6 * np.abs(expected).max()


def test_forces_need_every_joint_measured() -> None:
    problem = joint_problem(ARM, PARAMETERS)
    del problem.channels["angle"]
    with pytest.raises(InputError, match="starts.equation_error: needs the measured position of every joint .*; switch it off."):
        EquationError(problem)


def test_costs_of_many_candidates_are_those_of_each() -> None:
    """Shared numbers, numbers of each recording, priors, robust losses; one that diverges is infinite."""
    runs = [recorded(ARM, truth=truth(), seed=k, name=f"run{k}", steps=40 + 30 * k) for k in range(2)]
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"], "prior": [1.0, 0.1]},
        "bias": {"kind": "input_bias", "input": "torque", "tie": True, "each_recording": True},
        "spring": {"kind": "stiffness", "names": ["elbow"]},
    }
    problem = joint_problem(ARM, parameters, runs, Shooting(window=0.25), loss="huber")
    random = np.random.default_rng(0)
    points = [problem.z0.numpy() + 0.1 * random.random(4) for _ in range(3)]
    points.append(np.array([1.0, 0.0, 0.0, 1e7]))
    costs = population_costs(problem, points)
    assert costs == pytest.approx([try_cost(problem, Point(z)) for z in points], rel=1e-10)
    assert np.isinf(costs[3]) and np.isfinite(costs[:3]).all()


def test_candidates_fill_the_bounds_and_the_best_come_first() -> None:
    problem = joint_problem(ARM, PARAMETERS, [recorded(ARM, truth=truth())])
    squares = LeastSquares(problem)
    low, high = box(squares)
    assert np.array_equal(low, squares.bounds()[0]) and np.array_equal(high, squares.bounds()[1])
    kept = spread_starts(squares, 16, 5, seed=0)
    assert np.array_equal(kept[0].z, problem.z0.numpy()) and len(kept) == 5
    costs = [squares.cost(point) for point in kept[1:]]
    assert costs == sorted(costs) and costs[0] < squares.cost(kept[0])
    assert all((point.z >= low).all() and (point.z <= high).all() for point in kept)


def test_where_there_are_no_bounds_candidates_stay_within_a_factor() -> None:
    parameters = {
        "mass": {"kind": "mass", "log": True},
        "armature": {"kind": "armature", "init": 0.02},
        "bias": {"kind": "input_bias", "input": "torque", "init": [-0.1, 0.0]},
    }
    low, high = box(LeastSquares(joint_problem(ARM, parameters)))
    third = np.log(3.0)
    assert low == pytest.approx([-third, -third, 0.0, 0.0, -0.4, -3e-3])
    assert high == pytest.approx([third, third, 0.06, 0.06, 0.2, 3e-3])
