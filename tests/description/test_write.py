"""A robot file written with other values reads back as those values, to 1e-10, and nothing else in it has changed."""

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from genesis.description.read import read_urdf
from genesis.description.write import write_model
from genesis.description.write_urdf import _angles, _matrix
from genesis.errors import InputError, ModelError, UnsupportedError
from genesis.model.describe import DERIVED, FIXED
from genesis_cli.paths import config_dir
from tests.description.written import assert_parameters, compiled, perturbed, read, round_trip

ROBOTS = Path(__file__).resolve().parents[1] / "data" / "robots"
SHIPPED = config_dir() / "robots"
FILES = {
    "ur5": ROBOTS / "urdf" / "ur5.urdf",
    "panda": ROBOTS / "urdf" / "panda.urdf",
    "solo12": ROBOTS / "urdf" / "solo12.urdf",
    "half_cheetah": ROBOTS / "mjcf" / "gymnasium" / "half_cheetah.xml",
    "ant": ROBOTS / "mjcf" / "gymnasium" / "ant.xml",
    "point_mass": ROBOTS / "mjcf" / "dmc" / "point_mass.xml",
    "ball_pendulum": ROBOTS / "mjcf" / "brax" / "single_spherical_pendulum.xml",
    "walker": SHIPPED / "walker" / "walker.xml",
    "cartpole": SHIPPED / "cartpole" / "cartpole.xml",
}
INERTIAL = ("link_mass", "link_com", "link_inertia")
SAID = {
    ".urdf": (*INERTIAL, "link_pos", "link_quat", "dof_damping", "dof_frictionloss"),
    ".xml": (
        *INERTIAL, "link_pos", "link_quat", "dof_damping", "dof_frictionloss", "dof_armature", "dof_stiffness", "geom_friction",
        "geom_solref", "geom_margin", "limit_margin", "limit_solref", "dof_solref", "act_gain", "trn_coef", "act_bias1", "qpos_spring",
    ),
}  # fmt: skip


@pytest.mark.parametrize("robot", FILES)
def test_every_value_comes_back(robot: str, tmp_path: Path) -> None:
    file = FILES[robot]
    model, placed = compiled(read(file))
    values = perturbed(model, SAID[file.suffix])
    if any(description.joints == [] and description.parent < 0 for description in placed.description.links):
        for name in ("link_pos", "link_quat"):  # a root without joint has no place in the file
            values[name][0] = model.parameters[name][0]
    if placed.description.links[0].joints and file.suffix == ".urdf":  # the file does not mention the free joint
        for name in ("dof_damping", "dof_frictionloss"):
            values[name][:6] = model.parameters[name][:6]
    found, written = round_trip(file, tmp_path / f"new{file.suffix}", values)
    assert_parameters(found, model, values)
    assert written.sidecar is None and written.beside == []
    assert written.edits


@pytest.mark.parametrize("robot", [name for name, file in FILES.items() if file.suffix == ".xml"])
def test_mujoco_agrees(robot: str, tmp_path: Path) -> None:
    file = FILES[robot]
    model, _ = compiled(read(file))
    names = ("link_mass", "link_com", "dof_damping", "dof_armature", "dof_frictionloss")
    values = perturbed(model, names)
    round_trip(file, tmp_path / "new.xml", values)
    before, after = (mujoco.MjModel.from_xml_path(str(path)) for path in (file, tmp_path / "new.xml"))
    np.testing.assert_allclose(after.body_mass[1:], values["link_mass"], rtol=1e-12)
    np.testing.assert_allclose(after.body_ipos[1:], values["link_com"], rtol=1e-12)
    for name in ("dof_damping", "dof_armature", "dof_frictionloss"):
        np.testing.assert_allclose(getattr(after, name), values[name], rtol=1e-12)
    for name in ("body_inertia", "body_pos", "jnt_range", "geom_size", "geom_friction", "actuator_gear", "qpos0", "key_qpos"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-12, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("robot", ["ur5", "half_cheetah"])
def test_nothing_changed_writes_the_same_model(robot: str, tmp_path: Path) -> None:
    file = FILES[robot]
    model, _ = compiled(read(file))
    found, written = round_trip(file, tmp_path / f"same{file.suffix}", dict(model.parameters))
    assert written.edits == []
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value, err_msg=name)
    if file.suffix == ".urdf":
        strip = lambda text: re.sub(r'filename="[^"]*"|\s|version="1.0"', "", text).replace("'", '"')  # noqa: E731
        assert strip(Path(tmp_path / "same.urdf").read_text()) == strip(file.read_text())


