"""`genesis new system`: an identification from the columns of a log."""

from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.commands.new import beside, checked_name, command_line, free, render, told, write
from genesis_cli.commands.new_task import described, only_robot, robot_node
from genesis_cli.errors import CommandError

FOLDERS = ("observations", "parameters", "systems")
SLOWEST = 0.01  # [s] longest time step
WINDOW, PIECES = 1.0, 8  # [s] of a window, and how many of them a short log is cut into at least
ARMATURE, DAMPING, FRICTION = 0.005, 0.01, 0.05  # where a search starts that knows nothing [SI]


def system(name: str, log: str, robot: str | None, folder: str) -> None:
    """`genesis new system NAME LOG [--robot R]`. Raises: CommandError for wrong input, also for a log that cannot be read."""
    from genesis.errors import GenesisError
    from genesis.observations.guess import guess
    from genesis.observations.readers import ReadOptions, read

    checked_name(name, FOLDERS)
    paths = free(folder, [f"{group}/{name}.yaml" for group in FOLDERS])
    path = Path(log).expanduser()
    node = robot_node(robot or only_robot(folder, None), folder)
    posing = described(node)
    joints = [joint for joint in posing.joints if joint.kind.scalar]
    try:
        columns = read("genesis new system", path, ReadOptions()).columns
        found = guess(columns, [j.name for j in joints], [j.name for j in joints if not j.kind.slides])
    except GenesisError as error:
        text = str(error)
        raise CommandError(text if str(path) in text else f"{path}: {text}") from error
    command = ["genesis", "sysid", "--config-dir", folder, f"system={name}"]
    names = list(found.columns["position"])
    input_, kind = _input(found.columns)
    values = {"name": name, "input": input_, "robot": node.name if robot is None else robot, "command": command_line(command)}
    kinds = _kinds(input_)
    window = min(WINDOW, float(f"{found.seconds / PIECES:.1g}"))
    told_of = _start(posing, node, names)
    write({
        paths[0]: render(
            "observation.yaml.j2", origin=path.resolve(), rows=len(columns[found.time]), seconds=found.seconds, step=found.step,
            left=found.left, kind=kind, file=beside(str(path.resolve()), folder, "observations"), time=found.time,
            time_unit=found.time_unit, position=found.columns["position"], unit=found.unit, said=found.said,
            velocity=found.columns.get("velocity", {}), driving=_driving(found.columns, input_), **values,
        ),
        paths[1]: render("parameter.yaml.j2", kinds=kinds, joints=names, **told_of, **values),
        paths[2]: render(
            "system.yaml.j2", dt=min(SLOWEST, float(f"{found.step:.2g}")), window=window,
            **values,
        ),
    })  # fmt: skip
    if input_ is None:
        console.say("note: no column says what drives the robot: it is taken to swing freely.")
    whats = ("what the columns mean", "what is found", "both, with the robot")
    told(dict(zip(paths, whats, strict=True)), command)


def _input(columns: dict[str, dict[str, str]]) -> tuple[str | None, str]:
    """(name, kind) of the input: forces where they are recorded, else targets of the joint controllers."""
    if columns.get("force"):
        return "torque", "joint_force"
    return ("target", "joint_position") if columns.get("target") else (None, "")


def _driving(columns: dict[str, dict[str, str]], name: str | None) -> dict[str, str]:
    return {} if name is None else columns["force" if name == "torque" else "target"]


def _kinds(name: str | None) -> dict[str, str]:
    """Name -> kind of the parameters."""
    gains = {"kp": "kp", "kv": "kv"} if name == "target" else {}
    bias = {"torque_bias": "input_bias"} if name == "torque" else {}
    return {**gains, "armature": "armature", "damping": "damping", "dry_friction": "dry_friction", **bias}


def _start(posing: Any, node: Any, names: list[str]) -> dict[str, list[float]]:
    """Where the search starts: what the robot's file or config says, else something small."""
    from genesis.model.proposal import described_joints

    joints = [described_joints(posing.description)[name] for name in names]
    return {
        "armature": [joint.armature or ARMATURE for joint in joints],
        "damping": [joint.damping or DAMPING for joint in joints],
        "friction": [joint.frictionloss or FRICTION for joint in joints],
    }
