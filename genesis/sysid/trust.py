"""What an answer is worth beside its fit: estimates that nobody can mean, and what all of it makes of the word "converged"."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from genesis.problems.problem import Verdict
from genesis.problems.status import CONVERGED, DOES_NOT_FIT, NOT_CONVERGED
from genesis.sysid.fit import GoodnessOfFit
from genesis.sysid.result import Estimate

ABSURD = 1e3  # factor between the described and the identified mass or inertia of a link
OUTSIDE = 5.0  # sizes of the robot that a centre of mass may lie away from its link
FLOOR = 0.05  # of the way from the natural bound to the start: a bound below that stands for it
SHOWN = 3  # of a kind in one sentence
UNTOLD = ("no effect on any residual", "not identifiable alone")


def verdict_of(ended: Verdict, fit: GoodnessOfFit, estimates: Sequence[Estimate]) -> Verdict:
    """What "converged" means: only a fit that explains the data, with values that can be meant, within bounds.

    Other endings keep their word. fit: with its `doubts`. Does not fit before not converged: what is beyond a bound may be no more
    than a wrong log.
    """
    if ended.status != CONVERGED:
        return ended
    if fit.reasons:
        cause = f"; likeliest cause: {fit.cause}" if fit.cause else ""
        return Verdict(DOES_NOT_FIT, f"{'; '.join(fit.reasons)}{cause}")
    if fit.doubts:
        return Verdict(DOES_NOT_FIT, "; ".join(fit.doubts))
    at = at_bounds(estimates)
    return Verdict(NOT_CONVERGED, at) if at else ended


def doubts_of(
    estimates: Sequence[Estimate], described: Mapping[str, np.ndarray], identified: Mapping[str, np.ndarray], links: Sequence[str]
) -> list[str]:
    """What cannot be meant, in words: nothing that was learned, masses, inertias and centres of mass that no such robot has.

    described, identified: physical parameters by core name; links: names of their rows.
    """
    return [text for text in (_nothing(estimates), *_absurd(described, identified, links)) if text]


def _nothing(estimates: Sequence[Estimate]) -> str:
    learned = [e for e in estimates if e.note != "frozen"]
    told = [e for e in learned if math.isfinite(e.std) or _natural(e)]
    if not learned or told:
        return ""
    return "the data tell no parameter: " + _listed([f"{e.name} ({e.note or 'without an interval'})" for e in learned])


def at_bounds(estimates: Sequence[Estimate]) -> str:
    """Estimates at a bound that somebody has set and the data want to pass; "" without any."""
    there = [e for e in estimates if e.note.startswith("at its") and not _natural(e)]
    if not there:
        return ""
    said = [f"{e.name} is {e.note} of {e.bounds[0 if 'lower' in e.note else 1]:.4g} {e.unit}".rstrip() for e in there]
    return f"{_listed(said)}; the data want it beyond: widen parameter.{there[0].group}.bounds, or ask what the model lacks"


def _natural(estimate: Estimate) -> bool:
    """At the lower bound that means none of it: no damping, no friction. A floor close to it stands for it."""
    if estimate.natural is None or estimate.note != "at its lower bound":
        return False
    return estimate.bounds[0] - estimate.natural <= FLOOR * abs(estimate.start - estimate.natural) + 1e-300


def _absurd(described: Mapping[str, np.ndarray], identified: Mapping[str, np.ndarray], links: Sequence[str]) -> list[str]:
    said = []
    for name, what, unit in (("link_mass", "mass", "kg"), ("link_inertia", "inertia", "kg m²")):
        if name in identified:
            before, after = (_size(values[name]) for values in (described, identified))
            with np.errstate(divide="ignore", invalid="ignore"):
                far = np.flatnonzero((before > 0.0) & (np.abs(np.log10(after / before)) > math.log10(ABSURD)))
            said.append(_listed([f"{what} of {links[int(k)]} {before[k]:.3g} -> {after[k]:.3g} {unit}" for k in far]))
    if "link_com" in identified:
        size = robot_size(described)
        away = np.linalg.norm(identified["link_com"], axis=1)
        far = np.flatnonzero((away > OUTSIDE * size) & (away > np.linalg.norm(described["link_com"], axis=1)))
        said.append(
            _listed([f"centre of mass of {links[int(k)]} {away[k]:.3g} m from its link, the robot is {size:.2g} m" for k in far])
        )
    return [f"{text}: no such body was described" for text in said if text]


def _size(values: np.ndarray) -> np.ndarray:
    """(nlink,) of masses (nlink,), or of inertias (nlink, 6) their trace."""
    return values if values.ndim == 1 else values[:, :3].sum(1)


def robot_size(described: Mapping[str, np.ndarray]) -> float:
    """How far the links reach one after the other, their centres of mass and radii of gyration included [m]."""
    mass = described["link_mass"]
    turned = np.sqrt(0.5 * np.maximum(_size(described["link_inertia"]), 0.0) / np.maximum(mass, 1e-12))
    turned = turned[mass > 1e-9].max(initial=0.0)
    reach = float(np.linalg.norm(described["link_pos"], axis=1).sum())
    return max(reach + float(np.linalg.norm(described["link_com"], axis=1).max(initial=0.0)), float(turned), 1e-3)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
