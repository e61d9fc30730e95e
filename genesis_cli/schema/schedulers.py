"""Schema of `scheduler`: how the learning rate changes over the iterations (torch.optim.lr_scheduler)."""

from dataclasses import dataclass

from genesis_cli.schema.keys import REQUIRED, key


@dataclass
class Scheduler:
    """What every scheduler has."""

    kind: str = REQUIRED


@dataclass
class Constant(Scheduler):
    """The learning rate stays."""

    kind: str = "constant"


@dataclass
class Cosine(Scheduler):
    """Half a cosine from the learning rate down to `eta_min`."""

    kind: str = "cosine"
    iterations: int | None = key(None, "length of the half cosine; null: stop.iterations", low=1)
    eta_min: float = key(0.0, "last learning rate", low=0.0)


@dataclass
class Step(Scheduler):
    """The factor `gamma` every `step_size` iterations."""

    kind: str = "step"
    step_size: int = key(100, "iterations between two drops", low=1)
    gamma: float = key(0.5, "factor at each drop", above=0.0)


@dataclass
class Exponential(Scheduler):
    """The factor `gamma` at every iteration."""

    kind: str = "exponential"
    gamma: float = key(0.995, "factor at each iteration", above=0.0)


@dataclass
class Plateau(Scheduler):
    """The factor `factor` when the objective has not fallen for `patience` iterations."""

    kind: str = "plateau"
    factor: float = key(0.5, "factor at each drop", above=0.0)
    patience: int = key(20, "iterations without progress", low=0)
    threshold: float = key(1e-4, "relative fall that counts as progress", low=0.0)
    min_lr: float = key(0.0, "smallest learning rate", low=0.0)


@dataclass
class OneCycle(Scheduler):
    """Up to `max_lr` and down again (Smith and Topin, 2018)."""

    kind: str = "one_cycle"
    max_lr: float = key(0.1, "largest learning rate", above=0.0)
    iterations: int | None = key(None, "length of the cycle; null: stop.iterations", low=1)
    pct_start: float = key(0.3, "fraction of the cycle that rises", low=0.0)


SCHEDULERS: dict[str, type] = {
    "constant": Constant,
    "cosine": Cosine,
    "step": Step,
    "exponential": Exponential,
    "plateau": Plateau,
    "one_cycle": OneCycle,
}
