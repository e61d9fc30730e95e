"""What the console does with tables in a pipe."""

import pytest

from genesis_cli import console


@pytest.mark.parametrize("columns", ["40", "80"])
def test_tables_in_a_pipe_break_no_key_and_no_word(columns, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    console.stdout.cache_clear()
    row = ("parameter.controls.joints", "a description of many words " * 8, "1.0000e+00")
    try:
        console.table("", ("key", "meaning", "value"), [row], right=[2])
    finally:
        console.stdout.cache_clear()
    assert [part.strip() for part in capsys.readouterr().out.splitlines()[1].split("  ")] == [part.strip() for part in row]
