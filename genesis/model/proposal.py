"""What one would try first with a robot that only its file is known of: base, home, tool, rotors, gains, a pose within reach.

Rules of thumb, each said where it stands: they make a start that can be simulated and learnt from, and are there to be changed.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from genesis.description.description import Description, Joint
from genesis.description.tree import cluster
from genesis.model.invweight import Pairs
from genesis.model.model import JointInfo
from genesis.model.posing import Posing

#: Names of frames that hold or touch something, the surest first.
TOOLS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(^|[_.\-/])tcp([_.\-/\d]|$)",
        r"(^|[_.\-/])(tool|tool\d+)([_.\-/]|$)",
        r"grasp|pinch",
        r"gripper_(frame|site|center|centre)|attachment_site",
        r"end_?effector|(^|[_.\-/])(ee|eef)([_.\-/]|$)",
        r"(^|[_.\-/])(tip|fingertip|pen|probe)([_.\-/\d]|$)",
        r"flange|(^|[_.\-/])(hand|palm)([_.\-/]|$)",
    )
)
EDGE = 0.05  # part of a range beside its ends that is no place to start from
STEP_ANGLE, STEP_LENGTH, STEP_PART = 0.4, 0.05, 0.25  # [rad], [m], of the range: how far a first target moves each joint
PEAK = 2.5  # a motion that starts and ends at rest is at its fastest about twice as fast as on average; a little more
ROTOR_TIME = 0.02  # [s] in which a motor of full force brings its own rotor to full speed; of servos and drives 0.01 to 0.05
RATE = 50.0  # [rad/s] of gains, as those that nobody gives have (`genesis.scene.gains`)
SATURATION = {"angle": 0.2, "length": 0.02}  # [rad], [m] of error at which a motor may be at its limit
BELOW = 0.05  # [m] under the root is where legs end
UNDER = 10.0  # how much a foot that stands off [1/m] counts against a joint that bends [1/rad], see `stance`


@dataclass(frozen=True)
class Home:
    """A configuration to start from. qpos (nq,); said: where it comes from; moved: joints that do not start where the file has them."""

    qpos: np.ndarray
    said: str
    moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reachable:
    """A pose of the tool that can be reached. qpos (nq,) in which it is there; pos (3,) [m], quat (4,); seconds: for getting there."""

    qpos: np.ndarray
    pos: np.ndarray
    quat: np.ndarray
    seconds: float


def described_joints(description: Description) -> dict[str, Joint]:
    """Joints by name."""
    return {joint.name: joint for link in description.links for joint in link.joints}


def path_lengths(description: Description) -> list[int]:
    """Of every link how many joints, but floating ones, lie between it and the world."""
    found: list[int] = []
    for link in description.links:
        own = sum(not joint.kind.floats for joint in link.joints)
        found.append(own + (found[link.parent] if link.parent >= 0 else 0))
    return found


def limbs(description: Description) -> list[list[int]]:
    """Links of each branch that hangs by a joint on the root and what is welded to it, the branch's first link first."""
    links = description.links
    body = set(cluster(links, 0)) if links else set()
    branches: list[list[int]] = []
    of_link: dict[int, int] = {}
    for k, link in enumerate(links):
        if k in body:
            continue
        if link.parent in body or link.parent < 0:
            of_link[k] = len(branches)
            branches.append([])
        else:
            of_link[k] = of_link[link.parent]
        branches[of_link[k]].append(k)
    return branches


def should_float(description: Description) -> bool:
    """Whether the root, which a file leaves free, is no base to be bolted down.

    It is not on two or more legs (branches of two or more joints that end below it), on two or more wheels (hinges without limits),
    or without any joint.
    """
    root = description.links[0]
    if not any(joint.kind.floats for joint in root.joints):
        return False
    deep, posing = path_lengths(description), Posing(description)
    poses = posing.poses(posing.qpos0)
    legs = wheels = joints = 0
    for branch in limbs(description):
        end = _end(description, branch, deep)
        joints += deep[end]
        legs += _is_leg(deep, end, poses)
        first = description.links[branch[0]].joints
        wheels += deep[end] == 1 and all(joint.kind.periodic and joint.limit is None for joint in first)
    return legs >= 2 or wheels >= 2 or joints == 0


def _end(description: Description, branch: list[int], deep: list[int]) -> int:
    """The link of a branch behind the most joints, and of these the outermost."""
    out = {k: 0 for k in range(-1, len(description.links))}
    for k, link in enumerate(description.links):
        out[k] = out[link.parent] + 1
    return max(branch, key=lambda k: (deep[k], out[k]))


def _is_leg(deep: list[int], end: int, poses: Pairs) -> bool:
    """Whether a branch with that end link has two or more joints and hangs down from the root."""
    return deep[end] >= 2 and bool(poses[end][0][2] < poses[0][0][2] - BELOW)


