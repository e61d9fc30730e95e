"""Identifications as tests run them: without signals, with a record where a folder is given."""

from pathlib import Path
from typing import Any

from genesis.methods import make_method
from genesis.runners.identify import found, identification
from genesis.runners.loop import Loop, Stop
from genesis.runners.record import Record, RecordOptions
from genesis.sysid.result import Identification


def identify(
    problem: Any, kind: str = "levenberg_marquardt", stop: Stop | None = None, folder: Path | None = None, *,
    method: dict[str, Any] | None = None, **options: Any,
) -> Loop:  # fmt: skip
    stop = stop or Stop()
    made = make_method({"kind": kind, **(method or {})}, {"kind": "constant"}, stop.iterations, 0)
    record = None if folder is None else Record(folder, RecordOptions(tensorboard=False))
    return identification(problem, made, stop, record=record, signals=False, **options)


def ended(loop: Loop) -> Identification:
    result = loop.run()
    if result.error is not None:
        raise result.error
    made = found(loop.problem, result)  # type: ignore[arg-type]
    assert made is not None
    return made


def stop_after(loop: Loop, rows: int) -> Loop:
    """As if a signal came in that iteration."""

    def observer(report: Any) -> None:
        loop.interrupt.asked = loop.interrupt.asked or report.iteration + 1 >= rows

    loop.observers = [*loop.observers, observer]
    return loop
