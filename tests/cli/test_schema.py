"""The schema says what the engine takes: the same names and the same defaults."""

import inspect
from dataclasses import MISSING, fields
from functools import partial
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from genesis.channels import CHANNELS
from genesis.channels.kinds import CHANNEL_KINDS, INPUT_KINDS
from genesis.episodes.actions import Actions
from genesis.episodes.endings import ENDINGS
from genesis.episodes.observations import OBSERVATIONS
from genesis.episodes.rewards import REWARDS
from genesis.episodes.targets import TARGETS
from genesis.losses import LOSSES
from genesis.methods import FIRST_ORDER, OWN_STEP, SCHEDULERS
from genesis.observations.dataset import Smoothing
from genesis.parameters import PARAMETERS
from genesis.parameters.actor import Actor
from genesis.parameters.numbers import NumberOptions
from genesis.runners.further import Restarts
from genesis.runners.loop import Stop
from genesis.sysid.answer import Asked
from genesis.sysid.fit import FitLimits
from genesis.sysid.identification import Starts
from genesis.sysid.inverse_dynamics.equations import TorqueOptions
from genesis.sysid.shooting import Shooting
from genesis.tasks import TASKS
from genesis.units import TIME_UNITS
from genesis_cli import schema
from genesis_cli.schema.observations import Channel, Time
from genesis_cli.schema.tasks import Task

WALKED = {
    f"{group}.{kind}" if group else kind: made
    for group, kinds in {
        **schema.KINDS,
        **schema.TERMS,
        **schema.OBSERVED,
        "": {**schema.PLAIN, **schema.PARTS, "file": schema.File},
    }.items()
    for kind, made in kinds.items()
}
CHOSEN = ("seed", "doublings")  # arguments of methods that runs choose, not configs
KINDS = {**schema.KINDS, **schema.TERMS, **schema.OBSERVED}


def declared(dataclass: type, without: set[str]) -> dict[str, object]:
    """Name -> default of the schema's fields."""
    found = {}
    for field in fields(dataclass):
        if field.name not in without:
            found[field.name] = field.default_factory() if field.default_factory is not MISSING else field.default
    return found


def taken(function) -> dict[str, object]:
    """Name -> default of keyword-only arguments that are not given yet; those of numbers where they are passed on."""
    given = function.keywords if isinstance(function, partial) else {}
    arguments = inspect.signature(function).parameters
    found = {n: p.default for n, p in arguments.items() if p.kind is p.KEYWORD_ONLY and n not in given and n not in CHOSEN}
    if any(p.kind is p.VAR_KEYWORD for p in arguments.values()):
        found |= {field.name: field.default for field in fields(NumberOptions)}
    return found


def same(schema_value: object, engine_value: object) -> bool:
    if isinstance(schema_value, list) and engine_value is not None:
        return schema_value == list(engine_value)
    if schema_value == "???":
        return engine_value is inspect.Parameter.empty
    return schema_value == engine_value or (schema_value == {} and engine_value is None)


@pytest.mark.parametrize(
    ("node", "made"),
    [
        ("shooting", Shooting),
        ("starts", Starts),
        ("statistics", Asked),
        ("torque", TorqueOptions),
        ("restarts", Restarts),
        ("stop", Stop),
    ],  # fmt: skip
)
def test_how_a_run_goes_is_what_the_engine_knows(node: str, made: type) -> None:
    elsewhere = {"starts": {"run"}, "statistics": {field.name for field in fields(FitLimits)}}.get(
        node, set()
    )  # what is read apart
    assert declared(schema.PLAIN[node], elsewhere) == declared(made, {"fit"})


