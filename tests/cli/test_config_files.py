"""Wrong files in a folder of the user's configs: one line that names file and line, whatever the command; exit code 2, nothing executed."""

import os
from pathlib import Path

import pytest

from genesis_cli.commands.show import config
from genesis_cli.compose import compose_config
from genesis_cli.errors import CommandError
from genesis_cli.validate import check
from genesis_cli.yaml_files import MOST_BYTES, MOST_VALUES, load_yaml

HEAD = """# @package _global_
defaults:
  - /schema/task/throw@task
  - _self_
  - override /scenes: ball
  - override /losses: throw
  - override /parameters: initial_velocity
task:
"""
GOOD = HEAD + "  horizon: 5\n  target_pos: [1, 0, 1]\n"
GLOBAL = "# @package _global_\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))

#: content -> what is said after `.../tasks/mine.yaml: `
WRONG: dict[str, tuple[str | bytes, str]] = {
    "tab": (HEAD + "\thorizon: 5\n", "line 9, column 1: there is a tab; indent by spaces."),
    "key twice": (HEAD + "  horizon: 5\n  horizon: 6\n", 'line 10, column 3: the key "horizon" is there twice.'),
    "key twice at the top": (GOOD + "task:\n  horizon: 3\n", 'line 11, column 1: the key "task" is there twice.'),
    "brace": (HEAD + "  x: {a: 1\n", "line 10, column 1: the file ends before a bracket that was opened in line 9 is closed."),
    "bracket": (GLOBAL + "defaults: [\n", "line 3, column 1: the file ends before a bracket that was opened is closed."),
    "quotation mark": (HEAD + '  x: "abc\n', "line 10, column 1: the file ends before the quotation mark in line 9 is closed."),
    "two colons": (HEAD + "  x: a: b\n", "line 9, column 7: a second colon in the line"),
    "indentation": (HEAD + "   x: 1\n  y: 2\n", "line 10, column 3: the indentation does not fit the lines before."),
    "at sign": (HEAD + "  x: @foo\n", "line 9, column 6: found character '@'"),
    "latin": (HEAD.encode() + b"  horizon: 5 # caf\xe9\n", "line 9, column 19: the byte 0xe9 is no UTF-8 (Latin-1?); save"),
    "utf-16": (GOOD.encode("utf-16"), "line 1: the file is UTF-16; save it as UTF-8."),
    "utf-32": (GOOD.encode("utf-32"), "line 1: the file is UTF-32; save it as UTF-8."),
    "zero": ("a: \0b\n", "line 1: the character U+0000 is not allowed in YAML."),
    "object": (HEAD + "  x: !!python/object/apply:os.mkdir [PWNED]\n", "line 9: the tag !!python/object/apply:os.mkdir is not all"),
    "path": (HEAD + "  x: !!python/object/apply:pathlib.Path [a]\n", "line 9: the tag !!python/object/apply:pathlib.Path is not"),
    "own tag": (HEAD + "  x: !mine 3\n", "line 9: the tag !mine is not allowed; write the value without it."),
    "alias bomb": (GLOBAL + BOMB, f"values when aliases are put in place; at most {MOST_VALUES}."),
    "alias of itself": (GLOBAL + "a: &a [*a]\n", "line 2: the alias *a is inside what it stands for."),
    "alias of nothing": ("a: *b\n", "line 1: the alias *b stands for nothing: there is no such anchor before it."),
    "empty": ("", "is empty; write its keys (genesis show keys), or {} for none."),
    "comments alone": (GLOBAL, "is empty;"),
    "null": ("null\n", "is empty;"),
    "list": ("- a\n- b\n", "line 1: holds a list; a config is a mapping, a line KEY: VALUE for each key."),
    "text": ("hello\n", "line 1: holds one value; a config is a mapping"),
    "two documents": (GOOD + "---\na: 1\n", "line 11: a second document begins"),
    "deep": ("a: " + "[" * 100_000, "line 1: more than 64 mappings and lists are inside each other."),
    "large": (b"#" * (MOST_BYTES + 1), f"has {MOST_BYTES + 1} bytes; a config has at most {MOST_BYTES}"),
    "number of 5000 digits": (HEAD + f"  horizon: {'9' * 5000}\n", "Exceeds the limit (4300 digits)"),
    "key is a number": (GOOD + "1: 2\n", "the key 1 is no text; write it in quotation marks."),
    "key is a list": ("? [a]\n: 1\n", "line 1, column 3: a list or mapping cannot be a key."),
    "interpolation": (HEAD + "  horizon: ${\n", "task.horizon: its interpolation cannot be read; write ${NODE.KEY}."),
    "header": ("# @packge _global_\n" + HEAD[20:], 'the header "# @packge" is not known; write # @package NODE.'),
    "header of nothing": ("# @package\n" + HEAD[20:], "line 1: Expected header format"),
    "no header": (
        HEAD.partition("\n")[2] + "  horizon: 5\n",
        'line 4: "override /scenes" finds nothing to override; begin the file with the line # @package _global_.',
    ),
    "unknown key": (HEAD + "  horizn: 5\n", 'line 9: unknown key "horizn"; known: horizon, '),
    "type": (HEAD + "  horizon: soon\n", "line 9: task.horizon: Value 'soon' of type 'str' could not be converted to Integer."),
    "list for a mapping": (GLOBAL + "loss: [a]\n", "Cannot merge DictConfig with ListConfig."),
    "defaults are a number": ("defaults: 3\n", 'line 1: defaults: must be a list of "- group: option", "- option" and "- _self_".'),
    "defaults are a mapping": ("x: 1\ndefaults: {a: b}\n", "line 2: defaults: must be a list"),
    "defaults of two": (GLOBAL + "defaults:\n  - {a: b, c: d}\n", "line 2: defaults: {'a': 'b', 'c': 'd'} is not possible; each"),
    "defaults of nothing": (GLOBAL + "defaults:\n  -\n", "line 2: defaults: None is not possible; each entry is"),
    "defaults of itself": (
        GLOBAL + "defaults:\n  - mine\n", "line 2: the defaults go round in a circle: tasks/mine -> tasks/mine."
    ),
    "defaults of what is not there": (GLOBAL + "defaults:\n  - throwing\n", 'line 3: tasks: unknown option "throwing"; known: throw'),
    "defaults of a wrong option": (
        GLOBAL + "defaults:\n  - override /scenes: bal\n", 'line 3: scenes: unknown option "bal"; known: ball, '
    ),
    "defaults of a wrong group": (GLOBAL + "defaults:\n  - override /scnes: ball\n", 'line 3: unknown key "scnes"; known: scenes, '),
    "defaults of a wrong schema": (
        GLOBAL + "defaults:\n  - /schema/task/thro@task\n", 'line 3: schema/task: unknown option "thro"; known: throw, '
    ),
    "defaults twice themselves": (GLOBAL + "defaults:\n  - _self_\n  - _self_\n", "line 2: Duplicate _self_ defined"),
    "defaults outside": (GLOBAL + "defaults:\n  - ../../x\n", 'line 3: tasks/../..: unknown option "x"; known: none.'),
}  # fmt: skip


