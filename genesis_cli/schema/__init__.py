"""Dataclass schema of every config node (no torch, no taichi, no hydra).

`KINDS` holds the nodes whose `kind` chooses the dataclass, `TERMS` those that map names to such nodes, `PLAIN` the others.
"""

from genesis_cli.schema.losses import LOSSES
from genesis_cli.schema.optimizers import OPTIMIZERS
from genesis_cli.schema.parameters import PARAMETERS
from genesis_cli.schema.robots import ROBOTS
from genesis_cli.schema.run import RUN
from genesis_cli.schema.scenes import SCENES
from genesis_cli.schema.schedulers import SCHEDULERS
from genesis_cli.schema.tasks import TASKS

KINDS: dict[str, dict[str, type]] = {
    "robot": ROBOTS,
    "scene": SCENES,
    "task": TASKS,
    "optimizer": OPTIMIZERS,
    "scheduler": SCHEDULERS,
}
TERMS: dict[str, dict[str, type]] = {"loss": LOSSES, "parameter": PARAMETERS}
PLAIN: dict[str, type] = RUN

#: Folder of each config node: `tasks=reach` chooses the file, `task.horizon=5` changes a value.
GROUPS: dict[str, str] = {
    "robot": "robots",
    "scene": "scenes",
    "task": "tasks",
    "loss": "losses",
    "parameter": "parameters",
    "optimizer": "optimizers",
    "scheduler": "schedulers",
    "runtime": "runtime",
    "logging": "logging",
    "experiment": "experiment",
    "sweep": "sweep",
    "launcher": "launcher",
}

__all__ = ["GROUPS", "KINDS", "PLAIN", "TERMS"]
