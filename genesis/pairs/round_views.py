"""Cylinder and ellipsoid seen as the polytopes are (views.py), except that their vertices move with the direction they are sought in.

A round geom is `aimed` at a direction first; then vertex, edge and corner tell where it is lowest along that direction. What the
adjoint finds as bar of the direction gathers in the aim (`pulled`). Without an aim a round geom answers `farthest` (GJK, EPA) and
`grasp`: one of its features with its curvature (bend.py).

Cylinder. Vertices lie on the rims, eight on each, the first one at the lowest point u; vertex 2 j + side (0 lower, 1 upper) + 16 if u
is held to the cylinder's x axis. Edge: the chord from a vertex to the next one, or SIDE, the lowest line of the side. Faces: upper
cap 0, lower cap 1; face 2 stands for the lowest line. Ellipsoid: one vertex.
"""

import math

import taichi as ti

from genesis.math.lanes import assign, let, maximum, sqrt, where
from genesis.math.rotation import Vec3
from genesis.pairs.features import times
from genesis.pairs.solid import Solid, SolidBar, vec
from genesis.pairs.views import PointView, Unrounded

FLAT = 1e-3  # below this sine of the tilt the rim's vertices are held to the cylinder: u turns by one over the sine
CORNERS, FIXED, SIDE = 8, 16, 32
POINT, LINE, CURVE = 0, 1, 2  # features of a contact without a face
STEEP = 0.7  # cosine between axis and direction above which a cap faces it, else the side
STEP = 2.0 * math.pi / CORNERS


def _radial(d: Vec3) -> tuple:
    """(unit vector x, y of a local direction across the axis, its length, whether that is too short to follow)."""
    length = sqrt(d.x * d.x + d.y * d.y)
    none = length < 1e-12
    inverse = where(none, 0.0, 1.0 / length)
    return where(none, 1.0, d.x * inverse), let(d.y * inverse), length, length < FLAT * sqrt(d.dot(d))


class CylinderAim(Solid):
    """A cylinder with the direction u; ``turn`` is the bar of u's angle."""

    def __init__(self, solid: Solid, direction: Vec3) -> None:
        super().__init__(solid.p, solid.r, solid.size, solid.data, solid.shapes, solid.integers)
        self.x, self.y, length, flat = _radial(self.turned_back(direction))
        self.inverse, self.turn = where(flat, 0.0, 1.0 / maximum(length, FLAT)), let(0.0)


