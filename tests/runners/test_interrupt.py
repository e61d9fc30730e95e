"""The first signal asks, a second Ctrl-C stops at once, and handlers are put back."""

import os
import signal
import threading

import pytest

from genesis.runners.interrupt import Interrupt


def handlers() -> list:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks(number: int) -> None:
    before = handlers()
    with Interrupt() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), number)
        assert interrupt.asked
    assert handlers() == before


def test_a_second_ctrl_c_stops_and_a_second_sigterm_does_not() -> None:
    before = handlers()
    with Interrupt() as interrupt:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert handlers() == before


def test_signals_are_left_alone_where_others_listen() -> None:
    before = handlers()
    with Interrupt(listen=False):
        assert handlers() == before
    found = []

    def elsewhere() -> None:
        with Interrupt() as interrupt:
            found.append((handlers() == before, interrupt.asked))

    thread = threading.Thread(target=elsewhere)  # only the main thread may set handlers
    thread.start()
    thread.join()
    assert found == [(True, False)]
