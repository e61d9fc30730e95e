"""What TensorBoard is told of a swept key: its values, or an interval where they are many."""

from pathlib import Path

from genesis_cli.sweeps.hparams import LISTED, experiment
from genesis_cli.sweeps.table import Row, Table


def told(values: list[str]):
    rows = [Row(k, Path(), {"a": value}, "converged", "", 1.0, {"miss": 2.0}, 1, 0.5, 0) for k, value in enumerate(values)]
    (info,) = experiment(Table(Path(), rows, keys=["a"]))["experiment"].hparam_infos
    return info


def test_few_values_are_listed_and_many_numbers_are_an_interval() -> None:
    few, many = told([str(k) for k in range(LISTED)]), told([str(k) for k in range(LISTED + 1)])
    assert [v.number_value for v in few.domain_discrete.values] == list(range(LISTED)) and not few.HasField("domain_interval")
    assert (many.domain_interval.min_value, many.domain_interval.max_value) == (0.0, LISTED)
    assert len(told([f"x{k}" for k in range(LISTED + 1)]).domain_discrete.values) == LISTED + 1, "words have no interval"
