"""Names to indices in a scene, values to tensors, and the difference of two configurations."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor

from genesis import runtime
from genesis.description.kinds import JointKind, plural
from genesis.errors import InputError, unknown_name
from genesis.grad.tensor import plain

DRIVEN = plural(lambda kind: not kind.floats)


def tensor(values: Any) -> Tensor:
    """A plain tensor of the runtime's floating-point type on its device."""
    state = runtime.state()
    return plain(torch.as_tensor(values, dtype=state.dtype, device=state.device))


def indices(values: Sequence[int]) -> Tensor:
    """Integer indices as a tensor on the runtime's device."""
    return torch.tensor(list(values), dtype=torch.int64, device=runtime.state().device)


def match(where: str, kind: str, patterns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Positions of the names that some glob pattern matches, in the order of `names`.

    Raises: UnknownNameError for a pattern that matches nothing.
    """
    if isinstance(patterns, str):
        patterns = [patterns]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise unknown_name(where, kind, pattern, names)
    return [i for i, name in enumerate(names) if any(fnmatchcase(name, pattern) for pattern in patterns)]


@dataclass(frozen=True)
class SceneJoint:
    """One joint of a scene: where its coordinates lie in qpos and its degrees of freedom in qvel."""

    name: str
    qs: tuple[int, ...]
    dofs: tuple[int, ...]
    kind: JointKind

    @property
    def is_scalar(self) -> bool:
        return self.kind.scalar

    @property
    def is_free(self) -> bool:
        """The six degrees of freedom of a body that nothing holds."""
        return self.kind.floats

    @property
    def slides(self) -> bool:
        """Its coordinate is a length."""
        return self.kind.slides

    @property
    def turns(self) -> bool:
        """Its coordinate is one angle."""
        return self.kind.scalar and not self.kind.slides

    @property
    def is_periodic(self) -> bool:
        """Its coordinate is an angle, of which a full turn leads back to the same pose."""
        return self.kind.periodic


def joints_of(entity: Any) -> list[SceneJoint]:
    """The movable joints of an entity, with indices into the whole scene's qpos and qvel."""
    found = []
    for joint in entity.joints:
        qs = tuple(entity.q_start + int(i) for i in joint.qs_idx_local)
        dofs = tuple(entity.dof_start + int(i) for i in joint.dofs_idx_local)
        if dofs:
            found.append(SceneJoint(joint.name, qs, dofs, joint.kind))
    return found


def chosen_joints(where: str, entity: Any, patterns: Sequence[str]) -> list[SceneJoint]:
    """The joints of an entity that the glob patterns choose."""
    joints = joints_of(entity)
    return [joints[i] for i in match(where, "joint", patterns, [joint.name for joint in joints])]


def driven_joints(where: str, entity: Any, patterns: Sequence[str]) -> list[SceneJoint]:
    """The joints of an entity that the patterns choose to be driven: all but a free joint by glob patterns, that by its name alone,
    because no motor moves a body against the world.

    Raises: UnknownNameError for a pattern that matches nothing, InputError if nothing but free joints matches.
    """
    named = [patterns] if isinstance(patterns, str) else patterns
    chosen = chosen_joints(where, entity, named)
    driven = [joint for joint in chosen if not joint.is_free or joint.name in named]
    if not driven:
        free = chosen[0].name
        raise InputError(
            f'{where}: {list(named)} means {DRIVEN}, and "{entity.name}" has none there; its free joint is driven only '
            f'where it is named: joints: ["{free}"].'
        )
    return driven


def joint_values(where: str, value: Any, names: Sequence[str]) -> dict[str, float]:
    """One number for each of the named joints: a number for all of them, or a mapping glob pattern: number, of which the last that fits counts.

    Joints that no pattern fits are left out. Raises: InputError for what is no number or negative, UnknownNameError.
    """
    table = value if isinstance(value, Mapping) else {"*": value} if names else {}
    found: dict[str, float] = {}
    for pattern, entry in table.items():
        at = where if table is not value else f"{where}.{pattern}"
        number = float(vector(at, entry, 1)[0]) if not isinstance(entry, (list, tuple)) else math.nan
        if not number >= 0.0:
            raise InputError(f"{at}: {entry!r} is not allowed; allowed: a number, 0 or more, or a mapping joint pattern: number.")
        found.update((names[i], number) for i in match(at, "joint", [pattern], names))
    return found


def dofs(joints: Sequence[SceneJoint]) -> list[int]:
    """Indices into qvel."""
    return [i for joint in joints for i in joint.dofs]


def coordinates(joints: Sequence[SceneJoint]) -> list[int]:
    """Indices into qpos."""
    return [i for joint in joints for i in joint.qs]


def vector(where: str, value: Any, size: int) -> Tensor:
    """A number for all, or one number each, as a tensor (size,).

    Raises: InputError for another length or not a number.
    """
    try:
        values = tensor(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {value!r} is neither a number nor a list of {size} numbers.") from error
    if values.ndim == 0:
        values = values.expand(size).clone()
    if values.shape != (size,):
        raise InputError(f"{where}: has shape {tuple(values.shape)}, needs a number or {size} of them.")
    return finite(where, values)


def finite(where: str, values: Tensor) -> Tensor:
    """The tensor, if every entry is a number.

    Raises: InputError naming the first entry that is not.
    """
    bad = (~torch.isfinite(values)).nonzero()
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise InputError(f"{where}: entry {index} is {values[index].item()}; every entry must be finite.")
    return values


def limits(entity: Any, joints: Sequence[SceneJoint], kind: str) -> tuple[Tensor, Tensor]:
    """Lower and upper limit of each chosen dof: `kind` is force [N | N m], position [rad | m] or velocity; ±inf where none."""
    if kind == "velocity":
        speeds = {joint.name: float(joint.velocity_limit) for joint in entity.joints}
        high = tensor([speeds[joint.name] for joint in joints for _ in joint.dofs])
        return -high, high
    low, high = entity.get_dofs_force_range() if kind == "force" else entity.get_dofs_limit()
    local = [i - entity.dof_start for i in dofs(joints)]
    low, high = tensor(low), tensor(high)
    while low.ndim > 1:  # every environment has the limits of the file
        low, high = low[0], high[0]
    return low[local].clone(), high[local].clone()


def quaternion_error(quat: Tensor, target: Tensor) -> Tensor:
    """Vector part of target⁻¹ ⊗ quat, (..., 3): sin(angle / 2) times the axis, exact near zero."""
    w, x, y, z = quat.unbind(-1)
    a, b, c, d = target.unbind(-1)
    return torch.stack((a * x - b * w - c * z + d * y, a * y + b * z - c * w - d * x, a * z - b * y + c * x - d * w), -1)


def difference(joints: Sequence[SceneJoint], qpos: Tensor, target: Tensor, periodic: bool = False) -> Tensor:
    """How far configurations are from a target, one number for each degree of freedom of the joints: (..., n).

    Scalar joints: the difference, or 2 sin(difference / 2) for angles if `periodic`.
    Quaternions: 2 sin(angle / 2) times the axis.

    Args:
        joints: which part of the configuration counts.
        qpos: (..., nq) of the scene [rad | m].
        target: broadcastable to qpos.
    """
    target = target.expand_as(qpos)
    parts = []
    for joint in joints:
        qs = list(joint.qs)
        here, there = qpos[..., qs], target[..., qs]
        if joint.is_scalar:
            delta = here - there
            parts.append(2.0 * torch.sin(0.5 * delta) if periodic and joint.is_periodic else delta)
        else:
            plain = joint.kind.plain
            if plain:
                parts.append(here[..., :plain] - there[..., :plain])
            parts.append(2.0 * quaternion_error(here[..., plain:], there[..., plain:]))
    return torch.cat(parts, -1)
