"""The commands end to end: what they compute, what they store, how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis as gs
from genesis_cli.commands.gradcheck import tell
from tests.cli.conftest import REPOSITORY, last_run

QUIET = ("logging=quiet",)
DT, STEPS, G = 0.01, 100, 9.81


def result_of(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def velocity_that_hits(target: np.ndarray) -> np.ndarray:
    """Semi-implicit Euler from the origin: p_T = v T dt − g dt² T (T + 1) / 2."""
    fall = np.array([0.0, 0.0, 0.5 * G * DT**2 * STEPS * (STEPS + 1)])
    return (target + fall) / (STEPS * DT)


def test_optimize_finds_the_throw_and_writes_the_run_folder(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("optimize", "task=throw")
    folder = last_run(tmp_path)
    assert code == 0 and "converged: every tolerance is met" in printed and str(folder) in printed
    result = result_of(folder)
    assert result["status"] == "converged" and result["metrics"]["miss_mm"] <= 1.0 == result["tolerances"]["miss_mm"]
    assert result["objective_first"] == pytest.approx(np.sum((np.array([3, 1, 2]) - [0, 0, -4.95405]) ** 2), rel=1e-12)
    assert result["objective_best"] < 1e-6 and result["seed"] == 0 and result["versions"]["taichi"] == "1.7.4"
    assert {"engine", "build", "forward", "backward", "loop"} <= set(result["seconds"])
    with np.load(folder / "solution.npz") as solution:
        assert solution["parameter/velocity"] == pytest.approx(velocity_that_hits(np.array([3.0, 1.0, 2.0])), abs=1e-3)
        assert solution["qpos"].shape == (STEPS + 1, 7) and solution["controls"].shape == (STEPS, 6)
        assert solution["qpos"][-1, :3] == pytest.approx([3.0, 1.0, 2.0], abs=1e-3)
        assert solution["time"][-1] == pytest.approx(1.0)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == list(range(result["iterations"] + 1))
    assert lines[0]["objective"] == lines[0]["terms"]["final_position"] == result["objective_first"]
    assert lines[0]["gradient_norm"]["velocity"] == pytest.approx(
        2 * np.sqrt(result["objective_first"]), rel=1e-9
    )  # dp/dv = T dt = 1
    for name in (".hydra/config.yaml", ".hydra/overrides.yaml", "config.yaml", "optimize.log", "checkpoints/last.pt"):
        assert (folder / name).is_file(), name


def test_tensorboard_holds_every_curve(genesis_here, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    genesis_here(
        "optimize", "task=throw", "optimizer=adam", "stop.iterations=4", "logging.every=2", "parameter.velocity.bounds=[-9,9]"
    )
    events = EventAccumulator(str(last_run(tmp_path) / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    scalars = _named(tags["scalars"])
    for name in ("objective/total", "loss/final_position", "metric/miss_mm", "gradient/velocity", "learning_rate/velocity"):
        assert name in scalars
    for name in ("seconds/forward", "seconds/backward", "gradient_by_step/first", "gradient_by_step/last"):
        assert name in scalars
    for name in ("parameter/velocity/free.vx", "parameter/velocity/free.vx/low", "parameter/velocity/free.vx/high"):
        assert name in scalars
    assert [point.step for point in events.Scalars("objective/total")] == [0, 2, 4]
    assert "gradient_by_step" in tags["images"] and "config/text_summary" in tags["tensors"]


def _named(tags: list[str]) -> list[str]:
    """Tags with the name of the ball's free joint, whatever it is, as `free`."""
    made = []
    for tag in tags:
        parts = tag.split("/")
        if parts[0] == "parameter" and len(parts) >= 3 and "." in parts[2]:
            parts[2] = "free." + parts[2].rpartition(".")[2]
        made.append("/".join(parts))
    return made


