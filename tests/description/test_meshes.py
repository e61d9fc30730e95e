import struct

import numpy as np
import pytest
import trimesh

from genesis.description.inertia import mesh_properties
from genesis.description.meshes import ends_as_asked, locate, read_mesh
from genesis.description.read import read_urdf
from genesis.errors import ModelError
from tests.description.test_primitives import CUBE_OBJ


def write_stl(path, vertices, faces):
    """Binary STL: every triangle with its own three vertices."""
    with open(path, "wb") as file:
        file.write(b"\0" * 80 + struct.pack("<I", len(faces)))
        for face in faces:
            file.write(struct.pack("<12f", 0, 0, 0, *vertices[face].ravel()) + b"\0\0")


def cube_arrays():
    lines = [line.split() for line in CUBE_OBJ.splitlines()]
    vertices = np.array([[float(x) for x in line[1:]] for line in lines if line[0] == "v"])
    return vertices, np.array([[int(x) - 1 for x in line[1:]] for line in lines if line[0] == "f"])


FORMATS = ["obj", "stl", "ascii.stl", "STL", "ply", "glb", "off"]


def block_file(folder, kind: str):
    """A block away from the origin that is no cube, in a format."""
    vertices, faces = cube_arrays()
    vertices = vertices * [1.0, 2.0, 3.0] + [0.5, -4.0, 7.0]
    file = folder / f"block.{kind}"
    if kind == "obj":
        file.write_text(
            "".join(f"v {x} {y} {z}\n" for x, y, z in vertices) + "".join(f"f {a} {b} {c}\n" for a, b, c in faces + 1)
        )
    elif kind.lower() == "stl":
        write_stl(file, vertices, faces)
    else:
        form = "stl_ascii" if kind == "ascii.stl" else kind
        made = trimesh.Trimesh(vertices, faces, process=False).export(file_type=form)
        file.write_bytes(made if isinstance(made, bytes) else made.encode())
    return file, vertices, faces


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_triangles_of_the_file(kind, tmp_path):
    file, vertices, faces = block_file(tmp_path, kind)
    found_vertices, found_faces = read_mesh(file)
    assert found_vertices.shape == (8, 3)
    expected = {tuple(sorted(map(tuple, vertices[face].tolist()))) for face in faces}
    assert {tuple(sorted(map(tuple, np.round(found_vertices[face], 4).tolist()))) for face in found_faces} == expected


def test_nodes_of_a_scene_stand_where_it_places_them(tmp_path):
    """Two cubes of one geometry, one of them moved and turned."""
    scene, cube = trimesh.Scene(), trimesh.creation.box((1.0, 2.0, 3.0))
    scene.add_geometry(cube, geom_name="cube")
    turned = trimesh.transformations.rotation_matrix(np.pi / 2, (0, 0, 1))
    turned[:3, 3] = (10.0, 0.0, 0.0)
    scene.add_geometry(cube, geom_name="other", transform=turned)
    (tmp_path / "two.glb").write_bytes(scene.export(file_type="glb"))
    vertices, faces = read_mesh(tmp_path / "two.glb")
    np.testing.assert_allclose([vertices.min(axis=0), vertices.max(axis=0)], [[-0.5, -1.0, -1.5], [11.0, 1.0, 1.5]], atol=1e-6)
    assert len(faces) == 24


TETRA = "0 0 0 1 0 0 0 2 0 0 0 3"
COLLADA = """<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset>{asset}</asset><library_geometries><geometry id="g"><mesh><source id="p"><float_array id="a" count="12">{points}</float_array>
<technique_common><accessor source="#a" count="4" stride="3"><param name="X" type="float"/><param name="Y" type="float"/>
<param name="Z" type="float"/></accessor></technique_common></source><vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
{faces}</mesh></geometry></library_geometries><library_visual_scenes><visual_scene id="s"><node>{place}
<node><translate>0 0 5</translate><instance_geometry url="#g"/></node></node></visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene></COLLADA>"""
TRIANGLES = """<triangles count="4" material="none"><input semantic="VERTEX" source="#v" offset="0"/>
<p>0 2 1 0 1 3 1 2 3 0 3 2</p></triangles>"""
POLYGONS = """<polylist count="4"><input semantic="VERTEX" source="#v" offset="0"/><vcount>3 3 3 3</vcount>
<p>0 2 1 0 1 3 1 2 3 0 3 2</p></polylist>"""


def collada(folder, asset="", place="", faces=TRIANGLES, points=TETRA):
    file = folder / "tetra.dae"
    file.write_text(COLLADA.format(asset=asset, place=place, faces=faces, points=points))
    return file


@pytest.mark.parametrize("faces", [TRIANGLES, POLYGONS])
def test_collada_is_in_its_unit_and_where_its_nodes_are(faces, tmp_path):
    """The unit scales what the nodes have placed; a quarter turn about z takes x to y."""
    place = "<translate>1 0 0</translate><rotate>0 0 1 90</rotate>"
    vertices, triangles = read_mesh(collada(tmp_path, '<unit meter="0.01"/>', place, faces))
    expected = 0.01 * np.array([[1, 0, 5], [1, 1, 5], [-1, 0, 5], [1, 0, 8]])
    found = sorted(map(tuple, vertices.round(6) + 0.0))  # pycollada turns in single precision
    np.testing.assert_allclose(found, sorted(map(tuple, expected)), atol=1e-7)
    assert mesh_properties(vertices, triangles)[0] == pytest.approx(1e-6, rel=1e-5)


