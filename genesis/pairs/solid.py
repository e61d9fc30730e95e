"""What a pair sees: two solids, a sink for its contacts, and the bars of one contact.

The protocol between a pair and its caller (all of it at trace time, one environment at a time):

find(m, a, b, reach, out)
    ``a`` and ``b`` are `Solid`, ``reach`` the largest distance of interest. For every contact with dist < reach the pair calls
    ``out.add(p, n, dist, hint, t0, t1, t2, t3)``: position ``p`` (Vec3, midway between the surfaces), unit normal ``n`` (Vec3, from a
    to b), ``dist`` (negative: penetration), ``hint`` (Vec3: wanted direction of the first tangent, zero for none), and four tags
    (reals that hold small whole numbers): which corner, face, edge, ... decided the contact. The sink counts and stores.
    ``out.scratch`` is a `lanes.Cells` of at least `SCRATCH` reals that is free during the call; pairs of general convex bodies need it.

find_adjoint(m, a, b, contact, bars, a_bar, b_bar)
    ``contact.tag(k)`` gives back the tags (see `Tags`), ``contact.normal`` the normal that was found; with the tags fixed the contact
    is a smooth function of poses and sizes.
    ``bars`` is a `ContactBar`; the pair adds to the two `SolidBar`.
"""

from genesis.math.lanes import let
from genesis.math.rotation import Mat3, Vec3

SCRATCH = 2048


def vec(x=0.0, y=0.0, z=0.0) -> Vec3:
    """A 3-vector of plain numbers as fresh variables."""
    return Vec3(let(x), let(y), let(z))


class Solid:
    """A geom in the world: position, orientation, size; for meshes and height fields also where their constant data lie.

    ``data`` is the offset of the shape's header in the integer array ``integers``, which points into the real array ``shapes``
    (layout: hull.py, field.py); all three are unused by primitives.
    """

    _data_oriented = True

    def __init__(self, p: Vec3, r: Mat3, size: Vec3, data=0, shapes=None, integers=None) -> None:
        self.p, self.r, self.size = p, r, size
        self.data, self.shapes, self.integers = data, shapes, integers

    def to_world(self, local: Vec3) -> Vec3:
        """World position of a point of the geom's frame."""
        return self.p + (self.r @ local)

    def turned(self, local: Vec3) -> Vec3:
        """World components of a direction of the geom's frame."""
        return self.r @ local

    def to_local(self, point: Vec3) -> Vec3:
        """Coordinates of a world point in the geom's frame."""
        return self.r.transpose_apply(point - self.p)

    def turned_back(self, direction: Vec3) -> Vec3:
        """Components of a world direction in the geom's frame."""
        return self.r.transpose_apply(direction)


class SolidBar:
    """Gradient with respect to a geom: rigid displacement (force, torque about its position, world axes) and size."""

    _data_oriented = True

    def __init__(self, solid: Solid) -> None:
        self.solid, self.force, self.torque, self.size = solid, vec(), vec(), vec()

    def add_wrench(self, force: Vec3, torque: Vec3) -> None:
        self.force.assign(self.force + force)
        self.torque.assign(self.torque + torque)

    def add_point(self, point: Vec3, bar: Vec3) -> None:
        """Bar of a world point that is fixed in the geom."""
        self.add_wrench(bar, (point - self.solid.p).cross(bar))

    def add_direction(self, direction: Vec3, bar: Vec3) -> None:
        """Bar of a world direction that is fixed in the geom."""
        self.torque.assign(self.torque + direction.cross(bar))

    def add_size(self, bar: Vec3) -> None:
        self.size.assign(self.size + bar)


class ContactBar:
    """Gradient with respect to position, normal, distance and hint of one contact."""

    _data_oriented = True

    def __init__(self, p_bar: Vec3, n_bar: Vec3, dist_bar, hint_bar: Vec3) -> None:
        self.p_bar, self.n_bar, self.dist_bar, self.hint_bar = p_bar, n_bar, dist_bar, hint_bar


class Tags:
    """The four tags and the normal of a stored contact."""

    _data_oriented = True

    def __init__(self, normal: Vec3, *values) -> None:
        self.normal, self.values = normal, values

    def tag(self, k: int):
        return self.values[k]


def balance(a_bar: SolidBar, b_bar: SolidBar, p: Vec3, n: Vec3, bars: ContactBar, force: Vec3, torque: Vec3) -> None:
    """Give ``a`` the wrench (force, torque about a's position) and ``b`` what is left.

    Moving both geoms together moves the contact with them: the two forces add up to p_bar, and the two torques, taken about one
    point, to (p - point) x p_bar + n x n_bar. A derivation with respect to one geom is therefore enough.
    """
    origin = b_bar.solid.p
    a_bar.add_wrench(force, torque)
    whole = (p - origin).cross(bars.p_bar) + n.cross(bars.n_bar)
    b_bar.add_wrench(bars.p_bar - force, whole - torque - (a_bar.solid.p - origin).cross(force))


class Pair:
    """Narrow phase of one pair of geom types: the largest number of contacts, and the two functions described above."""

    def __init__(self, name: str, most: int, find, find_adjoint) -> None:
        self.NAME, self.MOST, self.find, self.find_adjoint = name, most, find, find_adjoint
