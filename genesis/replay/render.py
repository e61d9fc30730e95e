"""Pictures of a replay, without a display or a graphics card: colours, depth, and which body is seen where.

Drawn by VTK, of the extra `video`. The actors are made once; from frame to frame only their poses change.
"""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np

from genesis.errors import InputError, unknown_name
from genesis.replay.actors import (
    UNSEEN,
    DrawnMesh,
    Figure,
    actor,
    lit,
    look_through,
    move,
    pixels,
    plain,
    polydata,
    shapes_of,
    stage,
    window,
)
from genesis.replay.files import put
from genesis.replay.floor import Floor
from genesis.replay.letters import letters, write
from genesis.replay.marks import Mark, Quiver, tube
from genesis.replay.measure import ENDLESS, Measure
from genesis.replay.replay import Replay, Take
from genesis.replay.viewpoint import Viewpoint, framing, seen_points

SIZE = (1280, 720)
BACKGROUND = ((0.988, 0.990, 0.994), (0.816, 0.851, 0.898))  # below, above
FINER = 2  # pixels that one of the picture is the mean of, each way: smooth edges
BEHIND = 0.003  # by how much of its distance each ghost stands behind what is at the same place
LIGHTS = (  # towards the light, in the world; its strength; its colour
    ((0.35, 0.30, 1.0), 0.62, (1.0, 0.985, 0.96)),
    ((0.80, -0.95, 0.60), 0.60, (0.97, 0.98, 1.0)),
    ((-1.0, -0.2, 0.35), 0.32, (0.93, 0.96, 1.0)),
    ((0.0, 0.0, -1.0), 0.22, (1.0, 0.98, 0.95)),
)


