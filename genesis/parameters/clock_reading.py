"""Clocks of channels and recorded inputs that run or begin differently from that of the recording."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.numbers import NumberOptions
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.signal import Signal
from genesis.setting import Setting


class ClockReading(Signal):
    """time = clock_scale * stamp + clock_offset [s] of all numbers of a channel or of an input; stamps count from the recording's start.

    Raises: InputError unless one of both is named.
    """

    def __init__(
        self, setting: Setting, where: str, *, what: str, channel: str | None = None, input: str | None = None, **common: Any
    ) -> None:
        assert setting.recorded is not None  # `make_parameter` refuses it in a task
        if (channel is None) == (input is None):
            raise InputError(f"{where}: name the channel or the input whose clock it is: channel=NAME, or input=NAME.")
        self.of_channel, name = channel is not None, str(input if channel is None else channel)
        recorded = setting.recorded
        super().__init__(
            setting, where, kind="channel" if self.of_channel else "input", what=what, signal=name,
            signals=recorded.channels if self.of_channel else recorded.inputs, names=("*",),
            changes=Changes(sensors=(name,)) if self.of_channel else Changes(inputs=(name,)), options=NumberOptions(**common),
        )  # fmt: skip

    def apply(self, inputs: Inputs) -> None:
        self.put(inputs.sensors if self.of_channel else inputs.recorded)
