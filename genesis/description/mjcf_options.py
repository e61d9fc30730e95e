"""What <option> and <flag> of an MJCF file say: forces that it switches off, values for the scene, and what nothing here follows."""

from typing import TYPE_CHECKING

import numpy as np

from genesis.description.description import Description, FileOptions
from genesis.description.mjcf_constraints import floats
from genesis.description.mjcf_elements import spelled_out
from genesis.description.source import Source

if TYPE_CHECKING:
    import mujoco

STATED = ("timestep", "gravity", "integrator", "cone", "impratio", "tolerance", "iterations", "ls_iterations")  # attributes
STATED_BY_FLAG = {"gravity": "gravity", "eulerdamp": "implicit_damping"}
NOT_FOLLOWED = {"refsafe": "disable", "multiccd": "disable", "diagexact": "enable", "sleep": "enable", "ipc": "enable"}
NOT_FOLLOWED |= {"speculative": "enable"}  # flags with an effect on motion; others only choose how the same is computed


def read_options(description: Description, model: "mujoco.MjModel", source: Source) -> None:
    """Fill ``description.options``, and carry out every flag that switches a force off or overrides contact parameters."""
    import mujoco

    opt, off = model.opt, _Off(model)
    _switch_off(description, off)
    whole = not _has(model, "override", "enable") or _override(description, opt)
    integrator = mujoco.mjtIntegrator(opt.integrator).name.removeprefix("mjINT_")
    description.options = FileOptions(
        timestep=float(opt.timestep),
        gravity=(0.0, 0.0, 0.0) if off("GRAVITY") else floats(opt.gravity),
        integrator={"EULER": "Euler", "RK4": "RK4"}.get(integrator, integrator.lower()),
        implicit_damping=not off("EULERDAMP"),
        cone=mujoco.mjtCone(opt.cone).name.removeprefix("mjCONE_").lower(),
        impratio=float(opt.impratio),
        tolerance=float(opt.tolerance),
        iterations=int(opt.iterations),
        ls_iterations=int(opt.ls_iterations),
        stated=frozenset(_stated(source)),
        switched_off=tuple(flag for flag in ("limit", "contact") if off(flag.upper(), "CONSTRAINT")),
        others=tuple(_others(model, whole)),
    )


class _Off:
    """Whether a flag is disabled, by the end of its name in mjtDisableBit."""

    def __init__(self, model: "mujoco.MjModel") -> None:
        self.flags = int(model.opt.disableflags)

    def __call__(self, *names: str) -> bool:
        import mujoco

        return any(self.flags & getattr(mujoco.mjtDisableBit, f"mjDSBL_{name}") for name in names)


def _switch_off(description: Description, off: _Off) -> None:
    for joint in (joint for link in description.links for joint in link.joints):
        if off("SPRING"):
            joint.stiffness = 0.0
        if off("DAMPER"):
            joint.damping = 0.0
        if off("LIMIT", "CONSTRAINT"):
            joint.limit = None
        if off("FRICTIONLOSS", "CONSTRAINT"):
            joint.frictionloss = 0.0
    if off("CONTACT", "CONSTRAINT"):
        for geom in description.geoms:
            geom.contype = geom.conaffinity = 0
    description.filter_parent = not off("FILTERPARENT")


def _stated(source: Source) -> set[str]:
    """Fields of `FileOptions` that the file or what it includes names."""
    found: set[str] = set()
    for option in spelled_out(source).iter("option"):
        found |= {name for name in STATED if name in option.attrib}
        found |= {STATED_BY_FLAG[name] for flag in option.iter("flag") for name in flag.attrib if name in STATED_BY_FLAG}
    return found


def _override(description: Description, opt: "mujoco.MjOption") -> bool:
    """Contact parameters of the options for all geoms and pairs; a geom adds its margin to another's.

    Returns: whether a geom can say all of it: it has one friction for both tangents and one for both rolling axes.
    """
    solref, solimp, friction = map(floats, (opt.o_solref, opt.o_solimp, opt.o_friction))
    for geom in description.geoms:
        geom.solref, geom.solimp, geom.margin = solref, solimp, 0.5 * float(opt.o_margin)
        geom.friction = (friction[0], friction[2], friction[3])
    for pair in description.pairs:
        pair.solref, pair.solimp, pair.margin, pair.friction = solref, solimp, float(opt.o_margin), friction
    return friction[0] == friction[1] and friction[3] == friction[4]


def _others(model: "mujoco.MjModel", whole: bool) -> list[str]:
    """What the options ask for and nothing here follows; ``whole``: an override of contacts, if there is one, is carried out."""
    opt, lines = model.opt, []
    if opt.density or opt.viscosity:
        wind = f", wind {_words(opt.wind)}" if np.any(opt.wind) else ""
        lines.append(f"fluid forces (density {opt.density:g}, viscosity {opt.viscosity:g}{wind})")
    if opt.noslip_iterations:
        lines.append(f"noslip iterations ({opt.noslip_iterations})")
    if not whole:
        lines.append(f"different frictions along two directions in o_friction ({_words(opt.o_friction)})")
    return lines + [f'flag {name}="{state}"' for name, state in NOT_FOLLOWED.items() if _has(model, name, state)]


def _words(values: np.ndarray) -> str:
    return " ".join(f"{x:g}" for x in values)


def _has(model: "mujoco.MjModel", name: str, state: str) -> bool:
    import mujoco

    bits, prefix = (mujoco.mjtDisableBit, "mjDSBL_") if state == "disable" else (mujoco.mjtEnableBit, "mjENBL_")
    flags = model.opt.disableflags if state == "disable" else model.opt.enableflags
    return bool(flags & getattr(bits, prefix + name.upper(), 0))
