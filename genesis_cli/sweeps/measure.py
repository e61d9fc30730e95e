"""What jobs are compared by where a swept key changes the objective itself: its numbers then say nothing of one another.

tasks: the largest metric in units of its tolerance, 1 where all are just met
identifications: the geometric mean over the channels of the root mean square errors on held-out recordings (without any, on all)
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

MEASURE = "measure"
#: First parts of keys that decide what the objective is, and last parts, of parameters.
PARTS = ("loss", "observation", "residual", "shooting")
LASTS = ("prior", "total", "total_std")


def changing(keys: Iterable[str]) -> list[str]:
    """Those of the swept keys that change the objective."""
    return [key for key in keys if decides(key)]


def decides(key: str) -> bool:
    """Whether a key decides what the objective is."""
    first, last = key.partition(".")[0], key.rpartition(".")[2]
    if first == "task":
        return key == "task" or last in ("kind", "horizon")
    return first in PARTS or last in LASTS


def measure(result: Mapping[str, Any]) -> float | None:
    """Of the result of a job, the smaller the better; None where it has no tolerance and no error of a channel."""
    metrics = {k: float(v) for k, v in (result.get("metrics") or {}).items() if isinstance(v, (int, float))}
    limits = {k: v for k, v in (result.get("tolerances") or {}).items() if isinstance(v, (int, float)) and k in metrics}
    if limits:
        return max(_share(metrics[name], float(limit)) for name, limit in limits.items())
    for split in ("rmse_validation_", "rmse_train_"):
        errors = [value for name, value in metrics.items() if name.startswith(split)]
        if errors:
            return math.exp(sum(math.log(max(error, 1e-300)) for error in errors) / len(errors))
    return None


def _share(metric: float, limit: float) -> float:
    return metric / limit if limit else (0.0 if metric <= 0.0 else math.inf)


def in_words(keys: Iterable[str]) -> str:
    """Why the objective does not decide, and what does."""
    return (
        f"{', '.join(keys)}: part of the objective, whose values say nothing of one another; jobs are compared by `{MEASURE}`: the largest "
        "metric in units of its tolerance, or the error on held-out recordings."
    )
