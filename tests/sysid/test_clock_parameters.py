"""Clocks that run and begin differently are identified; windows and lags end at gaps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.observations import Recording, Series
from genesis.sysid.measure import far_clocks
from genesis.sysid.shooting import Shooting
from tests.sysid.problems import ARM, TRUTH, joint_problem, recorded, solved, truth

pytestmark = pytest.mark.usefixtures("engine")
SCALE, OFFSET = 1.001, 0.012
MASS = {"mass": {"kind": "mass", "names": ["lower"], "bounds": [0.5, 2.0], "inertia": "keep"}}


def stamped(recording: Recording, scale: float, offset: float, *, channel: str | None = None) -> Recording:
    """The recording with the torques, or a channel, stamped by a clock that has to be scaled and shifted to be right."""
    table = recording.inputs if channel is None else recording.channels
    key = "torque" if channel is None else channel
    series = table[key]
    late = {**table, key: Series((series.time - offset) / scale, series.values, series.columns)}
    return replace(recording, inputs=late) if channel is None else replace(recording, channels=late)


def test_scale_and_offset_of_an_input_are_found() -> None:
    run = stamped(recorded(ARM, truth=truth(), steps=400), SCALE, OFFSET)
    clock = {
        "scale": {"kind": "clock_scale", "input": "torque", "bounds": [0.99, 1.01]},
        "offset": {"kind": "clock_offset", "input": "torque"},
        "damping": {"kind": "damping", "log": True},
    }
    made = solved(joint_problem(ARM, MASS | clock, [run], Shooting(window=0.5)))
    assert made.values == pytest.approx([TRUTH["mass/lower"], SCALE, OFFSET, 0.05, 0.03], abs=2e-5)


def test_scale_and_offset_of_a_channel_of_each_recording_are_found() -> None:
    """With free starts, since those that are measured are right to first order only."""
    clocks = [(SCALE, OFFSET), (0.999, -0.004)]
    runs = [
        stamped(recorded(ARM, truth=truth(), steps=150, seed=k, name=f"run{k}"), *clock, channel="angle")
        for k, clock in enumerate(clocks)
    ]
    parameters = {
        "scale": {"kind": "clock_scale", "channel": "angle", "each_recording": True},
        "offset": {"kind": "clock_offset", "channel": "angle", "each_recording": True},
        "damping": {"kind": "damping", "log": True},
        "start": {"kind": "start_state", "position_std": None, "velocity_std": None},
    }
    problem = joint_problem(ARM, MASS | parameters, runs, Shooting(window=1.0))
    made = solved(problem)
    found = dict(zip(problem.names(), made.values, strict=True))
    expected = {
        "scale/angle@run0": SCALE, "scale/angle@run1": 0.999, "offset/angle@run0": OFFSET, "offset/angle@run1": -0.004, **TRUTH
    }  # fmt: skip
    assert found == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("signals", [{}, {"channel": "angle", "input": "torque"}])
def test_a_clock_is_that_of_one_signal(signals: dict) -> None:
    with pytest.raises(
        InputError, match="parameter.it: name the channel or the input whose clock it is: channel=NAME, or input=NAME"
    ):
        joint_problem(ARM, {"it": {"kind": "clock_scale", **signals}})


def test_no_window_and_no_lag_lies_over_a_gap() -> None:
    """The second half of a recording, a million seconds later, is simulated as a recording of its own is."""
    lag = {"lag": {"kind": "input_lag", "input": "torque", "init": 0.08}}
    first, second = recorded(ARM, steps=60), recorded(ARM, steps=70, seed=5)

    def joined(name: str) -> dict[str, Series]:
        pairs = ((getattr(first, name)[key], getattr(second, name)[key]) for key in getattr(first, name))
        return {
            key: Series(np.concatenate([a.time, 1e6 + b.time]), np.concatenate([a.values, b.values]), a.columns)
            for key, (a, b) in zip(getattr(first, name), pairs, strict=True)
        }

    whole = replace(first, channels=joined("channels"), inputs=joined("inputs"), end=1e6 + 0.7, gaps=[(0.6, 1e6)])
    problem = joint_problem(ARM, lag, [whole], Shooting(window=0.25))
    assert [(w.start, w.steps, w.before) for w in problem.windows] == [
        (0.0, 25, -1), (0.25, 25, 0), (1e6, 25, -1), (1e6 + 0.25, 25, 2), (1e6 + 0.5, 20, 3)
    ]  # fmt: skip
    apart = joint_problem(ARM, lag, [first, second], Shooting(window=0.25))
    for made, alone in zip(problem.batches, apart.batches, strict=True):
        ours, theirs = (x.controls(b, x.targets(x.z0))[0] for x, b in ((problem, made), (apart, alone)))
        assert ours.numpy() == pytest.approx(theirs.numpy(), abs=1e-7)  # times of 1e6 s are rounded
        assert made.state.numpy() == pytest.approx(alone.state.numpy(), abs=1e-9)
    with pytest.raises(InputError, match=r"run: 0.7 s without gaps are less than 2 steps of scene.dt = 1 s"):
        joint_problem(ARM, lag, [whole], Shooting(window=None), dt=1.0)


def test_a_clock_that_is_off_by_a_part_of_a_window_is_not_trusted() -> None:
    """Its start states would be moved on at constant velocity for too long."""
    run = recorded(ARM, truth=truth(), steps=300)
    scale = {"scale": {"kind": "clock_scale", "channel": "angle"}}
    problem = joint_problem(ARM, scale, [run], Shooting(window=0.5))
    latest = max(window.start for window in problem.windows)
    assert far_clocks(problem, torch.tensor([1.0 + 0.049 / latest], dtype=torch.float64)) == []
    (text,) = far_clocks(problem, torch.tensor([1.0 - 0.06 / latest], dtype=torch.float64))
    assert text.startswith('the clock of channel "angle" is found to be off by -0.06 s, 12 % of a window')
