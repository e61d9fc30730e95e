"""What the numbers of an identification say: which parameters are known, which combinations are not, and the verdict in words."""

import math
from dataclasses import dataclass

import numpy as np

from genesis.problems.status import CONVERGED, DOES_NOT_FIT
from genesis.runners.report.digits import change, duration, percent, plain
from genesis.sysid.result import Estimate, Identification

WELL, ROUGHLY = 0.05, 0.25  # relative standard deviation up to which a parameter is well known, or roughly
KINDS = ("well", "roughly", "uncertain", "bound", "prior", "lost", "frozen", "unknown")
GOOD, BAD = ("converged", "finished"), ("does_not_fit", "diverged", "failed", "too_many_contacts")
TERMS = 4  # of a combination in words
SMALLEST_TERM = 0.25  # of the largest
NAMED = 12  # parameters listed in a sentence


@dataclass(frozen=True)
class Sentence:
    """tone: "plain", "good", "warn", "bad", or "next" of what to do."""

    text: str
    tone: str = "plain"


def relative_std(estimate: Estimate) -> float:
    """Standard deviation over the size of the parameter: the larger of |value| and |start|, of one around zero half its range."""
    low, high = estimate.bounds
    size = max(abs(estimate.value), abs(estimate.start))
    if low < 0.0 < high and math.isfinite(high - low):
        size = max(size, 0.5 * (high - low))
    return estimate.std / size if size > 0.0 and math.isfinite(estimate.std) else math.nan


def kind(estimate: Estimate) -> str:
    """One of KINDS: what the note says, else how large the standard deviation is."""
    note = estimate.note
    for words, found in (
        ("frozen", "frozen"),
        ("no effect", "lost"),
        ("not identifiable", "lost"),
        ("prior", "prior"),
        ("bound", "bound"),
    ):
        if words in note:
            return found
    share = relative_std(estimate)
    if math.isnan(share):
        return "unknown"
    return "well" if share <= WELL else "roughly" if share <= ROUGHLY else "uncertain"


def tone_of(status: str) -> str:
    """good, warn or bad."""
    return "good" if status in GOOD else "bad" if status in BAD else "warn"


def combination(direction: np.ndarray, names: list[str]) -> list[tuple[float, str]]:
    """The largest terms (coefficient, name) of a unit direction (n,), the first one positive."""
    order = np.argsort(-np.abs(direction), kind="stable")
    largest = abs(direction[order[0]])
    chosen = [k for k in order[:TERMS] if abs(direction[k]) >= SMALLEST_TERM * largest]
    sign = math.copysign(1.0, direction[order[0]])
    return [(float(sign * direction[k]), names[k]) for k in chosen]


def in_words(direction: np.ndarray, names: list[str]) -> str:
    """0.71 mass/upper − 0.70 mass/lower; … where smaller terms are left out."""
    terms = combination(direction, names)
    first, *others = terms
    if not others and first[0] > 0.97:
        return first[1]
    text = f"{first[0]:.2f} {first[1]}" + "".join(f" {'+' if c > 0 else '−'} {abs(c):.2f} {name}" for c, name in others)
    left = 1.0 - sum(c * c for c, _ in terms)
    return text + " …" if left > 0.05 else text


def weak_directions(found: Identification, least: int = 2, most: int = 12) -> list[tuple[bool, str, float]]:
    """(identifiable, combination in words, singular value) of every direction that is not identifiable, worst first, and of the
    weakest others up to ``least`` in all; at most ``most``."""
    n = len(found.names)
    if found.directions.shape != (n, n) or n == 0:
        return []
    rows: list[tuple[bool, str, float]] = []
    for k in reversed(range(n)):
        known = bool(found.identifiable[k])
        column = found.directions[:, k]
        if np.isfinite(column).all() and column.any() and (not known or len(rows) < least):
            rows.append((known, in_words(column, found.names), float(found.singular_values[k])))
    return sorted(rows, key=lambda row: row[0])[:most]


def strongest_correlations(found: Identification, least: float = 0.7, most: int = 12) -> list[tuple[str, str, float]]:
    """Pairs of parameters with |r| of at least ``least``, strongest first."""
    n = len(found.names)
    if found.correlation.shape != (n, n):
        return []
    pairs = [(found.names[i], found.names[j], float(found.correlation[i, j])) for i in range(n) for j in range(i)]
    strong = [pair for pair in pairs if math.isfinite(pair[2]) and abs(pair[2]) >= least]
    return sorted(strong, key=lambda pair: -abs(pair[2]))[:most]


