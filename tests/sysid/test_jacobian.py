"""The Jacobian of the residuals against extrapolated central differences in three random directions, for everything that is free."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from genesis.channels import CHANNELS
from genesis.observations import Dataset, Recording, Series
from genesis.parameters import OF_MODELS, OF_RECORDINGS
from genesis.sysid.build import problem_of
from genesis.sysid.linearization import evaluate
from genesis.sysid.problem import RecordingProblem
from genesis.sysid.residuals import of_windows
from genesis.sysid.sensitivity import outside
from genesis.sysid.shooting import Shooting
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.sysid.problems import channel, driver, jacobian_of, joints_of, pushes, setting_for

pytestmark = pytest.mark.usefixtures("engine")
TOLERANCE = 1e-6
STEPS = 40


@dataclass
class Case:
    """A problem on made-up measurements. option: keyword arguments of the parameter; scale: of a change of its numbers."""

    robot: str = "double_pendulum"
    option: dict[str, Any] = field(default_factory=dict)
    scale: float | None = None
    drive: str = "joint_force"
    dt: float = 0.01
    more: dict[str, Any] = field(default_factory=dict)


BALL = {"robot": "sphere", "dt": 0.005}
CONTACTS = (
    "friction",
    "solref",
    "solimp",
)  # kernels of contacts take long to compile, and their adjoints have tests of their own
CASES: dict[str, Case] = {
    "mass": Case(option={"total": 2.5, "total_std": 0.1}),
    "dry_friction": Case(dt=0.02, option={"init": 0.2}),
    "dry_friction_time": Case(
        dt=0.02, option={"init": 0.1}, more={"loss": {"kind": "dry_friction", "init": 50.0, "learn": False}}
    ),
    "stiffness": Case(option={"init": 1.5}),
    "spring_reference": Case(more={"spring": {"kind": "stiffness", "init": 2.0, "learn": False}}),
    "armature": Case(option={"init": 0.01, "log": True}),
    "kp": Case(drive="joint_position", option={"init": [20.0, 10.0]}, more={"kv": {"kind": "kv", "init": 1.0}}),
    "kv": Case(drive="joint_velocity", option={"init": [2.0, 1.0]}),
    "actuator_gain": Case("driven", drive="actuator"),
    "actuator_bias": Case("driven", drive="actuator", scale=0.1),
    "friction": Case(**BALL, option={"names": ["sphere/*"], "init": 1.5}),
    "solref": Case(**BALL, option={"names": ["sphere/*"]}),
    "solimp": Case(**BALL, option={"names": ["sphere/*"]}),
    "gravity": Case(option={"columns": [0, 2]}, scale=1.0),
    "link_position": Case(scale=0.1),
    "link_rotation": Case("panda", option={"names": ["panda_link[34]"]}, scale=0.1),
    "joint_offset": Case("driven", scale=0.1),
    "field": Case("panda", option={"field": "link_quat", "names": ["panda_link[25]"]}, scale=0.1),
    "friction_law": Case(option={"law": "stribeck", "names": ["elbow"], "init": {"slip_velocity": 0.3}}),
    "link_length": Case(option={"names": ["upper"], "scales": ["mass", "centre_of_mass", "inertia"]}),
    "inertia": Case(option={"names": ["lower"]}),
    "sensor_gain": Case(option={"channel": "angle"}),
    "sensor_bias": Case(option={"channel": "angle", "names": ["elbow"]}, scale=0.1),
    "sensor_delay": Case(option={"channel": "angle", "init": 0.011}, scale=0.1),
    "input_gain": Case(option={"input": "torque", "names": ["shoulder"]}),
    "input_bias": Case(option={"input": "torque"}, scale=0.1),
    "input_delay": Case(option={"input": "torque", "init": 0.013}, scale=0.1),
    "input_lag": Case(option={"input": "torque", "init": 0.03}),
    "clock_scale": Case(option={"input": "torque", "init": 1.005}, scale=0.01),
    "clock_offset": Case(option={"channel": "angle", "init": 0.0123}, scale=0.1),
    "start_state": Case(option={"position_std": 0.1, "velocity_std": None}, more={"mass": {"kind": "mass"}}),
}


def made_up(case: Case, channels: Mapping[str, Any], inputs: Mapping[str, Any], seed: int = 3, name: str = "run") -> Recording:
    """Smooth numbers at instants of their own, between the steps; some are missing."""
    random = np.random.default_rng(seed)
    time = (np.arange(STEPS - 1) + 0.3) * case.dt
    series = {}
    for key, spec in channels.items():
        width = len(spec.labels)
        values = pushes(time, width, seed, 0.1)
        if spec.kind == "link_orientation":
            values = values + np.tile([1.0, 0.0, 0.0, 0.0], width // 4)
        values[random.integers(0, len(time), 3), random.integers(0, width, 3)] = np.nan
        series[key] = Series(time, values, list(spec.labels))
    grid = np.arange(STEPS + 1) * case.dt
    driven = {key: Series(grid, pushes(grid, len(spec.labels), seed + 1), list(spec.labels)) for key, spec in inputs.items()}
    return Recording(name, None, 0, "train", series, driven, 0.0, STEPS * case.dt)  # type: ignore[arg-type]


def problem_for(
    case: Case, parameters: Mapping[str, Any], channels: Mapping[str, Any] | None = None, recordings: int = 1, **shooting: Any
) -> RecordingProblem:
    names = ("push", "servo") if case.drive == "actuator" else ("sphere",) if case.robot == "sphere" else joints_of(case.robot)
    if channels is None and case.robot == "sphere":
        channels = {"place": channel("link_position", names), "turn": channel("link_angular_velocity", names)}
    elif channels is None:
        channels = {"angle": channel("joint_position", joints_of(case.robot), 0.1, weight=2.0)}
    inputs = {} if case.robot == "sphere" else {"torque": driver(case.drive, names)}
    for key, spec in channels.items():
        spec.name = key
    runs = [made_up(case, channels, inputs, 3 + k, f"run{k}") for k in range(recordings)]
    dataset = Dataset(runs, dict(channels), inputs)
    window = shooting.pop("window", STEPS / 2 * case.dt)
    return problem_of(setting_for(case.robot, case.dt), dataset, parameters, Shooting(window=window, **shooting))


def error_of(problem: RecordingProblem, scale: float | None = None, gap_weight: float = 0.0, least: float = 1e-6) -> float:
    """Largest relative difference of directional derivatives; every direction must matter."""
    whole = of_windows(problem, gap_weight)
    random, x = np.random.default_rng(0), whole.first()
    x[problem.n :] = 0.05 * random.standard_normal(len(x) - problem.n)
    blocks = whole.blocks(x)
    table = jacobian_of(blocks, whole)

    def residuals(at: np.ndarray) -> np.ndarray:
        return np.concatenate([block.r for block in whole.blocks(at, False)])

    assert np.array_equal(residuals(x), np.concatenate([block.r for block in blocks]))
    size = np.where(x == 0.0, 0.1, np.abs(x)) if scale is None else np.full(len(x), scale)
    worst = 0.0
    for _ in range(3):
        direction = size * random.uniform(0.5, 1.0, len(x)) * random.choice([-1.0, 1.0], len(x))
        expected, _ = extrapolated(np.stack([residuals(x + h * direction) for h in OFFSETS], -1))
        assert np.abs(expected).max() > least
        worst = max(worst, float(np.abs(table @ direction - expected).max() / np.abs(expected).max()))
    return worst


@pytest.mark.parametrize("kind", [kind for kind in (*OF_MODELS, *OF_RECORDINGS) if kind not in CONTACTS])
def test_every_kind_of_unknown(kind: str) -> None:
    case = CASES.get(kind, Case())
    option = dict(case.option)
    problem = problem_for(case, {"it": {"kind": kind, **option}, **case.more})
    assert error_of(problem, case.scale) <= TOLERANCE


@pytest.mark.parametrize("kind", CONTACTS)
def test_parameters_of_contacts_reach_theta(kind: str) -> None:
    problem = problem_for(CASES[kind], {"it": {"kind": kind, **CASES[kind].option}})
    found = outside(problem, problem.batches[0], problem.z0, None)
    direction = problem.z0 * torch.linspace(0.5, 1.0, problem.n, dtype=torch.float64)
    ahead, behind = (problem.theta(problem.targets(problem.z0 + h * direction)) for h in (1e-4, -1e-4))
    change = torch.zeros_like(ahead).index_copy(0, found.columns, found.theta[0] @ direction)
    difference = torch.nan_to_num(ahead - behind) / 2e-4  # some bounds are infinite
    assert torch.allclose(change, difference, rtol=1e-9, atol=1e-9) and int((change != 0.0).sum()) == problem.n


FRAMES: dict[str, dict[str, Any]] = {
    "accelerometer": {"local_pos": [0.0, 0.1, 0.2]},
    "gyro": {"local_quat": [0.8, 0.6, 0.0, 0.0]},
    "camera": {"matrix": [[300.0, 0.0, 20.0], [0.0, 10.0, -300.0]], "origin": [320.0, 240.0]},
    "link_angular_velocity": {"axes": "frame"},
    "marker": {"local_pos": [0.1, 0.0, 0.3]},
}


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "contact_force"])
def test_every_kind_of_channel(kind: str) -> None:
    """With what it depends on: the motion, the parameters themselves (placements, gravity), and its sensors."""
    names = joints_of("double_pendulum") if kind.startswith("joint") else ["lower", "tip"]
    channels = {"angle": channel("joint_position", joints_of("double_pendulum"), 0.1)}
    channels[kind] = channel(kind, names, **FRAMES.get(kind, {}))
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"]},
        "placed": {"kind": "link_position", "names": ["lower"]},
        "gravity": {"kind": "gravity"},
        "bias": {"kind": "sensor_bias", "channel": kind},
        "delay": {"kind": "sensor_delay", "channel": kind, "init": 0.002},
    }
    drive = "joint_position" if kind == "joint_torque" else "joint_force"
    if kind == "joint_torque":
        parameters |= {"kp": {"kind": "kp", "init": 5.0}, "kv": {"kind": "kv", "init": 0.5}}
    case = Case(drive=drive)
    assert error_of(problem_for(case, parameters, channels), 0.1) <= TOLERANCE


def test_torques_of_actuators_and_their_signals() -> None:
    channels = {
        "torque_seen": channel("joint_torque", joints_of("driven")),
        "angle": channel("joint_position", joints_of("driven"), 0.1),
    }
    parameters = {
        "gain": {"kind": "actuator_gain"},
        "scale": {"kind": "input_gain", "input": "torque"},
        "lag": {"kind": "input_lag", "input": "torque", "init": 0.02},
    }
    assert error_of(problem_for(Case("driven", drive="actuator"), parameters, channels)) <= TOLERANCE


def test_sensors_of_a_bare_coordinate_and_delays_out_of_the_window() -> None:
    """The first samples lie before the window once the delay is taken off."""
    parameters = {
        "gain": {"kind": "sensor_gain", "channel": "angle", "init": [1.1, 0.9]},
        "bias": {"kind": "sensor_bias", "channel": "angle"},
        "delay": {"kind": "sensor_delay", "channel": "angle", "init": 0.026},
        "early": {"kind": "sensor_delay", "channel": "speed", "init": -0.021},
        "mass": {"kind": "mass"},
    }
    names = joints_of("double_pendulum")
    channels = {"angle": channel("joint_position", names, 0.1), "speed": channel("joint_velocity", names)}
    assert error_of(problem_for(Case(), parameters, channels), 0.1) <= TOLERANCE


def test_clocks_of_channels_and_inputs_beside_their_delays() -> None:
    """Of bare coordinates and of frames, with start states that are freed of them, and a lag behind the input's clock."""
    names = joints_of("double_pendulum")
    channels = {"angle": channel("joint_position", names, 0.1), "tip": channel("marker", ["lower"], local_pos=[0.1, 0.0, 0.3])}
    parameters = {
        "angle_scale": {"kind": "clock_scale", "channel": "angle", "init": 1.01},
        "angle_offset": {"kind": "clock_offset", "channel": "angle", "init": 0.0123, "each_recording": True},
        "angle_delay": {"kind": "sensor_delay", "channel": "angle", "init": 0.002},
        "tip_scale": {"kind": "clock_scale", "channel": "tip", "init": 0.99},
        "torque_scale": {"kind": "clock_scale", "input": "torque", "init": 1.004},
        "torque_offset": {"kind": "clock_offset", "input": "torque", "init": 0.0021},
        "torque_lag": {"kind": "input_lag", "input": "torque", "init": 0.03},
    }
    assert error_of(problem_for(Case(), parameters, channels, recordings=2), 0.01) <= TOLERANCE


