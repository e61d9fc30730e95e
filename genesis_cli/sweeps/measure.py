"""What jobs are compared by where a swept key changes the objective itself: its numbers then say nothing of one another.

tasks: the largest metric in units of its tolerance, 1 where all are just met
identifications: the geometric mean over the channels of the root mean square errors on held-out recordings (or on the fitted)
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MEASURE = "measure"
#: First parts of keys that decide what the objective is, and last parts, of parameters.
PARTS = ("loss", "observation", "residual", "shooting")
LASTS = ("prior", "total", "total_std")
SPLITS = ("rmse_validation_", "rmse_train_")  # first parts of names of errors


def changing(keys: Iterable[str]) -> list[str]:
    """Those of the swept keys that change the objective."""
    return [key for key in keys if decides(key)]


def decides(key: str) -> bool:
    """Whether a key decides what the objective is."""
    key = key.lstrip("+")
    first, last = key.partition(".")[0], key.rpartition(".")[2]
    if first == "task":
        return key == "task" or last in ("kind", "horizon")
    return first in PARTS or last in LASTS


def measures(results: Sequence[Mapping[str, Any]], split: str | None = None) -> list[float | None]:
    """Of each of the results that are compared, the smaller the better.

    None: it has no tolerance and no error of a channel. inf: it has one without a finite number to it. An error of exactly 0, beside which no
    other channel would count, counts as the smallest that another result has in this channel, and not at all where none has.

    Args: split: of the recordings whose errors count, see `split_of`; None: what that says of these results.
    """
    split = split_of(results) if split is None else split
    found = [_errors(result, split) for result in results]
    floors: dict[str, float] = {}
    for name, error in ((name, error) for errors in found for name, error in errors.items()):
        if 0.0 < error < floors.get(name, math.inf):
            floors[name] = error
    return [
        _of_limits(result) if _limits(result) else _mean(errors, floors) for result, errors in zip(results, found, strict=True)
    ]


def measure(result: Mapping[str, Any]) -> float | None:
    """Of a result alone."""
    return measures([result])[0]


def split_of(results: Iterable[Mapping[str, Any]]) -> str:
    """Held-out recordings where every identification has some, else the fitted ones: errors on one say nothing of errors on the other."""
    identified = [set(result.get("metrics") or {}) for result in results]
    identified = [names for names in identified if any(name.startswith(SPLITS) for name in names)]
    return SPLITS[0] if all(any(name.startswith(SPLITS[0]) for name in names) for names in identified) else SPLITS[1]


def _finite(value: Any) -> float:
    """inf for null, which stands for what was not finite."""
    real = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if real else math.inf


def _errors(result: Mapping[str, Any], split: str) -> dict[str, float]:
    return {name: _finite(value) for name, value in (result.get("metrics") or {}).items() if name.startswith(split)}


def _mean(errors: Mapping[str, float], floors: Mapping[str, float]) -> float | None:
    """Geometric, over the channels."""
    if not errors:
        return None
    logs = [math.log(max(error, floors.get(name, 0.0))) for name, error in errors.items() if error or name in floors]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def _limits(result: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(v) for name, v in (result.get("tolerances") or {}).items() if isinstance(v, (int, float))}


def _of_limits(result: Mapping[str, Any]) -> float:
    metrics = result.get("metrics") or {}
    return max(_share(_finite(metrics.get(name)), limit) for name, limit in _limits(result).items())


def _share(metric: float, limit: float) -> float:
    return metric / limit if limit else (0.0 if metric <= 0.0 else math.inf)


def in_words(keys: Iterable[str]) -> str:
    """Why the objective does not decide, and what does."""
    return (
        f"{', '.join(keys)}: part of the objective, whose values say nothing of one another; jobs are compared by `{MEASURE}`: the largest "
        "metric in units of its tolerance, or the error on held-out recordings."
    )
