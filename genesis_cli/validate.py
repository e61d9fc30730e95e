"""The composed config checked once against the schema: unknown keys, types, choices, limits. Result: plain dataclasses."""

import math
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import Field, dataclass, field, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from genesis.memory import rollout_bytes, size, task_motion
from genesis.runtime import free_memory
from genesis_cli.aliases import refuse_former
from genesis_cli.errors import CommandError
from genesis_cli.schema import ALONE, KINDS, NEEDED, NEEDED_SYSID, OBSERVED, PARTS, PLAIN, TERMS, File
from genesis_cli.schema.keys import MOST, MOST_WHOLE
from genesis_cli.suggest import known


@dataclass
class Checked:
    """Every node as an instance of its dataclass; None for those that the command does without."""

    robot: Any
    scene: Any
    task: Any
    loss: dict[str, Any]
    parameter: dict[str, Any]
    optimizer: Any
    scheduler: Any
    plain: dict[str, Any]
    polish: Any = None
    constraint: dict[str, Any] = field(default_factory=dict)


USUAL_DT = 0.01  # where neither the config nor the robot's file says
NOT_NULL = "must not be null"
_RAISED = re.compile(r"^(?:In '[^']*': )?\w+ (?:raised )?while (?:composing config|resolving interpolation):\s*")
_MISSING = re.compile(r"^Missing mandatory value: (\S+)$")


def first_line(error: Exception) -> str:
    """OmegaConf's message without its lines of internals (full_key, reference_type, object_type)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any("is not Optional" in line for line in lines):
        return NOT_NULL
    if lines:
        lines[0] = _RAISED.sub("", lines[0])
    lines = [_MISSING.sub(r"\1 must be given", line) for line in lines]
    internals = ("full_key:", "reference_type=", "object_type=", "To append to your config")
    return " ".join(line for line in lines if line and not line.startswith(internals))


def check(cfg: DictConfig, earlier: dict[str, tuple[Any, Any]] | None = None) -> Checked:
    """The config as dataclasses.

    earlier: nodes checked before and what became of them, for many configs that differ in little; read and filled here.

    Raises:
        CommandError: for the first thing that is wrong, naming key, value and what is allowed.
    """
    try:
        container: Any = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise CommandError(f"{error.full_key or 'config'}: {first_line(error)}.") from error
    allowed = [*KINDS, *TERMS, *PLAIN, *ALONE]
    for name in container:
        if name not in allowed:
            refuse_former(str(name))
            raise CommandError(f'config: unknown key "{name}"; {known(name, allowed)}.')
    earlier = {} if earlier is None else earlier

    def once(make: Callable[..., Any], where: str, node: Any, schema: Any) -> Any:
        found = earlier.get(where)
        if found is None or found[0] != node:
            found = earlier[where] = (node, make(where, node, schema))
        return deepcopy(found[1])

    checked: dict[str, Any] = {"plain": {}}
    needed = NEEDED_SYSID if "observation" in container else NEEDED
    for name, kinds in KINDS.items():
        checked[name] = once(_kind, name, container.get(name), kinds) if name in needed or name in container else None
    for name, kinds in TERMS.items():
        terms = container.get(name) or {}
        _mapping(name, terms)
        made = {term: once(_kind, f"{name}.{term}", node, kinds) for term, node in terms.items() if node is not None}
        checked[name] = {term: node for term, node in made.items() if not _off(node)}
    for name, schema in PLAIN.items():
        if name in container:
            checked["plain"][name] = once(_node, name, container[name], schema)
    for name, schema in ALONE.items():
        if name in container:
            checked["plain"][name] = getattr(_node("", {name: container[name]}, schema), name)
    if "observation" in checked["plain"]:
        _observation(checked["plain"]["observation"])
    entities = {}
    for name, node in checked["scene"].entities.items():
        where = f"scene.entities.{name}"
        entities[name] = once(_kind, where, {"name": name, **_mapping(where, node)}, KINDS["robot"])
    checked["scene"].entities = entities
    return Checked(**checked)


def expect_room(checked: Checked) -> None:
    """Refuse a motion for which even a robot of one joint would have no room, before the engine starts; with the robot it is asked again.

    Raises: CommandError with the memory that it takes at least, and the likely cause.
    """
    task, scene, runtime = checked.task, checked.scene, checked.plain.get("runtime")
    if task is None or runtime is None or runtime.backend != "cpu":
        return
    needed = rollout_bytes(task.horizon, task.envs, 1, scene.substeps, int(runtime.precision) // 8)
    free = free_memory(None)
    if needed > free:
        what, advice = task_motion(task.horizon, task.envs, scene.dt or USUAL_DT)
        raise CommandError(f"{what} need {size(needed)} of memory or more, and {size(free)} are free; {advice}.")


def _off(node: Any) -> bool:
    """Whether a term has null where that leaves it out: `target: ${task.target_quat}`, of a task that any orientation will do for."""
    return any(declared.metadata.get("off") and getattr(node, declared.name) is None for declared in fields(node))


def _observation(node: Any) -> None:
    """The mappings inside `observation` as instances of their dataclasses, in place; files as texts or in their long form."""
    for name, schema in PARTS.items():
        setattr(node, name, _node(f"observation.{name}", getattr(node, name), schema))
    for where, holder in (("observation.files", node), ("observation.validation.files", node.validation)):
        holder.files = [
            item if isinstance(item, str) else _node(f"{where}[{k}]", item, File) for k, item in enumerate(holder.files)
        ]
    for name, kinds in OBSERVED.items():
        terms = {term: content for term, content in getattr(node, name).items() if content is not None}
        setattr(node, name, {term: _kind(f"observation.{name}.{term}", content, kinds) for term, content in terms.items()})


def _mapping(where: str, node: Any) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        raise CommandError(f"{where}: must be a mapping of keys to values, found {node!r}.")
    return dict(node)


def _kind(where: str, node: Any, kinds: dict[str, type]) -> Any:
    """The node as an instance of the dataclass that its `kind` names."""
    content = _mapping(where, node)
    kind = content.get("kind")
    own = {f.name for f in fields(kinds[kind])} if kind in kinds else {"kind"}
    for name in content:
        if name not in own:
            refuse_former(f"{where}.{name}")
    if kind is None:
        raise CommandError(f"{where}.kind: must be given; {known('', kinds)}.")
    if kind not in kinds:
        refuse_former(f"{where}.kind", str(kind))
        raise CommandError(f'{where}.kind: unknown kind "{kind}"; {known(str(kind), kinds)}.')
    return _node(where, content, kinds[kind])


def _node(where: str, node: Any, schema: type) -> Any:
    """The node as an instance of `schema`."""
    content = _mapping(where, node)
    declared: dict[str, Field[Any]] = {f.name: f for f in fields(schema)}
    for name in content:
        if name not in declared:
            raise CommandError(f'{where}: unknown key "{name}"; {known(str(name), declared)}.')
    for name, value in content.items():
        if value == "???":
            raise CommandError(f"{_below(where, name)}: must be given: {declared[name].metadata.get('help', '')}.")
    typed = OmegaConf.structured(schema)
    own = {name: f.metadata["node"] for name, f in declared.items() if f.metadata.get("node") is not None}
    for name, value in content.items():
        if name in own:
            continue
        try:
            OmegaConf.update(typed, name, value, merge=False)
        except OmegaConfBaseException as error:
            raise CommandError(f"{_below(where, name)}: {first_line(error)}.") from error
    try:
        instance = OmegaConf.to_object(typed)
    except MissingMandatoryValue as error:
        missing = next(name for name in declared if OmegaConf.is_missing(typed, name))
        raise CommandError(f"{_below(where, missing)}: must be given: {declared[missing].metadata.get('help', '')}.") from error
    for name, declaration in declared.items():
        if name in own:
            setattr(instance, name, _node(_below(where, name), content.get(name, {}), own[name]))
            continue
        _limits(f"{_below(where, name)}", getattr(instance, name), {**declaration.metadata, "any": declaration.type is Any})
        terms = declaration.metadata.get("terms")
        if terms is not None:
            _mapping(f"{_below(where, name)}", getattr(instance, name))
            parts = {part: node for part, node in getattr(instance, name).items() if node is not None}
            setattr(instance, name, {part: _kind(f"{_below(where, name)}.{part}", node, terms) for part, node in parts.items()})
    return instance


def _below(where: str, name: str) -> str:
    """The place of a key in the config; keys of nodes that are no node of it stand alone."""
    return f"{where}.{name}" if where else name


def _limits(where: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Choices, length and range of one value."""
    choices, length = metadata.get("choices"), metadata.get("length")
    if choices and value is not None and value not in choices:
        raise CommandError(f'{where}: "{value}" is not allowed; {known(str(value), choices)}.')
    if length is not None and value is not None and len(value) != length:
        raise CommandError(f"{where}: has {len(value)} entries, needs {length}: {metadata['help']}.")
    _range(where, value, metadata)


