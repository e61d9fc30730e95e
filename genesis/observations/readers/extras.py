"""Libraries that only some formats need."""

from importlib import import_module
from pathlib import Path
from typing import Any

from genesis.errors import InputError


def library(path: Path, name: str, module: str | None = None) -> Any:
    """The module of a library of the extra `data`. Raises: InputError with the command that installs it."""
    try:
        return import_module(module or name)
    except ImportError as error:
        raise InputError(f'{path}: reading it needs {name}; install it with pip install "genesis-optimize[data]".') from error
