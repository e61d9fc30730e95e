"""A loss written by the user."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.setting import Setting
from genesis.view import View


class UserFunction:
    """`function(trajectory, scene, **options)`, a scalar tensor."""

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


def load(where: str, dotted: str) -> Callable[..., Any]:
    """The function at a dotted path, module.function.

    Raises: InputError if the module cannot be imported, UnknownNameError if it has no such function.
    """
    module_name, _, name = dotted.rpartition(".")
    if not module_name:
        raise InputError(f'{where}: "{dotted}" is not a dotted path; write module.function.')
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
