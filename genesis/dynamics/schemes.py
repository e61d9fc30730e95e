"""Time integrations by name: the file with `step` and its adjoint, and what they take at the end of the step."""

from dataclasses import dataclass, replace
from types import ModuleType

from genesis.dynamics import coriolis, euler, runge_kutta
from genesis.dynamics.workspace import ALL, IMPLICIT, Layout


@dataclass(frozen=True)
class Scheme:
    """A time integration: `step`, its adjoint and number of stages; the others: see `step.Options`."""

    file: ModuleType
    implicit_actuators: bool = False
    implicit_coriolis: int = coriolis.NONE
    friction_laws: bool = False

    @property
    def stages(self) -> int:
        return self.file.STAGES

    @property
    def layout(self) -> Layout:
        """Fields of the scratch."""
        return IMPLICIT if self.implicit_actuators else ALL


INTEGRATORS = {
    "Euler": Scheme(euler),
    "implicitfast": Scheme(euler, implicit_actuators=True),
    "implicit": Scheme(euler, implicit_actuators=True, implicit_coriolis=coriolis.ALL),
    "RK4": Scheme(runge_kutta),
}
FREE_BODIES = "implicitfast, free bodies"  # MuJoCo's implicitfast where there are any
_PLAIN = INTEGRATORS | {FREE_BODIES: Scheme(euler, implicit_actuators=True, implicit_coriolis=coriolis.BODIES)}
FRICTION_LAWS = ", friction laws"  # behind the name of one for robots with such


SCHEMES = _PLAIN | {name + FRICTION_LAWS: replace(scheme, friction_laws=True) for name, scheme in _PLAIN.items()}
