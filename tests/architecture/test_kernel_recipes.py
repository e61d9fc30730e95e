"""Recipes of CONTRIBUTING that change what kernels are made of: followed in a copy of the package, which a process of its own simulates."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.imports import REPOSITORY
from tests.architecture.test_recipes import named

JOINT = '''"""A nut whose thread rises by a fifth of a metre per radian."""

from genesis.description.kinds import TOY
from genesis.joints.hinge import Hinge
from genesis.joints.pose import Pose
from genesis.joints.scalar import ScalarJoint, displacement
from genesis.math.lanes import Cells, let
from genesis.math.rotation import Vec3
from genesis.math.spatial import Spatial


class Toy(ScalarJoint):
    KIND = TOY
    turn = staticmethod(Hinge.turn)

    @staticmethod
    def place(m, s, j, pose: Pose, anchor: Vec3) -> None:
        Hinge.place(m, s, j, pose, anchor)
        shift = Vec3.load(s.row("axis", m.jnt_axisadr(j)), 0) * let(0.2 * displacement(m, s, j))
        pose.p.assign(pose.p + shift)
        anchor.assign(anchor + shift)

    @staticmethod
    def axis(m, j, cells: Cells, origin: Vec3) -> Spatial:
        turning = Hinge.axis(m, j, cells, origin)
        return Spatial(turning.a, turning.l + Vec3.load(cells, 0) * let(0.2 * m.get("jnt_scale", j)))
'''
#: File -> (text of it, what stands there instead): a joint of the kind toy, and drag, a joint force of -drag v^3.
OF_THE_JOINT = {
    "genesis/description/kinds.py": [
        ("FREE = JointKind(", 'TOY = JointKind("toy", (ANGLE,), turns=True, axis=True, stands_for="hinge")\nFREE = JointKind('),
        ("SCREW, FREE)", "SCREW, TOY, FREE)"),
    ],
    "genesis/joints/__init__.py": [
        ("import Slide\n", "import Slide\nfrom genesis.joints.toy import Toy\n"),
        ("Ball, Screw)}", "Ball, Screw, Toy)}"),
    ],
}
OF_THE_PARAMETER = {
    "genesis/model/layout.py": [
        (
            '    ParameterKind("dof_stiffness"',
            '    ParameterKind("dof_drag", "nv", 1, "Nm s^3", "drag")' + ',\n    ParameterKind("dof_stiffness"',
        )
    ],
    "genesis/model/compile.py": [("dof_kp=np.zeros(nv),", "dof_kp=np.zeros(nv), dof_drag=np.full(nv, 0.02),")],
    "genesis/dynamics/joint_forces.py": [
        ('m.get("dof_damping", i) * v)\n', 'm.get("dof_damping", i) * v - m.get("dof_drag", i) * v * v * v)\n'),
        (
            '        s.add("dof_ctrl_bar", mine, i)\n',
            '        s.add("dof_ctrl_bar", mine, i)\n        speed2 = let(s.get("v", i) * s.get("v", i))\n'
            '        s.add("v_bar", -3.0 * m.get("dof_drag", i) * speed2 * w, i)\n',
        ),
        (
            '            bar.add("dof_armature"',
            '            bar.add("dof_drag", 0.0 - speed2 * s.get("v", i) * w, i)\n            bar.add("dof_armature"',
        ),
    ],
}
SCRIPT = '''
import json
import torch
import genesis as gs
from genesis.description.read import read_mjcf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model

gs.init(backend=gs.cpu, precision="64", logging_level="error")
NUT = """<mujoco><compiler angle="radian"/><worldbody><body name="nut" pos="0.3 0.1 0.5"><joint name="thread" axis="0.2 0 1"/>
  <inertial pos="0.1 0 0.1" mass="2" diaginertia="0.02 0.03 0.04"/></body></worldbody></mujoco>"""


def physics(joint):
    return Physics(compile_model([Placed(read_mjcf(NUT, joints={"thread": joint}), "nut")]), dt=0.01)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def run(p, steps, drag=None, push=0.0):
    theta = p.pack({} if drag is None else {"dof_drag": drag})
    q, v, _ = p.rollout(theta, numbers(0.4)[None], numbers(-3.0)[None], torch.full((steps, 1, 1), push, dtype=torch.float64))
    return torch.cat([q[-1, 0], v[-1, 0]])


toy, screw = physics({"type": "toy"}), physics({"type": "screw", "pitch": 0.2})
drag, length = numbers(0.3).requires_grad_(), 1e-5
value = (run(toy, 25, drag) * numbers(1.0, 0.5)).sum()
value.backward()
more, less = ((run(toy, 25, numbers(0.3 + sign * length)) * numbers(1.0, 0.5)).sum() for sign in (1.0, -1.0))
print(json.dumps({
    "toy": run(toy, 25).tolist(), "screw": run(screw, 25).tolist(),
    "places": [p.kinematics(p.pack(), numbers(0.7)[None], numbers(0.0)[None])[0].reshape(-1).tolist() for p in (toy, screw)],
    "dragged": run(screw, 1, numbers(0.3)).tolist(), "pushed": run(screw, 1, numbers(0.0), 0.3 * 27.0).tolist(),
    "described": run(screw, 1).tolist(), "same": run(screw, 1, numbers(0.02)).tolist(), "free": run(screw, 1, numbers(0.0)).tolist(),
    "gradient": drag.grad.item(), "difference": ((more - less) / (2.0 * length)).item(),
}))
'''


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Any]:
    """What the script says of a copy in which both recipes are followed: one compilation for both."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(REPOSITORY / "genesis", folder / "genesis", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "genesis" / "joints" / "toy.py").write_text(JOINT)
    for file, changes in {**OF_THE_JOINT, **OF_THE_PARAMETER}.items():
        path = folder / file
        for before, after in changes:
            text = path.read_text()
            assert text.count(before) == 1, f"{file}: {before!r} is not there once; say here how the recipe is followed now"
            path.write_text(text.replace(before, after))
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.slow
def test_a_joint(found) -> None:
    """A screw whose pitch is part of its kind moves as the screw of that pitch."""
    assert found["toy"] == pytest.approx(found["screw"], rel=1e-12)
    toy, screw = found["places"]
    assert toy == pytest.approx(screw, abs=1e-14) and toy[2] != pytest.approx(0.5), "it has risen"
    assert named("a joint") >= {*OF_THE_JOINT, "genesis/joints/"}


