"""A random world from a seed, as MJCF, with a start and forces.

One to three trees of bodies, free or on joints, of hinges, slides and balls with damping, armature, springs, limits and dry friction; one or
two geoms a body with every kind of friction; a floor; one or two equalities. Every world has contacts of the same pairs of shapes and an
equality, so that all share their kernels.
"""

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

SHAPES = ("sphere", "capsule", "box")
STEPS = 100


@dataclass(frozen=True)
class World:
    """xml of the model; dt [s]; start velocities qvel (nv); forces (STEPS, nv) [N | Nm] on every degree of freedom."""

    seed: int
    xml: str
    dt: float
    qvel: np.ndarray
    forces: np.ndarray


class Maker:
    """Draws the parts of one world."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng([seed, 20])
        self.root = ElementTree.Element("mujoco", model=f"world {seed}")
        self.dt = float(self.random.choice([0.001, 0.002, 0.005]))
        cone = self.random.choice(["pyramidal", "elliptic"])
        ElementTree.SubElement(self.root, "compiler", angle="radian")
        ElementTree.SubElement(self.root, "option", timestep=f"{self.dt}", cone=str(cone))
        ElementTree.SubElement(self.root, "size", memory="64M")
        self.bodies: list[str] = []
        self.scalars: list[str] = []
        self.geoms = list(self.random.permutation(SHAPES))  # those still to come, so that none is missing
        self.nv = 0

    def make(self) -> ElementTree.Element:
        world = ElementTree.SubElement(self.root, "worldbody")
        friction = f"{self.random.uniform(0.3, 1.0):.3f} 0.005 0.0001"
        ElementTree.SubElement(world, "geom", name="floor", type="plane", size="0 0 1", friction=friction)
        for k, shape in enumerate(SHAPES):  # far below: with the geoms of the bodies they make every pair of shapes
            ElementTree.SubElement(world, "geom", type=shape, size="0.1 0.1 0.1", pos=f"{5 * k} 0 -9")
        for _ in range(self.random.integers(1, 4)):
            self.tree(world)
        while self.geoms:
            self.body(world, root=True)
        self.equalities()
        return self.root

    def tree(self, world: ElementTree.Element) -> None:
        parents = [world]
        for k in range(self.random.integers(1, 5)):
            parent = world if k == 0 else parents[self.random.integers(1, len(parents))]
            parents.append(self.body(parent, root=k == 0))

    def body(self, parent: ElementTree.Element, root: bool) -> ElementTree.Element:
        pos = self.random.uniform([-0.4, -0.4, 0.1], [0.4, 0.4, 0.6]) if root else 0.12 * self.random.normal(size=3)
        name = f"body{len(self.bodies)}"
        body = ElementTree.SubElement(parent, "body", name=name, pos=_text(pos), quat=_text(self.random.normal(size=4)))
        self.bodies.append(name)
        if root and self.random.random() < 0.7:
            ElementTree.SubElement(body, "freejoint")
            self.nv += 6
        else:
            self.joints(body)
        for _ in range(self.random.integers(1, 3)):
            self.geom(body)
        return body

    def joints(self, body: ElementTree.Element) -> None:
        for _ in range(self.random.choice([1, 1, 1, 2])):
            kind = str(self.random.choice(["hinge", "hinge", "slide", "ball"]))
            name = f"joint{self.nv}"
            joint = ElementTree.SubElement(body, "joint", name=name, type=kind, pos=_text(0.05 * self.random.normal(size=3)))
            joint.set("damping", f"{self.random.choice([0, 0.05, 0.5])}")
            joint.set("armature", f"{self.random.choice([0, 0.01, 0.1])}")
            self.nv += 3 if kind == "ball" else 1
            if kind == "ball":
                if self.random.random() < 0.3:
                    joint.set("range", f"0 {self.random.uniform(0.3, 2.0):.3f}")
                return
            self.scalars.append(name)
            joint.set("axis", _text(self.random.normal(size=3)))
            if self.random.random() < 0.4:
                joint.set("range", f"{-self.random.uniform(0.05, 1.0):.3f} {self.random.uniform(0.05, 1.0):.3f}")
            if self.random.random() < 0.3:
                joint.set("stiffness", f"{self.random.uniform(0, 20):.3f}")
            if self.random.random() < 0.3:
                joint.set("frictionloss", f"{self.random.uniform(0.01, 1):.3f}")

    def geom(self, body: ElementTree.Element) -> None:
        kind = str(self.geoms.pop() if self.geoms else self.random.choice(SHAPES))
        least, most = {"sphere": ([0.04], [0.12]), "capsule": ([0.03, 0.05], [0.07, 0.15]), "box": ([0.04] * 3, [0.1] * 3)}[kind]
        friction = f"{self.random.uniform(0.1, 1.2):.3f} 0.005 0.0001"
        ElementTree.SubElement(
            body, "geom", type=kind, size=_text(self.random.uniform(least, most)), pos=_text(0.05 * self.random.normal(size=3)),
            quat=_text(self.random.normal(size=4)), density=f"{self.random.uniform(200, 3000):.1f}", friction=friction,
            condim=str(self.random.choice([1, 3, 3, 4, 6])),
        )  # fmt: skip

    def equalities(self) -> None:
        made = ElementTree.SubElement(self.root, "equality")
        if len(self.scalars) > 1 and self.random.random() < 0.4:
            first, second = self.random.choice(self.scalars, 2, replace=False)
            coefficients = f"0 {self.random.uniform(-1, 1):.3f} 0.05 0 0"
            ElementTree.SubElement(made, "joint", joint1=first, joint2=second, polycoef=coefficients)
        if len(made) == 0 or self.random.random() < 0.3:
            kind = str(self.random.choice(["connect", "weld"]))
            body1, *others = self.random.permutation(self.bodies)
            equality = ElementTree.SubElement(made, kind, body1=body1, anchor=_text(0.05 * self.random.normal(size=3)))
            if others and self.random.random() < 0.7:
                equality.set("body2", others[0])


def make_world(seed: int) -> World:
    maker = Maker(seed)
    xml = ElementTree.tostring(maker.make(), encoding="unicode")
    random, nv = maker.random, maker.nv
    rates, sizes = random.uniform(1, 20, nv), random.normal(size=nv) * random.choice([0.0, 0.3, 3.0])
    forces = sizes * np.sin(maker.dt * np.arange(STEPS)[:, None] * rates)
    return World(seed, xml, maker.dt, random.normal(size=nv) * random.choice([0.0, 0.5, 2.0]), forces)


def _text(values: np.ndarray) -> str:
    return " ".join(f"{x:.4f}" for x in values)
