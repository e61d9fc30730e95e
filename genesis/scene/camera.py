"""Cameras of a scene: pictures of its state now, and films of them. They look, and change nothing: no state, no graph, no step."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import numpy as np
import torch

from genesis.errors import InputError, StateError, UnsupportedError
from genesis.log import logger
from genesis.replay.render import Renderer, checked_size
from genesis.replay.replay import Replay, Take
from genesis.replay.video import write_frames
from genesis.replay.viewpoint import Viewpoint, placed
from genesis.scene.pictures import STILL, bodies_of, poses_now

if TYPE_CHECKING:
    from genesis.scene.parts import RigidLink
    from genesis.scene.scene import Scene
    from genesis.scene.solver import RigidSolver

Pictures = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]
_LATER = ("follow_entity", "unfollow_entity", "update_following", "render_pointcloud", "set_params")


class PinholeCamera:
    """Made by `scene.add_camera`. Its axes: x to the right, y up, z backwards; its frame in the world is `transform`.

    res (width, height) in pixels; fov: vertical [degrees]; pos, lookat, up (3,).
    """

    def __init__(self, scene: "Scene", idx: int, res: tuple[int, int], view: Viewpoint, env_idx: int | None) -> None:
        self._scene, self.idx, self.env_idx = scene, idx, env_idx
        self.res = checked_size(res, "scene.add_camera: res")
        self._view = view
        self._renderer: Renderer | None = None
        self._attached: tuple[RigidLink, np.ndarray] | None = None
        self._film: _Film | None = None
        self._recording = False

    # ---- where it is

    @property
    def pos(self) -> np.ndarray:
        """(3,) [m]"""
        return np.array(self._view.pos, float)

    @property
    def lookat(self) -> np.ndarray:
        """(3,) a point that it looks at [m]."""
        return np.array(self._view.lookat, float)

    @property
    def up(self) -> np.ndarray:
        """(3,) its y axis."""
        return self._view.rotation()[:, 1]

    @property
    def fov(self) -> float:
        return self._view.fov

    @property
    def near(self) -> float:
        return self._view.near

    @property
    def far(self) -> float:
        return self._view.far

    @property
    def model(self) -> str:
        return "pinhole"

    @property
    def transform(self) -> np.ndarray:
        """(4, 4) from its frame to the world."""
        return self._view.transform()

    @property
    def extrinsics(self) -> np.ndarray:
        """(4, 4) from the world to a frame with x to the right, y down, z forwards."""
        return np.linalg.inv(self.transform @ np.diag([1.0, -1.0, -1.0, 1.0]))

    @property
    def intrinsics(self) -> np.ndarray:
        """(3, 3) from that frame to pixels, whose middles are at halves."""
        return self._view.intrinsics(self.res)

    def set_pose(
        self,
        transform: np.ndarray | None = None,
        pos: Sequence[float] | None = None,
        lookat: Sequence[float] | None = None,
        up: Sequence[float] | None = None,
    ) -> None:
        """Move it: to a transform (4, 4), else what is given of pos, lookat and up. Raises: InputError."""
        if transform is not None:
            if not (pos is lookat is up is None):
                raise InputError("camera.set_pose: give transform, or pos, lookat and up.")
            self._view = _viewed(transform, self._view, "camera.set_pose")
            return
        old = self._view
        place, aim, top = (_three(given, now) for given, now in ((pos, old.pos), (lookat, old.lookat), (up, old.up)))
        view = Viewpoint(place, aim, top, old.fov, old.near, old.far)
        view.check("camera.set_pose")
        self._view = view

    def attach(self, rigid_link: "RigidLink", offset_T: np.ndarray) -> None:  # noqa: N803 (the documented name)
        """Mount it on a link, at offset_T (4, 4) in its frame; `move_to_attach` takes it there."""
        _viewed(offset_T, self._view, "camera.attach: offset_T")
        self._attached = rigid_link, np.asarray(offset_T, float)

    def detach(self) -> None:
        """Off the link; it stays where it is."""
        self._attached = None

    def move_to_attach(self) -> None:
        """To where its link has it now. Raises: StateError if it is on none."""
        if self._attached is None:
            raise StateError("camera.move_to_attach: the camera is on no link; call camera.attach(link, offset_T) first.")
        link, offset = self._attached
        pos, quat = (x[self.env_idx or 0, 1 + link.idx] for x in self._poses())
        if self.env_idx is None:
            pos = pos + self._scene.envs_offset[0]
        self.set_pose(transform=placed(pos[None], quat[None])[0] @ offset)

    # ---- pictures

    def render(
        self,
        rgb: bool = True,
        depth: bool = False,
        segmentation: bool = False,
        colorize_seg: bool = False,
        normal: bool = False,
        antialiasing: bool = False,
        force_render: bool = False,
    ) -> Pictures:
        """(rgb, depth, segmentation, normal) of the state now; None for what is not asked for.

        rgb (h, w, 3) uint8. depth (h, w) float32 [m] along the optical axis, infinite where nothing is. segmentation (h, w) int32: the
        link by its number in `scene.links`, -1 where there is none; as colours (h, w, 3) uint8 with colorize_seg. normal (h, w, 3)
        uint8: 127.5 (1 + n) of the surface's normal n in the world, zeros where nothing is. The last two arguments have no effect: colours
        are always smooth, and always of now. While it records, each call adds the colours to the film.

        Raises: StateError before `build`, InputError where VTK is missing.
        """
        renderer = self._prepared()
        colours = renderer.image(0) if rgb or self._recording else None
        if self._recording and self._film is not None and colours is not None:
            self._film.add(colours)
        links = renderer.segmentation(0) - 1 if segmentation else None
        if links is not None:
            links = _in_colours(links) if colorize_seg else np.maximum(links, -1)
        normals = _as_bytes(renderer.normals(0)) if normal else None
        return colours if rgb else None, renderer.depth(0) if depth else None, links, normals

    def _prepared(self) -> Renderer:
        """The renderer with all poses of now. Environments that stand apart are all in the picture."""
        scene = self._scene
        solver = scene._ready("add_camera: camera.render")
        if self._renderer is None:
            envs = self._environments(solver)
            names = (f"environment {env}" for env in envs)
            unknown = np.full((1, 1 + solver.model.nlink, 3), np.nan), np.tile(STILL, (1, 1 + solver.model.nlink, 1))
            takes = [
                Take(name, unknown[0].copy(), unknown[1].copy(), offset=tuple(offset))
                for name, offset in zip(names, self._offsets(envs), strict=True)
            ]
            replay = Replay("", np.zeros(1), bodies_of(scene.entities), takes)
            self._place(replay, envs)
            self._renderer, self._envs = Renderer(replay, self.res, self._view), envs
        else:
            self._place(self._renderer.replay, self._envs)
        self._renderer.camera = self._view
        return self._renderer

    def _environments(self, solver: "RigidSolver") -> list[int]:
        if self.env_idx is not None:
            if not 0 <= self.env_idx < solver.rows:
                raise InputError(f"scene.add_camera: env_idx is {self.env_idx}; allowed: 0 to {solver.rows - 1}.")
            return [self.env_idx]
        return list(range(solver.rows)) if self._scene.envs_offset.any() else [0]

    def _offsets(self, envs: list[int]) -> np.ndarray:
        """One environment is seen in its own world."""
        return self._scene.envs_offset[envs] if self.env_idx is None else np.zeros((1, 3))

    def _place(self, replay: Replay, envs: list[int]) -> None:
        pos, quat = self._poses()
        for take, env in zip(replay.takes, envs, strict=True):
            take.pos[0], take.quat[0] = pos[env], quat[env]

    def _poses(self) -> tuple[np.ndarray, np.ndarray]:
        """pos (rows, 1 + nlink, 3), quat (rows, 1 + nlink, 4) of the world and of all links now."""
        return poses_now(self._scene._ready("add_camera: camera.render"))

    # ---- films

    def start_recording(self) -> None:
        """From now on each `render` adds a picture to the film; goes on with one that was paused."""
        if self._film is None:
            self._film = _Film(self.res)
        self._recording = True

    def pause_recording(self) -> None:
        """Add no more pictures until `start_recording`. Raises: StateError."""
        self._expect_recording("pause_recording")
        self._recording = False

    def stop_recording(self, save_to_filename: str | PathLike | None = None, fps: float = 60) -> Path:
        """Write the film, by suffix .mp4, .gif or .webp; None: named after the script, the camera and the time.

        Raises: StateError if nothing was recorded, InputError for a file that cannot be written: the pictures are kept then.
        """
        film = self._expect_recording("stop_recording")
        if save_to_filename is None:
            script = Path(sys.argv[0]).stem or "film"
            save_to_filename = f"{script}_cam_{self.idx}_{time.strftime('%Y%m%d_%H%M%S')}.mp4"
        if not 0.0 < fps < np.inf:
            raise InputError(f"camera.stop_recording: fps is {fps!r}; allowed: a positive number.")
        path = write_frames(film.pictures(), save_to_filename, fps)
        film.close()
        self._film, self._recording = None, False
        return path

    def _expect_recording(self, method: str) -> "_Film":
        if self._film is None:
            raise StateError(f"camera.{method}: nothing is recorded; call camera.start_recording() first.")
        return self._film

    def __getattr__(self, name: str) -> NoReturn:
        if name in _LATER:
            raise UnsupportedError(f"camera.{name} is not supported in this version.")
        raise AttributeError(f"Camera has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"camera {self.idx} of {self._scene}"


def camera_of(
    scene: "Scene",
    idx: int,
    model: str,
    res: tuple[int, int],
    view: Viewpoint,
    gui: bool,
    transform: np.ndarray | None,
    env_idx: int | None,
) -> PinholeCamera:
    """See `Scene.add_camera`."""
    if model != "pinhole":
        raise UnsupportedError(f"scene.add_camera: model={model!r} is not supported; allowed: 'pinhole'.")
    if transform is not None:
        view = _viewed(transform, view, "scene.add_camera: transform")
    view.check("scene.add_camera")
    if gui:
        logger.warning("scene.add_camera: GUI=True opens no window in this version; camera.render() gives the pictures.")
    return PinholeCamera(scene, idx, res, view, env_idx)


def envs_offset(n_envs: int, spacing: tuple[float, float], per_row: int | None, centred: bool) -> np.ndarray:
    """(rows, 3) [m] where the worlds of the environments stand in a picture: rows along x, per_row of them along y each."""
    count = max(n_envs, 1)
    per_row = int(np.ceil(np.sqrt(count))) if per_row is None else per_row
    row, column = np.divmod(np.arange(count), per_row)
    made = np.stack([row * spacing[0], column * spacing[1], np.zeros(count)], 1)
    return made - 0.5 * (made.min(0) + made.max(0)) if centred else made


class _Film:
    """Pictures on their way into a film, kept on the disk."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._shape = size[1], size[0], 3
        self._file: IO[bytes] = tempfile.TemporaryFile()

    def add(self, picture: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(picture).tobytes())

    def pictures(self) -> Iterator[np.ndarray]:
        self._file.seek(0)
        while data := self._file.read(int(np.prod(self._shape))):
            yield np.frombuffer(data, np.uint8).reshape(self._shape)

    def close(self) -> None:
        self._file.close()


