"""Completion of overrides; bash splits words at the equals sign."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_cli.completion import complete_override, join_at_equals


@pytest.mark.parametrize(
    ("words", "cursor", "joined", "new_cursor"),
    [
        (["genesis", "optimize", "task", "=", "re"], 4, ["genesis", "optimize", "task=re"], 2),
        (["genesis", "optimize", "task", "="], 3, ["genesis", "optimize", "task="], 2),
        (["genesis", "optimize", "task", "="], 4, ["genesis", "optimize", "task="], 2),
        (["genesis", "optimize", "task", "=", "reach", "op"], 5, ["genesis", "optimize", "task=reach", "op"], 3),
        (["genesis", "optimize", "ta"], 2, ["genesis", "optimize", "ta"], 2),
        (["genesis", "optimize"], 2, ["genesis", "optimize", ""], 2),
    ],
)
def test_join_at_equals(words: list[str], cursor: int, joined: list[str], new_cursor: int) -> None:
    assert join_at_equals(words, cursor) == (joined, new_cursor)


def test_groups_options_and_keys() -> None:
    assert complete_override("ta") == ["task.", "task="]
    assert complete_override("task=re") == ["task=reach", "task=reach_around", "task=reach_so101"]
    assert complete_override("tasks=sw") == ["tasks=swing_up", "tasks=swing_up_double"]
    assert complete_override("optimizer.dam") == ["optimizer.damping="]
    assert complete_override("nonsense") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_gets_only_the_part_after_the_equals_sign(tmp_path: Path) -> None:
    """As the script of `--install-completion` asks: COMP_WORDS joined by blanks."""
    environment = os.environ | {
        "_GENESIS_COMPLETE": "complete_bash",
        "COMP_WORDS": "genesis optimize task = re",
        "COMP_CWORD": "4",
    }
    code = "import sys; sys.argv = ['genesis']; from genesis_cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stdout.split() == ["reach", "reach_around", "reach_so101"]
