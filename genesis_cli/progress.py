"""Progress of a run in the terminal: stage, objective, gradient norm, what is simulated in a second, time left."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, Self

from genesis.compilation import COMPILATION


def tell_compiled(before: tuple[int, float]) -> None:
    """What compiling took since then, (kernels, seconds), once it is over."""
    from genesis_cli.console import note

    count, seconds = COMPILATION.kernels - before[0], COMPILATION.seconds - before[1]
    if count > 0:
        kernels = "a kernel" if count == 1 else f"{count} kernels"
        note(f"compiled {kernels} in {seconds:.1f} s; later runs load {'it' if count == 1 else 'them'}")
        Progress.told = COMPILATION.kernels, COMPILATION.seconds


@contextmanager
def compiling() -> Iterator[None]:
    """Around a command without iterations: says that kernels are being compiled, and how long that took."""
    before, said = Progress.told, False

    def wait() -> None:
        nonlocal said
        if COMPILATION.kernels > before[0] and not said:
            from genesis_cli.console import note

            note("compiling kernels …", style="")
            said = True

    COMPILATION.watchers.append(wait)
    try:
        yield
    finally:
        COMPILATION.watchers.remove(wait)
        tell_compiled(before)


class Progress:
    """Observer of any run: a live line on a terminal, now and then a plain line elsewhere.

    iterations: of a stage. steps: simulated time steps of an evaluation, for its speed; 0: windows are counted instead; learns: a policy, in
    episodes, whose steps are counted and whose last test is shown.
    Kernels that have to be compiled are told of once, with the seconds it took.
    """

    told: ClassVar[tuple[int, float]] = 0, 0.0  # kernels and seconds that this process has told of

    def __init__(self, iterations: int, steps: int = 0, learns: bool = False) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        from genesis_cli.console import stderr

        self.console = stderr()
        self.live = self.console.is_terminal
        self.total, self.next_line = iterations, 0.0
        self.bar = Bar(
            TextColumn("{task.completed}/{task.total}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}"),
            console=self.console,
            transient=True,
            refresh_per_second=5,
        )
        self.task = self.bar.add_task("", total=iterations, text="first rollout …")
        self.steps, self.learns = steps, learns
        self.tested = ""  # what the last test of a policy came to
        self.first: Any = None  # the report after compiling, which speed and time left are counted from
        self.start: float | None = None  # objective at the start
        self.compiled, self.spent = Progress.told  # kernels and seconds that were told of
        self.compiling = False  # whether it was said that they are being compiled

    def __enter__(self) -> Self:
        COMPILATION.watchers.append(self.wait)
        if self.live:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        COMPILATION.watchers.remove(self.wait)
        self._tell_compiled()
        if self.live:
            self.bar.stop()

    def wait(self) -> None:
        """A kernel is about to be compiled, or read from the cache: which of both, the ones before it tell."""
        compiling = COMPILATION.kernels > self.compiled
        if self.live:
            self.bar.update(self.task, text="compiling kernels …" if compiling else "loading kernels …")
            self.bar.refresh()
        elif compiling and not self.compiling:
            from genesis_cli.console import note

            note("compiling kernels …", style="")
        self.compiling = self.compiling or compiling

    def _tell_compiled(self) -> None:
        """What compiling took, once it is over."""
        if COMPILATION.kernels > self.compiled:
            tell_compiled((self.compiled, self.spent))
            self.compiled, self.spent = Progress.told

    def say(self, text: str) -> None:
        """What goes on before the first iteration, in a few words; on a terminal alone."""
        if self.live:
            self.bar.update(self.task, text=f"{text} …")

    def show(self, completed: int, text: str, seconds: float) -> None:
        """The state of an iteration, ``seconds`` after the start."""
        if self.live:
            self.bar.update(self.task, completed=completed, text=text)
        elif seconds >= self.next_line:
            from genesis_cli.console import note

            note(f"{completed}/{self.total}  {text}", style="")
            self.next_line = seconds + 10.0

    def __call__(self, report: Any) -> None:
        """Show one iteration: stage, objective, share of the start, gradient if there is one, open gaps, speed, time left."""
        self._tell_compiled()
        evaluation = report.evaluation
        self.first = self.first or report
        if self.start is None and evaluation.exact:
            self.start = evaluation.objective
        if self.learns:
            return self._learning(report)
        norm = sum(value**2 for value in evaluation.norms.values()) ** 0.5
        share = f" ({evaluation.objective / self.start:.2g} of the start)" if self.start and self.start > 0.0 else ""
        stage = f"{report.stage}  " if report.stage else ""
        gap = evaluation.metrics.get("largest_gap", None if evaluation.exact else report.told.get("gap"))
        open_ = "" if gap is None else f"  gap {gap:.1e}"
        slope = f"  gradient {norm:.2e}" if evaluation.norms else ""
        text = f"{stage}objective {evaluation.objective:.4g}{share}{slope}{open_}"
        done, seconds = report.iteration - self.first.iteration, report.seconds - self.first.seconds
        if done > 0:
            text += f"  {self._speed(report, seconds)}  {clock(seconds / done * (report.steps - report.step))} left"
        self.show(report.step, text, report.seconds)

    def _learning(self, report: Any) -> None:
        """Show one window of a policy: reward of a step, what the last test came to, speed, time left."""
        evaluation = report.evaluation
        if evaluation.exact:
            metrics = evaluation.metrics
            shown = [f"return {metrics['return']:.4g}", f"length {metrics['length_s']:.3g} s"]
            shown += [
                f"{name.removesuffix('_short')} {metrics[name.removesuffix('_short')]:.3g}"
                for name in metrics
                if name.endswith("_short")
            ]
            self.tested = "test: " + ", ".join(shown)
        text = self.tested if evaluation.exact else f"reward {evaluation.metrics['reward']:.3g} a step  {self.tested}"
        done, seconds = report.iteration - self.first.iteration, report.seconds - self.first.seconds
        if done > 0:
            count = report.counts["steps"] - self.first.counts["steps"]
            text += f"  {count / max(seconds, 1e-9):,.0f} steps/s  {clock(seconds / done * (report.steps - report.step))} left"
        self.show(report.step, text, report.seconds)

    def _speed(self, report: Any, seconds: float) -> str:
        """Of what was simulated since the first report."""
        name, each, unit = ("evaluations", self.steps, "steps") if self.steps else ("simulations", 1, "windows")
        count = report.counts[name] - self.first.counts[name]
        return f"{count * each / max(seconds, 1e-9):,.0f} {unit}/s"


def clock(seconds: float) -> str:
    """1:05 or 2:03:04."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
