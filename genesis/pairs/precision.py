"""Tolerances that depend on the precision of the runtime."""

from genesis import runtime


def tolerance(double: float, single: float) -> float:
    """One of two numbers, at trace time."""
    return double if runtime.state().precision == "64" else single
