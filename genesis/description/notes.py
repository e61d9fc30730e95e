"""What a robot file says that is left out or read in another way: one warning a kind and file, with the places."""

from genesis.log import logger

SHOWN = 5  # places that a warning lists


class Notes:
    """Collects places by kind; ``report`` warns once of each kind."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._places: dict[str, dict[str, None]] = {}

    def add(self, kind: str, place: str) -> None:
        """Note that ``kind``, a clause, holds at ``place``, e.g. link "arm"."""
        self._places.setdefault(kind, {})[place] = None

    def report(self) -> None:
        """Warn of everything noted since the last report, in the order in which kinds were first met."""
        for kind, places in self._places.items():
            logger.warning("%s: %s: %s.", self.where, kind, listed(list(places)))
        self._places.clear()


def listed(places: list[str]) -> str:
    """a, b, c, d, e and 3 more."""
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more
