"""The reverse sweep: gradient of w . g(q, v, a) with w and a held fixed, without differentiating a matrix.

E = sum over links of W . (I A + V x* I V) with W the motion of the link under w. E does not change when everything is moved rigidly, so
turning a subtree by S dq equals turning back what it inherits: its base motion (V_b, A_b, W_b) before the joint. With the adjoints of these,
V^, A^, F^ (the latter is the subtree's force), each joint has

    d E / d q = - S . (V_b x* V^ + A_b x* A^ + W_b x* F^),      d E / d v = S . (V^ - V_b x* A^).

Derivation: docs/adjoints/dynamics.md
"""

import taichi as ti

from genesis.dynamics.kinematics import (
    AXIS_COUNTS,
    add_rate,
    axis_count,
    copy_spatial,
    described_pose,
    external_force,
    move_link,
    of_parent,
    store_force,
    world_motion,
)
from genesis.joints.pose import Pose
from genesis.math.rotation import Quat, Vec3
from genesis.math.spatial import Inertia, Spatial, force_at


def link_bars(s, l, inertia: Inertia, velocity: Spatial, motion_w: Spatial) -> None:  # noqa: E741
    """Adjoints of A and V from the link itself: A^ = I W, V^ = - W x* I V - I (V x W)."""
    (inertia @ motion_w).store(s.row("acceleration_bar", l + 1))
    (inertia @ motion_w.cross(velocity) - motion_w.cross_force(inertia @ velocity)).store(s.row("velocity_bar", l + 1))


def wrench_bars(s, l, motion_w: Spatial, pose: Pose) -> None:  # noqa: E741
    """Adjoint of the external wrench on link l, and what it adds to the placement: the wrench keeps its direction in the world."""
    r = pose.p - pose.origin
    cells, force = s.row("wrench_bar", l), Vec3.load(s.row("wrench", l), 0)
    motion_w.at(r).add_to(cells, 0)
    motion_w.a.add_to(cells, 3)
    turning = motion_w.cross_force(external_force(s, l, pose))
    (turning + force_at(r, force.cross(motion_w.a))).store(s.row("placement_bar", l + 1))


def bilinear_inertia_adjoint(m, bar, l, pose: Pose, x: Spatial, y: Spatial, sign: float) -> None:  # noqa: E741
    """Parameters' share of sign * x . I y, where I is linear in mass and inertia and quadratic in the centre of mass."""
    com = Vec3.load(m.cells("link_com", l))
    d = pose.p - pose.origin + pose.r @ com
    xc, yc, mass = x.at(d), y.at(d), m.get("link_mass", l)
    xl, yl = pose.r.transpose_apply(x.a), pose.r.transpose_apply(y.a)
    bar.add("link_mass", sign * xc.dot(yc), l)
    moment = pose.r.transpose_apply(yc.cross(x.a) + xc.cross(y.a))
    for k, c in enumerate(moment.parts()):
        bar.add("link_com", sign * mass * c, l, k)
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    for n, (i, k) in enumerate(pairs):
        a, b = xl.parts(), yl.parts()
        bar.add("link_inertia", sign * (a[i] * b[k] if i == k else a[i] * b[k] + a[k] * b[i]), l, n)


def inertia_adjoint(m, s, bar, l, pose: Pose, motion_w: Spatial) -> None:  # noqa: E741
    """- d E / d (mass, centre of mass, inertia): E_l = W . I A - (V x W) . I V."""
    velocity, acceleration = Spatial.load(s.row("velocity", l + 1)), Spatial.load(s.row("acceleration", l + 1))
    bilinear_inertia_adjoint(m, bar, l, pose, motion_w, acceleration, -1.0)
    bilinear_inertia_adjoint(m, bar, l, pose, velocity.cross(motion_w), velocity, 1.0)


