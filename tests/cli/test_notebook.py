"""`gs.compose`: the command's problem as an object, with its numbers and its messages."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis as gs
from genesis.problems.problem import PRUNED, Verdict
from genesis.runners.files import finite
from tests.cli.conftest import last_run
from tests.replay.drawing import can_draw

pytestmark = pytest.mark.usefixtures("engine")
THROW = ("task=throw", "optimizer=adam", "optimizer.lr=0.5", "stop.iterations=12")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


def test_the_numbers_are_those_of_the_command(genesis_here, tmp_path, capsys) -> None:
    genesis_here("optimize", *THROW, "logging=quiet")
    stored = json.loads((last_run(tmp_path) / "result.json").read_text())
    capsys.readouterr()
    problem = gs.compose(*THROW)
    result = problem.solve()
    assert capsys.readouterr().out == "" and set(tmp_path.iterdir()) == {tmp_path / "outputs"}
    for name in ("status", "reason", "iterations", "objective_first", "objective_best", "metrics", "tolerances", "evaluations"):
        assert getattr(result, name) == stored[name], name
    with np.load(last_run(tmp_path) / "solution.npz") as arrays:
        assert problem.parameters["velocity"].value().tolist() == arrays["parameter/velocity"].tolist()
    assert problem.simulate().objective == result.objective_best, "the best parameters are put back"


def test_a_folder_gets_what_the_command_leaves_and_can_be_resumed(genesis_here, tmp_path) -> None:
    result = gs.compose(*THROW).solve(folder=tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"config.yaml", "result.json", "metrics.jsonl", "solution.npz", "tensorboard", "checkpoints"}
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 13
    with pytest.raises(gs.InputError, match="folder: .*run holds a finished run; choose another one"):
        gs.compose(*THROW).solve(folder=tmp_path / "run")
    genesis_here("optimize", "--resume", str(tmp_path / "run"), "stop.iterations=20", "logging.progress=false")
    whole = gs.compose(*THROW, "stop.iterations=20").solve()
    gone_on = json.loads((tmp_path / "run" / "result.json").read_text())
    assert gone_on["iterations"] == 20 and gone_on["objective_last"] == whole.objective_last != result.objective_last


def test_a_second_solve_goes_on() -> None:
    problem = gs.compose(*THROW, "optimizer=sgd", "optimizer.lr=0.05")
    first = problem.solve()
    assert problem.solve().objective_first == first.objective_best < first.objective_first


def test_observers_see_and_end_a_run() -> None:
    seen = []

    def watch(report) -> Verdict | None:
        seen.append(report.iteration)
        return Verdict(PRUNED, "seen enough") if report.iteration == 3 else None

    result = gs.compose(*THROW).solve(observers=[watch])
    assert (result.status, result.reason, seen) == ("pruned", "seen enough", [0, 1, 2, 3])


def test_gradients_are_checked() -> None:
    report = gs.compose("task=throw").gradcheck(directions=1)
    assert report.ok and {direction.group for direction in report.directions} == {"velocity"}


def test_a_run_that_diverges_is_a_value_with_its_error() -> None:
    result = gs.compose("task=throw", "optimizer=adam", "optimizer.lr=1e308", "stop.iterations=12").solve()
    assert result.status == "diverged" and isinstance(result.error, gs.GenesisError) and result.reason == str(result.error)


@pytest.mark.parametrize(
    "words",
    [
        ("task=thro",),
        ("optimizer.lrr=1",),
        ("task=throw", "task.horizon=-1"),
        ("task=throw", "a=b="),
        ("task=throw", "loss.final_position.at=middle"),
        ("task=reach", "optimizer=lbfgs", "parameter.controls.lr=0.1"),
    ],
)
def test_what_is_wrong_has_the_words_of_the_command(genesis_here, words) -> None:
    code, printed = genesis_here("optimize", *words)
    with pytest.raises(gs.InputError) as caught:
        gs.compose(*words).solve()
    assert code == 2 and str(caught.value) in re.sub(r"\s+", " ", printed)


def test_an_engine_that_runs_otherwise_is_left_alone() -> None:
    problem = gs.compose("task=throw", "runtime.precision=32")
    with pytest.raises(gs.InputError, match="runtime.precision: 32, but the engine runs otherwise; .* gs.destroy"):
        problem.simulate()
    assert gs.compose("task=throw").scene.rigid_solver.parameters is not None, "the engine of before is still there"


def test_commands_and_folders_that_there_are_not() -> None:
    with pytest.raises(gs.InputError, match='command: "simulat" cannot be composed; known: optimize'):
        gs.compose("task=throw", command="simulat")
    with pytest.raises(gs.InputError, match="config_dirs: folder nowhere does not exist"):
        gs.compose("task=throw", config_dirs=["nowhere"])


def test_further_folders_of_configs_and_files_beside_them(tmp_path) -> None:
    (tmp_path / "parameters").mkdir()
    shipped = Path(__file__).resolve().parents[2] / "configs" / "parameters" / "initial_velocity.yaml"
    (tmp_path / "parameters" / "mine.yaml").write_text(shipped.read_text())
    problem = gs.compose("task=throw", "parameters=mine", config_dirs=[tmp_path])
    assert list(problem.parameters) == ["velocity"]
    assert gs.compose("task=reach").config.count("/configs/robots/panda/panda.urdf") == 1, "files are absolute"


SYSID = ("~parameter.dry_friction", "stop.iterations=3")  # without dry friction, whose kernels take long


def test_an_identification_is_that_of_the_command(genesis_here, tmp_path, capsys) -> None:
    genesis_here("sysid", *SYSID, "logging=quiet", "logging.report=true")
    of_command = last_run(tmp_path)
    stored = json.loads((of_command / "result.json").read_text())
    capsys.readouterr()
    problem = gs.compose(*SYSID, "logging=quiet", "logging.report=true", command="sysid")
    start = {name: parameter.value().tolist() for name, parameter in problem.parameters.items()}
    assert [e["start"] for e in stored["estimates"]] == [value for (value,) in start.values()]
    found = problem.solve()
    assert capsys.readouterr() == ("", "") and {path.name for path in tmp_path.iterdir()} == {"outputs"}
    said = finite(found.content())
    for name in (
        "status",
        "reason",
        "iterations",
        "objective_first",
        "objective_best",
        "estimates",
        "rmse",
        "correlation",
        "simulations",
    ):
        assert said[name] == stored[name], name
    assert said["history"] == stored["history"] and len(found.history) == 4
    now = {f"{name}/{parameter.labels()[0]}": parameter.value().item() for name, parameter in problem.parameters.items()}
    assert now == pytest.approx({e.name: e.value for e in found.estimates}, rel=1e-15), "the estimates are in the parameters"
    errors = {(row["split"], row["recording"]): row["after"] for row in problem.simulate().rmse}
    assert errors == {(row["split"], row["recording"]): row["after"] for row in found.rmse}
    assert problem.scene is problem.problem.setting.scene

    again = problem.solve(folder=tmp_path / "run")
    assert (
        again.objective_first == pytest.approx(found.objective_best, rel=1e-12) and again.objective_best <= found.objective_best
    )
    assert again.simulations < 1.5 * found.simulations, "counted anew"
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {path.name for path in of_command.iterdir()} - {".hydra", "sysid.log"} and "report.html" in names
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["objective_best"] == again.objective_best and result["models"] == stored["models"]
    with pytest.raises(gs.InputError, match="folder: .*run holds a finished run"):
        problem.solve(folder=tmp_path / "run")


def test_observers_end_an_identification_and_what_was_found_stands() -> None:
    seen = []

    def watch(report) -> Verdict | None:
        seen.append(report.evaluation.objective)
        return Verdict(PRUNED, "seen enough") if report.iteration == 1 else None

    found = gs.compose(*SYSID, command="sysid").solve(observers=[watch])
    assert (found.status, found.reason, len(seen)) == ("pruned", "seen enough", 2)
    assert found.objective_best == seen[1] < seen[0] and len(found.estimates) == 4


@pytest.mark.parametrize(
    "words",
    [
        ("system=simple_pendulun",),
        ("+parameter.x.kind=masss",),
        ("parameter.mass.names=[rod]",),
        ("statistics.profile=[mas]",),
        ("solver.iterations=5",),
        ("shooting.mini_batch=4",),
    ],
)
def test_what_is_wrong_of_an_identification_has_the_words_of_the_command(genesis_here, words) -> None:
    code, printed = genesis_here("sysid", "logging=quiet", *words)
    with pytest.raises(gs.InputError) as caught:
        gs.compose("logging=quiet", *words, command="sysid").solve()
    assert code == 2 and str(caught.value) in re.sub(r"\s+", " ", printed)


def test_simulations_and_checked_gradients_are_those_of_the_commands(genesis_here, tmp_path) -> None:
    words = ("task=throw", "parameter.velocity.init=[2,1,5]")
    genesis_here("simulate", *words)
    stored, seen = json.loads((last_run(tmp_path) / "result.json").read_text()), gs.compose(*words).simulate()
    for name in ("objective", "terms", "metrics"):
        assert getattr(seen, name) == stored[name], name
    with np.load(last_run(tmp_path) / "trajectory.npz") as arrays:
        assert set(arrays) == set(seen.arrays) and np.array_equal(arrays["qpos"], seen.arrays["qpos"])
    genesis_here("gradcheck", *words)
    stored, report = json.loads((last_run(tmp_path) / "result.json").read_text()), gs.compose(*words).gradcheck()
    assert (report.counts(), report.largest_error) == (stored["verdicts"], stored["largest_error"])


def test_an_excitation_is_a_task(genesis_here, tmp_path) -> None:
    words = ("task=excite", "task.horizon=60", "parameter.controls.settle=0.1", "stop.iterations=2", "logging=quiet")
    genesis_here("optimize", *words)
    stored, result = json.loads((last_run(tmp_path) / "result.json").read_text()), gs.compose(*words).solve()
    assert (result.objective_best, result.metrics) == (stored["objective_best"], stored["metrics"])
    assert result.objective_best < result.objective_first


def test_the_page_runs_as_it_stands(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(PAGE.parents[1] / "configs")
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    drawn = [block for block in blocks if can_draw() or not ("add_camera" in block or "genesis.replay.render" in block)]
    for block in drawn:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert torch.linalg.eigvals(names["A"] - names["B"] @ names["K"]).abs().max() < 0.97
    loss = (names["trajectory"].point(names["arm"], "panda_hand")[-1] - torch.tensor([0.5, 0.2, 0.4])).square().sum()
    (again,) = torch.autograd.grad(loss, names["forces"])
    torch.testing.assert_close(again, names["forces"].grad, rtol=1e-9, atol=1e-12)
    assert names["apart"].shape == (51, len(names["pairs"])) and names["jacobian"].shape[:3] == (10, 1, len(names["pairs"]))
    assert len(blocks) == 10 and len(names["curve"]) == 21 and (tmp_path / "throw" / "result.json").exists()
    films = ("swing.mp4", "swing.png", "swing.webp")
    assert all((tmp_path / film).exists() for film in films) is (len(drawn) == len(blocks))
    assert torch.is_tensor(names["problem"].parameters["velocity"].value())
    assert (tmp_path / "pendulum" / "report.html").exists() and names["fit"].rmse and names["found"].estimates
