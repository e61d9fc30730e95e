"""Identified bodies that nothing can be are written as the nearest that there are."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from genesis.scene import morphs
from genesis.scene.export import write_entity
from genesis.scene.scene import Scene

PENDULUM = """<robot name="pendulum"><link name="base"/>
  <link name="rod"><inertial><origin xyz="0 0 -0.45"/><mass value="0.676"/>
    <inertia ixx="0.01" iyy="0.01" izz="0.0005" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="pivot" type="revolute"><parent link="base"/><child link="rod"/><axis xyz="0 1 0"/>
    <limit lower="-9" upper="9" effort="9" velocity="9"/></joint></robot>"""


@pytest.mark.parametrize("suffix", ["urdf", "xml"])
@pytest.mark.parametrize(
    ("mass", "moment", "said"),
    [(0.676, 0.002, "violates the triangle inequality"), (0.9, 0.03, "violates"), (0.0, 0.01, "a mass of 0 kg is none")],
)
def test_impossible_bodies_are_written_as_the_nearest(
    engine: None, tmp_path: Path, suffix: str, mass: float, moment: float, said: str
) -> None:
    """A moment that was learned alone stays, the others give way; MuJoCo reads the file, which says what was done."""
    file = tmp_path / f"pendulum.{suffix}"
    file.write_text(PENDULUM)
    if suffix == "xml":
        spec = mujoco.MjSpec.from_string(PENDULUM)
        spec.compile()
        file.write_text(spec.to_xml())
    scene = Scene()
    morph = morphs.URDF(file=str(file), fixed=True) if suffix == "urdf" else morphs.MJCF(file=str(file))
    robot = scene.add_entity(morph, name="robot")
    scene.build(n_envs=0)
    values = {name: value.clone() for name, value in scene.physical_parameters().items()}
    rod = values["link_mass"].shape[0] - 1
    values["link_inertia"][rod] *= mass / 0.676 if mass else 1.0
    values["link_mass"][rod] = mass
    values["link_inertia"][rod, 1] = moment
    written = write_entity(robot, values, tmp_path / f"new.{suffix}")
    assert len(written.remarks) >= 1 and any(said in remark and '"rod"' in remark for remark in written.remarks)
    assert all(f"<!-- {remark} -->" in written.path.read_text() for remark in written.remarks)
    made = mujoco.MjModel.from_xml_path(str(written.path))
    a, b, c = sorted(made.body_inertia[-1])
    assert made.body_mass[-1] == pytest.approx(mass or 0.676e-6) and 0.0 < a and a + b >= c
    if mass:
        assert np.abs(made.body_inertia[-1] - moment).min() <= 1e-9


def test_bodies_that_are_possible_are_written_as_they_are(engine: None, tmp_path: Path) -> None:
    file = tmp_path / "pendulum.urdf"
    file.write_text(PENDULUM)
    scene = Scene()
    robot = scene.add_entity(morphs.URDF(file=str(file), fixed=True), name="robot")
    scene.build(n_envs=0)
    values = {name: value * 1.5 for name, value in scene.physical_parameters().items() if name in ("link_mass", "link_inertia")}
    written = write_entity(robot, values, tmp_path / "new.urdf")
    assert written.remarks == [] and "<!--" not in written.path.read_text()
    assert 'ixx="0.015"' in written.path.read_text()
