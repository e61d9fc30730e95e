"""No block of the documentation is only read: each is run, or composed and built, or named here with the reason why not."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import genesis as gs
from genesis_cli.errors import CommandError
from tests.cli.conftest import REPOSITORY
from tests.cli.test_docs import COMPOSING, PAGES, READERS, blocks_of_symptoms, commands
from tests.docs.conftest import BLOCK, blocks

#: (page, language) -> the test that runs its blocks. Commands and YAML of all pages: tests/cli/test_docs.py composes them, and here below.
RUN = {
    ("README.md", "python"): "tests/test_readme.py",
    ("docs/cli.md", "python"): "tests/docs/test_every_block.py",
    ("docs/constraints.md", "python"): "tests/docs/test_every_block.py",
    ("docs/coming_from.md", "python"): "tests/docs/test_pages.py",
    ("docs/concepts.md", "python"): "tests/docs/test_pages.py",
    ("docs/export.md", "python"): "tests/cli/test_export.py",
    ("docs/observations.md", "python"): "tests/docs/test_every_block.py",
    ("docs/python.md", "python"): "tests/cli/test_notebook.py",
    ("docs/robots.md", "python"): "tests/docs/test_every_block.py",
    ("docs/tour.md", "python"): "tests/docs/test_tour.py",
    ("docs/tour.md", "xml"): "tests/docs/test_tour.py",
    ("docs/troubleshooting.md", "text"): "tests/docs/test_pages.py",
    ("docs/view.md", "python"): "tests/docs/test_every_block.py",
}
#: Blocks that are no input of any program.
SHOWN = {
    ("docs/reference_cli.md", "text"): "the help of the commands, made by docs/make/reference.py",
    ("docs/concepts.md", "text"): "a drawing",
}
#: Commands that build nothing here, and why.
NOT_BUILT = {
    "task.horizon=1e9": "is refused on purpose",
    "observation.folder=": "needs logs that are not part of the project",
    "system=": "needs logs that are not part of the project, but for simple_pendulum, which every other line takes",
    "launcher=": "is about where jobs run",
    "sweep=": "is about which jobs run",
    "no_such": "is wrong on purpose",
    "gait.csv": "needs a file of the reader's",
    "my_": "needs a file of the reader's",
    "runtime": "would start another engine",
    "PATH": "stands for a path",
}

ARM = """<robot name="my_arm">
  <link name="base"/>
  {links}
  <link name="gripper"/><joint name="tip" type="fixed"><origin xyz="0 0 0.2"/><parent link="hand"/><child link="gripper"/></joint>
