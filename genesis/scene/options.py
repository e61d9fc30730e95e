"""`gs.options`: settings of a scene.

Documented options that are not supported are refused by name unless they have their default.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, NoReturn

from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.model.options import CONES, CONTACTS, ConstraintRequest
from genesis.scene.settings import settings


class integrator(Enum):
    """Time integration. Euler: semi-implicit, joint damping and gains of joint controllers on the velocity implicit; implicitfast: also
    the velocity feedback of the actuators of a file, for stiff servos; implicit: also Coriolis forces; RK4: classical Runge-Kutta."""

    Euler = "euler"
    RK4 = "rk4"
    implicitfast = "implicitfast"
    implicit = "implicit"
    approximate_implicitfast = "approximate_implicitfast"


class constraint_solver(Enum):
    """Names of the documented API; constraints are solved by Newton's method."""

    CG = 0
    Newton = 1


class link_ref_frame(Enum):
    """Where on a link a wrench is applied."""

    link_origin = 0
    link_COM = 1
    root_COM = 2


IMPLICIT_INTEGRATORS = ("implicitfast", "implicit")
SUPPORTED_INTEGRATORS = ("Euler", *IMPLICIT_INTEGRATORS, "RK4")
_OTHER = {
    "enable_neutral_collision": False, "max_collision_pairs": 150, "multiplier_collision_broad_phase": 8,
    "constraint_solver": constraint_solver.Newton, "ls_tolerance": 0.01, "noslip_iterations": 0, "noslip_tolerance": 1e-6,
    "contact_resolution": None, "enable_torsional_friction": False, "enable_rolling_friction": False,
    "contact_pruning_tolerance": 0.02, "sparse_solve": None, "constraint_timeconst": 0.01, "box_box_detection": None,
    "use_hibernation": False, "hibernation_thresh_vel": None, "max_dynamic_constraints": 8, "enable_multi_contact": True,
    "enable_mujoco_compatibility": False, "use_gjk_collision": None, "enable_contact_patch": None, "broadphase_traversal": None,
    "IK_max_targets": 6, "use_contact_island": False,
}  # fmt: skip


@settings("SimOptions", {"substeps_local": None})
class SimOptions:
    """Settings of the whole simulation.

    dt: time of one `scene.step()` [s] (None: the timestep that the MJCF files state, else 0.01); substeps: integration steps in it;
    gravity: (3,) [m/s²] (None: what the files state, else (0, 0, -9.81)); requires_grad: whether the states of the scene carry the
    graph of torch (otherwise everything is detached, and setters drop gradients).
    """

    dt: float | None = None
    substeps: int = 1
    gravity: tuple | None = None
    floor_height: float = 0.0
    requires_grad: bool = False

    def __post_init__(self) -> None:
        if self.dt is not None:
            _positive("SimOptions", "dt", self.dt)
        if int(self.substeps) != self.substeps or self.substeps < 1:
            raise InputError(f"SimOptions: substeps is {self.substeps!r}; allowed: 1, 2, 3, …")
        if self.gravity is not None:
            self.gravity = _vector("SimOptions", "gravity", self.gravity)
        if self.floor_height != 0.0:
            raise UnsupportedError(
                "SimOptions: floor_height is not supported (there is no floor but gs.morphs.Plane); leave it out."
            )