def tools(description: Description) -> list[str]:
    """Links and sites that losses may follow, the likeliest first.

    Of a robot that floats its root, then the ends of its branches. Else those whose name says so (tcp, tool, grasp, …), of these sites
    and the outer ones first; then the last link before the longest chain of joints branches into fingers, with frames welded to it;
    then the ends of all branches.
    """
    links, deep = description.links, path_lengths(description)
    if any(joint.kind.floats for joint in links[0].joints):
        return [links[0].name, *(links[_end(description, branch, deep)].name for branch in limbs(description))]
    frames = [(site.name, site.link, 1) for site in description.sites if site.link >= 0]
    frames += [(link.name, k, 0) for k, link in enumerate(links)]
    most = max(deep, default=0)
    named = []
    for order, (name, k, is_site) in enumerate(frames):
        rank = next((n for n, pattern in enumerate(TOOLS) if pattern.search(name.lower())), None)
        if rank is not None and deep[k] > 0 and 2 * deep[k] >= most:
            named.append((rank, -is_site, -deep[k], order, name))
    found = [name for *_, name in sorted(named)]
    if not links or most == 0:
        return found + [name for name, _, _ in frames if name not in found][:1]
    palm = _palm(description, deep)
    welded = [k for k in cluster(links, palm) if links[k].mass == 0.0 and k != palm]
    found += [links[k].name for k in [*welded[-1:], palm]]
    parents = {link.parent for link in links}
    found += [links[k].name for k in range(len(links)) if k not in parents and deep[k] > 0]
    return list(dict.fromkeys(found))


def _palm(description: Description, deep: list[int]) -> int:
    """The last link of the longest chain, or the one before it branches into moving fingers."""
    links = description.links
    link = max(range(len(links)), key=lambda k: deep[k])
    up = link
    while links[up].parent >= 0 and deep[links[up].parent] > 0:
        up = links[up].parent
        rigid = cluster(links, up)
        fingers = [k for k, other in enumerate(links) if other.parent in rigid and other.joints]
        if len(fingers) > 1:
            link = up
    return link


def home(posing: Posing, legs: bool = True) -> Home:
    """A configuration to start from: the keyframe "home", else the file's pose, with joints in the middle of their range where that pose
    is outside of it or at its end.

    legs: a robot that floats stands: each foot stays where the file's pose has it, in the horizontal, and the lowest point is at z = 0.
    """
    description, floats = posing.description, any(joint.kind.floats for joint in posing.joints)
    named = {name.lower(): (name, qpos) for name, qpos in description.keyframes.items()}
    if "home" in named:
        name, qpos = named["home"]
        return Home(np.array(qpos, float), f'the keyframe "{name}" of the file')
    qpos, moved = posing.qpos0, []
    for joint in posing.joints:
        if joint.kind.scalar and joint.limit is not None:
            low, high = joint.limit
            edge = EDGE * (high - low)
            if math.isfinite(high - low) and not low + edge <= qpos[joint.qpos_adr] <= high - edge:
                qpos[joint.qpos_adr] = 0.5 * (low + high)
                moved.append(joint.name)
    said = "the pose of the file" + (
        ", with joints in the middle of their range where that is outside of it or at its end" * bool(moved)
    )
    if floats and legs:
        if moved:
            qpos = stance(posing, qpos)
        lowest, base = posing.lowest(qpos), next(joint for joint in posing.joints if joint.kind.floats)
        if lowest is not None:
            qpos[base.qpos_adr + 2] -= lowest
            said += "; it stands with its lowest point at z = 0"
    return Home(qpos, said, tuple(moved))


def stance(posing: Posing, bent: np.ndarray) -> np.ndarray:
    """qpos (nq,) near ``bent`` in which the end of each branch is, in the horizontal, where the file's pose has it.

    Legs are drawn straight, and knees that may not be straight put the feet ahead of the body: hips bend until they are below again.
    Least squares of 10/m · (x, y of the end − those of the file) and of the joints' change, within their ranges.
    """
    from scipy.optimize import least_squares  # only robots that stand pay for its start

    description, deep, drawn = posing.description, path_lengths(posing.description), posing.poses(posing.qpos0)
    qpos = bent.copy()
    for branch in limbs(description):
        end = _end(description, branch, deep)
        if not _is_leg(deep, end, drawn):
            continue
        joints = [j for j in _chain(posing, description.links[end].name) if j.kind.turns]
        places = [j.qpos_adr for j in joints]
        if not any(bent[p] != posing.qpos0[p] for p in places):
            continue
        low, high = (np.array([_inner(j)[side] for j in joints]) for side in (0, 1))

        def off(q: np.ndarray, places: list[int] = places, end: int = end) -> np.ndarray:
            trial = qpos.copy()
            trial[places] = q
            return np.concatenate([UNDER * (posing.poses(trial)[end][0] - drawn[end][0])[:2], 0.1 * (q - bent[places])])

        begin = np.clip(bent[places], low + 1e-9, high - 1e-9)
        qpos[places] = np.round(least_squares(off, begin, bounds=(low, high), xtol=1e-10).x, 4)
    return qpos


def _inner(joint: JointInfo) -> tuple[float, float]:
    """Its range less the parts at the ends."""
    if joint.limit is None:
        return -math.inf, math.inf
    low, high = joint.limit
    edge = EDGE * (high - low) if math.isfinite(high - low) else 0.0
    return low + edge, high - edge


