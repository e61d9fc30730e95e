"""Tasks: what is simulated, judged and learned. A new goal is one class in one file, named in `build.TASKS` and in the schema."""

from genesis.tasks.build import TASKS, make_task
from genesis.tasks.task import Judged, Task

__all__ = ["TASKS", "Judged", "Task", "make_task"]
