"""Parts of an identification from torques: bodies that exist, compressed equations, errors that know of time, filters; wrong input."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.methods import make_method
from genesis.observations import Dataset, Recording, Series, Smoothing
from genesis.runners.identify import identification
from genesis.runners.loop import Stop
from genesis.sysid.build import problem_of
from genesis.sysid.inverse_dynamics.base import Compressed, correlated_spread
from genesis.sysid.inverse_dynamics.chart import LinearChart
from genesis.sysid.inverse_dynamics.consistent import BASIS, BodyPrior, consistent, divergence
from genesis.sysid.inverse_dynamics.equations import TorqueEquations, TorqueOptions
from genesis.sysid.inverse_dynamics.regressor import TorqueRegressor
from genesis.sysid.inverse_dynamics.signals import TorqueFilter, chosen_cutoff, torque_samples
from genesis.sysid.inverse_dynamics.solution import TorqueSolver
from tests.settings import setting_of
from tests.sysid.problems import channel, driver, joints_of, setting_for
from tests.sysid.test_inverse_dynamics import ARM, FREE, asked, logged, motion

pytestmark = pytest.mark.usefixtures("engine")


# ---- parts


def test_consistent_bodies_are_a_minimum() -> None:
    """Where the least squares want a body that cannot be: gradient of the whole function zero, J positive definite, bounds kept."""
    random = np.random.default_rng(0)
    body = BodyPrior(np.arange(10), np.einsum("k,kij->ij", np.array([1.0, 0.1, 0, 0, 0.1, 0.12, 0.09, 0, 0, 0]), BASIS))
    columns = random.standard_normal((40, 12))
    wanted = np.array([-1.0, 0.5, 0, 0, 0.2, 0.1, -0.3, 0, 0, 0, -2.0, 3.0])
    start = np.array([1.0, 0.1, 0, 0, 0.1, 0.12, 0.09, 0, 0, 0, 0.5, 0.5])
    low, high = np.full(12, -np.inf), np.full(12, np.inf)
    low[10] = 0.0
    made = consistent(columns, columns @ wanted, start, [body], 0.5, low, high)
    assert np.linalg.eigvalsh(body.pseudo(made.x)).min() > 0.0 and made.x[10] == 0.0

    def value(x: np.ndarray) -> float:
        return 0.5 * float(((columns @ (x - wanted)) ** 2).sum()) + 0.5 * divergence(body.pseudo(x), body.described)

    slopes = [(value(made.x + 1e-6 * e) - value(made.x - 1e-6 * e)) / 2e-6 for e in np.eye(12)]
    assert slopes[10] > 0.0 and np.abs(np.delete(slopes, 10)).max() < 1e-5 * np.abs(columns.T @ columns @ (start - wanted)).max()


def test_divergence_rows_are_the_divergence() -> None:
    problem = asked(ARM, [logged(ARM, {}, seconds=2.0)], {"links": FREE["links"]})
    chart = LinearChart(problem)
    z = problem.z0 + 0.3 * torch.randn(problem.n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = chart.of(z).detach().numpy()
    rows = chart.divergence(z, 0.7)
    expected = 0.7 * sum(divergence(body.pseudo(x), body.described) for body in chart.bodies)
    assert 0.5 * float(rows.square().sum()) == pytest.approx(expected, rel=1e-10)
    assert chart.free(x) == pytest.approx(z.numpy(), rel=1e-9, abs=1e-9)
    assert float(chart.divergence(problem.z0, 0.7).abs().max()) < 1e-7


def test_compressed_equations_have_the_same_solution() -> None:
    random = np.random.default_rng(0)
    columns, target = random.standard_normal((200, 7)), random.standard_normal(200)
    parts = [Compressed.of(columns[k : k + 50], target[k : k + 50]) for k in range(0, 200, 50)]
    made = Compressed.joined(parts)
    assert made.rows.shape == (8, 8)
    assert made.solved() == pytest.approx(np.linalg.lstsq(columns, target, rcond=None)[0], rel=1e-10)


def test_spread_of_correlated_scores() -> None:
    """A first-order process of 0.8 has nine times the variance of its mean; white scores keep theirs."""
    random = np.random.default_rng(0)
    white = random.standard_normal((20000, 1))
    coloured = np.zeros_like(white)
    for k in range(1, len(white)):
        coloured[k] = 0.8 * coloured[k - 1] + white[k]
    one = np.zeros(len(white), int)
    assert correlated_spread(white, one)[0, 0] == pytest.approx(20000.0, rel=0.1)
    assert correlated_spread(coloured, one)[0, 0] == pytest.approx(20000.0 * 25.0, rel=0.15)


def test_filters_have_no_phase_and_no_gain() -> None:
    time = np.arange(4000) / 500.0
    q, v, a = motion(time, 2)
    recording = Recording("run", None, 0, "train", {"angle": Series(time, q, ["a", "b"])}, {}, 0.0, float(time[-1]))  # type: ignore[arg-type]
    samples = torque_samples(recording, [("angle", 0), ("angle", 1)], TorqueFilter(cutoff=20.0))
    inside = np.searchsorted(time, samples.time - 1e-9)
    assert (
        np.abs(samples.v - v[inside]).max() < 2e-3 * np.abs(v).max()
        and np.abs(samples.a - a[inside]).max() < 1e-2 * np.abs(a).max()
    )
    assert (samples.equations, samples.rate) == (10.0, pytest.approx(500.0))
    assert samples.filtered(samples.q) == pytest.approx(
        np.stack([np.interp(samples.instants, time, x) for x in q.T], 1), abs=2e-3
    )
    assert samples.filtered(np.ones((len(samples.time), 1))) == pytest.approx(1.0, abs=1e-6)


def test_gaps_are_left_out() -> None:
    time = np.arange(4000) / 500.0
    q, _, _ = motion(time, 1)
    kept = (time < 3.0) | (time > 3.5)
    recording = Recording("run", None, 0, "train", {"angle": Series(time[kept], q[kept], ["a"])}, {}, 0.0, float(time[-1]))  # type: ignore[arg-type]
    samples = torque_samples(recording, [("angle", 0)], TorqueFilter(cutoff=20.0))
    assert len(samples.lengths) == 2 and not ((samples.time > 2.95) & (samples.time < 3.55)).any()
    assert set(samples.piece.tolist()) == {0, 1}


def test_cutoff_is_where_noise_begins() -> None:
    """Motion up to 5 Hz under white noise; more noise, less of the motion. Some of the lines leaks beyond them."""
    time = np.arange(20000) / 1000.0
    random = np.random.default_rng(0)
    q = sum(np.sin(2.0 * np.pi * f * time + f) / f**2 for f in (0.3, 1.0, 5.0))
    found_ = chosen_cutoff((q + 1e-5 * random.standard_normal(len(q)))[:, None], 1000.0)
    assert 5.0 <= found_ < 25.0
    assert chosen_cutoff((q + 1.0 * random.standard_normal(len(q)))[:, None], 1000.0) < 3.0


# ---- wrong input


def refused(message: str, problem: Any, **options: Any) -> None:
    with pytest.raises(InputError, match=message):
        TorqueSolver(TorqueEquations(problem, TorqueOptions(**options))).solution()


def test_wrong_input_is_named() -> None:
    recording = logged(ARM, {}, seconds=2.0)
    half = replace(
        recording,
        channels={"angle": Series(recording.channels["angle"].time, recording.channels["angle"].values[:, :1], ["shoulder"])},
    )
    specs = {"angle": channel("joint_position", ["shoulder"], 1e-4)}
    made = Dataset([half], specs, {"torque": driver("joint_force", joints_of(ARM))}, Smoothing())
    refused("the position of elbow is not measured", problem_of(setting_for(ARM), made, {"viscous": FREE["viscous"]}))
    both = asked(ARM, [recording], {"viscous": FREE["viscous"]})
    refused("torque.cutoff: 300 Hz; train0 has 500 samples a second, allowed: less than 250 Hz", both, cutoff=300.0)
    refused("too short for filters of 1 and 0.5 Hz", both, cutoff=1.0)
    refused("hold it .learn: false.", asked(ARM, [recording], {"shift": {"kind": "sensor_bias", "channel": "angle"}}))
    everything = {"links": {"kind": "inertia", "names": ["upper", "lower"]}, "gain": {"kind": "input_gain", "input": "torque"}}
    everything |= {"viscous": FREE["viscous"], "armature": FREE["armature"]}
    refused("nothing sets their scale", asked(ARM, [recording], everything))
    blind = Dataset([recording], {"angle": channel("joint_position", joints_of(ARM), 1e-4)}, {}, Smoothing())
    refused("no force is measured", problem_of(setting_for(ARM), blind, {"viscous": FREE["viscous"]}))


def test_learned_gains_need_a_measured_force() -> None:
    recording = logged(ARM, {}, seconds=2.0)
    names = joints_of(ARM)
    specs = {"angle": channel("joint_position", names, 1e-4)}
    targets = Dataset([recording], specs, {"torque": driver("joint_position", names)}, Smoothing())
    refused(
        "with learned gains the force of shoulder is not known",
        problem_of(setting_for(ARM), targets, {"kp": {"kind": "kp", "init": 1.0}}),
    )


def test_free_bodies_are_refused_by_name() -> None:
    with pytest.raises(InputError, match='joint ".*" is a free joint, .* fixed base'):
        TorqueRegressor(setting_of("ball").scene.rigid_solver.model)


def test_starts_that_simulate_are_refused() -> None:
    from genesis.sysid.identification import Starts

    problem = asked(ARM, [logged(ARM, {}, seconds=2.0)], {"viscous": FREE["viscous"]})
    with pytest.raises(InputError, match="starts: residual=torque begins at its own linear least squares"):
        identification(
            problem, make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, 5, 0), Stop(5), starts=Starts(candidates=3),
            torque=TorqueOptions(), signals=False,
        )  # fmt: skip
