"""`genesis new`: what it writes runs at once, and what it refuses, in one line."""

import re
import shlex

import pytest

from tests.cli.conftest import REPOSITORY, last_run

PANDA = REPOSITORY / "configs" / "robots" / "panda" / "panda.urdf"
LOG = REPOSITORY / "configs" / "observations" / "simple_pendulum" / "ddp.csv"
TWO_LINKS = """<robot name="two"><link name="base"/>{links}</robot>"""
LINK = """<link name="{n}"><inertial><origin xyz="0.1 0 0"/><mass value="1"/>
  <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
  <collision><origin xyz="0.1 0 0"/><geometry><box size="0.2 0.04 0.04"/></geometry></collision></link>
  <joint name="{n}_joint" type="revolute"><parent link="{parent}"/><child link="{n}"/><origin xyz="{x} 0 0"/><axis xyz="0 1 0"/>
  <limit lower="{low}" upper="{high}" effort="{effort}" velocity="{speed}"/></joint>"""


def two_links(effort=20.0, speed=4.0, low=0.5):
    """An arm of two links, whose second joint may not be zero."""
    first = LINK.format(n="upper", parent="base", x=0, low=-2, high=2, effort=effort, speed=speed)
    return TWO_LINKS.format(
        links=first + LINK.format(n="lower", parent="upper", x=0.3, low=low, high=2.5, effort=effort, speed=speed)
    )


def next_command(out):
    """The words that the command says to run next."""
    line = next(line for line in out.splitlines() if line.startswith("next: genesis "))
    return shlex.split(line.removeprefix("next: genesis "))


def test_a_robot_and_its_first_task_run(genesis_here, tmp_path):
    from omegaconf import OmegaConf

    (tmp_path / "two.urdf").write_text(two_links())
    code, out = genesis_here("new", "robot", "two.urdf")
    assert code == 0, out
    assert "my_configs/robots/two.yaml" in out and "my_configs/tasks/reach_two.yaml" in out
    robot = OmegaConf.to_container(OmegaConf.load(tmp_path / "my_configs" / "robots" / "two.yaml"))
    robot.pop("defaults")
    kp, kv = robot.pop("kp"), robot.pop("kv")
    assert robot == {
        "name": "two", "file": "../../two.urdf", "fixed": True, "home": {"upper_joint": 0.0, "lower_joint": 1.5}, "tool": "lower",
        "armature": {"lower_joint": 0.1},
    }  # fmt: skip
    assert set(kp) == set(kv) == {"upper_joint", "lower_joint"}
    words = next_command(out)
    assert words == ["optimize", "--config-dir", "my_configs", "task=reach_two"]
    code, out = genesis_here(*words, "logging.tensorboard=false")
    assert code == 0, out
    assert (last_run(tmp_path) / "result.json").is_file()


def test_a_task_for_a_shipped_robot_runs(genesis_here, tmp_path):
    code, out = genesis_here("new", "task", "mine", "--robot", "cartpole", "--config-dir", "cfg")
    assert code == 0, out
    assert out.startswith("cfg/tasks/mine.yaml")
    code, out = genesis_here(*next_command(out), "stop.iterations=3", "logging.tensorboard=false")
    assert code in (0, 1) and "objective" in out, out


def test_a_loss_runs_and_its_gradient_is_right(genesis_here, tmp_path):
    code, out = genesis_here("new", "loss", "jolts")
    assert code == 0, out
    words = next_command(out)
    assert words[-1] == '+loss.jolts={kind: user, function: "my_configs/losses/jolts.py:jolts", weight: 1.0e-6}'
    code, out = genesis_here(*words, "stop.iterations=3", "logging.tensorboard=false")
    assert code in (0, 1) and "objective" in out, out
    stored = (last_run(tmp_path) / "config.yaml").read_text()
    assert f"function: {tmp_path}/my_configs/losses/jolts.py:jolts" in stored
    code, out = genesis_here("gradcheck", *words[1:2], words[-1], "loss.jolts.weight=1.0", "task.horizon=20")
    assert code == 0 and "gradients agree" in out, out


def test_a_system_runs(genesis_here, tmp_path):
    (tmp_path / "swing.csv").write_text("".join(LOG.read_text().splitlines(keepends=True)[:800]))
    code, out = genesis_here("new", "system", "swing", "swing.csv", "--robot", "simple_pendulum")
    assert code == 0, out
    words = next_command(out)
    assert words == ["sysid", "--config-dir", "my_configs", "system=swing"]
    code, out = genesis_here(*words, "stop.iterations=3", "logging.tensorboard=false", "scene.dt=0.01")
    assert code in (0, 1) and "dry_friction/pivot" in out, out


def test_a_robot_that_stands(genesis_here, tmp_path):
    from omegaconf import OmegaConf

    go2 = REPOSITORY / "configs" / "robots" / "go2" / "go2.xml"
    code, out = genesis_here("new", "robot", "dog", str(go2))
    assert code == 0, out
    robot = OmegaConf.load(tmp_path / "my_configs" / "robots" / "dog.yaml")
    assert list(robot.home.root) == [0.0, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0]
    assert (robot.tool, robot.home.FL_calf_joint) == ("base", -1.8)
    assert next_command(out)[-1] == "task=stand_dog"
    code, out = genesis_here("show", "config", "--config-dir", "my_configs", "task=stand_dog")
    assert code == 0 and "target_pos:\n  - 0.0\n  - 0.0\n  - 0.27\n" in out, out


