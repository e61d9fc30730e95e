"""The pose of a link while its joints are applied one after the other."""

from genesis.math.lanes import Cells
from genesis.math.rotation import Mat3, Quat, Vec3


class Pose:
    """Position, orientation as quaternion and as matrix, reference point of the tree; world frame."""

    _data_oriented = True

    def __init__(self, p: Vec3, q: Quat, r: Mat3, origin: Vec3) -> None:
        self.p, self.q, self.r, self.origin = p, q, r, origin

    @staticmethod
    def load(cells: Cells) -> "Pose":
        return Pose(Vec3.load(cells, 0), Quat.load(cells, 3), Mat3.load(cells, 7), Vec3.load(cells, 16))

    def store(self, cells: Cells) -> None:
        self.p.store(cells, 0)
        self.q.store(cells, 3)
        self.r.store(cells, 7)
        self.origin.store(cells, 16)
