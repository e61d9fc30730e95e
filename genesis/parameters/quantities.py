"""Physical quantities under the names that users know."""

from dataclasses import dataclass

from genesis.scene.physical import NOT_NEGATIVE


@dataclass(frozen=True)
class PhysicalQuantity:
    """Rows of one physical parameter: core name, columns of a row (None: all), least value (None: the parameter's), unit (None: likewise)."""

    field: str
    columns: tuple[int, ...] | None = None
    lowest: float | None = None
    unit: str | None = None

    @property
    def least(self) -> float:
        """The smallest value that means anything."""
        if self.lowest is not None:
            return self.lowest
        return 0.0 if self.field in NOT_NEGATIVE else -float("inf")


#: Kinds that are nothing but rows of one parameter; a further one is a line here and its kind in the schema of the command line.
QUANTITIES: dict[str, PhysicalQuantity] = {
    "centre_of_mass": PhysicalQuantity("link_com"),
    "damping": PhysicalQuantity("dof_damping"),
    "dry_friction": PhysicalQuantity("dof_frictionloss"),
    "dry_friction_time": PhysicalQuantity("dof_solref", (0,), 1e-6, "s"),
    "stiffness": PhysicalQuantity("dof_stiffness"),
    "spring_reference": PhysicalQuantity("qpos_spring"),
    "armature": PhysicalQuantity("dof_armature"),
    "kp": PhysicalQuantity("dof_kp"),
    "kv": PhysicalQuantity("dof_kv"),
    "actuator_gain": PhysicalQuantity("act_gain"),
    "actuator_bias": PhysicalQuantity("act_bias0"),
    "friction": PhysicalQuantity("geom_friction", (0,), 0.0, "1"),
    "solref": PhysicalQuantity("geom_solref"),
    "solimp": PhysicalQuantity("geom_solimp"),
    "gravity": PhysicalQuantity("gravity"),
    "link_position": PhysicalQuantity("link_pos"),
}
