"""Make the visual meshes of the shipped robots from their published ones: fewer triangles, one file a link (or a link and colour).

    python docs/make/meshes.py SOURCE

SOURCE: the folder `robots` of the package example-robot-data. Panda and SO-101 are URDFs: a GLB for each link, in its frame. The Go2 is MJCF,
for which MuJoCo reads no GLB: an STL for each mesh and colour, as the geoms of its file place them. Prints what to write into the robot files.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np

from genesis.description.description import Description
from genesis.description.read import read_urdf
from genesis.replay.decimation import decimated, merged, share_out
from genesis.replay.mesh_parts import MeshPart
from genesis.replay.palette import colour_of
from genesis.replay.skins import DrawnPart, drawn_of

ROBOTS = Path(__file__).resolve().parents[2] / "configs" / "robots"
NEAR = 0.02  # colours that differ less are one


def main(source: Path) -> None:
    """Write the meshes of all three robots."""
    panda = read_urdf(source / "panda_description/urdf/panda.urdf", fixed=True)
    links(panda, ROBOTS / "panda/meshes", 16_000, lambda name: name.removeprefix("panda_"))
    so101 = read_urdf(source / "so_arm_description/urdf/so101.urdf", fixed=True)
    links(so101, ROBOTS / "so101/meshes", 16_000, lambda name: name.removesuffix("_link"))
    go2(read_urdf(source / "go2_description/urdf/go2.urdf"), ROBOTS / "go2/meshes", 9_000)


def links(robot: Description, folder: Path, budget: int, short) -> None:
    """A GLB for each link."""
    folder.mkdir(exist_ok=True)
    for name, parts in simpler(robot, drawn_of(robot), budget).items():
        file = folder / f"{short(name)}.glb"
        file.write_bytes(glb(parts))
        print(f'{name}: <visual><geometry><mesh filename="meshes/{file.name}"/></geometry></visual>')
    print(folder, sum(f.stat().st_size for f in folder.iterdir()), "bytes")


def go2(robot: Description, folder: Path, budget: int) -> None:
    """An STL for each colour of each mesh; geoms of the four legs share them."""
    folder.mkdir(exist_ok=True)
    shapes = [shape for shape in drawn_of(robot) if shape.geom.mesh_file is not None]
    first = {(shape.geom.mesh_file.path.stem, colour(robot, shape)): shape for shape in reversed(shapes)}
    shares = share_out([len(s.part.faces) for s in first.values()], [s.part.surface for s in first.values()], budget)
    number: dict[str, int] = {}
    files: dict[tuple, str] = {}
    for ((stem, rgba), shape), share in zip(sorted(first.items()), shares_in_order(first, shares), strict=True):
        number[stem] = number.get(stem, -1) + 1
        files[stem, rgba] = f"{stem}_{number[stem]}.stl"
        (folder / files[stem, rgba]).write_bytes(stl(decimated(shape.part, share)))
    for shape in shapes:
        geom, rgba = shape.geom, colour(robot, shape)
        pose = " ".join(f"{x:.9g}" for x in geom.pos), " ".join(f"{x:.9g}" for x in geom.quat)
        mesh = files[geom.mesh_file.path.stem, rgba].removesuffix(".stl")
        print(
            f'{robot.links[geom.link].name}: <geom class="visual" mesh="{mesh}" pos="{pose[0]}" quat="{pose[1]}" rgba="{rgba}"/>'
        )
    print(folder, sum(f.stat().st_size for f in folder.iterdir()), "bytes")


def shares_in_order(first: dict, shares: list[int]) -> list[int]:
    """The shares in the order of the sorted keys."""
    return [share for _, share in sorted(zip(first, shares, strict=True))]


def colour(robot: Description, shape: DrawnPart) -> tuple[float, ...]:
    """That of the part, else of its geom."""
    return tuple(round(float(x), 4) for x in shape.part.rgba or colour_of(robot, shape.geom))


def simpler(robot: Description, shapes: list[DrawnPart], budget: int) -> dict[str, list[MeshPart]]:
    """By link, the parts in its frame, one for each colour, of ``budget`` triangles together."""
    whole: dict[tuple[int, tuple], list[MeshPart]] = {}
    for shape in shapes:
        rgba = colour(robot, shape)
        near = [c for k, c in whole if k == shape.geom.link and np.abs(np.subtract(c, rgba)).max() < NEAR]
        place = whole.setdefault((shape.geom.link, near[0] if near else rgba), [])
        place.append(MeshPart(shape.vertices, shape.part.faces))
    joined = {key: join(parts, key[1]) for key, parts in whole.items()}
    shares = share_out([len(p.faces) for p in joined.values()], [p.surface for p in joined.values()], budget)
    made: dict[str, list[MeshPart]] = {}
    for ((link, _), part), share in zip(joined.items(), shares, strict=True):
        made.setdefault(robot.links[link].name, []).append(merged(decimated(part, share)))
    return made


def join(parts: list[MeshPart], rgba: tuple) -> MeshPart:
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = [part.faces + start for part, start in zip(parts, starts, strict=False)]
    return MeshPart(np.concatenate([part.vertices for part in parts]), np.concatenate(faces), rgba)


def glb(parts: list[MeshPart]) -> bytes:
    """glTF 2.0, binary: one node, one mesh, a primitive with its material for each part; colours as amounts of light."""
    views, accessors, primitives, materials, data = [], [], [], [], b""
    for k, part in enumerate(parts):
        positions = part.vertices.astype("<f4")
        assert len(positions) < 2**16
        indices = part.faces.astype("<u2")
        for array, target in ((positions, 34962), (indices, 34963)):
            views.append({"buffer": 0, "byteOffset": len(data), "byteLength": array.nbytes, "target": target})
            data += array.tobytes() + b"\0" * (-array.nbytes % 4)
        low, high = positions.min(0).tolist(), positions.max(0).tolist()
        accessors.append(
            {"bufferView": 2 * k, "componentType": 5126, "count": len(positions), "type": "VEC3", "min": low, "max": high}
        )
        accessors.append({"bufferView": 2 * k + 1, "componentType": 5123, "count": indices.size, "type": "SCALAR"})
        rgb = np.array(part.rgba[:3])
        light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        material = {"baseColorFactor": [*light.round(6).tolist(), part.rgba[3]], "metallicFactor": 0.0, "roughnessFactor": 0.6}
        materials.append({"pbrMetallicRoughness": material})
        primitives.append({"attributes": {"POSITION": 2 * k}, "indices": 2 * k + 1, "material": k})
    head = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": primitives}], "materials": materials, "accessors": accessors, "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }  # fmt: skip
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks


def stl(part: MeshPart) -> bytes:
    """Binary STL, normals left at zero."""
    rows = np.zeros(len(part.faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
    rows["corners"] = part.vertices[part.faces]
    return b"\0" * 80 + struct.pack("<I", len(rows)) + rows.tobytes()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
