"""The line of progress."""

from types import SimpleNamespace

import pytest

from genesis.compilation import Compilation
from genesis_cli import console
from genesis_cli import progress as module
from genesis_cli.progress import Progress, clock, compiling


@pytest.fixture(autouse=True)
def compilation(monkeypatch) -> Compilation:
    """Of a process that has compiled nothing."""
    made = Compilation()
    monkeypatch.setattr(module, "COMPILATION", made)
    monkeypatch.setattr(Progress, "told", (0, 0.0))
    return made


def report(iteration: int, seconds: float, objective: float = 1.25, stage: str = "", exact: bool = True, **counts: int):
    evaluation = SimpleNamespace(objective=objective, norms={"a": 3.0, "b": 4.0}, exact=exact, metrics={})
    return SimpleNamespace(
        iteration=iteration,
        step=iteration,
        steps=100,
        stage=stage,
        seconds=seconds,
        counts=counts,
        evaluation=evaluation,
        told={},
    )


def lines(capsys, progress: Progress, *reports) -> list[str]:
    console.stderr.cache_clear()
    with progress:
        for one in reports:
            progress(one)
    console.stderr.cache_clear()
    return capsys.readouterr().err.splitlines()


def test_objective_gradient_speed_and_time_left(capsys) -> None:
    shown = lines(capsys, Progress(100, 200), report(0, 8.0, evaluations=1), report(40, 28.0, 0.3125, evaluations=41))
    assert shown == [
        "0/100  objective 1.25 (1 of the start)  gradient 5.00e+00",
        "40/100  objective 0.3125 (0.25 of the start)  gradient 5.00e+00  400 steps/s  0:30 left",
    ]


def test_stages_windows_and_the_share_of_the_first_whole_objective(capsys) -> None:
    """Of an identification: compiling is not counted, a mini-batch says nothing of the start."""
    shown = lines(
        capsys, Progress(100), report(0, 8.0, 9.0, "start 1 of 2", exact=False, simulations=10),
        report(1, 18.0, 8.0, "start 1 of 2", simulations=30), report(2, 28.0, 2.0, "start 2 of 2", simulations=90),
    )  # fmt: skip
    assert shown == [
        "0/100  start 1 of 2  objective 9  gradient 5.00e+00",
        "1/100  start 1 of 2  objective 8 (1 of the start)  gradient 5.00e+00  2 windows/s  16:30 left",
        "2/100  start 2 of 2  objective 2 (0.25 of the start)  gradient 5.00e+00  4 windows/s  16:20 left",
    ]


def test_a_path_with_gaps_says_so_and_what_has_no_gradient_shows_none(capsys) -> None:
    open_, closed = report(0, 8.0, 9.0, exact=False, evaluations=1), report(40, 28.0, 3.0, evaluations=41)
    open_.told = closed.told = {"gap": 16.7}
    open_.evaluation.norms = closed.evaluation.norms = {}
    assert lines(capsys, Progress(100, 200), open_, closed) == [
        "0/100  objective 9  gap 1.7e+01",
        "40/100  objective 3 (1 of the start)  400 steps/s  0:30 left",
    ]


def test_compiling_is_said_once_with_its_seconds_and_loading_never(capsys, compilation) -> None:
    console.stderr.cache_clear()
    with Progress(100, 200) as progress:
        compilation.begin()
        compilation.end(0.5, 0.1)  # read from the cache
        assert capsys.readouterr().err == ""
        compilation.begin()
        compilation.end(0.5, 2.5)
        for _ in range(2):
            compilation.begin()
            compilation.end(0.1, 0.4)
        progress(report(0, 8.0, evaluations=1))
        progress(report(1, 9.0, evaluations=1))
        compilation.begin()
        compilation.end(0.1, 0.9)  # of a later stage
    console.stderr.cache_clear()
    assert [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "compiling kernels …",
        "compiled 3 kernels in 4.0 s; later runs load them",
        "0/100",
        "compiled a kernel in 1.0 s; later runs load it",
    ]
    assert not compilation.watchers
    with Progress(100, 200) as progress:  # another job of this process
        progress(report(0, 1.0, evaluations=1))
    assert "compiled" not in capsys.readouterr().err


def test_what_was_compiled_while_the_scene_was_built_is_said_too(capsys, compilation) -> None:
    console.stderr.cache_clear()
    compilation.end(0.1, 0.7)
    with Progress(100, 200) as progress:
        compilation.begin()
        compilation.end(0.5, 2.5)
        progress(report(0, 8.0, evaluations=1))
    console.stderr.cache_clear()
    assert capsys.readouterr().err.splitlines()[:2] == [
        "compiling kernels …", "compiled 2 kernels in 3.8 s; later runs load them"
    ]  # fmt: skip


def test_clock() -> None:
    assert [clock(5.9), clock(65), clock(7384)] == ["0:05", "1:05", "2:03:04"]


def test_commands_without_iterations_say_what_compiling_took(capsys, compilation) -> None:
    console.stderr.cache_clear()
    with compiling():
        compilation.begin()
        compilation.end(0.5, 2.5)
        compilation.begin()
        compilation.end(0.1, 0.9)
    with compiling():
        compilation.begin()
        compilation.end(0.5, 0.1)
    console.stderr.cache_clear()
    assert capsys.readouterr().err.splitlines() == ["compiling kernels …", "compiled 2 kernels in 4.0 s; later runs load them"]
    assert not compilation.watchers
