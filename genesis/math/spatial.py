"""Spatial vectors and inertias over lane scalars, all in one frame: world axes, one reference point per kinematic tree.

A motion is (w, v): angular velocity, velocity of the body point that is now at the reference point. A force is (n, f): moment about the
reference point, force. Since no frame changes from link to link, recursions are plain sums.
Source: Featherstone, Rigid Body Dynamics Algorithms (2008), chapter 2.
"""

from genesis.math.lanes import Cells, let
from genesis.math.rotation import Mat3, Vec3


class Spatial:
    """A motion (w, v) or a force (n, f): ``a`` is the angular part, ``l`` the linear part."""

    _data_oriented = True

    def __init__(self, a: Vec3, l: Vec3) -> None:  # noqa: E741
        self.a, self.l = a, l

    @staticmethod
    def zero(width: int) -> "Spatial":
        return Spatial(Vec3.zero(width), Vec3.zero(width))

    @staticmethod
    def load(cells: Cells, k=0) -> "Spatial":
        return Spatial(Vec3.load(cells, k), Vec3.load(cells, k + 3))

    def store(self, cells: Cells, k=0) -> None:
        self.a.store(cells, k)
        self.l.store(cells, k + 3)

    def add_to(self, cells: Cells, k=0) -> None:
        self.a.add_to(cells, k)
        self.l.add_to(cells, k + 3)

    def assign(self, o: "Spatial") -> None:
        self.a.assign(o.a)
        self.l.assign(o.l)

    def __add__(self, o: "Spatial") -> "Spatial":
        return Spatial(self.a + o.a, self.l + o.l)

    def __sub__(self, o: "Spatial") -> "Spatial":
        return Spatial(self.a - o.a, self.l - o.l)

    def __mul__(self, s) -> "Spatial":
        return Spatial(self.a * s, self.l * s)

    def dot(self, o: "Spatial"):
        """Power of a force on a motion."""
        a, b = self, o
        return let(a.a.x * b.a.x + a.a.y * b.a.y + a.a.z * b.a.z + a.l.x * b.l.x + a.l.y * b.l.y + a.l.z * b.l.z)

    def cross(self, o: "Spatial") -> "Spatial":
        """Motion x motion: rate of change of ``o`` carried along by ``self``."""
        return Spatial(self.a.cross(o.a), self.a.cross(o.l) + self.l.cross(o.a))

    def cross_force(self, f: "Spatial") -> "Spatial":
        """Motion x* force; dual of `cross`: (x x* f) . y = - f . (x x y)."""
        return Spatial(self.a.cross(f.a) + self.l.cross(f.l), self.a.cross(f.l))

    def at(self, r: Vec3) -> Vec3:
        """Linear velocity of the body point at r from the reference point."""
        return self.l + self.a.cross(r)


def force_at(r: Vec3, force: Vec3) -> Spatial:
    """The spatial force of a force vector acting at r from the reference point."""
    return Spatial(r.cross(force), force)


class Inertia:
    """Rigid-body inertia about the reference point: mass, first moment h = m c, second moment (xx yy zz xy xz yz)."""

    _data_oriented = True
    SIZE = 10

    def __init__(self, mass, h: Vec3, second: tuple) -> None:
        self.mass, self.h, self.second = mass, h, second

    @staticmethod
    def of(mass, com: Vec3, rotation: Mat3, local: tuple) -> "Inertia":
        """From mass, centre of mass (from the reference point, world axes) and the inertia about it in link axes."""
        r, (xx, yy, zz, xy, xz, yz) = rotation.m, local
        columns = (Vec3(xx, xy, xz), Vec3(xy, yy, yz), Vec3(xz, yz, zz))  # columns of the local inertia
        ri = [rotation @ c for c in columns]  # R I, column by column

        def entry(i: int, k: int):  # (R I R^T)_ik
            return sum((ri[j].parts()[i] * r[3 * k + j] for j in range(1, 3)), ri[0].parts()[i] * r[3 * k])

        h = com * mass
        hx, hy, hz = let(h.x * com.x), let(h.y * com.y), let(h.z * com.z)
        second = (
            let(entry(0, 0) + hy + hz), let(entry(1, 1) + hx + hz), let(entry(2, 2) + hx + hy),
            let(entry(0, 1) - h.x * com.y), let(entry(0, 2) - h.x * com.z), let(entry(1, 2) - h.y * com.z),
        )  # fmt: skip
        return Inertia(mass, h, second)

    @staticmethod
    def load(cells: Cells, k=0) -> "Inertia":
        return Inertia(cells.get(k), Vec3.load(cells, k + 1), tuple(cells.get(k + 4 + i) for i in range(6)))

    def _parts(self):
        return (self.mass, *self.h.parts(), *self.second)

    def store(self, cells: Cells, k=0) -> None:
        for i, c in enumerate(self._parts()):
            cells.set(c, k + i)

    def add_to(self, cells: Cells, k=0) -> None:
        for i, c in enumerate(self._parts()):
            cells.add(c, k + i)

    def apply(self, x: Spatial) -> Spatial:
        """`@` by name: inside a Taichi function that operator is taken."""
        return self @ x

    def __matmul__(self, x: Spatial) -> Spatial:
        """Momentum (or force) of a motion (or acceleration)."""
        xx, yy, zz, xy, xz, yz = self.second
        w, v, h = x.a, x.l, self.h
        return Spatial(
            Vec3.of(
                xx * w.x + xy * w.y + xz * w.z + h.y * v.z - h.z * v.y,
                xy * w.x + yy * w.y + yz * w.z + h.z * v.x - h.x * v.z,
                xz * w.x + yz * w.y + zz * w.z + h.x * v.y - h.y * v.x,
            ),
            Vec3.of(
                self.mass * v.x + w.y * h.z - w.z * h.y,
                self.mass * v.y + w.z * h.x - w.x * h.z,
                self.mass * v.z + w.x * h.y - w.y * h.x,
            ),
        )
