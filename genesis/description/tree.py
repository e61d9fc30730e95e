"""The tree of links: fix it to the world or free it, fold massless links away, check that every joint has something to move."""

from dataclasses import dataclass

import numpy as np

from genesis.description.description import Description, Joint, Link, Mimic
from genesis.description.inertia import combine, rotate_inertia, shift_inertia
from genesis.description.kinds import FREE
from genesis.description.notes import listed
from genesis.description.poses import IDENTITY_QUAT, compose, quat_to_matrix, rotate
from genesis.errors import ModelError


def cluster(links: list[Link], root: int) -> list[int]:
    """Indices of the links rigidly attached to link ``root``, itself first."""
    members = [root]
    for k in range(root + 1, len(links)):
        if links[k].parent in members and not links[k].joints:
            members.append(k)
    return members


def attach_root(description: Description, fixed: bool) -> None:
    """Drop an anchor (a root named "world", or a root cluster without mass and geometry) or give the root its free joint."""
    links, root = description.links, description.links[0]
    body = cluster(links, 0)
    mass = sum(links[k].mass for k in body)
    seen = {geom.link for geom in description.geoms}
    if root.name == "world" or (mass == 0.0 and not seen.intersection(body)):
        remove_links(description, {0})
    elif not fixed:
        taken = {joint.name for link in links for joint in link.joints}
        root.joints = [Joint("root_joint" if "root_joint" not in taken else f"{root.name}_root_joint", FREE.name)]


def remove_links(description: Description, gone: set[int]) -> None:
    """Take links away whose frames their children and geoms no longer need: what hung on them hangs on their parents."""
    links = description.links
    up = {k: links[k].parent for k in gone}

    def kept_ancestor(index: int) -> int:
        while index in up:
            index = up[index]
        return index

    kept = [k for k in range(len(links)) if k not in gone]
    new_index = {-1: -1} | {old: new for new, old in enumerate(kept)}
    for link in (links[k] for k in kept):
        link.parent = new_index[kept_ancestor(link.parent)]
    for geom in description.geoms:
        geom.link = new_index[kept_ancestor(geom.link)]
    for site in description.sites:
        site.link = new_index[kept_ancestor(site.link)]
    description.links = [links[k] for k in kept]


def fold_massless(description: Description) -> None:
    """Fold each massless link that moves, shows nothing and carries one moving link into that link.

    This is how URDF writes a joint of several axes: q ↦ X_PL(q1) X_LC(q2) becomes one link C with the joints of L and then its
    own, the axes and anchors of L re-expressed in the frame of C at q = 0.
    """
    links = description.links
    shown = {geom.link for geom in description.geoms} | {site.link for site in description.sites}
    gone: set[int] = set()
    for k, link in enumerate(links):
        children = [c for c in links if c.parent == k]
        simple = link.mass == 0.0 and not link.inertia.any() and k not in shown
        scalar = bool(link.joints) and all(joint.kind.scalar for joint in link.joints)
        if simple and scalar and len(children) == 1 and children[0].joints:
            _fold(link, children[0])
            gone.add(k)
    remove_links(description, gone)


def _fold(link: Link, child: Link) -> None:
    inverse = child.quat * np.array([1.0, -1.0, -1.0, -1.0])
    for joint in link.joints:
        joint.axis = rotate(inverse, joint.axis)
        joint.pos = rotate(inverse, joint.pos - child.pos)
    child.joints = link.joints + child.joints
    child.pos, child.quat = compose(link.pos, link.quat, child.pos, child.quat)


@dataclass(frozen=True)
class Stuck:
    """A joint of a link (its index) that has nothing to move, and what it lacks."""

    link: int
    joint: Joint
    lack: str


