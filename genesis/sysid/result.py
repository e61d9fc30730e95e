"""What an identification found: estimates with their certainty, fit of every channel, and how the optimizer got there. Numpy only."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from genesis.sysid.fit import GoodnessOfFit


@dataclass
class Estimate:
    """One learned scalar.

    name: e.g. "damping/elbow"; group: the parameter it belongs to. std, low, high: standard deviation and 95 % interval, nan where
    they cannot be told. prior: (mean, std) or None. natural: the value that means none of it (no friction), or None. beyond: share of the
    cost that lies between its bound and the natural value, nan where it is at none. note: "", or what limits the estimate ("at its lower
    bound", "no effect on any residual", "decided by the prior", "not identifiable alone", "not told by the data; kept", "frozen").
    """

    name: str
    group: str
    unit: str
    start: float
    value: float
    std: float
    low: float
    high: float
    bounds: tuple[float, float] = (-np.inf, np.inf)
    prior: tuple[float, float] | None = None
    note: str = ""
    natural: float | None = None
    beyond: float = np.nan


@dataclass
class Trace:
    """One number of one channel of one recording.

    time (N,) [s]; measured, before, after (N,) in ``unit``: the measurement and the simulation with the start and with the
    estimated parameters, nan = missing. segment_starts: indices at which the simulation starts anew.
    """

    recording: str
    split: str  # "train" | "validation"
    channel: str
    label: str
    unit: str
    time: np.ndarray
    measured: np.ndarray
    before: np.ndarray
    after: np.ndarray
    segment_starts: np.ndarray = field(default_factory=lambda: np.zeros(1, int))

    def rmse(self, side: str) -> float:
        """Root mean square of ``side`` ("before" or "after") minus measured; nan without common samples."""
        left = getattr(self, side) - self.measured
        seen = np.isfinite(left)
        return float(np.sqrt(np.mean(left[seen] ** 2))) if seen.any() else float("nan")

    def brief(self) -> dict[str, Any]:
        """All but the curve, in plain values."""
        said = {key: getattr(self, key) for key in ("recording", "split", "channel", "label", "unit")}
        samples = int(np.isfinite(self.measured).sum())
        return {**said, "samples": samples, "before": self.rmse("before"), "after": self.rmse("after")}


@dataclass
class Whiteness:
    """Tests of the residuals of one measured number: autocorrelation at lag 1, p-values of Ljung-Box and of normality."""

    channel: str
    label: str
    lag1: float
    ljung_box_p: float
    normality_p: float


@dataclass(kw_only=True)
class Answer:
    """What is said of a point; n learned scalars.

    names (n,): order of the matrices. covariance, correlation (n, n). singular_values (n,) of the scaled sensitivity, largest
    first; directions (n, n): columns are combinations of scaled parameters, best known first; identifiable (n,) bool: of each
    direction. errors: what the noise was taken for, see `genesis.sysid.statistics.certainty`. rmse: rows {"recording", "split",
    "channel", "unit", "before", "after"}, totals of a split with recording "all". base_parameters, torque_errors: of an identification
    from torques, `BaseParameter` and `TorqueError` as rows.
    """

    estimates: list[Estimate]
    names: list[str]
    covariance: np.ndarray
    correlation: np.ndarray
    singular_values: np.ndarray
    directions: np.ndarray
    identifiable: np.ndarray
    rmse: list[dict]
    traces: list[Trace]
    whiteness: list[Whiteness]
    warnings: list[str] = field(default_factory=list)
    base_parameters: list[dict[str, Any]] = field(default_factory=list)
    torque_errors: list[dict[str, Any]] = field(default_factory=list)
    fit: GoodnessOfFit = field(default_factory=GoodnessOfFit)
    errors: str = "residual"

    def content(self) -> dict[str, Any]:
        """In plain numbers, for JSON; of each curve its recording, name, samples and root mean square errors."""
        made = {
            name: _plain(value) for name, value in vars(self).items() if name not in ("traces", "estimates", "whiteness", "fit")
        }
        made |= {name: [_plain(asdict(item)) for item in getattr(self, name)] for name in ("estimates", "whiteness")}
        made["fit"] = _plain(asdict(self.fit))
        made["traces"] = [trace.brief() for trace in self.traces]
        return made


@dataclass(kw_only=True)
class Identification(Answer):
    """The result of one identification: the answer, and how it was reached.

    history: rows {"iteration", "stage", "objective", "gradient_norm", and what the method tells}. seconds: by phase.
    """

    status: str
    reason: str
    objective_first: float
    objective_best: float
    iterations: int
    simulations: int
    seconds: dict[str, float]
    history: list[dict]

    @property
    def total_seconds(self) -> float:
        """Of the phases that do not contain each other."""
        return sum(self.seconds.get(phase, 0.0) for phase in ("engine", "build", "loop"))


def _plain(content: Any) -> Any:
    """numpy arrays and numbers as Python's."""
    if isinstance(content, np.ndarray):
        return content.tolist()
    if isinstance(content, np.generic):
        return content.item()
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return content
