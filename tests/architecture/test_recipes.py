"""The recipes of CONTRIBUTING, each followed with something small and run once.

A recipe names the files that it touches; a test may put its toy only into tables of those files.
"""

import importlib
import importlib.util
import json
import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from genesis.channels.joint_position import JointPosition
from genesis.channels.kinds import Kind
from genesis.methods.method import Ending, gradient, learned, move, no_value, point
from genesis.observations import load
from genesis.observations.log import Log
from genesis.parameters import PARAMETERS, Changes
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.physical import Physical
from genesis.parameters.quantities import QUANTITIES, PhysicalQuantity
from genesis.selection import tensor
from genesis.tasks.goal import OfTrajectory, limits_of
from genesis_cli.errors import OK
from genesis_cli.job import Command, Flags, Job, Outcome
from genesis_cli.schema.keys import key
from genesis_cli.schema.losses import Loss
from genesis_cli.schema.observations import JointPosition as JointPositionSchema
from genesis_cli.schema.optimizers import Optimizer
from genesis_cli.schema.parameters import Numbers as NumbersSchema
from genesis_cli.schema.parameters import Rows
from genesis_cli.schema.tasks import Task
from tests.architecture.imports import REPOSITORY
from tests.cli.conftest import genesis_here, last_run  # noqa: F401 - a fixture

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text().split("## How to add …")[1].split("\nKernel files must")[0]


def named(what: str) -> set[str]:
    """Files that the recipe for `what` names, documentation left out."""
    part = re.split(r"\*\*", TEXT.split(f"**{what}**")[1])[0]
    paths = set(re.findall(r"`((?:genesis|genesis_cli|configs)/[^`]*)`", part))
    assert paths, f"CONTRIBUTING has no recipe for {what}"
    return paths


