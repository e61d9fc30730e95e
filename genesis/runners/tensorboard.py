"""TensorBoard events of a run."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.problems.problem import Shown
from genesis.runners.events import Events, History
from genesis.runners.iteration import IterationReport

# Parameters with more numbers than this are shown as range and histogram instead of one curve each.
NAMED = 16
LONGEST = 256  # points of a series over time steps
# Edges of histograms: a tenth apart in both directions, from 1e-12 to 1e20.
_EDGES = [1e-12 * 1.1**k for k in range(775)]
BINS = [*(-edge for edge in reversed(_EDGES)), 0.0, *_EDGES]


class TensorBoard:
    """Writer of one run. HParams and config text are written at the start, so that unfinished runs can be compared too."""

    def __init__(
        self, folder: Path, *, first_step: int, config_text: str, settings: dict[str, Any], metric_names: list[str]
    ) -> None:
        from torch.utils.tensorboard.summary import histogram, hparams

        self.events, self._histogram = Events(folder, first_step), histogram
        if first_step == 0:
            self.events.text("config", "    " + config_text.replace("\n", "\n    "))
            plain = {k: v if isinstance(v, (bool, int, float, str)) else str(v) for k, v in settings.items()}
            names = {"objective/total": math.nan, **{f"metric/{name}": math.nan for name in metric_names}}
            for summary in hparams(plain, names):
                self.events.summary(summary)
            self.events.flush()
        self.history = History()

    def write(self, report: IterationReport, shown: Mapping[str, Shown], seconds: dict[str, float]) -> None:
        """One point of every curve."""
        evaluation = report.evaluation
        points = {"objective/total": evaluation.objective}
        for group, values in (
            ("loss", evaluation.terms), ("metric", evaluation.metrics), ("gradient", evaluation.norms),
            ("learning_rate", report.rates), ("method", report.told), ("seconds", seconds),
            ("estimate", evaluation.estimate), ("health", evaluation.health),
        ):  # fmt: skip
            points |= {f"{group}/{name}": value for name, value in values.items()}
        if evaluation.by_step is not None:
            by_step = evaluation.by_step.detach().double().cpu().numpy()
            self.history.add(by_step)
            ends = {"first": by_step[0], "last": by_step[-1], "largest": by_step.max()}
            points |= {f"gradient_by_step/{name}": float(value) for name, value in ends.items()}
        for name, parameter in shown.items():
            points |= self._parameter(f"parameter/{name}", parameter, report.iteration)
        self.events.scalars(points, report.iteration)

    def curves(self, series: Mapping[str, np.ndarray]) -> None:
        """A curve of each series (n,), at most `LONGEST` points of it."""
        for name, values in series.items():
            for step in range(0, len(values), -(-len(values) // LONGEST)):
                self.events.scalars({name: float(values[step])}, step)

    def close(self, step: int) -> None:
        """Last picture of the gradient by step; flush."""
        if self.history.rows:
            self.events.image("gradient_by_step", gradient_picture(np.stack(self.history.rows)), step)
        self.events.close()

    def _parameter(self, name: str, parameter: Shown, step: int) -> dict[str, float]:
        """Points of a parameter's curves; of one with many numbers their range, and a histogram, which is written."""
        value = parameter.value().detach().double().cpu()
        labels, bounds = parameter.labels(), parameter.bounds()
        points: dict[str, float] = {}
        if labels and len(labels) == value.numel() and len(labels) <= NAMED:
            for i, label in enumerate(labels):
                points[f"{name}/{label}"] = float(value.reshape(-1)[i])
                for side, end in zip(("low", "high"), bounds or (), strict=False):
                    if math.isfinite(float(end[i])):
                        points[f"{name}/{label}/{side}"] = float(end[i])
            return points
        points[f"{name}/min"], points[f"{name}/max"] = float(value.min()), float(value.max())
        for side, end, best in zip(("low", "high"), bounds or (), (torch.min, torch.max), strict=False):
            if bool(torch.isfinite(end).all()):
                points[f"{name}/{side}"] = float(best(end))
        self.events.summary(self._histogram(name, value.numpy(), BINS), step)
        return points


def gradient_picture(history: np.ndarray, height: int = 256, width: int = 512) -> np.ndarray:
    """Iterations (down) by time steps (across): logarithm of the gradient norm from dark to bright, (height, width, 3) uint8."""
    logs = np.log10(np.maximum(history, 1e-300))
    finite = logs[logs > -299]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low = max(low, high - 8.0)  # eight decades are enough to see vanishing and exploding
    bright = np.clip((logs - low) / max(high - low, 1e-12), 0.0, 1.0)
    rows = np.linspace(0, len(bright) - 1, height).round().astype(int)
    columns = np.linspace(0, bright.shape[1] - 1, width).round().astype(int)
    grey = bright[rows][:, columns]
    picture = np.stack(
        [np.clip(1.5 * grey, 0, 1), np.clip(2.0 * grey - 0.6, 0, 1), np.clip(0.35 + grey * (0.6 - grey), 0, 1)], -1
    )
    return (255 * picture).astype(np.uint8)
