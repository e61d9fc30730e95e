"""Where everything lies: names, widths and order of the physical parameters, and of the integers that describe a robot's structure.

Kernels receive a model as two flat arrays (integers and parameters). The first integers are the offsets of all the others, so that one
compiled kernel serves every robot.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ParameterKind:
    """One physical parameter: ``count`` names the model size it follows (nlink, njnt, nv, nq, nu, ntrn or one)."""

    name: str
    count: str
    width: int
    unit: str
    meaning: str

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        rows = () if self.count == "one" else (sizes[self.count],)
        return rows + ((self.width,) if self.width > 1 else ())


PARAMETERS: tuple[ParameterKind, ...] = (
    ParameterKind("gravity", "one", 3, "m/s²", "gravity in the world frame"),
    ParameterKind("link_pos", "nlink", 3, "m", "link origin in the parent link's frame"),
    ParameterKind("link_quat", "nlink", 4, "1", "link orientation in the parent link's frame"),
    ParameterKind("link_mass", "nlink", 1, "kg", "mass"),
    ParameterKind("link_com", "nlink", 3, "m", "centre of mass in the link frame"),
    ParameterKind("link_inertia", "nlink", 6, "kg m²", "xx yy zz xy xz yz about the centre of mass, link axes"),
    ParameterKind("jnt_axis", "njnt", 3, "1", "joint axis in the link frame"),
    ParameterKind("jnt_pos", "njnt", 3, "m", "joint anchor in the link frame"),
    ParameterKind("jnt_scale", "njnt", 1, "1", "mimic multiplier: displacement = scale * q + offset"),
    ParameterKind("jnt_offset", "njnt", 1, "rad | m", "displacement at q = 0"),
    ParameterKind("dof_armature", "nv", 1, "kg m² | kg", "rotor inertia seen by the joint"),
    ParameterKind("dof_damping", "nv", 1, "Nms | Ns/m", "viscous joint damping"),
    ParameterKind("dof_stiffness", "nv", 1, "Nm | N/m", "joint spring; of a ball joint the first one counts"),
    ParameterKind("qpos_spring", "nq", 1, "rad | m", "rest position of the joint springs"),
    ParameterKind("dof_kp", "nv", 1, "Nm | N/m", "feedback gain on position"),
    ParameterKind("dof_kv", "nv", 1, "Nms | Ns/m", "feedback gain on velocity"),
    ParameterKind("dof_force_lo", "nv", 1, "Nm | N", "lower bound of the joint force, controller and actuators together"),
    ParameterKind("dof_force_hi", "nv", 1, "Nm | N", "upper bound of the joint force, controller and actuators together"),
    ParameterKind("act_gain", "nu", 1, "-", "actuator force per unit of control"),
    ParameterKind("act_bias0", "nu", 1, "-", "constant actuator force"),
    ParameterKind("act_bias1", "nu", 1, "-", "actuator force per actuator length"),
    ParameterKind("act_bias2", "nu", 1, "-", "actuator force per actuator velocity"),
    ParameterKind("ctrl_lo", "nu", 1, "-", "lower bound of the control"),
    ParameterKind("ctrl_hi", "nu", 1, "-", "upper bound of the control"),
    ParameterKind("force_lo", "nu", 1, "-", "lower bound of the actuator force"),
    ParameterKind("force_hi", "nu", 1, "-", "upper bound of the actuator force"),
    ParameterKind("trn_coef", "ntrn", 1, "-", "joint force per actuator force"),
)
PARAMETER = {kind.name: kind for kind in PARAMETERS}

SIZES = ("nlink", "njnt", "nq", "nv", "nu", "ntrn", "naxis", "nM")

INTEGERS = (  # name, one row per
    ("link_parent", "nlink"),  # slot of the parent: 0 is the world, link l has slot l + 1
    ("link_root", "nlink"),  # 1: the link is the root of a kinematic tree and sets its reference point
    ("link_jntadr", "nlink"),
    ("link_jntnum", "nlink"),
    ("link_axisend", "nlink"),  # one past the last motion axis; the first is that of the first joint
    ("jnt_type", "njnt"),
    ("jnt_qadr", "njnt"),
    ("jnt_dof", "njnt"),  # first degree of freedom
    ("jnt_axisadr", "njnt"),  # first motion axis
    ("jnt_owner", "njnt"),  # 1: owns its coordinate; 0: mimics another joint
    ("jnt_moved", "njnt"),  # 1: anchor away from the link origin
    ("axis_dof", "naxis"),
    ("axis_pairadr", "naxis"),  # first entry in pair_*: this axis with itself and with every axis before it
    ("axis_pairnum", "naxis"),
    ("pair_axis", "npair"),
    ("pair_adr", "npair"),  # entry of the sparse mass matrix
    ("dof_qadr", "nv"),  # coordinate of a hinge or slide, else -1
    ("dof_madr", "nv"),  # diagonal entry of the row; its elimination-tree ancestors follow
    ("dof_depth", "nv"),  # how many follow
    ("m_column", "nM"),
    ("act_trnadr", "nu"),
    ("act_trnnum", "nu"),
    ("trn_dof", "ntrn"),
)

# Integers that follow the same count stand together, row by row: one address serves all of them.
INTEGER_GROUPS: dict[str, tuple[str, ...]] = {
    count: tuple(name for name, c in INTEGERS if c == count) for count in dict.fromkeys(c for _, c in INTEGERS)
}
INTEGER_PLACE = {name: (count, k, len(group)) for count, group in INTEGER_GROUPS.items() for k, name in enumerate(group)}

HEADER = tuple(SIZES) + tuple(f"adr_{count}" for count in INTEGER_GROUPS) + tuple(f"par_{kind.name}" for kind in PARAMETERS)
HEADER_INDEX = {name: i for i, name in enumerate(HEADER)}


def parameter_offsets(sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """name -> (offset, length) in the flat parameter vector; the last offset + length is its size."""
    out, offset = {}, 0
    for kind in PARAMETERS:
        length = (1 if kind.count == "one" else sizes[kind.count]) * kind.width
        out[kind.name] = (offset, length)
        offset += length
    return out
