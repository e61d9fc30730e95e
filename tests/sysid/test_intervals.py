"""95 % intervals hold the truth 90 to 99 times of 100: from noisy starts, held or free, with white noise and with correlated noise."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from genesis.observations import Series
from genesis.sysid.build import problem_of
from genesis.sysid.shooting import Shooting
from genesis.sysid.statistics import INTERVAL, certainty
from tests.sysid.problems import joint_dataset, recorded, setting_for, solved

pytestmark = pytest.mark.usefixtures("engine")
ROBOT, SIGMA, DT, STEPS, TIMES = "driven", 1e-3, 0.02, 80, 25
TRUTH = [0.3, 0.02, 0.2]  # damping of both joints, bias of the force


def noise(random: np.random.Generator, correlation: float, shape: tuple[int, int]) -> np.ndarray:
    """Autoregressive noise of standard deviation one, (N, columns)."""
    made = random.standard_normal(shape)
    for k in range(1, len(made)):
        made[k] = correlation * made[k - 1] + (1.0 - correlation**2) ** 0.5 * made[k]
    return made


def hits(
    correlation: float = 0.0, window: float | None = None, errors: str = "auto", **start: Any
) -> tuple[np.ndarray, list[str]]:
    """How often of `TIMES` the intervals hold the truth, of each number, and what the errors were taken for."""
    parameters = {
        "damping": {"kind": "damping", "init": TRUTH[:2]},
        "bias": {"kind": "input_bias", "input": "torque", "names": ["slide"], "init": TRUTH[2]},
        "start": {"kind": "start_state", **start},
    }  # fmt: skip
    clean, inside, kinds = recorded(ROBOT, steps=STEPS, dt=DT), [], []
    clean.inputs["torque"].values[:, 0] -= TRUTH[2]
    for seed in range(TIMES):
        random = np.random.default_rng(seed)
        channels = {
            name: Series(x.time, x.values + size * noise(random, correlation, x.values.shape), x.columns)
            for (name, x), size in zip(clean.channels.items(), (SIGMA, 10 * SIGMA), strict=True)
        }
        dataset = joint_dataset(ROBOT, [replace(clean, channels=channels)], sigma=SIGMA)
        problem = problem_of(setting_for(ROBOT, DT), dataset, parameters, Shooting(window=window))
        made = solved(problem, iterations=4, cost_tolerance=1e-4)
        known = certainty(made.residuals, made.best, made.residuals.blocks(made.best), errors)
        off = problem.natural(torch.as_tensor(made.best[: problem.n])).numpy() - TRUTH
        inside.append(np.abs(off) < INTERVAL * np.sqrt(np.diag(known.covariance)))
        kinds.append(known.errors)
    return np.sum(inside, 0), kinds


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ({"learn": False}, "residual"),  # whole recordings from a noisy sample
        ({"learn": False, "window": 0.4}, "residual"),
        ({}, "residual"),
        ({"correlation": 0.8}, "autocorrelated"),
        ({"correlation": 0.8, "learn": False}, "autocorrelated"),
    ],
)
def test_intervals_hold_the_truth(case: dict[str, Any], kind: str) -> None:
    """67 to 74 of 75; each number on its own by chance 21 times or more."""
    found, kinds = hits(**case)
    assert 0.89 * 3 * TIMES < found.sum() < 0.99 * 3 * TIMES and found.min() >= 0.84 * TIMES
    assert kinds.count(kind) >= 0.9 * TIMES


def test_white_errors_are_too_small_where_noise_is_correlated() -> None:
    found, kinds = hits(0.8, errors="residual")
    assert found.sum() < 0.75 * 3 * TIMES and set(kinds) == {"residual"}
