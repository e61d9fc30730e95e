"""Kernels beside the rollout: poses and velocities of links, and inverse dynamics, each with its adjoint.

Arrays hold S samples of B environments, see the tables below. pose: position, quaternion of every link, twist: velocity of the link origin,
angular velocity; world frame.
"""

import taichi as ti

from genesis.dynamics.adjoint_sweep import SummedBase, find_motion_w, gather_bars, undo_links
from genesis.dynamics.arrays import read_vector, write_coordinate_bar, write_vector
from genesis.dynamics.kinematics import (
    copy_spatial,
    described_pose,
    kinematics,
    move_link,
    of_parent,
    place_link,
    turn_joints,
    world_motion,
    world_pose,
)
from genesis.dynamics.mass_matrix import clear_mass_matrix, composite
from genesis.dynamics.signature import LAYOUT, MODEL, PARAMETERS_BAR, TIMED, Array, Kernel, Signature, integers
from genesis.dynamics.vectors import clear
from genesis.dynamics.workspace import ParameterBar, Robot, Scratch
from genesis.joints.pose import Pose
from genesis.math.lanes import Block, constant
from genesis.math.rotation import Quat, Vec3
from genesis.math.spatial import Spatial, force_at

STATE = (Array("q", TIMED, "S, B, nq", "launch"), Array("v", TIMED, "S, B, nv", "launch"))
ACCELERATION = Array("a", TIMED, "S, B, nv", "launch")
LINKS = (Array("pose", TIMED, "S, B, 7 nlink", "launch"), Array("twist", TIMED, "S, B, 6 nlink", "launch"))
FORCE = Array("tau", TIMED, "S, B, nv", "launch")
SAMPLES = (*integers(samples="S"), *LAYOUT)
SAMPLES_ADJOINT = (*SAMPLES, *integers(parameter_bar_stride="parameters_bar of a block"))
LINK_STATES = Signature("link_states", (*MODEL, *STATE, *LINKS), SAMPLES)
LINK_STATES_ADJOINT = Signature(
    "link_states_adjoint",
    (*MODEL, *STATE, *(x.bar("caller") for x in LINKS), *(x.bar("launch") for x in STATE), PARAMETERS_BAR),
    SAMPLES_ADJOINT,
)
INVERSE = Signature("inverse_dynamics", (*MODEL, *STATE, ACCELERATION, FORCE), SAMPLES)
INVERSE_ADJOINT = Signature(
    "inverse_dynamics_adjoint",
    (*MODEL, *STATE, ACCELERATION, FORCE.bar("caller"), *(x.bar("launch") for x in (*STATE, ACCELERATION)), PARAMETERS_BAR),
    SAMPLES_ADJOINT,
)


def write_link(s, block: Block, l, pose_out, twist_out, t) -> None:  # noqa: E741
    pose, velocity = Pose.load(s.row("pose", l + 1)), Spatial.load(s.row("velocity", l + 1))
    for k, c in enumerate((*pose.p.parts(), *pose.q.parts())):
        block.scatter(pose_out, c, t, 7 * l + k)
    for k, c in enumerate((*velocity.at(pose.p - pose.origin).parts(), *velocity.a.parts())):
        block.scatter(twist_out, c, t, 6 * l + k)


def link_output_bars(s, block: Block, l, pose_bar, twist_bar, t) -> None:  # noqa: E741
    """Adjoints of pose and twist as forces: on a rigid displacement of the link (placement_bar) and on its velocity (velocity_bar)."""
    pose, velocity = Pose.load(s.row("pose", l + 1)), Spatial.load(s.row("velocity", l + 1))
    r = pose.p - pose.origin
    p_bar = Vec3(*(block.gather(pose_bar, t, 7 * l + k) for k in range(3)))
    q_bar = Quat(*(block.gather(pose_bar, t, 7 * l + 3 + k) for k in range(4)))
    v_bar = Vec3(*(block.gather(twist_bar, t, 6 * l + k) for k in range(3)))
    w_bar = Vec3(*(block.gather(twist_bar, t, 6 * l + 3 + k) for k in range(3)))
    torque = (q_bar * pose.q.conjugate()).vec() * 0.5  # a turn by d in the world changes q by (0, d/2) q
    pull = force_at(r, p_bar)
    field = force_at(r, v_bar)
    velocity_bar = Spatial(field.a + w_bar, field.l)
    placement = Spatial(pull.a + torque, pull.l) + velocity.cross_force(velocity_bar) + force_at(r, v_bar.cross(velocity.a))
    velocity_bar.store(s.row("velocity_bar", l + 1))
    placement.store(s.row("placement_bar", l + 1))


