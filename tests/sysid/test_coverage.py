"""Error bars: how often 95 % intervals hold the truth, and whether the standard deviations said are those found."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("engine")


def test_intervals_of_a_panda_hold_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """240 intervals of twelve parameters, twenty times with other noise: 228 ± 3.4 on average if they were independent."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import sysid as bench

    made = bench.coverage(bench.scene(), 20)
    assert len(made.names) == 12
    assert 216 <= made.hits.sum() <= 238
    assert np.abs(np.log(made.said / made.found)).max() < np.log(2.0)


def test_a_panda_is_found_with_few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve parameters from half to one and a half times their values, without noise."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import sysid as bench

    start = bench.STARTS["near"]
    data = bench.record(start.steps)
    run = bench.ours(bench.scene(), data, start, repeats=1)
    assert bench.errors(run["found"], data.truth) < 1e-6
    assert run["simulations"] < 30