def test_numbers_of_each_recording_beside_shared_ones() -> None:
    parameters = {
        "mass": {"kind": "mass", "names": ["lower"]},
        "damping": {"kind": "damping", "log": True, "tie": True, "each_recording": True},
        "bias": {"kind": "input_bias", "input": "torque", "each_recording": True},
        "lag": {"kind": "input_lag", "input": "torque", "init": 0.03},
        "zero": {"kind": "sensor_bias", "channel": "angle", "each_recording": True},
    }
    problem = problem_for(Case(), parameters, recordings=2)
    assert problem.n == 1 + 2 * (1 + 2 + 2) + 1
    assert error_of(problem, 0.1) <= TOLERANCE


def test_start_states_gaps_priors_and_windows_of_several_lengths() -> None:
    """A rest of a recording is a batch of its own; gaps lead from one batch to the other."""
    parameters = {
        "mass": {"kind": "mass", "prior": [None, 0.1]},
        "inertia": {"kind": "inertia", "names": ["lower"], "prior": [None, 0.5]},
        "bias": {"kind": "sensor_bias", "channel": "angle"},
        "start": {"kind": "start_state", "position_std": 0.05, "velocity_std": 0.3},
    }
    problem = problem_for(Case(), parameters, window=0.15, continuity=1.0)
    assert [w.steps for w in problem.windows] == [15, 15, 10] and len(problem.batches) == 2
    assert error_of(problem, 0.1, gap_weight=0.7) <= TOLERANCE


