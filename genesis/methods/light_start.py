"""torch.optim without importing torch's compiler.

The methods of `torch.optim.Optimizer` exempt themselves from torch.compile, and do so by importing the whole compiler when they are first
called: more than a second of CPU time before the first iteration. Nothing here is compiled by torch, so each method may stand for its own
exempt version. This sets an attribute that torch looks for and that is not documented; without it all works, only more slowly. `step` imports
the compiler to tell it where the gradient is switched off; a subclass switches it off without telling.
"""

import inspect
from functools import cache
from typing import Any

import torch


def skip_compiler_import() -> None:
    """Let every method of torch's optimizers be its own version for torch.compile."""
    for method in vars(torch.optim.Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain


@cache  # one class for each kind: torch notes at the class that its step is wrapped
def light(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """The same optimizer, whose `step` takes no notice of torch's compiler."""
    plain = inspect.unwrap(kind.step)

    def step(self: torch.optim.Optimizer, closure: Any = None) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return plain(self, closure)

    return type(kind.__name__, (kind,), {"step": step})
