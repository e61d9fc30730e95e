"""What a chart needs of a long log: peaks kept, gaps kept, and statistics of residuals."""

import math

import numpy as np

from genesis.sysid.result import Trace


def thin(time: np.ndarray, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """About ``most`` points (N,) of a curve, the least, the greatest and the first gap of every bin of samples.

    What is drawn from them covers the same pixels as the whole curve.
    """
    if len(values) <= most:
        return time, values
    bins = max(most // 2, 1)
    width = -(-len(values) // bins)
    padded = np.full(bins * width, math.nan)
    padded[: len(values)] = values
    table, rows = padded.reshape(bins, width), width * np.arange(bins)
    missing = np.isnan(table)
    picks = (
        np.where(missing, math.inf, table).argmin(1),
        np.where(missing, -math.inf, table).argmax(1),
        missing.argmax(1),  # the first gap, or the first sample
    )
    chosen = np.unique(np.concatenate([rows + pick for pick in picks]))
    chosen = chosen[chosen < len(values)]
    return time[chosen], values[chosen]


def broken(time: np.ndarray, values: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve with a nan before every segment start but the first, so that no line joins two segments."""
    cuts = np.asarray([k for k in starts if 0 < k < len(values)], int)
    return np.insert(time, cuts, time[cuts]), np.insert(values, cuts, math.nan)


def segments(trace: Trace) -> list[slice]:
    """Rows of every segment."""
    cuts = sorted({0, *(int(k) for k in trace.segment_starts if 0 < k < len(trace.time)), len(trace.time)})
    return [slice(a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]


def autocorrelation(traces: list[Trace], most: int = 40) -> tuple[np.ndarray, float]:
    """Autocorrelation (lags + 1,) of the residuals after, and the half width 1.96/√n within which 95 % of a white one lies.

    Products are taken inside segments only and where both samples are there: c_k = mean(r_t r_(t+k)), ρ_k = c_k / c_0.
    """
    parts = [(t.after - t.measured)[s] for t in traces for s in segments(t)]
    residuals = np.concatenate(parts) if parts else np.zeros(0)
    count = int(np.isfinite(residuals).sum())
    if count < 3:
        return np.ones(1), math.nan
    mean = float(np.nanmean(residuals))
    lags = min(most, max(len(part) for part in parts) // 2)
    sums, pairs = np.zeros(lags + 1), np.zeros(lags + 1)
    for part in parts:
        centred = part - mean
        for k in range(min(lags, len(part) - 1) + 1):
            product = centred[: len(part) - k] * centred[k:]
            valid = np.isfinite(product)
            sums[k] += product[valid].sum()
            pairs[k] += valid.sum()
    if sums[0] == 0.0:
        return np.ones(1), math.nan
    means = np.divide(sums, pairs, out=np.full(lags + 1, math.nan), where=pairs > 0)
    return means / means[0], 1.96 / math.sqrt(count)
