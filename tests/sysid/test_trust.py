"""What makes an answer not worth the word "converged"."""

import math

import numpy as np
import pytest

from genesis.parameters.quantities import QUANTITIES
from genesis.problems.problem import CONVERGED, DOES_NOT_FIT, INTERRUPTED, NOT_CONVERGED, Verdict
from genesis.sysid.fit import GoodnessOfFit
from genesis.sysid.result import Estimate
from genesis.sysid.trust import at_bounds, doubts_of, robot_size, verdict_of

DONE = Verdict(CONVERGED, "the steps vanish")
DESCRIBED = {
    "link_mass": np.array([0.0, 2.0, 1.0]), "link_inertia": np.array([[0.0] * 6, [0.1, 0.1, 0.1, 0, 0, 0], [0.01, 0.01, 0.01, 0, 0, 0]]),
    "link_com": np.array([[0.0, 0, 0], [0, 0, 0.2], [0, 0, 0.3]]), "link_pos": np.array([[0.0, 0, 0], [0, 0, 0.1], [0, 0, 0.6]]),
}  # fmt: skip
LINKS = ["world", "upper", "lower"]


def estimate(note: str = "", start: float = 0.01, low: float = 0.0, natural: float | None = 0.0, std: float = 0.1) -> Estimate:
    std = math.nan if note else std
    return Estimate("damping/pivot", "damping", "Nms", start, 0.5, std, 0.0, 1.0, (low, 3.0), None, note, natural)


def changed(name: str, values: object) -> list[str]:
    return doubts_of([estimate()], DESCRIBED, {name: np.asarray(values, float)}, LINKS)


def test_the_verdict() -> None:
    good, bound = [estimate()], [estimate(), estimate("at its upper bound")]
    bad = GoodnessOfFit(reasons=["angle: 20 sigma"], doubts=["mass 1e10"], cause="the sign")
    assert verdict_of(DONE, GoodnessOfFit(), good) is DONE
    assert verdict_of(DONE, bad, bound) == Verdict(DOES_NOT_FIT, "angle: 20 sigma; likeliest cause: the sign")
    assert verdict_of(DONE, GoodnessOfFit(doubts=["mass 1e10"]), bound) == Verdict(DOES_NOT_FIT, "mass 1e10")
    said = verdict_of(DONE, GoodnessOfFit(), bound)
    assert said.status == NOT_CONVERGED and said.reason.startswith(
        "damping/pivot is at its upper bound of 3 Nms; the data want it beyond"
    )
    for status in (NOT_CONVERGED, INTERRUPTED):
        ended = Verdict(status, "as it is")
        assert verdict_of(ended, bad, bound) is ended


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (estimate("at its lower bound"), False),  # no damping
        (estimate("at its lower bound", natural=None), True),
        (estimate("at its lower bound", start=0.028, low=0.001), False),  # a floor for zero
        (estimate("at its lower bound", start=0.028, low=0.002), True),
        (estimate("at its upper bound"), True), (estimate("no effect on any residual"), False), (estimate(), False),
    ],
)  # fmt: skip
def test_a_bound_that_is_not_natural(one: Estimate, said: bool) -> None:
    assert bool(at_bounds([one])) == said


def test_natural_bounds_are_those_of_the_table() -> None:
    natural = {kind for kind, quantity in QUANTITIES.items() if quantity.natural == 0.0}
    assert natural == {"damping", "dry_friction", "stiffness", "armature", "kp", "kv", "friction"}
    assert all(quantity.natural is None for kind, quantity in QUANTITIES.items() if kind not in natural)


def test_nothing_that_was_learned() -> None:
    lost, frozen = estimate("no effect on any residual"), estimate("frozen")
    assert doubts_of([lost, frozen], DESCRIBED, {}, LINKS) == [
        "the data tell no parameter: damping/pivot (no effect on any residual)"
    ]
    assert doubts_of([lost, estimate()], DESCRIBED, {}, LINKS) == [] == doubts_of([frozen], DESCRIBED, {}, LINKS)
    assert doubts_of([lost, estimate("at its lower bound")], DESCRIBED, {}, LINKS) == [], "that there is no damping is an answer"


