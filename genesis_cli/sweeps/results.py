"""What a job of a sweep leaves in its folder: how it ended, and what a sweeper minimises."""

import json
from pathlib import Path
from typing import Any

RESULT, MARKER = "result.json", "job.json"
SUCCEEDED = ("converged", "finished", "pruned", "agree")
INTERRUPTED, KILLED, MISSING = "interrupted", "killed", "missing"


def objective(result: dict[str, Any]) -> float | None:
    """What a result has reached, whatever command it is of."""
    for name in ("objective_best", "objective", "largest_error"):
        if isinstance(result.get(name), (int, float)):
            return float(result[name])
    return None


def read(file: Path) -> dict[str, Any] | None:
    """A JSON file; None if it is not there (or unreadable, as no file of ours is)."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write(file: Path, content: dict[str, Any]) -> None:
    """JSON, whole or not at all; a full disk is told but ends nothing: the job's own end matters more."""
    from genesis.runners.files import write_json

    try:
        write_json(file, content)
    except OSError as error:
        from genesis_cli import console

        console.error(f"{file}: cannot be written ({error.strerror}).")
