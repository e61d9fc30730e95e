"""What compiling kernels takes in this process, for whoever waits for it: a terminal, a log."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Compilation:
    """Kernels that no cache had, and the seconds of wall clock that compiling them took.

    A kernel is traced, then compiled or read from the cache. Reading takes a small part of what tracing does, compiling several times that:
    this tells them apart, on slow machines too. watchers: called before each kernel, where waiting begins.
    """

    kernels: int = 0
    seconds: float = 0.0
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def begin(self) -> None:
        """Say that a kernel is about to be traced and compiled, or read."""
        for watcher in list(self.watchers):
            watcher()

    def end(self, traced: float, compiled: float) -> bool:
        """Count a kernel, if it was compiled, which is given back: seconds of tracing, and of the rest."""
        if compiled <= traced:
            return False
        self.kernels, self.seconds = self.kernels + 1, self.seconds + traced + compiled
        return True


COMPILATION = Compilation()
