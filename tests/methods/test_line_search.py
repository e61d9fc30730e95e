"""The line search of Moré and Thuente on their own test functions, and where there is no value."""

import math

import pytest

from genesis.methods.line_search import CURVATURE, DECREASE, Trial, _cubic, search


def walk(f, df, first: float, largest: float = 1e10, evaluations: int = 20):
    """The step and the trials."""
    trials: list[float] = []

    def at(step: float) -> tuple[float, float]:
        trials.append(step)
        return f(step), df(step)

    return search(at, f(0.0), df(0.0), first, largest, evaluations), trials


def swarm(x: float) -> tuple[float, float]:
    """Yanai, Ozawa, Kaneko (function 4 of the source): slopes of -1 and 1 joined smoothly."""
    b1, b2 = 0.001, 0.001
    g1, g2 = math.sqrt(1 + b1 * b1) - b1, math.sqrt(1 + b2 * b2) - b2
    left, right = math.hypot(1 - x, b2), math.hypot(x, b1)
    return g1 * left + g2 * right, -g1 * (1 - x) / left + g2 * x / right


FUNCTIONS = {
    1: (lambda a: -a / (a * a + 2), lambda a: (a * a - 2) / (a * a + 2) ** 2),
    2: (lambda a: (a + 0.4) ** 5 - 2 * (a + 0.4) ** 4, lambda a: 5 * (a + 0.4) ** 4 - 8 * (a + 0.4) ** 3),
    4: (lambda a: swarm(a)[0], lambda a: swarm(a)[1]),
}


@pytest.mark.parametrize("which", FUNCTIONS)
@pytest.mark.parametrize("first", [1e-3, 0.1, 10.0, 1e3])
def test_strong_wolfe_conditions_hold(which: int, first: float) -> None:
    f, df = FUNCTIONS[which]
    step, trials = walk(f, df, first)
    assert step is not None and step == trials[-1] and len(trials) <= 12
    assert f(step) <= f(0.0) + DECREASE * step * df(0.0)
    assert abs(df(step)) <= CURVATURE * abs(df(0.0))


def test_a_step_that_is_good_is_taken_at_once() -> None:
    assert walk(lambda a: (a - 1.0) ** 2, lambda a: 2 * (a - 1.0), 1.0) == (1.0, [1.0])


def test_no_step_is_longer_than_the_largest() -> None:
    step, trials = walk(lambda a: -a, lambda a: -1.0, 0.5, largest=3.0)
    assert step == 3.0 == max(trials)


def test_steps_back_from_where_there_is_no_value() -> None:
    """−log(1 − a) − 5a: none from 1 on, lowest at 0.8."""

    def f(a: float) -> float:
        return -math.log(1.0 - a) - 5.0 * a if a < 1.0 else math.inf

    step, trials = walk(f, lambda a: 1.0 / (1.0 - a) - 5.0 if a < 1.0 else math.nan, 40.0)
    assert trials[:3] == [40.0, 10.0, 2.5] and step is not None
    assert f(step) < f(0.0) and abs(1.0 / (1.0 - step) - 5.0) <= CURVATURE * 4.0


def test_a_wall_is_not_run_into_twice() -> None:
    """−a up to 1: half of the way to where there was no value is as far as it goes then."""
    assert walk(lambda a: -a if a < 1.0 else math.inf, lambda a: -1.0, 4.0) == (0.5, [4.0, 1.0, 0.25, 0.5])


def test_nothing_lower() -> None:
    step, trials = walk(lambda a: a, lambda a: -1.0, 1.0)
    assert step is None and len(trials) <= 20
    assert walk(lambda a: 0.0 if a == 0.0 else math.inf, lambda a: -1.0, 1.0) == (None, [0.25**k for k in range(20)])


def test_few_evaluations_end_at_the_best() -> None:
    f, df = FUNCTIONS[1]
    step, trials = walk(f, df, 1e-3, evaluations=2)
    assert step == trials[-1] and len(trials) == 2 and f(step) == min(map(f, trials)) < f(0.0)


def test_cubic() -> None:
    """(a − 1)² (a + 2): lowest at 1, highest at −1."""

    def trial(a: float) -> Trial:
        return Trial(a, (a - 1) ** 2 * (a + 2), 2 * (a - 1) * (a + 2) + (a - 1) ** 2)

    for pair in ((0.0, 2.0), (2.0, 0.0), (-3.0, 0.5), (1.5, 3.0)):
        assert _cubic(trial(pair[0]), trial(pair[1])) == pytest.approx(1.0, rel=1e-12)
