"""A replay as a recording for rerun (https://rerun.io), where its SDK is installed."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.replay.drawing import bytes_of, colour_of, is_world, unique
from genesis.replay.files import put
from genesis.replay.replay import Arrows, Landmark, Replay, Skin, Take
from genesis.replay.shading import shaded

TIMELINE = "time"
APPLICATION = "genesis"


def write_rrd(replay: Replay, path: str | PathLike) -> Path:
    """Bodies as meshes that move, landmarks, paths and arrows over time [s], for `rerun FILE`. Appears whole or not at all.

    Raises: InputError where rerun-sdk is missing, for a file that is no .rrd or cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".rrd":
        raise InputError(f"{target}: a recording for rerun is a .rrd; give such a suffix.")
    try:
        import rerun as rr
    except ImportError as error:
        raise InputError(
            f'{target.name}: a recording needs rerun; install it with pip install "genesis-optimize[rerun]".'
        ) from error

    def write(partial: Path) -> None:
        with partial.open("wb"):  # rerun says of a folder that cannot be written only that it failed
            pass
        stream = rr.RecordingStream(replay.title or APPLICATION, recording_id=replay.title or APPLICATION)
        stream.save(str(partial))
        _log(rr, stream, replay)
        stream.flush()
        stream.disconnect()

    return put(target, write)


def _log(rr: Any, stream: Any, replay: Replay) -> None:
    stream.log("/", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    times = rr.TimeColumn(TIMELINE, duration=np.asarray(replay.time, float))
    for name, take in zip(unique(take.name or "motion" for take in replay.takes), replay.takes, strict=True):
        _take(rr, stream, replay, take, f"takes/{part(name)}", times)
    for name, line in zip(unique(line.name for line in replay.polylines), replay.polylines, strict=True):
        strip = rr.LineStrips3D([np.asarray(line.points, np.float32)], colors=[bytes_of(line.rgba)])
        stream.log(f"paths/{part(name)}", strip, static=True)
    for name, mark in zip(unique(mark.name for mark in replay.landmarks), replay.landmarks, strict=True):
        _landmark(rr, stream, mark, f"landmarks/{part(name)}", times, len(replay))
    for name, arrows in zip(unique(arrows.name for arrows in replay.arrows), replay.arrows, strict=True):
        _arrows(rr, stream, arrows, f"arrows/{part(name)}", times)


def part(name: str) -> str:
    """A name as one part of a path of entities, where rerun wants other characters than these escaped."""
    return "".join(c if c.isalnum() or c in "-_." else f"\\{c}" for c in name)


def _take(rr: Any, stream: Any, replay: Replay, take: Take, root: str, times: Any) -> None:
    stream.log(root, rr.Transform3D(translation=np.asarray(take.offset, float)), static=True)
    labels = unique(f"{body.entity}/{body.name}".strip("/") or "world" for body in replay.bodies)
    for l, (label, body) in enumerate(zip(labels, replay.bodies, strict=True)):
        skins = [skin for skin in body.skins if len(skin.faces) and not (skin.ground and take is not replay.takes[0])]
        if not skins or (is_world(body) and take is not replay.takes[0] and not any(take.offset)):
            continue
        node = f"{root}/" + "/".join(part(word) for word in label.split("/"))
        for k, skin in enumerate(skins):
            stream.log(f"{node}/{k}", _mesh(rr, skin, take), static=True)
        _moves(rr, stream, node, take.pos[:, l], take.quat[:, l], times)


def _moves(rr: Any, stream: Any, node: str, pos: np.ndarray, quat: np.ndarray, times: Any) -> None:
    """Poses (N, 3), (N, 4) of a node; one that is not finite is shrunk to nothing."""
    seen = np.isfinite(pos).all(1) & np.isfinite(quat).all(1)
    where = np.where(seen[:, None], pos, 0.0)
    turned = np.where(seen[:, None], quat, [1.0, 0.0, 0.0, 0.0])[:, [1, 2, 3, 0]]  # rerun's are xyzw
    more = {} if seen.all() else {"scale": np.repeat(np.where(seen, 1.0, 1e-9)[:, None], 3, 1)}
    columns = rr.Transform3D.columns(translation=where, quaternion=turned, **more)
    stream.send_columns(node, indexes=[times], columns=columns)


def _mesh(rr: Any, skin: Skin, take: Take) -> Any:
    vertices, faces, source = shaded(skin.vertices, skin.faces)
    own = take.tint is None and not take.ghost
    look: dict[str, Any] = {}
    if own and skin.texture is not None and skin.uv is not None:
        look = {"vertex_texcoords": np.asarray(skin.uv)[source] * [1.0, -1.0] + [0.0, 1.0], "albedo_texture": skin.texture}
    elif own and skin.colours is not None:
        look = {"vertex_colors": np.asarray(skin.colours)[source]}
    else:
        rgba = colour_of(skin, take)
        look = {"albedo_factor": [*bytes_of(rgba), round(255.0 * rgba[3])]}
    normals = _normals(vertices, faces)
    return rr.Mesh3D(vertex_positions=vertices, triangle_indices=faces.astype(np.uint32), vertex_normals=normals, **look)


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Of vertices (n, 3): the mean of those of their faces, by area."""
    corners = vertices[faces]
    of_faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(summed, faces[:, k], of_faces)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-30)


def _landmark(rr: Any, stream: Any, mark: Landmark, node: str, times: Any, count: int) -> None:
    colour, labels = [[*bytes_of(mark.rgba), round(255.0 * mark.rgba[3])]], [mark.label] if mark.label else None
    solid = {"colors": colour, "labels": labels, "fill_mode": "solid"}
    if mark.kind == "sphere":
        shape = rr.Ellipsoids3D(half_sizes=[[float(mark.size[0])] * 3], **solid)
    elif mark.kind == "box":
        shape = rr.Boxes3D(half_sizes=[[float(s) for s in mark.size]], **solid)
    elif mark.kind == "cylinder":
        shape = rr.Cylinders3D(radii=[float(mark.size[0])], lengths=[2.0 * float(mark.size[1])], **solid)
    else:
        shape = rr.Arrows3D(vectors=float(mark.size[0]) * np.eye(3), colors=255 * np.eye(3, dtype=np.uint8), labels=labels)
    stream.log(f"{node}/shape", shape, static=True)
    pos, quat = (np.asarray(x, float) for x in (mark.pos, mark.quat))
    moving = pos.ndim == 2 or quat.ndim == 2
    pos, quat = (np.broadcast_to(x, (count, x.shape[-1])) for x in (pos, quat))
    if moving:
        _moves(rr, stream, node, pos, quat, times)
    else:
        stream.log(node, rr.Transform3D(translation=pos[0], quaternion=quat[0, [1, 2, 3, 0]]), static=True)


def _arrows(rr: Any, stream: Any, arrows: Arrows, node: str, times: Any) -> None:
    seen = np.isfinite(arrows.origins).all(2) & np.isfinite(arrows.vectors).all(2)
    stream.log(node, rr.Arrows3D.from_fields(colors=[bytes_of(arrows.rgba)]), static=True)
    columns = rr.Arrows3D.columns(origins=arrows.origins[seen], vectors=arrows.scale * arrows.vectors[seen])
    stream.send_columns(node, indexes=[times], columns=columns.partition(seen.sum(1)))
