"""Whether pictures can be drawn here."""

import pytest

from genesis.errors import InputError
from genesis.replay.actors import window


def skip_without_drawing() -> None:
    """Skips the tests of a module where VTK or OpenGL is missing."""
    try:
        window((8, 8), "tests").Finalize()
    except InputError as error:
        pytest.skip(str(error), allow_module_level=True)
