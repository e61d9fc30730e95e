"""Whether pictures can be drawn here."""

from importlib.util import find_spec

import pytest

from genesis.errors import InputError
from genesis.replay.actors import window


def can_draw() -> bool:
    """VTK, OpenGL and PyAV are there."""
    try:
        window((8, 8), "tests").Finalize()
    except InputError:
        return False
    return find_spec("av") is not None


def skip_without_drawing() -> None:
    """Skips the tests of a module where they are not."""
    if not can_draw():
        pytest.skip("needs the extra video, and OpenGL (Mesa's libegl1 will do)", allow_module_level=True)