class Carried:
    """What a joint inherits and the output adjoints that pass through it, while joints are undone towards the root."""

    _data_oriented = True

    def __init__(self, s, l) -> None:  # noqa: E741
        names = ("velocity", "velocity_bar", "placement_bar")
        self.v, self.v_bar, self.z = (copy_spatial(Spatial.load(s.row(name, l + 1))) for name in names)

    def displaced(self) -> Spatial:
        return self.z - self.v.cross_force(self.v_bar)

    def undo(self, m, s, j, count: int) -> None:
        first, dof = m.jnt_axisadr(j), m.jnt_dof(j)
        axes = [Spatial.load(s.row("axis", first + k)) for k in range(count)]
        for k, x in enumerate(axes):
            self.v.assign(self.v - x * s.get("v", dof + k))
        turned = self.displaced()
        for k, x in enumerate(axes):
            s.add("q_bar", x.dot(turned), dof + k)
            s.add("v_bar", x.dot(self.v_bar), dof + k)

    def hand_down(self, s, parent) -> None:
        self.v_bar.add_to(s.row("velocity_bar", parent))
        self.z.add_to(s.row("placement_bar", parent))


@ti.func
def move_all(m: ti.template(), s: ti.template(), block: ti.template(), q: ti.template(), v: ti.template(), t: ti.i32):
    read_vector(m, s, block, "nq", "q", q, t)
    read_vector(m, s, block, "nv", "v", v, t)
    turn_joints(m, s)
    world_pose(m, s)
    world_motion(m, s)
    for l in range(m.size("nlink")):
        place_link(m, s, l, described_pose(m, s, l))
        move_link(m, s, l, False, of_parent(m, s, l, "velocity"), of_parent(m, s, l, "acceleration"))


def make_kinematics(real, lanes: int, serial: bool) -> tuple[Kernel, Kernel, Kernel]:
    """The kernel of `LINK_STATES`, and that of `LINK_STATES_ADJOINT` without and with the parameters' adjoints."""

    @LINK_STATES.kernel(real, lanes)
    def link_states(
        integers, parameters, scratch, q, v, pose, twist,
        samples, batch, blocks, scratch_stride, parameter_stride,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = Scratch(m, scratch, e * scratch_stride)
            block = Block(e, batch, lanes)
            for t in range(samples):
                move_all(m, s, block, q, v, t)
                for l in range(m.size("nlink")):
                    write_link(s, block, l, pose, twist, t)

    def make_adjoint(want: bool):
        @LINK_STATES_ADJOINT.kernel(real, lanes)
        def link_states_adjoint(
            integers, parameters, scratch, q, v, pose_bar, twist_bar, q_bar, v_bar, parameters_bar,
            samples, batch, blocks, scratch_stride, parameter_stride, parameter_bar_stride,
        ):  # fmt: skip
            ti.loop_config(block_dim=1, serialize=serial)
            for e in range(blocks):
                m = Robot(integers, parameters, e * parameter_stride, lanes)
                s = Scratch(m, scratch, e * scratch_stride)
                block = Block(e, batch, lanes)
                bar = ParameterBar(m, parameters_bar, e * parameter_bar_stride)
                zero = Spatial.zero(lanes)
                for t in range(samples):
                    move_all(m, s, block, q, v, t)
                    zero.store(s.row("velocity_bar", 0))
                    zero.store(s.row("placement_bar", 0))
                    clear(m, s, "q_bar")
                    clear(m, s, "v_bar")
                    for l in range(m.size("nlink")):
                        link_output_bars(s, block, l, pose_bar, twist_bar, t)
                    undo_links(m, s, bar, want, Carried)
                    write_coordinate_bar(m, s, block, q_bar, t)
                    write_vector(m, s, block, "nv", "v_bar", v_bar, t)

        return link_states_adjoint

    return link_states, make_adjoint(False), make_adjoint(True)


@ti.func
def inverse(m: ti.template(), s: ti.template()):
    """tau <- -(M a + c) without armature; all motions at the acceleration a. Reads: q, v, a"""
    for i in range(m.size("nv")):
        s.set("tau", constant(0.0, m.lanes), i)
        s.set("active", constant(0.0, m.lanes), i)
    kinematics(m, s, True, 0)
    clear_mass_matrix(m, s, 0.0)
    composite(m, s, True)


@ti.func
def inverse_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), want: ti.template()):
    """Minus the gradient of w . (M a + c), and a_bar = - M w; same sweep as the adjoint of the forward dynamics."""
    find_motion_w(m, s, bar, 0, want)
    gather_bars(m, s, bar, want, SummedBase)
    for l in range(m.size("nlink")):
        inertial = Spatial.load(s.row("acceleration_bar", l + 1))
        if m.link_jntnum(l) > 0:
            for x in range(m.jnt_axisadr(m.link_jntadr(l)), m.link_axisend(l)):
                s.add("a_bar", 0.0 - axis_dot(s, x, inertial), m.axis_dof(x))
    for i in range(m.size("nv")):
        s.add("a_bar", 0.0 - m.get("dof_armature", i) * s.get("w", i), i)
        if ti.static(want):
            bar.add("dof_armature", 0.0 - s.get("a", i) * s.get("w", i), i)