ARM = """<?xml version="1.0"?>
<!-- before -->
<robot name="arm">
  <!-- the base -->
  <link name="base"><collision name="pad"><origin xyz="0 0 1"/><geometry><box size="1 1 1"/></geometry></collision></link>
  <link name="dummy"/>
  <link name="upper">
    <inertial><origin xyz="0.1 0 0" rpy="0.3 -0.2 0.9"/><mass value="2"/>
      <inertia ixx="0.02" iyy="0.03" izz="0.04" ixy="0.001" ixz="0" iyz="0"/></inertial>
    <visual><geometry><mesh filename="meshes/upper.stl" scale="2 2 2"/></geometry></visual>
  </link>
  <link name="lower"><inertial><mass value="1"/><inertia ixx="-1e-3" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <link name="finger"><inertial><mass value="0.1"/><inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="pan" type="revolute"><origin xyz="0 0 0.2" rpy="0.1 0.2 0.3"/><parent link="base"/><child link="dummy"/><axis xyz="0 0 1"/>
    <limit lower="-1" upper="1" effort="20" velocity="2"/><dynamics damping="0.5"/></joint>
  <joint name="tilt" type="continuous"><origin xyz="0.05 0 0" rpy="0 0.4 0"/><parent link="dummy"/>
    <child link="upper"/><axis xyz="0 1 0"/></joint>
  <joint name="elbow" type="prismatic"><origin xyz="0.4 0 0"/><parent link="upper"/><child link="lower"/><axis xyz="1 0 0"/>
    <limit lower="0" upper="0.2" effort="5" velocity="1"/><dynamics damping="2" friction="0.3"/></joint>
  <joint name="grip" type="prismatic"><parent link="lower"/><child link="finger"/><axis xyz="0 1 0"/><dynamics damping="4"/>
    <limit lower="0" upper="0.2" effort="5" velocity="1"/><mimic joint="elbow" multiplier="0.5" offset="0.01"/></joint>
  <gazebo reference="upper"><material>Gazebo/Blue</material></gazebo>
</robot>
"""


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    """A robot with a folded chain, a mimic joint, a turned inertial frame, an unphysical inertia and a mesh."""
    folder = tmp_path / "arm"
    (folder / "meshes").mkdir(parents=True)
    faces = [
        ((0, 0, 0), (0, 1, 0), (1, 0, 0)),
        ((0, 0, 0), (1, 0, 0), (0, 0, 1)),
        ((0, 0, 0), (0, 0, 1), (0, 1, 0)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ]
    triangles = b"".join(struct.pack("<12fH", 0, 0, 0, *np.ravel(face), 0) for face in faces)
    (folder / "meshes" / "upper.stl").write_bytes(bytes(80) + struct.pack("<I", len(faces)) + triangles)
    (folder / "arm.urdf").write_text(ARM)
    return folder / "arm.urdf"


def test_folded_mimic_and_unphysical(arm: Path, tmp_path: Path) -> None:
    model, _ = compiled(read(arm, fixed=True))
    values = perturbed(model, ("link_mass", "link_com", "link_pos", "link_quat", "dof_damping", "dof_frictionloss"))
    for name in ("link_pos", "link_quat"):
        values[name][0] = model.parameters[name][0]
    found, written = round_trip(arm, tmp_path / "other" / "new.urdf", values, fixed=True)
    assert_parameters(found, model, values)
    text = written.path.read_text()
    assert "<!-- before -->" in text and "<!-- the base -->" in text and "<material>Gazebo/Blue</material>" in text
    assert f'filename="{arm.parent / "meshes" / "upper.stl"}"' in text
    made = read(written.path, fixed=True)
    assert made.geoms[1].vertices is not None and made.geoms[1].vertices.max() == pytest.approx(2.0, rel=1e-6)
    damping = {joint.name: joint.damping for link in made.links for joint in link.joints}
    assert damping["grip"] / damping["elbow"] == pytest.approx(2.0)  # as 4 to 2 before
    assert damping["elbow"] + 0.25 * damping["grip"] == pytest.approx(values["dof_damping"][2])


def test_what_urdf_cannot_say_goes_beside(arm: Path, tmp_path: Path) -> None:
    import yaml

    model, _ = compiled(read(arm, fixed=True))
    values = {
        name: model.parameters[name].copy()
        for name in ("dof_armature", "dof_kp", "geom_friction", "gravity", "dof_force_hi", "dof_force_lo")
    }
    values["dof_armature"][0], values["dof_kp"][2], values["geom_friction"][0] = 0.011, 120.0, (0.7, 0.01, 0.001)
    values["gravity"] = np.array([0.0, 0.0, -9.79])
    values["dof_force_lo"][0], values["dof_force_hi"][0] = -15.0, 15.0
    values["dof_force_hi"][2] = 4.0
    _, written = round_trip(arm, tmp_path / "new.urdf", values, fixed=True)
    content = yaml.safe_load(written.sidecar.read_text()) if written.sidecar else {}
    assert written.sidecar == tmp_path / "new.identified.yaml" and content["model"] == "new.urdf"
    rows = {(row["field"], row["element"]): (row["value"], row["unit"]) for row in content["values"]}
    assert rows.pop(("gravity", "scene"))[1] == "m/s²"
    assert rows == {
        ("dof_armature", 'joint "pan"'): (0.011, "kg m²"),
        ("dof_kp", 'joint "elbow"'): (120.0, "N/m"),
        ("geom_friction", 'geom "pad"'): ([0.7, 0.01, 0.001], "1, m, m"),
        ("dof_force_lo", 'joint "elbow"'): (-5.0, "N"),
        ("dof_force_hi", 'joint "elbow"'): (4.0, "N"),
    }
    assert written.edits == ['joint "pan": effort']
    assert read(written.path, fixed=True).links[1].joints[0].effort == (-15.0, 15.0)


def test_shape_in_urdf(arm: Path, tmp_path: Path) -> None:
    model, _ = compiled(read(arm, fixed=True))
    values = perturbed(model, ("geom_pos", "geom_quat", "geom_size"))
    found, written = round_trip(arm, tmp_path / "new.urdf", values, fixed=True)
    assert_parameters(found, model, values)
    assert written.edits == ['geom "pad": pos, quat, size']


FRAMES = """<mujoco model="frames">
  <!-- kept -->
  <compiler angle="degree" eulerseq="zyx" inertiafromgeom="true" settotalmass="3" meshdir="meshes"/>
  <default><joint damping="0.3" springdamper="0.1 1"/>
    <default class="thin"><joint armature="0.02"/><geom friction="0.7 0.01 0.001"/></default></default>
  <worldbody>
    <frame pos="1 0 0" euler="0 30 90">
      <body name="upper" pos="0 1 0" euler="10 20 30" childclass="thin">
        <joint name="swing" type="hinge" axis="0 1 0" springref="20" range="-10 50"/>
        <geom name="box" type="box" size=".1 .2 .3"/>
        <body pos="0 0 0.333333333333333333"><joint name="push" type="slide"/><geom size=".1" mass="1.123456789012345"/></body>
      </body>
    </frame>
    <body name="free" pos="0 0 3"><freejoint name="floating"/><geom name="orb" size="0.2"/></body>
  </worldbody>
  <actuator>
    <position name="servo" joint="push" kp="33.123456789012" kv="2.5" ctrlrange="-1 1"/>
    <motor joint="push" gear="3" armature="0.01"/>
  </actuator>
  <equality><weld name="tie" body1="upper" body2="free" solref="0.03 1"/></equality>
  <contact><pair geom1="box" geom2="orb" friction="0.5 0.5 0.01 0.001 0.001"/></contact>
</mujoco>"""


def test_frames_defaults_and_flags(tmp_path: Path) -> None:
    file = tmp_path / "frames.xml"
    file.write_text(FRAMES)
    model, _ = compiled(read(file))
    names = (*SAID[".xml"], "act_bias2", "eq_solref", "geom_pos", "geom_quat", "geom_size", "xpair_friction", "limit_range")
    values = perturbed(model, names)
    values["eq_solref"] = np.abs(values["eq_solref"])
    values["geom_size"] = np.abs(values["geom_size"])
    for row, geom in enumerate(model.contact_geoms):  # a sphere has one size
        values["geom_size"][row, 1:] = (
            values["geom_size"][row, 1:] if model.geoms[geom].type == "box" else model.parameters["geom_size"][row, 1:]
        )
    found, written = round_trip(file, tmp_path / "out" / "new.xml", values)
    assert_parameters(found, model, values)
    text = written.path.read_text()
    assert "<!-- kept -->" in text and f'meshdir="{tmp_path / "meshes"}"' in text
    names_of = [mujoco.MjModel.from_xml_path(str(path)).names for path in (file, written.path)]
    assert names_of[0] == names_of[1]


def test_meshes_of_mjcf_are_found_from_elsewhere(arm: Path, tmp_path: Path) -> None:
    text = '<mujoco><compiler meshdir="meshes"/><asset><mesh file="upper.stl"/></asset><worldbody><body name="b"><joint/>'
    (arm.parent / "part.xml").write_text(text + '<geom type="mesh" mesh="upper"/></body></worldbody></mujoco>')
    model, _ = compiled(read(arm.parent / "part.xml"))
    values = perturbed(model, ("link_mass", "dof_damping"))
    found, written = round_trip(arm.parent / "part.xml", tmp_path / "far" / "away" / "part.xml", values)
    assert_parameters(found, model, values)
    assert len(found.hulls[0][0]) == 4 and written.path.parent == tmp_path / "far" / "away"


def test_one_mass_keeps_the_others_where_the_file_rescales(tmp_path: Path) -> None:
    file = FILES["half_cheetah"]  # settotalmass="14"
    model, _ = compiled(read(file))
    values = {"link_mass": model.parameters["link_mass"].copy()}
    values["link_mass"][2] *= 1.5
    found, written = round_trip(file, tmp_path / "new.xml", values)
    assert_parameters(found, model, values)
    assert len(written.edits) == 1 and written.edits[0].endswith(": mass")


def test_prefixes_and_encodings_survive(tmp_path: Path) -> None:
    """Undeclared prefixes stay as they are; the text is UTF-8 afterwards and says so."""
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<robot name="r" xmlns:u="http://used"><link name="größe"><inertial><mass value="1"/>'
        '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link><gazebo><sensor:camera u:a="1"/></gazebo></robot>'
    )
    file = tmp_path / "r.urdf"
    file.write_bytes(text.encode("latin-1"))
    old = read_urdf(file)
    new = replace(old, links=[replace(old.links[0], mass=2.0)])
    made = write_model(file, old, new, tmp_path / "new.urdf", read=read_urdf)
    written = made.path.read_text(encoding="utf-8")
    assert written.startswith('<?xml version="1.0" encoding="utf-8"?>') and '<sensor:camera u:a="1" />' in written
    assert 'xmlns:u="http://used"' in written and "xmlns:sensor" not in written
    assert (read_urdf(made.path).links[0].name, read_urdf(made.path).links[0].mass) == ("größe", 2.0)


