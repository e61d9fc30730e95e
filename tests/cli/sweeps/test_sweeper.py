"""What a grid plans, and what the table in the terminal shows of it."""

from pathlib import Path

import pytest

from genesis_cli.errors import CommandError
from genesis_cli.sweeps.report import print_rows, shortened
from genesis_cli.sweeps.space import Axis
from genesis_cli.sweeps.sweeper import Grid
from genesis_cli.sweeps.table import Row, Table


def test_a_grid_is_every_combination_up_to_its_bound() -> None:
    grid = Grid(max_jobs=4)
    grid.axes = [Axis("a", values=["1", "2"]), Axis("b", values=["x", "y"])]
    assert grid.plan() == [["a=1", "b=x"], ["a=1", "b=y"], ["a=2", "b=x"], ["a=2", "b=y"]]
    grid.most = 3
    with pytest.raises(CommandError, match="the grid has more than 3 jobs; raise hydra.sweeper.max_jobs"):
        grid.plan()
    grid.axes = []
    assert grid.plan() == [[]], "nothing swept is one job"


def test_a_key_is_shortened_where_its_end_is_its_own() -> None:
    assert [shortened(key, ["a.lr", "b.lr", "c.seed"]) for key in ("a.lr", "b.lr", "c.seed")] == ["a.lr", "b.lr", "seed"]


def test_only_bad_ends_have_a_reason(capsys) -> None:
    def row(number: int, status: str) -> Row:
        return Row(number, Path(), {}, status, f"because {number} (traceback in x)\nmore", 1.0, {}, 1, 0.5, 0)

    rows = [row(0, "converged"), row(1, "failed"), row(2, "pruned"), row(3, "not_converged")]
    print_rows(Table(Path(), rows), rows)
    printed = capsys.readouterr().out
    assert "because 1" in printed and "because 2" in printed and "because 0" not in printed and "because 3" not in printed
    assert "traceback" not in printed and "more" not in printed
