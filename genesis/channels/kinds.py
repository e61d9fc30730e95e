"""What can be measured and what can drive a robot: the numbers that belong to one name, and their units."""

from dataclasses import dataclass

XYZ = ("x", "y", "z")


@dataclass(frozen=True)
class Kind:
    """One kind of channel or input.

    of: what a name is: joint, frame (link or site), link or actuator.
    quantities: what the numbers may be (`units.UNITS`), the usual one first; (): any, without a unit.
    axes: the numbers of one name; (): a single one.
    residuals: how many numbers the difference to a measurement has; None: as many as were measured.
    """

    of: str
    quantities: tuple[str, ...]
    axes: tuple[str, ...] = ()
    residuals: int | None = None

    @property
    def width(self) -> int:
        """Measured numbers of one name."""
        return len(self.axes) or 1

    @property
    def residual_width(self) -> int:
        """Residuals of one name."""
        return self.width if self.residuals is None else self.residuals

    def labels(self, names: list[str]) -> list[str]:
        """One for each measured number: elbow, or hand.x."""
        return [f"{name}.{axis}" for name in names for axis in self.axes] if self.axes else list(names)


CHANNEL_KINDS: dict[str, Kind] = {
    "joint_position": Kind("joint", ("angle", "length")),
    "joint_velocity": Kind("joint", ("angular velocity", "velocity")),
    "joint_torque": Kind("joint", ("torque", "force")),
    "link_position": Kind("frame", ("length",), XYZ),
    "link_orientation": Kind("frame", ("ratio",), ("w", *XYZ), residuals=3),
    "link_velocity": Kind("frame", ("velocity",), XYZ),
    "link_angular_velocity": Kind("frame", ("angular velocity",), XYZ),
    "accelerometer": Kind("frame", ("acceleration",), XYZ),
    "gyro": Kind("frame", ("angular velocity",), XYZ),
    "contact_force": Kind("link", ("force",), XYZ),
    "marker": Kind("frame", ("length",), XYZ),
    "camera": Kind("frame", ("pixels",), ("u", "v")),
}

INPUT_KINDS: dict[str, Kind] = {
    "joint_force": Kind("joint", ("torque", "force")),
    "joint_position": Kind("joint", ("angle", "length")),
    "joint_velocity": Kind("joint", ("angular velocity", "velocity")),
    "actuator": Kind("actuator", ()),
}
