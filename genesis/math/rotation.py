"""3-vectors, unit quaternions (wxyz) and rotation matrices over lane scalars, at trace time.

Every component of a result is evaluated once (`let`), so expressions may be nested freely.
Source: Diebel, Representing Attitude (2006); Sola, Deray, Atchuthan, A micro Lie theory (2018), §4.
"""

from genesis.math.lanes import Cells, assign, constant, lanewise, let, maximum, sincos, sqrt, where

TINY = 1e-30  # keeps x / |x| finite at x = 0 in both precisions


class Vec3:
    """(x, y, z)."""

    _data_oriented = True

    def __init__(self, x, y, z) -> None:
        self.x, self.y, self.z = x, y, z

    @staticmethod
    def of(x, y, z) -> "Vec3":
        return Vec3(let(x), let(y), let(z))

    @staticmethod
    def zero(width: int) -> "Vec3":
        return Vec3(constant(0.0, width), constant(0.0, width), constant(0.0, width))

    @staticmethod
    def load(cells: Cells, k=0) -> "Vec3":
        return Vec3(cells.get(k), cells.get(k + 1), cells.get(k + 2))

    def store(self, cells: Cells, k=0) -> None:
        for i, c in enumerate(self.parts()):
            cells.set(c, k + i)

    def add_to(self, cells: Cells, k=0) -> None:
        for i, c in enumerate(self.parts()):
            cells.add(c, k + i)

    def parts(self):
        return self.x, self.y, self.z

    def assign(self, other: "Vec3") -> None:
        for mine, theirs in zip(self.parts(), other.parts(), strict=True):
            assign(mine, theirs)

    def __add__(self, o: "Vec3") -> "Vec3":
        return Vec3.of(self.x + o.x, self.y + o.y, self.z + o.z)

    def __sub__(self, o: "Vec3") -> "Vec3":
        return Vec3.of(self.x - o.x, self.y - o.y, self.z - o.z)

    def __mul__(self, s) -> "Vec3":
        return Vec3.of(self.x * s, self.y * s, self.z * s)

    __rmul__ = __mul__

    def dot(self, o: "Vec3"):
        return let(self.x * o.x + self.y * o.y + self.z * o.z)

    def cross(self, o: "Vec3") -> "Vec3":
        return Vec3.of(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)


class Quat:
    """w + xi + yj + zk."""

    _data_oriented = True

    def __init__(self, w, x, y, z) -> None:
        self.w, self.x, self.y, self.z = w, x, y, z

    @staticmethod
    def of(w, x, y, z) -> "Quat":
        return Quat(let(w), let(x), let(y), let(z))

    @staticmethod
    def load(cells: Cells, k=0) -> "Quat":
        return Quat(cells.get(k), cells.get(k + 1), cells.get(k + 2), cells.get(k + 3))

    def store(self, cells: Cells, k=0) -> None:
        for i, c in enumerate(self.parts()):
            cells.set(c, k + i)

    def parts(self):
        return self.w, self.x, self.y, self.z

    def vec(self) -> Vec3:
        return Vec3(self.x, self.y, self.z)

    def assign(self, other: "Quat") -> None:
        for mine, theirs in zip(self.parts(), other.parts(), strict=True):
            assign(mine, theirs)

    def __mul__(self, o: "Quat") -> "Quat":
        return Quat.of(
            self.w * o.w - self.x * o.x - self.y * o.y - self.z * o.z,
            self.w * o.x + self.x * o.w + self.y * o.z - self.z * o.y,
            self.w * o.y - self.x * o.z + self.y * o.w + self.z * o.x,
            self.w * o.z + self.x * o.y - self.y * o.x + self.z * o.w,
        )

    def conjugate(self) -> "Quat":
        return Quat.of(self.w, 0.0 - self.x, 0.0 - self.y, 0.0 - self.z)

    def scaled(self, s) -> "Quat":
        return Quat.of(self.w * s, self.x * s, self.y * s, self.z * s)

    def norm(self):
        return sqrt(self.w * self.w + self.x * self.x + self.y * self.y + self.z * self.z)

    def normalized(self) -> "Quat":
        """Of unit length; zero stands for no rotation, as in MuJoCo."""
        norm = self.norm()
        unit = self.scaled(let(1.0 / maximum(norm, TINY)))
        return Quat(where(norm < TINY, 1.0 + 0.0 * norm, unit.w), unit.x, unit.y, unit.z)

    def matrix(self) -> "Mat3":
        """Rotation matrix of a unit quaternion."""
        x2, y2, z2 = let(self.x + self.x), let(self.y + self.y), let(self.z + self.z)
        xx, yy, zz = let(self.x * x2), let(self.y * y2), let(self.z * z2)
        xy, xz, yz = let(self.x * y2), let(self.x * z2), let(self.y * z2)
        wx, wy, wz = let(self.w * x2), let(self.w * y2), let(self.w * z2)
        return Mat3.of(
            1.0 - yy - zz, xy - wz, xz + wy,
            xy + wz, 1.0 - xx - zz, yz - wx,
            xz - wy, yz + wx, 1.0 - xx - yy,
        )  # fmt: skip