def test_what_a_file_lacks_and_what_is_wrong_with_its_start_is_said(genesis_here, tmp_path):
    lost = '<collision><geometry><mesh filename="package://gone/hull.stl"/></geometry></collision></link>'
    (tmp_path / "weak.urdf").write_text(
        two_links(effort=0.0, speed=0.0).replace('</link>\n  <joint name="lower', lost + '\n  <joint name="lower')
    )
    code, out = genesis_here("new", "robot", "weak.urdf")
    assert code == 0, out
    assert (
        "note: all joints: no force limit (missing, or 0, which exporters write for unknown): taken as strong as they need to be."
        in out
    )
    assert "note: collision meshes are lost, so that it touches nothing: " in out
    text = (tmp_path / "my_configs" / "robots" / "weak.yaml").read_text()
    assert "# NOTE collision meshes are lost" in text and "\ncollision: false" in text
    (tmp_path / "faint.urdf").write_text(two_links(effort=1.0))
    code, out = genesis_here("new", "robot", "faint.urdf")
    assert 'note: joint "upper_joint" needs 3.99 to hold the home configuration and its motor gives 1: it sinks.' in out


def test_the_page_of_ones_own_word_by_word(genesis_here, tmp_path):
    """Each `genesis new` of docs/own.md, with the files that it names."""
    robots = REPOSITORY / "tests" / "data" / "robots" / "urdf"
    (tmp_path / "ur5_robot.urdf").write_text((robots / "ur5.urdf").read_text())  # without its meshes
    times = [0.002 * k for k in range(2000)]
    rows = [f"{t},{0.1 * t},{0.2 * t},1.0" for t in times]
    (tmp_path / "run_1.csv").write_text("\n".join(["time,elbow_joint_pos,wrist_1_joint,elbow_joint_tau", *rows]))
    blocks = re.findall(r"```bash\n(.*?)```", (REPOSITORY / "docs" / "own.md").read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("genesis new ")]
    for words in dict.fromkeys(tuple(shlex.split(line, comments=True)[1:]) for line in lines):
        code, out = genesis_here(*words)
        assert code == 0, (words, out)
    written = sorted(str(path.relative_to(tmp_path / "my_configs")) for path in (tmp_path / "my_configs").rglob("*.*"))
    assert written == [
        "losses/jolts.py", "observations/bench.yaml", "parameters/bench.yaml", "robots/ur5.yaml", "systems/bench.yaml",
        "tasks/push_it.yaml", "tasks/reach_ur5.yaml",
    ]  # fmt: skip
    for words in (["task=reach_ur5"], ["task=push_it"], ["--command", "sysid", "system=bench"]):
        code, out = genesis_here("show", "config", "--config-dir", "my_configs", *words)
        assert code == 0, out


WRONG = [
    (["robt", "x"], 'genesis new: unknown kind "robt"; known: robot, '),
    (["robot", "arm"], '"arm" is no robot file; write genesis new robot NAME FILE'),
    (["robot", "nope.urdf"], "nope.urdf: no such file; "),
    (["robot", "x", "broken.urdf"], "broken.urdf: line 1, column"),
    (["robot", "x", "page.xml"], "page.xml: the root element is <html>; allowed: <robot> of URDF, <mujoco> of MJCF."),
    (["robot", "panda", str(PANDA)], "robots/panda ships with the project and would be hidden; take another, such as \"my_panda\"."),
    (["task", "a b"], '"a b" is no name; allowed: letters, digits'),
    (["task", "../x"], '"../x" is no name'),
    (["task", "null"], '"null" is no name'),
    (["task", "x", "--robot", "pnda"], '--robot: unknown robot "pnda"; known: panda'),
    (["task", "x", "--robot", "ball"], 'robot "ball" has no joint that is driven'),
    (["task", "taken"], "my_configs/tasks/taken.yaml: is there already and is not overwritten"),
    (["loss", "math"], '"math" is a Python module already'),
    (["loss", "a-b"], '"a-b" is no name of a Python function'),
    (["system", "x", "log.csv"], "my_configs has no robot; say which: --robot NAME"),
    (["system", "x", "nope.csv", "--robot", "simple_pendulum"], "nope.csv not found"),
    (["system", "x", "log.csv", "--robot", "simple_pendulum"], "log.csv: no column of rising times (columns a, b)"),
    (["task", "x", "--config-dir", "log.csv"], "log.csv/tasks: cannot be written: Not a directory."),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[" ".join(words)[:40] for words, _ in WRONG])
def test_wrong_input_is_one_line_and_leaves_nothing(genesis_here, tmp_path, words, message):
    (tmp_path / "my_configs" / "tasks").mkdir(parents=True)
    (tmp_path / "my_configs" / "tasks" / "taken.yaml").write_text("mine")
    (tmp_path / "broken.urdf").write_text("<robot")
    (tmp_path / "page.xml").write_text("<html/>")
    (tmp_path / "log.csv").write_text("a,b\n1,2\n3,4\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out = genesis_here("new", *words)
    lines = [line for line in out.strip().splitlines() if "is looked at" not in line]
    assert (code, len(lines)) == (2, 1), out
    assert message in lines[0]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_without_permission(genesis_here, tmp_path, monkeypatch):
    from pathlib import Path

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, out = genesis_here("new", "loss", "jolts")
    assert (code, out.strip()) == (2, "error: my_configs/losses: cannot be written: Permission denied.")
