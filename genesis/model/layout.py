"""Where everything lies: names, widths and order of the physical parameters, and of the integers that describe a robot's structure.

Kernels receive a model as two flat arrays (integers and parameters). The first integers are the offsets of all the others, so that one
compiled kernel serves every robot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Rows = Mapping[str, Sequence[object] | np.ndarray]  # what arrays are made of, by their names


@dataclass(frozen=True)
class ParameterKind:
    """One physical parameter: ``count`` names the model size it follows (nlink, njnt, nv, ngeom, ... or one)."""

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
    ParameterKind("jnt_pitch", "njnt", 1, "m/rad", "of a screw: how far it moves along its axis per turn about it"),
    ParameterKind("dof_armature", "nv", 1, "kg m² | kg", "rotor inertia seen by the joint"),
    ParameterKind("dof_damping", "nv", 1, "Nms | Ns/m", "viscous joint damping"),
    ParameterKind("dof_frictionlaw", "nv", 8, "-", "friction that follows the velocity, see `description.friction_law`"),
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
    ParameterKind(
        "act_frictionlaw", "nu", 8, "-", "friction that follows the actuator's velocity, see `description.friction_law`"
    ),
    ParameterKind("ctrl_lo", "nu", 1, "-", "lower bound of the control"),
    ParameterKind("ctrl_hi", "nu", 1, "-", "upper bound of the control"),
    ParameterKind("force_lo", "nu", 1, "-", "lower bound of the actuator force"),
    ParameterKind("force_hi", "nu", 1, "-", "upper bound of the actuator force"),
    ParameterKind("trn_coef", "ntrn", 1, "-", "joint force per actuator force"),
    ParameterKind(
        "link_invweight", "nlink", 2, "1/kg, 1/(kg m²)", "mean inverse inertia of the link at qpos0: translation, rotation"
    ),
    ParameterKind("dof_invweight", "nv", 1, "1/(kg m²) | 1/kg", "mean inverse inertia of the joint at qpos0"),
    ParameterKind("dof_frictionloss", "nv", 1, "Nm | N", "dry joint friction"),
    ParameterKind("dof_solref", "nv", 2, "s, 1", "reference of dry friction: time constant, damping ratio"),
    ParameterKind("dof_solimp", "nv", 5, "-", "impedance of dry friction: at zero, at width, width, midpoint, power"),
    ParameterKind("limit_range", "nlimit", 2, "rad | m", "lower and upper limit of the joint; of a ball (0, largest angle)"),
    ParameterKind("limit_offset", "nlimit", 1, "rad | m", "joint coordinate = jnt_scale * q + offset"),
    ParameterKind("limit_margin", "nlimit", 1, "rad | m", "distance at which the limit begins to act"),
    ParameterKind("limit_solref", "nlimit", 2, "s, 1", "reference of the limit: time constant, damping ratio"),
    ParameterKind("limit_solimp", "nlimit", 5, "-", "impedance of the limit: at zero, at width, width, midpoint, power"),
    ParameterKind("eq_data", "neq", 11, "-", "anchors, relative pose, torque scale or polynomial, see `Equality`"),
    ParameterKind("eq_solref", "neq", 2, "s, 1", "reference of the equality: time constant, damping ratio"),
    ParameterKind("eq_solimp", "neq", 5, "-", "impedance of the equality: at zero, at width, width, midpoint, power"),
    ParameterKind("geom_pos", "ngeom", 3, "m", "geom origin in the link's frame"),
    ParameterKind("geom_quat", "ngeom", 4, "1", "geom orientation in the link's frame"),
    ParameterKind("geom_size", "ngeom", 3, "m", "size by type, see `description.Geom`"),
    ParameterKind("geom_friction", "ngeom", 3, "1, m, m", "friction coefficients: sliding, torsional, rolling"),
    ParameterKind("geom_solref", "ngeom", 2, "s, 1", "reference of contacts: time constant, damping ratio"),
    ParameterKind("geom_solimp", "ngeom", 5, "-", "impedance of contacts: at zero, at width, width, midpoint, power"),
    ParameterKind("geom_margin", "ngeom", 1, "m", "distance at which contacts are found"),
    ParameterKind("geom_gap", "ngeom", 1, "m", "part of the margin without force"),
    ParameterKind("geom_solmix", "ngeom", 1, "1", "weight in the mean of solref and solimp of two geoms"),
    ParameterKind("xpair_friction", "nxpair", 5, "1, 1, m, m, m", "explicit pair: two tangents, torsion, two rolling axes"),
    ParameterKind("xpair_solref", "nxpair", 2, "s, 1", "explicit pair: reference of the normal"),
    ParameterKind(
        "xpair_solreffriction", "nxpair", 2, "s, 1", "explicit pair: reference of friction; (0, 0): that of the normal"
    ),
    ParameterKind("xpair_solimp", "nxpair", 5, "-", "explicit pair: impedance"),
    ParameterKind("xpair_margin", "nxpair", 1, "m", "explicit pair: distance at which contacts are found"),
    ParameterKind("xpair_gap", "nxpair", 1, "m", "explicit pair: part of the margin without force"),
)
PARAMETER = {kind.name: kind for kind in PARAMETERS}

SIZES = (
    *("nlink", "njnt", "nq", "nv", "nu", "ntrn", "naxis", "nM"),
    *("nlimit", "neq", "ngeom", "nxpair", "ncand", "nchain", "nchainaxis", "nchaindof", "nchainmost", "nH"),
)

# Types of geoms; the index is the code, as in MuJoCo. A mesh stands for its convex hull.
GEOM_TYPES = ("plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh")
GEOM_CODE = {name: code for code, name in enumerate(GEOM_TYPES)}

# Pairs of types that can touch, (type 1, type 2) with type 1 <= type 2; the index is the code of a candidate pair.
_HOLLOW = (GEOM_CODE["plane"], GEOM_CODE["hfield"])
PAIR_TYPES = tuple((a, b) for a in range(len(GEOM_TYPES)) for b in range(a, len(GEOM_TYPES)) if b not in _HOLLOW)
PAIR_CODE = {pair: code for code, pair in enumerate(PAIR_TYPES)}

EQUALITY_TYPES = ("connect", "weld", "joint")  # the index is the code
MIX, FIRST_WINS, SECOND_WINS = 0, 1, 2  # how the contact parameters of two geoms are combined

INTEGERS = (  # name, one row per
    ("link_parent", "nlink"),  # slot of the parent: 0 is the world, link l has slot l + 1
    ("link_root", "nlink"),  # 1: the link is the root of a kinematic tree and sets its reference point
    ("link_free", "nlink"),  # 1: it belongs to a free body, a tree with a free joint and no other
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
    ("dof_chain", "nv"),  # the chain of this degree of freedom alone
    ("limit_jnt", "nlimit"),
    ("limit_chain", "nlimit"),
    ("eq_type", "neq"),  # index into EQUALITY_TYPES
    ("eq_slot1", "neq"),  # slots of the links (link + 1, 0 the world); 0 for a joint equality
    ("eq_slot2", "neq"),
    ("eq_jnt1", "neq"),  # joints of a joint equality; the second may be -1: the first is held
    ("eq_jnt2", "neq"),
    ("eq_chain", "neq"),
    ("eq_active", "neq"),
    ("geom_type", "ngeom"),
    ("geom_slot", "ngeom"),
    ("geom_data", "ngeom"),  # index of its hull (mesh) or height field, else -1
    ("cand_code", "ncand"),  # index into PAIR_TYPES
    ("cand_geom1", "ncand"),
    ("cand_geom2", "ncand"),
    ("cand_chain", "ncand"),
    ("cand_condim", "ncand"),
    ("cand_prior", "ncand"),  # MIX, FIRST_WINS or SECOND_WINS
    ("cand_explicit", "ncand"),  # row of xpair_*, or -1
    ("chain_axisadr", "nchain"),  # a chain: the motion axes that move body 2 relative to body 1
    ("chain_axisnum", "nchain"),
    ("chain_dofadr", "nchain"),
    ("chain_dofnum", "nchain"),
    ("chain_tree", "nchain"),  # 1: its degrees of freedom lie on one path of the elimination tree of the mass matrix
    ("cax_axis", "nchainaxis"),
    ("cax_side", "nchainaxis"),  # +1: moves body 2, -1: moves body 1, 0: turns both, about points that may lie apart
    ("cax_local", "nchainaxis"),  # which degree of freedom of the chain
    ("cdof_dof", "nchaindof"),  # descending
    ("hess_adr", "nv"),  # as dof_madr, dof_depth and m_column, for mass matrix and all chains together
    ("hess_depth", "nv"),
    ("hess_column", "nH"),
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
