"""Overrides as users type them."""

import pytest

from genesis_cli.aliases import expand
from genesis_cli.errors import CommandError


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
