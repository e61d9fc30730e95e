"""MJCF actuators: motor, position, velocity and general ones without memory, on joints and fixed tendons."""

from typing import TYPE_CHECKING

import numpy as np

from genesis.description.description import Actuator, Description, Joint
from genesis.description.mjcf_names import Names
from genesis.errors import UnsupportedError

if TYPE_CHECKING:
    import mujoco

Transmission = list[tuple[str, np.ndarray]]


def read_actuators(description: Description, model: "mujoco.MjModel", names: Names, where: str) -> list[Actuator]:
    """Every actuator as an affine force; its own armature and damping go to the joint it drives.

    Raises: UnsupportedError naming the actuator, what it asks for and what is known.
    """
    joints = [joint for link in description.links for joint in link.joints]
    return [_actuator(k, joints, model, names, where) for k in range(model.nactuator)]


def bounds(limited: bool, values: np.ndarray) -> tuple[float, float] | None:
    """A MuJoCo range, or None where its flag is off."""
    return (float(values[0]), float(values[1])) if limited else None


def _actuator(k: int, joints: list[Joint], model: "mujoco.MjModel", names: Names, where: str) -> Actuator:
    import mujoco

    refuse = _Refusal(where, names.actuator[k])
    dynamics = mujoco.mjtDyn(model.actuator_dyntype[k])
    refuse.unless(dynamics == mujoco.mjtDyn.mjDYN_NONE, f"activation dynamics {_short(dynamics)}", "none")
    refuse.unless(model.actuator_ctrlnum[k] == 1 and model.actuator_outnum[k] == 1, "several controls or forces", "one of each")
    refuse.unless(model.actuator_delay[k] == 0, "a delay", "none")
    transmission = _transmission(k, joints, model, refuse)
    gain = _gain(model.actuator_gaintype[k], model.actuator_gainprm[k], refuse)
    bias = _bias(model.actuator_biastype[k], model.actuator_biasprm[k], refuse)
    turning = [name for name, coef in transmission if len(coef) > 1]
    refuse.unless(not turning or bias[1] == 0.0, "feedback of the position of a ball or free joint", "hinge and slide joints")
    _inertia_and_damping(k, transmission, joints, model, refuse)
    if _disabled(k, model):  # its armature and damping stay, as in MuJoCo
        gain, bias = 0.0, (0.0, 0.0, 0.0)
    clamped = model.actuator_ctrllimited[k] and not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CLAMPCTRL
    return Actuator(
        name=names.actuator[k],
        transmission=transmission,
        gain=gain,
        bias=bias,
        ctrlrange=bounds(clamped, model.actuator_ctrlrange[k]),
        forcerange=bounds(model.actuator_forcelimited[k], model.actuator_forcerange[k]),
    )


def _disabled(k: int, model: "mujoco.MjModel") -> bool:
    """Whether the file switches off the forces of this actuator: all, or those of its group."""
    import mujoco

    group = int(model.actuator_group[k])
    alone = 0 <= group < 31 and model.opt.disableactuator >> group & 1
    return bool(alone or model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_ACTUATION)


class _Refusal:
    """Raises the error of one actuator."""

    def __init__(self, where: str, name: str) -> None:
        self.where, self.name = where, name

    def unless(self, supported: bool, what: str, known: str) -> None:
        if not supported:
            raise UnsupportedError(f'{self.where}: actuator "{self.name}" has {what}; supported: {known}.')


def _short(member) -> str:
    """mjTRN_SITE -> site."""
    return member.name.split("_", 1)[1].lower()


def _transmission(k: int, joints: list[Joint], model: "mujoco.MjModel", refuse: _Refusal) -> Transmission:
    import mujoco

    kind, target, gear = mujoco.mjtTrn(model.actuator_trntype[k]), model.actuator_trnid[k, 0], model.actuator_gear[k]
    if kind == mujoco.mjtTrn.mjTRN_TENDON:
        return _tendon(target, gear[0], joints, model, refuse)
    in_parent = kind == mujoco.mjtTrn.mjTRN_JOINTINPARENT
    refuse.unless(
        in_parent or kind == mujoco.mjtTrn.mjTRN_JOINT, f"a {_short(kind)} transmission", "joint, jointinparent, fixed tendon"
    )
    joint = joints[target]
    refuse.unless(
        joint.kind.scalar or not in_parent, f"a jointinparent transmission to the {joint.type} joint", "hinge and slide joints"
    )
    return [(joint.name, gear[: joint.kind.nv].copy())]


def _tendon(tendon: int, gear: float, joints: list[Joint], model: "mujoco.MjModel", refuse: _Refusal) -> Transmission:
    """A fixed tendon: length = Σ coef q; joints that it only mentions (coef 0) are left out."""
    import mujoco

    first, count = model.tendon_adr[tendon], model.tendon_num[tendon]
    wraps = range(first, first + count)
    fixed = all(model.wrap_type[w] == mujoco.mjtWrap.mjWRAP_JOINT for w in wraps)
    refuse.unless(fixed, "a spatial tendon", "joint, jointinparent, fixed tendon")
    coefs: dict[str, float] = {}
    for w in wraps:
        name = joints[model.wrap_objid[w]].name
        coefs[name] = coefs.get(name, 0.0) + gear * float(model.wrap_prm[w])
    return [(name, np.array([coef])) for name, coef in coefs.items() if coef != 0.0]


def _gain(kind: int, prm: np.ndarray, refuse: _Refusal) -> float:
    import mujoco

    kind = mujoco.mjtGain(kind)
    constant = kind == mujoco.mjtGain.mjGAIN_FIXED or (kind == mujoco.mjtGain.mjGAIN_AFFINE and not prm[1:3].any())
    found = "a gain that depends on length or velocity" if kind == mujoco.mjtGain.mjGAIN_AFFINE else f"gain type {_short(kind)}"
    refuse.unless(constant, found, "a constant gain")
    return float(prm[0])


def _bias(kind: int, prm: np.ndarray, refuse: _Refusal) -> tuple[float, float, float]:
    import mujoco

    kind = mujoco.mjtBias(kind)
    refuse.unless(kind in (mujoco.mjtBias.mjBIAS_NONE, mujoco.mjtBias.mjBIAS_AFFINE), f"bias type {_short(kind)}", "none, affine")
    return (0.0, 0.0, 0.0) if kind == mujoco.mjtBias.mjBIAS_NONE else (float(prm[0]), float(prm[1]), float(prm[2]))


def _inertia_and_damping(
    k: int, transmission: Transmission, joints: list[Joint], model: "mujoco.MjModel", refuse: _Refusal
) -> None:
    """Armature and damping of the actuator, seen by the joint through the gear: coef² times both."""
    armature, damping = float(model.actuator_armature[k]), float(model.actuator_damping[k])
    refuse.unless(not np.any(model.actuator_dampingpoly[k]), "polynomial damping", "linear damping")
    if armature == 0.0 and damping == 0.0:
        return
    single = len(transmission) == 1 and len(transmission[0][1]) == 1
    refuse.unless(single, "armature or damping across several joint axes", "one hinge or slide joint")
    name, coef = transmission[0]
    joint = next(joint for joint in joints if joint.name == name)
    joint.armature += armature * float(coef[0]) ** 2
    joint.damping += damping * float(coef[0]) ** 2
