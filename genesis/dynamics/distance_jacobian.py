"""Kernel: how distances of pairs of links move with the configuration, at many states in one launch.

    δd = n · (δw_b − δw_a)

w_a, w_b: the nearest points, fixed in their links; n: the unit normal from a to b. It is the work of a force n at w_b and −n at w_a, on every
motion axis between the link and the world; axes that both links hang on cancel. touching: w_a, w_b, n of each pair, world frame.
"""

import taichi as ti

from genesis.dynamics.arrays import read_vector, write_coordinate_bar
from genesis.dynamics.kinematics import described_pose, place_link, turn_joints, world_pose
from genesis.dynamics.signature import INTEGERS, LAYOUT, MODEL, TIMED, Array, Kernel, Signature, integers
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import Robot, Scratch
from genesis.joints.pose import Pose
from genesis.math.lanes import Block, load
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial, force_at

TOUCHING = 9  # numbers of a pair
DISTANCE_JACOBIAN = Signature(
    "distance_jacobian",
    (
        *MODEL,
        Array("q", TIMED, "S, B, nq", "launch"),
        Array("links", INTEGERS, "(pairs, 2), -1: the world", "caller"),
        Array("touching", TIMED, "S, B, pairs TOUCHING", "caller"),
        Array("rows", TIMED, "S pairs, B, nq", "launch"),
    ),
    (*integers(samples="S", pairs=""), *LAYOUT),
)


def vector(block: Block, array, t, k) -> Vec3:
    return Vec3(*(block.gather(array, t, k + i) for i in range(3)))


@ti.func
def push(m: ti.template(), s: ti.template(), link: ti.i32, point: ti.template(), force: ti.template()):
    """q_bar += work of a force at a point of a link, of every motion axis that moves the link."""
    slot = link + 1
    if slot > 0:
        pull = force_at(point - Pose.load(s.row("pose", slot)).origin, force)  # of one tree: one reference point
        while slot > 0:
            l = slot - 1  # noqa: E741
            if m.link_jntnum(l) > 0:
                for x in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                    s.add("q_bar", Spatial.load(s.row("axis", x)).dot(pull), m.axis_dof(x))
            slot = m.link_parent(l)


@ti.func
def place_all(m: ti.template(), s: ti.template()):
    """Poses and motion axes. Reads: q"""
    turn_joints(m, s)
    world_pose(m, s)
    for l in range(m.size("nlink")):
        place_link(m, s, l, described_pose(m, s, l))


def make_distance_jacobian(real, lanes: int, serial: bool) -> tuple[Kernel]:
    """The kernel of `DISTANCE_JACOBIAN`."""

    @DISTANCE_JACOBIAN.kernel(real, lanes)
    def distance_jacobian(
        integers, parameters, scratch, q, links, touching, rows,
        samples, pairs, batch, blocks, scratch_stride, parameter_stride,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = Scratch(m, scratch, e * scratch_stride)
            block = Block(e, batch, lanes)
            for t in range(samples):
                read_vector(m, s, block, "nq", "q", q, t)
                place_all(m, s)
                for p in range(pairs):
                    clear(m, s, "q_bar")
                    n = vector(block, touching, t, p * TOUCHING + 6)
                    push(m, s, load(links, 2 * p), vector(block, touching, t, p * TOUCHING), n * -1.0)
                    push(m, s, load(links, 2 * p + 1), vector(block, touching, t, p * TOUCHING + 3), n)
                    write_coordinate_bar(m, s, block, rows, t * pairs + p)

    return (distance_jacobian,)
