"""Gains, biases, delays and lags of recorded inputs."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.numbers import NumberOptions
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.signal import Signal
from genesis.setting import Setting


class RecordedInput(Signal):
    """One property of the columns of an input: gain, bias [unit of the input], how late it acts [s], time constant of its lag [s].

    A lag starts at one time step: at zero nothing changes with it.
    """

    def __init__(self, setting: Setting, where: str, *, what: str, input: str, names: Any = ("*",), **common: Any) -> None:
        assert setting.recorded is not None  # `make_parameter` refuses it in a task
        options = NumberOptions(**common)
        super().__init__(
            setting, where, kind="input", what=what, signal=input, signals=setting.recorded.inputs, names=names,
            changes=Changes(inputs=(input,)), options=options, start=setting.dt if what == "lag" and options.learn else None,
        )  # fmt: skip
        if what == "lag" and self.learn and not bool((self.value() > 0.0).all()):
            raise InputError(
                f"{where}.init: a lag of 0 s has no slope to learn from; give a positive one, or null for a time step."
            )

    def apply(self, inputs: Inputs) -> None:
        self.put(inputs.recorded)