def test_start_states_of_free_bodies() -> None:
    """Tangents of a quaternion."""
    case = Case("ball")
    marker = channel("marker", ["sphere"], local_pos=[0.1, 0.05, 0.0])
    channels = {"place": marker, "turn": channel("link_orientation", ["sphere"])}
    for key, spec in channels.items():
        spec.name = key
    recording = made_up(case, channels, {})
    dataset = Dataset([recording], channels, {})
    parameters = {"gravity": {"kind": "gravity"}, "start": {"kind": "start_state", "position_std": 0.05, "velocity_std": 0.3}}
    problem = problem_of(setting_for("ball"), dataset, parameters, Shooting(window=0.2, continuity=1.0))
    assert error_of(problem, 0.1, gap_weight=0.7) <= TOLERANCE


def test_large_batches_are_linearised_in_parts(monkeypatch) -> None:
    from genesis.sysid import linearization, sensitivity

    parameters = {"mass": {"kind": "mass"}, "start": {"kind": "start_state"}}
    channels = {"tip": channel("link_position", ["tip"]), "angle": channel("joint_position", joints_of("double_pendulum"), 0.1)}
    problem = problem_for(Case(), parameters, channels, window=0.1)
    residuals = of_windows(problem)
    whole = residuals.normal(residuals.blocks(residuals.first()))
    monkeypatch.setattr(linearization, "SENSITIVITY_SIZE", 1)
    monkeypatch.setattr(sensitivity, "ROWS_AT_ONCE", 7 * problem.solver.model.parameter_size)
    parts = residuals.normal(residuals.blocks(residuals.first()))
    for name in ("zz", "gz", "zs", "ss", "gs"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), rtol=1e-12, atol=1e-12), name


