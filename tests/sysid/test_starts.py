"""Where identifications begin: the balance of forces, and candidates spread over the bounds."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.description.friction_law import LAWS
from genesis.errors import InputError
from genesis.observations import Dataset, Recording, Series, Smoothing
from genesis.scene.physical import Loops
from genesis.sysid.build import problem_of
from genesis.sysid.equation_error import of_forces
from genesis.sysid.multistart import box, spread_starts
from genesis.sysid.population import population_costs
from genesis.sysid.residuals import of_windows
from genesis.sysid.shooting import Shooting
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.sysid.problems import (
    ARM,
    PARAMETERS,
    TRUTH,
    channel,
    driver,
    joint_problem,
    joints_of,
    pushes,
    recorded,
    setting_for,
    solved,
    truth,
    whole,
)

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


def forces_of(problem) -> list[float]:
    """Natural values at the optimum of the balance of forces."""
    return solved(of_forces(problem)).values


def test_forces_give_the_parameters_of_noise_free_motion() -> None:
    problem = joint_problem(ARM, PARAMETERS, [recorded(ARM, truth=truth())])
    assert forces_of(problem) == pytest.approx(list(TRUTH.values()), rel=1e-6)


def test_forces_of_actuators_count() -> None:
    """A motor with a gear and a servo; the gain of the servo's input is off."""
    gain = {"kind": "input_gain", "input": "torque", "names": ["servo"], "init": 0.7}
    problem = actuated_problem({"mass": {"kind": "mass", "inertia": "keep"}, "gain": gain})
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
    forces = of_forces(problem)
    z = forces.first()
    table = np.concatenate([b.z for b in forces.blocks(z)])

    def residuals(at: np.ndarray) -> np.ndarray:
        return np.concatenate([b.r for b in forces.blocks(at, False)])

    random = np.random.default_rng(0)
    for _ in range(3):
        direction = 0.1 * np.maximum(np.abs(z), 1e-2) * random.uniform(-1.0, 1.0, len(z))
        expected, _ = extrapolated(np.stack([residuals(z + h * direction) for h in OFFSETS], -1))
        assert np.abs(table @ direction - expected).max() <= 1e-6 * np.abs(expected).max()


def test_forces_need_every_joint_measured() -> None:
    problem = joint_problem(ARM, PARAMETERS)
    del problem.channels["angle"]
    with pytest.raises(InputError, match="starts.equation_error: needs the measured position of every joint .*; switch it off."):
        of_forces(problem)


def two_recordings() -> list[Recording]:
    return [recorded(ARM, truth=truth(), seed=k, name=f"run{k}", steps=40 + 30 * k) for k in range(2)]


def test_costs_of_many_candidates_are_those_of_each() -> None:
    """Shared numbers, numbers of each recording, priors, robust losses; one that diverges is infinite."""
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"], "prior": [1.0, 0.1]},
        "bias": {"kind": "input_bias", "input": "torque", "tie": True, "each_recording": True},
        "spring": {"kind": "stiffness", "names": ["elbow"]},
    }
    problem = joint_problem(ARM, parameters, two_recordings(), Shooting(window=0.25), loss="huber")
    random = np.random.default_rng(0)
    points = [problem.z0.numpy() + 0.1 * random.random(4) for _ in range(3)]
    points.append(np.array([1.0, 0.0, 0.0, 1e7]))
    costs = population_costs(problem, points)
    assert costs == pytest.approx([of_windows(problem).cost(z) for z in points], rel=1e-10)
    assert np.isinf(costs[3]) and np.isfinite(costs[:3]).all()


@pytest.mark.parametrize("gap_weight", [0.0, 0.7])
def test_candidates_have_start_states_of_their_own(gap_weight: float) -> None:
    """Priors of the starts and gaps count as in the cost of each; windows of several lengths lie in several batches."""
    parameters = PARAMETERS | {"start": {"kind": "start_state", "position_std": 0.05, "velocity_std": 0.3}}
    problem = joint_problem(ARM, parameters, two_recordings(), Shooting(window=0.15, continuity=1.0))
    assert len(problem.batches) > 1
    whole_of, random = of_windows(problem, gap_weight), np.random.default_rng(0)
    points = np.stack([whole_of.first() + 0.05 * random.standard_normal(len(whole_of.first())) for _ in range(3)])
    before = problem.simulations
    assert whole_of.costs(points) == pytest.approx([whole_of.cost(x) for x in points], rel=1e-10)
    assert problem.simulations == before + 6 * len(problem.windows)
    assert len(set(of_windows(problem, 0.7).costs(points) - of_windows(problem).costs(points))) == 3, "gaps differ"