def test_gravity_in_the_axes_of_the_file(tmp_path: Path) -> None:
    file = FILES["cartpole"]
    found, written = round_trip(file, tmp_path / "new.xml", {"gravity": np.array([0.5, 0.0, -9.7])})
    made = mujoco.MjModel.from_xml_path(str(written.path)).opt.gravity
    turn = np.array([[0.28, 0.0, 0.96], [0.0, 1.0, 0.0], [-0.96, 0.0, 0.28]])  # of TURN
    np.testing.assert_allclose(turn @ made, [0.5, 0.0, -9.7], atol=1e-12)


def test_refusals_name_the_element(arm: Path, tmp_path: Path) -> None:
    model, _ = compiled(read(arm, fixed=True))
    out = tmp_path / "new.urdf"
    moved = model.parameters["link_pos"].copy()
    moved[0] += 0.1
    with pytest.raises(UnsupportedError, match='link "base" hangs on no joint'):
        round_trip(arm, out, {"link_pos": moved}, fixed=True)
    with pytest.raises(UnsupportedError, match="jnt_axis has changed"):
        round_trip(arm, out, {"jnt_axis": 2.0 * model.parameters["jnt_axis"]}, fixed=True)
    with pytest.raises(InputError, match="link_mass has shape"):
        round_trip(arm, out, {"link_mass": np.ones(9)}, fixed=True)
    with pytest.raises(InputError, match='unknown physical parameter "link_mas"; known: link_mass'):
        round_trip(arm, out, {"link_mas": np.ones(3)}, fixed=True)
    with pytest.raises(InputError, match="link_mass holds a NaN"):
        round_trip(arm, out, {"link_mass": np.full(4, np.nan)}, fixed=True)
    with pytest.raises(InputError, match="is the file that was read"):
        round_trip(arm, arm, {}, fixed=True)
    ant, _ = compiled(read(FILES["ant"]))
    with pytest.raises(UnsupportedError, match='link "torso" moves freely'):
        round_trip(FILES["ant"], tmp_path / "new.xml", {"link_pos": ant.parameters["link_pos"] + 0.1})
    damping = ant.parameters["dof_damping"].copy()
    damping[1] = 3.0
    with pytest.raises(UnsupportedError, match='joint "root" has one dof_damping'):
        round_trip(FILES["ant"], tmp_path / "new.xml", {"dof_damping": damping})
    flat = ant.parameters["link_inertia"].copy()
    flat[1] = (1.0, 0.1, 0.1, 0.0, 0.0, 0.0)
    with pytest.raises(ModelError, match="violates the triangle inequality"):
        round_trip(FILES["ant"], tmp_path / "new.xml", {"link_inertia": flat})
    assert not out.exists() and not (tmp_path / "new.xml").exists()


