"""What unknowns change: physical parameters of the model, sensors, inputs."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Target:
    """Filled in anew for every point, by each unknown in turn; what is not in it keeps its described value.

    physical: core name -> value without an environment axis. sensors: (channel, "gain" | "bias" | "delay") -> value, (width,) or a
    number for the delay [s]. inputs: (input, "gain" | "bias" | "delay" | "lag") -> likewise; a lag is a time constant [s].
    """

    described: dict[str, Tensor]
    physical: dict[str, Tensor] = field(default_factory=dict)
    sensors: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    inputs: dict[tuple[str, str], Tensor] = field(default_factory=dict)

    def value(self, name: str) -> Tensor:
        """A physical parameter as it stands: what an earlier unknown has left, else the described value."""
        return self.physical.get(name, self.described[name])
