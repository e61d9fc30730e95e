"""`gs.materials`: what an entity is made of."""

from genesis.errors import InputError, UnsupportedError
from genesis.scene.settings import settings

DEFAULT_DENSITY = 200.0  # [kg/m³], documented default of the API


@settings(
    "materials.Rigid",
    {"friction_torsional": None, "friction_rolling": None, "needs_coup": True, "coup_friction": 0.1, "coup_softness": 0.002,
     "coup_restitution": 0.0, "sdf_cell_size": 0.005, "sdf_min_res": 32, "sdf_max_res": 128, "gravity_compensation": 0.0,
     "coup_type": None, "coup_links": None, "coupling_mode": None},
)  # fmt: skip
class Rigid:
    """A rigid body.

    rho: density [kg/m³] of primitives and meshes (200 if None); robots read from a file keep their masses.
    friction: coefficient kept with the geometry; contacts are not simulated in this version.
    """

    rho: float | None = None
    friction: float | None = None

    def __post_init__(self) -> None:
        if self.rho is not None and not 0.0 < float(self.rho) < float("inf"):
            raise InputError(f"materials.Rigid: rho is {self.rho!r}; allowed: a positive density [kg/m³].")
        if self.friction is not None and not 1e-2 <= float(self.friction) <= 5.0:
            raise InputError(f"materials.Rigid: friction is {self.friction!r}; allowed: 0.01 to 5.")

    @property
    def density(self) -> float:
        """[kg/m³]"""
        return DEFAULT_DENSITY if self.rho is None else float(self.rho)


def __getattr__(name: str):
    if name in ("MPM", "FEM", "SPH", "PBD", "SF", "Tool", "Kinematic", "Hybrid", "Avatar"):
        raise UnsupportedError(
            f"gs.materials.{name} is not supported: only rigid bodies are simulated in this version; known: Rigid."
        )
    raise AttributeError(f"module 'genesis.materials' has no attribute {name!r}; known: Rigid")