def test_a_flag_in_the_way_is_named(tmp_path: Path) -> None:
    text = FRAMES.replace("<worldbody>", '<option><flag damper="disable"/></option><worldbody>', 1)
    model, _ = compiled(read(text))
    with pytest.raises(ModelError, match='joint "swing": damping was written as .* a flag of the file'):
        round_trip(text, tmp_path / "new.xml", {"dof_damping": model.parameters["dof_damping"] + 1.0})
    assert not (tmp_path / "new.xml").exists()
    copied = FRAMES.replace('<geom name="orb"', '<replicate count="2" offset="1 0 0"><site/></replicate><geom name="orb"')
    with pytest.raises(UnsupportedError, match="<replicate"):
        round_trip(copied, tmp_path / "new.xml", {})


@pytest.mark.parametrize("pitch", [0.3, np.pi / 2, np.pi / 2 - 1e-7, -np.pi / 2 + 1e-9])
def test_angles_are_exact_where_they_are_ambiguous(pitch: float) -> None:
    rotation = _matrix([0.4, pitch, -1.2])
    np.testing.assert_allclose(_matrix(list(_angles(rotation))), rotation, atol=1e-15)


def test_fixed_names_are_parameters() -> None:
    model, _ = compiled(read(FILES["ant"]))
    assert set(FIXED) | set(DERIVED) <= set(model.parameters)


