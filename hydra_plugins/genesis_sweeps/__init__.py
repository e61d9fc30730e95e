"""Where Hydra looks for plugins; the work is done in `genesis_cli.sweeps`, loaded when one of them is used."""

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

from genesis_cli.sweeps.batched import Batched
from genesis_cli.sweeps.batches import Batches
from genesis_cli.sweeps.study import Study
from genesis_cli.sweeps.sweeper import Grid, Random


class GridSweeper(Grid, Sweeper):
    """`sweep=grid`"""


class BatchesSweeper(Batches, Sweeper):
    """`sweep=batched`"""


class RandomSweeper(Random, Sweeper):
    """`sweep=random`"""


class OptunaSweeper(Study, Sweeper):
    """`sweep=optuna`"""


class BatchedLauncher(Batched, Launcher):
    """`launcher=batched`"""


__all__ = ["BatchedLauncher", "BatchesSweeper", "GridSweeper", "OptunaSweeper", "RandomSweeper"]
