"""Dataclass schema of every config node (no torch, no taichi, no hydra).

`KINDS` holds the nodes whose `kind` chooses the dataclass, `TERMS` those that map names to such nodes, `PLAIN` the others;
`OBSERVED` and `PARTS` say what is inside the node `observation`.
"""

from genesis_cli.schema.constraints import CONSTRAINTS
from genesis_cli.schema.losses import LOSSES
from genesis_cli.schema.observations import OBSERVED, PARTS, File, Observation
from genesis_cli.schema.optimizers import OPTIMIZERS
from genesis_cli.schema.parameters import PARAMETERS
from genesis_cli.schema.robots import ROBOTS
from genesis_cli.schema.run import RUN
from genesis_cli.schema.scenes import SCENES
from genesis_cli.schema.schedulers import SCHEDULERS
from genesis_cli.schema.sysid import ALONE, SYSID
from genesis_cli.schema.tasks import TASKS

KINDS: dict[str, dict[str, type]] = {
    "robot": ROBOTS,
    "scene": SCENES,
    "task": TASKS,
    "optimizer": OPTIMIZERS,
    "polish": OPTIMIZERS,
    "scheduler": SCHEDULERS,
}
TERMS: dict[str, dict[str, type]] = {"loss": LOSSES, "constraint": CONSTRAINTS, "parameter": PARAMETERS}
PLAIN: dict[str, type] = {**RUN, **SYSID, "observation": Observation}
#: Nodes of `KINDS` that a config must have: one that identifies, and any other.
NEEDED_SYSID = ("robot", "scene", "optimizer", "scheduler")
NEEDED = ("robot", "scene", "task", "optimizer", "scheduler")

#: Folder of each config node: `tasks=reach` chooses the file, `task.horizon=5` changes a value.
GROUPS: dict[str, str] = {
    "robot": "robots",
    "scene": "scenes",
    "task": "tasks",
    "system": "systems",
    "loss": "losses",
    "constraint": "constraints",
    "parameter": "parameters",
    "optimizer": "optimizers",
    "scheduler": "schedulers",
    "observation": "observations",
    "runtime": "runtime",
    "logging": "logging",
    "experiment": "experiment",
    "sweep": "sweep",
    "launcher": "launcher",
}

__all__ = ["ALONE", "GROUPS", "KINDS", "NEEDED", "NEEDED_SYSID", "OBSERVED", "PARTS", "PLAIN", "TERMS", "File"]
