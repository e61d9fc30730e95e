import logging

import pytest


@pytest.fixture(autouse=True)
def warnings_are_heard(caplog):
    """Whatever level another test has set."""
    caplog.set_level(logging.WARNING, logger="genesis")