def test_not_converged_is_exit_code_1(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("optimize", "task=throw", "optimizer=adam", "stop.iterations=2", *QUIET)
    assert code == 1 and "not_converged: the 2 iterations are used up" in printed
    assert result_of(last_run(tmp_path))["status"] == "not_converged"
    assert not (last_run(tmp_path) / "tensorboard").exists()


def test_without_tolerance_there_is_nothing_to_fail(genesis_here, tmp_path) -> None:
    code, _ = genesis_here(
        "optimize", "task=throw", "optimizer=adam", "stop.iterations=2", "task.position_tolerance=null", *QUIET
    )
    assert code == 0 and result_of(last_run(tmp_path))["status"] == "finished"


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "lbfgsb", "ddp"])
def test_resume_gives_the_same_bits(genesis_here, tmp_path, optimizer: str) -> None:
    """A nonlinear task (cartpole), so that a forgotten piece of state would show."""
    job = (
        "task=swing_up",
        f"optimizer={optimizer}",
        "task.horizon=20",
        "parameter.controls.every=1",
        "stop.when_converged=false",
        *QUIET,
    )
    assert genesis_here("optimize", *job, "stop.iterations=9")[0] == 1
    whole = last_run(tmp_path)
    genesis_here("optimize", *job, "stop.iterations=4")
    part = last_run(tmp_path)
    assert part != whole and result_of(part)["iterations"] == 4
    genesis_here("optimize", "--resume", str(part), "stop.iterations=9")
    assert last_run(tmp_path) == part, "resume goes on in the same folder"
    with np.load(whole / "solution.npz") as one, np.load(part / "solution.npz") as two:
        assert set(one.files) == set(two.files)
        for name in one.files:
            assert np.array_equal(one[name], two[name]), name
    numbers = [[json.loads(x)["objective"] for x in (f / "metrics.jsonl").read_text().splitlines()] for f in (whole, part)]
    assert numbers[0] == numbers[1] and len(numbers[0]) == 10
    assert result_of(whole)["objective_first"] == result_of(part)["objective_first"]


def test_resume_refuses_another_problem(genesis_here, tmp_path) -> None:
    genesis_here("optimize", "task=swing_up", "task.horizon=20", "stop.iterations=2", *QUIET)
    folder = str(last_run(tmp_path))
    code, printed = genesis_here("optimize", "--resume", folder, "task.horizon=21")
    assert code == 2 and "last.pt: parameters have shapes [(20, 1)], this task's have [(21, 1)]" in printed


def test_rerun_repeats_a_run_and_takes_overrides(genesis_here, tmp_path) -> None:
    genesis_here("optimize", "task=throw", "task.target_pos=[1,0,0]", *QUIET)
    first = last_run(tmp_path)
    assert genesis_here("optimize", "--rerun", str(first))[0] == 0
    second = last_run(tmp_path)
    assert genesis_here("optimize", "--rerun", str(first), "task.target_pos=[0,1,0]", "optimizer.history_size=5")[0] == 0
    third = last_run(tmp_path)
    assert len({first, second, third}) == 3
    values = [np.load(folder / "solution.npz")["parameter/velocity"] for folder in (first, second, third)]
    assert np.array_equal(values[0], values[1])
    assert values[2] == pytest.approx(velocity_that_hits(np.array([0.0, 1.0, 0.0])), abs=1e-3)
    code, printed = genesis_here("optimize", "--rerun", str(first), "optimizer.historysize=5")
    assert code == 2 and 'optimizer: unknown key "historysize"; known: history_size' in printed


