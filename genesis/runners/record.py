"""The run folder: result.json, metrics.jsonl, solution.npz, checkpoints, TensorBoard events."""

import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis.errors import InputError
from genesis.runners.files import finite, write_bytes, write_json, write_npz

CHECKPOINT = Path("checkpoints") / "last.pt"
PACKAGES = ("genesis-optimize", "torch", "taichi", "numpy", "scipy", "mujoco", "hydra-core")


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
class Recording:
    """What a record needs to know beside the numbers.

    config_text: the composed config; settings: its leaves, for the table of hyperparameters.
    every: iterations between TensorBoard points.
    """

    config_text: str = ""
    settings: dict[str, Any] | None = None
    tensorboard: bool = True
    every: int = 5


class Journal:
    """Lines and checkpoints of one run; every file but metrics.jsonl appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CHECKPOINT).parent.mkdir(exist_ok=True)
        self.lines: Any = None

    def open(self, first_iteration: int) -> None:
        """Open the lines; going on from a checkpoint drops those after it."""
        path = self.folder / "metrics.jsonl"
        if first_iteration and path.is_file():
            kept = [line for line in path.read_text().splitlines() if json.loads(line)["iteration"] < first_iteration]
            write_bytes(path, "".join(f"{line}\n" for line in kept).encode())
        self.lines = path.open("a", buffering=1)

    def line(self, content: dict[str, Any]) -> None:
        """One line of metrics."""
        self.lines.write(json.dumps(finite(content)) + "\n")

    def solution(self, arrays: dict[str, np.ndarray]) -> None:
        """Arrays of the best parameters and their trajectory."""
        write_npz(self.folder / "solution.npz", arrays)

    def result(self, content: dict[str, Any]) -> None:
        """The summary of the run."""
        write_json(self.folder / "result.json", content)

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