def totals(found: Identification, split: str) -> list[dict]:
    """RMSE rows of a split over all recordings."""
    return [row for row in found.rmse if row["split"] == split and row["recording"] == "all"]


def verdict(found: Identification) -> list[Sentence]:
    """The paragraph at the top, sentence by sentence."""
    tone = tone_of(found.status)
    seconds = found.total_seconds
    counts = f"{counted(found.iterations, 'iteration')}, {counted(found.simulations, 'simulation')}, {duration(seconds)}"
    said = [Sentence(f"{found.status.replace('_', ' ').capitalize()} after {counts}: {found.reason.rstrip('.')}.", tone)]
    if math.isfinite(found.objective_best):
        better = found.objective_best < found.objective_first
        fell = f"{plain(found.objective_first)} → {plain(found.objective_best)} ({change(found.objective_first, found.objective_best)})"
        said.append(Sentence(f"Objective {fell}.", "plain" if better else "bad"))
    else:
        said.append(Sentence("The objective is not a number, so nothing was learned.", "bad"))
    if found.status not in (CONVERGED, DOES_NOT_FIT) and found.fit.reasons:
        said.append(Sentence(f"So far {'; '.join(found.fit.reasons)}; likeliest cause: {found.fit.cause}.", "bad"))
    if found.status != CONVERGED:
        said += [Sentence(f"Not to be trusted: {doubt}.", "bad") for doubt in found.fit.doubts if doubt not in found.reason]
    said += [_sigmas(found), _fit("Training", totals(found, "train")), _validation(totals(found, "validation"))]
    return [sentence for sentence in said + _parameters(found) if sentence.text]


def _sigmas(found: Identification) -> Sentence:
    """Residuals in units of what they may be."""
    parts = [
        f"{one.channel} {plain(one.residual, 3)} sigma" + (" held out" if one.split != "train" else "")
        for one in found.fit.channels
    ]
    tone = "bad" if found.fit.reasons else "plain"
    return Sentence(f"Residuals: {'; '.join(parts)} (chi² {plain(found.fit.chi2, 3)})." if parts else "", tone)


def _fit(title: str, rows: list[dict]) -> Sentence:
    there = [r for r in rows if math.isfinite(r["before"]) and math.isfinite(r["after"])]
    parts = [f"{r['channel']} {plain(r['before'], 3)} → {plain(r['after'], 3)} {r['unit']}" for r in there]
    worse = any(r["after"] > 1.001 * r["before"] for r in rows)
    return Sentence(f"{title} RMSE: {'; '.join(parts)}." if parts else "", "warn" if worse else "plain")


def _validation(rows: list[dict]) -> Sentence:
    if not rows:
        return Sentence("No recording was held out: the fit is not validated.", "warn")
    said = _fit("Validation", rows)
    worse = [r["channel"] for r in rows if r["after"] > 1.001 * r["before"]]
    if worse:
        return Sentence(f"{said.text} Worse than before on {_listed(worse)}: the model does not generalise there.", "bad")
    return Sentence(said.text, "good")


def _parameters(found: Identification) -> list[Sentence]:
    by_kind: dict[str, list[Estimate]] = {name: [] for name in KINDS}
    for estimate in found.estimates:
        by_kind[kind(estimate)].append(estimate)
    learned = len(found.estimates) - len(by_kind["frozen"])
    said = [
        Sentence(
            f"{len(by_kind['well'])} of {counted(learned, 'parameter')} known to {percent(WELL)} or better, "
            f"{len(by_kind['roughly'])} to {percent(ROUGHLY)}.",
            "good" if learned and len(by_kind["well"]) == learned else "plain",
        )
    ]
    for name, title in (
        ("uncertain", f"Uncertain (standard deviation above {percent(ROUGHLY)})"),
        ("bound", "At a bound"),
        ("prior", "Decided by the prior, not by the data"),
        ("lost", "Not identifiable from this data"),
        ("unknown", "Without a standard deviation"),
    ):
        if by_kind[name]:
            said.append(Sentence(f"{title}: {_listed([e.name for e in by_kind[name]])}.", "warn"))
    return said


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def counted(number: int, what: str) -> str:
    """1 step, 2 steps."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
