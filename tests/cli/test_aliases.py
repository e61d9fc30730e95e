"""Overrides as users type them."""

import pytest
from omegaconf import OmegaConf

from genesis_cli.aliases import expand, refuse_former
from genesis_cli.compose import compose_config, flat_keys
from genesis_cli.errors import CommandError
from genesis_cli.schema.former import FORMER
from genesis_cli.validate import check


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("task=reach", "tasks=reach"),
        ("scene=arm", "scenes=arm"),
        ("robot=panda", "robots=panda"),
        ("loss=track_joints", "losses=track_joints"),
        ("parameter=policy", "parameters=policy"),
        ("optimizer=adam,lbfgs", "optimizers=adam,lbfgs"),
        ("scheduler=cosine", "schedulers=cosine"),
        ("runtime=gpu", "runtime=gpu"),
        ("+experiment=precise_reach", "+experiment=precise_reach"),
        ("~task", "~tasks"),
        ("task@other=reach", "tasks@other=reach"),
        ("tasks=reach", "tasks=reach"),
        ("task.horizon=5", "task.horizon=5"),
        ("scene={dt: 0.1}", "scene={dt: 0.1}"),
        ("stop.iterations=3", "stop.iterations=3"),
        ("hydra.verbose=true", "hydra.verbose=true"),
    ],
)
def test_expand(typed: str, meant: str) -> None:
    assert expand(typed) == meant


@pytest.mark.parametrize("typed", ["loss=null", "++loss=null"])
def test_no_option_is_null(typed: str) -> None:
    with pytest.raises(CommandError, match="a group takes the name of an option .*; ~loss leaves it out, loss.NAME=null one of"):
        expand(typed)
    with pytest.raises(CommandError, match="~task leaves it out.$"):
        expand("task=null")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("solver", "adam", "solver: is called optimizer now; write optimizer=adam."),
        ("solvers", "", "solvers: is called optimizer now; write optimizer."),
        ("solver.every", "3", "solver.every: is called shooting.whole_every now; write shooting.whole_every=3."),
        ("solver.a.b", "1", "solver.a.b: is called optimizer.a.b now; write optimizer.a.b=1."),
        ("parameter.x.kind", "physical", 'parameter.x.kind: "physical" is no kind any more; write the quantity itself'),
        ("task.channels.tip.joints", "", "is called task.channels.tip.names now; write task.channels.tip.names."),
        ("task.unknowns.m.field", "", "task.unknowns.m.field: write the quantity itself"),
    ],
)
def test_words_of_before_name_what_stands_for_them(key: str, value: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        refuse_former(key, value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "key", ["solverx", "parameter.x.kind", "parameter.kind", "task.channels.joints", "scene.solver_iterations"]
)
def test_other_words_are_nobodys_business_there(key: str) -> None:
    refuse_former(key, "mass")


def test_what_stands_for_a_word_of_before_is_there_and_the_word_is_not() -> None:
    keys = flat_keys(compose_config("sysid", ["optimizer=adam"]))
    cfg = compose_config("optimize", ["task=excite", "+task.channels.angle.names=[a]"])
    check(cfg)
    excite = flat_keys(cfg)
    known = {*keys, *(key.partition(".")[0] for key in keys), *excite}
    shapes = known | {".".join(["*" if k == 2 else part for k, part in enumerate(key.split("."))]) for key in excite}
    for word, now in FORMER.items():
        assert word not in known and bool(now.key) != bool(now.advice), word
        assert not now.key or now.key in shapes or now.key == "optimizer.*", word


@pytest.mark.parametrize(
    ("file", "line", "words", "said"),
    [
        (
            "systems/old.yaml",
            "  - override /solvers: lbfgsb",
            ["system=old"],
            "solvers: is called optimizer now; write optimizer",
        ),
        ("observations/old.yaml", "  - /schema/solver/lbfgsb@solver", ["observation=old"], "solver: is called optimizer now"),
        (
            "parameters/old.yaml",
            "  - /schema/parameter/physical@x",
            ["parameter=old"],
            '"physical" is no kind any more; write the',
        ),
    ],
)
def test_words_of_before_in_files(genesis_here, tmp_path, file: str, line: str, words: list[str], said: str) -> None:
    path = tmp_path / "mine" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"# @package _global_\ndefaults:\n{line}\n  - _self_\n")
    code, printed = genesis_here("sysid", "--config-dir", "mine", *words)
    assert code == 2 and said in printed and "Traceback" not in printed


def test_a_node_of_before_in_a_stored_config() -> None:
    cfg = OmegaConf.create({**OmegaConf.to_container(compose_config("sysid", [])), "solver": {"kind": "adam"}})
    with pytest.raises(CommandError, match="solver: is called optimizer now"):
        check(cfg)
