"""The run folder: result.json, metrics.jsonl, solution.npz, checkpoints, TensorBoard events."""

import io
import json
import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.problems.problem import Problem
from genesis.runners.files import finite, write_bytes, write_json, write_npz
from genesis.runners.iteration import IterationReport
from genesis.runners.names import METRICS, RESULT, SOLUTION
from genesis.runners.tensorboard import TensorBoard

CHECKPOINT = Path("checkpoints") / "last.pt"
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
    """Lines of metrics of a run folder up to an iteration; none where there is no such file."""
    path = folder / METRICS
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return [line for line in lines if line["iteration"] < iteration]


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
        self.lines.write(json.dumps(finite(content)) + "\n")

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Everything needed to go on."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(self.folder / CHECKPOINT, buffer.getvalue())

    def close(self) -> None:
        """Close the lines."""
        if self.lines is not None:
            self.lines.close()


class Record(Journal):
    """Writer of the run folder of a loop."""

    def __init__(self, folder: Path, recording: RecordOptions) -> None:
        super().__init__(folder)
        self.recording = recording
        self.board: TensorBoard | None = None

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
        """The summary of the run."""
        write_json(self.folder / RESULT, content)

    def end(self, last_iteration: int) -> None:
        """Close the files."""
        self.close()
        if self.board is not None:
            self.board.close(last_iteration)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """What `Record.checkpoint` wrote.

    Raises: InputError if there is none, or it cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise InputError(f"{folder}: no checkpoint there ({CHECKPOINT} is missing); start anew with --rerun.")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # a damaged pickle raises almost anything
        raise InputError(f"{path}: cannot be read ({type(error).__name__}); start anew with --rerun.") from error
    return state
