"""Nearest names for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_first(name: str, allowed: Iterable[str]) -> list[str]:
    """The allowed names, those most like `name` first."""
    names = sorted(set(allowed))
    close = get_close_matches(name, names, n=len(names), cutoff=0.5) if names else []
    return close + [candidate for candidate in names if candidate not in close]


def known(name: str, allowed: Iterable[str], limit: int = 12) -> str:
    """`known: a, b, c` with the nearest first, at most `limit` of them."""
    names = nearest_first(name, allowed)
    tail = f", … ({len(names)} in all)" if len(names) > limit else ""
    return "known: " + (", ".join(names[:limit]) or "none") + tail
