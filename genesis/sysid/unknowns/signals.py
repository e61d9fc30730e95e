"""What lies between the robot and the log: gains, biases and delays of sensors; gains, biases, delays and lags of inputs."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from genesis.errors import unknown_name
from genesis.selection import indices, match, tensor
from genesis.setting import Setting
from genesis.sysid.target import Target
from genesis.sysid.unknowns.unknown import Options, Unknown

NEUTRAL = {"gain": 1.0, "bias": 0.0, "delay": 0.0, "lag": 0.0}
SINGLE = ("delay", "lag")  # one number for all columns


class Signal(Unknown):
    """One property of the columns of a channel ("sensor") or of an input."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        side: str,
        what: str,
        signal: str,
        signals: dict[str, Sequence[str]],
        units: dict[str, str],
        options: Options,
        names: Any = ("*",),
    ) -> None:
        if signal not in signals:
            raise unknown_name(
                f"{where}.{'channel' if side == 'sensor' else 'input'}",
                "channel" if side == "sensor" else "input",
                signal,
                signals,
            )
        self.side, self.key, columns = side, (signal, what), list(signals[signal])
        self.width = len(columns)
        if what in SINGLE:
            self.places, labels = [0], [signal]
        else:
            self.places = match(f"{where}.names", "column", names, columns)
            labels = [columns[k] for k in self.places]
        self.single = what in SINGLE
        unit = {"gain": "1", "bias": units[signal], "delay": "s", "lag": "s"}[what]
        least = 0.0 if what == "lag" else -float("inf")
        super().__init__(where, labels, unit, tensor([NEUTRAL[what]] * len(labels)), options, least)

    def apply(self, z: Tensor, target: Target) -> None:
        table = target.sensors if self.side == "sensor" else target.inputs
        value = self.rows_of(z)
        if self.single:
            table[self.key] = value[0]
            return
        base = table.get(self.key)
        if base is None:
            base = value.new_full((self.width,), NEUTRAL[self.key[1]])
        table[self.key] = base.index_copy(0, indices(self.places), value)
