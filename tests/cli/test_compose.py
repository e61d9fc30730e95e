"""Every YAML composes, and what it composes is what the schema allows."""

import copy

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from genesis_cli.compose import compose_config, flat_keys, groups, key_help, options
from genesis_cli.schema import ALONE, GROUPS, KINDS, PLAIN, TERMS
from genesis_cli.validate import check

PLUGINS = {
    "joblib": "hydra_joblib_launcher",
    "ray": "hydra_ray_launcher",
    "slurm": "hydra_submitit_launcher",
    "submitit_local": "hydra_submitit_launcher",
}
CHOICES = [(folder, option) for _, folder, found in groups() for option in found]


@pytest.mark.parametrize(("group", "option"), CHOICES, ids=[f"{g}={o}" for g, o in CHOICES])
def test_every_option_composes_and_is_allowed(group: str, option: str) -> None:
    if group == "launcher" and option in PLUGINS:
        pytest.importorskip(f"hydra_plugins.{PLUGINS[option]}", reason=f"the launcher of {option} is not installed")
    task = (
        {"track_joints": "track", "place": "slide"}.get(option, option) if group == "losses" else "reach"
    )  # losses read targets of their task
    if group in ("observations", "systems"):
        check(compose_config("sysid", [f"{group}={option}"]))
    else:
        check(compose_config("optimize", [f"tasks={task}", f"{group}={option}"] if group != "tasks" else [f"tasks={option}"]))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "lbfgsb", "levenberg_marquardt", "cmaes"])
def test_every_task_and_system_takes_every_kind_of_optimizer(optimizer: str) -> None:
    for command, group in (("optimize", "tasks"), ("sysid", "systems")):
        for option in options(group):
            checked = check(compose_config(command, [f"{group}={option}", f"optimizer={optimizer}"]))
            assert checked.optimizer.kind == optimizer, option


@pytest.mark.parametrize("command", ["optimize", "simulate", "gradcheck"])
def test_every_command_composes(command: str) -> None:
    checked = check(compose_config(command, []))
    assert checked.task.kind == "reach" and checked.robot.name == "panda" and checked.optimizer.kind == "levenberg_marquardt"
    assert ("gradcheck" in checked.plain) == (command == "gradcheck")


def test_a_task_brings_its_scene_robot_losses_and_parameters() -> None:
    checked = check(compose_config("optimize", ["task=balance"]))
    assert (checked.robot.name, checked.scene.dt, list(checked.parameter)) == ("cartpole", 0.02, ["policy"])
    assert checked.task.envs == 32


def test_the_command_line_wins_over_the_task() -> None:
    checked = check(compose_config("optimize", ["task=balance", "optimizer=sgd", "optimizer.lr=0.25", "scene.dt=0.5"]))
    assert (checked.optimizer.kind, checked.optimizer.lr, checked.scene.dt) == ("sgd", 0.25, 0.5)


def test_user_folder_adds_options(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /schema/task/throw@task\n  - override /scenes: ball\n  - override /losses: throw\n"
        "  - override /parameters: initial_velocity\ntask:\n  target_pos: [1, 2, 3]\n"
    )
    assert "mine" in options("tasks", [str(tmp_path)])
    assert check(compose_config("optimize", ["task=mine"], [str(tmp_path)])).task.target_pos == [1.0, 2.0, 3.0]


def test_a_term_can_be_added_from_the_command_line() -> None:
    checked = check(compose_config("optimize", ["+loss.work={kind: energy, weight: 0.5}"]))
    assert checked.loss["work"].weight == 0.5 and checked.loss["work"].smoothing == 1e-3


def test_every_key_is_documented() -> None:
    for task in options("tasks"):
        for key, _, _, meaning in key_help(compose_config("gradcheck", [f"task={task}"])):
            free = key.startswith(("task.truth.", "task.unknowns.", "task.channels."))
            structural = key.endswith(".kind") or key in ("scene.entities",) or free
            assert structural or meaning, key


def test_groups_and_nodes_are_the_same_set() -> None:
    assert set(GROUPS) - {"experiment", "system", "sweep", "launcher"} <= {*KINDS, *TERMS, *PLAIN}
    top = {
        key.split(".")[0]
        for command in ("gradcheck", "optimize", "sysid", "control")
        for key in flat_keys(compose_config(command, []))
    }
    assert {*top, "polish", "constraint"} == {*KINDS, *TERMS, *PLAIN, *ALONE}, (
        "no command polishes, or has constraints, by itself"
    )
    polished = compose_config("optimize", ["optimizer=cmaes", "polish=lbfgs", "polish.history_size=3"])
    assert (polished.optimizer.kind, polished.polish.kind, polished.polish.history_size) == ("cmaes", "lbfgs", 3)


def test_composing_leaves_no_interpolation_open() -> None:
    for task in options("tasks"):
        OmegaConf.to_container(compose_config("optimize", [f"task={task}"]), resolve=True, throw_on_missing=True)


def test_a_file_that_changes_is_read_anew_and_what_is_made_of_it_is_nobody_elses(tmp_path) -> None:
    (tmp_path / "tasks").mkdir()
    file = tmp_path / "tasks" / "mine.yaml"
    file.write_text("# @package _global_\ndefaults:\n  - reach\n  - _self_\ntask: {horizon: 7}\n")
    first = compose_config("optimize", ["task=mine"], [str(tmp_path)])
    first.task.horizon = 9
    assert compose_config("optimize", ["task=mine"], [str(tmp_path)]).task.horizon == 7
    file.write_text(file.read_text().replace("7", "8"))
    assert compose_config("optimize", ["task=mine"], [str(tmp_path)]).task.horizon == 8


def test_the_store_of_schemas_is_not_copied_and_a_composition_does_not_write_to_it() -> None:
    compose_config("optimize", [])
    store = ConfigStore.instance()
    assert copy.deepcopy({"delegate": store})["delegate"] is store
    before = OmegaConf.to_yaml(store.load("schema/optimizer/adam.yaml").node)
    compose_config("optimize", ["optimizer=adam", "optimizer.lr=0.25"]).optimizer.lr = 0.5
    assert OmegaConf.to_yaml(store.load("schema/optimizer/adam.yaml").node) == before
