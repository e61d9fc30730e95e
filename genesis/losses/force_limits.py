"""Joint forces that controllers ask for beyond what the motors give."""

from torch import Tensor

from genesis.losses.excess import RelativeExcess
from genesis.view import View


class ForceLimits(RelativeExcess):
    """mean over joints, time and environments of the squared excess of the force that the joint controllers ask for over its range less
    `margin`, relative to the limit. A force at its bound no longer depends on the state, nor on what is learned.
    """

    kind, first = "force", 0

    def values(self, trajectory: View) -> Tensor:
        return trajectory.controller_force
