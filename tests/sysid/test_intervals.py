"""95 % intervals hold the truth 90 to 99 times of 100: with starts held at noisy measurements or free, with white noise and with correlated noise."""

import numpy as np
import pytest
import torch

from genesis.observations import Series, Smoothing
from genesis.sysid.shooting import Shooting
from genesis.sysid.statistics import INTERVAL, certainty
from tests.sysid.problems import joint_dataset, problem_of, recorded, setting_for, solved

pytestmark = pytest.mark.usefixtures("engine")
ROBOT, SIGMA, STEPS, TIMES = "driven", 1e-3, 80, 100
TRUTH = np.array([0.3, 0.02, 0.2])


def noise(random, correlation: float, shape: tuple[int, int]) -> np.ndarray:
    """Autoregressive noise of standard deviation one, (N, columns)."""
    made = random.standard_normal(shape)
    for k in range(1, len(made)):
        made[k] = correlation * made[k - 1] + (1.0 - correlation**2) ** 0.5 * made[k]
    return made


def hits(errors: str, correlation: float = 0.0, window=None, learn: bool = True, **start) -> np.ndarray:
    """How often of a hundred times the intervals hold the truth: of the damping of each joint, and of a bias of the torque."""
    parameters = {
        "damping": {"kind": "damping", "init": [0.3, 0.02]}, "bias": {"kind": "input_bias", "input": "torque", "names": ["slide"], "init": 0.2},
        "start": {"kind": "start_state", "learn": learn, **start},
    }  # fmt: skip
    clean, found, said, kinds = recorded(ROBOT, steps=STEPS, dt=0.02), [], [], []
    clean.inputs["torque"].values[:, 0] -= 0.2
    for seed in range(TIMES):
        random = np.random.default_rng(seed)
        angle = clean.channels["angle"]
        noisy = angle.values + SIGMA * noise(random, correlation, angle.values.shape)
        one = type(clean)(**{**vars(clean), "channels": {"angle": Series(angle.time, noisy, angle.columns)}})
        dataset = joint_dataset(ROBOT, [one], smoothing=Smoothing(), sigma=SIGMA)
        del dataset.specs["speed"]
        problem = problem_of(setting_for(ROBOT, 0.02), dataset, parameters, Shooting(window=window))
        made = solved(problem, iterations=4, cost_tolerance=1e-4)
        known = certainty(made.residuals, made.best, made.residuals.blocks(made.best), errors)
        found.append(problem.natural(torch.as_tensor(made.best[: problem.n])).numpy())
        said.append(np.sqrt(np.diag(known.covariance)))
        kinds.append(known.errors)
    print(errors, correlation, window, learn, {k: kinds.count(k) for k in set(kinds)}, np.std(found, 0), np.mean(said, 0), np.mean(found,0))
    return (np.abs(np.array(found) - TRUTH) < INTERVAL * np.array(said)).sum(0)


@pytest.mark.parametrize("case", [dict(errors="auto"), dict(errors="auto", learn=False), dict(errors="auto", correlation=0.8)])
def test_cov(case):
    print(hits(**case))
