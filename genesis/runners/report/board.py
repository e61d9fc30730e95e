"""The answer of an identification in TensorBoard, beside the curves of the run: estimates with their intervals, RMSE, charts as images."""

import math
from pathlib import Path

import numpy as np

from genesis.runners.events import Events
from genesis.runners.report.charts import correlation_chart, fit_chart, forest_chart, singular_chart
from genesis.runners.report.style import picture
from genesis.sysid.result import Identification

PICTURED = 24  # curves shown as images
POINTS = 2000  # of each curve


def write_tensorboard(folder: Path, found: Identification) -> None:
    """Add the answer to the events in ``folder``, at the last iteration; RMSE also before the first."""
    last, events = max(found.iterations, 1), Events(folder)
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for e in found.estimates:
        after |= {
            f"parameter/{e.name}/{end}": x for end, x in (("std", e.std), ("interval_low", e.low), ("interval_high", e.high))
        }
    for row in found.rmse:
        whole = row["recording"] == "all"
        tag = f"metric/rmse/{row['split']}/{row['channel']}" if whole else f"rmse/{row['recording']}/{row['channel']}"
        before[tag], after[tag] = row["before"], row["after"]
    for one in found.fit.channels:
        after |= {f"fit/{one.split}/{one.channel}/{what}": getattr(one, what) for what in ("residual", "chi2", "explained")}
    events.scalars(before, 0)
    events.scalars({tag: value for tag, value in after.items() if math.isfinite(value)}, last)
    for tag, image in _pictures(found).items():
        events.image(tag, image, last)
    events.close()


def _pictures(found: Identification) -> dict[str, np.ndarray]:
    pictures: dict[str, np.ndarray] = {}
    if found.estimates:
        pictures["estimates"] = picture(lambda palette: forest_chart(found, palette))
    if len(found.names) > 1 and np.isfinite(found.correlation).any():
        pictures["correlation"] = picture(lambda palette: correlation_chart(found, palette))
    if len(found.names) and np.isfinite(found.singular_values).any():
        pictures["singular_values"] = picture(lambda palette: singular_chart(found, palette))
    for trace in found.traces[:PICTURED]:
        tag = f"fit/{trace.recording}/{trace.channel}/{trace.label}"
        pictures[tag] = picture(lambda palette, trace=trace: fit_chart(trace, palette, POINTS))  # type: ignore[misc]
    return pictures
