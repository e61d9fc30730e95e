"""Metrics as lines of text."""

from collections.abc import Mapping


def metric_lines(metrics: Mapping[str, float], tolerances: Mapping[str, float] | None = None, first: str = "") -> list[str]:
    """One line of the plain metrics (after `first`), and one for each group of those named group/name."""
    groups: dict[str, list[str]] = {"": [first] if first else []}
    for name, value in metrics.items():
        group, _, rest = name.partition("/") if "/" in name else ("", "", name)
        limit = (tolerances or {}).get(name)
        groups.setdefault(group, []).append(f"{rest} {value:.4g}" + (f" (at most {limit:g})" if limit is not None else ""))
    return [(f"{group}: " if group else "") + ", ".join(entries) for group, entries in groups.items() if entries]
