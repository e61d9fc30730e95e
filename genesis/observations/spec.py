"""What the config says of every channel and input, checked as far as no file and no scene is needed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from genesis.channels.kinds import CHANNEL_KINDS, INPUT_KINDS, Kind
from genesis.errors import InputError, unknown_name
from genesis.units import conversion

PLACEHOLDER = "{name}"
COMMON = ("kind", "columns", "names", "unit", "scale", "offset", "delay", "time", "time_unit", "entity")
CHANNEL_ONLY = ("sigma", "weight", "loss", "loss_scale", "period")


@dataclass
class ColumnSource:
    """Where the numbers of a channel or input come from.

    columns: name of a joint, link or actuator -> its columns; {} until a pattern has met a file.
    pattern: columns of one name with {name} in them, or None; chosen: glob patterns of the names that it may mean.
    factor: SI units in one unit of the file, which `stated` says that the user gave; scale, offset: value = scale * column + offset, in
    the unit of the file.
    delay: how much later than the instant it belongs to a number is stamped [s]; of an input, how much later it acts.
    clock: column of times of these numbers alone, or None; clock_unit: its unit, None: that of all.
    period: jump of an encoder that begins anew before a gear [rad | m], or None.
    """

    columns: dict[str, list[str]]
    pattern: list[str] | None
    chosen: list[str]
    factor: float
    scale: np.ndarray
    offset: np.ndarray
    delay: float
    clock: str | None
    clock_unit: str | None = None
    period: float | None = None
    stated: bool = False


@dataclass
class ChannelSpec:
    """A measured channel.

    name: key in the config; names: joints, links or sites in the order of the numbers; unit: SI.
    sigma: (residuals,) noise level in SI units, made from the data where the user gave none.
    weight, loss, loss_scale: factor, and the robust loss of residuals in units of sigma.
    options: keyword arguments of the class in `channels.CHANNELS`.
    """

    name: str
    kind: str
    unit: str
    weight: float
    loss: str
    loss_scale: float
    options: dict[str, Any]
    source: ColumnSource
    names: list[str] = field(default_factory=list)
    sigma: np.ndarray = field(default_factory=lambda: np.zeros(0))
    given_sigma: Any = None

    @property
    def where(self) -> str:
        """Config key, for messages."""
        return f"observation.channels.{self.name}"

    @property
    def entity(self) -> str | None:
        """Entity by name; None: the robot."""
        return self.options["entity"]

    @property
    def about(self) -> Kind:
        """What its numbers are."""
        return CHANNEL_KINDS[self.kind]

    @property
    def labels(self) -> list[str]:
        """One for each measured number."""
        return self.about.labels(self.names)


@dataclass
class InputSpec:
    """A recorded input. hold: linear between samples, or zero: the last one holds."""

    name: str
    kind: str
    unit: str
    hold: str
    entity: str | None
    source: ColumnSource
    names: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Config key, for messages."""
        return f"observation.inputs.{self.name}"

    @property
    def about(self) -> Kind:
        """What its numbers are."""
        return INPUT_KINDS[self.kind]

    @property
    def labels(self) -> list[str]:
        """One for each number."""
        return self.about.labels(self.names)


def channel_spec(name: str, node: Mapping[str, Any]) -> ChannelSpec:
    """From a node of the config. Raises: InputError naming the key."""
    where = f"observation.channels.{name}"
    kind = _kind(where, node, CHANNEL_KINDS)
    source, unit = _source(where, node, CHANNEL_KINDS[kind])
    options = {key: value for key, value in node.items() if key not in (*COMMON, *CHANNEL_ONLY)}
    options["entity"] = node.get("entity")
    weight, loss, scale = float(node.get("weight", 1.0)), str(node.get("loss", "linear")), float(node.get("loss_scale", 1.345))
    return ChannelSpec(name, kind, unit, weight, loss, scale, options, source, given_sigma=node.get("sigma"))


def input_spec(name: str, node: Mapping[str, Any]) -> InputSpec:
    """From a node of the config. Raises: InputError naming the key."""
    where = f"observation.inputs.{name}"
    kind = _kind(where, node, INPUT_KINDS)
    source, unit = _source(where, node, INPUT_KINDS[kind])
    hold = str(node.get("hold", "linear"))
    if hold not in ("linear", "zero"):
        raise unknown_name(f"{where}.hold", "hold", hold, ("linear", "zero"))
    return InputSpec(name, kind, unit, hold, node.get("entity"), source)


