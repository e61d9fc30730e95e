"""What a replay puts into a viser scene, once, and what moves in it from frame to frame: shared by the file and by the viewer."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.description.poses import quat_between
from genesis.replay.floor import cell_width, floor_pose
from genesis.replay.palette import GHOST
from genesis.replay.replay import Arrows, Colour, DrawnBody, Landmark, Polyline, Replay, Skin, Take
from genesis.replay.shading import precise, shaded
from genesis.replay.viewpoint import seen_points

if TYPE_CHECKING:
    from viser import SceneApi

SHRUNK = 0.99  # size of its shapes, so that none lies in the surface of another take
ALONE = 6  # takes that are drawn each with nodes of their own; more of them are instances of shared shapes
LOOKED_AT, POINTS = 40, 50_000  # frames of a take, and points in all, that say where the camera stands
UP = np.array([0.0, 0.0, 1.0])
STILL = np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])


class Drawing:
    """The nodes of a replay in a viser scene; `show` moves them to a frame, touching only what changes.

    roots: name -> node that hides all below it: the takes, then "landmarks", "paths", "arrows".
    """

    def __init__(self, scene: "SceneApi", replay: Replay, dark: bool = False) -> None:
        self.scene, self.replay = scene, replay
        few = replay.at(np.unique(np.linspace(0, len(replay) - 1, LOOKED_AT // max(len(replay.takes), 1) + 3).astype(int)))
        points = seen_points(few, few.takes)
        self.points = np.concatenate([points[:: len(points) // POINTS + 1], *(_around(mark) for mark in replay.landmarks)])
        self.extent = max(float(np.linalg.norm(np.ptp(self.points, 0))), 1e-3)
        self.shapes: dict[int, Any] = {}
        self.roots: dict[str, Any] = {}
        self.takes: list[Actors] = []
        self.crowds: list[Crowd] = []
        self.lines: dict[str, Any] = {}
        self.arrows: dict[str, MovingArrows] = {}
        self.belongings: dict[str, list[Any]] = {}  # take -> nodes elsewhere that are hidden with it
        self.labels = unique(f"{body.entity}/{body.name}".strip("/") for body in replay.bodies)
        self._takes()
        self._floor(dark)
        self.landmarks = [
            MovingLandmark(self, name, mark)
            for name, mark in zip(unique(mark.name for mark in replay.landmarks), replay.landmarks, strict=True)
        ]
        self._annotate()
        scene.configure_default_lights(enabled=True, cast_shadow=True)

    def show(self, frame: int) -> None:
        """Move all to a frame."""
        for actors in self.takes:
            actors.place(actors.take.pos[frame], actors.take.quat[frame])
        moving: list[Any] = [*self.crowds, *self.landmarks, *self.arrows.values()]
        for each in moving:
            each.show(frame)

    def follow(self, replay: Replay) -> None:
        """Another motion of the same bodies: takes, paths and arrows are told by their names; what is not in it any more, is hidden."""
        self.replay = replay
        names = unique(take.name or "motion" for take in replay.takes)
        there = {actors.name: actors for actors in self.takes}
        for k, (name, take) in enumerate(zip(names, replay.takes, strict=True)):
            if name in there:
                there[name].take = take
            elif len(replay.takes) <= ALONE:
                self.takes.append(Actors(self, name, take, main=k == 0))
        self.takes = [actors for actors in self.takes if actors.name in names or self.roots.pop(actors.name).remove()]
        self._annotate()

    def reveal(self, name: str, visible: bool) -> None:
        """Show or hide what lies below a root, and what belongs to it elsewhere."""
        self.roots[name].visible = visible
        for node in self.belongings.get(name, ()):
            node.visible = visible

    def root(self, name: str, position: Any = STILL[0]) -> Any:
        """The node that hides what lies below it."""
        if name not in self.roots:
            self.roots[name] = self.scene.add_frame(f"/{name}", show_axes=False, position=position)
        return self.roots[name]

    def offset_of(self, take: str) -> np.ndarray:
        """Where the world of a take stands (3,) [m]."""
        return next((np.asarray(t.offset, float) for t in self.replay.takes if t.name == take), np.zeros(3))

    def _takes(self) -> None:
        takes, names = self.replay.takes, unique(take.name or "motion" for take in self.replay.takes)
        alone = len(takes) if len(takes) <= ALONE else 1
        self.takes = [
            Actors(self, name, take, main=k == 0) for k, (name, take) in enumerate(zip(names[:alone], takes, strict=False))
        ]
        crowds: dict[tuple, list[Take]] = {}
        for take in takes[alone:]:
            crowds.setdefault((take.ghost, take.tint), []).append(take)
        self.crowds = [Crowd(self, f"{members[0].name} and others", members) for members in crowds.values()]

    def _floor(self, dark: bool) -> None:
        """A floor with a grid: the ground of the scene, or below all that is seen."""
        pose, cell = floor_pose(self.replay, self.replay.takes, self.points), cell_width(0.5 * self.extent)
        self.scene.add_grid(
            "/ground",
            infinite_grid=True,
            cell_size=cell, section_size=5.0 * cell, cell_thickness=0.6, section_thickness=1.0,
            cell_color=(70, 74, 82) if dark else (214, 218, 224),
            section_color=(92, 97, 107) if dark else (188, 194, 203),
            plane_color=(34, 36, 42) if dark else (246, 247, 249), plane_opacity=1.0,
            shadow_opacity=0.35 if dark else 0.2,
            fade_distance=6.0 * self.extent, fade_strength=1.5,
            position=pose[:3, 3], wxyz=quat_between(UP, pose[:3, 2]),
        )  # fmt: skip

    def _annotate(self) -> None:
        """Paths, anew, and arrows."""
        self.belongings = {}
        lines = dict(zip(unique(line.name for line in self.replay.polylines), self.replay.polylines, strict=True))
        for name in [name for name in self.lines if name not in lines]:
            self.lines.pop(name).remove()
        for name, line in lines.items():
            self._line(name, line)
        arrows = dict(zip(unique(arrows.name for arrows in self.replay.arrows), self.replay.arrows, strict=True))
        for name, found in arrows.items():
            if name in self.arrows:
                self.arrows[name].arrows = found
            else:
                self.arrows[name] = MovingArrows(self, name, found)
            self.belongings.setdefault(found.take, []).append(self.arrows[name].frame)
        for name in [name for name in self.arrows if name not in arrows]:
            self.arrows.pop(name).frame.remove()

    def _line(self, name: str, line: Polyline) -> None:
        points = np.asarray(line.points, np.float32)
        points = np.stack([points[:-1], points[1:]], 1)
        points = points[np.isfinite(points).all((1, 2))]
        if not len(points):
            return
        self.root("paths")
        visible = not line.take or line.take not in self.roots or bool(self.roots[line.take].visible)
        self.lines[name] = self.scene.add_line_segments(
            f"/paths/{name}", precise(points), np.array(bytes_of(line.rgba), np.uint8), thickness=2.5, thickness_units="screen",
            position=self.offset_of(line.take), visible=visible,
        )  # fmt: skip
        self.belongings.setdefault(line.take, []).append(self.lines[name])


class Actors:
    """The bodies of a take, each a node of its own."""

    def __init__(self, drawing: Drawing, name: str, take: Take, main: bool) -> None:
        self.take, self.name = take, name.replace("/", " ")
        drawing.root(self.name, np.asarray(take.offset, float))
        self.nodes: list[Any] = []
        for l, (label, body) in enumerate(zip(drawing.labels, drawing.replay.bodies, strict=True)):
            skins = [skin for skin in body.skins if not skin.ground and len(skin.faces)]
            if not skins or (not main and _coincide(take, drawing.replay.takes[0], l)):
                self.nodes.append(None)  # nothing to see, or what is drawn there already
                continue
            node = f"/{self.name}/{label or 'world'}"
            self.nodes.append(drawing.scene.add_frame(node, show_axes=False))
            for k, skin in enumerate(skins):
                _add_skin(drawing, f"{node}/{k}", skin, take)

    def place(self, pos: np.ndarray, quat: np.ndarray) -> None:
        """Move the bodies to poses (L, 3), (L, 4); those that are not finite are hidden."""
        pos, quat = precise(pos), precise(quat)
        seen = np.isfinite(pos).all(1) & np.isfinite(quat).all(1)
        for node, visible, p, q in zip(self.nodes, seen, pos, quat, strict=True):
            if node is None:
                continue
            node.visible = bool(visible)
            if visible:
                node.position, node.wxyz = p, q


class Crowd:
    """Many takes that look alike: instances of the same shapes."""

    def __init__(self, drawing: Drawing, name: str, takes: Sequence[Take]) -> None:
        self.name = name.replace("/", " ")
        drawing.root(self.name)
        offsets = np.array([take.offset for take in takes], float)
        self.pos = np.stack([take.pos for take in takes], 1) + offsets[:, None]  # (N, takes, L, 3)
        self.quat = np.stack([take.quat for take in takes], 1)
        self.bodies: list[tuple[int, list[Any]]] = []
        for l, body in enumerate(drawing.replay.bodies):
            if is_world(body) and not offsets.any():
                continue
            handles = []
            for k, skin in enumerate(skin for skin in body.skins if not skin.ground and len(skin.faces)):
                vertices, faces = _shape(drawing, skin)
                rgba = colour_of(skin, takes[0])
                handles.append(
                    drawing.scene.add_batched_meshes_simple(
                        f"/{self.name}/{l} {body.name} {k}".rstrip(), vertices, faces,
                        batched_wxyzs=np.tile(STILL[1], (len(takes), 1)), batched_positions=np.zeros((len(takes), 3)),
                        batched_colors=instance_bytes_of(rgba), opacity=None if rgba[3] >= 1.0 else rgba[3], lod="off", side="double",
                        cast_shadow=not takes[0].ghost,
                    )
                )  # fmt: skip
            if handles:
                self.bodies.append((l, handles))

    def show(self, frame: int) -> None:
        """Move all of them to a frame; what is not finite shrinks to nothing."""
        for l, handles in self.bodies:
            pos, quat = precise(self.pos[frame, :, l]), precise(self.quat[frame, :, l])
            seen = np.isfinite(pos).all(1) & np.isfinite(quat).all(1)
            pos, quat = np.where(seen[:, None], pos, 0.0), np.where(seen[:, None], quat, STILL[1])
            for handle in handles:
                handle.batched_positions, handle.batched_wxyzs = pos, quat
                if not seen.all() or handle.batched_scales is not None:
                    handle.batched_scales = seen.astype(np.float32)


class MovingLandmark:
    """The node of a landmark."""

    def __init__(self, drawing: Drawing, name: str, mark: Landmark) -> None:
        self.mark = mark
        drawing.root("landmarks")
        node = f"/landmarks/{name}"
        self.frame = drawing.scene.add_frame(node, show_axes=False)
        self._shape(drawing.scene, f"{node}/shape", mark)
        if mark.label:
            above = mark.size[-1] if mark.kind in ("box", "cylinder") else mark.size[0]
            drawing.scene.add_label(f"{node}/label", mark.label, position=(0.0, 0.0, float(above)), anchor="bottom-center")
        self.show(0)

    @staticmethod
    def _shape(scene: "SceneApi", node: str, mark: Landmark) -> None:
        colour, opacity = bytes_of(mark.rgba), None if mark.rgba[3] >= 1.0 else float(mark.rgba[3])
        look: dict[str, Any] = {"color": colour, "opacity": opacity, "cast_shadow": False, "receive_shadow": False}
        if mark.kind == "sphere":
            scene.add_icosphere(node, float(mark.size[0]), **look)
        elif mark.kind == "box":
            scene.add_box(node, dimensions=2.0 * np.asarray(mark.size, float), side="double", **look)
        elif mark.kind == "cylinder":
            scene.add_cylinder(node, float(mark.size[0]), 2.0 * float(mark.size[1]), radial_segments=32, **look)
        else:
            length = float(mark.size[0])
            scene.add_frame(node, axes_length=length, axes_radius=0.04 * length, origin_radius=0.08 * length)

    def show(self, frame: int) -> None:
        """Move to a frame; hidden where the pose is not finite."""
        pos, quat = (x[frame] if x.ndim == 2 else x for x in (np.asarray(self.mark.pos), np.asarray(self.mark.quat)))
        seen = bool(np.isfinite(pos).all() and np.isfinite(quat).all())
        self.frame.visible = seen
        if seen:
            self.frame.position, self.frame.wxyz = precise(pos), precise(quat)


class MovingArrows:
    """Arrows that are anew in each frame in which they differ."""

    def __init__(self, drawing: Drawing, name: str, arrows: Arrows) -> None:
        self.arrows = arrows
        drawing.root("arrows")
        self.frame = drawing.scene.add_frame(f"/arrows/{name}", show_axes=False, position=drawing.offset_of(arrows.take))
        self.least = 0.004 * drawing.extent  # shorter ones [m] are not drawn
        self.handle = drawing.scene.add_arrows(
            f"/arrows/{name}/vectors", np.zeros((1, 2, 3), np.float32), np.array(instance_bytes_of(arrows.rgba), np.uint8),
            shaft_radius=0.0035 * drawing.extent, head_radius=0.009 * drawing.extent, head_length=0.022 * drawing.extent, visible=False,
        )  # fmt: skip

    def show(self, frame: int) -> None:
        """Those of a frame; hidden where there is none."""
        origins, along = (
            np.asarray(self.arrows.origins[frame], float),
            self.arrows.scale * np.asarray(self.arrows.vectors[frame], float),
        )
        seen = np.isfinite(origins).all(1) & np.isfinite(along).all(1)
        seen[seen] = np.linalg.norm(along[seen], axis=1) > self.least
        self.handle.visible = bool(seen.any())
        if seen.any():
            points = precise(np.stack([origins[seen], origins[seen] + along[seen]], 1))
            if points.shape != self.handle.points.shape or (points != self.handle.points).any():
                self.handle.points = points


def is_world(body: DrawnBody) -> bool:
    """Whether a body is what stands still."""
    return not body.name and not body.entity


def colour_of(skin: Skin, take: Take) -> Colour:
    """The one colour of a skin in a take."""
    rgb = np.asarray(skin.rgba[:3], float)
    if skin.colours is not None and len(skin.colours):
        rgb = np.asarray(skin.colours, float)[:, :3].mean(0) / 255.0
    elif skin.texture is not None:
        rgb = np.asarray(skin.texture, float)[..., :3].mean((0, 1)) / 255.0
    if take.tint is not None:
        rgb = np.asarray(take.tint, float)
    return (*(float(x) for x in rgb), float(skin.rgba[3]) * (GHOST if take.ghost else 1.0))  # type: ignore[return-value]


def bytes_of(rgba: Sequence[float]) -> tuple[int, int, int]:
    """A colour in [0, 1] as three bytes."""
    red, green, blue = (int(round(255.0 * min(max(float(x), 0.0), 1.0))) for x in rgba[:3])
    return red, green, blue


def instance_bytes_of(rgba: Sequence[float]) -> tuple[int, int, int]:
    """A colour in [0, 1] as the three bytes of instances, which viser takes for light, not for sRGB (IEC 61966-2-1)."""
    srgb = np.clip(np.asarray(rgba[:3], float), 0.0, 1.0)
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return bytes_of(tuple(light))


def unique(names: Iterable[str]) -> list[str]:
    """Names as those of nodes, each once: "ball", "ball (2)"."""
    count: Counter[str] = Counter()
    found = []
    for name in names:
        count[name] += 1
        found.append(name if count[name] == 1 else f"{name} ({count[name]})")
    return found


def _around(mark: Landmark) -> np.ndarray:
    """Corners (n, 3) [m] of boxes that hold a landmark."""
    half = np.asarray(mark.size if mark.kind == "box" else [mark.size[0], mark.size[0], mark.size[-1]], float)
    half = (
        half
        if mark.kind == "box" and np.allclose(mark.quat, STILL[1])
        else np.full(3, np.linalg.norm(half) if len(mark.size) > 1 else half.max())
    )
    corners = half * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    pos = np.asarray(mark.pos, float).reshape(-1, 1, 3)
    return (pos[np.isfinite(pos).all((1, 2))] + corners).reshape(-1, 3)


def _coincide(take: Take, other: Take, l: int) -> bool:
    """Whether a body stands in the same places in two takes, all the time."""
    return bool(
        np.allclose(take.pos[:, l] + take.offset, other.pos[:, l] + other.offset, rtol=0.0, atol=1e-5, equal_nan=True)
        and np.allclose(take.quat[:, l], other.quat[:, l], rtol=0.0, atol=1e-5, equal_nan=True)
    )


def _shape(drawing: Drawing, skin: Skin) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a skin, ready for smooth shading; computed once for all takes."""
    if id(skin) not in drawing.shapes:
        vertices, faces, _ = shaded(skin.vertices, skin.faces)
        drawing.shapes[id(skin)] = precise(vertices), faces.astype(np.uint32)
    return drawing.shapes[id(skin)]


