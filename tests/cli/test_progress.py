"""The line of progress."""

from types import SimpleNamespace

from genesis_cli import console
from genesis_cli.progress import Progress, clock


def report(iteration: int, seconds: float, evaluations: int):
    evaluation = SimpleNamespace(objective=1.25, norms={"a": 3.0, "b": 4.0})
    return SimpleNamespace(iteration=iteration, iterations=100, seconds=seconds, evaluations=evaluations, evaluation=evaluation)


def test_loss_gradient_speed_and_time_left(capsys) -> None:
    console.stderr.cache_clear()
    with Progress(iterations=100, horizon=50, envs=4) as progress:
        progress(report(0, 8.0, 1))  # compiling is not counted
        progress(report(40, 28.0, 41))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["0/100  loss 1.25  gradient 5.00e+00", "40/100  loss 1.25  gradient 5.00e+00  400 steps/s  0:30 left"]
    console.stderr.cache_clear()


def test_clock() -> None:
    assert [clock(5.9), clock(65), clock(7384)] == ["0:05", "1:05", "2:03:04"]