class Recipe:
    """Puts a toy where a recipe says, and remembers where."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.touched = monkeypatch, set[str]()

    def put(self, module: str, table: str, name: Any, value: Any) -> None:
        """A line in a table of a module."""
        loaded = importlib.import_module(module)
        self.monkeypatch.setitem(getattr(loaded, table), name, value)
        assert loaded.__file__ is not None
        self.touched.add(str(Path(loaded.__file__).relative_to(REPOSITORY)))

    def check(self, what: str, *files: str) -> None:
        """The recipe names what was touched, and `files`, which a test writes elsewhere; nothing else."""
        assert named(what) == self.touched | set(files)


@pytest.fixture
def recipe(monkeypatch) -> Recipe:
    return Recipe(monkeypatch)


def test_a_loss(recipe, genesis_here, tmp_path) -> None:  # noqa: F811
    class Toy:
        """factor · mean of the squared end position."""

        def __init__(self, setting: Any, where: str, *, factor: float) -> None:
            self.factor = factor

        def __call__(self, trajectory: Any) -> Any:
            return self.factor * trajectory.qpos[-1].square().mean()

    @dataclass
    class ToySchema(Loss):
        kind: str = "toy"
        factor: float = key(2.0, "of the toy", above=0.0)

    recipe.put("genesis.losses", "LOSSES", "toy", Toy)
    recipe.put("genesis_cli.schema.losses", "LOSSES", "toy", ToySchema)
    code, _ = genesis_here("simulate", "task=throw", "task.horizon=3", "~loss", "+loss.toy={kind: toy, weight: 3, factor: 5}")
    assert code == OK
    run = last_run(tmp_path)
    end = np.load(run / "trajectory.npz")["qpos"][-1]
    result = json.loads((run / "result.json").read_text())
    assert result["objective"] == result["terms"]["toy"] == pytest.approx(3.0 * 5.0 * float(np.mean(end**2)), rel=1e-12)
    assert genesis_here("simulate", "+loss.toy={kind: toy, factor: 0}")[0] == 2, "its schema is asked"
    recipe.check("a loss", "genesis/losses/NAME.py")


def test_a_goal_and_its_task(recipe, genesis_here, tmp_path) -> None:  # noqa: F811
    class Toy(OfTrajectory):
        """Height at the end [m]."""

        def __init__(self, setting: Any, parameters: dict[str, Any], *, most: float) -> None:
            self.limits = limits_of(height=most)

        def metrics(self, trajectory: Any) -> dict[str, Any]:
            return {"height": trajectory.qpos[-1, ..., 2]}

    @dataclass
    class ToySchema(Task):
        kind: str = "toy"
        most: float = key(1.0, "largest height at the end [m]")

    recipe.put("genesis.tasks.build", "TASKS", "toy", Toy)
    recipe.put("genesis_cli.schema.tasks", "TASKS", "toy", ToySchema)
    (tmp_path / "mine" / "tasks").mkdir(parents=True)
    (tmp_path / "mine" / "tasks" / "drop.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /schema/task/toy@task\n  - _self_\n  - override /scenes: ball\n"
        "  - override /parameters: initial_velocity\n  - override /losses: throw\ntask:\n  horizon: 3\n  most: 7\n"
    )
    words = ("simulate", "--config-dir", "mine", "task=drop", "~loss", "+loss.speed={kind: velocity}")
    assert genesis_here(*words)[0] == OK
    run = last_run(tmp_path)
    result = json.loads((run / "result.json").read_text())
    assert result["metrics"] == {"height": float(np.load(run / "trajectory.npz")["qpos"][-1, 2])} and result["good_enough"]
    genesis_here(*words, "task.most=-7")
    assert json.loads((last_run(tmp_path) / "result.json").read_text())["good_enough"] is False
    recipe.check("goal", "genesis/tasks/NAME.py")
    Recipe(recipe.monkeypatch).check("a task", "configs/tasks/NAME.yaml")


class Downhill:
    """A step of one length down the gradient; back, and half as long, after one that has led up."""

    kind, needs, revisits, masks = "toy", "gradient", False, False

    def __init__(self, *, length: float) -> None:
        self.length = length

    def init(self, objective: Any) -> None:
        self.objective, self.groups = objective, learned(objective)
        self.best, self.here = np.inf, point(self.groups)

    def look(self) -> Any:
        self.value = self.objective.evaluate()
        return None if self.value < np.inf else no_value(self.objective)

    def step(self) -> Any:
        if self.value < self.best:
            slope = gradient(self.groups)
            self.best, self.here, self.down = self.value, point(self.groups), slope / np.linalg.norm(slope)
        else:
            self.length *= 0.5
        move(self.groups, self.here - self.length * self.down)
        return Ending(True, "no step is left") if self.length < 1e-9 else None

    def told(self) -> dict[str, float]:
        return {"length": self.length}

    def learning_rates(self) -> list[float]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"length": self.length, "best": self.best, "here": self.here.tolist(), "down": self.down.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.length, self.best = state["length"], state["best"]
        self.here, self.down = np.array(state["here"]), np.array(state["down"])


def test_a_method(recipe, genesis_here, tmp_path) -> None:  # noqa: F811
    @dataclass
    class ToySchema(Optimizer):
        kind: str = "toy"
        length: float = key(0.1, "of the first step", above=0.0)

    recipe.put("genesis.methods", "OWN_STEP", "toy", Downhill)
    recipe.put("genesis_cli.schema.optimizers", "OPTIMIZERS", "toy", ToySchema)
    (tmp_path / "mine" / "optimizers").mkdir(parents=True)
    (tmp_path / "mine" / "optimizers" / "toy.yaml").write_text(
        "# @package optimizer\ndefaults:\n  - /schema/optimizer/toy@_here_\n  - _self_\n"
    )
    words = ("optimize", "--config-dir", "mine", "task=fit", "optimizer=toy", "logging=quiet", "stop.iterations=25")
    genesis_here(*words, "optimizer.length=0.3")
    run = last_run(tmp_path)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((run / "result.json").read_text())
    assert result["objective_best"] == min(row["objective"] for row in rows) < 0.05 * rows[0]["objective"]
    assert rows[0]["method"] == {"length": 0.3} and rows[-1]["method"]["length"] < 0.3
    lower = [row["objective"] for row in rows if row["method"]["length"] == 0.3]
    assert len(lower) > 2 and lower[1] < lower[0], "its steps are taken"
    assert genesis_here(*words, "optimizer.length=0")[0] == 2, "its schema is asked"
    recipe.check("a method", "genesis/methods/NAME.py", "configs/optimizers/NAME.yaml")


def test_something_to_learn_or_to_identify(recipe, monkeypatch, genesis_here, tmp_path) -> None:  # noqa: F811
    """A quantity that is a line of a table (joint springs), and a class (one factor of all masses)."""

    class Toy(Numbers):
        """What all masses are multiplied by."""

        def __init__(self, setting: Any, where: str, **common: Any) -> None:
            described = DescribedNumbers(["all"], "1", tensor([1.0]), least=0.0)
            super().__init__(setting, where, described, NumberOptions(**common), Changes(physical=("link_mass",)))

        def apply(self, inputs: Any) -> None:
            inputs.physical["link_mass"] = inputs.value("link_mass") * self.value()

    @dataclass
    class ToySchema(NumbersSchema):
        kind: str = "toy_factor"

    @dataclass
    class SpringSchema(Rows):
        kind: str = "toy_spring"

    assert all(PARAMETERS[kind].keywords == {"quantity": quantity} for kind, quantity in QUANTITIES.items())
    spring = PhysicalQuantity("dof_stiffness", lowest=0.001)
    recipe.put("genesis.parameters.quantities", "QUANTITIES", "toy_spring", spring)
    monkeypatch.setitem(PARAMETERS, "toy_spring", partial(Physical, quantity=spring))  # which is made of the lines of that table
    recipe.put("genesis.parameters", "PARAMETERS", "toy_factor", Toy)
    recipe.put("genesis_cli.schema.parameters", "PARAMETERS", "toy_factor", ToySchema)
    recipe.put("genesis_cli.schema.parameters", "PARAMETERS", "toy_spring", SpringSchema)
    code, printed = genesis_here(
        "optimize", "task=fit", "~parameter.mass", "~parameter.damping", "+parameter.factor={kind: toy_factor, init: 1.5, log: true}",
        "+parameter.spring={kind: toy_spring, names: [hinge], init: 0.1}",
        "~task.truth.mass", "~task.truth.damping", "+task.truth.factor=0.8", "+task.truth.spring=0.02", "logging=quiet", "stop.iterations=40",
    )  # fmt: skip
    assert code == OK, printed
    with np.load(last_run(tmp_path) / "solution.npz") as solution:
        assert solution["parameter/factor"].item() == pytest.approx(0.8, rel=2e-3)
        assert solution["parameter/spring"].item() == pytest.approx(0.02, rel=2e-3)
    held = [f"~parameter.{name}" for name in ("mass", "armature", "dry_friction")]
    genesis_here("sysid", *held, "+parameter.factor={kind: toy_factor}", "logging=quiet", "stop.iterations=2")
    result = json.loads((last_run(tmp_path) / "result.json").read_text())
    (factor,) = [estimate for estimate in result["estimates"] if estimate["group"] == "factor"]
    assert factor["name"] == "factor/all" and 0.0 < factor["std"] < 0.1 and 0.02 < abs(factor["value"] - 1.0) < 0.5, factor
    assert result["objective_best"] < 0.5 * result["objective_first"]
    code, printed = genesis_here("optimize", "task=fit", "+parameter.x={kind: toy_spring, names: [hinge], bounds: [-1, 0]}")
    assert code == 2 and "parameter.x.bounds: hinge is at least 0.001; 0 is not above." in printed, (
        "the table says what it may be"
    )
    recipe.check("something to learn or to identify", "genesis/parameters/NAME.py")


def test_something_that_is_measured(recipe, genesis_here, tmp_path) -> None:  # noqa: F811
    class Toy(JointPosition):
        """factor · q, as an encoder with a gear would measure."""

        kind = "toy"

        def __init__(self, setting: Any, where: str, names: list[str], *, factor: float, **more: Any) -> None:
            super().__init__(setting, where, names, **more)
            self.columns, self.selection, self.factor = self.selection, None, factor

        def predict(self, sample: Any) -> Any:
            return self.factor * sample.qpos[:, self.columns]

    @dataclass
    class ToySchema(JointPositionSchema):
        kind: str = "toy"
        factor: float = key(2.0, "of the gear", above=0.0)

    recipe.put("genesis.channels", "CHANNELS", "toy", Toy)
    recipe.put("genesis.channels.kinds", "CHANNEL_KINDS", "toy", Kind("joint", ("angle", "length")))
    recipe.put("genesis_cli.schema.observations", "CHANNELS", "toy", ToySchema)
    words = ("sysid", "logging=quiet", "stop.iterations=1", "shooting.window=null")
    channel = "{kind: toy, factor: 1.0, columns: {pivot: q}, sigma: 0.01}"
    _, printed = genesis_here(
        *words, "+observation.channels.gear=" + channel.replace("1.0", "3.0"), "observation.channels.angle=null"
    )
    rows = json.loads((last_run(tmp_path) / "result.json").read_text())["rmse"]
    assert {row["channel"] for row in rows} == {"gear"} and all(np.isfinite(row["after"]) for row in rows)
    recipe.check("something that is measured", "genesis/channels/NAME.py")


def test_a_format_of_logs(recipe, tmp_path) -> None:
    def read_toy(path: Path, options: Any) -> Log:
        columns = [line.split(":") for line in path.read_text().splitlines()]
        return Log(path, {name: np.array([float(x) for x in values.split()]) for name, values in columns})

    recipe.put("genesis.observations.readers", "READERS", ".toy", read_toy)
    (tmp_path / "log.toy").write_text("time: 0 0.1 0.2\nq: 1 2 4\n")
    data = load({"files": [str(tmp_path / "log.toy")], "channels": {"a": {"kind": "joint_position", "columns": {"hinge": "q"}}}})
    series = data.train[0].channels["a"]
    assert series.values[:, 0].tolist() == [1.0, 2.0, 4.0] and series.time.tolist() == pytest.approx([0.0, 0.1, 0.2])
    recipe.check("a format of logs", "genesis/observations/readers/NAME.py")


def test_a_robot(recipe, genesis_here, tmp_path) -> None:  # noqa: F811
    folder = tmp_path / "mine" / "robots"
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "toy.xml").write_text(
        '<mujoco><worldbody><body name="arm"><joint name="pivot"/><geom type="capsule" size="0.1 0.4"/></body></worldbody></mujoco>'
    )
    (folder / "toy.yaml").write_text(
        "# @package robot\ndefaults:\n  - /schema/robot/mjcf@_here_\n  - _self_\nname: toy\nfile: toy/toy.xml\n"
    )
    code, printed = genesis_here(
        "show",
        "scene",
        "--config-dir",
        "mine",
        "robot=toy",
        "task=swing_up",
        "parameter=torque_knots",
        "task.target_qpos=[0.5]",
        "task.start_qpos=null",
    )
    assert code == OK and re.search(r"^toy +1 +1 +1 +\d", printed, re.MULTILINE), printed
    recipe.check("a robot", "configs/robots/NAME/", "configs/robots/NAME.yaml")


def test_a_command(recipe, monkeypatch, genesis_here, tmp_path) -> None:  # noqa: F811
    from genesis_cli import app

    seen: list[Job] = []

    def execute(job: Job) -> Outcome:
        seen.append(job)
        (job.folder / "toy.txt").write_text(str(job.cfg.robot.name))
        return Outcome(OK, 1.0)

    def toy(overrides: app.Overrides = None, config_dir: app.ConfigDir = None) -> None:
        """A command that writes the name of the robot."""
        app._run("toy", overrides, Flags(config_dir=config_dir, config_name="toy"))

    recipe.put("genesis_cli.commands.by_name", "COMMANDS", "toy", lambda **options: Command("toy", execute, options=options))
    monkeypatch.setattr(app.app, "registered_commands", [*app.app.registered_commands])
    app.app.command()(toy)
    (tmp_path / "mine").mkdir()
    shipped = (REPOSITORY / "configs" / "simulate.yaml").read_text()
    (tmp_path / "mine" / "toy.yaml").write_text(shipped.replace("name: simulate", "name: toy"))
    assert genesis_here("toy", "--config-dir", "mine", "robot=cartpole")[0] == OK
    (job,) = seen
    assert job.command == "toy" and job.overrides == ["robots=cartpole"] and (job.folder / "toy.txt").read_text() == "cartpole"
    recipe.check("a command", "genesis_cli/commands/NAME.py", "genesis_cli/app.py", "configs/NAME.yaml")


def module_of(path: Path) -> ModuleType:
    """A source file as a module; Taichi reads kernels from files."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_a_geometry_pair(recipe, monkeypatch, engine, tmp_path) -> None:
    """A plane that keeps spheres at twice their radius: a copy of the file of planes and spheres with one word changed."""
    from tests.pairs import harness
    from tests.pairs.samples import random_samples

    source = (REPOSITORY / "genesis" / "pairs" / "plane_sphere.py").read_text()
    source = source.replace("b.p, b.size.x)", "b.p, b.size.x * 2.0)").replace("b.p, b.size.x, bars", "b.p, b.size.x * 2.0, bars")
    (tmp_path / "toy_pair.py").write_text(source.replace("vec(radius_bar)", "vec(radius_bar * 2.0)"))
    toy, code = module_of(tmp_path / "toy_pair.py"), (0, 2)
    recipe.put("genesis.pairs", "PAIRS", code, toy.PAIR)
    monkeypatch.setattr(harness, "_kernels", {})
    samples = random_samples(20)
    contacts, count = harness.find(code, samples, 10.0)
    normal, centre = samples.r[:, 0, :, 2], samples.p[:, 1] - samples.p[:, 0]
    np.testing.assert_allclose(contacts[:, 0, 6], (normal * centre).sum(-1) - 2.0 * samples.size[:, 1, 0], atol=1e-12)
    bars = np.zeros((len(samples), harness.ROOM, 10))
    bars[:, 0, 6] = 1.0
    bar = harness.find_adjoint(code, samples, contacts, count, bars)
    np.testing.assert_allclose(bar[:, 1, 6], -2.0, atol=1e-12)
    np.testing.assert_allclose(bar[:, 1, :3], normal, atol=1e-12)
    recipe.check("a geometry pair", "genesis/pairs/NAME.py")
