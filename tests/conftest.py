"""What every part of the tests shares: one runtime in double precision, so that each kernel is compiled once a session."""

import pytest


@pytest.fixture(scope="session")
def engine():
    """The engine in 64 bit. Tests that need other settings run in their own process."""
    from genesis import runtime

    if not runtime.initialized():
        runtime.init(precision="64", logging_level="error")
