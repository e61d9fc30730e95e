"""`gs.materials`: what an entity is made of."""

from collections.abc import Iterable
from typing import NoReturn

from genesis.description.description import Geom
from genesis.errors import InputError, UnsupportedError
from genesis.model.checks import CONDIMS, check_solimp, check_solref
from genesis.scene.settings import settings

DEFAULT_DENSITY = 200.0  # [kg/m³], documented default of the API


@settings(
    "materials.Rigid",
    {"needs_coup": True, "coup_friction": 0.1, "coup_softness": 0.002, "coup_restitution": 0.0, "sdf_cell_size": 0.005,
     "sdf_min_res": 32, "sdf_max_res": 128, "gravity_compensation": 0.0, "coup_type": None, "coup_links": None,
     "coupling_mode": None},
)  # fmt: skip
class Rigid:
    """A rigid body.

    rho: density [kg/m³] of primitives and meshes (200 if None); robots read from a file keep their masses.

    Contact parameters of every geom that touches, None: those of the file, else MuJoCo's defaults.
    friction [1], friction_torsional [m], friction_rolling [m]: coefficients; the last two raise condim to 4 and 6 where it is lower
    and not given. condim: 1 no friction, 3 sliding, 4 and torsional, 6 and rolling.
    solref: (time constant [s], damping ratio); solimp: (impedance at zero, at width, width [m], midpoint, power); or both in
    sol_params. margin, gap [m]: distance at which a contact is found, and the part of it without force.
    priority, solmix: which of two geoms decides, and its weight among equals.
    """

    rho: float | None = None
    friction: float | None = None
    friction_torsional: float | None = None
    friction_rolling: float | None = None
    condim: int | None = None
    sol_params: tuple | None = None
    solref: tuple | None = None
    solimp: tuple | None = None
    margin: float | None = None
    gap: float | None = None
    priority: int | None = None
    solmix: float | None = None

    def __post_init__(self) -> None:
        if self.rho is not None and not 0.0 < float(self.rho) < float("inf"):
            raise InputError(f"materials.Rigid: rho is {self.rho!r}; allowed: a positive density [kg/m³].")
        for name in ("friction", "friction_torsional", "friction_rolling", "margin", "gap", "solmix"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= float(value) < float("inf"):
                raise InputError(f"materials.Rigid: {name} is {value!r}; allowed: zero or a positive number.")
        if self.condim is not None and self.condim not in CONDIMS:
            raise InputError(f"materials.Rigid: condim is {self.condim!r}; allowed: {', '.join(map(str, CONDIMS))}.")
        if self.sol_params is not None:
            if self.solref is not None or self.solimp is not None:
                raise InputError("materials.Rigid: sol_params and solref or solimp are given; give one.")
            numbers = _numbers("sol_params", self.sol_params, 7)
            self.solref, self.solimp = numbers[:2], numbers[2:]
        if self.solref is not None:
            self.solref = _numbers("solref", self.solref, 2)
            check_solref("materials.Rigid", "solref", self.solref)
        if self.solimp is not None:
            self.solimp = _numbers("solimp", self.solimp, 5)
            check_solimp("materials.Rigid", "solimp", self.solimp)

    def apply(self, geom: Geom) -> None:
        """Give a geom the contact parameters that are set."""
        given = (self.friction, self.friction_torsional, self.friction_rolling)
        sliding, torsional, rolling = (old if new is None else float(new) for new, old in zip(given, geom.friction, strict=True))
        geom.friction = (sliding, torsional, rolling)
        needed = 6 if self.friction_rolling is not None else 4 if self.friction_torsional is not None else 0
        geom.condim = max(geom.condim, needed) if self.condim is None else int(self.condim)
        for name in ("solref", "solimp", "margin", "gap", "priority", "solmix"):
            value = getattr(self, name)
            if value is not None:
                setattr(geom, name, value)

    @property
    def density(self) -> float:
        """[kg/m³]"""
        return DEFAULT_DENSITY if self.rho is None else float(self.rho)


def _numbers(name: str, values: Iterable[float], count: int) -> tuple[float, ...]:
    try:
        made = tuple(float(x) for x in values)
    except (TypeError, ValueError):
        made = ()
    if len(made) != count:
        raise InputError(f"materials.Rigid: {name} is {values!r}; allowed: {count} numbers.")
    return made


def __getattr__(name: str) -> NoReturn:
    if name in ("MPM", "FEM", "SPH", "PBD", "SF", "Tool", "Kinematic", "Hybrid", "Avatar"):
        raise UnsupportedError(
            f"gs.materials.{name} is not supported: only rigid bodies are simulated in this version; known: Rigid."
        )
    raise AttributeError(f"module 'genesis.materials' has no attribute {name!r}; known: Rigid")
