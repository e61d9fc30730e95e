"""A step along a direction that lowers the value enough and flattens its slope (strong Wolfe conditions).

Source: Moré, Thuente, Line search algorithms with guaranteed sufficient decrease, ACM TOMS 20, 1994; Nocedal, Wright, 2006, §3.5.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

DECREASE, CURVATURE = 1e-3, 0.9  # µ and η of the strong Wolfe conditions
NARROW = 0.1  # relative width of a bracket that is not worth another evaluation
SHRINK = 0.66  # of the bracket in two trials, else it is halved; also how far a trial goes towards its other end at most
NEAR, FAR = 1.1, 4.0  # how far beyond the last trial the next one may lie, in units of the last advance
SHORTER = 0.25  # of the way to a trial without a value


@dataclass(frozen=True)
class Trial:
    """A step with the value and the slope along the direction there."""

    step: float
    value: float
    slope: float

    def tilted(self, slope: float) -> "Trial":
        """Of the function less a line of this slope through step 0."""
        return Trial(self.step, self.value - slope * self.step, self.slope - slope)


def search(
    at: Callable[[float], tuple[float, float]], value: float, slope: float, first: float, largest: float, evaluations: int
) -> float | None:
    """A step that lowers the value, which `at` was asked for last; None if none was found.

    Args:
        at: step -> value there (inf: it has none) and slope along the direction.
        value, slope: at step 0, slope negative. first: trial step. largest: step. evaluations: at most so many.
    """
    best = other = Trial(
        0.0, value, slope
    )  # ends of the interval of uncertainty, which lies on both sides only where `bracketed`
    bracketed, narrowing = False, True  # narrowing: no trial yet whose interval surely holds a step with sufficient decrease
    enough, step, most = DECREASE * slope, min(first, largest), (1.0 + FAR) * first
    before = last = math.inf  # widths of the bracket after the last trial but one, and after the last
    least, here = 0.0, best
    for _ in range(evaluations):
        here = Trial(step, *at(step))
        if not (here.value < math.inf and math.isfinite(here.slope)):
            if step > best.step:
                largest = best.step + 2.0 * SHORTER * (step - best.step)
            step = best.step + SHORTER * (step - best.step)
            continue
        lowered = here.value <= value + enough * step
        flat = abs(here.slope) <= -CURVATURE * slope
        if lowered and (flat or (step >= largest and here.slope <= enough)):
            return step
        narrowing = narrowing and not (lowered and here.slope >= 0.0)
        tilt = enough if narrowing and not lowered and here.value <= best.value else 0.0
        seen = best.tilted(tilt), other.tilted(tilt), here.tilted(tilt)
        bracketed, step = _next(*seen, bracketed, least, most)
        best, other = _interval(*seen, (best, other, here))
        if bracketed:
            width = abs(other.step - best.step)
            if width >= SHRINK * before:
                step = 0.5 * (best.step + other.step)
            before, last = last, width
            least, most = sorted((best.step, other.step))
            if not least < step < most or last <= NARROW * most:
                break
        else:
            least, most = step + NEAR * (step - best.step), step + FAR * (step - best.step)
        step = min(step, largest)
    if not best.value < value:
        return None
    if best is not here:
        at(best.step)
    return best.step


def _interval(best: Trial, other: Trial, here: Trial, plain: tuple[Trial, Trial, Trial]) -> tuple[Trial, Trial]:
    """The best end and the other one after a trial; the first three may be tilted, `plain` are the same as they are."""
    if here.value > best.value:
        return plain[0], plain[2]
    return plain[2], plain[0] if here.slope * best.slope < 0.0 else plain[1]


def _next(best: Trial, other: Trial, here: Trial, bracketed: bool, least: float, most: float) -> tuple[bool, float]:
    """Whether the interval lies on both sides of a minimum now, and the next trial step (§4 of the source)."""
    cubic = _cubic(best, here)
    if here.value > best.value:
        span, fall = here.step - best.step, (best.value - here.value) / (here.step - best.step) + best.slope
        parabola = best.step + 0.5 * span * best.slope / fall
        if cubic is None:  # by rounding alone
            return True, parabola
        return True, cubic if abs(cubic - best.step) < abs(parabola - best.step) else 0.5 * (cubic + parabola)
    secant = here.step + (best.step - here.step) * here.slope / (here.slope - best.slope) if here.slope != best.slope else None
    if here.slope * best.slope < 0.0:
        assert secant is not None
        return True, secant if cubic is None or abs(cubic - here.step) <= abs(secant - here.step) else cubic
    onward = most if here.step > best.step else least
    if abs(here.slope) < abs(best.slope):
        assert secant is not None
        beyond = cubic is not None and (cubic - here.step) * (here.step - best.step) > 0.0
        far = cubic if beyond and cubic is not None else onward
        nearer = abs(far - here.step) < abs(secant - here.step)
        if not bracketed:
            return False, min(max(secant if nearer else far, least), most)
        step, limit = far if nearer else secant, here.step + SHRINK * (other.step - here.step)
        return True, min(limit, step) if here.step > best.step else max(limit, step)
    if bracketed:
        end = _cubic(here, other)
        return True, 0.5 * (here.step + other.step) if end is None else end
    return False, onward


def _cubic(a: Trial, b: Trial) -> float | None:
    """Minimum of the cubic through both, None if it has none."""
    span = b.step - a.step
    middle = a.slope + b.slope - 3.0 * (b.value - a.value) / span
    size = max(abs(middle), abs(a.slope), abs(b.slope))
    if size == 0.0:
        return None
    inside = (middle / size) ** 2 - (a.slope / size) * (b.slope / size)
    if inside < 0.0:
        return None
    root = math.copysign(size * math.sqrt(inside), span)
    below = b.slope - a.slope + 2.0 * root
    return None if below == 0.0 else b.step - span * (b.slope + root - middle) / below
