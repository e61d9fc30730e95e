"""`genesis new task`: a task for a robot, with a goal that it can reach."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from genesis_cli.commands.new import checked_name, command_line, free, render, told, write
from genesis_cli.errors import CommandError

DT = 0.01  # [s] of the scene `arm`
DOWN = 0.03  # [m] that a first task of a robot that stands lowers its base
DEFAULT = "panda"


def task(name: str, robot: str | None, folder: str) -> None:
    """`genesis new task NAME [--robot R]`. Raises: CommandError."""
    checked_name(name, ["tasks"])
    (path,) = free(folder, [f"tasks/{name}.yaml"])
    node = robot_node(robot or only_robot(folder), folder)
    text, command = first_task(name, node, described(node), folder)
    write({path: text})
    told({path: f"a task for robot {node.name}, every line explained"}, command)


def first_task(name: str, node: Any, posing: Any, folder: str) -> tuple[str, list[str]]:
    """Text of a task for a robot, and the command that runs it. Raises: CommandError for a robot that nothing drives."""
    from genesis.errors import GenesisError
    from genesis.model import proposal

    command = ["genesis", "optimize", "--config-dir", folder, f"task={name}"]
    driven = [joint for joint in posing.joints if joint.kind.scalar]
    if not driven:
        raise CommandError(
            f'genesis new: robot "{node.name}" has no joint that is driven; look at task=throw or task=slide for such bodies.'
        )
    try:
        start, floats = posing.configuration(node.home), any(joint.kind.floats for joint in posing.joints)
        tool = node.tool or proposal.tools(posing.description)[0]
        given = {"robot": replace(node, tool=tool), "command": command_line(command)}
        if floats:
            pos, quat = posing.frame(tool, start)
            text = render("stand.yaml.j2", pos=[*pos[:2], pos[2] - DOWN], quat=quat, down=DOWN, **given)
        else:
            goal = proposal.reachable(posing, start, tool)
            text = render(
                "reach.yaml.j2", pos=goal.pos, quat=goal.quat, seconds=goal.seconds, horizon=round(goal.seconds / DT),
                limited=any(joint.limit for joint in driven), margin=proposal.margin(posing), **given,
            )  # fmt: skip
    except GenesisError as error:
        raise CommandError(str(error)) from error
    return text, command


def start_quietly() -> None:
    """The engine on the CPU, without a word of it on the terminal, if none runs."""
    from genesis import runtime

    if not runtime.initialized():
        runtime.init(backend="cpu", precision="64", logging_level="warning")


def only_robot(folder: str, default: str | None = DEFAULT) -> str:
    """The robot of the user's folder, if there is one, else ``default``. Raises: CommandError for several, or for none at all."""
    own = sorted(path.stem for path in (Path(folder).expanduser() / "robots").glob("*.yaml"))
    if len(own) > 1:
        raise CommandError(f"genesis new: {folder} has several robots ({', '.join(own)}); say which: --robot {own[0]}.")
    if not own and default is None:
        raise CommandError(
            f"genesis new: {folder} has no robot; say which: --robot NAME (genesis show groups), or make one: genesis new robot."
        )
    return own[0] if own else str(default)


def robot_node(name: str, folder: str) -> Any:
    """The checked node of a shipped robot or of one of the user's, with absolute paths. Raises: CommandError."""
    from genesis_cli.build import absolute_files
    from genesis_cli.compose import compose_with_sources, options
    from genesis_cli.hydra_errors import as_command_error, is_hydra_error
    from genesis_cli.job import Job
    from genesis_cli.suggest import known
    from genesis_cli.validate import check

    folders = [folder] if Path(folder).is_dir() else []
    if name not in options("robots", folders):
        raise CommandError(f'--robot: unknown robot "{name}"; {known(name, options("robots", folders))}.')
    words = [f"robots={name}"]
    try:
        made = compose_with_sources("optimize", words, folders)
    except Exception as error:
        if is_hydra_error(error):
            raise as_command_error(error, "optimize", words, folders) from error
        raise
    absolute_files(Job("optimize", made.cfg, Path(), words, made.choices, made.sources, resume=False))
    return check(made.cfg).robot


def described(node: Any) -> Any:
    """The robot of a node, to be posed. Raises: CommandError for what its file cannot be read for."""
    from genesis.errors import GenesisError
    from genesis.model.posing import Posing
    from genesis.scene.scene import Scene
    from genesis_cli.build_scene import add_entity

    start_quietly()
    try:
        return Posing(add_entity(Scene(), node.name, node).description)
    except GenesisError as error:
        raise CommandError(str(error)) from error
