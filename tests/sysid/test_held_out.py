"""Held-out recordings are judged by what the training ones may: their starts are fitted, what they share is not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError
from genesis.parameters import StartState
from genesis.sysid.answer import Asked, answer_without_intervals
from genesis.sysid.build import held_out_starts
from genesis.sysid.fit import FitLimits, fit_of
from genesis.sysid.outcome import compare
from genesis.sysid.residuals import of_windows
from genesis.sysid.statistics import at_bound
from tests.sysid.problems import ARM, PARAMETERS, joint_problem, recorded, setting_for, truth

pytestmark = pytest.mark.usefixtures("engine")
NOISE = 0.01


def problem(free: bool = True):
    """Measured starts, as noisy as everything, of windows that last long."""
    logs = [
        recorded(ARM, truth=truth(), noise=NOISE, seed=k, split=split, name=split)
        for k, split in enumerate(("train", "validation"))
    ]
    made = joint_problem(ARM, PARAMETERS, logs, sigma=NOISE)
    if not free:
        return made
    start = StartState(setting_for(ARM), "parameter")
    start.implied = True
    return replace(made, start=start, windows=[], batches=[])


def test_starts_of_held_out_windows_are_fitted() -> None:
    made = problem()
    x = of_windows(made).first()
    x[: made.n] = torch.cat([p.free_of(torch.tensor(v, dtype=torch.float64)) for (p, _, _), v in zip(
        made.slices, ([1.3], [0.05, 0.03]), strict=True)]).numpy()  # fmt: skip
    fit = {
        one.channel: one
        for one in fit_of(compare(made, x, x).standardised, 0.0, FitLimits()).channels
        if one.split == "validation"
    }
    held = compare(problem(False), x[: made.n], x[: made.n]).standardised
    loose = {one.channel: one for one in fit_of(held, 0.0, FitLimits()).channels if one.split == "validation"}
    assert fit["angle"].residual < 1.1 < 1.4 < loose["angle"].residual, "the truth, from its own start"
    unknown = held_out_starts(made, x)
    assert unknown is not None and unknown.held == dict(enumerate(x[: made.n].tolist()))
    assert held_out_starts(problem(False), x[: made.n]) is None


def test_a_value_at_the_end_of_a_smooth_bound_is_at_a_bound() -> None:
    one = {"kind": "mass", "names": ["lower"], "inertia": "keep", "bounds": [0.5, 2.0], "transform": "smooth"}
    made = joint_problem(ARM, {"mass": one}, [recorded(ARM)])
    free = made.learned[0].free_of
    for value, there in ((1.9999, True), (0.50001, True), (1.9, False), (1.0, False)):
        assert at_bound(made, free(torch.tensor([value], dtype=torch.float64)).numpy()).tolist() == [there]


def test_what_follows_to_where_nothing_is_allowed_cannot_be_simulated() -> None:
    made = joint_problem(
        ARM,
        {
            "mass": {"kind": "mass", "names": ["lower"], "inertia": "keep"},
            "elbow": {"kind": "damping", "names": ["elbow"], "tie": "mass - 0.9"},
        },
        [recorded(ARM)],
    )
    residuals = of_windows(made)
    assert np.isfinite(residuals.cost(np.array([1.0]))) and residuals.cost(np.array([0.8])) == np.inf
    with pytest.raises(DivergenceError, match="has become -0.1; allowed: finite, at least 0"):
        residuals.blocks(np.array([0.8]))


def test_an_answer_over_windows_that_diverge_has_no_intervals() -> None:
    made = problem()
    x = of_windows(made).first()
    answer = answer_without_intervals(made, x, x, Asked())
    assert answer.errors == "none" and all(np.isnan(e.std) and e.note == "" for e in answer.estimates)


def test_limits_of_joints_that_follow_targets_stay() -> None:
    drive = problem(False).drive
    drive.kp[0, 1] = True
    first, count = drive.offsets["dof_force_hi"]
    made = drive.unlimited(torch.zeros(first + count + 100, dtype=torch.float64))
    assert made[first : first + count].tolist() == [np.inf, 0.0]
