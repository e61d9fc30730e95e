"""Functions that take turns: each asks questions one at a time, and all who are still at it are answered together.

They are greenlets, not threads: between processor cores a turn costs a wake-up and cold caches, several times what a turn does.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import torch
from greenlet import getcurrent, greenlet

Handler = Callable[[int, FrameType | None], Any]


class Lockstep:
    """Runs functions of which one moves at a time, so that nothing in them has to be safe against the others.

    answer: called with number -> question of those who ask; returns number -> answer, or an exception to raise there. What it raises
    itself is raised in all who ask, so that they end in order.
    """

    def __init__(self, answer: Callable[[dict[int, Any]], Mapping[int, Any]]) -> None:
        self.answer = answer
        self._home: Any = None
        self._asking: dict[int, Any] = {}
        self._failures: list[Exception] = []
        self._interrupted = False
        self._hearing = False
        self._unheard: list[tuple[Handler, int]] = []

    def ask(self, number: int, question: Any = None) -> Any:
        """Called by function `number`: the answer, when all others have asked or ended."""
        self._asking[number] = question
        recorded = torch.is_grad_enabled()
        found = self._home.switch()
        torch.set_grad_enabled(recorded)
        if isinstance(found, BaseException):
            raise found
        return found

    def run(self, functions: Sequence[Callable[[], None]]) -> None:
        """Start all, and answer until the last has ended.

        Raises: KeyboardInterrupt at the end, if one came: those who ask then get it as their answer and can end in order. The first
        exception that a function has raised, when all others have ended; all have ended in every case.
        """
        self._home = getcurrent()
        lives = [greenlet(self._life(function)) for function in functions]
        recorded = torch.is_grad_enabled()
        with self._signals():
            answers: Mapping[int, Any] = dict.fromkeys(range(len(lives)))
            while answers:
                self._asking = {}
                for number, answer in answers.items():
                    lives[number].switch(answer)
                    torch.set_grad_enabled(recorded)
                answers = self._answered(self._asking)
        if self._interrupted:
            raise KeyboardInterrupt
        if self._failures:
            raise self._failures[0]

    def _life(self, function: Callable[[], None]) -> Callable[[Any], None]:
        def live(_: Any) -> None:
            try:
                function()
            except KeyboardInterrupt:  # the others hear of it too
                self._interrupted = True
            except Exception as error:  # the others go on
                self._failures.append(error)

        return live

    def _answered(self, asking: dict[int, Any]) -> Mapping[int, Any]:
        if not self._interrupted:
            try:
                self._hearing = True
                while self._unheard:
                    handler, number = self._unheard.pop(0)
                    handler(number, None)
                return self.answer(asking) if asking else {}
            except KeyboardInterrupt:
                self._interrupted = True
            except Exception as error:  # left suspended, they would keep their files and locks for as long as the process lives
                return dict.fromkeys(asking, error)
            finally:
                self._hearing = False
        return {number: KeyboardInterrupt() for number in asking}

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals that come while a function moves wait for the answers: an interrupt is for all, not for the one it meets."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, self._later(handler))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _later(self, handler: Handler) -> Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            if self._hearing:
                handler(number, frame)
            else:
                self._unheard.append((handler, number))

        return handle
