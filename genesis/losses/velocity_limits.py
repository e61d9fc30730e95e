"""Joint velocities beyond their limits."""

from torch import Tensor

from genesis.losses.excess import RelativeExcess
from genesis.losses.term import Columns
from genesis.view import View


class VelocityLimits(RelativeExcess):
    """mean over joints, time and environments of the squared excess over (1 − margin) times the limit, relative to the limit."""

    kind, first = "velocity", 1

    def values(self, trajectory: View) -> Tensor:
        return trajectory.qvel[1:]

    def sees(self) -> Columns:
        return "qvel", self.dofs
