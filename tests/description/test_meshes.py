import builtins
import struct

import numpy as np
import pytest

from genesis.description.inertia import is_closed, mesh_properties
from genesis.description.meshes import convex_hull, locate, read_mesh
from genesis.errors import ModelError
from tests.description.test_primitives import CUBE_OBJ


@pytest.fixture(params=["trimesh", "mujoco"])
def reader(request, monkeypatch):
    """Both ways to read a mesh; without trimesh it is MuJoCo."""
    if request.param == "trimesh":
        return pytest.importorskip("trimesh", reason="trimesh is not installed")
    imported = builtins.__import__

    def without_trimesh(name, *args, **kwargs):
        if name == "trimesh":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_trimesh)
    return None


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


@pytest.mark.parametrize("kind", ["obj", "stl"])
def test_both_readers_give_the_triangles_of_the_file(reader, kind, tmp_path):
    """Away from the origin and not a cube, so that MuJoCo moves it and it has to be moved back."""
    vertices, faces = cube_arrays()
    vertices = vertices * [1.0, 2.0, 3.0] + [0.5, -4.0, 7.0]
    file = tmp_path / f"block.{kind}"
    if kind == "obj":
        file.write_text(
            "".join(f"v {x} {y} {z}\n" for x, y, z in vertices) + "".join(f"f {a} {b} {c}\n" for a, b, c in faces + 1)
        )
    else:
        write_stl(file, vertices, faces)
    found_vertices, found_faces = read_mesh(file)
    assert found_vertices.shape == (8, 3)
    expected = {tuple(np.sort(np.round(vertices[face], 3).view("f8,f8,f8").ravel()).tolist()) for face in faces}
    found = {tuple(np.sort((np.round(found_vertices[face], 3) + 0.0).view("f8,f8,f8").ravel()).tolist()) for face in found_faces}
    assert found == expected


def test_missing_and_broken_files_are_named(reader, tmp_path):
    with pytest.raises(ModelError, match=r"none\.stl: no such mesh file"):
        read_mesh(tmp_path / "none.stl")
    (tmp_path / "broken.obj").write_text("this is no mesh")
    with pytest.raises(ModelError, match=r"broken\.obj"):
        read_mesh(tmp_path / "broken.obj")


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
    assert locate("../meshes/a.stl", urdf_folder) == urdf_folder / "../meshes/a.stl"
    assert locate(f"file://{mesh}", elsewhere) == mesh
    assert locate("b.stl", urdf_folder) is None
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path))
    assert locate(name, elsewhere.parent.parent) == mesh


def test_convex_hull_drops_what_is_inside_and_looks_outwards():
    cube = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 3.0)])
    points, faces = convex_hull(np.concatenate([cube, [[0.5, 0.5, 0.5], [0.1, 1.9, 2.0]]]))
    assert {*map(tuple, points)} == {*map(tuple, cube)} and len(faces) == 12 and is_closed(faces)
    assert mesh_properties(points, faces)[0] == pytest.approx(6.0)