def settle(spec: ChannelSpec | InputSpec, available: list[str], file: str) -> None:
    """Names and columns of a pattern from the columns of the first file; the vectors of scale and offset.

    Raises: InputError where the pattern fits no column.
    """
    source, width = spec.source, spec.about.width
    if source.pattern is not None and not source.columns:
        names = _matching(source.pattern[0], available)
        names = [name for name in names if any(fnmatchcase(name, chosen) for chosen in source.chosen)]
        if not names:
            shown = ", ".join(available[:12])
            raise InputError(
                f'{spec.where}.columns: no column of {file} fits "{source.pattern[0]}" with a name that {source.chosen} '
                f"chooses; its columns: {shown}."
            )
        source.columns = {name: [part.replace(PLACEHOLDER, name) for part in source.pattern] for name in names}
    spec.names = list(source.columns)
    count = len(spec.names) * width
    source.scale = spread(f"{spec.where}.scale", source.scale, count, width)
    source.offset = spread(f"{spec.where}.offset", source.offset, count, width)


def spread(where: str, values: Any, count: int, width: int) -> np.ndarray:
    """(count,) from one number, the numbers of one name (width), or one for each.

    Raises: InputError for another length or not a number.
    """
    try:
        made = np.asarray(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {values!r} is neither a number nor a list of numbers.") from error
    if len(made) not in (1, width, count) or not np.isfinite(made).all():
        allowed = " or ".join(str(n) for n in sorted({1, width, count}))
        raise InputError(f"{where}: {values!r}; allowed: {allowed} finite numbers.")
    return np.tile(made, count // len(made))


def _kind(where: str, node: Mapping[str, Any], kinds: Mapping[str, Kind]) -> str:
    kind = str(node.get("kind"))
    if kind not in kinds:
        raise unknown_name(f"{where}.kind", "kind", kind, kinds)
    return kind


def _source(where: str, node: Mapping[str, Any], about: Kind) -> tuple[ColumnSource, str]:
    factor, unit = (1.0, "1") if not about.quantities else conversion(f"{where}.unit", node.get("unit"), about.quantities)
    columns, pattern = _columns(f"{where}.columns", node.get("columns"), about.width)
    scale, offset = np.asarray(node.get("scale", 1.0)), np.asarray(node.get("offset", 0.0))
    chosen = node.get("names") or ["*"]
    delay = float(node.get("delay", 0.0))
    if not np.isfinite(delay):
        raise InputError(f"{where}.delay: {delay} s is no time.")
    source = ColumnSource(
        columns, pattern, list(chosen), factor, scale, offset, delay, node.get("time"), node.get("time_unit"), node.get("period"),
        node.get("unit") is not None,
    )  # fmt: skip
    period = source.period
    if period is not None and not (isinstance(period, (int, float)) and 0.0 < period < np.inf):
        raise InputError(f"{where}.period: {source.period!r}; allowed: a positive number [rad | m], 2 pi / ratio of the gear.")
    if source.clock_unit is not None and source.clock is None:
        raise InputError(
            f"{where}.time_unit: belongs to a column of times of its own, {where}.time; that of all is observation.time.unit."
        )
    return source, unit


def _columns(where: str, given: Any, width: int) -> tuple[dict[str, list[str]], list[str] | None]:
    """(columns by name, pattern) from a mapping, or from the columns of one name with {name} in them."""
    if isinstance(given, Mapping) and given:
        return {str(name): _list(f"{where}.{name}", columns, width) for name, columns in given.items()}, None
    if isinstance(given, str) or (isinstance(given, (list, tuple)) and given):
        pattern = _list(where, given, width)
        bare = next((part for part in pattern if part.count(PLACEHOLDER) != 1), None)
        if bare is not None:
            raise InputError(f'{where}: "{bare}" must hold {PLACEHOLDER} once; or give a mapping, {{elbow: q2}}.')
        return {}, pattern
    raise InputError(f"{where}: {given!r}; allowed: a mapping {{elbow: q2}}, or columns with {PLACEHOLDER} in them.")


def _list(where: str, columns: Any, width: int) -> list[str]:
    """The columns of one name."""
    made = [str(c) for c in columns] if isinstance(columns, (list, tuple)) else [str(columns)]
    if len(made) != width:
        raise InputError(f"{where}: {len(made)} columns {made}, needs {width}.")
    return made


def _matching(pattern: str, available: list[str]) -> list[str]:
    """The names for which the pattern is a column, in the order of the columns."""
    before, _, after = pattern.partition(PLACEHOLDER)
    least = len(before) + len(after)
    fitting = [c for c in available if len(c) > least and c.startswith(before) and c.endswith(after)]
    return [column[len(before) : len(column) - len(after)] for column in fitting]
