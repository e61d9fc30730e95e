"""What `gs.Scene` of the documented API takes and this version does not: refused by name."""

from collections.abc import Mapping
from typing import TypeVar

from genesis.errors import InputError, UnsupportedError, unknown_name

Options = TypeVar("Options")

_NO_PICTURES = ("vis_options", "viewer_options", "profiling_options", "renderer")
_OTHER_SOLVERS = ("tool", "kinematic", "mpm", "sph", "fem", "sf", "pbd", "coupler")
_LATER = (
    "add_sensor", "add_force_field", "add_light", "add_mesh_light", "draw_debug_line", "visualizer", "export",
    "load",
)  # fmt: skip


def refuse_attribute(name: str) -> None:
    """Raises: UnsupportedError for a documented attribute of a scene that is not there."""
    if name in _LATER:
        raise UnsupportedError(f"scene.{name} is not supported in this version.")
    if name.endswith("_solver") and name[:-7] in _OTHER_SOLVERS:
        raise UnsupportedError(f"scene.{name} is not supported: only rigid bodies are simulated in this version.")


def instance(name: str, value: Options | None, kind: type[Options]) -> Options:
    """The options as given, or their defaults.

    Raises: InputError for a value of another type.
    """
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise InputError(f"{name} is {type(value).__name__}; allowed: {kind.__name__}.")
    return value


def refuse_others(others: Mapping[str, object]) -> None:
    """Raises: UnsupportedError for what a scene of this version does without, UnknownNameError for what no scene has."""
    known = (*(f"{kind}_options" for kind in _OTHER_SOLVERS), *_NO_PICTURES, "options")
    for name, value in others.items():
        if name not in known:
            raise unknown_name("Scene", "argument", name, ("sim_options", "rigid_options", "show_viewer", "show_FPS"))
        if value is not None:
            why = "viewer and pictures take no options" if name in _NO_PICTURES else "only rigid bodies are simulated"
            raise UnsupportedError(f"Scene: {name} is not supported ({why} in this version); leave it out.")
