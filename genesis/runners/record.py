"""The run folder: result.json, metrics.jsonl, solution.npz, checkpoints, TensorBoard events."""

import io
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.log import logger
from genesis.problems.problem import INTERRUPTED, Problem
from genesis.runners.checkpoint import CHECKPOINT
from genesis.runners.files import finite, named, write_bytes, write_json, write_npz
from genesis.runners.iteration import IterationReport
from genesis.runners.names import METRICS, RESULT, SOLUTION
from genesis.runners.tensorboard import TensorBoard

PACKAGES = ("genesis-optimize", "torch", "taichi", "numpy", "scipy", "mujoco", "hydra-core")


@cache
def versions() -> dict[str, str]:
    """Of Python and the packages that decide numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass
class RecordOptions:
    """What a record needs to know beside the numbers.

    config_text: the composed config; settings: its leaves, for the table of hyperparameters.
    every: iterations between TensorBoard points.
    """

    config_text: str = ""
    settings: dict[str, Any] | None = None
    tensorboard: bool = True
    every: int = 5


def lines_before(folder: Path, iteration: int) -> list[dict[str, Any]]:
    """Lines of metrics of a run folder up to an iteration; none where there is no such file. Those that were cut off are left out, and told."""
    path = folder / METRICS
    kept, torn = [], []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else [], 1):
        try:
            line = json.loads(text)
            if line["iteration"] < iteration:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            torn.append(str(number))
    if torn:
        logger.warning(
            "%s: line %s is cut off, as by a killed process or a full disk, and is left out.", path, ", ".join(torn[:5])
        )
    return kept


class Journal:
    """Lines and checkpoints of one run; every file but metrics.jsonl appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CHECKPOINT).parent.mkdir(exist_ok=True)
        self.lines: Any = None

    def open(self, first_iteration: int) -> None:
        """Open the lines; going on from a checkpoint drops those after it."""
        path = self.folder / METRICS
        if path.is_file():
            kept = lines_before(self.folder, first_iteration)
            write_bytes(path, "".join(f"{json.dumps(line)}\n" for line in kept).encode())
        self.lines = path.open("a", buffering=1)

    def line(self, content: dict[str, Any]) -> None:
        """One line of metrics."""
        with named(self.folder / METRICS):
            self.lines.write(json.dumps(finite(content)) + "\n")

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Everything needed to go on."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(self.folder / CHECKPOINT, buffer.getvalue())

    def close(self) -> None:
        """Close the lines."""
        if self.lines is not None:
            with named(self.folder / METRICS):
                self.lines.close()


class Record(Journal):
    """Writer of the run folder of a loop."""

    def __init__(self, folder: Path, recording: RecordOptions) -> None:
        super().__init__(folder)
        self.recording = recording
        self.board: TensorBoard | None = None
        self.holding = False  # what the run has come to is written by `release`, after all that is made of it
        self.held: dict[str, Any] | None = None

    def begin(self, first_iteration: int, problem: Problem) -> None:
        """Open the files; going on from a checkpoint drops the lines after it."""
        self.open(first_iteration)
        if self.recording.tensorboard:
            self.board = TensorBoard(
                self.folder / "tensorboard",
                first_step=first_iteration,
                config_text=self.recording.config_text,
                settings={"task": problem.kind, **(self.recording.settings or {})},
                metric_names=list(problem.tolerances),
            )

    def iteration(self, report: IterationReport, problem: Problem, more: dict[str, Any] | None = None) -> None:
        """One line of metrics (``more``: what this iteration has beside the usual), and now and then a point in TensorBoard."""
        evaluation = report.evaluation
        seconds = {"total": report.seconds, **problem.clock.seconds}
        self.line(
            {
                "iteration": report.iteration,
                **({"stage": report.stage} if report.stage else {}),
                "objective": evaluation.objective,
                **({} if evaluation.exact else {"exact": False}),
                "terms": evaluation.terms,
                "metrics": evaluation.metrics,
                "gradient_norm": evaluation.norms,
                "learning_rate": report.rates,
                **({"method": report.told} if report.told else {}),
                **({"health": evaluation.health} if evaluation.health else {}),
                **({"estimate": evaluation.estimate} if evaluation.estimate else {}),
                "seconds": {name: round(value, 6) for name, value in seconds.items()},
                **report.counts,
                **(more or {}),
            }
        )
        if self.board is not None and (report.iteration % self.recording.every == 0 or evaluation.good):
            self.board.write(report, problem.shown(), seconds)

    def solution(self, arrays: dict[str, np.ndarray]) -> None:
        """Arrays of the best parameters and their trajectory."""
        write_npz(self.folder / SOLUTION, arrays)

    def files(self, contents: dict[str, bytes]) -> None:
        """Further files by name."""
        for name, content in contents.items():
            write_bytes(self.folder / name, content)

    def curves(self, series: dict[str, np.ndarray]) -> None:
        """Series over time steps as curves of TensorBoard, whose axis is the step of the motion."""
        if self.board is not None:
            self.board.curves(series)

    def result(self, content: dict[str, Any]) -> None:
        """The summary of the run; that of one which was interrupted is there at once."""
        if self.holding and content["status"] != INTERRUPTED:
            self.held = content
        else:
            write_json(self.folder / RESULT, content)

    def release(self) -> None:
        """Write the summary, if it is held: the last file of a run, by which others know that it is over."""
        if self.held is not None:
            write_json(self.folder / RESULT, self.held)
            self.held = None

    @contextmanager
    def released(self) -> Iterator[None]:
        """Around what is made of a run that has ended: its summary is written behind that, also where it fails or is interrupted."""
        try:
            yield
        finally:
            self.release()

    def end(self, last_iteration: int) -> None:
        """Close the files."""
        self.close()
        if self.board is not None:
            self.board.close(last_iteration)
