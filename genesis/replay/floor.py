"""What is behind a picture: a floor with a grid that fades into the background, and a soft shadow on it.

The grid is computed for each pixel from where its line of sight meets the floor, so its lines are smooth at any distance.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from genesis.replay.actors import DrawnMesh, Figure, pixels, plain, stage, window
from genesis.replay.replay import Replay, Skin, Take
from genesis.replay.viewpoint import Viewpoint, poses

if TYPE_CHECKING:
    from PIL.Image import Image

LIGHT = np.array([0.35, 0.30, 1.0])  # towards the light that throws the shadow, in the frame of the floor
PIXELS, DARK = 384, 0.36  # of the picture of the shadow, and how dark it is
PAPER, LINE, HEAVY = (np.array(rgb, np.float32) for rgb in ((249, 250, 251), (222, 227, 233), (200, 208, 218)))
SHADE = (44, 54, 72)
THIN, THICK = 0.014, 0.026  # width of a line, and of each fifth, in cells
REACH = 5.0  # radius of the floor over that of what stands on it


def floor_pose(replay: Replay, takes: Sequence[Take], points: np.ndarray) -> np.ndarray:
    """(4, 4) of the floor, z up from it: the first ground of the replay, else level below all points (n, 3)."""
    for l, skin in ((l, skin) for l, body in enumerate(replay.bodies) for skin in body.skins if skin.ground):
        pose = _ground_pose(skin, poses(takes[0], 0)[l])
        if np.isfinite(pose).all():
            return pose
    made = np.eye(4)
    lowest, height = points[:, 2].min(), np.ptp(points[:, 2])
    # What touches z = 0 stands there; what hangs has air below it.
    made[2, 3] = 0.0 if -0.02 * height <= lowest <= 0.3 * height else lowest - 0.1 * height
    return made


def _ground_pose(skin: Skin, world: np.ndarray) -> np.ndarray:
    """(4, 4) of a ground skin whose body is at world (4, 4)."""
    a, b, c = skin.vertices[skin.faces[0]].astype(float) @ world[:3, :3].T + world[:3, 3]
    along, normal = (b - a) / np.linalg.norm(b - a), np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal)
    made = np.eye(4)
    made[:3, :3] = np.stack([along, np.cross(normal, along), normal], 1)
    made[:3, 3] = (a @ normal) * normal  # the foot of the world's origin: the grid counts from there
    return made


def cell_width(radius: float) -> float:
    """Of the grid [m]: 1, 2 or 5 times a power of ten, at most a quarter of a radius."""
    power = 10.0 ** np.floor(np.log10(radius / 4.0))
    return float(max(c * power for c in (1.0, 2.0, 5.0) if c * power <= radius / 4.0))


class Floor:
    """The layer behind all bodies. points (n, 3): what is seen in all frames; takes: those that throw a shadow."""

    def __init__(
        self, replay: Replay, shapes: Sequence[DrawnMesh], takes: Sequence[Take], points: np.ndarray, size: tuple[int, int],
        background: Sequence[Sequence[float]],
    ) -> None:  # fmt: skip
        self._size, self._background = size, 255.0 * np.asarray(background, np.float32)
        self.pose = floor_pose(replay, takes or replay.takes, points)
        self._down = np.linalg.inv(self.pose)
        local = points @ self._down[:3, :3].T + self._down[:3, 3]
        self.radius = max(0.5 * float(np.linalg.norm(np.ptp(local, 0))), 1e-3)
        self._shadow = _Shadow(self._down, shapes, takes)
        self._seen: tuple[bytes, Image, Image] | None = None  # camera, grid, and how dark a full shadow on it is

    def below(self, points: np.ndarray) -> bool:
        """Whether some of the points (n, 3) are under it."""
        return bool((points @ self._down[2, :3] + self._down[2, 3]).min() < -1e-3 * self.radius)

    def draw(self, frame: int, camera: Viewpoint) -> "Image":
        """A picture RGB: background, grid and the shadow of a frame."""
        from PIL import Image, ImageChops

        key = np.concatenate([camera.transform().ravel(), camera.lookat, [camera.fov]]).tobytes()
        if self._seen is None or self._seen[0] != key:
            grid, solid = self._grid(camera)
            self._seen = key, Image.fromarray(np.round(grid).astype(np.uint8)), Image.fromarray(np.uint8(255.0 * DARK * solid))
        _, picture, share = self._seen
        shade = self._shadow.draw(frame, self._coordinates(camera), self._size)
        if shade is None:
            return picture
        return Image.composite(Image.new("RGB", self._size, SHADE), picture, ImageChops.multiply(shade, share))

    def _coordinates(self, camera: Viewpoint) -> np.ndarray:
        """(3, 3) from pixels (u, v, 1) to places on the floor (x, y, 1) times the third, which is negative where it is seen from above."""
        axes = self._down[:3, :3] @ camera.rotation()
        x, y, z = self._down[:3, :3] @ np.asarray(camera.pos, float) + self._down[:3, 3]
        rays = axes @ np.diag([1.0, -1.0, -1.0]) @ np.linalg.inv(camera.intrinsics(self._size))
        return np.array([[-z, 0.0, x], [0.0, -z, y], [0.0, 0.0, 1.0]]) @ rays

    def _grid(self, camera: Viewpoint) -> tuple[np.ndarray, np.ndarray]:
        """Colours (h, w, 3) and the opacity of the floor (h, w), float32."""
        width, height = self._size
        up = np.linspace(1.0, 0.0, height, dtype=np.float32)[:, None, None]
        made = np.broadcast_to(self._background[0] + up * (self._background[1] - self._background[0]), (height, width, 3)).copy()
        matrix = self._coordinates(camera)
        above = float(self._down[2, :3] @ np.asarray(camera.pos, float) + self._down[2, 3])
        u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        sx, sy, s = (row[0] * u + row[1] * v + row[2] for row in matrix)
        ahead = s < -1e-9 if above > 0.0 else np.zeros(s.shape, bool)
        s = np.where(ahead, s, -1.0)
        x, y = sx / s, sy / s
        middle = self._down[:2, :3] @ np.asarray(camera.lookat, float) + self._down[:2, 3]
        away = np.hypot(x - middle[0], y - middle[1]) / (REACH * self.radius)
        fade = np.clip(1.0 - away, 0.0, 1.0)
        solid = np.where(ahead, fade * fade * (3.0 - 2.0 * fade), 0.0).astype(np.float32)
        paint, cell = np.broadcast_to(PAPER, made.shape).copy(), cell_width(self.radius)
        for every, thickness, colour in ((1.0, THIN, LINE), (5.0, THICK, HEAVY)):
            cover = np.zeros(s.shape)
            for at, row in ((x, matrix[0]), (y, matrix[1])):
                # How far a pixel reaches along the floor: the derivative of a quotient.
                step = np.hypot(row[0] - at * matrix[2, 0], row[1] - at * matrix[2, 1]) / np.abs(s)
                cover = np.maximum(cover, _lines(at / (cell * every), step / (cell * every), thickness / every))
            paint += cover.astype(np.float32)[..., None] * (colour - paint)
        made += solid[..., None] * (paint - made)
        return made, solid

    def close(self) -> None:
        self._shadow.close()


def _lines(at: np.ndarray, step: np.ndarray, thickness: float) -> np.ndarray:
    """How much of pixels that reach step far is covered by lines at whole numbers: exact for a box, a mean where lines are dense."""
    half, reach = 0.5 * thickness, 0.5 * np.maximum(step, 1e-9)
    off = np.abs(at - np.round(at))
    covered = np.clip(np.minimum(off + reach, half) - np.maximum(off - reach, -half), 0.0, None) / (2.0 * reach)
    return np.where(step > 0.5, thickness, covered)


def _balls(shapes: Sequence[DrawnMesh]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Body (n,), middle (n, 4) in its frame and radius (n,) [m] of balls around meshes."""
    boxes = np.array([shape.mesh.GetBounds() for shape in shapes], float).reshape(-1, 3, 2)
    middle = np.concatenate([boxes.mean(2), np.ones((len(boxes), 1))], 1)
    return np.array([shape.body for shape in shapes], int), middle, 0.5 * np.linalg.norm(np.ptp(boxes, 2), axis=1)


