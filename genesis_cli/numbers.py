"""Metrics as lines of text."""

from collections.abc import Mapping
from typing import Any


def metric_lines(metrics: Mapping[str, float], tolerances: Mapping[str, float] | None = None, first: str = "") -> list[str]:
    """One line of the plain metrics (after `first`), and one for each group of those named group/name."""
    groups: dict[str, list[str]] = {"": [first] if first else []}
    for name, value in metrics.items():
        group, _, rest = name.partition("/") if "/" in name else ("", "", name)
        limit = (tolerances or {}).get(name)
        groups.setdefault(group, []).append(f"{rest} {value:.4g}" + (f" (at most {limit:g})" if limit is not None else ""))
    return [(f"{group}: " if group else "") + ", ".join(entries) for group, entries in groups.items() if entries]


def growth_lines(summary: Mapping[str, Any]) -> list[str]:
    """How small changes grow along the motions of a run, and what became of its segments; see `growth`, `multiple_shooting` of result.json."""
    lines = []
    grown = [(f"{name} motion", told) for name, told in summary.get("growth", {}).items()]
    if grown:
        parts = [f"{_power(told['log10_largest'])} along the {name}{_noise(told)}" for name, told in grown]
        lines.append(f"small changes grow by up to {', '.join(parts)}")
    cut = summary.get("multiple_shooting")
    if cut is not None and "largest_gap" in cut:
        told = "one rollout is the same motion" if cut["reproduced"] else "one rollout of the controls leaves it"
        lines.append(
            f"{cut['segments']} segments, largest gap {cut['largest_gap']:.1e}: {told} (by at most {cut['deviation']:.1e})"
        )
        if not cut["reproduced"] and cut["with_feedback"]:
            lines += [f"held by feedback: {line}" for line in metric_lines(cut["with_feedback"])]
    return lines


def _power(log10: float) -> str:
    """10 to that, for numbers of any size."""
    return f"{10.0**log10:.1e}" if abs(log10) < 300.0 else f"1e{log10:+.0f}"


def _noise(told: Mapping[str, Any]) -> str:
    return "" if told["noise_time"] is None else f" (gradients are noise beyond {told['noise_time']:g} s)"