def rotors(posing: Posing, qpos: np.ndarray) -> dict[str, float]:
    """Rotor inertia [kg m²] of joints that turn and whose rotor, of which the file says nothing, outweighs what they move here.

    J = t · force limit / speed limit: a motor brings its own rotor to full speed in t = 0.02 s. A guess within a factor of a few; without
    one, the last links of an arm weigh nothing against the force of their motors.
    """
    moved, _ = posing.loads(qpos)
    found = {}
    for joint, told in _told(posing):
        if not joint.kind.turns or told.armature > 0.0 or told.effort is None or told.velocity_limit is None:
            continue
        rotor = ROTOR_TIME * max(abs(told.effort[0]), abs(told.effort[1])) / told.velocity_limit
        if math.isfinite(rotor) and rotor > moved[joint.dof_adr]:
            found[joint.name] = float(f"{rotor:.2g}")
    return found


def gains(posing: Posing, qpos: np.ndarray, rotor: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """kp [Nm/rad | N/m], kv [Nms/rad | Ns/m] of joints under position control, critically damped in this configuration.

    kp = ω² M with ω = 50 rad/s, at most the force limit at an error of 0.2 rad (0.02 m): a motor at its limit has no gradient.
    """
    moved, _ = posing.loads(qpos)
    kp, kv = {}, {}
    for joint, told in _told(posing):
        inertia = moved[joint.dof_adr] + rotor.get(joint.name, 0.0)
        stiff = RATE**2 * inertia
        if told.effort is not None:
            stiff = min(stiff, max(told.effort) / SATURATION["length" if joint.kind.slides else "angle"])
        kp[joint.name], kv[joint.name] = float(f"{stiff:.3g}"), float(f"{2.0 * math.sqrt(stiff * inertia):.3g}")
    return kp, kv


def too_weak(posing: Posing, qpos: np.ndarray) -> dict[str, tuple[float, float]]:
    """Joints of a fixed base whose motor does not hold the configuration: name -> (needed, given) [Nm | N]."""
    if any(joint.kind.floats for joint in posing.joints):
        return {}  # what it stands on carries it
    _, weight = posing.loads(qpos)
    found = {}
    for joint, told in _told(posing):
        needed = float(weight[joint.dof_adr])
        if told.effort is not None and not told.effort[0] <= needed <= told.effort[1]:
            found[joint.name] = (abs(needed), max(abs(told.effort[0]), abs(told.effort[1])))
    return found


def _told(posing: Posing) -> list[tuple[JointInfo, Joint]]:
    """Joints of one coordinate of their own, and what the file says of them."""
    by_name = described_joints(posing.description)
    return [(joint, by_name[joint.name]) for joint in posing.joints if joint.kind.scalar]


def reachable(posing: Posing, start: np.ndarray, tool: str) -> Reachable:
    """A pose that the tool can take: each joint before it turned by 0.4 rad, at most a quarter of its range, from ``start``, towards the
    middle of its range; where that does not tell, to one side and the other in turns, so that the tool comes to lie higher.

    The time keeps every joint below its speed limit, in half seconds from one on.
    """
    chain = _chain(posing, tool)
    best = None
    for side in (1.0, -1.0):
        qpos = start.copy()
        seconds = 1.0
        for turn, joint in enumerate(chain):
            low, high = joint.limit or (-math.inf, math.inf)
            wide, here = high - low, start[joint.qpos_adr]
            length = STEP_LENGTH if joint.kind.slides else STEP_ANGLE
            step = min(length, STEP_PART * wide)
            off = 0.5 * (low + high) - here if math.isfinite(wide) else 0.0
            sign = math.copysign(1.0, off) if abs(off) > 0.1 * length else side * (-1.0) ** turn
            qpos[joint.qpos_adr] = here + sign * step
            if joint.velocity_limit:
                seconds = max(seconds, 0.5 * math.ceil(2.0 * PEAK * step / joint.velocity_limit))
        pos, quat = posing.frame(tool, qpos)
        if best is None or pos[2] > best.pos[2]:
            best = Reachable(qpos, pos, quat, min(seconds, 5.0))
    assert best is not None
    return best


def margin(posing: Posing) -> float:
    """How far from the ends of their ranges joints are to stay [rad | m]: 0.05, at most a twentieth of the narrowest range."""
    limits = [joint.limit for joint in posing.joints if joint.kind.scalar and joint.limit is not None]
    return min([EDGE, *(float(f"{EDGE * (high - low):.1g}") for low, high in limits)])


def _chain(posing: Posing, tool: str) -> list[JointInfo]:
    """The joints of one coordinate between the world and a frame."""
    links = posing.description.links
    sites = {site.name: site.link for site in posing.description.sites}
    index = next((k for k, link in enumerate(links) if link.name == tool), sites.get(tool, -1))
    above = set()
    while index >= 0:
        above.add(index)
        index = links[index].parent
    return [joint for joint in posing.joints if joint.link in above and joint.kind.scalar]
