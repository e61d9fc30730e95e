"""What an answer is worth beside its fit: estimates that nobody can mean, and what all of it makes of the word "converged"."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from genesis.problems.problem import Verdict
from genesis.problems.status import CONVERGED, DOES_NOT_FIT, NOT_CONVERGED
from genesis.sysid.fit import GoodnessOfFit
from genesis.sysid.result import Estimate

HUGE = 1e6  # sizes of the robot (its weight, weight at its reach, inertia there) beyond which no gain, friction or rotor is
LIGHT = 1e-2  # of the mass of the robot, below which a described mass is a placeholder
AIR, METAL = 1.0, 1e4  # [kg/m³] over the size of the robot: below it a described mass is a placeholder, above it none can be
SLIM = 1e-2  # radius of gyration over the size of the robot, below which a described inertia is a placeholder
GRAVITY = 9.81  # [m/s²]
OUTSIDE = 5.0  # sizes of the robot that a centre of mass may lie away from its link
FLOOR = 0.05  # of the way from the natural bound to the start: a bound below that stands for it
NOTHING = 0.01  # of the cost that lies between a bound and the natural one: it stands for that too
SHOWN = 3  # of a kind in one sentence
DECIDED = "decided by the prior"  # a note: the data have said nothing


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
    estimates: Sequence[Estimate],
    described: Mapping[str, np.ndarray],
    identified: Mapping[str, np.ndarray],
    links: Sequence[str],
    factor: float | None = 1e3,
) -> list[str]:
    """What cannot be meant, in words: nothing that was learned, masses, inertias, centres of mass and gains that no such robot has.

    described, identified: physical parameters by core name; links: names of their rows. factor: between the described and the identified mass
    or inertia of a link; None: any is well.
    """
    return [text for text in (_nothing(estimates), *absurd(estimates, described, identified, links, factor)) if text]


def _nothing(estimates: Sequence[Estimate]) -> str:
    learned = [e for e in estimates if e.note != "frozen"]
    told = [e for e in learned if (math.isfinite(e.std) and e.note != DECIDED) or _natural(e)]
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
    """At the lower bound that means none of it: no damping, no friction. A floor close to it, or as good for the data, stands for it."""
    if estimate.natural is None or estimate.note != "at its lower bound":
        return False
    if estimate.beyond <= NOTHING:
        return True
    return estimate.bounds[0] - estimate.natural <= FLOOR * abs(estimate.start - estimate.natural) + 1e-300


def absurd(
    estimates: Sequence[Estimate],
    described: Mapping[str, np.ndarray],
    identified: Mapping[str, np.ndarray],
    links: Sequence[str],
    factor: float | None = 1e3,
) -> list[str]:
    """What no such robot has; see `doubts_of`. What has no meaning at all, as a negative mass, is said without a factor too."""
    said = []
    for name, what, unit in (("link_mass", "mass", "kg"), ("link_inertia", "inertia", "kg m²")):
        if name in identified:
            before, after = (_size(values[name]) for values in (described, identified))
            bad = _impossible(described[name], identified[name])
            if factor is not None:
                bad |= _far(before, after, factor) & ~_placeholders(name, described, identified)
            far = np.flatnonzero(bad)
            said.append(_listed([f"{what} of {links[int(k)]} {before[k]:.3g} -> {after[k]:.3g} {unit}" for k in far]))
    if "link_com" in identified and factor is not None:
        size = robot_size(described)
        away = np.linalg.norm(identified["link_com"], axis=1)
        far = np.flatnonzero(~(away <= OUTSIDE * size) & ~(away <= np.linalg.norm(described["link_com"], axis=1)))
        said.append(
            _listed([f"centre of mass of {links[int(k)]} {away[k]:.3g} m from its link, the robot is {size:.2g} m" for k in far])
        )
    made = [f"{text}: no such body was described" for text in said if text]
    gains = _listed(_huge(estimates, described, identified)) if factor is not None else ""
    return made + ([f"{gains}: beyond all that the robot weighs"] if gains else [])


def _impossible(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(nlink,) of masses, or of inertias (nlink, 6) xx yy zz xy xz yz: not positive, or not a number, where they were described otherwise."""
    if before.ndim == 1:
        return (before > 0.0) & ~(after > 0.0) | ~np.isfinite(after) | (after < 0.0)
    changed = (before != after).any(1)
    finite = np.isfinite(after).all(1)
    least = np.array([np.linalg.eigvalsh(_matrix(x)).min() if ok else np.nan for x, ok in zip(after, finite, strict=True)])
    return changed & ~(least >= -1e-9 * np.abs(_size(after)))


def _matrix(x: np.ndarray) -> np.ndarray:
    xx, yy, zz, xy, xz, yz = x
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _far(before: np.ndarray, after: np.ndarray, factor: float) -> np.ndarray:
    """(nlink,) by more than a factor up or down, of what was described."""
    return (before > 0.0) & ~((after <= factor * before) & (after >= before / factor))


def _placeholders(name: str, described: Mapping[str, np.ndarray], identified: Mapping[str, np.ndarray]) -> np.ndarray:
    """(nlink,) described so small that it was not meant, and identified as what the robot can have: links of a gram, of a gram square metre."""
    whole = {**described, **identified}
    size = robot_size(described)
    moved = {key: whole[key] for key in ("link_com", "link_pos")}
    size = max(size, min(robot_size({**described, **moved}), 1.0))  # the links of a sketch may have no length
    masses, later = described["link_mass"], whole["link_mass"]
    heaviest = max(10.0 * float(masses.sum()), METAL * size**3)
    light = (masses < max(LIGHT * float(masses.sum()), AIR * size**3)) & (later <= heaviest)
    if name == "link_mass":
        return light & (later > masses)
    before, after = _size(described["link_inertia"]), _size(whole["link_inertia"])
    slim = before < 2.0 * np.maximum(masses, later) * (SLIM * size) ** 2
    return (light | slim) & (after > before) & (after <= 10.0 * np.minimum(np.maximum(later, 0.0), heaviest) * size**2)


def _huge(estimates: Sequence[Estimate], described: Mapping[str, np.ndarray], identified: Mapping[str, np.ndarray]) -> list[str]:
    """Gains, dampings, frictions, rotors beyond `HUGE` of what the robot weighs, and far from where they were."""
    mass = max(float(x["link_mass"].sum()) for x in (described, {**described, **identified}))
    reach = max(robot_size(described), 1.0)
    most = HUGE * max(mass * GRAVITY * reach, mass * reach**2, 1.0) if math.isfinite(mass) else math.inf
    return [
        f"{e.name} {e.start:.3g} -> {e.value:.3g} {e.unit}".rstrip()
        for e in estimates
        if e.natural is not None and e.note != "frozen" and abs(e.value) > most and abs(e.value) > 1e3 * abs(e.start)
    ]


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
