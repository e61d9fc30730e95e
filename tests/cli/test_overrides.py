"""Values that Hydra's grammar cannot read without quotation marks: they get them, or one message shows how."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from genesis_cli.aliases import expand_all
from genesis_cli.compose import compose_config
from genesis_cli.errors import CommandError
from genesis_cli.overrides import quoted


def value_of(word: str):
    return OverridesParser.create().parse_override(quoted(f"observation.folder={word}")).value()


@pytest.mark.parametrize(
    "path",
    [
        "/home/jörg/logs", "/data/#1", "/data/a&b", "/data/日本/😀", "C:\\Users\\new\\x", "C:\\data\\(1)\\x", "\\\\server\\share#\\",
        "x=y=z", "it's",
        "/d/run[1]/a{2}.csv", "~/x", "a;b <c> !d `e`", "x)", "say \"a\"", "\\'#", "50 %", "a|b", "a\tb",
    ],
)  # fmt: skip
def test_a_path_arrives_as_it_was_typed(path: str) -> None:
    assert value_of(path) == path


def test_lists_of_paths_and_sweeps_too() -> None:
    assert value_of("[/a/ö.csv,b.csv,/c/#1]") == ["/a/ö.csv", "b.csv", "/c/#1"]
    sweep = OverridesParser.create().parse_override(quoted("robot.file=/a/ö.urdf,b.urdf"))
    assert list(sweep.sweep_string_iterator()) == ["'/a/ö.urdf'", "b.urdf"]


@pytest.mark.parametrize(
    "word",
    ["task=reach", "a=1,2,3", "a=[1,2]", "a={b: 1}", "+a.b={c: [1, 2], d: x}", "a=interval(1,2)", "a=${b.c}", "a='x, y'",
     "~task", "a=", "a=null",
     "optimizers@polish=lbfgs", "hydra/launcher=joblib", "++a=true", "a=1.5", "a=1e-3", "a=/plain/path-1.csv", "a=1e300"],
)  # fmt: skip
def test_what_hydra_reads_stays(word: str) -> None:
    assert quoted(word) == word


@pytest.mark.parametrize(
    ("typed", "whole"), [("1e9", "1000000000"), ("1e3", "1000"), ("2.5e3", "2500"), ("-1E2", "-100"), ("2.5e0", "2.5e0")]
)
def test_powers_of_ten_count_as_whole_numbers_where_they_are(typed: str, whole: str) -> None:
    assert expand_all([f"task.horizon={typed}", f"parameter.mass.init={typed}", f"hydra.run.dir={typed}"]) == [
        f"task.horizon={whole}", f"parameter.mass.init={typed}", f"hydra.run.dir={typed}",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["a=[1,2", "a={b: ä}", "a=f(#)", 'a="', "a='x", "a={b: 1"])
def test_what_is_not_clear_is_told_with_the_remedy(word: str) -> None:
    with pytest.raises(CommandError) as caught:
        quoted(word)
    said = str(caught.value)
    assert said.startswith(f"override {word} cannot be read: write KEY=VALUE, lists as [1,2]") and "quotation marks" in said
    assert "Lexer" not in said and "hydra.cc" not in said and "\n" not in said


@pytest.mark.parametrize("word", ["reach", "täsk=reach", "=3", "", "a b=1", "a[0]=1", "--x"])
def test_what_is_no_override_is_told(word: str) -> None:
    with pytest.raises(CommandError, match="is no override: write KEY=VALUE, with a KEY of `genesis show keys`."):
        quoted(word)


def test_configs_get_them() -> None:
    assert compose_config("sysid", ["observation.folder=/home/jörg/#1 & more"]).observation.folder == "/home/jörg/#1 & more"
    assert compose_config("optimize", ["task.horizon=1e3"]).task.horizon == 1000