@pytest.mark.parametrize(
    ("node", "registry", "without"),
    [
        ("loss", LOSSES, {"kind", "weight"}),
        ("parameter", PARAMETERS, {"kind"}),
        ("task", TASKS, {f.name for f in fields(Task)}),
        ("optimizer", OWN_STEP, {"kind"}),
        ("channels", CHANNELS, {f.name for f in fields(Channel)} - {"entity"} | {"period"}),  # the period is that of the columns
    ],
)
def test_fields_and_defaults_are_those_of_the_constructors(node: str, registry: dict, without: set[str]) -> None:
    assert set(registry) <= set(KINDS[node])
    if node != "optimizer":
        assert {*registry, *(("episodes",) if node == "task" else ())} == set(KINDS[node])
    for kind, made in registry.items():
        left, right = declared(KINDS[node][kind], without), taken(made)
        assert set(left) == set(right), kind
        for name in left:
            assert same(left[name], right[name]), (kind, name, left[name], right[name])


@pytest.mark.parametrize(
    ("key", "registry", "without"),
    [("observe", OBSERVATIONS, {"noise"}), ("reward", REWARDS, {"weight"}), ("ends", ENDINGS, set()), ("target", TARGETS, set())],
)
def test_terms_of_episodes_are_those_of_the_engine(key: str, registry: dict, without: set[str]) -> None:
    terms = next(field.metadata["terms"] for field in fields(KINDS["task"]["episodes"]) if field.name == key)
    assert {kind: made.kind for kind, made in terms.items()} == {kind: kind for kind in registry}
    for kind, made in registry.items():
        left = declared(terms[kind], {"kind", *without})
        right = {name: value for name, value in taken(made).items() if name not in ("targets", "actions")}
        assert set(left) == set(right), kind
        for name in left:
            assert same(left[name], right[name]), (kind, name, left[name], right[name])
    episodes = {field.name: field.metadata.get("node") for field in fields(KINDS["task"]["episodes"])}
    for name, made, chosen in (("action", Actions, set()), ("policy", Actor, {"learn", "lr"})):
        node, arguments = declared(episodes[name], set()), {k: v for k, v in taken(made).items() if k not in chosen}
        assert set(node) == set(arguments) and all(same(node[k], arguments[k]) for k in node), name


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_torch_optimizers_take_the_fields(kind: str) -> None:
    options = declared(KINDS["optimizer"][kind], {"kind", "clip_norm", "clip_value"})
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    made = FIRST_ORDER[kind]([torch.zeros(1, requires_grad=True)], **options)
    assert made.param_groups[0]["lr"] == options["lr"]


def test_every_kind_is_in_both_tables() -> None:
    assert set(KINDS["channels"]) == set(CHANNEL_KINDS) and set(KINDS["inputs"]) == set(INPUT_KINDS)
    assert set(KINDS["optimizer"]) == {*FIRST_ORDER, *OWN_STEP}
    assert set(KINDS["scheduler"]) == set(SCHEDULERS)


@pytest.mark.parametrize("node", KINDS)
def test_kind_of_each_dataclass_is_its_name_in_the_table(node: str) -> None:
    assert {kind: made.kind for kind, made in KINDS[node].items()} == {kind: kind for kind in KINDS[node]}


def test_parts_of_observation_have_the_defaults_of_the_engine() -> None:
    assert declared(schema.PARTS["smoothing"], set()) == declared(Smoothing, set())
    units = next(field.metadata["choices"] for field in fields(Time) if field.name == "unit")
    assert set(units) == set(TIME_UNITS)
    for name, part in schema.PARTS.items():
        assert declared(schema.PLAIN["observation"], set())[name] == declared(part, set())


@pytest.mark.parametrize("name", WALKED)
def test_a_key_that_may_be_anything_takes_a_number_a_list_or_a_mapping_in_a_yaml(name: str) -> None:
    """What a YAML says is merged over the default, and a mapping does not merge with a list: such a key has neither of both as its default."""
    for field in fields(WALKED[name]):
        if field.type is Any:
            for value in (0.5, [1.0, 2.0], {"a": [1.0], "b": 2.0}):
                merged = OmegaConf.merge(OmegaConf.structured(WALKED[name]), {field.name: value})
                assert OmegaConf.to_container(merged)[field.name] == value, field.name  # type: ignore[index, call-overload]
        elif "mapping" in field.metadata.get("help", "") and "or mappings" not in field.metadata["help"]:
            assert str(field.type).startswith("dict["), f"{field.name} says that it may be a mapping"