def test_screws_stand_as_hinges_in_the_file_and_are_named_beside(tmp_path: Path) -> None:
    """What the file beside it says of them, given to the reader, makes the robot again; also where nothing has changed."""
    import yaml

    file, joints = FILES["ur5"], {"elbow_joint": {"type": "screw", "pitch": 0.0016}}
    old = read(file, joints=joints)
    new = read(file, joints=joints)
    new.links[3].mass *= 1.5
    next(j for link in new.links for j in link.joints if j.name == "elbow_joint").damping = 0.3
    for wanted in (new, old):
        made = write_model(file, old, wanted, tmp_path / "new.urdf", read=lambda path: read(path, joints=joints))
        assert made.sidecar is not None
        said = yaml.safe_load(made.sidecar.read_text())
        assert said == {"model": "new.urdf", "joints": joints}
        found = read(made.path, joints=said["joints"])
        ours = [(j.name, j.type, j.pitch, j.damping) for link in found.links for j in link.joints]
        assert ours == [(j.name, j.type, j.pitch, j.damping) for link in wanted.links for j in link.joints]
        assert found.links[3].mass == pytest.approx(wanted.links[3].mass, rel=1e-12)
        assert read(made.path).links[-1].joints == read(file).links[-1].joints  # to others a hinge


def test_entity_of_a_scene(engine: None, arm: Path, tmp_path: Path) -> None:
    """A scaled and turned robot beside another entity; the values as tensors of the whole scene."""
    from genesis.scene import morphs
    from genesis.scene.export import write_entity
    from genesis.scene.options import RigidOptions, SimOptions
    from genesis.scene.scene import Scene

    def scene_of(file: Path) -> tuple[Scene, Any]:
        options = RigidOptions(enable_collision=False, enable_joint_limit=False)
        scene = Scene(sim_options=SimOptions(dt=0.01, requires_grad=False), rigid_options=options)
        ball = scene.add_entity(morphs.Sphere(radius=0.1), name="ball")
        robot = scene.add_entity(
            morphs.URDF(file=str(file), fixed=True, scale=0.5, default_armature=0.01, pos=(1, 2, 3), euler=(10, 20, 30)),
            name="arm",
        )
        scene.build()
        return scene, (ball, robot)

    scene, (ball, robot) = scene_of(arm)
    values = {name: value.clone() for name, value in scene.physical_parameters().items()}
    for name in ("link_mass", "link_inertia", "dof_damping"):
        values[name] = values[name] * 1.3
    values["link_inertia"] = values["link_inertia"] + values["link_inertia"].new_tensor(
        [1e-2, 1e-2, 1e-2, 0, 0, 0]
    )  # bodies that there are
    values["link_com"] = values["link_com"] + 0.01
    values["link_pos"][2:] += 0.02
    written = write_entity(robot, values, tmp_path / "new.urdf")
    assert written.sidecar is None
    found = scene_of(written.path)[0].physical_parameters()
    for name in ("link_mass", "link_com", "link_inertia", "link_pos", "link_quat", "dof_damping", "dof_armature", "qpos_spring"):
        ours = slice(6 if name.startswith("dof_") else 7 if name == "qpos_spring" else 1, None)
        np.testing.assert_allclose(found[name][ours], values[name][ours], rtol=1e-10, atol=1e-12, err_msg=name)
    with pytest.raises(UnsupportedError, match='entity "ball" is a Sphere and was read from no robot file'):
        write_entity(ball, values, tmp_path / "ball.urdf")