def placement_adjoint(m, s, bar, l, moved: Spatial) -> None:  # noqa: E741
    """Adjoints of link_pos and link_quat from the force-like adjoint ``moved`` of a rigid displacement of the subtree."""
    parent = Pose.load(s.row("pose", m.link_parent(l)))
    described = described_pose(m, s, l)
    for k, c in enumerate(parent.r.transpose_apply(moved.l).parts()):
        bar.add("link_pos", c, l, k)
    origin = Vec3.load(s.row("pose", l + 1), 16)
    torque = moved.a - (described.p - origin).cross(moved.l)
    local = Quat.load(m.cells("link_quat", l))
    tangent = described.q.matrix().transpose_apply(torque)
    for k, c in enumerate((local * Quat(0.0 * tangent.x, *tangent.parts())).parts()):
        bar.add("link_quat", 2.0 * c, l, k)


def clear_world(m, s) -> None:
    """Slot 0 of what the sweep sums up."""
    zero = Spatial.zero(m.lanes)
    for name in ("motion_w", "acceleration_bar", "velocity_bar", "placement_bar", "force"):
        zero.store(s.row(name, 0))


@ti.func
def link_motion_w(
    m: ti.template(), s: ti.template(), bar: ti.template(), l: ti.i32,
    inertia: ti.template(), velocity: ti.template(), wrenched: ti.i32, want: ti.template(),
):  # fmt: skip
    """W of link l and the link's own adjoints."""
    motion_w = of_parent(m, s, l, "motion_w")
    first = m.link_jntadr(l)
    for j in range(first, first + m.link_jntnum(l)):
        begin = m.jnt_axisadr(j)
        for x in range(begin, begin + axis_count(m, j)):
            add_rate(m, s, x, "w", motion_w)
    motion_w.store(s.row("motion_w", l + 1))
    link_bars(s, l, inertia, velocity, motion_w)
    Spatial.zero(m.lanes).store(s.row("placement_bar", l + 1))
    if wrenched != 0:
        wrench_bars(s, l, motion_w, Pose.load(s.row("pose", l + 1)))
    if ti.static(want):
        inertia_adjoint(m, s, bar, l, Pose.load(s.row("pose", l + 1)), motion_w)


@ti.func
def find_motion_w(m: ti.template(), s: ti.template(), bar: ti.template(), wrenched: ti.i32, want: ti.template()):
    """From the root outwards: W of every link and the link's own adjoints.

    Reads: w, axis, velocity, acceleration, link_inertia, pose, wrench
    Writes: motion_w, acceleration_bar, velocity_bar, placement_bar, force (of the world, cleared)      Adds to: wrench_bar, parameters
    """
    clear_world(m, s)
    for l in range(m.size("nlink")):
        inertia = Inertia.load(s.row("link_inertia", l + 1))
        link_motion_w(m, s, bar, l, inertia, Spatial.load(s.row("velocity", l + 1)), wrenched, want)


@ti.func
def move_links_and_w(m: ti.template(), s: ti.template(), bar: ti.template(), wrenched: ti.i32, want: ti.template()):
    """`move_links` and `find_motion_w` in one pass, where w does not depend on the motions.

    Reads: w, v, a, axis, link_inertia, pose, wrench
    Writes: velocity, acceleration, force, motion_w, acceleration_bar, velocity_bar, placement_bar      Adds to: wrench_bar, parameters
    """
    world_motion(m, s)
    clear_world(m, s)
    for l in range(m.size("nlink")):
        velocity = of_parent(m, s, l, "velocity")
        acceleration = of_parent(m, s, l, "acceleration")
        move_link(m, s, l, True, velocity, acceleration)
        inertia = Inertia.load(s.row("link_inertia", l + 1))
        store_force(s, l, inertia, velocity, acceleration, wrenched)
        link_motion_w(m, s, bar, l, inertia, velocity, wrenched, want)


