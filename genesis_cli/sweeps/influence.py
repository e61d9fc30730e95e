"""Why the best is best: how much each swept key has to do with the objective."""

from dataclasses import dataclass

import numpy as np

from genesis_cli.sweeps.table import Table, number_or_text

# With more different values than this, a key of numbers is judged by its trend instead of by groups.
GROUPS = 6


@dataclass
class Influence:
    """share: part of the variance of the objective's ranks that the key explains, 0 to 1; verdict: what is good."""

    key: str
    share: float
    verdict: str


def influences(table: Table) -> list[Influence]:
    """Of every key that has several values among the jobs with an objective, the strongest first."""
    rows = [row for row in table.rows if table.value(row) is not None]
    found = []
    for key in table.keys:
        here = [row for row in rows if key in row.settings]
        values = [number_or_text(row.settings[key]) for row in here]
        if len(here) < 3 or len(set(values)) < 2:
            continue
        ranks = ranked(np.array([table.value(row) for row in here], float))
        if len(set(values)) > GROUPS and all(isinstance(value, (int, float)) for value in values):
            found.append(trend(key, np.array(values, dtype=float), ranks))
        else:
            found.append(grouped(key, [str(value) for value in values], ranks))
    return sorted(found, key=lambda influence: -influence.share)


def ranked(values: np.ndarray) -> np.ndarray:
    """The place of each value, 0 for the least; equal ones share the middle of theirs. (Importing scipy.stats would cost a second.)"""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: np.ndarray = (np.cumsum(count) - 0.5 * (count + 1.0))[place]
    return middle


def trend(key: str, values: np.ndarray, ranks: np.ndarray) -> Influence:
    """Spearman's rank correlation, squared."""
    if len(set(ranks)) < 2:
        return Influence(key, 0.0, "no difference")
    correlation = float(np.corrcoef(ranked(values), ranks)[0, 1])
    low, high = np.quantile(values[ranks <= np.quantile(ranks, 0.25)], [0.0, 1.0])
    tendency = "the larger the better" if correlation < 0 else "the smaller the better"
    return Influence(key, correlation**2, f"{tendency}; best quarter from {low:.4g} to {high:.4g}")


def grouped(key: str, values: list[str], ranks: np.ndarray) -> Influence:
    """Share of the variance between the groups of equal value (η²)."""
    total = float(((ranks - ranks.mean()) ** 2).sum())
    names = list(dict.fromkeys(values))
    means = {name: ranks[[value == name for value in values]] for name in names}
    between = sum(len(group) * float((group.mean() - ranks.mean()) ** 2) for group in means.values())
    order = sorted(names, key=lambda name: float(means[name].mean()))
    return Influence(key, between / total if total else 0.0, "best to worst: " + ", ".join(order))
