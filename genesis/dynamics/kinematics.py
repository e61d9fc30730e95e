"""Kinematics: poses, motion axes, velocities and accelerations of all links, from the root outwards.

All spatial quantities are in world axes about the reference point of their kinematic tree, which is the origin of the tree's root link:
precise far from the world's origin, and no transform between links. Gravity is an upward acceleration of the world.
Source: Featherstone (2008), table 5.1, in world coordinates. Derivation of the adjoint: docs/adjoints/dynamics.md
"""

import taichi as ti

from genesis.joints import JOINTS, TURNS
from genesis.joints.pose import Pose
from genesis.math.lanes import Cells, constant, let, negative
from genesis.math.rotation import Mat3, Quat, Vec3
from genesis.math.spatial import Inertia, Spatial, force_at

AXIS_COUNTS = sorted({joint.KIND.nv for joint in JOINTS})


def copy_vec(v: Vec3) -> Vec3:
    return Vec3.of(*v.parts())


def copy_spatial(x: Spatial) -> Spatial:
    return Spatial(copy_vec(x.a), copy_vec(x.l))


def world_pose(m, s) -> None:
    """Slot 0: identity pose."""
    n = m.lanes
    one, zero = constant(1.0, n), constant(0.0, n)
    Pose(Vec3.zero(n), Quat(one, zero, zero, zero), Mat3(one, zero, zero, zero, one, zero, zero, zero, one), Vec3.zero(n)).store(
        s.row("pose", 0)
    )


def world_motion(m, s) -> None:
    """Slot 0: at rest, accelerating against gravity."""
    n = m.lanes
    Spatial.zero(n).store(s.row("velocity", 0))
    g = Vec3.load(m.cells("gravity"))
    Spatial(Vec3.zero(n), Vec3(*(let(negative(c)) for c in g.parts()))).store(s.row("acceleration", 0))


def described_pose(m, s, l) -> Pose:  # noqa: E741
    """Pose of the link with all its joints at zero displacement; the matrix follows the quaternion when the joints are done."""
    parent = Pose.load(s.row("pose", m.link_parent(l)))
    p = parent.p + parent.r @ Vec3.load(m.cells("link_pos", l))
    q = parent.q * Quat.load(m.cells("link_quat", l))
    n = m.lanes
    return Pose(p, q, Mat3(*(constant(0.0, n) for _ in range(9))), parent.origin)


def anchor_offset(m, j, rotation: Mat3) -> Vec3:
    """From the link origin to the anchor of joint j, world axes."""
    return rotation @ Vec3.load(m.cells("jnt_pos", j))


@ti.func
def turn_joints(m: ti.template(), s: ti.template()):
    """The turns of all joints, before the sweep: these chains of dependent operations are long, and here those of different joints overlap.

    Reads: q      Writes: turn
    """
    for j in range(m.size("njnt")):
        kind = m.jnt_type(j)
        for n in ti.static(range(len(TURNS))):
            if TURNS[n].has(kind):
                TURNS[n].joint.turn(m, s, j)


@ti.func
def place_link(m: ti.template(), s: ti.template(), l: ti.i32, pose: ti.template()):
    """Pose of link l after its joints, whose turns are known, from the described one, and its motion axes."""
    first = m.link_jntadr(l)
    count = m.link_jntnum(l)
    if count == 0:
        pose.r.assign(pose.q.matrix())
    for j in range(first, first + count):
        anchor = copy_vec(pose.p)
        moved = m.jnt_moved(j)
        if moved != 0:
            anchor.assign(pose.p + anchor_offset(m, j, pose.q.matrix()))
        kind = m.jnt_type(j)
        for code in ti.static(range(len(JOINTS))):
            if kind == code:
                JOINTS[code].place(m, s, j, pose, anchor)
                if moved != 0 and ti.static(JOINTS[code].KIND.turns):
                    pose.p.assign(anchor - anchor_offset(m, j, pose.r))
    if m.link_root(l) != 0:
        pose.origin.assign(pose.p)
    pose.store(s.row("pose", l + 1))
    for j in range(first, first + count):
        kind = m.jnt_type(j)
        for code in ti.static(range(len(JOINTS))):
            if kind == code:
                store_axes(m, s, j, JOINTS[code], pose.origin)


def store_axes(m, s, j, joint, origin: Vec3) -> None:
    """Motion axes of joint j into their cells, where `place` left what they are made of."""
    for k in range(joint.KIND.nv):
        cells = s.row("axis", m.jnt_axisadr(j) + k)
        joint.axis(m, j, cells, origin).store(cells)


@ti.func
def axis_count(m: ti.template(), j: ti.i32):
    """Number of motion axes of joint j. What is linear in them loops in the kernel or is traced once a count, not once a type."""
    count = JOINTS[0].KIND.nv
    kind = m.jnt_type(j)
    for code in ti.static(range(len(JOINTS))):
        if ti.static(JOINTS[code].KIND.nv != JOINTS[0].KIND.nv):
            if kind == code:
                count = JOINTS[code].KIND.nv
    return count


def load_halves(m, cells) -> Spatial:
    """A spatial vector of which LLVM cannot tell that its halves lie side by side.

    It would fill 256 or 512 bits with them and with the sums they go into; in the kernels of a single environment, which have nothing else of
    that width, the processor then wakes the upper halves of its registers at every launch: 70 to 150 µs, as much as 50 time steps of an arm.
    """
    if m.lanes > 1:
        return Spatial.load(cells)
    return Spatial(Vec3.load(cells), Vec3.load(Cells(cells.array, m.opaque(cells.offset + 3))))


