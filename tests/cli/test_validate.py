"""The check of a composed config."""

import pytest
from omegaconf import OmegaConf

from genesis_cli.compose import compose_config
from genesis_cli.errors import CommandError
from genesis_cli.validate import check


def test_numbers_become_what_the_schema_says() -> None:
    checked = check(compose_config("optimize", ["task.target_pos=[1,2,3]", "scene.dt=1"]))
    assert checked.task.target_pos == [1.0, 2.0, 3.0] and isinstance(checked.scene.dt, float)


def test_required_values_are_asked_for() -> None:
    cfg = compose_config("optimize", [])
    cfg.task = OmegaConf.create({"kind": "throw"})
    cfg.loss.final_position.target = [0, 0, 0]
    cfg.loss.final_orientation.target = [1, 0, 0, 0]
    with pytest.raises(CommandError, match=r"task.target_pos: must be given: point to hit \[m\]\."):
        check(cfg)


def test_terms_switched_off_are_left_out() -> None:
    checked = check(compose_config("optimize", ["loss.effort=null"]))
    assert "effort" not in checked.loss and "final_position" in checked.loss


def test_entities_of_the_scene_are_robots_too() -> None:
    checked = check(compose_config("optimize", ["+scene.entities.ball={kind: sphere, radius: 0.2, pos: [1, 0, 0]}"]))
    ball = checked.scene.entities["ball"]
    assert (ball.name, ball.radius, ball.pos) == ("ball", 0.2, [1.0, 0.0, 0.0])
    with pytest.raises(CommandError, match='scene.entities.ball: unknown key "radios"; known: radius'):
        check(compose_config("optimize", ["+scene.entities.ball={kind: sphere, radios: 0.2}"]))
