"""Methods that lower an objective, by name. A new one: one file here, one line in a table, its class in the schema of the command line."""

from typing import Any

import torch

from genesis.errors import unknown_name
from genesis.log import logger
from genesis.methods.actor_critic import SHAC
from genesis.methods.cmaes import CMAES
from genesis.methods.ddp import DDP
from genesis.methods.first_order import FirstOrder
from genesis.methods.lbfgs import LBFGS
from genesis.methods.lbfgsb import LBFGSB
from genesis.methods.least_squares import LeastSquares
from genesis.methods.levenberg_marquardt import LevenbergMarquardt
from genesis.methods.light_start import skip_compiler_import
from genesis.methods.method import Ending, Group, Method, Objective
from genesis.methods.mppi import MPPI
from genesis.methods.schedulers import SCHEDULERS

#: Kinds that take one gradient a step, with a learning rate and its schedule.
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
#: Kinds that find their step themselves.
OWN_STEP: dict[str, type] = {
    "lbfgs": LBFGS,
    "lbfgsb": LBFGSB,
    "levenberg_marquardt": LevenbergMarquardt,
    "least_squares": LeastSquares,
    "cmaes": CMAES,
    "mppi": MPPI,
    "ddp": DDP,
    "shac": SHAC,
}
METHODS = (*FIRST_ORDER, *OWN_STEP)
SEEDED = ("cmaes", "mppi", "shac")  # kinds that draw random numbers


def make_method(spec: dict[str, Any], scheduler: dict[str, Any], iterations: int, seed: int, restart: int = 0) -> Method:
    """The method of that kind, not yet begun: `init` binds it to an objective.

    Args:
        spec: kind and keyword arguments. scheduler: kind and keyword arguments of the learning rate's schedule.
        iterations: length of the run, for schedules that need it. seed: of methods that draw random numbers and have no seed in `spec`.
        restart: number of a descent that begins anew: another seed, and for cmaes a population that has doubled so often.
    Raises: UnknownNameError for a kind that there is not. A schedule of a method without a learning rate is not followed, and that is said.
    """
    skip_compiler_import()
    options = dict(spec)
    kind = options.pop("kind")
    if kind in FIRST_ORDER:
        return FirstOrder(FIRST_ORDER[kind], options, scheduler, iterations)
    if kind not in OWN_STEP:
        raise unknown_name("optimizer", "kind", kind, METHODS)
    if kind != "shac" and scheduler["kind"] != "constant" and not restart:
        logger.warning("scheduler: %s is not followed, because %s finds its step itself.", scheduler["kind"], kind)
    if kind in SEEDED and options.get("seed") is None:
        options["seed"] = seed
    if kind in SEEDED:
        options["seed"] += restart
    if kind == "cmaes":
        options["doublings"] = restart
    made: Method = OWN_STEP[kind](**options)
    if isinstance(made, SHAC):
        made.scheduled(scheduler, iterations)
    return made


__all__ = [
    "FIRST_ORDER", "METHODS", "OWN_STEP", "SCHEDULERS", "Ending", "Group", "Method", "Objective", "make_method",
]  # fmt: skip
