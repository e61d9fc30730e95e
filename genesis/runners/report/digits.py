"""Numbers as text: a value gets the digits that its standard deviation supports."""

import math
from dataclasses import dataclass

from genesis.sysid.result import Estimate

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
UNKNOWN = "–"
LARGEST_PLAIN, SMALLEST_PLAIN = 1e5, 1e-3  # outside, a power of ten is written
MOST_DIGITS = 8  # significant ones of a value, however small its standard deviation


@dataclass(frozen=True)
class Quantity:
    """An estimate as text. power: "·10⁻⁵" that value, std, low and high share, or ""."""

    value: str
    std: str
    low: str
    high: str
    power: str

    @property
    def measured(self) -> str:
        """1.234 ± 0.012, or (1.234 ± 0.012)·10⁻⁵; without ± where the standard deviation is unknown."""
        if self.std == UNKNOWN:
            return self.value + self.power
        both = f"{self.value} ± {self.std}"
        return f"({both}){self.power}" if self.power else both

    @property
    def interval(self) -> str:
        """low … high, with the power of ten."""
        if self.low == UNKNOWN and self.high == UNKNOWN:
            return UNKNOWN
        both = f"{self.low} … {self.high}"
        return f"({both}){self.power}" if self.power else both


def quantity(estimate: Estimate) -> Quantity:
    """Value and interval rounded where the standard deviation has two significant digits."""
    value, std = estimate.value, estimate.std
    known = math.isfinite(std) and std > 0.0
    if not known or not math.isfinite(value):
        return Quantity(plain(value, 5), UNKNOWN, UNKNOWN, UNKNOWN, "")
    size = max(abs(value), std)
    exponent = _exponent(size) if not SMALLEST_PLAIN <= size < LARGEST_PLAIN else 0
    unit = 10.0**exponent
    finest = _exponent(abs(value) / unit) - MOST_DIGITS + 1 if value else -MOST_DIGITS
    last = max(_exponent(std / unit) - 1, finest)
    low, high, spread = (_rounded(x / unit, last) for x in (estimate.low, estimate.high, std))
    return Quantity(
        value=_rounded(value / unit, last),
        std=spread,
        low=low,
        high=high,
        power=f"·10{str(exponent).translate(SUPERSCRIPT)}" if exponent else "",
    )


def plain(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits: 0.1235, 12 350, 1.235·10⁻⁷, ∞; – where there is none."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0.0:
        return "0"
    exponent = _exponent(abs(float(f"{value:.{digits - 1}e}")))
    if SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN:
        text = f"{value:.{max(digits - 1 - exponent, 0)}f}"
        return _sign(text.rstrip("0").rstrip(".") if "." in text else text)
    mantissa = f"{value / 10.0**exponent:.{digits - 1}f}".rstrip("0").rstrip(".")
    return f"{_sign(mantissa)}·10{str(exponent).translate(SUPERSCRIPT)}"


def power(exponent: float) -> str:
    """A power of ten: 38, 1.6·10⁴, 10⁸."""
    if 0.0 <= exponent < 3.0:
        return plain(10.0**exponent, 2)
    whole = math.floor(exponent)
    mantissa = plain(10.0 ** (exponent - whole), 2)
    return f"{'' if mantissa == '1' else f'{mantissa}·'}10{str(whole).translate(SUPERSCRIPT)}"


def percent(share: float) -> str:
    """A share as 0.43 %, 12 %, 340 %, over 1000 %; – where unknown."""
    if math.isnan(share):
        return UNKNOWN
    if share > 10.0:
        return "over 1000 %"
    return f"{plain(100.0 * share, 2)} %" if share < 0.1 else f"{100.0 * share:.0f} %"


def change(before: float, after: float) -> str:
    """How a non-negative number changed: −92 %, +4 %, ÷ 35; – where it cannot be told."""
    if not (math.isfinite(before) and math.isfinite(after)) or before <= 0.0:
        return UNKNOWN
    ratio = after / before
    if 0.0 < ratio < 0.1:
        return f"÷ {1.0 / ratio:.0f}" if ratio > 1e-4 else f"÷ {plain(1.0 / ratio, 2)}"
    if ratio > 10.0:
        return f"× {plain(ratio, 2)}"
    text = f"{100.0 * (ratio - 1.0):+.0f} %"
    return "0 %" if text in ("+0 %", "-0 %") else _sign(text)


def duration(seconds: float) -> str:
    """3.2 ms, 0.43 s, 12.4 s, 3 min 20 s, 2 h 05 min."""
    if 0.0 < seconds < 0.1:
        return f"{plain(1e3 * seconds, 3)} ms"
    if seconds < 120.0:
        return f"{plain(seconds, 3)} s"
    whole = round(seconds)
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _exponent(size: float) -> int:
    return math.floor(math.log10(size)) if size > 0.0 and math.isfinite(size) else 0


def _rounded(value: float, last: int) -> str:
    """``value`` rounded to the decimal place 10**last."""
    if not math.isfinite(value):
        return UNKNOWN
    return _sign(f"{round(value, -last):.{max(-last, 0)}f}")


def _sign(text: str) -> str:
    """A true minus, and none before zero."""
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]
    return text.replace("-", "−")


def size(count: int) -> str:
    """Bytes as 12 kB, 3.4 MB."""
    return f"{max(count / 1e3, 1.0):.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