def test_multirun_runs_every_combination(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("optimize", "-m", "task=throw", "optimizer=lbfgs,lbfgsb", "runtime.seed=0,1", *QUIET)
    assert code == 0 and printed.count("converged: ") == 4
    sweep = next((tmp_path / "outputs" / "multirun").glob("*/*"))
    assert sorted(f.parent.name for f in sweep.glob("*/result.json")) == ["0", "1", "2", "3"]
    code, _ = genesis_here("optimize", "-m", "task=throw", "stop.iterations=1,200", "optimizer=lbfgs", *QUIET)
    assert code == 1, "one of the two does not converge"


def test_a_diverging_run_keeps_what_it_reached(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("optimize", "task=throw", "optimizer=sgd", "optimizer.lr=1e308", *QUIET)
    assert code == 1 and printed.count("error: ") == 1 and "the optimizer left what can be simulated" in printed
    result = result_of(last_run(tmp_path))
    assert result["status"] == "diverged" and result["best_iteration"] == 0
    assert result["objective_best"] == result["objective_first"] == pytest.approx(10 + (2 + 4.95405) ** 2)
    assert np.load(last_run(tmp_path) / "solution.npz")["parameter/velocity"] == pytest.approx([0, 0, 0])


def test_a_loss_of_the_user_from_the_working_folder(genesis_here, tmp_path, monkeypatch) -> None:
    (tmp_path / "my_losses.py").write_text(
        "def height(trajectory, scene, goal=0.0):\n    return (trajectory.qpos[-1][..., 2] - goal).square().mean()\n"
    )
    code, _ = genesis_here(
        "optimize", "task=throw", "loss.final_position=null", "task.position_tolerance=null", "stop.iterations=30",
        "+loss.mine={kind: user, function: my_losses.height, options: {goal: 0.7}}", *QUIET,
    )  # fmt: skip
    assert code == 0
    assert np.load(last_run(tmp_path) / "solution.npz")["qpos"][-1, 2] == pytest.approx(0.7, abs=1e-6)


def test_simulate_with_learned_parameters(genesis_here, tmp_path) -> None:
    genesis_here("optimize", "task=throw", *QUIET)
    learned = last_run(tmp_path)
    code, printed = genesis_here("simulate", "task=throw", "--solution", str(learned))
    folder = last_run(tmp_path)
    assert code == 0 and folder != learned and "steps/s" in printed
    with np.load(folder / "trajectory.npz") as trajectory, np.load(learned / "solution.npz") as solution:
        assert np.array_equal(trajectory["qpos"], solution["qpos"])
        assert trajectory["links_pos"].shape == (STEPS + 1, 1, 3) and trajectory["link_names"].shape == (1,)
    assert result_of(folder)["parameters_loaded"] == ["velocity"]
    assert genesis_here("simulate", "task=fit", "--solution", str(learned))[0] == 2


@pytest.mark.parametrize("task", ["throw", "fit", "swing_up"])
def test_gradcheck_agrees(genesis_here, tmp_path, task: str) -> None:
    code, printed = genesis_here("gradcheck", f"task={task}")
    result = result_of(last_run(tmp_path))
    assert code == 0 and "gradients agree" in printed and result["largest_error"] < 1e-8
    assert result["verdicts"] == {"exact": len(result["checks"])} and len(result["checks"][0]["errors"]) == 11
    assert (last_run(tmp_path) / "gradcheck.png").read_bytes().startswith(b"\x89PNG")


LOSSES = """
import torch

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, bar):
        return 1.01 * bar

def cut(trajectory, scene):
    p = trajectory.qpos[-1][..., :3]
    return (p * p.detach()).sum()

def wrong(trajectory, scene):
    return (Wrong.apply(trajectory.qpos[-1][..., :3]) ** 2).sum()

def right(trajectory, scene):
    return (trajectory.qpos[-1][..., :3] ** 2).sum()
"""


def check_loss(genesis_here, tmp_path, name: str) -> tuple[int, str, dict]:
    (tmp_path / f"losses_{name}.py").write_text(LOSSES)
    code, printed = genesis_here(
        "gradcheck", "task=throw", "loss.final_position=null", f"+loss.mine={{kind: user, function: losses_{name}.{name}}}"
    )
    return code, printed, result_of(last_run(tmp_path))


@pytest.mark.parametrize("name", ["cut", "wrong"])
def test_gradcheck_tells_when_gradients_are_off(genesis_here, tmp_path, name: str) -> None:
    code, printed, result = check_loss(genesis_here, tmp_path, name)
    assert code == 1 and "gradients differ" in printed and "WRONG" in printed
    assert result["status"] == "differ" and set(result["verdicts"]) == {"wrong"}


def test_gradcheck_of_a_users_own_loss(genesis_here, tmp_path) -> None:
    code, _, result = check_loss(genesis_here, tmp_path, "right")
    assert code == 0 and set(result["verdicts"]) == {"exact"}


def test_gradcheck_tells_a_surrogate_apart(genesis_here, tmp_path) -> None:
    """The pusher has not reached its box: what is felt from a distance is all there is, and no error."""
    code, printed = genesis_here(
        "gradcheck", "task=push", "gradcheck.directions=1", "task.horizon=20", "parameter.controls.count=4"
    )
    result = result_of(last_run(tmp_path))
    assert code == 0 and "gradients without the surrogate agree" in printed and "a surrogate (contact_reach) is 100%" in printed
    assert result["surrogate"] == {"controls": 1.0} and result["checks"][0]["surrogate"] > 0.0
    assert result["checks"][0]["adjoint"] == 0.0 == result["checks"][0]["numeric"]


def test_doctor(genesis_here) -> None:
    code, printed = genesis_here("doctor")
    assert code == 0 and "FAILED" not in printed and "tasks compose" in printed


def test_show(genesis_here) -> None:
    code, printed = genesis_here("show", "groups")
    assert code == 0 and "task=" in printed and "swing_up_double" in printed
    code, printed = genesis_here("show", "keys", "task=throw")
    assert code == 0 and "task.position_tolerance" in printed and "largest miss distance [m]" in printed
    code, printed = genesis_here("show", "config", "task=throw", "optimizer.lr=0.5")
    assert code == 0 and "lr: 0.5" in printed


def test_show_scene(genesis_here, tmp_path) -> None:
    floor = "+scene.entities.floor={kind: plane, pos: [0, 0, -1]}"
    code, printed = genesis_here("show", "scene", "task=throw", "scene.collision=true", "scene.max_contacts=5", floor)
    assert code == 0
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for expected in (
        "ball 1 1 6 1",
        "floor 1 0 0 1",
        "collision geoms 2",
        "candidate pairs 1 1 plane-sphere",
        "room for contacts 5 smooth, elliptic cones",
        "joint limits 0",
        "equalities 0",
    ):
        assert expected in lines
    assert not list(tmp_path.glob("outputs/*/*"))


def test_ctrl_c_saves_the_best_and_ends(tmp_path) -> None:
    command = [
        sys.executable,
        "-m",
        "genesis_cli",
        "optimize",
        "task=swing_up",
        "stop.iterations=1000000",
        "stop.when_converged=false",
        *QUIET,
    ]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    lines: list[str] = []
    while len(lines) < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
        found = list(tmp_path.glob("outputs/*/*/metrics.jsonl"))
        lines = found[0].read_text().splitlines() if found else []
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in err and out.startswith("interrupted: ")
    folder = last_run(tmp_path)
    result = result_of(folder)
    assert result["status"] == "interrupted" and result["objective_best"] < result["objective_first"]
    assert (folder / "solution.npz").is_file() and (folder / "checkpoints" / "last.pt").is_file()


@pytest.mark.usefixtures("engine")
def test_gradcheck_says_that_a_gradient_is_not_finite(capsys) -> None:
    start = {"b": torch.ones(1, dtype=torch.float64), "a": torch.zeros(1, dtype=torch.float64)}
    tell(gs.gradcheck(lambda b, a: (b**2).sum() + torch.sqrt(a * a).sum() * 0.0 + a.sum(), start))
    assert "gradients differ: one is not finite, tolerance 1e-06; 4 of 7 exact, 3 wrong" in capsys.readouterr().out
