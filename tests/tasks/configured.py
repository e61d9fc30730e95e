"""Tasks from the shipped configs."""

from typing import Any

from genesis_cli.build import build_method, build_task, start_engine
from genesis_cli.compose import compose_config
from genesis_cli.paths import config_dir
from genesis_cli.validate import Checked, check


def configured(*overrides: str) -> tuple[Checked, Any]:
    """The checked config of `genesis optimize OVERRIDES`, and its task."""
    cfg = compose_config("optimize", list(overrides))
    if "file" in cfg.robot:
        cfg.robot.file = str(config_dir() / "robots" / cfg.robot.file)
    for body in cfg.scene.entities.values():
        if "file" in body:
            body.file = str(config_dir() / "scenes" / body.file)
    checked = check(cfg)
    start_engine(checked.plain["runtime"])
    return checked, build_task(checked)


def learn(*overrides: str) -> Any:
    """The result of an optimisation without a run folder."""
    from genesis.runners.loop import Stop
    from genesis.runners.optimize import optimization

    checked, task = configured(*overrides)
    return optimization(task, build_method(checked), Stop(**vars(checked.plain["stop"]))).run()