class Base:
    """Motion that a joint inherits (V_b, A_b, W_b) and the adjoints that pass through it, while joints are undone one by one."""

    _data_oriented = True
    SUMMED = False

    def __init__(self, s, l) -> None:  # noqa: E741
        names = ("velocity", "acceleration", "motion_w", "velocity_bar", "acceleration_bar", "force", "placement_bar")
        self.v, self.a, self.w, self.v_bar, self.a_bar, self.f, self.z = (
            copy_spatial(Spatial.load(s.row(name, l + 1))) for name in names
        )

    def undo(self, m, s, j, count: int) -> None:
        """Through joint j, of ``count`` axes, towards the root; adds its q_bar and v_bar."""
        first, dof = m.jnt_axisadr(j), m.jnt_dof(j)
        axes = [Spatial.load(s.row("axis", first + k)) for k in range(count)]

        def rate(name):
            terms = [x * s.get(name, dof + k) for k, x in enumerate(axes)]
            return terms[0] if len(terms) == 1 else terms[0] + terms[1] + terms[2]

        v, w, a = rate("v"), rate("w"), rate("a")
        self.v.assign(self.v - v)
        self.w.assign(self.w - w)
        self.a.assign(self.a - a - self.v.cross(v))
        rate_bar = self.v_bar - self.v.cross_force(self.a_bar)
        self.v_bar.assign(self.v_bar + v.cross_force(self.a_bar))
        turned = self.displaced()
        for k, x in enumerate(axes):
            s.add("v_bar", 0.0 - x.dot(rate_bar), dof + k)
            s.add("q_bar", x.dot(turned), dof + k)

    def displaced(self) -> Spatial:
        """Force-like adjoint of a rigid displacement of everything beyond this point: - d E / d xi."""
        inherited = self.v.cross_force(self.v_bar) + self.a.cross_force(self.a_bar) + self.w.cross_force(self.f)
        return inherited + self.z

    def hand_down(self, s, parent) -> None:
        self.v_bar.add_to(s.row("velocity_bar", parent))
        self.a_bar.add_to(s.row("acceleration_bar", parent))
        self.z.add_to(s.row("placement_bar", parent))
        if not self.SUMMED:
            self.f.add_to(s.row("force", parent))


class SummedBase(Base):
    """The same where the forces have been summed over the subtrees before (`composite`, `sum_forces`)."""

    SUMMED = True


@ti.func
def sum_forces(m: ti.template(), s: ti.template()):
    """From the leaves inwards: forces are summed over the subtrees.

    Overwrites: force
    """
    for r in range(m.size("nlink")):
        l = m.size("nlink") - 1 - r
        if m.link_parent(l) > 0:
            Spatial.load(s.row("force", l + 1)).add_to(s.row("force", m.link_parent(l)))


@ti.func
def undo_links(m: ti.template(), s: ti.template(), bar: ti.template(), want: ti.template(), carrier: ti.template()):
    """From the leaves inwards: undo the joints of every link with a ``carrier`` (`Base`, or another with its methods), add the
    adjoints of link placement where wanted, and hand what is left to the parent."""
    for r in range(m.size("nlink")):
        l = m.size("nlink") - 1 - r
        carried = carrier(s, l)
        first = m.link_jntadr(l)
        count = m.link_jntnum(l)
        for t in range(count):
            j = first + count - 1 - t
            axes = axis_count(m, j)
            for n in ti.static(AXIS_COUNTS):
                if axes == n:
                    carried.undo(m, s, j, n)
        if ti.static(want):
            placement_adjoint(m, s, bar, l, carried.displaced())
        carried.hand_down(s, m.link_parent(l))


@ti.func
def gather_bars(m: ti.template(), s: ti.template(), bar: ti.template(), want: ti.template(), carrier: ti.template()):
    """Adjoints of joint coordinates and velocities, of link placement and of gravity; sums the forces over the subtrees.

    Reads: axis, pose, v, a, w, velocity, acceleration, motion_w, a_seen (with constraints), motion_a (with constraints), w_seen (in two
    stages), motion_w_seen (in two stages), motion_a_rest (in two stages)
    Overwrites: force, velocity_bar, acceleration_bar, placement_bar, motion_a_bar (with constraints), motion_w_seen_bar (in two stages),
    motion_a_rest_bar (in two stages)      Adds to: q_bar, v_bar, parameters
    """
    undo_links(m, s, bar, want, carrier)
    if ti.static(want):
        total = Spatial.load(s.row("acceleration_bar", 0))
        for k in ti.static(range(3)):
            bar.add("gravity", total.l.parts()[k], 0, k)