def test_candidates_that_cannot_be_meant_are_infinite_alone(monkeypatch) -> None:
    """Parameters that are refused before anything moves, as contacts of no stiffness are; the others are judged all the same."""
    problem = joint_problem(ARM, {"mass": {"kind": "mass"}}, [recorded(ARM, truth=truth())])
    real = problem.theta

    def refusing(targets):
        if any(float(target.value("link_mass").max()) > 5.0 for target in targets):
            raise InputError("a mass is too large")
        return real(targets)

    monkeypatch.setattr(problem, "theta", refusing)
    whole_of = of_windows(problem)
    costs = whole_of.costs([np.array([6.0, 1.0]), np.array([1.0, 1.3])])
    assert np.isinf(costs[0]) and costs[1] == whole_of.cost(np.array([1.0, 1.3]))


def test_candidates_fill_the_bounds_and_the_best_come_first() -> None:
    problem = joint_problem(ARM, PARAMETERS, [recorded(ARM, truth=truth())])
    residuals, (low, high) = of_windows(problem), box(problem)
    assert np.array_equal(low, residuals.bounds()[0]) and np.array_equal(high, residuals.bounds()[1])
    kept = spread_starts(residuals, 16, 5, seed=0)
    assert np.array_equal(kept[0], problem.z0.numpy()) and len(kept) == 5
    costs = [residuals.cost(x) for x in kept[1:]]
    assert costs == sorted(costs) and costs[0] < residuals.cost(kept[0])
    assert all((x >= low).all() and (x <= high).all() for x in kept)


def test_where_there_are_no_bounds_candidates_stay_within_a_factor() -> None:
    parameters = {
        "mass": {"kind": "mass", "log": True},
        "armature": {"kind": "armature", "init": 0.02},
        "bias": {"kind": "input_bias", "input": "torque", "init": [-0.1, 0.0]},
    }
    low, high = box(joint_problem(ARM, parameters))
    third = np.log(3.0)
    assert low == pytest.approx([-third, -third, 0.0, 0.0, -0.4, -3e-3])
    assert high == pytest.approx([third, third, 0.06, 0.06, 0.2, 3e-3])


def test_candidates_fill_smooth_bounds_too() -> None:
    """Free numbers have none there; the values of the candidates lie between the bounds of the values."""
    smooth = {"mass": {"kind": "mass", "names": ["lower"], "bounds": [0.5, 2.0], "transform": "smooth"}}
    problem = joint_problem(ARM, smooth, [recorded(ARM, truth=truth())])
    residuals = of_windows(problem)
    assert not np.isfinite(residuals.bounds()).any() and box(problem) == (0.5, 2.0)
    kept = spread_starts(residuals, 16, 17, seed=0)
    values = np.array([problem.natural(torch.as_tensor(x)).item() for x in kept])
    assert len(kept) == 17 and values[0] == pytest.approx(1.0) and 0.5 < values.min() < 0.7 and 1.8 < values.max() < 2.0
    assert np.abs(np.diff(np.sort(values[1:]))).max() < 0.2


def test_forces_know_friction_laws() -> None:
    """The numbers of a law from the balance of forces, which takes friction as the time step does."""
    rows = np.zeros((2, 8))
    rows[1] = LAWS["tanh"].row([0.3, 0.05, 0.2])
    made = recorded(ARM, truth={"dof_frictionlaw": rows.tolist(), "dof_damping": [0.02, 0.0]}, size=2.0)
    law = {
        "kind": "friction_law",
        "names": ["elbow"],
        "law": "tanh",
        "numbers": ["coulomb", "viscous"],
        "init": {"slip_velocity": 0.2},
    }
    assert forces_of(joint_problem(ARM, {"law": law}, [made])) == pytest.approx([0.3, 0.05], rel=1e-5)
