"""`genesis new robot`: a config for a robot file, with what is proposed of it, a look at its start, and a first task."""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.commands.new import beside, checked_name, free, number, numbers, render, told, write
from genesis_cli.commands.new_task import first_task, start_quietly
from genesis_cli.errors import CommandError
from genesis_cli.schema.robots import Mjcf, Plane, Urdf

FILES = (".urdf", ".xml", ".mjcf", ".xacro")
TABLE = ("joint", "type", "range", "home", "force limit", "weight", "speed limit", "damping", "rotor")


@dataclass
class Reading:
    """A robot file as it was read. node: for the config, with what is proposed; findings: what it says of itself and of its start."""

    posing: Any
    node: Any
    said: str
    qpos: Any
    tools: list[str]
    anchored: bool
    findings: list[str]


def robot(name: str, file: str | None, folder: str) -> None:
    """`genesis new robot [NAME] FILE`.

    Raises: CommandError for wrong input, also for a file that cannot be read.
    """
    if file is None:
        if Path(name).suffix.lower() not in FILES:
            raise CommandError(
                f'genesis new robot: "{name}" is no robot file; write genesis new robot NAME FILE, FILE a .urdf or .xml.'
            )
        name, file = re.sub(r"[^A-Za-z0-9_-]", "_", Path(name).stem), name
    checked_name(name, ["robots"])
    checked_name(f"reach_{name}", ["tasks"])
    reading = read(name, file)
    floats = any(joint.kind.floats for joint in reading.posing.joints)
    works = any(joint.kind.scalar for joint in reading.posing.joints)
    task = f"{'stand' if floats else 'reach'}_{name}"
    places = [f"robots/{name}.yaml", *([f"tasks/{task}.yaml"] if works else [])]
    paths = free(folder, places)
    console.note(f"{file}: read; its start is looked at (this compiles the simulation once) …")
    reading.findings += look(reading)
    texts = {paths[0]: robot_text(reading, folder)}
    command = ["genesis", "simulate", "--config-dir", folder, f"robot={name}"]
    if works:
        texts[paths[1]], command = first_task(task, reading.node, reading.posing, folder)
    write(texts)
    for line in reading.findings:
        console.say(f"note: {line}.")
    whats = (f"the robot: {summary(reading)}", "a first task for it")
    told(dict(zip(paths, whats, strict=False)), command)


def read(name: str, file: str) -> Reading:
    """Read a robot file, and propose what it does not say. Raises: CommandError."""
    from genesis.description.read import read_mjcf, read_urdf
    from genesis.description.source import format_of
    from genesis.errors import GenesisError, ModelError
    from genesis.model import proposal
    from genesis.model.posing import Posing

    path, collision = str(Path(file).expanduser().resolve()), True
    with heard() as notes:
        try:
            kind = format_of(file)
            if kind == "mjcf":
                description, fixed, anchored = read_mjcf(path), False, True
            else:
                try:
                    description = read_urdf(path)
                except ModelError as error:
                    collision = False
                    notes.clear()
                    description = read_urdf(path, collision=False)
                    notes.append(f"collision meshes are lost, so that it touches nothing: {_clause(error)}")
                anchored = not any(joint.kind.floats for joint in description.links[0].joints)
                fixed = anchored or not proposal.should_float(description)
                if fixed and not anchored:
                    description = read_urdf(path, fixed=True, collision=collision)
            posing = Posing(description)
            found = proposal.home(posing)
            tools = proposal.tools(description)
            rotors = proposal.rotors(posing, found.qpos)
            kp, kv = proposal.gains(posing, found.qpos, rotors)
            weak = proposal.too_weak(posing, found.qpos)
        except GenesisError as error:
            raise CommandError(str(error)) from error
    given: dict[str, Any] = {"name": name, "file": path, "tool": tools[0] if tools else None, "home": _home(posing, found.qpos)}
    given |= {"kp": kp or None, "kv": kv or None, "armature": rotors or None, "collision": collision}
    node = Mjcf(**given) if kind == "mjcf" else Urdf(fixed=fixed, **given)
    notes += _missing(posing)
    notes += [
        f'joint "{joint}" needs {needed:.3g} to hold the home configuration and its motor gives {most:.3g}: it sinks'
        for joint, (needed, most) in weak.items()
    ]
    return Reading(posing, node, found.said, found.qpos, tools, anchored, list(dict.fromkeys(notes)))


@contextmanager
def heard() -> Iterator[list[str]]:
    """Warnings of the library, gathered as sentences instead of shown."""
    from genesis.log import logger

    notes: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(_clause(record.getMessage()))

    ear, handlers, level, up = Ear(), logger.handlers[:], logger.level, logger.propagate
    logger.handlers[:], logger.propagate = [ear], False
    logger.setLevel(logging.WARNING)
    try:
        yield notes
    finally:
        logger.handlers[:], logger.propagate = handlers, up
        logger.setLevel(level)


def _clause(message: object) -> str:
    """A message in one line, without the file that it begins with and its full stop."""
    text = " ".join(str(message).split()).rstrip(".")
    return re.sub(r"^\S*\.(urdf|xml|mjcf|xacro): ", "", text)


