"""Sizes that are known before memory is taken."""

from collections.abc import Mapping

from genesis.errors import InputError
from genesis.observations.readers.options import ReadOptions

NUMBER = 8  # bytes


def within(what: str, sizes: Mapping[str, int], options: ReadOptions, faults: dict[str, str]) -> set[str]:
    """The arrays to read: all, or where the budget has no room for all, those that the config asks for; the others become faults.

    sizes: numbers of 8 bytes of each array by name. Raises: InputError for those that are asked for and too large.
    """
    if sum(sizes.values()) <= options.most or options.asked is None:
        afford(what, sum(sizes.values()), options)
        return set(sizes)
    kept = {name for name in sizes if any(_holds(name, column) for column in options.asked)}
    afford(what, sum(sizes[name] for name in kept), options)
    faults |= {
        name: f"it was not asked for, and {what} would take {gigabytes(sum(sizes.values()))}" for name in set(sizes) - kept
    }
    return kept


def _holds(array: str, column: str) -> bool:
    """Whether a column of that name, or pattern with {name} in it, may lie in an array: it is the array, or `array[k]`."""
    if "{name}" in column:
        before, _, after = column.partition("{name}")
        if "[" in before:
            return array == before.partition("[")[0]
        plain = after.partition("[")[0]
        return array.startswith(before) and (array.endswith(plain) or "[" in after)
    return column == array or column.startswith(f"{array}[")


def afford(what: str, numbers: int, options: ReadOptions) -> None:
    """Raises: InputError for more numbers than the budget has room for; what: file and what would be read."""
    if numbers > options.most:
        raise InputError(
            f"{what} would take {gigabytes(numbers)}; the limit is {options.budget_gb:g} GB. If that is right, "
            f"set observation.budget_gb to more; else the file is damaged or not what it seems."
        )


def gigabytes(numbers: int) -> str:
    """The memory of numbers of 8 bytes, in words."""
    return f"{numbers * 8e-9:.3g} GB"
