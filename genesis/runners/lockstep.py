"""Functions that take turns: each asks questions one at a time, and all who are still at it are answered together."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Lockstep:
    """Runs functions in threads of which one moves at a time, so that nothing in them has to be safe against the others.

    answer: called with number -> question of those who ask; returns number -> answer, or an exception to raise there.
    """

    def __init__(self, answer: Callable[[dict[int, Any]], Mapping[int, Any]]) -> None:
        self.answer = answer
        self._turns: list[threading.Semaphore] = []
        self._back = threading.Semaphore(0)
        self._answers: dict[int, Any] = {}
        self._asking: dict[int, Any] = {}
        self._interrupted = False

    def ask(self, number: int, question: Any = None) -> Any:
        """Called by function `number`: the answer, when all others have asked or ended."""
        self._asking[number] = question
        self._back.release()
        self._turns[number].acquire()
        found = self._answers.pop(number)
        if isinstance(found, BaseException):
            raise found
        return found

    def run(self, functions: Sequence[Callable[[], None]]) -> None:
        """Start all, and answer until the last has ended.

        Raises: KeyboardInterrupt at the end, if one came: those who ask then get it as their answer and can end in order.
        """
        self._turns = [threading.Semaphore(0) for _ in functions]
        for number, function in enumerate(functions):
            threading.Thread(target=self._live, args=(number, function), daemon=True).start()
        waiting = list(range(len(functions)))
        while waiting:
            self._asking = {}
            for number in waiting:
                self._move(number)
            waiting = list(self._asking)
            if waiting:
                self._answers = dict(self._answered(self._asking))
        if self._interrupted:
            raise KeyboardInterrupt

    def _live(self, number: int, function: Callable[[], None]) -> None:
        self._turns[number].acquire()
        try:
            function()
        finally:
            self._back.release()

    def _move(self, number: int) -> None:
        """Let one go on until it asks or ends."""
        self._turns[number].release()
        while True:
            try:
                self._back.acquire()
            except KeyboardInterrupt:
                self._interrupted = True
            else:
                return

    def _answered(self, asking: dict[int, Any]) -> Mapping[int, Any]:
        if not self._interrupted:
            try:
                return self.answer(asking)
            except KeyboardInterrupt:
                self._interrupted = True
        return {number: KeyboardInterrupt() for number in asking}