</robot>"""
LINK = """<link name="{name}"><inertial><origin xyz="0 0 0.1"/><mass value="0.5"/>
  <inertia ixx="0.002" iyy="0.002" izz="0.001" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="{joint}" type="revolute"><origin xyz="0 0 0.2"/><axis xyz="{axis}"/><parent link="{parent}"/><child link="{name}"/>
  <limit lower="-2" upper="2" effort="20" velocity="5"/><dynamics damping="0.1"/></joint>"""
JOINTS = {"shoulder": ("upper", "base", "0 0 1"), "elbow": ("forearm", "upper", "0 1 0"), "wrist": ("hand", "forearm", "0 1 0")}


def found() -> set[tuple[str, str]]:
    return {(page, language) for page in PAGES for language, _ in BLOCK.findall((REPOSITORY / page).read_text())}


def test_every_block_has_its_test_or_its_reason() -> None:
    left = {pair for pair in found() if pair[1] not in ("bash", "yaml")}
    assert left == {*RUN, *SHOWN}, "a page has gained or lost blocks of a language: run them somewhere, and say where"
    for (page, _), test in RUN.items():
        assert Path(page).name in (REPOSITORY / test).read_text(), f"{test} does not know {page}"


def python(page: str, names: dict) -> dict:
    """The names after the only Python block of a page."""
    (block,) = [content for language, content in blocks(page) if language == "python"]
    exec(compile(block, f"docs/{page}", "exec"), names)
    return names


def test_observations_from_python(engine, monkeypatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    names = python("observations.md", {})
    assert names["series"].values.shape[1] == 1 and names["series"].time.shape == names["series"].values.shape[:1]
    assert 0.0 < float(names["data"].specs["angle"].sigma[0]) < 0.1


def test_a_constraint_of_the_reader(engine, in_folder) -> None:
    from tests.tasks.configured import configured

    (code,) = [content for language, content in blocks("constraints.md") if language == "python"]
    (folder := in_folder / "my_configs" / "constraints").mkdir(parents=True)
    (folder / "feet.py").write_text(code)
    (line,) = [line for line in commands() if "my_configs/constraints/feet.py" in line]
    words = [word for word in shlex.split(line) if "=" in word]
    checked, task = configured("task.horizon=4", "parameter.controls.count=4", *words)
    assert checked.constraint["high"].function == f"{folder / 'feet.py'}:height"
    (worst,) = task.constraints.violations(task.simulate()[0])
    assert (worst.metric, worst.unit, worst.holds) == ("high_violation_m", "m", True)
    assert task.constraints.all["high"].constraint.quantities[0].labels == ["elbow"]


def test_a_screw_of_a_robot(engine, in_folder) -> None:
    spindle = LINK.format(name="nut", joint="spindle", axis="0 0 1", parent="base")
    (in_folder / "press.urdf").write_text(f'<robot name="press"><link name="base"/>{spindle}</robot>')
    press = python("robots.md", {"gs": gs, "scene": gs.Scene()})["press"]
    (joint,) = [joint for link in press.description.links for joint in link.joints]
    assert (joint.type, joint.pitch) == ("screw", 0.0016)


def falling(**options) -> gs.Scene:
    scene = gs.Scene(**options)
    scene.add_entity(gs.morphs.Sphere(radius=0.1))
    return scene


def test_the_check_of_a_gradient_from_python(engine) -> None:
    import torch

    scene = falling()
    scene.build()
    controls = torch.zeros(3, 6, dtype=torch.float64, requires_grad=True)
    q0, v0 = torch.tensor([0.0, 0, 1, 1, 0, 0, 0], dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    names = python(
        "cli.md",
        {"gs": gs, "scene": scene, "controls": controls, "q0": q0, "v0": v0, "my_loss": lambda t: t.qpos[-1, :3].square().sum()},
    )
    assert names["report"].ok


def test_a_view_from_python(engine, in_folder, monkeypatch) -> None:
    import torch

    scene = falling(show_viewer=False)
    scene.build()

    class Viewer:
        url = "http://localhost:8080"

        def stop(self) -> None:
            pass

    scene.viewer = Viewer()
    monkeypatch.setattr(gs, "Scene", lambda **options: scene)
    monkeypatch.setattr(type(scene.rollout(torch.zeros(1, 6, dtype=torch.float64))), "show", lambda self, **options: None)
    python("view.md", {"gs": gs, "controls": torch.zeros(3, 6, dtype=torch.float64)})
    assert (in_folder / "replay.npz").stat().st_size > 0


@pytest.fixture
def reader(in_folder):
    """A folder with the arm and the logs that the pages speak of, and their YAML blocks; of two of one name that of the page."""
    links = "\n  ".join(
        LINK.format(name=name, joint=joint, axis=axis, parent=parent) for joint, (name, parent, axis) in JOINTS.items()
    )

    def make(page: str) -> Path:
        for other in ("configs.md", "observations.md", "sysid.md", page):
            for _, content in (block for block in blocks(other) if block[0] == "yaml"):
                named = re.match(r"# @package \S+\n# (my_configs/\S+\.yaml)\n", content)
                if named:
                    (in_folder / named[1]).parent.mkdir(parents=True, exist_ok=True)
                    (in_folder / named[1]).write_text(content)
        (in_folder / "my_configs" / "robots" / "my_arm.urdf").write_text(ARM.format(links=links))
        time = np.arange(0.0, 14.0, 0.02)
        angles = np.stack([0.3 * np.sin(time + k) for k in range(3)], axis=1)
        head = "time,stamp,q1,q2,shoulder_pos,elbow_pos,wrist_pos,gx,gy,gz,tau1,tau2"
        degrees, zeros = np.degrees(angles), np.zeros((len(time), 5))
        table = np.column_stack([time, time * 1e6, degrees[:, :2], degrees, zeros])
        logs = in_folder / "my_configs" / "observations" / "logs"
        logs.mkdir()
        for name in ("run_1", "run_7", "slow", "last"):
            np.savetxt(logs / f"{name}.csv", table, delimiter=",", header=head, comments="", fmt="%.6f")
        return in_folder

    return make


def test_the_task_of_the_reader_runs(genesis_here, reader) -> None:
    reader("configs.md")
    code, printed = genesis_here(
        "optimize", "--config-dir", "my_configs", "task=my_task", "stop.iterations=2", "task.horizon=20", "logging=quiet"
    )
    assert code in (0, 1) and "error: " not in printed and "final_orientation" not in printed
    assert "distance" in printed or "position" in printed


@pytest.mark.parametrize("page", ["configs.md", "observations.md"])
def test_the_identification_of_the_reader_runs(genesis_here, reader, page: str) -> None:
    reader(page)
    code, printed = genesis_here(
        "sysid",
        "--config-dir",
        "my_configs",
        "robot=my_arm",
        "observation=my_arm",
        "parameter=my_arm",
        "stop.iterations=1",
        "logging=quiet",
    )
    assert code in (0, 1) and "error: " not in printed, printed


def built() -> list[str]:
    """Commands that learn, simulate or check, without those that only a reader, a cluster or another machine can run."""
    lines = []
    for line in commands():
        words = shlex.split(line, comments=True)[1:]
        left_out = READERS.search(line) or "-m" in words or any(reason in line for reason in NOT_BUILT)
        if words[0] in COMPOSING and not left_out and line not in blocks_of_symptoms():
            lines.append(line)
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("line", built())
def test_documented_commands_build(engine, in_folder, line: str) -> None:
    """Their scenes, tasks and problems are made: what composes need not fit together."""
    words = shlex.split(line, comments=True)[1:]
    overrides = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    if words[0] == "control":  # the same task, with a node that is checked when it runs
        overrides = [word for word in overrides if not word.startswith("control.")]
    try:
        if words[0] == "sysid":
            made = gs.compose(*overrides, command="sysid")
            assert made.problem is not None
        else:
            made = gs.compose(*overrides)
            assert made.task.parameters and made.task.setting.scene.rigid_solver.n_dofs > 0
    except (gs.InputError, CommandError) as error:
        pytest.fail(f"{line}: {error}")