def _add_skin(drawing: Drawing, node: str, skin: Skin, take: Take) -> None:
    """A skin in a take: in its own picture or colours, or in one colour."""
    vertices, faces = _shape(drawing, skin)
    painted = skin.texture is not None or skin.colours is not None
    if painted and take.tint is None and not take.ghost:
        drawing.scene.add_mesh_trimesh(node, _painted(skin), cast_shadow=True)
        return
    rgba, size = colour_of(skin, take), SHRUNK if take.ghost else 1.0
    middle = 0.5 * (skin.vertices.min(0) + skin.vertices.max(0)).astype(float)
    drawing.scene.add_mesh_simple(
        node, vertices, faces, color=bytes_of(rgba), opacity=None if rgba[3] >= 1.0 else rgba[3], side="double",
        cast_shadow=not take.ghost, receive_shadow=not take.ghost, scale=size, position=precise((1.0 - size) * middle),
    )  # fmt: skip


def _painted(skin: Skin) -> Any:
    """A skin with its texture or the colours of its vertices, as trimesh has it."""
    import trimesh
    from PIL import Image

    vertices, faces, source = shaded(skin.vertices, skin.faces)
    mesh = trimesh.Trimesh(precise(vertices), faces, process=False)
    if skin.texture is not None and skin.uv is not None:
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=Image.fromarray(np.ascontiguousarray(skin.texture)),
            metallicFactor=0.0,
            roughnessFactor=0.8,
            doubleSided=True,
        )
        mesh.visual = trimesh.visual.TextureVisuals(uv=np.asarray(skin.uv)[source], material=material)
    else:
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.asarray(skin.colours)[source])
    return mesh
