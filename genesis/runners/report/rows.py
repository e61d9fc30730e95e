"""An identification as plain rows for a terminal, and as JSON."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from genesis.runners.files import finite
from genesis.runners.report.digits import change, percent, plain, quantity
from genesis.runners.report.judge import relative_std, verdict, weak_directions
from genesis.runners.report.thin import rmse
from genesis.sysid.result import Estimate, Identification

ESTIMATE_COLUMNS = ("parameter", "start", "estimate", "±", "note")
RMSE_COLUMNS = ("recording", "split", "channel", "before", "after", "unit", "change")
Rows = list[tuple[str, ...]]


def console_rows(found: Identification) -> tuple[Rows, Rows]:
    """Rows of the table of estimates (`ESTIMATE_COLUMNS`) and of that of RMSE (`RMSE_COLUMNS`), totals last."""
    estimates: Rows = [
        (e.name, plain(e.start), f"{quantity(e).measured} {e.unit}".rstrip(), percent(relative_std(e)), e.note)
        for e in found.estimates
    ]
    rmses: Rows = [
        (
            r["recording"],
            r["split"],
            r["channel"],
            plain(r["before"]),
            plain(r["after"]),
            r["unit"],
            change(r["before"], r["after"]),
        )
        for r in sorted(found.rmse, key=lambda row: row["recording"] == "all")
    ]
    return estimates, rmses


def limits_in_words(estimate: Estimate) -> str:
    """0 … 2, ≥ 0, prior 1 ± 0.2; "" without bounds and prior."""
    low, high = estimate.bounds
    if np.isfinite(low) and np.isfinite(high):
        text = f"{plain(low)} … {plain(high)}"
    elif np.isfinite(low):
        text = f"≥ {plain(low)}"
    else:
        text = f"≤ {plain(high)}" if np.isfinite(high) else ""
    if estimate.prior is not None:
        text += f"{'; ' if text else ''}prior {plain(estimate.prior[0])} ± {plain(estimate.prior[1])}"
    return text


def to_json(found: Identification) -> dict[str, Any]:
    """Everything but the curves, of finite numbers only (else null): of each curve its recording, name, samples and RMSE."""
    content = asdict(replace(found, traces=[]))
    content["verdict"] = [sentence.text for sentence in verdict(found)]
    content["weak_directions"] = [
        {"identifiable": known, "combination": words, "singular_value": value} for known, words, value in weak_directions(found)
    ]
    content["traces"] = [
        {
            **{key: getattr(t, key) for key in ("recording", "split", "channel", "label", "unit")},
            **{"samples": int(np.isfinite(t.measured).sum()), "before": rmse(t, "before"), "after": rmse(t, "after")},
        }
        for t in found.traces
    ]
    return finite(_python(content))


def _python(content: Any) -> Any:
    """numpy arrays and numbers as Python's."""
    if isinstance(content, np.ndarray):
        return content.tolist()
    if isinstance(content, np.generic):
        return content.item()
    if isinstance(content, dict):
        return {key: _python(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_python(value) for value in content]
    return content
