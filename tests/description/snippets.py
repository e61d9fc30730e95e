"""Small URDF texts, written by the tests themselves."""

import numpy as np


def robot(*parts: str, name: str = "snippet") -> str:
    return f'<robot name="{name}">' + "".join(parts) + "</robot>"


def link(name: str, mass: float | None = 1.0, inside: str = "", com="0.1 0 0.2", inertia=(0.02, 0.03, 0.04)) -> str:
    """A link with an inertial off its origin and turned, or an empty one for mass None."""
    if mass is None:
        return f'<link name="{name}">{inside}</link>'
    x, y, z = inertia
    return (
        f'<link name="{name}"><inertial><origin xyz="{com}" rpy="0.1 0.2 0.3"/><mass value="{mass}"/>'
        f'<inertia ixx="{x}" iyy="{y}" izz="{z}" ixy="0.001" ixz="0.002" iyz="-0.003"/></inertial>{inside}</link>'
    )


def joint(name: str, kind: str, parent: str, child: str, inside: str = "", axis=(0, 0, 1), xyz=(0, 0, 0), rpy=(0, 0, 0)) -> str:
    axis_text, xyz_text, rpy_text = (" ".join(repr(float(x)) for x in v) for v in (axis, xyz, rpy))
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{xyz_text}" rpy="{rpy_text}"/><axis xyz="{axis_text}"/>{inside}</joint>'
    )


def arm(kind: str = "revolute", inside: str = "", **kwargs) -> str:
    """A base and one moving link."""
    return robot(link("base"), link("tip"), joint("wrist", kind, "base", "tip", inside, **kwargs))


def random_vectors(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (count, 3))