def stuck_joints(description: Description) -> list[Stuck]:
    """Joints without mass or inertia to move, whose rows of the mass matrix would be zero, and free ones of a link without mass."""
    links, found = description.links, []
    poses: list[tuple[np.ndarray, np.ndarray]] = []
    for link in links:
        pos, quat = poses[link.parent] if link.parent >= 0 else (np.zeros(3), IDENTITY_QUAT)
        poses.append(compose(pos, quat, link.pos, link.quat))
    subtrees: list[list[int]] = [[k] for k in range(len(links))]
    for k in reversed(range(len(links))):
        if links[k].parent >= 0:
            subtrees[links[k].parent] += subtrees[k]
    for k, link in enumerate(links):
        if not link.joints:
            continue
        parts = []
        for s in subtrees[k]:
            rotation = quat_to_matrix(poses[s][1])
            parts.append((links[s].mass, poses[s][0] + rotation @ links[s].com, rotate_inertia(links[s].inertia, rotation)))
        mass, com, inertia = combine(parts)
        for joint in link.joints:
            pos, quat = poses[k]
            about = shift_inertia(inertia, mass, com - pos - rotate(quat, joint.pos))
            axis = rotate(quat, joint.axis)
            if joint.kind.floats:  # what hangs on it by joints moves by these already
                moves = sum(links[s].mass for s in cluster(links, k))
            elif not joint.kind.turns:
                moves = mass
            else:
                moves = axis @ about @ axis + joint.pitch**2 * mass if joint.kind.scalar else np.linalg.eigvalsh(about)[0]
            if moves + joint.armature <= 0.0:
                lack = "inertia about its axis" if joint.kind.turns and not joint.kind.floats and mass > 0.0 else "mass"
                found.append(Stuck(k, joint, lack))
    return found


def check_moves(description: Description, where: str) -> None:
    """Raises: ModelError if a joint has no mass or inertia to move, nor have those that move with it (mimics)."""
    stuck = stuck_joints(description)
    names = {s.joint.name for s in stuck}
    moved = {_leader(joint) for link in description.links for joint in link.joints if joint.name not in names}
    stuck = [s for s in stuck if _leader(s.joint) not in moved]
    if not stuck:
        return
    name, link = stuck[0].joint.name, description.links[stuck[0].link]
    others = list(dict.fromkeys(f'"{s.joint.name}"' for s in stuck))[1:]
    also = f" (nor have {listed(others)})" if others else ""
    if stuck[0].joint.kind.floats:
        cure = "give it an <inertial> or use fixed=True."
        raise ModelError(
            f'{where}: link "{link.name}" has no {stuck[0].lack} and no solid shape, so it cannot move freely; {cure}'
        )
    raise ModelError(
        f'{where}: joint "{name}" moves link "{link.name}", which has no {stuck[0].lack} to move and no solid shape to take it from{also}; '
        "give it an <inertial>, make the joint fixed, or use default_armature."
    )


def _leader(joint: Joint) -> str:
    return joint.name if joint.mimic is None else joint.mimic.joint


def resolve_mimics(description: Description, where: str) -> None:
    """Let every mimic joint follow a joint that is free to move: q = m1 (m2 q' + o2) + o1 along a chain.

    Raises: ModelError if joints follow each other in a circle.
    """
    joints = {joint.name: joint for link in description.links for joint in link.joints}
    for joint in joints.values():
        path = [joint.name]
        while joint.mimic is not None and (target := joints[joint.mimic.joint]).mimic is not None:
            if target.name in path:
                raise ModelError(f"{where}: joints {', '.join(path)} mimic each other in a circle.")
            path.append(target.name)
            first, second = joint.mimic, target.mimic
            joint.mimic = Mimic(
                second.joint, first.multiplier * second.multiplier, first.multiplier * second.offset + first.offset
            )


def add_armature(description: Description, armature: float) -> None:
    """Give ``armature`` [kg m² | kg] to every joint that has none, but those that float."""
    for joint in (joint for link in description.links for joint in link.joints):
        if not joint.kind.floats and joint.armature == 0.0:
            joint.armature = armature
