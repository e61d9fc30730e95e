"""Commands and configs in the documentation are what the program understands."""

import re
import shlex
from pathlib import Path

import pytest

from genesis_cli.compose import compose_config, groups
from genesis_cli.schema import TERMS
from genesis_cli.validate import check

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/cli.md", "docs/python.md", "docs/configs.md", "docs/sysid.md", "docs/sweeps.md")


def commands() -> list[str]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```bash\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL):
            found += [line for line in block.splitlines() if line.startswith("genesis ")]
    return found


@pytest.mark.parametrize("line", commands())
def test_documented_commands_compose(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if (
        words[0] == "sweep"
        or words[:2] == ["show", "diff"]
        or "my_task" in line
        or "--rerun" in words
        or "--resume" in words
        or words[0] == "doctor"
        or words[:2] == ["show", "groups"]
    ):
        return  # needs a folder of the reader's
    command = words[0] if words[0] != "show" else "optimize"
    overrides = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    if "-m" in words:
        overrides = [re.sub(r"=(tag\(log,)?interval\((.*?),.*", r"=\2", word) for word in overrides]
        overrides = [re.sub(r"=([^,]*),.*", r"=\1", word) for word in overrides]
    check(compose_config(command, overrides))


def test_every_kind_and_option_is_described() -> None:
    text = "".join((REPOSITORY / "docs" / page).read_text() for page in ("configs.md", "sysid.md"))
    for kinds in TERMS.values():
        for kind in kinds:
            assert f"`{kind}`" in text, kind
    for _, folder, options in groups():
        assert f"`{folder}/`" in text
        if folder == "tasks":
            assert all(f"`{option}`" in text for option in options)