def put(folder: Path, content: str | bytes, name: str = "mine") -> Path:
    file = folder / "tasks" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("name", WRONG)
def test_the_file_and_the_line_are_named(tmp_path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    content, said = WRONG[name]
    file = put(tmp_path, content)
    with pytest.raises(CommandError) as caught:
        config("optimize", ["task=mine"], str(tmp_path))
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and said in message and caught.value.exit_code == 2
    assert len(message.splitlines()) == 1 and not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(
    "command", ["optimize", "simulate", "gradcheck", "show scene", "show keys", "optimize -m", "optimize --cfg job"]
)
def test_every_command_says_it(genesis_here, tmp_path, command: str) -> None:
    put(tmp_path, WRONG["tab"][0])
    code, printed = genesis_here(
        *command.split(), "--config-dir", str(tmp_path), "task=mine", "stop.seconds=1,2" if "-m" in command else "stop.seconds=1"
    )
    assert code == 2 and printed == f"error: {tmp_path}/tasks/mine.yaml: {WRONG['tab'][1]}\n"


def test_other_groups_and_stored_configs_are_read_through_the_same_check(genesis_here, tmp_path) -> None:
    (tmp_path / "observations").mkdir()
    (tmp_path / "observations" / "log.yaml").write_text("a: {\n")
    assert (
        "log.yaml: line 2, column 1: the file ends before"
        in genesis_here("sysid", "--config-dir", str(tmp_path), "observation=log")[1]
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_bytes(b"a: \xff\n")
    code, printed = genesis_here("optimize", "--rerun", str(tmp_path / "run"))
    assert code == 2 and "config.yaml: line 1, column 4: the byte 0xff is no UTF-8" in printed


@pytest.mark.parametrize(
    "content",
    [GOOD.encode("utf-8-sig"), GOOD.replace("\n", "\r\n"), GOOD.replace("[1, 0, 1]", "&p [1, 0, 1]") + "  x: &q 1\n  y: *q\n"],
)
def test_a_byte_order_mark_line_ends_of_windows_and_aliases_are_fine(tmp_path, content: str | bytes) -> None:
    text = (
        content
        if isinstance(content, bytes)
        else content.replace("  x: &q 1\n  y: *q\n", "loss: {a: {kind: position, target: *p}}\n").encode()
    )
    put(tmp_path, text)
    made = check(compose_config("optimize", ["task=mine"], [str(tmp_path)]))
    assert (made.task.kind, made.task.horizon, made.task.target_pos) == ("throw", 5, [1.0, 0.0, 1.0]), (
        "the header after the mark counts"
    )
    assert "a" not in made.loss or made.loss["a"].target == [1, 0, 1]


def test_what_only_looks_like_an_option_is_named(tmp_path) -> None:
    put(tmp_path, GOOD, "other").rename(tmp_path / "tasks" / "short.yml")
    (tmp_path / "tasks" / "folder.yaml").mkdir()
    (tmp_path / "tasks" / "gone.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "tasks" / "pipe.yaml")
    for name, said in {
        "short": "short.yml is there: rename it to short.yaml.", "folder": "is a folder.", "gone": "is a link to nothing.",
        "pipe": "is not an ordinary file.", "shor": 'unknown option "shor"',
    }.items():  # fmt: skip
        with pytest.raises(CommandError, match=f"tasks: .*{said}"):
            config("optimize", [f"task={name}"], str(tmp_path))


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    file = put(tmp_path, GOOD)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CommandError, match=f"{file}: cannot be read: permission denied."):
        load_yaml(file)


def test_a_circle_of_two_is_told_as_it_goes(tmp_path) -> None:
    put(tmp_path, GLOBAL + "defaults:\n  - two\n", "one")
    put(tmp_path, GLOBAL + "x: 1\ndefaults:\n  - one\n", "two")
    with pytest.raises(CommandError, match=r"the defaults go round in a circle: tasks/(one -> tasks/two|two -> tasks/one) -> "):
        config("optimize", ["task=one"], str(tmp_path))


def test_configs_of_another_program_in_this_process_stay_its_own(tmp_path) -> None:
    """Hydra takes an empty file, which ours must not be."""
    import hydra

    from genesis_cli.compose import compose_config

    compose_config("optimize", [])
    (tmp_path / "theirs.yaml").write_text("")
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(tmp_path)):
        assert hydra.compose(config_name="theirs") == {}
