"""Mass and inertia of links that a URDF leaves without, against MuJoCo's of the same shapes; written back as they were taken."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from genesis.description.poses import quat_to_matrix
from genesis.description.read import read_urdf
from genesis.description.write import write_model
from genesis.errors import ModelError
from tests.description.snippets import joint, link, robot
from tests.description.test_primitives import CUBE_OBJ

SHAPES = {
    "box": '<box size="0.1 0.2 0.3"/>',
    "sphere": '<sphere radius="0.1"/>',
    "cylinder": '<cylinder radius="0.1" length="0.4"/>',
    "capsule": '<capsule radius="0.1" length="0.4"/>',
    "mesh": '<mesh filename="cube.obj" scale="0.1 0.2 0.3"/>',
    "mirrored mesh": '<mesh filename="cube.obj" scale="-0.1 0.2 0.3"/>',
    "open mesh": '<mesh filename="open.obj" scale="0.1 0.2 0.3"/>',
}
TURNED = '<{0}><origin xyz="0.1 0.2 0.3" rpy="0.4 0.5 0.6"/><geometry>{1}</geometry></{0}>'


def finger(shapes: str, inertial: str = "") -> str:
    return robot(link("base"), f'<link name="finger">{inertial}{shapes}</link>', joint("bend", "revolute", "base", "finger"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    (tmp_path / "open.obj").write_text("\n".join(CUBE_OBJ.splitlines()[:-1]))
    return tmp_path


def read(folder, text: str, **options):
    (folder / "finger.urdf").write_text(text)
    return read_urdf(folder / "finger.urdf", **options)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_give_what_they_give_in_mujoco(folder, name, caplog):
    """Two shapes together. MuJoCo refuses open meshes unless told to take the hull, as is done here."""
    sphere = TURNED.format("collision", '<sphere radius="0.05"/>').replace("0.1 0.2 0.3", "0.5 0 0")
    text = finger(TURNED.format("collision", SHAPES[name]) + sphere)
    found = read(folder, text).links[1]
    (folder / "open.obj").write_text(CUBE_OBJ)  # whose hull it is
    model = mujoco.MjModel.from_xml_path(str(folder / "finger.urdf"))
    finger_id = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, "finger")
    turn = quat_to_matrix(model.body_iquat[finger_id])
    assert found.mass == pytest.approx(model.body_mass[finger_id], rel=1e-6)
    np.testing.assert_allclose(found.com, model.body_ipos[finger_id], atol=1e-7)
    np.testing.assert_allclose(found.inertia, turn @ np.diag(model.body_inertia[finger_id]) @ turn.T, atol=1e-6 * found.mass)
    (record,) = caplog.records
    assert f'links without mass, given that of their shape at 1000 kg/m³: "finger" ({found.mass:.3g} kg).' in record.getMessage()


def test_collision_shapes_come_before_visual_ones(folder):
    both = TURNED.format("visual", SHAPES["sphere"]) + TURNED.format("collision", SHAPES["box"])
    assert read(folder, finger(both)).links[1].mass == pytest.approx(6.0)
    assert read(folder, finger(TURNED.format("visual", SHAPES["box"]))).links[1].mass == pytest.approx(6.0)


def test_mass_without_inertia_keeps_its_mass_and_centre(folder, caplog):
    given = '<inertial><origin xyz="0 0 0.1"/><mass value="3"/></inertial>'
    found = read(folder, finger(TURNED.format("collision", SHAPES["box"]).replace("0.4 0.5 0.6", "0 0 0"), given)).links[1]
    assert found.mass == 3.0
    np.testing.assert_array_equal(found.com, [0, 0, 0.1])
    np.testing.assert_allclose(np.diag(found.inertia), 3.0 / 12 * np.array([0.04 + 0.09, 0.01 + 0.09, 0.01 + 0.04]))
    assert 'links without inertia, given that of their shape: "finger".' in caplog.text


def test_frames_that_need_no_mass_get_none(folder):
    """A welded tool, a massless link with a mass behind it."""
    shape = TURNED.format("collision", SHAPES["box"])
    parts = [link("base"), link("rail", None, shape), link("cart"), link("tool", None, shape)]
    joints = [joint("x", "prismatic", "base", "rail"), joint("y", "prismatic", "rail", "cart", axis=(1, 0, 0))]
    found = read(folder, robot(*parts, *joints, joint("weld", "fixed", "cart", "tool")))
    assert {k.name: k.mass for k in found.links} == {"base": 1.0, "rail": 0.0, "cart": 1.0, "tool": 0.0}


def test_a_whole_finger_without_masses_gets_all_of_them(folder):
    """Not only its tip, which would be enough to let every joint move something."""
    shape = TURNED.format("collision", SHAPES["box"])
    parts = [link("base"), *(link(name, None, shape) for name in ("near", "far", "nail"))]
    joints = [joint("a", "revolute", "base", "near"), joint("b", "revolute", "near", "far"), joint("c", "fixed", "far", "nail")]
    assert [k.mass for k in read(folder, robot(*parts, *joints)).links] == pytest.approx([1.0, 6.0, 6.0, 6.0])


def test_free_root_without_mass(folder):
    """The arm that hangs on it does not lend it its mass; fixed, the root needs none."""
    text = robot(
        link("base", None, TURNED.format("collision", SHAPES["box"])), link("arm"), joint("j", "revolute", "base", "arm")
    )
    assert [k.mass for k in read(folder, text).links] == pytest.approx([6.0, 1.0])
    assert [k.mass for k in read(folder, text, fixed=True).links] == [0.0, 1.0]


def test_scale_and_armature(folder):
    text = finger(TURNED.format("collision", SHAPES["box"]))
    assert read(folder, text, scale=2.0).links[1].mass == pytest.approx(48.0)
    assert read(folder, text, default_armature=0.1).links[1].mass == 0.0  # the rotor is what moves


def test_bounds_of_the_file(folder, caplog):
    bounds = '<mujoco><compiler boundmass="0.2" boundinertia="0.003"/></mujoco>'
    found = read(folder, finger("").replace("</robot>", f"{bounds}</robot>")).links[1]
    assert found.mass == 0.2
    np.testing.assert_array_equal(found.inertia, 0.003 * np.eye(3))
    assert 'given the bounds that the file sets: "finger".' in caplog.text


def test_what_cannot_move_names_the_cure(folder):
    flat = '<collision><geometry><mesh filename="flat.obj"/></geometry></collision>'
    (folder / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(
        ModelError, match='"bend" moves link "finger", which has no mass to move and no solid shape .*default_arm'
    ):
        read(folder, finger(flat))


@pytest.mark.parametrize("massless", ["leader", "follower"])
def test_mimics_move_what_the_others_of_their_kind_move(folder, massless):
    """One coordinate moves both fingers: it is enough that one of them has a mass. Alone it cannot move."""
    names = ("leader", "follower")
    parts = [link("base"), *(link(name, None if name == massless else 1.0) for name in names)]
    joints = [
        joint("leader", "revolute", "base", "leader"),
        joint("follower", "revolute", "base", "follower", '<mimic joint="leader"/>'),
    ]
    text = robot(*parts, *joints)
    assert {k.name: k.mass for k in read(folder, text).links} == {"base": 1.0, "leader": 1.0, "follower": 1.0} | {massless: 0.0}
    with pytest.raises(ModelError, match=f'joint "{massless}" moves link "{massless}", which has no mass'):
        read(folder, text, mimic="independent")


@pytest.mark.parametrize("what", ["mass", "shape"])
def test_written_file_says_what_was_taken_from_shapes(folder, what):
    """One of two massless links gets a new mass or shape: both are spelled out, so that the file reads back as it was written."""
    shape = TURNED.format("collision", SHAPES["box"])
    parts = [link("base"), *(link(name, None, shape) for name in ("near", "far"))]
    joints = [joint("a", "revolute", "base", "near"), joint("b", "revolute", "near", "far")]
    old = read(folder, robot(*parts, *joints))
    new = replace(old, links=list(old.links), geoms=list(old.geoms))
    if what == "mass":
        new.links[1] = replace(old.links[1], mass=2.5)
    else:
        new.geoms[1] = replace(old.geoms[1], size=np.array([0.1, 0.1, 0.1]))
    made = write_model(folder / "finger.urdf", old, new, folder / "new.urdf", read=read_urdf)
    back = read_urdf(made.path)
    assert [k.mass for k in back.links] == pytest.approx([k.mass for k in new.links], rel=1e-12)
    assert 'link "far": com, inertia, mass' in made.edits
    untouched = write_model(folder / "finger.urdf", old, old, folder / "same.urdf", read=read_urdf)
    assert untouched.edits == [] and "inertial" not in untouched.path.read_text().split('"near"')[1].split("</link>")[0]
