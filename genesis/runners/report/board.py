"""An identification in TensorBoard: cost, estimates with their intervals, RMSE, and the charts as images."""

import math
from pathlib import Path

import numpy as np

from genesis.runners.report.charts import correlation_chart, fit_chart, forest_chart, singular_chart
from genesis.runners.report.style import picture
from genesis.runners.tensorboard import TensorBoard
from genesis.sysid.result import Identification

PICTURED = 24  # curves shown as images
POINTS = 2000  # of each curve


def write_tensorboard(folder: Path, found: Identification, config_text: str = "", settings: dict | None = None) -> None:
    """Write the events of ``found`` to ``folder``.

    settings: hyperparameters by name. Estimates stand at step 0 with their start and at the last iteration with their value.
    """
    named = [f"rmse/{row['split']}/{row['channel']}" for row in found.rmse if row["recording"] == "all"]
    board = TensorBoard(folder, first_step=0, config_text=config_text, settings=settings or {}, metric_names=named)
    last = max(found.iterations, 1)
    events = board.events
    for row in found.history:
        for key, tag in (
            ("cost", "objective/total"),
            ("gradient_norm", "gradient/norm"),
            ("step", "step/norm"),
            ("damping", "step/damping"),
        ):
            if row.get(key) is not None:
                events.scalars({tag: row[key]}, row["iteration"])
    for e in found.estimates:
        events.scalars({f"parameter/{e.name}": e.start}, 0)
        ends = {
            "": e.value,
            "/std": e.std,
            "/interval_low": e.low,
            "/interval_high": e.high,
            "/low": e.bounds[0],
            "/high": e.bounds[1],
        }
        events.scalars({f"parameter/{e.name}{end}": value for end, value in ends.items() if math.isfinite(value)}, last)
    for row in found.rmse:
        whole = row["recording"] == "all"
        tag = f"metric/rmse/{row['split']}/{row['channel']}" if whole else f"rmse/{row['recording']}/{row['channel']}"
        events.scalars({tag: row["before"]}, 0)
        events.scalars({tag: row["after"]}, last)
    for tag, image in _pictures(found).items():
        events.image(tag, image, last)
    board.close(last)


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
