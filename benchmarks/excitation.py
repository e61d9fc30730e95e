"""Is what an optimised experiment promises true?

    python benchmarks/excitation.py

For each shipped experiment and criterion: optimise, then measure REPEATS times in simulation with new noise, estimate all unknowns (and
the start state) from each set of measurements by Levenberg-Marquardt, starting from wrong values, and compare the spread of the
estimates with the predicted standard deviations. The same for the start trajectory.
"""

import time
from typing import Any, NamedTuple

import numpy as np
import torch
from measure import machine, table
from omegaconf import OmegaConf
from scipy.optimize import least_squares

from genesis.runners.loop import Stop
from genesis.runners.optimize import optimization
from genesis_cli.build import build_method, build_task, start_engine
from genesis_cli.compose import compose_config
from genesis_cli.paths import config_dir
from genesis_cli.validate import check

REPEATS = 200
# Where the estimation starts: this part of each scale away from the truth, at random.
AWAY = 0.1
JOBS = (("excite_double", "D"), ("excite_double", "A"), ("excite_double", "E"), ("excite", "D"))


class Study(NamedTuple):
    """Over the repetitions: predicted and found standard deviations (n,) and mean error (n,), in units of the scales; predicted standard
    deviation of the direction known worst; condition of F."""

    predicted: np.ndarray
    found: np.ndarray
    bias: np.ndarray
    worst_direction: float
    condition: float

    @property
    def ratio(self) -> np.ndarray:
        return self.found / self.predicted


def task_of(name: str, criterion: str) -> tuple[Any, Any]:
    """The checked config and the task, as `genesis optimize` makes them."""
    cfg = compose_config("optimize", [f"task={name}", f"loss.information.criterion={criterion}"])
    OmegaConf.update(cfg, "robot.file", str(config_dir() / "robots" / cfg.robot.file))
    checked = check(cfg)
    start_engine(checked.plain["runtime"])
    return checked, build_task(checked)


def study(task: Any, repeats: int, seed: int = 0) -> Study:
    """Estimate from noisy measurements of the present motion, again and again."""
    goal, rng = task.goal, np.random.default_rng(seed)
    with torch.no_grad():
        view, _ = task.simulate()
        assert task.metrics(view)["force_excess"] == 0.0  # the model of the measurements has no bounds of force
        model, size = goal.sensitivity, len(goal.sensitivity.names)

        exact = model.measure(view, torch.zeros(1, size, dtype=torch.float64))

        def measured(x: np.ndarray) -> np.ndarray:
            return model.whitened(model.measure(view, torch.as_tensor(x)[None]), exact)[0].numpy()

        def jacobian(x: np.ndarray) -> np.ndarray:
            both = model.measure(view, torch.as_tensor(x) + model.offsets)
            plus, minus = ([shown[:, first::2] for shown in both] for first in (0, 1))
            return (model.whitened(plus, minus).T / (2.0 * model.step)).numpy()

        estimates = []
        for _ in range(repeats):
            noisy = rng.standard_normal(measured(np.zeros(size)).shape)
            start = AWAY * rng.uniform(-1.0, 1.0, size)
            start[: model.nuisance] *= 0.1
            fit = least_squares(lambda x, y=noisy: measured(x) - y, start, jacobian, method="lm")
            assert fit.success, fit.message
            estimates.append(fit.x[model.nuisance :])
        told = goal.information(view)
    spread = np.array(estimates)
    return Study(told.std.numpy(), spread.std(0, ddof=1), spread.mean(0), float(told.eigenvalues[0]) ** -0.5, told.condition)


def row(name: str, criterion: str, motion: str, seconds: float | None, done: Study) -> list[str]:
    mean = float(np.exp(np.log(done.predicted).mean()))
    offset = np.abs(done.bias / done.predicted).max() * np.sqrt(REPEATS)
    return [
        f"`{name}`", motion if seconds is None else f"{motion}, {criterion}", f"{100 * mean:.2f} %", f"{100 * done.predicted.max():.2f} %",
        f"{100 * done.worst_direction:.2f} %", f"{done.condition:.1e}", f"{done.ratio.min():.2f} to {done.ratio.max():.2f}",
        f"{np.sqrt(np.mean(done.ratio**2)):.3f}", f"{offset:.1f}", "-" if seconds is None else f"{seconds:.0f} s",
    ]  # fmt: skip


def main() -> None:
    rows, seen = [], set()
    for name, criterion in JOBS:
        checked, task = task_of(name, criterion)
        if name not in seen:
            seen.add(name)
            rows.append(row(name, criterion, "start", None, study(task, REPEATS)))
        clock = time.process_time()
        result = optimization(task, build_method(checked), Stop(**vars(checked.plain["stop"]))).run()
        seconds = time.process_time() - clock
        assert result.succeeded, result
        rows.append(row(name, criterion, "optimised", seconds, study(task, REPEATS)))
        print(rows[-1], flush=True)
    print(
        f"{machine()}; {REPEATS} repetitions: a found standard deviation is off by {100 / np.sqrt(2 * REPEATS):.0f} % by chance\n"
    )
    header = ["experiment", "motion", "mean std", "largest std", "worst direction", "condition", "found / predicted", "root mean square",
              "largest bias, std errors", "CPU"]  # fmt: skip
    print(table(header, rows))


if __name__ == "__main__":
    main()
