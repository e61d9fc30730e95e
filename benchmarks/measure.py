"""Timing shared by the benchmarks: CPU time of this process, minimum over repeats, all candidates in one run."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cpu_seconds(function: Callable[[], object], repeats: int = 9, at_least: float = 0.03, warm: bool = False) -> float:
    """CPU seconds of one call: the least over ``repeats`` runs, each long enough to measure; ``warm``: it has been called before."""
    if not warm:
        function()
    best = float("inf")
    for _ in range(repeats):
        count, start = 0, time.process_time()
        while True:
            function()
            count += 1
            spent = time.process_time() - start
            if spent > at_least:
                break
        best = min(best, spent / count)
    return best


def in_turns(*functions: Callable[[], object], rounds: int = 40, at_least: float = 0.01, budget: float = 12.0) -> list[float]:
    """CPU seconds of one call of each: the least over rounds in which each has its turn.

    On a machine that others use, speed changes within seconds; what is measured one after the other is then not comparable.

    Args: rounds: at most. at_least: seconds of a turn. budget: seconds after which no further round begins, from the third on.
    """
    for function in functions:
        function()
    best, begin = [float("inf")] * len(functions), time.process_time()
    for k in range(rounds):
        if k > 2 and time.process_time() - begin > budget:
            break
        best = [min(b, cpu_seconds(f, 1, at_least, warm=True)) for b, f in zip(best, functions, strict=True)]
    return best


def wall_seconds(function: Callable[[], object], repeats: int = 9) -> float:
    """Elapsed seconds of one call: the least over ``repeats``."""
    function()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def machine() -> str:
    """One line on where the figures come from."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def models_folder() -> Path:
    """The folder with cartpole.xml, panda7.xml and go2.xml: $GENESIS_BENCH_MODELS, or the project's own models."""
    return Path(os.environ.get("GENESIS_BENCH_MODELS", ROOT / "benchmarks" / "models"))
