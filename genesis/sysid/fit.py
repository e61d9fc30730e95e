"""Whether an estimate explains what was measured: residuals in units of what they may be, and by what they are judged.

    chi² = Σ (r / sigma)² / (N - n),    residual = rms(r / sigma),    explained = 1 - rms(r) / rms(r of a trivial prediction)

A trivial prediction knows nothing of forces: the start state holds, or goes on at its velocity, whichever is nearer. A channel does not fit
where its chi² is beyond the limit and it explains too little of what moves, since neither alone says enough: a sigma may be that of the
encoder alone, and what hardly moves leaves nothing to explain. Where the user has given sigma and little is explained, less chi² is enough.
Each number of a channel is judged beside the whole, so that large ones do not hide a wrong one. Of the data alone, so that every kind of
problem is judged alike.
Source: Bevington, Robinson, Data Reduction and Error Analysis (2003), §4.4 and §11.1 (reduced chi-square).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LEFT_OUT = 0.05  # of the residuals under a robust loss, the largest: those that it looks away from
POOR_CHI2, POOR_SHARE = 1.0 / 16.0, 0.65  # of the limit, and share of the motion: below it a chi² beyond that part is enough
COUNTS = 0.01  # residual of one number, over the largest motion of its unit, below which it is none of the channel's
WORSE = 1.05  # residuals of held-out recordings over those of the description


@dataclass(frozen=True)
class FitLimits:
    """When a fit is bad. chi2: reduced chi-square beyond which residuals are larger than sigma allows; explained: share of the motion that
    must be explained there; held_out: residual of held-out recordings over that of the fitted ones; absurd: factor from the described mass or
    inertia of a link, see `trust`. None: not looked at."""

    chi2: float | None = 64.0
    explained: float | None = 0.9
    held_out: float | None = 5.0
    absurd: float | None = 1e3


@dataclass
class ChannelResiduals:
    """What a channel leaves in one split, N instants of m numbers.

    left, trivial (N, m): predicted minus measured, over sigma, by the estimate and by a trivial prediction; nan: nothing was measured.
    window (N,): which of them follow each other. sigma (m,) in ``unit``; given: by the user, else estimated from the data.
    robust: the loss looks away from what is far off. split: "train" | "validation". labels, units (m,): names of the numbers, those of one
    name are judged together; none: only the whole is. against: rms of what is left over that of the description, nan: not known.
    """

    channel: str
    split: str
    unit: str
    left: np.ndarray
    trivial: np.ndarray
    window: np.ndarray
    sigma: np.ndarray
    given: bool = True
    robust: bool = False
    labels: Sequence[str] = ()
    units: Sequence[str] = ()
    against: float = math.nan


@dataclass
class NumberFit:
    """How the numbers of one name in a channel fit; see `ChannelFit`. counts: what is left is not small beside the motion of the others."""

    label: str
    residual: float
    chi2: float
    explained: float
    counts: bool


@dataclass
class ChannelFit:
    """How a channel fits in one split. sigma: root mean square of its numbers' [unit]; residual, trivial: rms in sigma, of robust channels
    without the largest; chi2: reduced; explained: at most 1; lag1: autocorrelation of what is left, 0 where it is white. numbers: each alone,
    where there are several. against: rms of what is left over that of the description."""

    channel: str
    split: str
    unit: str
    sigma: float
    given: bool
    samples: int
    residual: float
    chi2: float
    trivial: float
    explained: float
    lag1: float
    numbers: list[NumberFit] = field(default_factory=list)
    against: float = math.nan


@dataclass
class GoodnessOfFit:
    """The goodness of fit of an estimate.

    chi2: reduced, of all fitted channels together. held_out: the largest residual of a channel on held-out recordings over that on the
    fitted ones, nan without any. reasons: why the fit is bad, empty where it is not. cause: the likeliest one in words, with what was
    computed; empty where none was looked for. trusted: nothing speaks against the estimate.
    """

    chi2: float = math.nan
    held_out: float = math.nan
    channels: list[ChannelFit] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    cause: str = ""

    @property
    def trusted(self) -> bool:
        """Nothing speaks against the estimate."""
        return not self.reasons and not self.doubts


def fit_of(residuals: Sequence[ChannelResiduals], used: float, limits: FitLimits) -> GoodnessOfFit:
    """What channels leave, judged by limits.

    used: numbers that were fitted to the training recordings, shared among their residuals.
    """
    counts = [int(np.isfinite(one.left).sum()) for one in residuals]
    total = sum(count for one, count in zip(residuals, counts, strict=True) if one.split == "train")
    share = 1.0 - min(used / total, 0.99) if total else 1.0
    channels = [_channel(one, share if one.split == "train" else 1.0) for one in residuals if np.isfinite(one.left).any()]
    trained = {one.channel: one for one in channels if one.split == "train"}
    samples = sum(one.samples for one in trained.values())
    chi2 = sum(one.chi2 * one.samples for one in trained.values()) / samples if samples else math.nan
    ratios = [
        one.residual / trained[one.channel].residual
        for one in channels
        if one.split != "train" and one.channel in trained and trained[one.channel].residual > 0.0
    ]
    made = GoodnessOfFit(chi2, max(ratios, default=math.nan), channels)
    made.reasons = _reasons(channels, trained, limits)
    return made


def beyond_sigma(fit: GoodnessOfFit, limits: FitLimits) -> list[str]:
    """Fitted channels whose residuals are beyond what sigma allows, and that explain enough of the motion all the same."""
    return [
        f"{_misfit(one, limits)}: the model misses something, or sigma is that of the sensor alone. Look at structure, units and time base if "
        "the intervals are to be trusted."
        for one in fit.channels
        if one.split == "train" and limits.chi2 is not None and one.chi2 > limits.chi2 and not _bad(one, limits)
    ]


def _channel(one: ChannelResiduals, share: float) -> ChannelFit:
    """share: of the numbers that the fit has not used up."""
    seen = np.isfinite(one.left)
    residual, trivial = (_rms(np.abs(x[seen & np.isfinite(x)]), one.robust) for x in (one.left, one.trivial))
    explained = 1.0 - residual / trivial if trivial > 0.0 else math.nan
    sigma = float(np.sqrt(np.mean(one.sigma**2)))
    return ChannelFit(
        one.channel, one.split, one.unit, sigma, one.given, int(seen.sum()), residual, residual**2 / share, trivial, explained, _lag1(one),
        _numbers(one, share), one.against,
    )  # fmt: skip


def _numbers(one: ChannelResiduals, share: float) -> list[NumberFit]:
    """Of each name; none where there is one alone."""
    names = list(dict.fromkeys(one.labels))
    if len(names) < 2:
        return []
    units = list(one.units) or [""] * len(one.labels)
    moving = [_rms(np.abs(x[np.isfinite(x)]), one.robust) for x in (one.trivial * one.sigma).T]
    made = []
    for name in names:
        own = [k for k, label in enumerate(one.labels) if label == name]
        left, trivial = (_rms(np.abs(x[:, own][np.isfinite(x[:, own])]), one.robust) for x in (one.left, one.trivial))
        if not math.isfinite(left):
            continue
        largest = max(
            (x for x, unit in zip(moving, units, strict=True) if unit == units[own[0]] and math.isfinite(x)), default=0.0
        )
        counts = left * float(np.sqrt(np.mean(one.sigma[own] ** 2))) >= COUNTS * largest
        made.append(NumberFit(name, left, left**2 / share, 1.0 - left / trivial if trivial > 0.0 else math.nan, counts))
    return made


def _rms(size: np.ndarray, robust: bool) -> float:
    """Of absolute values; without the largest where the loss is robust."""
    if not len(size):
        return math.nan
    if robust:
        size = size[size <= np.quantile(size, 1.0 - LEFT_OUT)]
    return float(np.sqrt(np.mean(size**2)))


def _lag1(one: ChannelResiduals) -> float:
    """Autocorrelation of neighbours in time, of all numbers together."""
    centred = one.left - np.nanmean(one.left, 0, keepdims=True) if len(one.left) else one.left
    follows = (one.window[1:] == one.window[:-1])[:, None] & np.isfinite(centred[1:]) & np.isfinite(centred[:-1])
    before, after = centred[:-1][follows], centred[1:][follows]
    power = float(np.sqrt((before @ before) * (after @ after)))
    return float(before @ after) / power if power > 0.0 else math.nan


def _reasons(channels: Sequence[ChannelFit], trained: dict[str, ChannelFit], limits: FitLimits) -> list[str]:
    """Of fitted recordings; of held-out ones only where the fitted ones are well."""
    said = [_misfit(one, limits) for one in channels if one.split == "train" and _bad(one, limits)]
    if said:
        return said
    others = [one for one in channels if one.split != "train" and one.channel in trained]
    for one in others:
        before = trained[one.channel]
        worse = limits.held_out is not None and one.residual > limits.held_out * before.residual and one.residual > 1.0
        if _bad(one, limits) or (worse and _explains_too_little(one, limits)):
            said.append(f"{_misfit(one, limits)} ({before.residual:.3g} sigma on the fitted ones)")
    return said or _worse_than_described(others, limits)


def _worse_than_described(others: Sequence[ChannelFit], limits: FitLimits) -> list[str]:
    """Every held-out channel is, beyond its noise: what was learned is no property of the robot."""
    if limits.held_out is None or limits.chi2 is None or not others:
        return []
    if not all(one.against > WORSE for one in others) or not any(one.chi2 > POOR_CHI2 * limits.chi2 for one in others):
        return []
    parts = ", ".join(f"{one.channel} {one.against:.3g} times" for one in others)
    return [f"held-out recordings: residuals are larger than those of the description ({parts})"]


def _bad(one: ChannelFit, limits: FitLimits) -> bool:
    return _misfits(one, one.given, limits) or bool(_wrong(one, limits))


def _wrong(one: ChannelFit, limits: FitLimits) -> list[NumberFit]:
    """Numbers that do not fit alone, the worst first."""
    return sorted((n for n in one.numbers if n.counts and _misfits(n, one.given, limits)), key=lambda n: -n.residual)


def _misfits(one: ChannelFit | NumberFit, given: bool, limits: FitLimits) -> bool:
    if limits.chi2 is None:
        return False
    share = POOR_SHARE if limits.explained is None else min(POOR_SHARE, limits.explained)
    poor = given and one.chi2 > POOR_CHI2 * limits.chi2 and one.explained < share
    return poor or (one.chi2 > limits.chi2 and _explains_too_little(one, limits))


def _explains_too_little(one: ChannelFit | NumberFit, limits: FitLimits) -> bool:
    return limits.explained is None or not one.explained >= limits.explained


def _misfit(one: ChannelFit, limits: FitLimits) -> str:
    """The channel, with the worst of its numbers that does not fit."""
    where = "" if one.split == "train" else " on held-out recordings"
    sigma = f"{one.residual:.3g} sigma ({'given' if one.given else 'estimated from the data'}: {one.sigma:.3g} {one.unit})"
    wrong = _wrong(one, limits)
    worst = f"; worst is {wrong[0].label}: {wrong[0].residual:.3g} sigma{_share(wrong[0])}" if wrong else ""
    return f"{one.channel}{where}: residuals of {sigma}{_share(one)}{worst}"


def _share(one: ChannelFit | NumberFit) -> str:
    return f", {100.0 * max(one.explained, 0.0):.0f} % of the motion is explained" if math.isfinite(one.explained) else ""
