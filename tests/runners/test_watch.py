"""A run that is watched is the same run, and is not held up."""

import time
from types import SimpleNamespace

import torch

from genesis.runners import watch
from genesis.runners.watch import Watch, told


def report(iteration: int, best: float | None = None):
    found = None if best is None else SimpleNamespace(objective=best, iteration=iteration - 1)
    return SimpleNamespace(iteration=iteration, stage="", evaluation=SimpleNamespace(objective=2.5), best=found)


def test_it_looks_at_most_twice_a_second_and_takes_a_twentieth_of_the_time(monkeypatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(watch, "perf_counter", lambda: clock[0])
    cost, looks = [0.001], []

    def look(one):
        clock[0] += cost[0]
        looks.append(clock[0])
        return f"replay {one.iteration}"

    shown: list[tuple] = []
    observer = Watch(look, lambda *what: shown.append(what))
    for iteration in range(100):
        observer(report(iteration))
        clock[0] += 0.02
    assert len(looks) == 4 and shown[0] == ("replay 0", "iteration 0: objective 2.5")
    cost[0], looks[:] = 1.0, []
    for iteration in range(2500):
        observer(report(iteration))
        clock[0] += 0.02
    assert len(looks) == 3, "19 s after each look of 1 s"


def test_random_numbers_go_on_as_if_nobody_looked() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    observer = Watch(lambda _: torch.rand(7) is None, lambda *_: None)
    observer(report(1))
    assert torch.equal(torch.rand(4), expected)


def test_what_cannot_be_seen_is_not_shown() -> None:
    shown: list = []
    observer = Watch(lambda _: None, lambda *what: shown.append(what))
    observer(report(1))
    assert shown == [] and observer.due > time.perf_counter()


def test_an_iteration_in_words() -> None:
    one = report(7, best=0.125)
    one.stage = "polish"
    assert told(one) == "polish, iteration 7: objective 2.5, best 0.125 (iteration 6)"
