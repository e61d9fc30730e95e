"""A loss written by the user."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.setting import Setting
from genesis.view import View


class UserFunction:
    """`function(trajectory, scene, **options)`, a scalar tensor.

    function: module.function, importable from the working folder, or FILE.py:function. trajectory is the `genesis.scene.Trajectory` of
    the rollout, scene the built `genesis.scene.Scene`; docs/own.md lists their attributes.
    """

    def __init__(self, setting: Setting, where: str, *, function: str, options: dict[str, Any] | None = None) -> None:
        self.where, self.name = where, function
        self.function = load(where, function)
        self.scene, self.options = setting.scene, dict(options or {})

    def __call__(self, trajectory: View) -> Tensor:
        value = self.function(trajectory.trajectory, self.scene, **self.options)  # the original, as the public API has it
        if not isinstance(value, Tensor) or value.ndim != 0:
            found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"{self.where}: {self.name} returned {found}; it must return a scalar tensor.")
        return torch.as_tensor(value)


def load(where: str, given: str) -> Callable[..., Any]:
    """The function that is meant by module.function, or by FILE.py:function.

    Raises: InputError if the module or file cannot be imported, UnknownNameError if it has no such function.
    """
    file, mark, name = given.rpartition(":")
    if mark:
        module = _of_file(where, Path(file).expanduser())
    else:
        module_name, _, name = given.rpartition(".")
        if not module_name:
            raise InputError(f'{where}: "{given}" is not a dotted path; write module.function, or FILE.py:function.')
        try:
            module = import_module(module_name)
        except ImportError as error:
            raise InputError(
                f"{where}: module {module_name} cannot be imported ({error}); it must lie in the working folder or be installed."
            ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise unknown_name(where, "function", name, [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")])
    return function


def _of_file(where: str, path: Path) -> ModuleType:
    """The module in a Python file, run anew. Raises: InputError where it is not there or cannot be run."""
    spec = spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{where}: {path} is no Python file; write FILE.py:function, or module.function.")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{where}: {path} cannot be imported ({type(error).__name__}: {reason}).") from error
    return module
