"""What can be measured in a picture: depth, bodies, normals, each pixel by what its middle sees."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genesis.replay.actors import DrawnMesh, Figure, look_through, pixels, plain, solid, stage, window
from genesis.replay.replay import Replay, Skin, Take
from genesis.replay.viewpoint import Viewpoint

ENDLESS = 1000.0  # half width of what has no end [m]
# In the shaders of VTK, in place of its lights: the normal as a colour. normalVCVSOutput is that of the pixel, in the frame of the camera.
SHADER = "//VTK::Light::Impl\n  fragOutput0 = vec4(0.5 * normalVCVSOutput + 0.5, 1.0);\n"


class Measure:
    """Bodies in colours that count them, each pixel what its middle sees."""

    def __init__(self, replay: Replay, takes: list[Take], shapes: list[DrawnMesh], size: tuple[int, int]) -> None:
        self._window = window(size, "Renderer")
        self._renderer = stage(self._window)

        def count(made: Any, shape: DrawnMesh) -> None:
            number = shape.body + 1  # 0: nothing
            plain(made, (number % 256 / 255.0, number // 256 % 256 / 255.0, number // 65536 / 255.0))

        grounds = [
            DrawnMesh(body, _endless(skin))
            for body, drawn in enumerate(replay.bodies) for skin in drawn.skins if skin.ground
        ]  # fmt: skip
        self._takes, self._shapes, self._size = takes, [*shapes, *grounds], size
        self._figures = [Figure(self._renderer, self._shapes, take, count) for take in takes]
        self._upright: _Normals | None = None

    def normals(self, frame: int, camera: Viewpoint) -> np.ndarray:
        """(h, w, 3) float32, see `Renderer.normals`."""
        if self._upright is None:
            self._upright = _Normals(self._shapes, self._takes, self._size)
        return self._upright.draw(frame, camera)

    def draw(self, frame: int, camera: Viewpoint) -> tuple[np.ndarray, np.ndarray]:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkFloatArray

        for figure in self._figures:
            figure.place(frame)
        look_through(camera, self._renderer)
        self._window.Render()
        code = pixels(self._window).astype(np.int32)
        body = code[..., 0] + 256 * code[..., 1] + 65536 * code[..., 2] - 1
        width, height = self._window.GetSize()
        found = vtkFloatArray()
        self._window.GetZbufferData(0, 0, width - 1, height - 1, found)
        z = vtk_to_numpy(found).reshape(height, width)[::-1].astype(float)
        near, far = camera.near, camera.far
        depth = near * far / (far - z * (far - near))
        return np.where(body < 0, np.inf, depth).astype(np.float32), body

    def close(self) -> None:
        self._window.Finalize()
        if self._upright is not None:
            self._upright.close()


class _Normals:
    """Normals as colours."""

    def __init__(self, shapes: Sequence[DrawnMesh], takes: Sequence[Take], size: tuple[int, int]) -> None:
        from vtkmodules.vtkRenderingCore import vtkLight

        self._window = window(size, "Renderer")
        self._renderer = stage(self._window)
        self._renderer.AddLight(vtkLight())  # without a light shaders know no normals
        self._figures = [Figure(self._renderer, shapes, take, _as_colours) for take in takes]

    def draw(self, frame: int, camera: Viewpoint) -> np.ndarray:
        for figure in self._figures:
            figure.place(frame)
        look_through(camera, self._renderer)
        self._window.Render()
        seen = pixels(self._window)
        normal = seen / 127.5 - 1.0
        normal = normal @ camera.rotation().T / np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)
        return np.where(seen.any(2, keepdims=True), normal, 0.0).astype(np.float32)

    def close(self) -> None:
        self._window.Finalize()


def _as_colours(made: Any, _: DrawnMesh) -> None:
    made.GetMapper().ScalarVisibilityOff()
    made.GetShaderProperty().AddFragmentShaderReplacement("//VTK::Light::Impl", True, SHADER, False)


def _endless(skin: Skin) -> Any:
    """The triangles of a ground, so large that nobody sees them end."""
    middle = skin.vertices.mean(0)
    wide = (skin.vertices - middle).astype(float)
    return solid(middle + wide * (ENDLESS / np.abs(wide).max()), skin.faces)[0]
