"""TensorBoard events of a run."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.problems.problem import Shown
from genesis.runners.iteration import Report

# Parameters with more numbers than this are shown as range and histogram instead of one curve each.
NAMED = 16


class TensorBoard:
    """Writer of one run. HParams and config text are written at the start, so that unfinished runs can be compared too."""

    def __init__(
        self, folder: Path, *, first_step: int, config_text: str, settings: dict[str, Any], metric_names: list[str]
    ) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        self.writer = SummaryWriter(str(folder), purge_step=first_step if first_step else None, flush_secs=10)
        if first_step == 0:
            self.writer.add_text("config", "    " + config_text.replace("\n", "\n    "), 0)
            plain = {k: v if isinstance(v, (bool, int, float, str)) else str(v) for k, v in settings.items()}
            names = {"objective/total": math.nan, **{f"metric/{name}": math.nan for name in metric_names}}
            events = self.writer._get_file_writer()  # add_hparams would open a second run and write at the end
            for summary in hparams(plain, names):
                events.add_summary(summary)
            self.writer.flush()
        self.history: list[np.ndarray] = []

    def write(self, report: Report, shown: Mapping[str, Shown], seconds: dict[str, float]) -> None:
        """One point of every curve."""
        step, evaluation, rates = report.iteration, report.evaluation, report.rates
        scalar = self.writer.add_scalar
        scalar("objective/total", evaluation.objective, step)
        for name, value in evaluation.terms.items():
            scalar(f"loss/{name}", value, step)
        for name, value in evaluation.metrics.items():
            scalar(f"metric/{name}", value, step)
        for name, value in evaluation.norms.items():
            scalar(f"gradient/{name}", value, step)
        for name, value in rates.items():
            scalar(f"learning_rate/{name}", value, step)
        for name, value in seconds.items():
            scalar(f"seconds/{name}", value, step)
        if evaluation.by_step is not None:
            by_step = evaluation.by_step.detach().double().cpu().numpy()
            self.history.append(by_step)
            scalar("gradient_by_step/first", float(by_step[0]), step)
            scalar("gradient_by_step/last", float(by_step[-1]), step)
            scalar("gradient_by_step/largest", float(by_step.max()), step)
        for name, parameter in shown.items():
            self._parameter(name, parameter, step)

    def close(self, step: int) -> None:
        """Last picture of the gradient by step; flush."""
        if self.history:
            self.writer.add_image("gradient_by_step", gradient_picture(np.stack(self.history)), step, dataformats="HWC")
        self.writer.close()

    def _parameter(self, name: str, parameter: Any, step: int) -> None:
        value = parameter.value().detach().double().cpu()
        labels, bounds = parameter.labels(), parameter.bounds()
        if labels and len(labels) == value.numel() and len(labels) <= NAMED:
            for i, label in enumerate(labels):
                self.writer.add_scalar(f"parameter/{name}/{label}", float(value.reshape(-1)[i]), step)
                for side, end in zip(("low", "high"), bounds or (), strict=False):
                    if math.isfinite(float(end[i])):
                        self.writer.add_scalar(f"parameter/{name}/{label}/{side}", float(end[i]), step)
            return
        self.writer.add_scalar(f"parameter/{name}/min", float(value.min()), step)
        self.writer.add_scalar(f"parameter/{name}/max", float(value.max()), step)
        for side, end, best in zip(("low", "high"), bounds or (), (torch.min, torch.max), strict=False):
            if bool(torch.isfinite(end).all()):
                self.writer.add_scalar(f"parameter/{name}/{side}", float(best(end)), step)
        self.writer.add_histogram(f"parameter/{name}", value.numpy(), step)


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
