"""What an MJCF file may hold beyond trees, joints and actuators: made a mimic joint, named as not simulated, or refused."""

from typing import TYPE_CHECKING

import numpy as np

from genesis.description.description import Description, Mimic
from genesis.description.mjcf_names import Names
from genesis.errors import UnsupportedError

if TYPE_CHECKING:
    import mujoco

SIMULATED_EQUALITIES = ("connect", "weld", "joint")


def unrepresentable(model: "mujoco.MjModel", names: Names, where: str) -> None:
    """Raises: UnsupportedError for joints whose passive force is no linear spring and damper."""
    for joint in range(model.njnt):
        dofs = np.flatnonzero(model.dof_jntid == joint)
        found = {
            "polynomial damping": model.dof_dampingpoly[dofs],
            "polynomial stiffness": model.jnt_stiffnesspoly[joint],
            "a plastic spring": model.jnt_springyield[joint],
        }
        for what, value in found.items():
            if np.any(value):
                raise UnsupportedError(
                    f'{where}: joint "{names.joint[joint]}" has {what}; only linear springs and dampers are simulated.'
                )


def read_mimics(description: Description, model: "mujoco.MjModel", names: Names) -> set[int]:
    """Linear joint equalities, q1 − q1_0 = c0 + c1 (q2 − q2_0), become mimic joints: the first one of each joint, no circles.

    Returns: the equalities that this fulfils exactly.
    """
    reduced = set()
    joints = {joint.name: joint for link in description.links for joint in link.joints}
    for k in _linear_equalities(model):
        follower, leader = names.joint[model.eq_obj1id[k]], names.joint[model.eq_obj2id[k]]
        leader, multiplier, offset = _root(leader, joints)
        if joints[follower].mimic is not None or leader == follower:
            continue
        reduced.add(k)
        ref1, ref2 = (float(model.qpos0[model.jnt_qposadr[j]]) for j in (model.eq_obj1id[k], model.eq_obj2id[k]))
        c0, c1 = map(float, model.eq_data[k, :2])
        shift = ref1 + c0 - c1 * ref2
        joints[follower].mimic = Mimic(leader, c1 * multiplier, c1 * offset + shift)
        for joint in joints.values():  # those that followed the follower now follow its leader
            if joint.mimic is not None and joint.mimic.joint == follower:
                m = joint.mimic
                joint.mimic = Mimic(leader, m.multiplier * c1 * multiplier, m.multiplier * (c1 * offset + shift) + m.offset)
    return reduced


def _root(name: str, joints: dict) -> tuple[str, float, float]:
    mimic = joints[name].mimic
    return (name, 1.0, 0.0) if mimic is None else (mimic.joint, mimic.multiplier, mimic.offset)


def _linear_equalities(model: "mujoco.MjModel") -> list[int]:
    import mujoco

    return [
        k
        for k in active_equalities(model)
        if model.eq_type[k] == mujoco.mjtEq.mjEQ_JOINT and model.eq_obj2id[k] >= 0 and not model.eq_data[k, 2:5].any()
    ]


def active_equalities(model: "mujoco.MjModel") -> list[int]:
    """Equalities that are switched on."""
    import mujoco

    flag = mujoco.mjtDisableBit
    if model.opt.disableflags & (flag.mjDSBL_EQUALITY | flag.mjDSBL_CONSTRAINT):
        return []
    return [k for k in range(model.neq) if model.eq_active0[k]]


def name_not_simulated(description: Description, model: "mujoco.MjModel", names: Names) -> None:
    """Fill ``Description.not_simulated`` with one line for each constraint or passive force that is left out."""
    lines = description.not_simulated
    lines += _equalities(model, names)
    lines += _tendons(model, names)
    lines += _bodies_and_geoms(model, names)


def equality_type(model: "mujoco.MjModel", k: int) -> str:
    """connect, weld, joint, tendon, flex, …"""
    import mujoco

    return mujoco.mjtEq(model.eq_type[k]).name.removeprefix("mjEQ_").lower()


def _equalities(model: "mujoco.MjModel", names: Names) -> list[str]:
    kinds = {k: equality_type(model, k) for k in active_equalities(model)}
    return [f'equality "{names.equality[k]}" ({kind})' for k, kind in kinds.items() if kind not in SIMULATED_EQUALITIES]


def _tendons(model: "mujoco.MjModel", names: Names) -> list[str]:
    features = {
        "limit": model.tendon_limited,
        "spring": model.tendon_stiffness,
        "polynomial spring": model.tendon_stiffnesspoly,
        "damping": model.tendon_damping,
        "polynomial damping": model.tendon_dampingpoly,
        "armature": model.tendon_armature,
        "friction loss": model.tendon_frictionloss,
        "actuator force limit": model.tendon_actfrclimited,
    }
    found = [(k, [what for what, values in features.items() if np.any(values[k])]) for k in range(model.ntendon)]
    return [f'tendon "{names.tendon[k]}" ({", ".join(what)})' for k, what in found if what]


def _bodies_and_geoms(model: "mujoco.MjModel", names: Names) -> list[str]:
    import mujoco

    lines = [f'body "{names.body[k]}" (mocap)' for k in range(model.nbody) if model.body_mocapid[k] >= 0]
    lines += [f'joint "{names.joint[k]}" (gravity compensation by its actuator)' for k in np.flatnonzero(model.jnt_actgravcomp)]
    for k in range(model.ngeom):
        touched = model.geom_contype[k] or model.geom_conaffinity[k]
        kind = mujoco.mjtGeom(model.geom_type[k])
        features = {
            "signed distance field": kind == mujoco.mjtGeom.mjGEOM_SDF,
            "adhesion": model.geom_adhesion[k] != 0.0,
            "surface velocity": model.geom_surfacevel[k].any(),
        }
        what = [name for name, present in features.items() if present]
        if touched and what:
            lines.append(f'geom "{names.geom[k]}" ({", ".join(what)})')
    lines += [f'contact pair "{names.pair[k]}" (adhesion)' for k in np.flatnonzero(model.pair_adhesion)]
    lines += [f"flex {k}" for k in range(model.nflex)]
    lines += [f"plugin {k}" for k in range(model.nplugin)]
    return lines
