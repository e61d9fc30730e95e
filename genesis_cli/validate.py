"""The composed config checked once against the schema: unknown keys, types, choices, limits. Result: plain dataclasses."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import Field, dataclass, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from genesis_cli.aliases import refuse_former
from genesis_cli.errors import CommandError
from genesis_cli.schema import ALONE, KINDS, NEEDED, NEEDED_SYSID, OBSERVED, PARTS, PLAIN, TERMS, File
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


NOT_NULL = "must not be null"


def first_line(error: Exception) -> str:
    """OmegaConf's message without its lines of internals (full_key, reference_type, object_type)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any("is not Optional" in line for line in lines):
        return NOT_NULL
    internals = ("full_key:", "reference_type=", "object_type=", "To append to your config")
    return " ".join(line for line in lines if not line.startswith(internals))


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
        checked[name] = {term: once(_kind, f"{name}.{term}", node, kinds) for term, node in terms.items() if node is not None}
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
    for name, value in content.items():
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
        _limits(f"{_below(where, name)}", getattr(instance, name), declaration.metadata)
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
    """Choices, range and length of one value."""
    choices, low, above, length = (metadata.get(k) for k in ("choices", "low", "above", "length"))
    if choices and value is not None and value not in choices:
        raise CommandError(f'{where}: "{value}" is not allowed; {known(str(value), choices)}.')
    if low is not None and value is not None and not value >= low:
        raise CommandError(f"{where}: {value} is too small; at least {low:g}.")
    if above is not None and value is not None and not value > above:
        raise CommandError(f"{where}: {value} is too small; more than {above:g}.")
    if length is not None and value is not None and len(value) != length:
        raise CommandError(f"{where}: has {len(value)} entries, needs {length}: {metadata['help']}.")