class Mat3:
    """3x3 matrix, rows first."""

    _data_oriented = True

    def __init__(self, *m) -> None:
        self.m = m

    @staticmethod
    def of(*m) -> "Mat3":
        return Mat3(*(let(c) for c in m))

    @staticmethod
    def load(cells: Cells, k=0) -> "Mat3":
        return Mat3(*(cells.get(k + i) for i in range(9)))

    def store(self, cells: Cells, k=0) -> None:
        for i, c in enumerate(self.m):
            cells.set(c, k + i)

    def assign(self, other: "Mat3") -> None:
        for mine, theirs in zip(self.m, other.m, strict=True):
            assign(mine, theirs)

    def __matmul__(self, v: Vec3) -> Vec3:
        m = self.m
        return Vec3.of(*(m[3 * i] * v.x + m[3 * i + 1] * v.y + m[3 * i + 2] * v.z for i in range(3)))

    def apply(self, v: Vec3) -> Vec3:
        """`@` by name: inside a Taichi function that operator is taken."""
        return self @ v

    def transpose_apply(self, v: Vec3) -> Vec3:
        """R^T v."""
        m = self.m
        return Vec3.of(*(m[i] * v.x + m[3 + i] * v.y + m[6 + i] * v.z for i in range(3)))

    def column(self, i: int) -> Vec3:
        return Vec3(self.m[i], self.m[3 + i], self.m[6 + i])


def axis_angle(axis: Vec3, angle) -> Quat:
    """Rotation by ``angle`` about the unit ``axis``."""
    s, c = sincos(0.5 * angle)
    return Quat(c, *(axis * s).parts())


def exp(phi: Vec3) -> Quat:
    """Unit quaternion of the rotation vector phi; exact at phi = 0."""
    half = let(0.5 * sqrt(phi.dot(phi) + TINY))
    s, c = sincos(half)
    return Quat(c, *(phi * let(0.5 * s / half)).parts())


def log(q: Quat, width: int) -> Vec3:
    """Rotation vector of a unit quaternion, |phi| <= pi."""
    from taichi import atan2

    sign = where(q.w < 0.0, constant(-1.0, width), constant(1.0, width))
    v = q.vec() * sign
    sine = sqrt(v.dot(v) + TINY)
    angle = lanewise(lambda s, c: 2.0 * atan2(s, c), width, sine, let(q.w * sign))
    return v * let(angle / sine)


def right_jacobian_transpose_apply(phi: Vec3, x: Vec3) -> Vec3:
    """J_r(phi)^T x with d exp(phi) = exp(phi) * J_r(phi) dphi, J_r = 1 - b [phi] + c [phi]^2.

    Its transpose flips the sign of the odd term. Source: Sola et al. (2018), eq. 143.
    """
    square = let(phi.dot(phi) + TINY)
    angle = sqrt(square)
    half_sine, _ = sincos(0.5 * angle)
    sine, _ = sincos(angle)
    b = let(2.0 * half_sine * half_sine / square)
    c = where(square < 1e-4, 1.0 / 6.0 - square * (1.0 / 120.0 - square / 5040.0), (angle - sine) / (square * angle))
    once = phi.cross(x)
    return x + once * b + phi.cross(once) * c


def _inverse_curvature(phi: Vec3) -> tuple:
    """(d, dd/d|phi|^2) of J_r^-1 = 1 + [phi]/2 + d [phi]^2; near zero by the Bernoulli series."""
    square = let(phi.dot(phi) + TINY)
    angle = sqrt(square)
    half_sine, half_cosine = sincos(0.5 * angle)
    inverse = let(1.0 / half_sine)
    ratio = let(0.5 * angle * half_cosine * inverse)
    near = square < 1e-2
    series = 1.0 / 12.0 + square * (1.0 / 720.0 + square * (1.0 / 30240.0 + square * (1.0 / 1209600.0 + square / 47900160.0)))
    slope = 1.0 / 720.0 + square * (1.0 / 15120.0 + square * (1.0 / 403200.0 + square / 11975040.0))
    far_slope = (0.125 * square * inverse * inverse + 0.5 * ratio - 1.0) / (square * square)
    return where(near, series, (1.0 - ratio) / square), where(near, slope, far_slope)


def right_jacobian_inverse_apply(phi: Vec3, x: Vec3) -> Vec3:
    """J_r(phi)^-1 x, J_r^-1 = 1 + [phi]/2 + d [phi]^2. Source: Sola et al. (2018), eq. 144."""
    d, _ = _inverse_curvature(phi)
    once = phi.cross(x)
    return x + once * 0.5 + phi.cross(once) * d


def right_jacobian_inverse_transpose_apply(phi: Vec3, x: Vec3) -> Vec3:
    """J_r(phi)^-T x."""
    d, _ = _inverse_curvature(phi)
    once = phi.cross(x)
    return x - once * 0.5 + phi.cross(once) * d


def right_jacobian_inverse_adjoint(phi: Vec3, x: Vec3, bar: Vec3) -> tuple[Vec3, Vec3]:
    """(phi_bar, x_bar) of y = J_r(phi)^-1 x: gradient of bar . y."""
    d, slope = _inverse_curvature(phi)
    twice = phi.cross(phi.cross(x))
    phi_bar = x.cross(bar) * 0.5 + (bar * phi.dot(x) + x * phi.dot(bar) - phi * let(2.0 * bar.dot(x))) * d
    phi_bar = phi_bar + phi * let(2.0 * slope * bar.dot(twice))
    return phi_bar, right_jacobian_inverse_transpose_apply(phi, bar)