def _range(where: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Every number in a value: within what the key allows, never one that is none, and infinite only where a list or mapping may say so."""
    if isinstance(value, (list, tuple, Mapping)):
        entries = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, entry in entries:
            if isinstance(entry, (list, tuple, Mapping)):
                _range(f"{where}[{name}]", entry, metadata)
            else:
                _number(f"{where}: entry {name if isinstance(value, Mapping) else f'({name},)'} is", ",", entry, metadata)
    else:
        _number(f"{where}:", " is", value, metadata)


def _number(where: str, verb: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """verb: what stands between the value and what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    low, above, high = (metadata.get(k) for k in ("low", "above", "high"))
    least = f"at least {low:g}" if low is not None else f"more than {above:g}" if above is not None else ""
    most = high if high is not None else MOST if isinstance(value, float) or metadata.get("any") else MOST_WHOLE
    allowed = f"{least} and at most" if least else "at most"
    allowed = f"{allowed} {most}" if isinstance(most, int) else f"{allowed} {most:g}"
    if (low is not None and not value >= low) or (above is not None and not value > above):
        raise CommandError(f"{where} {value}{verb} too small; {least}.")
    if math.isnan(value):
        raise CommandError(f"{where} nan{verb} no number; {allowed}.")
    if math.isinf(value) and verb == "," and high is None:  # of bounds
        return
    if value > most:
        raise CommandError(f"{where} {_shown(value)}{verb} too large; {allowed}.")
    if not least and value < -MOST:
        raise CommandError(f"{where} {_shown(value)}{verb} too small; at least -{MOST:g}.")


def _shown(value: float) -> str:
    """A number that may have a hundred digits."""
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value)
        if abs(value) < 10**15
        else f"a number of {len(str(abs(value)))} digits"
    )