@pytest.mark.parametrize("up", ["X_UP", "Y_UP", "Z_UP"])
def test_collada_keeps_its_axes(up, tmp_path):
    """Robot files place meshes by coordinates, whatever the exporter calls up."""
    vertices, _ = read_mesh(collada(tmp_path, f"<up_axis>{up}</up_axis>"))
    np.testing.assert_allclose(vertices.max(axis=0), [1.0, 2.0, 8.0])


def test_collada_that_loses_a_shape_is_refused(tmp_path):
    """A geometry that cannot be read must not leave a smaller body behind."""
    broken = TRIANGLES.replace('source="#v"', 'source="#nothing"')
    with pytest.raises(ModelError, match=r"tetra\.dae: not a readable mesh: 1 of its 1 geometries cannot be read"):
        read_mesh(collada(tmp_path, faces=broken))
    with pytest.raises(ModelError, match=r"tetra\.dae: the mesh has no faces"):
        read_mesh(collada(tmp_path, faces=""))


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.stl: no such mesh file"):
        read_mesh(tmp_path / "none.stl")
    for name in ("broken.obj", "broken.dae", "broken.glb"):
        (tmp_path / name).write_text("this is no mesh")
        with pytest.raises(ModelError, match=name):
            read_mesh(tmp_path / name)
    (tmp_path / "nan.off").write_text("OFF\n3 1 0\nnan 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    with pytest.raises(ModelError, match=r"nan\.off: "):
        read_mesh(tmp_path / "nan.off")


def test_package_names_are_found_above_the_robot_and_in_package_dirs(tmp_path, monkeypatch):
    monkeypatch.delenv("ROS_PACKAGE_PATH", raising=False)
    mesh = tmp_path / "arm_description" / "meshes" / "a.stl"
    urdf_folder = tmp_path / "arm_description" / "urdf"
    for folder in (mesh.parent, urdf_folder):
        folder.mkdir(parents=True)
    mesh.touch()
    name = "package://arm_description/meshes/a.stl"
    assert locate(name, urdf_folder) == mesh
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert locate(name, elsewhere, [tmp_path]) == mesh
    assert locate(name, elsewhere, [tmp_path / "arm_description"]) == mesh
    assert locate("package://other/meshes/a.stl", elsewhere, [tmp_path]) is None
    assert locate("package://other/meshes/a.stl", urdf_folder) == mesh  # the package lies in a folder of another name
    assert locate("meshes/a.stl", elsewhere, [tmp_path / "arm_description"]) == mesh
    for wrong in ("obj/a.stl", "package://other/obj/a.stl", "/home/somebody/a.stl"):
        assert locate(wrong, elsewhere) is None and locate(wrong, elsewhere, [mesh.parent]) == mesh
        assert ends_as_asked(name, mesh) and ends_as_asked("meshes/a.stl", mesh) and not ends_as_asked(wrong, mesh)
    assert locate("$(arg mesh_dir)/a.stl", tmp_path) == mesh == locate("$(find arm)/meshes/a.stl", tmp_path)
    assert locate("$(arg mesh_dir)/b.stl", tmp_path) is locate("$(arg mesh)", tmp_path) is None
    (mesh.parent / "low").mkdir()
    (mesh.parent / "low" / "a.stl").touch()
    assert locate("$(arg mesh_dir)/a.stl", tmp_path) is None  # which of the two?
    assert locate("../meshes/a.stl", urdf_folder) == urdf_folder / "../meshes/a.stl"
    assert locate(f"file://{mesh}", elsewhere) == mesh
    assert locate("b.stl", urdf_folder) is None
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path))
    assert locate(name, elsewhere.parent.parent) == mesh


@pytest.mark.parametrize(
    "asked", ["collision/link1.stl", "package://arm/obj/collision/link1.stl", "/home/somebody/collision/link1.stl"]
)
def test_a_mesh_by_the_end_of_its_name_is_the_one_that_shares_most_folders_and_is_named(asked, tmp_path, caplog, monkeypatch):
    """Visual meshes come first in package_dirs, and the folder of both has a namesake as well."""
    monkeypatch.delenv("ROS_PACKAGE_PATH", raising=False)
    folders = [tmp_path / "arm" / "visual", tmp_path / "arm" / "collision"]
    for folder, size in zip(folders, (1.0, 2.0), strict=True):
        folder.mkdir(parents=True)
        trimesh.creation.box((size, size, size)).export(folder / "link1.stl")
    assert locate(asked, tmp_path, folders) == folders[1] / "link1.stl"
    assert locate(asked.replace("collision", "other"), tmp_path, folders) == folders[0] / "link1.stl"
    (tmp_path / "arm" / "link1.stl").touch()
    (tmp_path / "urdf").mkdir()
    assert locate(asked, tmp_path / "urdf", [tmp_path / "arm"]) == folders[1] / "link1.stl"
    shape = f"<collision><geometry><mesh filename='{asked}'/></geometry></collision>"
    inertial = "<inertial><mass value='1'/><inertia ixx='1' iyy='1' izz='1' ixy='0' ixz='0' iyz='0'/></inertial>"
    file = tmp_path / "urdf" / "arm.urdf"
    file.write_text(f"<robot name='arm'><link name='base'>{inertial}{shape}</link></robot>")
    made = read_urdf(file, package_dirs=folders)
    assert made.geoms[0].vertices.max() == pytest.approx(1.0)
    said = [record.getMessage() for record in caplog.records]
    where = "meshes that are not where the file says, taken from package_dirs by name"
    whole = asked == "collision/link1.stl"  # all that is asked for is there
    assert said == ([] if whole else [f"{file}: {where}: {asked} as {folders[1] / 'link1.stl'}."])