def _rim(solid: CylinderAim, k, more: float) -> tuple:
    """Unit direction x, y of a vertex of the rim, turned on by an angle."""
    angle = let((k // 2) % CORNERS * STEP + more)
    c, s = let(ti.cos(angle)), let(ti.sin(angle))
    held = (k // FIXED) % 2 == 1
    x, y = where(held, 1.0, solid.x), where(held, 0.0, solid.y)
    return let(c * x - s * y), let(c * y + s * x)


class CylinderView(Unrounded, PointView):
    FACES, RESTS, ROUND, SPINE, OPTIONS = True, True, True, True, 3
    aimed = CylinderAim

    @staticmethod
    def farthest(solid: Solid, d: Vec3) -> tuple:
        local = solid.turned_back(d)
        x, y, _, flat = _radial(local)
        upper = local.z > 0.0
        place = Vec3.of(solid.size.x * x, solid.size.x * y, ti.select(upper, solid.size.y, 0.0 - solid.size.y))
        return let(where(upper, 1, 0) + where(flat, FIXED, 0)), place

    @staticmethod
    def face_towards(solid: Solid, d: Vec3):
        along = d.dot(solid.r.column(2))
        return where(along > STEEP, 0, where(along < -STEEP, 1, 2))

    @staticmethod
    def face(solid: Solid, k) -> tuple:
        n = vec(0.0, 0.0, where(k == 1, -1.0, 1.0))
        return n * solid.size.y, n, n

    @staticmethod
    def vertex(solid: CylinderAim, k) -> tuple:
        x, y = _rim(solid, k, 0.0)
        z = where(k % 2 == 1, 1.0, -1.0)
        return Vec3.of(solid.size.x * x, solid.size.x * y, solid.size.y * z), Vec3(x, y, z)

    @staticmethod
    def edge(solid: CylinderAim, k) -> tuple:
        place, signs = CylinderView.vertex(solid, k)
        x, y = _rim(solid, k, 0.5 * STEP + 0.5 * math.pi)
        side, chord = where(k >= SIDE, 1.0, 0.0), where(k >= SIDE, 0.0, 1.0)
        origin, sign = Vec3.of(place.x, place.y, place.z * chord), Vec3.of(signs.x, signs.y, signs.z * chord)
        return origin, Vec3.of(x * chord, y * chord, side), sign

    @staticmethod
    def corners(solid: Solid, face):
        return where(face == 2, 2, CORNERS)

    @staticmethod
    def sides(solid: Solid, face):
        return where(face == 2, 1, CORNERS)

    @staticmethod
    def corner(solid: CylinderAim, face, i):
        held = where(solid.inverse > 0.0, 0, FIXED)
        around = where(face == 0, i % CORNERS, (2 * CORNERS - i) % CORNERS)
        return let(held + where(face == 2, i % 2, 2 * around + 1 - face))

    @staticmethod
    def side(solid: CylinderAim, face, i):
        return let(where(face == 2, SIDE, CylinderView.corner(solid, face, i + where(face == 1, 1, 0))))

    @staticmethod
    def grow(solid: CylinderAim, bar: SolidBar, signs: Vec3, local: Vec3) -> None:
        bar.add_size(Vec3.of(signs.x * local.x + signs.y * local.y, signs.z * local.z, 0.0))
        assign(solid.turn, solid.turn + solid.size.x * (signs.x * local.y - signs.y * local.x))

    @staticmethod
    def lean(solid: CylinderAim, d: Vec3, bar: Vec3) -> None:
        """Bar of the direction of an edge: a chord turns with u, the side's line does not."""
        assign(solid.turn, solid.turn + (d.x * bar.y - d.y * bar.x))

    @staticmethod
    def pulled(solid: CylinderAim) -> Vec3:
        """Bar of the direction of the aim, world."""
        swing = let(solid.turn * solid.inverse)
        return solid.turned(Vec3.of(0.0 - solid.y * swing, solid.x * swing, 0.0))

    @staticmethod
    def option(solid: Solid, i, n: Vec3, start) -> tuple:
        """The rim that lies farther along n, the side, the other rim."""
        upper = where(n.dot(solid.r.column(2)) > 0.0, 1, 0)
        return where(i == 1, LINE, CURVE), where(i == 0, upper, where(i == 1, 0, 1 - upper))

    @staticmethod
    def line(solid: Solid, k) -> Vec3:
        return solid.r.column(2)

    @staticmethod
    def stretch(solid: Solid, k) -> tuple:
        return let(0.0 - solid.size.y), solid.size.y

    @staticmethod
    def _arm(solid: Solid, kind, k, n: Vec3) -> tuple:
        """(direction of the radius, half axes along the axis, bent part of the curvature: factor and direction)."""
        local = solid.turned_back(n)
        x, y, length, _ = _radial(local)
        curve = kind == CURVE
        u = solid.turned(Vec3.of(where(curve, x, local.x), where(curve, y, local.y), where(curve, 0.0, local.z)))
        height = where(kind == LINE, 0.0, where(k == 1, 1.0, -1.0))
        return u, height, let(solid.size.x / maximum(length, 1e-9)), solid.turned(Vec3.of(0.0 - y, x, 0.0))

    @staticmethod
    def grasp(solid: Solid, kind, k, n: Vec3, t1: Vec3, t2: Vec3, x: Vec3) -> tuple:
        """The point farthest along n of a feature into x: axis end or axis with the radius, or rim; its curvature along t1 and t2."""
        u, height, factor, t = CylinderView._arm(solid, kind, k, n)
        x.assign(solid.p + solid.r.column(2) * (height * solid.size.y) + u * solid.size.x)
        c1, c2 = t.dot(t1), t.dot(t2)
        bent = kind == CURVE
        return (
            where(bent, factor * c1 * c1, solid.size.x),
            where(bent, factor * c1 * c2, 0.0),
            where(bent, factor * c2 * c2, solid.size.x),
        )

    @staticmethod
    def add_grasp(solid: Solid, bar: SolidBar, kind, k, n: Vec3, x_bar: Vec3) -> None:
        """Bar of the size from that of the point."""
        u, height, _, _ = CylinderView._arm(solid, kind, k, n)
        bar.add_size(Vec3.of(u.dot(x_bar), height * solid.r.column(2).dot(x_bar), 0.0))


class EllipsoidAim(Solid):
    """An ellipsoid with its lowest point q = S z / |z|, z = S R' d; ``pull`` is the bar of the local direction R' d."""

    def __init__(self, solid: Solid, direction: Vec3) -> None:
        super().__init__(solid.p, solid.r, solid.size, solid.data, solid.shapes, solid.integers)
        self.toward, self.pull = self.turned_back(direction), vec()
        z = times(self.size, self.toward)
        self.inverse = let(1.0 / maximum(sqrt(z.dot(z)), 1e-30))
        self.unit = z * self.inverse

    def growth(self, local: Vec3) -> tuple:
        """Bars of (size, local direction) from that of the lowest point."""
        stretched = times(self.size, local)
        z_bar = (stretched - self.unit * self.unit.dot(stretched)) * self.inverse
        return times(self.unit, local) + times(self.toward, z_bar), times(self.size, z_bar)


class EllipsoidView(Unrounded, PointView):
    ROUND, OPTIONS = True, 1
    aimed = EllipsoidAim

    @staticmethod
    def farthest(solid: Solid, d: Vec3) -> tuple:
        aim = EllipsoidAim(solid, d)
        return let(0), times(aim.size, aim.unit)

    @staticmethod
    def vertex(solid: EllipsoidAim, k) -> tuple:
        return times(solid.size, solid.unit), solid.unit

    @staticmethod
    def grow(solid: EllipsoidAim, bar: SolidBar, signs: Vec3, local: Vec3) -> None:
        size_bar, pull = solid.growth(local)
        bar.add_size(size_bar)
        solid.pull.assign(solid.pull + pull)

    @staticmethod
    def lean(solid: EllipsoidAim, d: Vec3, bar: Vec3) -> None:
        pass

    @staticmethod
    def pulled(solid: EllipsoidAim) -> Vec3:
        return solid.turned(solid.pull)

    @staticmethod
    def option(solid: Solid, i, n: Vec3, start) -> tuple:
        return let(CURVE), let(0)

    @staticmethod
    def line(solid: Solid, k) -> Vec3:
        return solid.r.column(2)

    @staticmethod
    def grasp(solid: Solid, kind, k, n: Vec3, t1: Vec3, t2: Vec3, x: Vec3) -> tuple:
        aim = EllipsoidAim(solid, n)
        q = times(aim.size, aim.unit)
        x.assign(solid.to_world(q))
        l1, l2 = solid.turned_back(t1), solid.turned_back(t2)
        s1, s2, q1, q2 = times(aim.size, l1), times(aim.size, l2), q.dot(l1), q.dot(l2)
        return (
            let((s1.dot(s1) - q1 * q1) * aim.inverse),
            let((s1.dot(s2) - q1 * q2) * aim.inverse),
            let((s2.dot(s2) - q2 * q2) * aim.inverse),
        )

    @staticmethod
    def add_grasp(solid: Solid, bar: SolidBar, kind, k, n: Vec3, x_bar: Vec3) -> None:
        size_bar, _ = EllipsoidAim(solid, n).growth(solid.turned_back(x_bar))
        bar.add_size(size_bar)
