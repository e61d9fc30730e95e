"""What a URDF must fulfil before it is read: numbers that are numbers, names that exist once, joints that form one tree.

What does not matter to the motion is mended in the parsed document and noted: colours, surplus numbers of a scale, mimics of nothing.
"""

import math
from xml.etree.ElementTree import Element

from genesis.description.kinds import KINDS
from genesis.description.notes import Notes
from genesis.description.source import Source, expand
from genesis.description.urdf_elements import end_of, label, name_of, number, numbers
from genesis.errors import ModelError, unknown_name

SCALAR_KINDS = tuple(word for kind in KINDS.values() if kind.scalar for word in kind.urdf)
JOINT_KINDS = (*SCALAR_KINDS, "fixed", "planar", *(word for kind in KINDS.values() if not kind.scalar for word in kind.urdf))

# how many numbers an attribute holds: element -> attribute -> allowed counts
NUMBERS: dict[str, dict[str, tuple[int, ...]]] = {
    "origin": {"xyz": (3,), "rpy": (3,)},
    "mass": {"value": (1,)},
    "inertia": {name: (1,) for name in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")},
    "axis": {"xyz": (3,)},
    "limit": {name: (1,) for name in ("lower", "upper", "effort", "velocity")},
    "dynamics": {"damping": (1,), "friction": (1,)},
    "mimic": {"multiplier": (1,), "offset": (1,)},
    "box": {"size": (3,)},
    "sphere": {"radius": (1,)},
    "cylinder": {"radius": (1,), "length": (1,)},
    "capsule": {"radius": (1,), "length": (1,)},
    "mesh": {"scale": (1, 3)},
    "color": {"rgba": (4,)},
}
NOT_NEGATIVE = {"dynamics": ("damping", "friction"), "limit": ("effort", "velocity")}


def check_urdf(source: Source) -> Element:
    """Check the document and return the root link; harmless oddities are mended in it and noted.

    Raises: ModelError (names the file and the element) for a broken number, a missing or double name, an unknown link or joint type,
    a zero axis, a negative mass, effort or damping, two roots or a loop.
    """
    root, where = source.root, source.where
    links, joints = root.findall("link"), root.findall("joint")
    if not links:
        raise ModelError(f"{where}: the robot has no link.")
    for kind, elements in (("link", links), ("joint", joints)):
        _check_names(elements, kind, where)
        for element in elements:
            _mend(element, source.notes)
            _check_numbers(element, where)
    for material in root.findall("material"):
        _mend(material, source.notes)
    for link in links:
        mass = number(link.find("inertial/mass"), "value", 0.0)
        if mass < 0.0:
            raise ModelError(f"{where}: {label(link)} has negative mass {mass:g} kg.")
    by_name = {name_of(joint): joint for joint in joints}
    link_names = [name_of(link) for link in links]
    for joint in joints:
        _check_joint(joint, link_names, where)
        _check_mimic(joint, by_name, source.notes)
    return links[link_names.index(_check_tree(link_names, joints, where))]


def _check_names(elements: list[Element], kind: str, where: str) -> None:
    seen: set[str] = set()
    for position, element in enumerate(elements):
        name = name_of(element)
        if not name:
            raise ModelError(f"{where}: {kind} number {position + 1} has no name.")
        if name in seen:
            raise ModelError(f'{where}: two {kind}s have the name "{name}".')
        seen.add(name)


def _mend(element: Element, notes: Notes) -> None:
    """Take the numbers that are needed of a colour or scale that holds more of them, and no colour where they are none."""
    for color in element.iter("color"):
        values = _floats(color.get("rgba", "1 1 1 1"))
        if len(values) != 4:
            color.set("rgba", " ".join(map(str, (values + [1.0])[:4] if len(values) >= 3 else [0.7, 0.7, 0.7, 1.0])))
            notes.add("colours that are not four numbers, of which the first are taken", label(element))
    for mesh in element.iter("mesh"):
        values = _floats(mesh.get("scale", "1"))
        if len(values) > 3:
            mesh.set("scale", " ".join(map(repr, values[:3])))
            notes.add("mesh scales of more than three numbers, of which the first three are taken", label(element))


def _floats(text: str) -> list[float]:
    """The numbers of an attribute; none if one of the words is no finite number."""
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        return []
    return values if all(map(math.isfinite, values)) else []


def _check_numbers(element: Element, where: str) -> None:
    for part in element.iter():
        for attribute, counts in NUMBERS.get(part.tag, {}).items():
            text = part.get(attribute)
            if text is None:
                continue
            try:
                values = [float(word) for word in text.split()]
            except ValueError:
                values = []
            valid = (lambda x: not math.isnan(x)) if part.tag == "limit" else math.isfinite  # an infinite limit is no limit
            if len(values) not in counts or not all(map(valid, values)):
                if "$" in text:
                    raise ModelError(f'{where}: {label(element)}: <{part.tag} {attribute}="{text}">: {expand(where)}.')
                need = " or ".join(str(n) for n in counts) + " number" + ("" if counts == (1,) else "s")
                raise ModelError(f'{where}: {label(element)}: <{part.tag} {attribute}="{text}"> must hold {need}.')
            if attribute in NOT_NEGATIVE.get(part.tag, ()) and values[0] < 0.0:
                raise ModelError(
                    f'{where}: {label(element)}: <{part.tag} {attribute}="{text}"> is negative; allowed: zero or more.'
                )


def _check_joint(joint: Element, links: list[str], where: str) -> None:
    kind, name = joint.get("type", ""), name_of(joint)
    if kind not in JOINT_KINDS:
        beside = f" A {kind} is asked for beside the file, see `joints` of the morph." if kind in KINDS else ""
        raise ModelError(f'{where}: joint "{name}" has type "{kind}"; known: {", ".join(JOINT_KINDS)}.{beside}')
    for end in ("parent", "child"):
        link = end_of(joint, end)
        if not link:
            raise ModelError(f'{where}: joint "{name}" has no <{end} link="…">.')
        if link not in links:
            raise unknown_name(where, f'{end} link of joint "{name}"', link, links)
    if kind in SCALAR_KINDS + ("planar",) and not any(numbers(joint.find("axis"), "xyz", [1.0, 0.0, 0.0])):
        raise ModelError(f'{where}: joint "{name}" has a zero axis.')
    lower, upper = (number(joint.find("limit"), side, 0.0) for side in ("lower", "upper"))
    if kind in ("revolute", "prismatic") and lower > upper:
        raise ModelError(f'{where}: joint "{name}" has its lower limit {lower:g} above its upper limit {upper:g}.')


def _check_mimic(joint: Element, joints: dict[str, Element], notes: Notes) -> None:
    """Take a mimic away that cannot be followed: the joint then moves by itself."""
    mimic, name = joint.find("mimic"), name_of(joint)
    if mimic is None or joint.get("type") == "fixed":
        return
    target = mimic.get("joint", "")
    if joint.get("type") not in SCALAR_KINDS:
        notes.add(f"mimics by joints that are not {', '.join(SCALAR_KINDS)}, so that they move by themselves", f'"{name}"')
    elif target == name or target not in joints or joints[target].get("type") not in SCALAR_KINDS:
        notes.add("mimics of joints that cannot be followed, so that they move by themselves", f'"{name}" of "{target}"')
    else:
        return
    joint.remove(mimic)


def _check_tree(links: list[str], joints: list[Element], where: str) -> str:
    """The name of the one link without a parent, from which every other is reached."""
    parent_joint: dict[str, str] = {}
    children: dict[str, list[str]] = {}
    for joint in joints:
        parent, child = end_of(joint, "parent"), end_of(joint, "child")
        if child in parent_joint:
            raise ModelError(
                f'{where}: link "{child}" is the child of two joints, "{parent_joint[child]}" and "{name_of(joint)}"; '
                "a robot must be a tree, kinematic loops are not supported."
            )
        parent_joint[child] = name_of(joint)
        children.setdefault(parent, []).append(child)
    roots = [link for link in links if link not in parent_joint]
    if not roots:
        raise ModelError(f"{where}: every link is the child of a joint, so there is no root: the joints form a loop.")
    if len(roots) > 1:
        raise ModelError(
            f"{where}: {len(roots)} links have no parent joint ({', '.join(roots[:6])}); exactly one root is allowed."
        )
    reached, stack = set(), [roots[0]]
    while stack:
        reached.add(link := stack.pop())
        stack.extend(children.get(link, []))
    if lost := [link for link in links if link not in reached]:
        raise ModelError(
            f"{where}: links {', '.join(lost[:6])} are not connected to the root {roots[0]}: their joints form a loop."
        )
    return roots[0]