def _missing(posing: Any) -> list[str]:
    """What the file leaves out, in words."""
    from genesis.model.proposal import described_joints

    joints = [j for j in described_joints(posing.description).values() if j.kind.scalar and j.mimic is None]
    found = []
    for lacks, what in (
        (
            [j.name for j in joints if j.effort is None],
            "no force limit (missing, or 0, which exporters write for unknown): taken as strong as they need to be",
        ),
        ([j.name for j in joints if j.velocity_limit is None], "no speed limit: taken as none"),
    ):
        if lacks:
            found.append(f"{'all joints' if len(lacks) == len(joints) and len(joints) > 1 else _listed(lacks)}: {what}")
    heavy = [link.name for link in posing.description.links if link.mass > 0.0 and not link.inertia.any()]
    if heavy:
        found.append(f"{_listed(heavy)}: mass without inertia")
    if not any(not geom.visual for geom in posing.description.geoms if geom.link >= 0):
        found.append("no collision shapes: it touches nothing")
    return found


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _home(posing: Any, qpos: Any) -> dict[str, Any]:
    """Mapping joint: value, or list of them."""
    rows = {
        joint.name: [float(x) for x in qpos[joint.qpos_adr : joint.qpos_adr + joint.nq].round(4) + 0.0] for joint in posing.joints
    }
    return {name: values[0] if len(values) == 1 else values for name, values in rows.items()}


def look(reading: Reading) -> list[str]:
    """Simulate the first step from home, with contacts and limits, on a floor if it floats: what is wrong with the start, in words."""
    import torch

    from genesis.errors import SIMULATION_FAILURES, GenesisError
    from genesis_cli.build_scene import build_scene
    from genesis_cli.schema.scenes import Scene
    from genesis_cli.validate import Checked

    floats = any(joint.kind.floats for joint in reading.posing.joints)
    floor = {"floor": Plane(name="floor")} if floats else {}
    checked = Checked(reading.node, Scene(dt=0.002, entities=floor), None, {}, {}, None, None, {})
    start_quietly()
    with heard() as notes:
        try:
            scene = build_scene(checked, 0)
            entity = scene.get_entity(reading.node.name)
            entity.set_qpos(reading.qpos.tolist())
            scene.step()
            faults = list(scene.rigid_solver.beginning.faults)
            fastest = float(torch.as_tensor(entity.get_dofs_velocity()).abs().max()) / scene.dt if entity.n_dofs else 0.0
            if not math.isfinite(fastest):
                faults.append("the acceleration at the start is not a finite number")
        except SIMULATION_FAILURES as error:
            faults = [_clause(error)]
        except GenesisError as error:
            raise CommandError(str(error)) from error
    del notes[:]
    return faults


def robot_text(reading: Reading, folder: str) -> str:
    """The YAML of the robot."""
    node, posing = reading.node, reading.posing
    fixed = not any(joint.kind.floats for joint in posing.joints)
    return render(
        "robot.yaml.j2", robot=node, joints=posing.joints, mass=sum(link.mass for link in posing.description.links),
        base="fixed base" if fixed else "floating base", origin=node.file, folder=folder, findings=reading.findings,
        table=table(reading), anchored=reading.anchored, said=reading.said, home=node.home, others=reading.tools[1:6],
        kp=node.kp or {}, kv=node.kv or {}, file=beside(node.file, folder, "robots"),
    )  # fmt: skip


def table(reading: Reading) -> list[str]:
    """Lines of a table of the joints."""
    from genesis.model.proposal import described_joints

    by_name, rows = described_joints(reading.posing.description), [TABLE]
    _, weights = reading.posing.loads(reading.qpos)
    for info in reading.posing.joints:
        joint, unit = by_name[info.name], info.kind.dofs[0]
        plain = info.kind.scalar
        rows.append((
            info.name, info.type,
            f"{joint.limit[0]:.4g} … {joint.limit[1]:.4g} {unit.position}" if joint.limit and plain else "-",
            numbers(float(reading.qpos[info.qpos_adr])) if plain else "-",
            f"{max(map(abs, joint.effort)):.4g} {unit.force}" if joint.effort else "-",
            f"{round(abs(weights[info.dof_adr]), 6):.3g} {unit.force}" if plain else "-",
            f"{joint.velocity_limit:.4g} {unit.velocity}" if joint.velocity_limit else "-",
            f"{joint.damping:.3g}" if plain else "-",
            _rotor(reading.node.armature or {}, joint) if plain else "-",
        ))  # fmt: skip
    widths = [max(len(row[k]) for row in rows) for k in range(len(TABLE))]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rotor(proposed: dict[str, float], joint: Any) -> str:
    if joint.name in proposed:
        return f"{number(proposed[joint.name])} proposed"
    return f"{joint.armature:.3g}" if joint.armature else "-"


def summary(reading: Reading) -> str:
    """The robot in one line."""
    posing, node = reading.posing, reading.node
    base = "floating" if any(joint.kind.floats for joint in posing.joints) else "fixed"
    scalar = sum(joint.kind.scalar for joint in posing.joints)
    return f"{scalar} joints, {base} base, tool {node.tool}, home from {reading.said.split(',')[0].split(';')[0]}"