def axis_dot(s, x, force: Spatial):
    return Spatial.load(s.row("axis", x)).dot(force)


def make_inverse(real, lanes: int, serial: bool) -> tuple[Kernel, Kernel, Kernel]:
    """tau = M a + c with armature: the kernel of `INVERSE`, and that of `INVERSE_ADJOINT` without and with the parameters' adjoints."""

    @INVERSE.kernel(real, lanes)
    def inverse_dynamics(
        integers, parameters, scratch, q, v, a, tau,
        samples, batch, blocks, scratch_stride, parameter_stride,
    ):  # fmt: skip
        ti.loop_config(block_dim=1, serialize=serial)
        for e in range(blocks):
            m = Robot(integers, parameters, e * parameter_stride, lanes)
            s = Scratch(m, scratch, e * scratch_stride)
            block = Block(e, batch, lanes)
            for t in range(samples):
                read_vector(m, s, block, "nq", "q", q, t)
                read_vector(m, s, block, "nv", "v", v, t)
                read_vector(m, s, block, "nv", "a", a, t)
                inverse(m, s)
                for i in range(m.size("nv")):
                    s.set("tau", m.get("dof_armature", i) * s.get("a", i) - s.get("tau", i), i)
                write_vector(m, s, block, "nv", "tau", tau, t)

    def make_adjoint(want: bool):
        @INVERSE_ADJOINT.kernel(real, lanes)
        def inverse_dynamics_adjoint(
            integers, parameters, scratch, q, v, a, tau_bar, q_bar, v_bar, a_bar, parameters_bar,
            samples, batch, blocks, scratch_stride, parameter_stride, parameter_bar_stride,
        ):  # fmt: skip
            ti.loop_config(block_dim=1, serialize=serial)
            for e in range(blocks):
                m = Robot(integers, parameters, e * parameter_stride, lanes)
                s = Scratch(m, scratch, e * scratch_stride)
                block = Block(e, batch, lanes)
                bar = ParameterBar(m, parameters_bar, e * parameter_bar_stride)
                for t in range(samples):
                    read_vector(m, s, block, "nq", "q", q, t)
                    read_vector(m, s, block, "nv", "v", v, t)
                    read_vector(m, s, block, "nv", "a", a, t)
                    read_vector(m, s, block, "nv", "w", tau_bar, t)
                    for i in range(m.size("nv")):  # the sweep gives minus the gradient
                        s.set("w", 0.0 - s.get("w", i), i)
                    for name in ti.static(("q_bar", "v_bar", "a_bar")):
                        clear(m, s, name)
                    inverse(m, s)
                    inverse_adjoint(m, s, bar, want)
                    write_coordinate_bar(m, s, block, q_bar, t)
                    write_vector(m, s, block, "nv", "v_bar", v_bar, t)
                    write_vector(m, s, block, "nv", "a_bar", a_bar, t)

        return inverse_dynamics_adjoint

    return inverse_dynamics, make_adjoint(False), make_adjoint(True)
