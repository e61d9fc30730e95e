"""Whether an estimate explains what was measured: residuals in units of what they may be, and by what they are judged.

    chi² = Σ (r / sigma)² / (N - n),    residual = rms(r / sigma),    explained = 1 - rms(r) / rms(r of a trivial prediction)

A trivial prediction knows nothing of forces: the start state holds, or goes on at its velocity, whichever is nearer. A channel does not fit
where its chi² is beyond the limit and it explains too little of what moves, since neither alone says enough: a sigma may be that of the
encoder alone, and what hardly moves leaves nothing to explain. Of the data alone, so that every kind of problem is judged alike.
Source: Bevington, Robinson, Data Reduction and Error Analysis (2003), §4.4 and §11.1 (reduced chi-square).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LEFT_OUT = 0.05  # of the residuals under a robust loss, the largest: those that it looks away from
LAG = 1  # samples, of the autocorrelation that tells white from not


@dataclass(frozen=True)
class FitLimits:
    """When a fit is bad. chi2: reduced chi-square beyond which residuals are larger than sigma allows; explained: share of the motion that
    must be explained there; held_out: residual of held-out recordings over that of the fitted ones. None: not looked at."""

    chi2: float | None = 64.0
    explained: float | None = 0.9
    held_out: float | None = 5.0


@dataclass
class ChannelResiduals:
    """What a channel leaves in one split, N instants of m numbers.

    left, trivial (N, m): predicted minus measured, over sigma, by the estimate and by a trivial prediction; nan: nothing was measured.
    window (N,): which of them follow each other. sigma (m,) in ``unit``; given: by the user, else estimated from the data.
    robust: the loss looks away from what is far off. split: "train" | "validation".
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


@dataclass
class ChannelFit:
    """How a channel fits in one split. sigma: root mean square of its numbers' [unit]; residual, trivial: rms in sigma, of robust channels
    without the largest; chi2: reduced; explained: at most 1; lag1: autocorrelation of what is left, 0 where it is white."""

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
        f"{_misfit(one)}: the model misses something, or sigma is that of the sensor alone. Look at structure, units and time base if "
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
        one.channel, one.split, one.unit, sigma, one.given, int(seen.sum()), residual, residual**2 / share, trivial, explained, _lag1(one)
    )  # fmt: skip


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
    follows = (one.window[LAG:] == one.window[:-LAG])[:, None] & np.isfinite(centred[LAG:]) & np.isfinite(centred[:-LAG])
    before, after = centred[:-LAG][follows], centred[LAG:][follows]
    power = float(np.sqrt((before @ before) * (after @ after)))
    return float(before @ after) / power if power > 0.0 else math.nan


def _reasons(channels: Sequence[ChannelFit], trained: dict[str, ChannelFit], limits: FitLimits) -> list[str]:
    """Of fitted recordings; of held-out ones only where the fitted ones are well."""
    said = [_misfit(one) for one in channels if one.split == "train" and _bad(one, limits)]
    if said:
        return said
    for one in channels:
        before = trained.get(one.channel)
        if one.split == "train" or before is None:
            continue
        worse = limits.held_out is not None and one.residual > limits.held_out * before.residual and one.residual > 1.0
        if _bad(one, limits) or (worse and _explains_too_little(one, limits)):
            said.append(f"{_misfit(one)} ({before.residual:.3g} sigma on the fitted ones)")
    return said


def _bad(one: ChannelFit, limits: FitLimits) -> bool:
    return limits.chi2 is not None and one.chi2 > limits.chi2 and _explains_too_little(one, limits)


def _explains_too_little(one: ChannelFit, limits: FitLimits) -> bool:
    return limits.explained is None or not one.explained >= limits.explained


def _misfit(one: ChannelFit) -> str:
    where = "" if one.split == "train" else " on held-out recordings"
    sigma = f"{one.residual:.3g} sigma ({'given' if one.given else 'estimated from the data'}: {one.sigma:.3g} {one.unit})"
    share = f", {100.0 * max(one.explained, 0.0):.0f} % of the motion is explained" if math.isfinite(one.explained) else ""
    return f"{one.channel}{where}: residuals of {sigma}{share}"
