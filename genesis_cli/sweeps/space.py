"""What the overrides of a multirun leave open: values to choose from and intervals, in Hydra's own syntax."""

import math
import random
from dataclasses import dataclass, field
from typing import Any

from genesis_cli.errors import CommandError


@dataclass
class Axis:
    """One override that is swept.

    values: what there is to choose from, as typed; or low, high of an interval of numbers, logarithmic or not, whole or not.
    """

    key: str
    values: list[str] = field(default_factory=list)
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def discrete(self) -> bool:
        return bool(self.values)

    def draw(self, source: random.Random) -> str:
        """A value by chance."""
        if self.discrete:
            return source.choice(self.values)
        if self.log:
            value = math.exp(source.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = source.uniform(self.low, self.high)
        return str(round(value)) if self.whole else repr(value)


def read_space(words: list[str], config_loader: Any) -> tuple[list[str], list[Axis]]:
    """Overrides that are the same in every job, and those that are swept.

    Raises: CommandError for an interval that is empty, or logarithmic and not positive.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import IntervalSweep

    fixed, axes = [], []
    for override in OverridesParser.create(config_loader=config_loader).parse_overrides(words):
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(str(override.input_line))
            continue
        sweep: Any = override.value()
        if isinstance(sweep, IntervalSweep):
            low, high, log = sweep.start, sweep.end, "log" in sweep.tags
            if low is None or high is None or not low < high or (log and not low > 0):
                raise CommandError(f"{key}: interval({low}, {high}) must go from low to high{', both positive' if log else ''}.")
            axes.append(Axis(key, low=low, high=high, log=log, whole=isinstance(low, int)))
        else:
            axes.append(Axis(key, values=list(override.sweep_string_iterator())))
    return fixed, axes
