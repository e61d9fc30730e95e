"""What an identification found: estimates with their certainty, fit of every channel, and how the solver got there. Numpy only."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Estimate:
    """One learned scalar.

    name: e.g. "damping/elbow"; group: the parameter it belongs to. std, low, high: standard deviation and 95 % interval, nan where
    they cannot be told. prior: (mean, std) or None. note: "", or what limits the estimate ("at its lower bound", "no effect on any
    residual", "decided by the prior", "not identifiable alone", "frozen").
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


@dataclass
class Whiteness:
    """Tests of the residuals of one measured number: autocorrelation at lag 1, p-values of Ljung-Box and of normality."""

    channel: str
    label: str
    lag1: float
    ljung_box_p: float
    normality_p: float


@dataclass
class Identification:
    """The result of one identification; n learned scalars.

    names (n,): order of the matrices. covariance, correlation (n, n). singular_values (n,) of the scaled sensitivity, largest
    first; directions (n, n): columns are combinations of scaled parameters, best known first; identifiable (n,) bool: of each
    direction. rmse: rows {"recording", "split", "channel", "unit", "before", "after"}, totals of a split with recording "all".
    history: rows {"iteration", "cost", "step", "damping", "gradient_norm"}. seconds: by phase.
    """

    status: str
    reason: str
    cost_first: float
    cost_best: float
    iterations: int
    simulations: int
    seconds: dict[str, float]
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
    history: list[dict]
    warnings: list[str] = field(default_factory=list)