class _Shadow:
    """The shadow of takes as a picture of the floor from above, in which bodies are sheared along the light."""

    def __init__(self, down: np.ndarray, shapes: Sequence[DrawnMesh], takes: Sequence[Take]) -> None:
        shear = np.eye(4)
        shear[:2, 2] = -LIGHT[:2] / LIGHT[2]
        self._onto, self._takes = shear @ down, takes
        self._balls = _balls(shapes)
        self._window = window((PIXELS, PIXELS), "shadow")
        drawn = stage(self._window)
        self._figures = [Figure(drawn, shapes, take, lambda made, _: plain(made, (1.0, 1.0, 1.0))) for take in takes]
        self._camera = drawn.GetActiveCamera()
        self._camera.ParallelProjectionOn()
        self._camera.SetViewUp(0.0, 1.0, 0.0)

    def _look(self, frame: int) -> np.ndarray | None:
        """Points the camera at where the shadow falls; (3, 3) from the floor to its pixels, None where nothing throws one."""
        index, middle, radius = self._balls
        fallen = [(self._onto @ poses(take, frame)[index] @ middle[..., None])[:, :3, 0] for take in self._takes]
        places = np.concatenate(fallen) if fallen else np.zeros((0, 3))
        reach = np.tile(radius, len(fallen))
        known = np.isfinite(places).all(1)
        if not known.any():
            return None
        places, reach = places[known], reach[known, None]
        wide = reach * float(np.linalg.norm([1.0, *LIGHT[:2]]))
        low, high = (places[:, :2] - wide).min(0), (places[:, :2] + wide).max(0)
        at, half = 0.5 * (low + high), 0.55 * float(np.max(high - low)) + 1e-6
        tall = 2.0 * max(float((places[:, 2:] + reach).max()), half)
        self._camera.SetParallelScale(half)
        self._camera.SetFocalPoint((*at, 0.0))
        self._camera.SetPosition((*at, tall))
        self._camera.SetClippingRange(0.01 * tall, 1.0005 * tall)  # what is below the floor throws no shadow on it
        scale = 0.5 * PIXELS / half
        return np.array([[scale, 0.0, scale * (half - at[0])], [0.0, -scale, scale * (half + at[1])], [0.0, 0.0, 1.0]])

    def draw(self, frame: int, coordinates: np.ndarray, size: tuple[int, int]) -> "Image | None":
        """How dark the pixels are, a picture L, with the matrix to places on the floor; None: nowhere."""
        from PIL import Image, ImageFilter

        onto_pixels = self._look(frame)
        if onto_pixels is None:
            return None
        for figure in self._figures:
            figure.place(frame, self._onto)
        self._window.Render()
        mask = Image.fromarray(np.ascontiguousarray(pixels(self._window)[..., 0]))
        near, wide = (mask.filter(ImageFilter.GaussianBlur(radius)) for radius in (PIXELS / 150.0, PIXELS / 26.0))
        both = Image.blend(near, wide, 0.45)
        matrix = onto_pixels @ coordinates
        warp = (matrix / (matrix[2, 2] or 1e-12)).ravel()[:8]  # zero: the corner of the picture is on the horizon
        return both.transform(size, Image.Transform.PERSPECTIVE, tuple(warp), Image.Resampling.BILINEAR)

    def close(self) -> None:
        self._window.Finalize()
