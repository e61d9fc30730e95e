"""Mean inverse inertias at qpos0, by which constraint forces are scaled: A = J M⁻¹ Jᵀ at each link's centre of mass, and M⁻¹.

Source: MuJoCo documentation, Computation, "Diagonal approximation"; fields body_invweight0 and dof_invweight0 of mjModel.
"""

from collections.abc import Sequence

import numpy as np

from genesis.description.description import Link
from genesis.description.poses import IDENTITY_QUAT, compose, quat_multiply, quat_to_matrix, rotate
from genesis.errors import ModelError
from genesis.model.builder import Builder
from genesis.model.model import EntityInfo
from genesis.model.sparsity import MotionAxes

Pairs = list[tuple[np.ndarray, np.ndarray]]
ALIGNED = 1e-14  # a smaller component of an axis is none


def invweights(b: Builder, axes: MotionAxes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(nlink, 2) translation [1/kg] and rotation [1/(kg m²)] of links, (nv,) of degrees of freedom; diagonal of M (nv,) [kg | kg m²]."""
    links, dofs, inertia = np.zeros((len(b.links), 2)), np.zeros(len(b.dof_qadr)), np.zeros(len(b.dof_qadr))
    columns, poses = placed_axes(b, b.qpos0)
    for entity in b.entities:  # entities do not share degrees of freedom
        first, n = entity.dof_start, entity.n_dofs
        mine = range(entity.link_start, entity.link_start + entity.n_links)
        if not n:
            continue
        mass, jacobians = mass_matrix(b, axes, entity, columns, poses)
        try:
            inverse = np.linalg.inv(mass)
        except np.linalg.LinAlgError:
            raise ModelError(
                f"{entity.source}: the mass matrix is singular in the described pose: some joint has nothing to move; "
                "give its link mass and inertia, or the joint armature."
            ) from None
        dofs[first : first + n], inertia[first : first + n] = np.diag(inverse), np.diag(mass)
        for l in mine:  # noqa: E741
            if axes.path(l + 1):
                diagonal = np.einsum("ij,jk,ik->i", jacobians[l], inverse, jacobians[l])
                links[l] = diagonal[:3].mean(), diagonal[3:].mean()
        for l in mine:  # noqa: E741
            if _slider(b, l) and all(axes.dof.count(axes.dof[axis]) == 1 for axis in axes.path(l + 1)):
                links[l] = 1.0 / b.links[l].mass, 0.0
                dofs[[axes.dof[axis] for axis in axes.path(l + 1)]] = 1.0 / b.links[l].mass
    _average(b, dofs)
    return links, dofs, inertia


def mass_matrix(
    b: Builder, axes: MotionAxes, entity: EntityInfo, columns: Pairs, poses: Pairs
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """M (n, n) of an entity with armature [kg | kg m²], and the Jacobian (6, n) of each of its links; columns, poses: of `placed_axes`."""
    first, n = entity.dof_start, entity.n_dofs
    mass = np.diag(np.array(b.dof["armature"][first : first + n]))
    jacobians = {}
    for l in range(entity.link_start, entity.link_start + entity.n_links):  # noqa: E741
        J = jacobians[l] = _jacobian(b.links[l], poses[l], axes.path(l + 1), axes.dof, columns, first, n)
        rotation = quat_to_matrix(poses[l][1])
        mass += b.links[l].mass * J[:3].T @ J[:3] + J[3:].T @ (rotation @ b.links[l].inertia @ rotation.T) @ J[3:]
    return mass, jacobians


def placed_axes(b: Builder, qpos: Sequence[float] | np.ndarray) -> tuple[Pairs, Pairs]:
    """World twist of every motion axis per unit of its coordinate, as (angular, linear at the origin), and the pose of every link.

    qpos: (nq,) coordinates of all entities [rad | m].
    """
    columns: Pairs = []
    poses: Pairs = []
    for l, link in enumerate(b.links):  # noqa: E741
        above, turned = poses[b.parents[l]] if b.parents[l] >= 0 else (np.zeros(3), IDENTITY_QUAT)
        pos, quat = compose(above, turned, link.pos, link.quat)
        first, count = b.link_jnt[l]
        for e in b.elementary[first : first + count]:
            anchor = pos + rotate(quat, e.pos)
            if not e.kind.scalar:
                quat = quat_multiply(quat, np.array(qpos[e.qadr : e.qadr + e.kind.nq]))
                pos = anchor - rotate(quat, e.pos)
                columns += [(axis, np.cross(anchor, axis)) for axis in quat_to_matrix(quat).T]
                continue
            axis, at = rotate(quat, e.axis), e.scale * qpos[e.qadr] + e.offset
            if e.kind.turns:
                columns.append((e.scale * axis, e.scale * (np.cross(anchor, axis) + e.pitch * axis)))
                half = 0.5 * at
                quat = quat_multiply(quat, np.concatenate([[np.cos(half)], np.sin(half) * e.axis]))
                pos = anchor + e.pitch * at * axis - rotate(quat, e.pos)
            else:
                columns.append((np.zeros(3), e.scale * axis))
                pos = pos + at * axis
        poses.append((pos, quat))
    return columns, poses


def _jacobian(link: Link, pose: tuple, path: list[int], dof: list[int], columns: list, first: int, n: int) -> np.ndarray:
    """(6, n) velocity of the centre of mass and angular velocity, in the world frame, per generalised velocity of the entity."""
    J = np.zeros((6, n))
    com = pose[0] + rotate(pose[1], link.com)
    for axis in path:
        angular, linear = columns[axis]
        J[:3, dof[axis] - first] += linear + np.cross(angular, com)
        J[3:, dof[axis] - first] += angular
    return J


def _slider(b: Builder, l: int) -> bool:  # noqa: E741
    """A childless body on the world that only slides, along axes of its own principal frame.

    MuJoCo takes 1/mass for it, without armature and in every direction; not so here where a mimic joint shares its coordinate.
    """
    link, parent = b.links[l], b.parents[l]
    first, count = b.link_jnt[l]
    fixed = parent < 0 or (b.parents[parent] < 0 and b.link_jnt[parent][1] == 0)
    joints = b.elementary[first : first + count]
    slides = count > 0 and all(not j.kind.turns for j in joints)
    aligned = all(np.count_nonzero(np.abs(j.axis) > ALIGNED) == 1 and not np.any(j.pos) for j in joints)
    own_frame = not np.any(link.com) and np.count_nonzero(link.inertia - np.diag(np.diag(link.inertia))) == 0
    return fixed and link.mass > 0.0 and slides and aligned and own_frame and l not in b.parents and not _free(b, l)


def _free(b: Builder, l: int) -> bool:  # noqa: E741
    return any(joint.kind.floats for joint in b.links[l].joints)


def _average(b: Builder, dofs: np.ndarray) -> None:
    """Directions of a ball count alike, and so do translations and rotations of a free joint."""
    for joint in b.joints:
        if joint.mimic is None and joint.kind.quaternion is not None:
            for start in range(joint.dof_adr, joint.dof_adr + joint.nv, 3):
                dofs[start : start + 3] = dofs[start : start + 3].mean()
