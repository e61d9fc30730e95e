"""Physical quantities under the names that users know."""

from dataclasses import dataclass

from genesis.scene.physical import NOT_NEGATIVE


@dataclass(frozen=True)
class PhysicalQuantity:
    """Rows of one physical parameter: core name, columns of a row (None: all), least value (None: the parameter's), unit (None: likewise).

    natural: the least value as one that a real machine may have, as no damping; an answer there is none at the edge of what is allowed.
    """

    field: str
    columns: tuple[int, ...] | None = None
    lowest: float | None = None
    unit: str | None = None
    natural: float | None = None

    @property
    def least(self) -> float:
        """The smallest value that means anything."""
        if self.lowest is not None:
            return self.lowest
        return 0.0 if self.field in NOT_NEGATIVE else -float("inf")


#: Kinds that are nothing but rows of one parameter; a further one is a line here and its kind in the schema of the command line.
QUANTITIES: dict[str, PhysicalQuantity] = {
    "centre_of_mass": PhysicalQuantity("link_com"),
    "damping": PhysicalQuantity("dof_damping", natural=0.0),
    "dry_friction": PhysicalQuantity("dof_frictionloss", natural=0.0),
    "dry_friction_time": PhysicalQuantity("dof_solref", (0,), 1e-6, "s"),
    "stiffness": PhysicalQuantity("dof_stiffness", natural=0.0),
    "spring_reference": PhysicalQuantity("qpos_spring"),
    "armature": PhysicalQuantity("dof_armature", natural=0.0),
    "kp": PhysicalQuantity("dof_kp", natural=0.0),
    "kv": PhysicalQuantity("dof_kv", natural=0.0),
    "actuator_gain": PhysicalQuantity("act_gain"),
    "actuator_bias": PhysicalQuantity("act_bias0"),
    "friction": PhysicalQuantity("geom_friction", (0,), 0.0, "1", natural=0.0),
    "solref": PhysicalQuantity("geom_solref"),
    "solimp": PhysicalQuantity("geom_solimp"),
    "gravity": PhysicalQuantity("gravity"),
    "link_position": PhysicalQuantity("link_pos"),
}