@settings("RigidOptions", _OTHER, "it is not part of this version")
class RigidOptions:
    """Settings of rigid bodies.

    dt, gravity: as SimOptions unless given. integrator: gs.integrator.Euler, implicitfast, implicit or RK4 (None: what the files
    state, else Euler).
    implicit_damping: whether Euler treats joint damping and velocity gains implicitly (None: as the files say, else yes).
    batch_*_info: accepted; every parameter may differ between environments anyway.

    Constraints, where None means what the files say, else the default in brackets:
    enable_collision: contacts (yes). enable_self_collision: those between moving links of one entity (yes).
    enable_adjacent_collision: those between a link and its parent (no). enable_joint_limit (yes). disable_constraint: no contact,
    joint limit, dry friction and equality at all. max_contacts: bound on the contacts of one environment (none: room grows).
    contact: "smooth" (default) | "mujoco", the law of contacts. friction_cone: "pyramidal" | "elliptic" (None: elliptic with
    the smooth law, else what the file says). contact_reach: distance [m] from which pairs that never touch act on gradients (0). impratio:
    impedance of friction relative to that of the normal (1). iterations, tolerance: of the solver, by Newton's method in float64 (100; 1e-10
    of the largest force, in float32 1e-8); ls_iterations: of its line search (50).
    """

    dt: float | None = None
    gravity: tuple | None = None
    integrator: Any = None
    implicit_damping: bool | None = None
    enable_collision: bool | None = None
    enable_joint_limit: bool | None = None
    enable_self_collision: bool | None = None
    enable_adjacent_collision: bool | None = None
    disable_constraint: bool = False
    max_contacts: int | None = None
    contact: str | None = None
    friction_cone: str | None = None
    impratio: float | None = None
    contact_reach: float | None = None
    iterations: int | None = None
    tolerance: float | None = None
    ls_iterations: int | None = None
    batch_links_info: bool = False
    batch_joints_info: bool = False
    batch_dofs_info: bool = False

    def __post_init__(self) -> None:
        if self.dt is not None:
            _positive("RigidOptions", "dt", self.dt)
        if self.gravity is not None:
            self.gravity = _vector("RigidOptions", "gravity", self.gravity)
        if self.integrator is not None:
            self.integrator = _integrator(self.integrator)
            if self.implicit_damping is False and self.integrator.name in IMPLICIT_INTEGRATORS:
                raise InputError(
                    f"RigidOptions: implicit_damping=False does not go with integrator={self.integrator.name}, which takes all damping "
                    "at the end of the step; leave it out, or choose Euler or RK4."
                )
        _one_of("contact", self.contact, CONTACTS)
        _one_of("friction_cone", self.friction_cone, CONES)
        for name in ("max_contacts", "iterations", "ls_iterations"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value, int) and value >= 1):
                raise InputError(f"RigidOptions: {name} is {value!r}; allowed: 1, 2, 3, …")
        if self.contact_reach is not None and not (
            _is_number(self.contact_reach, (int, float)) and 0.0 <= self.contact_reach < 1e6
        ):
            raise InputError(f"RigidOptions: contact_reach is {self.contact_reach!r}; allowed: a distance [m], zero or positive.")
        for name in ("impratio", "tolerance"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value, (int, float)) and 0.0 < value < float("inf")):
                raise InputError(f"RigidOptions: {name} is {value!r}; allowed: a positive number.")

    def request(self) -> ConstraintRequest:
        """What is asked of the constraints of a model."""
        return ConstraintRequest(
            enable_collision=self.enable_collision is not False,
            enable_self_collision=self.enable_self_collision is not False,
            enable_adjacent_collision=self.enable_adjacent_collision,
            enable_joint_limit=self.enable_joint_limit is not False,
            disable_constraint=bool(self.disable_constraint),
            cone=self.friction_cone, impratio=self.impratio, tolerance=self.tolerance, iterations=self.iterations,
            ls_iterations=self.ls_iterations, max_contacts=self.max_contacts, contact=self.contact, contact_reach=self.contact_reach,
        )  # fmt: skip


_NOT_SIMULATED = {
    **{f"{kind}Options": "only rigid bodies are simulated" for kind in ("MPM", "SPH", "FEM", "SF", "PBD", "Tool", "Kinematic")},
    **{
        f"{kind}Options": "only rigid bodies are simulated"
        for kind in ("BaseCoupler", "LegacyCoupler", "SAPCoupler", "IPCCoupler", "Coupler")
    },
    **{f"{kind}Options": "viewer and pictures take no options" for kind in ("Viewer", "Vis", "Profiling")},
    "renderers": "viewer and pictures take no options",
}


def __getattr__(name: str) -> NoReturn:
    if name in _NOT_SIMULATED:
        raise UnsupportedError(
            f"gs.options.{name} is not supported: {_NOT_SIMULATED[name]} in this version; known: SimOptions, RigidOptions."
        )
    raise AttributeError(f"module 'genesis.options' has no attribute {name!r}; known: SimOptions, RigidOptions")


def _integrator(value: object) -> integrator:
    name = value.name if isinstance(value, integrator) else value
    known = {k.lower(): integrator[k] for k in SUPPORTED_INTEGRATORS}
    if not isinstance(name, str) or name.lower() not in known:
        raise unknown_name("RigidOptions", "integrator", str(name), SUPPORTED_INTEGRATORS)
    return known[name.lower()]


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise unknown_name("RigidOptions", name, str(value), allowed)


def _is_number(value: object, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _positive(where: str, name: str, value: float) -> None:
    if not (isinstance(value, int | float) and 0.0 < value < float("inf")):
        raise InputError(f"{where}: {name} is {value!r}; allowed: a positive number [s].")


def _vector(where: str, name: str, value: Iterable[float]) -> tuple[float, float, float]:
    try:
        made = tuple(float(x) for x in value)
    except (TypeError, ValueError):
        made = ()
    if len(made) != 3 or any(x != x or abs(x) == float("inf") for x in made):
        raise InputError(f"{where}: {name} is {value!r}; allowed: three finite numbers.")
    return made
