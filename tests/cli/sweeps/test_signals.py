"""Ctrl-C in a sweep, and what its jobs hear of it."""

import os
import signal
from types import SimpleNamespace

import pytest

from genesis_cli.sweeps.signals import StopSignals
from genesis_cli.sweeps.stored_study import Pruning
from genesis_cli.sweeps.watch import StopWatch, ask_to_stop, forget_stop, stop_asked, watchers


def test_the_first_signal_asks_and_the_second_stops(tmp_path, capsys) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopSignals(tmp_path):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop_asked(tmp_path) and "Ctrl-C again stops at once" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_job_ends_when_its_sweep_is_to_stop(tmp_path) -> None:
    (watch,) = watchers(tmp_path, tmp_path / "0")
    assert isinstance(watch, StopWatch) and watch(None) is None
    ask_to_stop(tmp_path)
    assert watch(None).status == "interrupted"
    forget_stop(tmp_path)
    forget_stop(tmp_path)
    assert watch(None) is None


class Trial:
    """Of Optuna's: hears values and answers."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def report(self, value: float, step: int) -> None:
        self.told.append((value, step))

    def should_prune(self) -> bool:
        return self.told[-1][1] >= 6


def test_the_pruner_hears_the_best_every_few_iterations() -> None:
    trial = Trial()
    pruning = Pruning(trial, every=3)

    def ending(k: int, last_round: bool = True):
        return pruning(SimpleNamespace(iteration=k, best=SimpleNamespace(objective=10.0 - k), last_round=last_round))

    assert [ending(0, last_round=False), ending(3, last_round=False)] == [None, None] and not trial.told, "of another function"
    endings = [ending(k) for k in range(8)]
    assert trial.told == [(10.0, 0), (7.0, 3), (4.0, 6)]
    assert [k for k, ending in enumerate(endings) if ending is not None] == [6] and endings[6].status == "pruned"
