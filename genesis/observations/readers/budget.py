"""Sizes that are known before memory is taken."""

from genesis.errors import InputError
from genesis.observations.readers.options import ReadOptions


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
