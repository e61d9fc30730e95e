"""Taking turns, and what counts as alike."""

import signal
from collections.abc import Iterator

import pytest
import torch

from genesis.runners.alike import alike, partition
from genesis.runners.lockstep import Lockstep
from tests.settings import numbers


def test_those_who_ask_are_answered_together_until_the_last_has_ended() -> None:
    rounds, heard = [], []

    def answer(asked: dict[int, int]) -> dict[int, int]:
        rounds.append(dict(asked))
        return {number: 10 * question for number, question in asked.items()}

    lockstep = Lockstep(answer)

    def life(number: int, questions: int) -> None:
        for k in range(questions):
            heard.append((number, lockstep.ask(number, k)))

    lockstep.run([lambda: life(0, 1), lambda: life(1, 3), lambda: life(2, 0), lambda: life(3, 2)])
    assert rounds == [{0: 0, 1: 0, 3: 0}, {1: 1, 3: 1}, {1: 2}]
    assert heard == [(0, 0), (1, 0), (3, 0), (1, 10), (3, 10), (1, 20)], "one moves at a time, in order"


def test_an_exception_is_an_answer_to_one() -> None:
    ended = []
    lockstep = Lockstep(lambda asked: {n: ValueError("no") if n == 0 else n for n in asked})

    def life(number: int) -> None:
        try:
            ended.append(lockstep.ask(number))
        except ValueError as error:
            ended.append(str(error))

    lockstep.run([lambda: life(0), lambda: life(1)])
    assert ended == ["no", 1]


def test_an_interrupt_reaches_everyone_and_then_the_caller() -> None:
    ended = []

    def answer(asked: dict[int, None]) -> dict[int, None]:
        raise KeyboardInterrupt

    lockstep = Lockstep(answer)

    def life(number: int) -> None:
        try:
            lockstep.ask(number)
        except KeyboardInterrupt:
            ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        lockstep.run([lambda: life(0), lambda: life(1)])
    assert ended == [0, 1]


def test_an_interrupt_that_ends_one_function_lets_the_others_end_in_order() -> None:
    """As where an optimisation asks for its trajectory once more before it ends."""
    ended = []

    def answer(asked: dict[int, None]) -> dict[int, None]:
        raise KeyboardInterrupt

    lockstep = Lockstep(answer)

    def life(number: int) -> None:
        for _ in range(2):
            try:
                lockstep.ask(number)
            except KeyboardInterrupt:
                if number in ended and number == 0:
                    raise
                ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        lockstep.run([lambda: life(0), lambda: life(1)])
    assert ended == [0, 1, 1]


def test_a_function_that_raises_ends_alone_and_the_caller_hears_of_it() -> None:
    ended = []
    lockstep = Lockstep(lambda asked: dict.fromkeys(asked))

    def life(number: int) -> None:
        lockstep.ask(number)
        if number == 0:
            raise ValueError("mine")
        lockstep.ask(number)
        ended.append(number)

    with pytest.raises(ValueError, match="mine"):
        lockstep.run([lambda: life(0), lambda: life(1)])
    assert ended == [1]


def test_an_answer_that_fails_lets_all_who_ask_end_in_order() -> None:
    left = []

    def answer(asked: dict[int, None]) -> dict[int, None]:
        raise RuntimeError("out of memory, say")

    lockstep = Lockstep(answer)

    def life(number: int) -> None:
        try:
            lockstep.ask(number)
        finally:
            left.append(number)

    with pytest.raises(RuntimeError, match="out of memory, say"):
        lockstep.run([lambda: life(0), lambda: life(1)])
    assert left == [0, 1]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, whatever tests before have made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("ready", [True, False])
def test_a_signal_that_meets_one_function_is_for_all(interruptible: None, ready: bool) -> None:
    """Ctrl-C while a function moves, or while the answers are found: each can end in order, and handlers are put back."""
    ended = []

    def answer(asked: dict[int, None]) -> dict[int, None]:
        if not ready:
            signal.raise_signal(signal.SIGINT)
        return dict.fromkeys(asked)

    lockstep = Lockstep(answer)

    def life(number: int) -> None:
        try:
            if ready and number == 0:
                signal.raise_signal(signal.SIGINT)
            lockstep.ask(number)
        except KeyboardInterrupt:
            ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        lockstep.run([lambda: life(0), lambda: life(1)])
    assert ended == [0, 1] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_keeps_whether_gradients_are_recorded() -> None:
    seen = []
    lockstep = Lockstep(lambda asked: dict.fromkeys(asked, torch.is_grad_enabled()))

    def life(number: int) -> None:
        with torch.set_grad_enabled(number == 1):
            seen.append(lockstep.ask(number))
            seen.append(torch.is_grad_enabled())

    lockstep.run([lambda: life(0), lambda: life(1)])
    assert seen == [True, False, True, True]


class Thing:
    def __init__(self, **content) -> None:
        vars(self).update(content)


def test_alike() -> None:
    leaf, other = numbers(1.0), numbers(2.0)
    first, second = Thing(a=numbers(1.0, 2.0), z=leaf), Thing(a=numbers(1.0, 2.0), z=other)
    assert not alike(first, second) and alike(first, second, {id(leaf), id(other)})
    assert alike([1, {"a": None}], [1, {"a": None}]) and not alike([1], (1,)) and not alike({"a": 1}, {"b": 1})
    assert not alike(len, max) and not alike(lambda: 1, lambda: 1) and alike(len, len)
    linear = [torch.nn.Linear(2, 1) for _ in range(2)]
    assert not alike(*linear) and alike(*linear, {id(p) for layer in linear for p in layer.parameters()})
    assert partition([Thing(a=k) for k in (1, 2, 1, 3, 2)]) == [0, 1, 0, 2, 1]
