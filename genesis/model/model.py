"""Model: everything that is constant while a scene runs, as flat numpy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from genesis.description.description import Actuator, Geom, HeightField, Link, Site
from genesis.description.kinds import KINDS, JointKind
from genesis.description.meshes import Mesh
from genesis.model.layout import HEADER, INTEGER_GROUPS, PARAMETERS, SIZES, parameter_offsets
from genesis.model.options import ConstraintOptions


@dataclass(frozen=True)
class JointInfo:
    """A joint as the user sees it (a free joint is one joint of six degrees of freedom)."""

    name: str
    type: str
    link: int
    entity: int
    qpos_adr: int
    dof_adr: int
    nq: int
    nv: int
    limit: tuple[float, float] | None
    mimic: str | None = None
    velocity_limit: float | None = None

    @property
    def kind(self) -> JointKind:
        """What its type is."""
        return KINDS[self.type]


@dataclass(frozen=True)
class EntityInfo:
    """Where the parts of one entity lie in the arrays of the scene."""

    name: str
    source: str  # file or primitive it came from, for messages
    link_start: int
    n_links: int
    joint_start: int
    n_joints: int
    dof_start: int
    n_dofs: int
    q_start: int
    n_qs: int
    act_start: int
    n_act: int
    geom_start: int
    n_geoms: int
    keyframes: dict[str, np.ndarray] = field(default_factory=dict)
    not_simulated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """Arrays of a whole scene.

    sizes: those of `layout.SIZES` (njnt counts elementary joints) and npair.
    integers: name -> int32 array, see `layout.INTEGERS`.
    parameters: name -> float64 array with the described values, see `layout.PARAMETERS`.
    """

    sizes: dict[str, int]
    integers: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]
    qpos0: np.ndarray
    dof_inertia: np.ndarray  # (nv,) diagonal of the mass matrix at qpos0 [kg | kg m²]
    links: list[Link]
    link_parents: np.ndarray  # (nlink,) index of the parent link, -1 the world
    joints: list[JointInfo]
    entities: list[EntityInfo]
    actuators: list[Actuator]
    geoms: list[Geom]
    sites: list[Site]
    contact_geoms: list[int]  # (ngeom,) rows of the table geom_*: index into ``geoms``
    hulls: list[Mesh]  # convex hulls in the geom's frame, by geom_data of a mesh
    hfields: list[HeightField]  # by geom_data of a height field
    constraints: ConstraintOptions

    @property
    def nlink(self) -> int:
        return self.sizes["nlink"]

    @property
    def nq(self) -> int:
        return self.sizes["nq"]

    @property
    def nv(self) -> int:
        return self.sizes["nv"]

    @property
    def nu(self) -> int:
        return self.sizes["nu"]

    @cached_property
    def parameter_offsets(self) -> dict[str, tuple[int, int]]:
        return parameter_offsets(self.sizes)

    @cached_property
    def parameter_size(self) -> int:
        return sum(length for _, length in self.parameter_offsets.values())

    def pack_integers(self, shapes: np.ndarray | None = None, starts: Sequence[int] = ()) -> np.ndarray:
        """The flat int32 array of the kernels: header, then the groups of `layout.INTEGER_GROUPS`, then integers of shapes.

        Args:
            shapes: what hulls and height fields need; starts: where in it the shape of each geom (ngeom) begins. With them, geom_data
                is the address of a geom's shape in the packed array.
        """
        header = [self.sizes[name] for name in SIZES]
        offset = len(HEADER) + 1  # a zero stands behind the header
        integers = dict(self.integers)
        behind = offset + sum(v.size for v in integers.values())
        if shapes is not None:
            integers["geom_data"] = np.where(integers["geom_data"] < 0, -1, behind + np.asarray(starts, np.int32))
        groups = [np.stack([integers[name] for name in names], 1).ravel() for names in INTEGER_GROUPS.values()]
        for group in groups:
            header.append(offset)
            offset += group.size
        header += [self.parameter_offsets[kind.name][0] for kind in PARAMETERS]
        more = [] if shapes is None else [shapes]
        return np.concatenate([np.asarray([*header, 0], np.int32), *(g.astype(np.int32) for g in (*groups, *more))])

    def pack_parameters(self) -> np.ndarray:
        """The flat float64 parameter vector with the described values."""
        return np.concatenate([np.asarray(self.parameters[kind.name], np.float64).ravel() for kind in PARAMETERS])
