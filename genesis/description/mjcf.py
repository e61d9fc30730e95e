"""MJCF to a description, read from the model that MuJoCo compiles: defaults, classes, includes and inertias are then resolved."""

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from genesis.description import tree
from genesis.description.description import Description, Geom, Joint, Link, Site
from genesis.description.inertia import rotate_inertia
from genesis.description.kinds import KINDS
from genesis.description.magnitudes import check_numbers
from genesis.description.mjcf_actuators import bounds, read_actuators
from genesis.description.mjcf_budget import check_budget
from genesis.description.mjcf_constraints import floats, height_field_of, hull_of, read_constraints
from genesis.description.mjcf_elements import included_files, spelled_out
from genesis.description.mjcf_features import name_not_simulated, read_mimics, unrepresentable
from genesis.description.mjcf_impedance import clamp_solver_parameters
from genesis.description.mjcf_looks import paint
from genesis.description.mjcf_names import Names
from genesis.description.mjcf_options import read_options
from genesis.description.poses import quat_to_matrix
from genesis.description.retype import retype_joints
from genesis.description.scale import scale_description
from genesis.description.source import Source, read_source
from genesis.description.urdf import MIMIC_MODES
from genesis.errors import InputError, ModelError
from genesis.log import logger

if TYPE_CHECKING:
    import mujoco

MJT_JOINT = ("free", "ball", "slide", "hinge")  # words of MJCF by the number of mjtJoint
JOINT_TYPE = {kind.mjcf: kind for kind in KINDS.values() if kind.mjcf is not None}
GEOM_TYPE = ("plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh", "sdf")  # by the number of mjtGeom


def read_mjcf(
    file: str | os.PathLike,
    *,
    scale: float = 1.0,
    mimic: str = "independent",
    default_armature: float = 0.0,
    joints: Mapping[str, Mapping[str, Any]] | None = None,
) -> Description:
    """Read an MJCF file (or the XML itself).

    What the world body owns gets link -1. Flags that switch a force off are carried out (springs, dampers, limits, contacts, …).
    Numbers that MuJoCo puts into their range are put there with one warning a kind.
    What is not simulated but only adds a constraint or a passive force is named in ``Description.not_simulated``; what the file says
    of the simulation stands in ``Description.options``.

    Args:
        scale: of all lengths; masses grow with its third power (same material).
        mimic: "independent" keeps joint equalities, which are soft, and every joint its degrees of freedom; "reduce" turns a linear
            one into ``Joint.mimic``, which holds exactly and has no degree of freedom.
        default_armature: for joints without armature, other than free ones [kg m² | kg].
        joints: types that the file has no word for, see `retype.retype_joints`; in its units of length.

    Raises: ModelError with MuJoCo's message if MuJoCo refuses the file; UnsupportedError, by name, for an actuator or a joint
    that cannot be represented.
    """
    if mimic not in MIMIC_MODES:
        raise InputError(f'mimic is "{mimic}"; known: {", ".join(MIMIC_MODES)}.')
    source = read_source(file, "mujoco")
    check_budget(source)
    model, name = _compile(source)
    names = Names(model)
    unrepresentable(model, names, source.where)
    description = Description(name, str(source.path) if source.path else None)
    description.links = [_link(model, names, body) for body in range(1, model.nbody)]
    retype_joints(description, joints, source.where)
    description.geoms = [_geom(model, names, geom) for geom in range(model.ngeom)]
    check_numbers(description, source.where)
    description.sites = [
        Site(names.site[k], model.site_bodyid[k] - 1, model.site_pos[k].copy(), model.site_quat[k].copy())
        for k in range(model.nsite)
    ]
    description.actuators = read_actuators(description, model, names, source.where)
    reduced = read_mimics(description, model, names) if mimic == "reduce" else set()
    read_constraints(description, model, names, reduced)
    read_options(description, model, source)
    name_not_simulated(description, model, names)
    clamp_solver_parameters(description, source.notes)
    source.notes.report()
    description.keyframes = _keyframes(description, model, names)
    if default_armature:
        tree.add_armature(description, default_armature)
    scale_description(description, scale)
    return description


def _compile(source: Source) -> "tuple[mujoco.MjModel, str]":

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            spec = _spec(source)
            model = spec.compile()
        except (ValueError, RuntimeError) as error:
            message = " ".join(str(error).split())
            raise ModelError(f"{source.where}: MuJoCo refuses the model: {message}") from None
    for warning in caught:
        logger.info("%s: %s", source.where, warning.message)
    return model, spec.modelname