def _viewed(transform: np.ndarray, old: Viewpoint, where: str) -> Viewpoint:
    """A viewpoint by its frame (4, 4), that looks a metre ahead. Raises: InputError for what is no frame."""
    made = np.asarray(transform, float)
    if made.shape != (4, 4) or not np.allclose(made[:3, :3].T @ made[:3, :3], np.eye(3), atol=1e-4):
        raise InputError(f"{where}: allowed: a (4, 4) transform whose upper left part is a rotation.")
    return Viewpoint(made[:3, 3], made[:3, 3] - made[:3, 2], made[:3, 1], old.fov, old.near, old.far)


def _three(given: Sequence[float] | None, now: np.ndarray | tuple[float, float, float]) -> np.ndarray:
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu().tolist()
    return np.asarray(now if given is None else given, float)


def _as_bytes(normals: np.ndarray) -> np.ndarray:
    return np.where(normals.any(2, keepdims=True), np.round(127.5 * (1.0 + normals)), 0.0).astype(np.uint8)


def _in_colours(links: np.ndarray) -> np.ndarray:
    """Links as colours that are far from each other (steps of the golden ratio around the wheel); -1 is black."""
    import colorsys

    numbers, place = np.unique(links, return_inverse=True)
    wheel = [(0, 0, 0) if n < 0 else colorsys.hsv_to_rgb(n * 0.618034 % 1.0, 0.55 + 0.3 * (n % 2), 0.95) for n in numbers]
    return np.round(255.0 * np.array(wheel)).astype(np.uint8)[place.reshape(links.shape)]