def test_all_decided_by_priors_is_nothing_told() -> None:
    held = estimate()
    held.note = "decided by the prior"
    assert doubts_of([held, estimate("not identifiable alone")], DESCRIBED, {}, LINKS) == [
        "the data tell no parameter: damping/pivot (decided by the prior), damping/pivot (not identifiable alone)"
    ]
    assert doubts_of([held, estimate()], DESCRIBED, {}, LINKS) == []


def test_a_floor_that_costs_nothing_is_natural() -> None:
    one = estimate("at its lower bound", start=1e-3, low=1e-4)
    assert at_bounds([one])
    one.beyond = 0.009
    assert not at_bounds([one])
    one.beyond = 0.011
    assert at_bounds([one])
    one.beyond, one.natural = 0.0, None
    assert at_bounds([one])


def test_what_has_no_meaning_is_absurd_without_a_factor() -> None:
    def without(name: str, values: object) -> list[str]:
        return doubts_of([estimate()], DESCRIBED, {name: np.asarray(values, float)}, LINKS, None)

    assert without("link_mass", [0.0, 2001.0, 0.0009]) == []
    for value in (-1.0, 0.0, math.nan):
        assert without("link_mass", [0.0, 2.0, value]) == [f"mass of lower 1 -> {value:.3g} kg: no such body was described"]
    table = DESCRIBED["link_inertia"].copy()
    table[1] = [0.1, 0.1, 0.1, 0.11, 0.0, 0.0]  # a principal moment of -0.01
    assert without("link_inertia", table) == ["inertia of upper 0.3 -> 0.3 kg m²: no such body was described"]
    table[1, 3] = 0.09
    assert without("link_inertia", table) == []


def test_placeholders_are_not_judged_by_a_factor() -> None:
    sketch = {
        **DESCRIBED,
        "link_mass": np.array([0.0, 1e-3, 5.0]),
        "link_inertia": np.array([[0.0] * 6, [1e-6] * 3 + [0.0] * 3, [1.0] * 3 + [0.0] * 3]),
    }
    found = {
        "link_mass": np.array([0.0, 1.5, 5.0]),
        "link_inertia": np.array([[0.0] * 6, [0.02] * 3 + [0.0] * 3, [1.0] * 3 + [0.0] * 3]),
    }
    assert doubts_of([estimate()], sketch, found, LINKS) == []
    found["link_mass"][1] = 2e4
    assert doubts_of([estimate()], sketch, found, LINKS) == ["mass of upper 0.001 -> 2e+04 kg: no such body was described"]
    light = {**sketch, "link_mass": np.array([0.0, 1e-3, 1e-3])}  # all of it
    assert doubts_of([estimate()], light, {"link_mass": np.array([0.0, 1.5, 1.5])}, LINKS) == []


def test_gains_beyond_what_the_robot_weighs() -> None:
    big = estimate()
    big.value = 1e10
    assert doubts_of([big], DESCRIBED, {}, LINKS) == ["damping/pivot 0.01 -> 1e+10 Nms: beyond all that the robot weighs"]
    big.value = 1e5
    assert doubts_of([big], DESCRIBED, {}, LINKS) == [] == doubts_of([estimate()], DESCRIBED, {}, LINKS, None)


def test_absurd_bodies() -> None:
    assert changed("link_mass", [0.0, 1999.0, 0.0011]) == []
    assert changed("link_mass", [0.0, 2001.0, 0.0009]) == [
        "mass of upper 2 -> 2e+03 kg, mass of lower 1 -> 0.0009 kg: no such body was described"
    ]
    assert changed("link_mass", [0.0, 2.0, 0.0]) == ["mass of lower 1 -> 0 kg: no such body was described"]
    assert (
        "inertia of upper 0.3 -> 301 kg m²" in changed("link_inertia", np.diag([0, 1003.4, 1.0]) @ DESCRIBED["link_inertia"])[0]
    )
    assert robot_size(DESCRIBED) == pytest.approx(0.1 + 0.6 + 0.3)
    assert changed("link_com", [[0, 0, 0], [0, 4.9, 0], [0, 0, 0.3]]) == []
    (said,) = changed("link_com", [[0, 0, 0], [0, 5.1, 0], [0, 0, 0.3]])
    assert said == "centre of mass of upper 5.1 m from its link, the robot is 1 m: no such body was described"
