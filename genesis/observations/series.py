"""The numbers of one channel or input over time."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Series:
    """time (N,) [s] strictly increasing, values (N, width) in SI units with NaN for missing. columns: where each number came from."""

    time: np.ndarray
    values: np.ndarray
    columns: list[str]

    def between(self, start: float, end: float) -> "Series":
        """The samples in the closed interval."""
        inside = (self.time >= start) & (self.time <= end)
        return Series(self.time[inside], self.values[inside], self.columns)
