"""Gains, biases and delays of sensors."""

from typing import Any

from genesis.parameters.numbers import NumberOptions
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.signal import Signal
from genesis.setting import Setting


class Sensor(Signal):
    """One property of the columns of a channel: gain, bias [unit of the channel], or how late its numbers are stamped [s]."""

    def __init__(self, setting: Setting, where: str, *, what: str, channel: str, names: Any = ("*",), **common: Any) -> None:
        assert setting.recorded is not None  # `make_parameter` refuses it in a task
        super().__init__(
            setting, where, kind="channel", what=what, signal=channel, signals=setting.recorded.channels, names=names,
            changes=Changes(sensors=(channel,)), options=NumberOptions(**common),
        )  # fmt: skip

    def apply(self, inputs: Inputs) -> None:
        self.put(inputs.sensors)
