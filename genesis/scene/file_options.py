"""What the files of a scene ask of the simulation: followed where the user has not chosen, and named where it is not followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from genesis.description.description import FileOptions
from genesis.grad.physics import Physics
from genesis.log import logger
from genesis.model.options import agreed
from genesis.scene.options import IMPLICIT_INTEGRATORS, SUPPORTED_INTEGRATORS, RigidOptions, SimOptions

DEFAULTS: dict[str, Any] = {
    "timestep": 0.01,
    "gravity": (0.0, 0.0, -9.81),
    "integrator": "Euler",
    "implicit_damping": True,
}
CONSTRAINTS = ("cone", "impratio", "tolerance", "iterations", "ls_iterations")  # decided by `model.options.resolve`
STOPPING = ("tolerance", "iterations", "ls_iterations")  # of another solver: what they ask for is not worth a warning
NAMES = tuple(field.name for field in fields(FileOptions) if field.name not in ("stated", "switched_off", "others"))


@dataclass(frozen=True)
class Settled:
    """The settings of a scene: dt [s], gravity [m/s²], name of the integrator, whether Euler treats damping implicitly."""

    dt: float
    gravity: tuple[float, float, float]
    integrator: str
    implicit_damping: bool


def asked_for(sim: SimOptions, rigid: RigidOptions) -> dict[str, object]:
    """What the user chose, by the names of `FileOptions` and its flags; None: nothing."""
    return dict(
        timestep=sim.dt if rigid.dt is None else rigid.dt,
        gravity=sim.gravity if rigid.gravity is None else rigid.gravity,
        integrator=None if rigid.integrator is None else rigid.integrator.name,
        implicit_damping=rigid.implicit_damping, cone=rigid.friction_cone, impratio=rigid.impratio,
        tolerance=rigid.tolerance, iterations=rigid.iterations, ls_iterations=rigid.ls_iterations,
        limit=rigid.enable_joint_limit, contact=rigid.enable_collision,
    )  # fmt: skip


def settle(files: Sequence[FileOptions], asked: Mapping[str, Any]) -> Settled:
    """The user's choice, else what the files that state an option agree on, else the default."""
    found = []
    for name, default in DEFAULTS.items():
        said = agreed(name, files)
        if name == "integrator" and (
            said not in SUPPORTED_INTEGRATORS or asked["implicit_damping"] is False and said in IMPLICIT_INTEGRATORS
        ):
            said = None  # explicit damping is Euler's
        found.append(next(value for value in (asked[name], said, default) if value is not None))
    return Settled(float(found[0]), *found[1:])


def name_differences(
    files: Sequence[tuple[str, FileOptions]], settled: Settled, asked: Mapping[str, Any], physics: Physics
) -> None:
    """One line about what the files state: what of it changes a default, and what is not followed.

    A warning, unless all that is not followed was chosen by the user or only says when a solver stops, and no time step is taken over.

    Args:
        files: name and options of every entity; settled, physics: what the scene has.
    """
    used = _used(settled, physics)
    loud, parts = False, []
    for entity, options in files:
        said = {name: options.said(name) for name in NAMES if name in options.stated and name in used}
        wanting = [name for name, value in said.items() if value != used[name]]
        followed = [name for name in said if name not in wanting and asked[name] is None and used[name] != DEFAULTS.get(name)]
        followed = [name for name in followed if name in DEFAULTS]
        loud |= "timestep" in followed or bool(options.others)
        loud |= any(asked[name] is None and name not in STOPPING for name in wanting)
        lines = [f"{_label(name)} {_words(said[name])} (here {_words(used[name])})" for name in wanting]
        lines += options.others
        clauses = ["follows " + ", ".join(f"{_label(name)} {_words(said[name])}" for name in followed)] if followed else []
        clauses += ["does not follow " + ", ".join(lines)] if lines else []
        clauses += [f"has no {flag}s, which the file switches off" for flag in options.switched_off if asked[flag]]
        if clauses:
            parts.append(f'of the file of "{entity}" it {" and ".join(clauses)}')
    if parts:
        level = "warning" if loud else "info"
        getattr(logger, level)(
            "settings of the scene: %s. Options of the scene come before files, and defaults where files disagree.",
            "; ".join(parts),
        )


def _used(settled: Settled, physics: Physics) -> dict[str, object]:
    """What the simulation has of each option that has an effect in it."""
    used: dict[str, object] = dict(timestep=settled.dt, gravity=settled.gravity, integrator=settled.integrator)
    if settled.integrator == "Euler":
        used["implicit_damping"] = settled.implicit_damping
    if physics.constraints is not None:
        constraints, touching = physics.model.constraints, physics.model.sizes["ncand"] > 0
        used |= {name: getattr(constraints, name) for name in CONSTRAINTS if touching or name in STOPPING}
    return used


def _label(name: str) -> str:
    return name.replace("_", " ") if name in DEFAULTS else name


def _words(value: object) -> str:
    if value is None:
        return "what the precision allows"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " ".join(f"{x:g}" for x in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