def add_rate(m, s, x, name: str, total: Spatial) -> None:
    """total += S_x ``name``_x for motion axis x."""
    total.assign(total + load_halves(m, s.row("axis", x)) * s.get(name, m.axis_dof(x)))


def cross_joint(velocity: Spatial, acceleration: Spatial, rate: Spatial, growth: Spatial) -> None:
    """V and A across a joint: A += S a + V x vJ, V += vJ.

    The axes are carried by the link before the joint, or by the one after; V x vJ is the same for both.
    """
    acceleration.assign(acceleration + velocity.cross(rate) + growth)
    velocity.assign(velocity + rate)


def of_parent(m, s, l, name: str) -> Spatial:  # noqa: E741
    """The motion ``name`` of the link before link l."""
    return copy_spatial(Spatial.load(s.row(name, m.link_parent(l))))


@ti.func
def move_link(
    m: ti.template(), s: ti.template(), l: ti.i32, accelerate: ti.template(), velocity: ti.template(), acceleration: ti.template()
):
    """Spatial velocity and acceleration (at a = 0 if not ``accelerate``) of link l, from those of its parent.

    Values that the next stage needs go from hand to hand here: LLVM cannot tell that what was stored is what is loaded, since the address
    of the scratch is read again after every store.
    """
    first = m.link_jntadr(l)
    for j in range(first, first + m.link_jntnum(l)):
        begin = m.jnt_axisadr(j)
        rate = Spatial.zero(m.lanes)
        growth = Spatial.zero(m.lanes)
        end = begin + axis_count(m, j)
        for x in range(begin, end):
            add_rate(m, s, x, "v", rate)
        if ti.static(accelerate):
            for x in range(begin, end):
                add_rate(m, s, x, "a", growth)
        cross_joint(velocity, acceleration, rate, growth)
    velocity.store(s.row("velocity", l + 1))
    acceleration.store(s.row("acceleration", l + 1))


def link_inertia(m, s, l, pose: Pose) -> Inertia:  # noqa: E741
    """Inertia of link l about the reference point, world axes."""
    com = pose.p - pose.origin + pose.r @ Vec3.load(m.cells("link_com", l))
    cells = m.cells("link_inertia", l)
    return Inertia.of(m.get("link_mass", l), com, pose.r, tuple(cells.get(k) for k in range(6)))


def net_force(inertia: Inertia, velocity: Spatial, acceleration: Spatial) -> Spatial:
    """Newton and Euler: I A + V x* (I V)."""
    return inertia @ acceleration + velocity.cross_force(inertia @ velocity)


def external_force(s, l, pose: Pose) -> Spatial:  # noqa: E741
    """The wrench that the user puts on link l, about the reference point."""
    cells = s.row("wrench", l)
    f = force_at(pose.p - pose.origin, Vec3.load(cells, 0))
    return Spatial(f.a + Vec3.load(cells, 3), f.l)


def store_inertia(s, l, inertia: Inertia, alone: bool) -> None:  # noqa: E741
    """Inertia of link l; ``alone``: also where subtrees are not summed over it."""
    inertia.store(s.row("inertia", l + 1))
    if alone:
        inertia.store(s.row("link_inertia", l + 1))


@ti.func
def store_force(
    s: ti.template(), l: ti.i32, inertia: ti.template(), velocity: ti.template(), acceleration: ti.template(), wrenched: ti.i32
):
    """Net force on link l, without the wrench that the user puts on it."""
    force = net_force(inertia, velocity, acceleration)
    force.store(s.row("force", l + 1))
    if wrenched != 0:
        (force - external_force(s, l, Pose.load(s.row("pose", l + 1)))).store(s.row("force", l + 1))


@ti.func
def kinematics(m: ti.template(), s: ti.template(), accelerate: ti.template(), wrenched: ti.i32):
    """Everything that goes from the root outwards: pose, velocity, acceleration, inertia and net force of every link.

    Reads: q, v, a (if accelerate; else the acceleration is the one at a = 0), wrench
    Writes: turn, pose, axis, velocity, acceleration, inertia, force, link_inertia (if accelerate)
    Adjoint: `move_links_and_w`, `gather_bars`
    """
    turn_joints(m, s)
    world_pose(m, s)
    world_motion(m, s)
    for l in range(m.size("nlink")):
        pose = described_pose(m, s, l)
        place_link(m, s, l, pose)
        velocity = of_parent(m, s, l, "velocity")
        acceleration = of_parent(m, s, l, "acceleration")
        move_link(m, s, l, accelerate, velocity, acceleration)
        inertia = link_inertia(m, s, l, pose)
        store_inertia(s, l, inertia, ti.static(accelerate))
        store_force(s, l, inertia, velocity, acceleration, wrenched)


@ti.func
def place_links(m: ti.template(), s: ti.template()):
    """The part of `kinematics` that the acceleration does not change.

    Reads: q      Writes: turn, pose, axis, inertia, link_inertia
    """
    turn_joints(m, s)
    world_pose(m, s)
    for l in range(m.size("nlink")):
        pose = described_pose(m, s, l)
        place_link(m, s, l, pose)
        store_inertia(s, l, link_inertia(m, s, l, pose), True)


@ti.func
def move_links(m: ti.template(), s: ti.template(), wrenched: ti.i32):
    """The other part, at the acceleration a.

    Reads: v, a, axis, link_inertia, wrench, pose (if there is a wrench)      Writes: velocity, acceleration, force
    """
    world_motion(m, s)
    for l in range(m.size("nlink")):
        velocity = of_parent(m, s, l, "velocity")
        acceleration = of_parent(m, s, l, "acceleration")
        move_link(m, s, l, True, velocity, acceleration)
        store_force(s, l, Inertia.load(s.row("link_inertia", l + 1)), velocity, acceleration, wrenched)
