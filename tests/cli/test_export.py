"""`genesis export` end to end: a policy and a motion written by the command, run by other programs; the scripts of docs/export.md."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import genesis as gs
from genesis.runners.export.format import CheckError, compared, left_out
from genesis_cli.stored import stored_run
from tests.cli.conftest import REPOSITORY, genesis_here, last_run  # noqa: F401 - a fixture

BALANCE = ("task=balance", "task.horizon=20", "task.envs=3", "stop.iterations=2", "logging=quiet")


def script(head: str) -> str:
    """The Python block of docs/export.md that begins so."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "export.md").read_text(), re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(head)]
    return found


def run_script(text: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def balance(genesis_here, tmp_path) -> Path:  # noqa: F811
    assert genesis_here("optimize", *BALANCE)[0] == 1
    return last_run(tmp_path)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_learned_policy_leaves_with_its_controls(genesis_here, balance: Path) -> None:  # noqa: F811
    pytest.importorskip("onnxruntime", reason="needs the extra [export]")
    solution = gs.load_solution(balance)
    assert solution.status == "not_converged" and solution.envs == 3 and solution.policies == ["policy"]
    for form in ("torchscript", "onnx"):
        code, printed = genesis_here("export", str(balance), "--format", form)
        figure = re.search(r"gives the controls of the run to (\S+),", printed)
        assert code == 0 and figure is not None and float(figure[1]) < 1e-12
    spec = json.loads((balance / "export" / "policy.onnx.json").read_text())
    assert [one["name"] for one in spec["observation"]] == ["slider", "hinge"] * 2 and spec["dt"] == pytest.approx(0.02)
    assert spec["action"][0] | {"base": 0, "scale": 0} == {
        "name": "slider", "quantity": "force", "unit": "N", "low": -20.0, "high": 20.0, "base": 0, "scale": 0,
    }  # fmt: skip
    import onnxruntime

    session = onnxruntime.InferenceSession(str(balance / "export" / "policy.onnx"))
    for env in range(3):
        seen = np.concatenate([solution.qpos[:-1, env], solution.qvel[:-1, env]], 1)
        (acted,) = session.run(["action"], {"observation": seen})
        np.testing.assert_allclose(acted[:, 0], solution.controls[:, env, 0], rtol=0, atol=1e-12)
    run_script(script("# with RUN=a run of task=balance"), balance / "export")
    code, printed = genesis_here("export", str(balance), "--format", "mujoco")
    assert code == 0 and largest(printed) < 1e-13
    assert genesis_here("export", str(balance), "-f", "csv", "--out", "b.csv")[0] == 0
    assert Path("b.csv").read_text().count("\n") == 1 + 3 * 21


def largest(printed: str) -> float:
    """What the command says of the whole motion."""
    found = re.search(r"agrees to (\S+) in qpos", printed)
    assert found is not None, printed
    return float(found[1])


def test_the_default_job_replays_in_mujoco(genesis_here, tmp_path) -> None:  # noqa: F811
    """By the command, by the script that it leaves, and by the one of the documentation."""
    genesis_here("simulate", "parameter.controls.noise=1.0")
    run = last_run(tmp_path)
    code, printed = genesis_here("export", str(run), "--format", "mujoco", "--out", "out")
    assert code == 0 and largest(printed) <= 1e-12 and "not the same" not in printed
    said = run_script((tmp_path / "out" / "replay.py").read_text().replace("__file__", "'replay.py'"), tmp_path / "out")
    assert float(re.search(r"differs by (\S+) in qpos", said)[1]) <= 1e-12  # type: ignore[index]
    moved = run_script(script("# in the folder of"), tmp_path / "out")
    assert float(re.search(r"difference: (\S+) rad", moved)[1]) <= 1e-12  # type: ignore[index]
    motion = gs.load_solution(run)
    assert np.abs(motion.qpos[-1] - motion.qpos[0]).max() > 0.1 and motion.joint_names[0] == "panda_joint1"
    run_script(script("# with RUN=a run folder").replace("RUN", str(run)), tmp_path)


def test_contacts_replay_with_mujocos_law_and_say_so_with_the_other(genesis_here, tmp_path) -> None:  # noqa: F811
    words = ("task=slide", "task.horizon=30")
    figures = []
    for law in ("mujoco", "smooth"):
        genesis_here("simulate", *words, f"scene.contact={law}")
        code, printed = genesis_here("export", str(last_run(tmp_path)), "--format", "mujoco")
        figures.append(largest(printed))
        assert code == 0 and ("by the smooth law here" in printed) == (law == "smooth")
    assert figures[0] < 1e-12 and figures[1] > 1e-6


def test_runs_of_earlier_versions_are_read(genesis_here, balance: Path, tmp_path) -> None:  # noqa: F811
    """Without names of joints and what policies are made of: the task is made again for them."""
    now = gs.load_solution(balance)
    with np.load(balance / "solution.npz") as stored:
        old = {
            name: stored[name]
            for name in stored.files
            if name.split("/")[0] not in ("joint_names", "joint_kinds", "control_kind", "policy")
        }
    np.savez(balance / "solution.npz", **old)
    config = (balance / "config.yaml").read_text()
    foreign = "loss:\n  mine: {kind: user, function: gone.f}\n"  # its module may not be there
    assert "\nloss:\n" in config
    (balance / "config.yaml").write_text(
        config.replace("loss:\n", foreign, 1).replace("optimizer:\n", "optimizer:\n  former_key: 1\n", 1)
    )
    then = gs.load_solution(balance)
    assert (
        then.joint_names == now.joint_names
        and then.control_units == now.control_units
        and then.policy().spec == now.policy().spec
    )
    assert genesis_here("export", str(balance), "--format", "torchscript")[0] == 0
    (balance / "config.yaml").write_text("scene: [")
    with pytest.raises(gs.InputError, match="config.yaml: line 1, column 9: .*the stored config is damaged"):
        gs.load_solution(balance)


def test_a_torn_solution_is_one_line_for_all_who_read_it(genesis_here, tmp_path) -> None:  # noqa: F811
    genesis_here("optimize", "task=throw", "stop.iterations=1", "logging=quiet")
    run = last_run(tmp_path)
    whole = (run / "solution.npz").read_bytes()
    lone = io.BytesIO()
    np.save(lone, np.zeros(3))
    for content in (whole[: len(whole) // 2], b"", lone.getvalue()):
        (run / "solution.npz").write_bytes(content)
        for words in (
            ("export", str(run), "-f", "npz"),
            ("view", str(run), "--html", "x.html"),
            ("simulate", "task=throw", "--solution", str(run)),
        ):
            code, printed = genesis_here(*words)
            assert code == 2 and "solution.npz: cannot be read as arrays" in printed and "Traceback" not in printed, words
        assert genesis_here("report", str(run))[0] == 0
        assert "solution.npz is there and cannot be read" in (run / "report.html").read_text()
    (run / "solution.npz").write_bytes(whole)
    (run / "result.json").write_text('{"status": "conv')
    (run / "metrics.jsonl").unlink()
    assert genesis_here("report", str(run))[0] == 0
    page = (run / "report.html").read_text()
    assert "How it ended is not known: result.json cannot be read." in page and "its process died" not in page


def test_what_diverged_is_said_and_nothing_is_checked_against_nothing(tmp_path) -> None:
    series = np.zeros((4, 3, 1))
    series[2, 1] = np.nan
    solution = SimpleNamespace(envs=3, qpos=series, qvel=series, controls=series[1:])
    assert left_out(solution, tmp_path) == ", 2 of 3 environments: the others diverged"
    series[:] = 0.0
    assert left_out(solution, tmp_path) == ""
    series[1] = np.nan
    with pytest.raises(CheckError, match="every environment of the run has diverged"):
        left_out(solution, tmp_path)
    with pytest.raises(CheckError, match="no state to compare it at"):
        compared(tmp_path, np.zeros((0, 1)), np.zeros((0, 1)), "torch")


def test_a_parameter_may_name_numbers_of_a_loss(genesis_here, tmp_path) -> None:  # noqa: F811
    genesis_here(
        "optimize", "task=throw", "parameter.velocity.init=${loss.final_position.target}", "stop.iterations=1", "logging=quiet"
    )
    _, task = stored_run(last_run(tmp_path))
    learned = gs.load_solution(last_run(tmp_path)).parameters["velocity"]
    assert np.allclose(task().parameters["velocity"].value().detach().numpy(), learned)


def test_a_learned_mass_is_in_the_model(genesis_here, tmp_path) -> None:  # noqa: F811
    genesis_here("optimize", "task=fit", "stop.iterations=2", "logging=quiet")
    run = last_run(tmp_path)
    code, printed = genesis_here("export", str(run), "--format", "mujoco")
    assert code == 0 and largest(printed) < 1e-12
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(run / "export" / "mujoco" / "model.xml"))
    assert gs.load_solution(run).parameters["mass"][0] in model.body_mass


WRONG = [
    (("nowhere", "-f", "csv"), "nowhere: no stored run there"),
    (("RUN", "-f", "onxx"), '--format: unknown format "onxx"; known: onnx'),
    (("RUN", "-f", "onnx"), "learned no policy; it has velocity"),
    (("RUN", "-f", "csv", "--out", "RUN/config.yaml/x.csv"), "cannot be written"),
    (("RUN", "-f", "csv", "--out", "RUN/config.yaml"), "is there already; give another --out, or --force"),
]


def test_wrong_input_is_one_line(genesis_here, tmp_path) -> None:  # noqa: F811
    genesis_here("optimize", "task=throw", "stop.iterations=1", "logging=quiet")
    run = str(last_run(tmp_path))
    for words, expected in WRONG:
        code, printed = genesis_here("export", *(word.replace("RUN", run) for word in words))
        lines = [line for line in printed.splitlines() if line]
        assert code == 2 and len(lines) == 1 and lines[0].startswith("error: ") and expected in lines[0], (words, printed)
    (Path(run) / "solution.npz").unlink()
    code, printed = genesis_here("export", run, "-f", "npz")
    assert code == 2 and "no solution.npz and no trajectory.npz" in printed