def test_a_quaternion_counts_only_whole() -> None:
    """One number of one of two frames is missing: the three residuals of that frame are left out, those of the other stay."""
    channels = {"turn": channel("link_orientation", ["upper", "lower"])}
    problem = problem_for(Case(), {"mass": {"kind": "mass"}}, channels)
    missing = ~np.isfinite(problem.recordings[0].channels["turn"].values)
    whole = 2 * len(missing) - missing.reshape(len(missing), 2, 4).any(2).sum()
    (block,) = evaluate(problem, problem.z0.numpy(), False)
    assert len(block.r) == 3 * whole and missing.any()


def test_dry_friction_is_seen_from_a_start_of_zero() -> None:
    problem = problem_for(Case(dt=0.02), {"loss": {"kind": "dry_friction", "init": 0.0}})
    table = np.concatenate([block.z for block in evaluate(problem, problem.z0.numpy(), True)])

    def residuals(z: float) -> np.ndarray:
        return np.concatenate([b.r for b in evaluate(problem, np.array([z, 0.0]), False)])

    h = 1e-5
    ahead = (-3.0 * residuals(0.0) + 4.0 * residuals(h) - residuals(2.0 * h)) / (2.0 * h)
    assert np.abs(table[:, 0] - ahead).max() <= 1e-5 * np.abs(ahead).max() and np.abs(ahead).max() > 1e-2
    assert torch.equal(problem.z0, torch.zeros(2, dtype=torch.float64))
