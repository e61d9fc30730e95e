"""Progress of a run in the terminal: loss, gradient norm, steps per second, time left."""

from types import TracebackType
from typing import Any, Self


class LiveLine:
    """A live line on a terminal, now and then a plain line elsewhere."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        from genesis_cli.console import stderr

        self.console = stderr()
        self.live = self.console.is_terminal
        self.total, self.next_line = total, 0.0
        self.bar = Bar(
            TextColumn("{task.completed}/{task.total}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}"),
            console=self.console,
            transient=True,
            refresh_per_second=5,
        )
        self.task = self.bar.add_task("", total=total, text="compiling and first rollout …")

    def __enter__(self) -> Self:
        if self.live:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.bar.stop()

    def show(self, completed: int, text: str, seconds: float) -> None:
        """The state of an iteration, ``seconds`` after the start."""
        if self.live:
            self.bar.update(self.task, completed=completed, text=text)
        elif seconds >= self.next_line:
            from genesis_cli.console import note

            note(f"{completed}/{self.total}  {text}", style="")
            self.next_line = seconds + 10.0


class Progress(LiveLine):
    """Observer of an optimisation."""

    def __init__(self, iterations: int, horizon: int, envs: int) -> None:
        super().__init__(iterations)
        self.steps = horizon * max(envs, 1)
        self.first: Any = None  # the report after compiling, which speed and time left are counted from

    def __call__(self, report: Any) -> None:
        """Show one iteration."""
        self.first = self.first or report
        norm = sum(value**2 for value in report.evaluation.norms.values()) ** 0.5
        text = f"loss {report.evaluation.objective:.4g}  gradient {norm:.2e}"
        done, seconds = report.iteration - self.first.iteration, report.seconds - self.first.seconds
        if done > 0:
            evaluations = report.counts["evaluations"] - self.first.counts["evaluations"]
            speed = evaluations * self.steps / max(seconds, 1e-9)
            text += f"  {speed:,.0f} steps/s  {clock(seconds / done * (report.steps - report.step))} left"
        self.show(report.iteration, text, report.seconds)


class IdentifyProgress(LiveLine):
    """Observer of an identification."""

    def __call__(self, told: Any) -> None:
        """Show one iteration."""
        share = f" ({told.cost / told.first:.2g} of the start)" if told.first else ""
        self.show(told.step, f"{told.stage}  cost {told.cost:.4g}{share}  {told.simulations} windows simulated", told.seconds)


def clock(seconds: float) -> str:
    """1:05 or 2:03:04."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
