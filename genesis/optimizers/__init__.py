"""Optimizers by name: torch.optim's first-order methods, L-BFGS, and SciPy's L-BFGS-B."""

from typing import Any

import torch

from genesis.errors import InputError, unknown_name
from genesis.methods.light_start import skip_compiler_import
from genesis.methods.schedulers import SCHEDULERS
from genesis.optimizers.first_order import FirstOrder
from genesis.optimizers.lbfgs import LBFGS
from genesis.optimizers.lbfgsb import LBFGSB
from genesis.optimizers.optimizer import Group, Optimizer

FIRST_ORDER: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
    "rprop": torch.optim.Rprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "asgd": torch.optim.ASGD,
}
QUASI_NEWTON: dict[str, type] = {"lbfgs": LBFGS, "lbfgsb": LBFGSB}
OPTIMIZERS = (*FIRST_ORDER, *QUASI_NEWTON)


def make_optimizer(groups: list[Group], optimizer: dict[str, Any], scheduler: dict[str, Any], iterations: int) -> Optimizer:
    """The optimizer of that kind.

    Args:
        groups: what it moves.
        optimizer: kind and keyword arguments.
        scheduler: kind and keyword arguments of the learning rate's schedule.
        iterations: length of the run, for schedules that need it.
    """
    skip_compiler_import()
    if not groups:
        raise InputError("parameter: nothing to learn; at least one parameter must have learn: true.")
    options = dict(optimizer)
    kind = options.pop("kind")
    if kind in FIRST_ORDER:
        return FirstOrder(FIRST_ORDER[kind], groups, options, scheduler, iterations)
    if kind not in QUASI_NEWTON:
        raise unknown_name("optimizer", "kind", kind, OPTIMIZERS)
    if scheduler["kind"] != "constant":
        raise InputError(f"scheduler: {kind} finds its step by a line search; allowed with it: constant.")
    made: Optimizer = QUASI_NEWTON[kind](groups, **options)
    return made


__all__ = ["FIRST_ORDER", "OPTIMIZERS", "QUASI_NEWTON", "SCHEDULERS", "FirstOrder", "Group", "Optimizer", "make_optimizer"]
