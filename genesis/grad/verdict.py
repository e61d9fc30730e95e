"""What differences over many step lengths say about a slope: exact, wrong, at a kink, or lost in noise.

A central difference errs by c h² + ε/h: on a log-log plot it falls with the step h down to the rounding ε of the function. Two of them whose
steps are a factor ten apart give (100 D(h) − D(10 h))/99, free of c h² (Richardson). Where neighbouring steps agree best lies the plateau, and
how well they agree there is how far the slope is known. One-sided differences differ by h f''; if they still differ while h falls, there
is a kink. A bend narrower than the steps of the plateau, such as that of friction about no slip, hides from it, and shows when shorter
steps leave it for the adjoint.
"""

import math
from dataclasses import dataclass
from functools import cached_property

EXACT, ZERO, KINK, NOISE, UNDEFINED, WRONG = "exact", "zero", "kink", "noise", "undefined", "wrong"
EPS = 2.0**-52
LAST = 4  # shortest steps that tell noise
APART = 2  # places in the list of steps between h and 10 h
SAFE = 10.0  # an adjoint this many uncertainties off is wrong, not unlucky
CLEAR = 20.0  # a jump of slopes this many times its noise is one
STAYS = (0.5, 2.0)  # a jump that changes by this much over a decade of steps does not vanish with them


@dataclass(frozen=True)
class Finding:
    """verdict; slope by differences, how far it is known, error relative to `scale`; one-sided slopes where they can be seen best."""

    verdict: str
    numeric: float
    uncertainty: float
    error: float
    scale: float
    backward: float
    forward: float


class Slopes:
    """Differences of a function along a line.

    steps: from long to short, half a decade apart; pairs: values at +h and −h, NaN where there is none; here: at 0.
    """

    def __init__(self, steps: list[float], pairs: list[tuple[float, float]], here: float) -> None:
        self.steps, self.here = steps, here
        self.central = [(up - down) / (2.0 * h) for h, (up, down) in zip(steps, pairs, strict=True)]
        self.forward = [(up - here) / h for h, (up, _) in zip(steps, pairs, strict=True)]
        self.backward = [(here - down) / h for h, (_, down) in zip(steps, pairs, strict=True)]
        self.pairs = pairs
        self.largest = max([abs(here), *(abs(x) for pair in pairs for x in pair if math.isfinite(x))])

    @cached_property
    def noise(self) -> float:
        """How far values are from a smooth function: at best the last digit.

        f(h) + f(−h) − 2 f(0) is h² f'', or h times the jump of the slope at a kink; what is left at the shortest steps, given that at ten
        times as long ones, is noise.
        """
        bend = [up + down - 2.0 * self.here for up, down in self.pairs]
        left = [min(abs(bend[k] - bend[k - APART] / 10.0), abs(bend[k] - bend[k - APART] / 100.0)) for k in range(-LAST, 0)]
        return max([2.0 * EPS * self.largest, *(x for x in left if math.isfinite(x))])

    def rounding(self, k: int) -> float:
        """Of a difference with step k."""
        return self.noise / self.steps[k]

    def settled(self, least: float) -> bool:
        """Whether the slope is known to a small part of what counts, or as well as the digits of the value allow."""
        k, known = self.plateau
        return known <= max(least, SAFE * 2.0 * EPS * self.largest / self.steps[k])

    @cached_property
    def refined(self) -> list[float]:
        """Central differences without c h², NaN for the first two."""
        better = [self.central[k] + (self.central[k] - self.central[k - APART]) / 99.0 for k in range(APART, len(self.steps))]
        return [math.nan] * APART + better

    @cached_property
    def plateau(self) -> tuple[int, float]:
        """Step at which the refined differences agree best with those of the neighbouring steps, and how well; −1: nowhere."""
        best = (-1, math.inf)
        for k in range(APART + 1, len(self.steps) - 1):
            near = self.refined[k - 1 : k + 2]
            spread = max(near) - min(near) + self.rounding(k) if all(map(math.isfinite, near)) else math.inf
            if spread < best[1]:
                best = (k, spread)
        return best

    def approach(self, adjoint: float) -> bool:
        """Whether differences with steps shorter than those of the plateau come to the adjoint: the function bends within the plateau."""
        k, _ = self.plateau
        off = abs(adjoint - self.refined[k])
        near = [abs(self.central[j] - adjoint) for j in range(k, len(self.steps)) if SAFE * self.rounding(j) < off]
        return min((x for x in near if math.isfinite(x)), default=math.inf) * SAFE <= off

    def kink(self, least: float) -> int:
        """The shortest step whose one-sided slopes differ by more than `least` and noise, and by as much as with a ten times longer step;
        −1: there is none."""
        _, known = self.plateau
        for k in reversed(range(APART, len(self.steps))):
            jumps = [self.forward[j] - self.backward[j] for j in (k - APART, k - 1, k)]
            if not all(map(math.isfinite, jumps)) or abs(jumps[2]) <= max(least, CLEAR * known, CLEAR * self.rounding(k)):
                continue
            return k if all(STAYS[0] <= jumps[2] / j <= STAYS[1] for j in jumps if j) and all(jumps) else -1
        return -1


def judge(slopes: Slopes, adjoint: float, least: float, tolerance: float) -> Finding:
    """The verdict on the slope `adjoint`; `least`: the smallest scale that errors are relative to."""
    k, known = slopes.plateau
    if k < 0:
        return Finding(UNDEFINED, math.nan, math.inf, math.nan, 0.0, math.nan, math.nan)
    numeric = slopes.refined[k]
    scale = max(abs(adjoint), abs(numeric), least) if math.isfinite(adjoint) else max(abs(numeric), 1e-300)
    off = abs(adjoint - numeric)
    error = off / scale if scale else 0.0
    at = slopes.kink(tolerance * scale)
    side = k if at < 0 else at
    low, high = sorted((slopes.backward[side], slopes.forward[side]))
    if not math.isfinite(adjoint):
        verdict = WRONG
    elif at >= 0:
        slack = tolerance * scale + SAFE * known + (high - low) * 1e-3
        verdict = KINK if low - slack <= adjoint <= high + slack else WRONG
    elif adjoint == 0.0 and abs(numeric) <= known:
        verdict = ZERO if slopes.settled(least) else NOISE
    elif error <= tolerance:
        verdict = EXACT
    elif off <= SAFE * known:
        verdict = NOISE
    elif slopes.approach(adjoint):
        verdict, known = NOISE, off
    else:
        verdict = WRONG
    return Finding(verdict, numeric, known, error, scale, slopes.backward[side], slopes.forward[side])