class Renderer:
    """Takes pictures of a replay. size (width, height) in pixels; camera: None for one that sees all of it.

    background: colours of the lower and the upper edge, in [0, 1]. take: the name of the only one to show, as it is, no ghost; None: all.
    Poses of the replay that change in place are seen by the next picture. It holds windows of OpenGL until `close`; it is a context too.
    """

    def __init__(
        self,
        replay: Replay,
        size: tuple[int, int] = SIZE,
        camera: Viewpoint | None = None,
        background: tuple[Sequence[float], Sequence[float]] = BACKGROUND,
        take: str | None = None,
    ) -> None:
        self.size = checked_size(size, "Renderer")
        if camera is not None:
            camera.check("Renderer: camera")
        self.replay, self._background = replay, background
        self.takes = shown(replay, take)
        points = seen_points(replay, self.takes)
        self.camera = camera or framing(points, size)
        self._points, self._shapes = points, shapes_of(replay.bodies)
        self._stage: _Stage | None = None
        self._measure: Measure | None = None

    def image(self, frame: int) -> np.ndarray:
        """Colours (h, w, 3) uint8 of a frame; the same bits for the same frame. Raises: InputError for one that is not there."""
        frame = self._frame(frame)
        if self._stage is None:
            self._stage = _Stage(self.replay, self.takes, self._shapes, self._points, self.size, self._background)
        return self._stage.draw(frame, self.camera)

    def depth(self, frame: int) -> np.ndarray:
        """Distances (h, w) float32 [m] along the optical axis, from the plane of the camera; infinite where nothing is.

        Bodies and grounds of all takes but ghosts; landmarks, lines and arrows are not there.
        """
        return self._measured(frame)[0]

    def segmentation(self, frame: int) -> np.ndarray:
        """Index of the body (h, w) int32 in `replay.bodies` that the middle of each pixel sees, of what `depth` sees; -1: none."""
        return self._measured(frame)[1]

    def normals(self, frame: int) -> np.ndarray:
        """Normals (h, w, 3) float32 in the world of what the middle of each pixel sees, of what `depth` sees, to 0.01; zero: none."""
        return self._measuring().normals(self._frame(frame), self.camera)

    def close(self) -> None:
        """Give the windows back."""
        for part in (self._stage, self._measure):
            if part is not None:
                part.close()
        self._stage = self._measure = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _measured(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        return self._measuring().draw(self._frame(frame), self.camera)

    def _measuring(self) -> Measure:
        if self._measure is None:
            self._measure = Measure(self.replay, [take for take in self.takes if not take.ghost], self._shapes, self.size)
        return self._measure

    def _frame(self, frame: int) -> int:
        count = len(self.replay)
        if not -count <= frame < count:
            raise InputError(f"Renderer: frame {frame}; allowed: 0 to {count - 1}.")
        return range(count)[frame]


def shown(replay: Replay, take: str | None) -> list[Take]:
    """The takes to show: all, or the one of this name, no ghost. Raises: UnknownNameError."""
    if take is None:
        return replay.takes
    for one in replay.takes:
        if one.name == take:
            return [Take(one.name, one.pos, one.quat, False, None, one.offset)]
    raise unknown_name("replay", "take", take, [one.name for one in replay.takes])


def checked_size(size: tuple[int, int], where: str) -> tuple[int, int]:
    """Raises: InputError for a size that is no picture's."""
    if len(size) != 2 or not all(isinstance(n, (int, np.integer)) and 1 <= n <= 8192 for n in size):
        raise InputError(f"{where}: size is {size!r}; allowed: (width, height), whole numbers from 1 to 8192.")
    return int(size[0]), int(size[1])


class _Stage:
    """Everything in its colours, under soft lights, on a floor."""

    def __init__(
        self,
        replay: Replay,
        takes: list[Take],
        shapes: list[DrawnMesh],
        points: np.ndarray,
        size: tuple[int, int],
        background: Any,
    ) -> None:
        self._size = size
        self._window = window((FINER * size[0], FINER * size[1]), "Renderer")
        self._window.SetAlphaBitPlanes(1)
        self._renderer = renderer = stage(self._window)
        _light(renderer)
        names = {take.name for take in takes}
        lines = [line for line in replay.polylines if not line.take or line.take in names]
        arrows = [part for part in replay.arrows if not part.take or part.take in names]
        scale = 0.5 * float(np.linalg.norm(np.ptp(points, 0)))
        # Drawn in this order: what is translucent over what is opaque, ghosts in turn, marks last.
        firm = [take for take in takes if not take.ghost]
        self._floor = Floor(replay, shapes, firm, points, size, background)
        if self._floor.below(points):
            self._hide_below(self._floor.pose)
        opaque, clear = ([shape for shape in shapes if shape.opaque is solid] for solid in (True, False))
        self._parts: list[Figure | Mark | Quiver] = [Figure(renderer, opaque, take, lit(take)) for take in firm]
        for line in lines:
            if (drawn := tube(line, 0.0042 * scale)) is not None:
                renderer.AddActor(drawn)
        self._parts += [Quiver(renderer, part, 0.0075 * scale) for part in arrows]
        self._parts += [Figure(renderer, clear, take, lit(take), through=True) for take in firm]
        self._ghosts = [Figure(renderer, shapes, take, lit(take), through=True) for take in takes if take.ghost]
        self._marks = [Mark(renderer, landmark) for landmark in replay.landmarks]
        self._parts += self._marks

    def _hide_below(self, pose: np.ndarray) -> None:
        """The floor, which is behind all, in the depth buffer: what is under it is not seen from above."""
        corners = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
        made = plain(actor(polydata(ENDLESS * corners, np.array([[0, 1, 2], [0, 2, 3]]))), (0.0, 0.0, 0.0))
        made.GetProperty().SetOpacity(UNSEEN)
        made.GetProperty().BackfaceCullingOn()
        move(made, pose)
        self._renderer.AddActor(made)

    def draw(self, frame: int, camera: Viewpoint) -> np.ndarray:
        from PIL import Image, ImageChops

        for part in self._parts:
            part.place(frame)
        for k, ghost in enumerate(self._ghosts, 1):
            ghost.place(frame, _farther(camera, 1.0 + BEHIND * k))
        look_through(camera, self._renderer)
        self._window.Render()
        fine = pixels(self._window, 4)[::-1]  # as it lies in memory
        # RGBX: four plain channels. They are multiplied by their opacity already, which PIL would do once more with RGBA.
        front = Image.frombuffer("RGBX", fine.shape[1::-1], fine, "raw", "RGBX", 0, 1).reduce(FINER)
        *colours, opacity = front.transpose(Image.Transpose.FLIP_TOP_BOTTOM).split()
        through = Image.merge("RGB", [ImageChops.invert(opacity)] * 3)
        picture = ImageChops.add(Image.merge("RGB", colours), ImageChops.multiply(self._floor.draw(frame, camera), through))
        labels = [(mark.landmark.label, mark.at(frame)) for mark in self._marks if mark.landmark.label]
        if labels:
            self._write(picture, labels, camera)
        return np.asarray(picture)

    def _write(self, picture: Any, labels: list[tuple[str, np.ndarray]], camera: Viewpoint) -> None:
        """The words beside the landmarks, never behind anything."""
        from PIL import ImageDraw

        draw, font = ImageDraw.Draw(picture), letters(self._size)
        where, depth = camera.project(np.array([pos for _, pos in labels]), self._size)
        for (label, _), (u, v), ahead in zip(labels, where, depth, strict=True):
            if ahead > 0.0:
                write(draw, (u + 0.7 * font.size, v - 0.9 * font.size), label, font)

    def close(self) -> None:
        self._floor.close()
        self._window.Finalize()


def _farther(camera: Viewpoint, factor: float) -> np.ndarray:
    """(4, 4) that moves everything away from a camera, which sees no difference: what stood at the same place is behind now."""
    made = np.diag([factor, factor, factor, 1.0])
    made[:3, 3] = (1.0 - factor) * np.asarray(camera.pos, float)
    return made


def _light(renderer: Any) -> None:
    from vtkmodules.vtkRenderingCore import vtkLight

    for towards, strength, colour in LIGHTS:
        light = vtkLight()
        light.SetLightTypeToSceneLight()
        light.PositionalOff()
        light.SetPosition(*towards)
        light.SetFocalPoint(0.0, 0.0, 0.0)
        light.SetIntensity(strength)
        light.SetColor(*colour)
        renderer.AddLight(light)


def write_png(
    replay: Replay,
    path: str | PathLike,
    frame: int | None = None,
    size: tuple[int, int] = SIZE,
    camera: Viewpoint | None = None,
    *,
    instants: int = 1,
    take: str | None = None,
) -> Path:
    """A picture of a frame (None: the last), appearing whole or not at all. instants: so many, evenly in time up to it, are shown in one.

    Raises: InputError for a file that cannot be written or is no png.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"{target}: write_png writes .png.")
    if instants < 1:
        raise InputError(f"write_png: instants is {instants}; allowed: 1, 2, …")
    last = len(replay) - 1 if frame is None else frame
    if not -len(replay) <= last < len(replay):
        raise InputError(f"write_png: frame {last}; allowed: 0 to {len(replay) - 1}.")
    shot = replay.at([last]) if instants == 1 else stroboscopic(replay, range(len(replay))[last], instants, take)
    with Renderer(shot, size, camera, take=take if instants == 1 else None) as renderer:
        picture = renderer.image(0)
    return put(target, lambda partial: _save(picture, partial))


def _save(picture: np.ndarray, partial: Path) -> None:
    from PIL import Image

    Image.fromarray(picture).save(partial, "PNG", optimize=True)


def stroboscopic(replay: Replay, last: int, instants: int, take: str | None = None) -> Replay:
    """One frame with the main take, or the one of this name, at several instants up to the frame `last`: that one firm, the others ghosts."""
    frames = np.unique(np.linspace(0, last, instants).round().astype(int))
    main, still = shown(replay, take)[0], replay.at([last])
    ghosts = [
        Take(f"{main.name}, {replay.time[frame]:.2f} s", main.pos[[frame]], main.quat[[frame]], True, main.tint, main.offset)
        for frame in frames[:-1]
    ]
    firm = Take(main.name, main.pos[[last]], main.quat[[last]], False, main.tint, main.offset)
    return Replay(replay.title, still.time, replay.bodies, [firm, *ghosts], still.polylines, still.landmarks, still.arrows)
