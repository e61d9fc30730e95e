"""Pages of the documentation as their readers see them: blocks, in order."""

import re
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import genesis_here, run_genesis  # noqa: F401  (fixtures)

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "docs" / "make"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, content) of every code block of a page below docs/."""
    return BLOCK.findall((REPOSITORY / "docs" / page).read_text())


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
