"""torch.optim without importing torch's compiler.

The methods of `torch.optim.Optimizer` exempt themselves from torch.compile, and do so by importing the whole compiler when they are first
called: more than a second of CPU time before the first iteration. Nothing here is compiled by torch, so each method may stand for its own
exempt version. This sets an attribute that torch looks for and that is not documented; without it all works, only more slowly.
"""

import torch


def skip_compiler_import() -> None:
    """Let every method of torch's optimizers be its own version for torch.compile."""
    for method in vars(torch.optim.Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain
