"""Mesh files as they are to be seen."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from genesis.description.meshes import MeshFile
from genesis.replay.mesh_parts import LARGEST, MeshPart, picture, read_parts, split_corners

RED_OVER_BLUE = np.array([[[255, 0, 0]] * 2, [[0, 0, 255]] * 2], np.uint8)
EFFECT = """<effect id="{0}-effect"><profile_COMMON><technique sid="common"><lambert><diffuse><color>{1}</color></diffuse>{2}
</lambert></technique></profile_COMMON></effect>"""
PICTURE = """<effect id="{0}-effect"><profile_COMMON><newparam sid="s"><surface type="2D"><init_from>pic</init_from></surface></newparam>
<newparam sid="t"><sampler2D><source>s</source></sampler2D></newparam><technique sid="common"><lambert><diffuse>
<texture texture="t" texcoord="UV"/></diffuse></lambert></technique></profile_COMMON></effect>"""
COLLADA = """<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1"><asset><unit meter="0.1"/></asset>
<library_images><image id="pic"><init_from>two%20rows.png</init_from></image></library_images>
<library_effects>{effects}</library_effects>
<library_materials>{materials}</library_materials>
<library_geometries><geometry id="g"><mesh>
<source id="p"><float_array id="pa" count="12">0 0 0 1 0 0 0 1 0 0 0 1</float_array><technique_common>
<accessor source="#pa" count="4" stride="3"><param name="X" type="float"/>
<param name="Y" type="float"/><param name="Z" type="float"/></accessor>
</technique_common></source>
<source id="u"><float_array id="ua" count="6">0 0 1 0 0 1</float_array><technique_common>
<accessor source="#ua" count="3" stride="2"><param name="S" type="float"/><param name="T" type="float"/></accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
{triangles}
</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s"><node><instance_geometry url="#g"><bind_material><technique_common>{bound}
</technique_common></bind_material></instance_geometry></node></visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene></COLLADA>"""
TRIANGLE = '<triangles count="1" material="{0}"><input semantic="VERTEX" source="#v" offset="0"/><p>{1}</p></triangles>'
WITH_UV = """<triangles count="1" material="{0}"><input semantic="VERTEX" source="#v" offset="0"/>
<input semantic="TEXCOORD" source="#u" offset="1" set="0"/><p>0 0 1 1 2 2</p></triangles>"""


def collada(folder: Path, effects: dict[str, str], triangles: list[str]) -> Path:
    file = folder / "part.dae"
    file.write_text(
        COLLADA.format(
            effects="".join(effects.values()), triangles="".join(triangles),
            materials="".join(f'<material id="{k}-m"><instance_effect url="#{k}-effect"/></material>' for k in effects),
            bound="".join(f'<instance_material symbol="{k}" target="#{k}-m"/>' for k in effects),
        )
    )  # fmt: skip
    return file


def parts_of(file: Path, scale=(1.0, 1.0, 1.0)) -> list[MeshPart]:
    return read_parts(MeshFile(file, np.array(scale), "arm.urdf"))


def test_collada_colours_and_opacity(tmp_path):
    clear = '<transparent opaque="A_ONE"><color>1 1 1 1</color></transparent><transparency><float>{}</float></transparency>'
    effects = {
        "red": EFFECT.format("red", "1 0 0.5 1", ""),
        "glass": EFFECT.format("glass", "0 1 0 1", clear.format(0.25)),
        "slip": EFFECT.format("slip", "0 0 1 1", clear.format(0.0)),
        "again": EFFECT.format("again", "1 0 0.5 1", ""),
    }
    shapes = [TRIANGLE.format(name, "0 1 2") for name in ("red", "glass", "slip")] + [TRIANGLE.format("again", "0 1 3")]
    parts = {part.rgba: part for part in parts_of(collada(tmp_path, effects, shapes))}
    assert set(parts) == {(1.0, 0.0, 0.5, 1.0), (0.0, 1.0, 0.0, 0.25), (0.0, 0.0, 1.0, 1.0)}
    joined = parts[1.0, 0.0, 0.5, 1.0]
    assert len(joined.faces) == 2  # two materials of one colour are one part
    np.testing.assert_allclose(joined.vertices[joined.faces[1]], [[0, 0, 0], [0.1, 0, 0], [0, 0, 0.1]])


def test_collada_picture(tmp_path):
    Image.fromarray(RED_OVER_BLUE).save(tmp_path / "two rows.png")
    (part,) = parts_of(collada(tmp_path, {"pic": PICTURE.format("pic")}, [WITH_UV.format("pic")]))
    np.testing.assert_array_equal(part.texture, RED_OVER_BLUE)
    np.testing.assert_array_equal(part.uv[part.faces[0]], [[0, 0], [1, 0], [0, 1]])
    assert part.rgba is None


OBJ = """mtllib part.mtl
v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 0 1
vt 0 0\nvt 1 0\nvt 1 1
usemtl red\nf 1/1 2/2 3/3
usemtl pic\nf 1/1 2/2 4/3
"""


def test_obj_with_mtl(tmp_path):
    Image.fromarray(RED_OVER_BLUE).save(tmp_path / "p.png")
    (tmp_path / "part.mtl").write_text("newmtl red\nKd 0.5 0 0.25\nd 0.5\nnewmtl pic\nmap_Kd p.png\n")
    (tmp_path / "part.obj").write_text(OBJ)
    plain = {part.rgba: part for part in parts_of(tmp_path / "part.obj", scale=(1.0, -1.0, 2.0))}
    assert set(plain) == {(0.5, 0.0, 0.25, 0.5), None}
    red, textured = plain[0.5, 0.0, 0.25, 0.5], plain[None]
    np.testing.assert_array_equal(red.vertices[red.faces[0]], [[1, -1, 0], [1, 0, 0], [0, 0, 0]])  # mirrored: turned round
    np.testing.assert_array_equal(textured.texture, RED_OVER_BLUE)
    np.testing.assert_array_equal(textured.uv[textured.faces[0]], [[1, 1], [1, 0], [0, 0]])


def test_obj_without_mtl_says_no_colour(tmp_path):
    (tmp_path / "part.obj").write_text(OBJ)
    assert all(part.plain and part.uv is not None for part in parts_of(tmp_path / "part.obj"))
    (tmp_path / "bare.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n")
    (part,) = parts_of(tmp_path / "bare.obj")
    assert part.plain and part.uv is None


def test_ply_colours_of_vertices_and_stl_without_any(tmp_path):
    cube = trimesh.creation.box()
    cube.export(tmp_path / "cube.stl")
    (part,) = parts_of(tmp_path / "cube.stl")
    assert part.plain and len(part.faces) == 12
    cube.visual.vertex_colors = np.arange(32, dtype=np.uint8).reshape(8, 4)
    cube.export(tmp_path / "cube.ply")
    (part,) = parts_of(tmp_path / "cube.ply")
    np.testing.assert_array_equal(part.colours[:, :3], np.arange(32).reshape(8, 4)[:, :3])
    cube.visual = trimesh.visual.ColorVisuals(cube, face_colors=[[255, 0, 0, 255]] * 4 + [[0, 0, 255, 255]] * 8)
    cube.export(tmp_path / "faces.ply")
    parts = parts_of(tmp_path / "faces.ply")
    assert {part.rgba: len(part.faces) for part in parts} == {(1.0, 0.0, 0.0, 1.0): 4, (0.0, 0.0, 1.0, 1.0): 8}


def test_gltf_colours_are_amounts_of_light(tmp_path):
    cube = trimesh.creation.box()
    cube.visual = trimesh.visual.TextureVisuals(material=trimesh.visual.material.PBRMaterial(baseColorFactor=[255, 0, 55, 255]))
    cube.export(tmp_path / "cube.glb")
    (part,) = parts_of(tmp_path / "cube.glb")
    assert part.rgba == pytest.approx((1.0, 0.0, 0.5015, 1.0), abs=1e-3)  # 55/255 of the light is half the brightness


def test_what_cannot_be_read_is_said_and_ends_nothing(tmp_path, caplog):
    (tmp_path / "part.dae").write_text("no mesh")
    assert parts_of(tmp_path / "part.dae") == [] and parts_of(tmp_path / "gone.stl") == []
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"arm.urdf: mesh {tmp_path / 'part.dae'} cannot be drawn: ") and "gone.stl" in second


def test_pictures_are_made_smaller(tmp_path, caplog):
    Image.fromarray(np.zeros((10, 3 * LARGEST, 4), np.uint8)).save(tmp_path / "wide.png")
    assert picture(tmp_path / "wide.png").shape == (3, LARGEST, 4)
    (tmp_path / "no.png").write_text(json.dumps({}))
    assert picture(tmp_path / "no.png") is None and "no.png: cannot be drawn as a texture" in caplog.text


def test_corners_with_two_places_on_the_picture_are_two_vertices():
    vertices, uv = np.eye(3), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    faces, at = np.array([[0, 1, 2], [0, 2, 1]]), np.array([[0, 1, 2], [3, 2, 1]])
    points, split, places = split_corners(vertices, faces, uv, at)
    assert len(points) == 4
    np.testing.assert_array_equal(points[split], vertices[faces])
    np.testing.assert_array_equal(places[split], uv[at])
