"""Where a picture is taken from, and where from it is taken when nobody says so.

Axes of a camera: x to the right, y up, z backwards (OpenGL). Pixel (u, v) of the column and row counts from the upper left corner, its middle
is (u + 0.5, v + 0.5).
"""

from dataclasses import dataclass

import numpy as np

from genesis.errors import InputError
from genesis.replay.replay import Replay, Take

DIRECTION = (0.62, -1.0, 0.42)  # towards the camera, of a scene as deep as wide
FOV = 32.0  # [degrees]
MARGIN = 1.12  # room around what is framed
POINTS, FRAMES = 400, 40  # vertices of a body and frames that are looked at


@dataclass
class Viewpoint:
    """A pinhole camera. pos, lookat (3,) [m]; up (3,); fov: vertical [degrees]; nothing nearer than near or beyond far [m] is seen."""

    pos: tuple[float, float, float] | np.ndarray
    lookat: tuple[float, float, float] | np.ndarray
    up: tuple[float, float, float] | np.ndarray = (0.0, 0.0, 1.0)
    fov: float = FOV
    near: float = 0.05
    far: float = 100.0

    def check(self, where: str) -> None:
        """Raises: InputError for a camera that sees nothing."""
        for name, value in (("pos", self.pos), ("lookat", self.lookat), ("up", self.up)):
            if np.shape(value) != (3,) or not np.isfinite(np.asarray(value, float)).all():
                raise InputError(f"{where}: {name} is {value!r}; allowed: three finite numbers.")
        if not 0.0 < self.fov < 180.0:
            raise InputError(f"{where}: fov is {self.fov!r}; allowed: degrees between 0 and 180.")
        if not 0.0 < self.near < self.far:
            raise InputError(f"{where}: near is {self.near!r} and far {self.far!r}; allowed: 0 < near < far.")
        if not np.linalg.norm(np.subtract(self.lookat, self.pos)) > 0.0:
            raise InputError(f"{where}: pos and lookat are the same point; move one.")

    def rotation(self) -> np.ndarray:
        """(3, 3) whose columns are the axes of the camera in the world."""
        back = np.subtract(self.pos, self.lookat).astype(float)
        back /= np.linalg.norm(back)
        right = np.cross(np.asarray(self.up, float), back)
        if np.linalg.norm(right) < 1e-6 * np.linalg.norm(self.up):  # up is along the line of sight: any other will do
            right = np.cross((0.0, 1.0, 0.0) if abs(back[1]) < 0.9 else (1.0, 0.0, 0.0), back)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back], 1)

    def transform(self) -> np.ndarray:
        """(4, 4) from the frame of the camera to the world."""
        made = np.eye(4)
        made[:3, :3], made[:3, 3] = self.rotation(), self.pos
        return made

    def intrinsics(self, size: tuple[int, int]) -> np.ndarray:
        """(3, 3) of a picture size (width, height): pixels of what has x to the right, y down, z forwards."""
        f = 0.5 * size[1] / np.tan(np.deg2rad(0.5 * self.fov))
        return np.array([[f, 0.0, 0.5 * size[0]], [0.0, f, 0.5 * size[1]], [0.0, 0.0, 1.0]])

    def project(self, points: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 2), from the left and from above, and depths (n,) [m] of points (n, 3) of the world."""
        seen = (np.asarray(points) - self.pos) @ self.rotation() * (1.0, -1.0, -1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = (seen / seen[:, 2:]) @ self.intrinsics(size)[:2].T
        return pixels, seen[:, 2]


def poses(take: Take, frame: int) -> np.ndarray:
    """(L, 4, 4) of all bodies in the picture; not a number where they are not known."""
    return placed(take.pos[frame] + np.asarray(take.offset), take.quat[frame])


def placed(pos: np.ndarray, quat: np.ndarray) -> np.ndarray:
    """Transforms (n, 4, 4) of poses (n, 3), (n, 4)."""
    w, x, y, z = (quat / np.linalg.norm(quat, axis=1, keepdims=True)).astype(float).T
    made = np.zeros((len(pos), 4, 4))
    made[:, 0, :3] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], 1)
    made[:, 1, :3] = np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], 1)
    made[:, 2, :3] = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1)
    made[:, :3, 3], made[:, 3, 3] = pos, 1.0
    return made


def seen_points(replay: Replay, takes: list[Take]) -> np.ndarray:
    """Points (n, 3) that stand for all that is to be seen, over all frames, without grounds."""
    found = [landmark.pos.reshape(-1, 3) for landmark in replay.landmarks] + [line.points for line in replay.polylines]
    corners = []
    for body in replay.bodies:
        vertices = [skin.vertices for skin in body.skins if not skin.ground and len(skin.vertices)]
        points = np.concatenate(vertices) if vertices else np.zeros((0, 3))
        corners.append(points[:: max(1, len(points) // POINTS)])
    for take in takes:
        for frame in np.unique(np.linspace(0, len(take.pos) - 1, min(FRAMES, len(take.pos))).astype(int)):
            found += [
                points @ pose[:3, :3].T + pose[:3, 3]
                for points, pose in zip(corners, poses(take, frame), strict=True)
                if len(points)
            ]
    every = np.concatenate(found) if found else np.zeros((0, 3))
    every = every[np.isfinite(every).all(1)]
    return every if len(every) else np.array([[-0.5, -0.5, 0.0], [0.5, 0.5, 1.0]])


def framing(points: np.ndarray, size: tuple[int, int], fov: float = FOV) -> Viewpoint:
    """The camera that sees all points (n, 3), from the side on which they are widest."""
    extent = np.maximum(np.ptp(points, 0), 1e-3)
    towards = np.array(DIRECTION)
    towards[0] *= np.clip((extent[1] / extent[0]) ** 0.7, 0.25, 2.5)  # a long row is looked at from its side
    towards[2] *= np.linalg.norm(towards[:2]) / np.linalg.norm(DIRECTION[:2])
    towards /= np.linalg.norm(towards)
    middle = 0.5 * (points.min(0) + points.max(0))
    camera = Viewpoint(middle + towards, middle, fov=fov)
    half = np.tan(np.deg2rad(0.5 * fov)) / MARGIN
    slopes = np.array([half * size[0] / size[1], half])
    turn = camera.rotation()
    local = (points - middle) @ turn  # right, up, towards the camera
    # The four sides of the pyramid touch the points: shift and distance of its apex, a linear problem of each axis apart from the other.
    shift, distance = np.zeros(3), 0.0
    for axis, slope in enumerate(slopes):
        most, least = (local[:, axis] + slope * local[:, 2]).max(), (local[:, axis] - slope * local[:, 2]).min()
        shift[axis] = 0.5 * (most + least)
        distance = max(distance, 0.5 * (most - least) / slope)
    distance = max(distance, 1e-2)
    lookat = middle + turn @ shift
    pos = lookat + distance * towards
    return Viewpoint(pos, lookat, fov=fov, near=0.02 * distance, far=60.0 * distance)
