"""An identification as plain rows for a terminal, and as JSON."""

import math
from typing import Any

import numpy as np

from genesis.runners.files import finite
from genesis.runners.report.digits import change, percent, plain, quantity
from genesis.runners.report.judge import relative_std, verdict, weak_directions
from genesis.sysid.result import Estimate, Identification

ESTIMATE_COLUMNS = ("parameter", "start", "estimate", "±", "note")
RMSE_COLUMNS = ("recording", "split", "channel", "before", "after", "unit", "change")
BASE_COLUMNS = ("start", "value", "±", "95 %", "base parameter")
TORQUE_COLUMNS = ("torque", "rms", "linear", "unseen", "held out", "bodies", "unseen", "held out")
STANDS_OUT = 2.0  # residual of one number over that of its channel, from which on it is named
Rows = list[tuple[str, ...]]


def console_rows(found: Identification) -> tuple[Rows, Rows]:
    """Rows of the table of estimates (`ESTIMATE_COLUMNS`) and of that of RMSE (`RMSE_COLUMNS`), totals last."""
    estimates: Rows = [
        (e.name, plain(e.start), f"{quantity(e).measured} {e.unit}".rstrip(), uncertainty(e), e.note) for e in found.estimates
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


def torque_rows(found: Identification) -> tuple[Rows, Rows]:
    """Rows of base parameters (`BASE_COLUMNS`), and of the relative errors of each joint (`TORQUE_COLUMNS`): linear least squares, then
    bodies that exist, each on what it was fitted to, on parts left out in turns, and on recordings held out."""
    combinations: Rows = []
    for p in found.base_parameters:
        size = max(abs(p["value"]), abs(p["start"]))
        share = p["std"] / size if size > 0.0 else float("nan")
        interval = f"{plain(p['low'])} … {plain(p['high'])}"
        combinations.append((plain(p["start"]), f"{plain(p['value'])} {p['unit']}", percent(share), interval, p["name"]))
    keys = ("base_train", "base_unseen", "base_validation", "consistent_train", "consistent_unseen", "consistent_validation")
    joints: Rows = [
        (e["joint"], f"{plain(e['rms'])} {e['unit']}", *(percent(e[key]) for key in keys)) for e in found.torque_errors
    ]
    return combinations, joints


def fit_lines(found: Identification) -> list[str]:
    """fit of angle: 0.80 sigma (given 0.01 rad), chi² 0.64, 99 % of the motion explained; held out 1.2 sigma: one line a channel."""
    held_out = {one.channel: one for one in found.fit.channels if one.split != "train"}
    made = []
    for one in found.fit.channels:
        if one.split != "train":
            continue
        source = "given" if one.given else "from the data"
        text = f"fit of {one.channel}: {plain(one.residual, 3)} sigma ({source}: {plain(one.sigma, 3)} {one.unit})"
        text += f", chi² {plain(one.chi2, 3)}"
        if np.isfinite(one.explained):
            text += f", {percent(max(one.explained, 0.0))} of the motion explained"
        worst = max(one.numbers, key=lambda n: n.residual, default=None)
        if worst is not None and worst.residual > STANDS_OUT * one.residual:
            text += f" ({worst.label} {plain(worst.residual, 3)} sigma)"
        other = held_out.get(one.channel)
        made.append(text if other is None else f"{text}; held out {plain(other.residual, 3)} sigma")
    return made


def uncertainty(estimate: Estimate) -> str:
    """Of the estimate: 4.7 %; as it is where that is more than the estimate itself: 0.0069 N; – where unknown."""
    share = relative_std(estimate)
    if math.isnan(share) or share <= 1.0:
        return percent(share)
    shown = quantity(estimate)
    return f"{shown.std}{shown.power} {estimate.unit}".rstrip()


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
    """Everything but the curves, of finite numbers only (else null), and what the report says of it."""
    said = {
        "verdict": [sentence.text for sentence in verdict(found)],
        "weak_directions": [
            {"identifiable": known, "combination": words, "singular_value": value}
            for known, words, value in weak_directions(found)
        ],
    }
    content: dict[str, Any] = finite({**found.content(), **said})
    return content
