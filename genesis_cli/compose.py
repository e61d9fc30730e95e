"""Hydra's compose API for what needs no run: `show`, completion, suggestions, tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict

from genesis_cli.aliases import expand_all, node_of
from genesis_cli.paths import config_dir
from genesis_cli.schema import ALONE, GROUPS, KINDS, OBSERVED, PARTS, PLAIN, TERMS
from genesis_cli.schema.sweeps import SWEEPS
from genesis_cli.yaml_files import read_checked_files

_stored: dict[tuple[str, str], type] = {}


def register_schema(config_dirs: Sequence[str] = ()) -> None:
    """The dataclasses as config group `schema/<node>/<kind>`, which the YAML files pull in by name; files are read through our check."""
    read_checked_files([config_dir(), *config_dirs])
    store = ConfigStore.instance()
    ConfigStore.__deepcopy__ = _the_store  # type: ignore[attr-defined]
    observed = {name.removesuffix("s"): kinds for name, kinds in OBSERVED.items()}
    for node, kinds in {**KINDS, **TERMS, **observed, "run": PLAIN}.items():
        for kind, schema in kinds.items():
            _store(store, f"schema/{node}", kind, schema)
    for name, schema in ALONE.items():  # plain, since a dataclass at the root would allow no other key there
        plain = {field.name: field.default for field in fields(schema)}
        store.store(group="schema/run", name=name, node=plain, provider="genesis")
    for group, configs in SWEEPS.items():
        for name, schema in configs.items():
            _store(store, group, name, schema)


def _the_store(store: ConfigStore, memo: dict) -> ConfigStore:
    """Its "copy": Hydra copies what it reads from, and with it the store with every schema, for each composition, a quarter of its time.

    There is one store in a process, and what is read of it is a copy of its own.
    """
    return store


def _store(store: ConfigStore, group: str, name: str, schema: type) -> None:
    """Unless it is there: making configs of all dataclasses takes half the time of a composition."""
    if _stored.get((group, name)) is not schema:
        store.store(group=group, name=name, node=schema, provider="genesis")
        _stored[group, name] = schema


@contextmanager
def _initialized(extra_dirs: list[str]) -> Iterator[list[str]]:
    """Hydra set up on the shipped configs, put back as it was afterwards; yields the overrides for extra config folders."""
    register_schema(extra_dirs)
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
            searchpath = ",".join(f"file://{Path(d).resolve()}" for d in extra_dirs)
            yield [f"hydra.searchpath=[{searchpath}]"] if searchpath else []
    finally:
        GlobalHydra.instance().hydra = before


def compose_config(command: str, overrides: list[str], config_dirs: list[str] | None = None) -> DictConfig:
    """The config of a command, not yet checked."""
    with _initialized(config_dirs or []) as searchpath:
        return compose(config_name=command, overrides=[*expand_all(overrides), *searchpath])


@dataclass(frozen=True)
class Composed:
    """A config with where it comes from: the options chosen by group, and the folders searched."""

    cfg: DictConfig
    choices: dict[str, str]
    sources: list[Path]


def compose_with_sources(command: str, overrides: list[str], config_dirs: list[str] | None = None) -> Composed:
    """The config of a command, not yet checked, as a run would get it."""
    with _initialized(config_dirs or []) as searchpath:
        cfg = compose(config_name=command, overrides=[*expand_all(overrides), *searchpath], return_hydra_config=True)
    choices = {name: chosen for name, chosen in cfg.hydra.runtime.choices.items() if isinstance(chosen, str)}
    sources = [Path(source.path) for source in cfg.hydra.runtime.config_sources if source.schema == "file"]
    with open_dict(cfg):
        del cfg["hydra"]
    return Composed(cfg, choices, sources)


def options(group: str, config_dirs: list[str] | None = None) -> list[str]:
    """Names that a config group offers, from the shipped and the given folders."""
    found: set[str] = set()
    for root in [config_dir(), *(Path(d) for d in config_dirs or [])]:
        folder = root / group
        if folder.is_dir():
            found.update(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml") if path.is_file())
    return sorted(found)


def groups(config_dirs: list[str] | None = None) -> list[tuple[str, str, list[str]]]:
    """(name as typed, folder, options) of every group."""
    return [(node_of(folder), folder, options(folder, config_dirs)) for folder in GROUPS.values()]


def flat_keys(cfg: DictConfig) -> dict[str, Any]:
    """Dotted key -> value of every leaf, unresolved."""
    found: dict[str, Any] = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, dict) and node:
            for name, value in node.items():
                walk(f"{prefix}.{name}" if prefix else str(name), value)
        else:
            found[prefix] = node

    walk("", OmegaConf.to_container(cfg, resolve=False))
    return found


def key_help(cfg: DictConfig) -> list[tuple[str, str, str, str]]:
    """(key, type, value, help) of every key of a composed config."""
    rows = []
    for full, value in flat_keys(cfg).items():
        declaration = _declaration(cfg, full)
        kind = "" if declaration is None else _type_name(declaration.type)
        text = "" if declaration is None else declaration.metadata.get("help", "")
        choices = () if declaration is None else declaration.metadata.get("choices", ())
        rows.append((full, kind, _short(value), text + (f" ({', '.join(choices)})" if choices else "")))
    return rows


def _declaration(cfg: DictConfig, full: str) -> Any:
    """The dataclass field behind a dotted key, if the schema knows it."""
    parts = full.split(".")
    node, depth = parts[0], 2 if parts[0] in TERMS else 1
    if node in ALONE:
        return fields(ALONE[node])[0]
    if len(parts) <= depth:
        return None
    schema: type | None
    if parts[0] == "observation" and len(parts) > 2:
        schema, depth = _observed(cfg, parts)
    elif node in PLAIN:
        schema = PLAIN[node]
    else:
        kind = OmegaConf.select(cfg, ".".join([*parts[:depth], "kind"]))
        schema = {**KINDS, **TERMS}.get(node, {}).get(kind)
    if schema is None or len(parts) <= depth:
        return None
    found = next((f for f in fields(schema) if f.name == parts[depth]), None)
    own = None if found is None else found.metadata.get("node")
    if own is not None and len(parts) == depth + 2:
        return next((f for f in fields(own) if f.name == parts[depth + 1]), None)
    terms = None if found is None else found.metadata.get("terms")
    if terms is None or len(parts) < depth + 3:
        return found
    schema = terms.get(OmegaConf.select(cfg, ".".join([*parts[: depth + 2], "kind"])))
    return None if schema is None else next((f for f in fields(schema) if f.name == parts[depth + 2]), None)


def _observed(cfg: DictConfig, parts: list[str]) -> tuple[type | None, int]:
    """The dataclass of a mapping inside `observation`, and how many parts of the key lead to it."""
    if parts[1] in PARTS:
        return PARTS[parts[1]], 2
    kind = OmegaConf.select(cfg, ".".join([*parts[:3], "kind"]))
    return OBSERVED.get(parts[1], {}).get(kind), 3


def _type_name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind).replace("typing.", "")


def _short(value: Any, width: int = 60) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= width else text[: width - 1] + "…"