@pytest.mark.slow
def test_a_physical_parameter(found) -> None:
    """Its force is that of a motor that pushes as much, its described value counts, its gradient is that of differences."""
    assert found["dragged"] == pytest.approx(found["pushed"], rel=1e-13) and found["dragged"] != pytest.approx(found["free"])
    assert found["described"] == found["same"] != found["free"]
    assert found["gradient"] == pytest.approx(found["difference"], rel=1e-7) and abs(found["gradient"]) > 1e-3
    stage = Path("genesis/dynamics/joint_forces.py")
    assert named("a physical parameter") == {*OF_THE_PARAMETER} - {str(stage)} | {str(stage.with_name("NAME.py"))}


def test_every_physical_parameter() -> None:
    """Each that there is has followed the recipe: its value stands in compile.py or what that calls, and a stage reads it."""
    from genesis.model.layout import PARAMETERS

    files = [file for folder in ("model", "dynamics", "joints") for file in (REPOSITORY / "genesis" / folder).rglob("*.py")]
    model = "".join(file.read_text() for file in files if file.parent.name == "model" and file.name != "layout.py")
    stages = "".join(file.read_text() for file in files if "model" not in file.parts)
    unread = {kind.name for kind in PARAMETERS if f'"{kind.name}"' not in stages}
    assert unread == {"geom_gap", "xpair_gap"}, "detected without force: nothing reads how far"
    assert [kind.name for kind in PARAMETERS if not re.search(rf"\b{kind.name}\b", model)] == []
