"""What commands do with runs that learned a policy in episodes, and with tasks of episodes that they do not take."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import genesis as gs
from genesis.replay.replay import Replay
from tests.cli.conftest import genesis_here, last_run  # noqa: F401 - a fixture
from tests.cli.test_export import run_script, script

SMALL = ("task.envs=4", "task.test_envs=2", "task.horizon=20", "task.policy.hidden=[8]", "stop.iterations=2", "logging=quiet")


@pytest.fixture
def hopper(genesis_here, tmp_path) -> Path:  # noqa: F811
    assert genesis_here("optimize", "task=run_hopper", *SMALL)[0] == 1
    return last_run(tmp_path)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_policy_of_episodes_leaves(genesis_here, hopper: Path) -> None:  # noqa: F811
    """By every format, and by the script of the documentation."""
    pytest.importorskip("onnxruntime", reason="needs the extra [export]")
    solution = gs.load_solution(hopper)
    assert solution.qpos.shape == (21, 6) and solution.controls.shape == (20, 6) and solution.dt == pytest.approx(1 / 60)
    assert solution.qvel_names[3:] == ["thigh_joint", "leg_joint", "foot_joint"] and solution.status == "not_converged"
    for form in ("torchscript", "onnx"):
        code, printed = genesis_here("export", str(hopper), "--format", form)
        figure = re.search(r"gives the controls of the run to (\S+),", printed)
        assert code == 0 and figure is not None and float(figure[1]) < 1e-10
    assert "thigh_joint [Nm]" in run_script(script("# with RUN=a run of task=run_hopper"), hopper / "export")
    for form in ("csv", "npz"):
        assert genesis_here("export", str(hopper), "--format", form)[0] == 0
    assert (hopper / "export" / "trajectory.csv").read_text().count("\n") == 1 + 21
    code, printed = genesis_here("export", str(hopper), "--format", "mujoco")
    assert code == 0 and "16 starts: return" in printed and (hopper / "export" / "mujoco" / "policy.py").is_file()
    spec = json.loads((hopper / "export" / "policy.onnx.json").read_text())
    assert spec == json.loads((hopper / "export" / "mujoco" / "policy.pt.json").read_text())


def test_a_motion_is_shown_without_its_replay(genesis_here, tmp_path) -> None:  # noqa: F811
    """Simulated anew with the policy and the statistics that lie there, it is what the run had shown."""
    from genesis_cli.commands.replay import rebuilt

    genesis_here("optimize", "task=run_hopper", *SMALL, "logging.replay=true")
    hopper = last_run(tmp_path)
    was = Replay.load(hopper / "replay.npz")
    (hopper / "replay.npz").unlink()
    made = rebuilt(hopper)
    assert made.title == was.title and len(made.takes) == len(was.takes) == 4
    for one, other in zip(made.takes, was.takes, strict=True):
        np.testing.assert_allclose(one.pos, other.pos, atol=1e-4)  # it is stored in less than double precision
    assert np.ptp(was.takes[0].pos[:, :, 0]) > 1e-2
    code, printed = genesis_here("view", str(hopper), "--html", "page.html")
    assert code == 0 and Path("page.html").is_file()
    assert genesis_here("report", str(hopper))[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("simulate", "task=run_hopper"), "task.kind: simulate rolls out one motion"),
        (("gradcheck", "task=run_hopper"), "task.kind: gradcheck compares the gradient of one motion"),
        (("control", "task=run_hopper"), "task.kind: control drives a plant along one motion"),
        (("optimize", "task=reach", "optimizer=shac"), "shac learns policies in episodes"),
        (("optimize", "task=reach", "polish=shac"), "shac learns policies in episodes"),
        (("optimize", "task=run_hopper", "optimizer=lbfgs"), "lbfgs compares points, and no window of episodes is like another"),
        (("optimize", "task=run_hopper", "optimizer=cmaes"), "values of many policies at once are not asked in episodes"),
        (("optimize", "task=run_hopper", "optimizer=ddp"), "ddp finds controls"),
        (("optimize", "task=run_hopper", "restarts.count=2"), "policies are learned in one descent"),
        (("optimize", "task=run_hopper", "loss=trot"), "loss."),
    ],
)
def test_what_takes_no_episodes_says_what_to_do(genesis_here, words: tuple[str, ...], said: str) -> None:  # noqa: F811
    code, printed = genesis_here(*words, "logging=quiet")
    assert code == 2 and said in printed and "Traceback" not in printed


def test_jobs_of_one_batch_are_no_episodes(genesis_here, tmp_path) -> None:  # noqa: F811
    code, printed = genesis_here("optimize", "-m", "task=run_hopper", "launcher=batched", "runtime.seed=1,2", *SMALL)
    assert code == 2 and "jobs of launcher=batched are tasks without episodes" in printed


def test_another_commands_words_for_a_run_of_episodes(genesis_here, hopper: Path) -> None:  # noqa: F811
    for words, said in (
        (("simulate", "task=balance", "--solution", str(hopper)), "parameter policy has shape"),
        (("control", "task=trot", "control.controller=tvlqr", f"control.run={hopper}"), "has no feedback gains"),
        (("sysid", f"starts.run={hopper}"), "holds no estimates"),
    ):
        code, printed = genesis_here(*words)
        assert code == 2 and said in printed, printed


def test_advice_for_a_policy_names_what_can_learn_one(genesis_here, hopper: Path) -> None:  # noqa: F811
    advice = " ".join(json.loads((hopper / "result.json").read_text())["advice"])
    assert "lbfgs" not in advice and "more task.envs" in advice, advice
