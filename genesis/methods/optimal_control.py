"""What an optimal-control problem is to methods: steps, a cost that adds up over them, and controls that are free at every step.

    min Σ_t l_t(x_t, u_t) + l_T(x_T),    x_(t+1) = F(x_t, u_t),    low ≤ u ≤ high

Arrays are float64. n = 2 nv: numbers of a tangent of the state; m: controls that are free.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genesis.grad.quadratics import BackwardPass, Quadratics


@dataclass(frozen=True)
class Path:
    """States qpos (T+1, nq), qvel (T+1, nv), and controls (T, m).

    gaps: d_(t+1) = F(x_t, u_t) ⊖ x_(t+1) (T, n); None where the states are those that the controls lead to.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    controls: np.ndarray
    gaps: np.ndarray | None = None

    @property
    def gap(self) -> float:
        """Sum of all gaps by magnitude."""
        return 0.0 if self.gaps is None else float(np.abs(self.gaps).sum())


@dataclass(frozen=True)
class Trials:
    """Paths for C step lengths: values (C,), inf where a motion has none; qpos (T+1, C, nq), qvel, controls (T, C, m)."""

    values: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray
    controls: np.ndarray

    def path(self, k: int, gaps: np.ndarray | None) -> Path:
        """The k-th, whose gaps are known."""
        return Path(self.qpos[:, k], self.qvel[:, k], self.controls[:, k], gaps)


class OptimalControl(Protocol):
    """sizes (m,): how far each control may reasonably move. horizon: T.

    Where something has no value, the answer is None, and the objective's `failure` says why.
    """

    horizon: int
    sizes: np.ndarray

    def start(self) -> Path | None:
        """The motion of the present free numbers."""
        ...

    def guesses(self, start: Path) -> Iterator[Path]:
        """Other paths from the same state to begin with, with gaps, the most promising first; none where nothing is known of where to go."""
        ...

    def expand(self, path: Path) -> tuple[Quadratics, float] | None:
        """Dynamics and cost around a path, and its value. What is found is the objective's last answer, exact if there are no gaps."""
        ...

    def backward(self, model: Quadratics, rho: float) -> BackwardPass:
        """Through the steps from the last to the first; see `genesis.grad.riccati.riccati`."""
        ...

    def trials(self, path: Path, sweep: BackwardPass, lengths: np.ndarray) -> Trials:
        """The paths to which feedback along step lengths (C,) leads."""
        ...

    def put(self, path: Path) -> Path | None:
        """Make the controls of a path the free numbers; the path that they lead to, or, while it has gaps, itself."""
        ...
