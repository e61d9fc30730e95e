"""The fields of a line of text: numbers, missing numbers, times of day."""

import csv
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from genesis.errors import InputError
from genesis.observations.readers.text import LONGEST_LINE

MISSING = frozenset(
    ("", "nan", "na", "n/a", "null", "none", "nil", "nat", "missing", "-", "--", "---", "?")
    + ("-nan", "+nan", "-nan(ind)", "nan(ind)", "nan(snan)", "-nan(snan)", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "1.#snan")
    + ("#n/a", "#num!", "#div/0!", "#value!", "#ref!")
)
INFINITE = {"1.#inf": float("inf"), "+1.#inf": float("inf"), "-1.#inf": float("-inf")}
NS = 1_000_000_000
EPOCH = date(1970, 1, 1).toordinal()
#: ISO 8601, with a blank for the T and slashes for the dashes too: year, month, day, hour, minute, second, fraction, zone.
ISO = re.compile(
    r"(\d{4})([-/])(\d\d)\2(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


@dataclass(frozen=True)
class Fields:
    """How fields are cut and read; decimal None: a point, or a comma where that cannot be the delimiter."""

    delimiter: str
    decimal: str | None = None
    format: str | None = None
    zone: tzinfo = UTC

    def split(self, line: str) -> list[str]:
        """The fields of one line."""
        if self.delimiter == " ":
            return line.split()
        if '"' not in line:
            return [field.strip() for field in line.split(self.delimiter)]
        if csv.field_size_limit() < LONGEST_LINE:
            csv.field_size_limit(LONGEST_LINE)
        return [field.strip() for field in next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True))]

    def closed(self, line: str) -> bool:
        """Whether every quoted field of a line ends in it."""
        try:
            next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True, strict=True))
        except csv.Error:
            return False
        return True

    def number(self, word: str) -> float | None:
        """The number in a field, NaN where it is missing, or None."""
        try:
            if self.decimal != "," and "_" not in word:
                return float(word)
        except ValueError:
            pass
        small = word.lower()
        if small in MISSING:
            return float("nan")
        if small in INFINITE:
            return INFINITE[small]
        if "_" in word or (self.decimal == "," and "." in word):
            return None
        try:
            return float(word if self.decimal == "." else word.replace(",", "."))
        except ValueError:
            return None

    def stamp(self, word: str) -> int | None:
        """The instant in a field [ns since 1970], or None."""
        if self.format is not None:
            try:
                at = datetime.strptime(word, self.format)
            except ValueError:
                return None
            at = at if at.tzinfo is not None else at.replace(tzinfo=self.zone)
            return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
        return iso_stamp(word, self.zone)

    def holds_number(self, word: str) -> bool:
        """Whether a field is a number or an instant, not a missing one."""
        value = self.number(word)
        return self.stamp(word) is not None if value is None else value == value

    def readable(self, word: str) -> bool:
        """Whether a field is a number, missing, or an instant."""
        return self.number(word) is not None or self.stamp(word) is not None


def iso_stamp(word: str, zone: tzinfo) -> int | None:
    """An instant in ISO 8601 [ns since 1970], whole nanoseconds; zone: where the text names none. None: it is no instant.

    >>> iso_stamp("2024-01-01T00:00:00.000000001Z", timezone.utc) - iso_stamp("2024-01-01 01:00+01:00", timezone.utc)
    1
    """
    found = ISO.fullmatch(word)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        days = _day(int(year), int(month), int(day))
    except ValueError:
        return None
    seconds = ((days * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second or 0)
    if offset is None:
        seconds -= _local(zone, seconds // 900 * 900)
    elif offset[0] in "+-":
        digits = offset[1:].replace(":", "")
        seconds -= (-1 if offset[0] == "-" else 1) * (int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60)
    return seconds * NS + int((fraction or "0")[:9].ljust(9, "0"))


def has_zone(word: str) -> bool:
    """Whether an instant in ISO 8601 names its time zone."""
    return word.endswith(("Z", "z", "UTC")) or "+" in word[10:] or "-" in word[10:]


@lru_cache(maxsize=64)
def _day(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - EPOCH


@lru_cache(maxsize=256)
def _local(zone: tzinfo, seconds: int) -> int:
    """How far a zone is ahead [s] at its local time, to a quarter of an hour: zones change no finer."""
    at = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    ahead = zone.utcoffset(at)
    return 0 if ahead is None else int(ahead.total_seconds())


def zone_of(where: str, name: str | None) -> tzinfo:
    """A zone by name, Europe/Berlin, or distance, +02:00; None: UTC. Raises: InputError for another text."""
    if name is None or name in ("UTC", "Z"):
        return UTC
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", name)
    if found is not None and int(found[2]) < 24:
        minutes = int(found[2]) * 60 + int(found[3])
        return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f'{where}: unknown time zone "{name}"; allowed: a name, Europe/Berlin, or a distance, +02:00.'
        ) from error