def _spec(source: Source) -> "mujoco.MjSpec":
    """The parsed file. MuJoCo reads UTF-8 alone, so that a file that is in another encoding, or includes one, is handed over as text."""
    import mujoco

    if source.path is None:
        return mujoco.MjSpec.from_string(source.text)
    try:
        for path in (source.path, *included_files(source)):
            path.read_bytes().decode()
    except UnicodeDecodeError:
        return mujoco.MjSpec.from_string(ElementTree.tostring(spelled_out(source), encoding="unicode"))
    return mujoco.MjSpec.from_file(str(source.path))


def _link(model: "mujoco.MjModel", names: Names, body: int) -> Link:
    start, count = model.body_jntadr[body], model.body_jntnum[body]
    return Link(
        name=names.body[body],
        parent=int(model.body_parentid[body]) - 1,
        pos=model.body_pos[body].copy(),
        quat=model.body_quat[body].copy(),
        mass=float(model.body_mass[body]),
        com=model.body_ipos[body].copy(),
        inertia=rotate_inertia(np.diag(model.body_inertia[body]), quat_to_matrix(model.body_iquat[body])),
        joints=[_joint(model, names, joint) for joint in range(start, start + count)],
        gravcomp=float(model.body_gravcomp[body]),
    )


def _joint(model: "mujoco.MjModel", names: Names, joint: int) -> Joint:
    kind, dof, adr = JOINT_TYPE[MJT_JOINT[model.jnt_type[joint]]], model.jnt_dofadr[joint], model.jnt_qposadr[joint]
    return Joint(
        name=names.joint[joint],
        type=kind.name,
        axis=model.jnt_axis[joint].copy(),
        pos=model.jnt_pos[joint].copy(),
        limit=bounds(model.jnt_limited[joint], model.jnt_range[joint]),
        effort=bounds(model.jnt_actfrclimited[joint], model.jnt_actfrcrange[joint]),
        damping=float(model.dof_damping[dof]),
        stiffness=float(model.jnt_stiffness[joint]),
        armature=float(model.dof_armature[dof]),
        frictionloss=float(model.dof_frictionloss[dof]),
        limit_margin=float(model.jnt_margin[joint]),
        limit_solref=floats(model.jnt_solref[joint]),
        limit_solimp=floats(model.jnt_solimp[joint]),
        friction_solref=floats(model.dof_solref[dof]),
        friction_solimp=floats(model.dof_solimp[dof]),
        ref=float(model.qpos0[adr]) if kind.scalar else 0.0,
        springref=float(model.qpos_spring[adr]) if kind.scalar else 0.0,
    )


def _geom(model: "mujoco.MjModel", names: Names, geom: int) -> Geom:
    kind = GEOM_TYPE[model.geom_type[geom]]
    made = Geom(
        name=names.geom[geom],
        link=int(model.geom_bodyid[geom]) - 1,
        type=kind,
        size=model.geom_size[geom].copy(),
        pos=model.geom_pos[geom].copy(),
        quat=model.geom_quat[geom].copy(),
        visual=not (model.geom_contype[geom] or model.geom_conaffinity[geom]) or kind == "sdf",
        group=int(model.geom_group[geom]),
        contype=int(model.geom_contype[geom]),
        conaffinity=int(model.geom_conaffinity[geom]),
        condim=int(model.geom_condim[geom]),
        friction=floats(model.geom_friction[geom]),
        solref=floats(model.geom_solref[geom]),
        solimp=floats(model.geom_solimp[geom]),
        solmix=float(model.geom_solmix[geom]),
        priority=int(model.geom_priority[geom]),
        margin=float(model.geom_margin[geom]),
        gap=float(model.geom_gap[geom]),
    )
    paint(made, model, geom)
    if kind == "mesh":
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        made.vertices = model.mesh_vert[first : first + count].astype(float)
        first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        made.faces = model.mesh_face[first : first + count].astype(int)
        made.file = names.mesh_file(mesh)
        made.hull = hull_of(model, mesh)
    if kind == "hfield":
        hfield = int(model.geom_dataid[geom])
        made.hfield = height_field_of(model, hfield, names.hfield[hfield])
    return made


def _keyframes(description: Description, model: "mujoco.MjModel", names: Names) -> dict[str, np.ndarray]:
    """Key qpos without the entries of mimic joints, which follow."""
    kept = np.ones(model.nq, bool)
    joints = [joint for link in description.links for joint in link.joints]
    kept[[model.jnt_qposadr[k] for k, joint in enumerate(joints) if joint.mimic is not None]] = False
    return {names.key[k]: model.key_qpos[k][kept] for k in range(model.nkey)}
