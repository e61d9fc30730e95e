"""What lies between the robot and the log: the body of properties of sensors and of recorded inputs."""

from typing import Any

from torch import Tensor

from genesis.errors import unknown_name
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes
from genesis.selection import indices, match, tensor
from genesis.setting import Columns, Setting

NEUTRAL = {"gain": 1.0, "bias": 0.0, "delay": 0.0, "lag": 0.0}
SINGLE = ("delay", "lag")  # one number for all columns


class Signal(Numbers):
    """One property of the columns of a signal.

    Args:
        kind: of the signal, "channel" or "input"; signal: its name; signals: those that there are.
        what: "gain", "bias", "delay" or "lag"; start: its value at the start, None: the one that changes nothing.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        kind: str,
        what: str,
        signal: str,
        signals: dict[str, Columns],
        names: Any,
        changes: Changes,
        options: NumberOptions,
        start: float | None = None,
    ) -> None:
        if signal not in signals:
            raise unknown_name(f"{where}.{kind}", kind, signal, signals)
        self.key, columns = (signal, what), signals[signal].labels
        self.width, self.single = len(columns), what in SINGLE
        self.places = [0] if self.single else match(f"{where}.names", "column", names, columns)
        labels = [signal] if self.single else [columns[k] for k in self.places]
        unit = {"gain": "1", "bias": signals[signal].unit, "delay": "s", "lag": "s"}[what]
        values = tensor([NEUTRAL[what] if start is None else start] * len(labels))
        described = DescribedNumbers(
            labels, unit, values, least=0.0 if what == "lag" else -float("inf"), natural=0.0 if what == "lag" else None
        )
        super().__init__(setting, where, described, options, changes)

    def put(self, table: dict[tuple[str, str], Tensor]) -> None:
        """Put the values into a table of `Inputs`."""
        value = self.of_rows()
        if self.single:
            table[self.key] = value[0]
            return
        base = table.get(self.key)
        if base is None:
            base = value.new_full((self.width,), NEUTRAL[self.key[1]])
        table[self.key] = base.index_copy(0, indices(self.places), value)
