"""What VTK draws of bodies: windows, meshes, actors. VTK is imported inside the functions: the extra `video`."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.errors import InputError
from genesis.replay.palette import GHOST
from genesis.replay.replay import DrawnBody, Skin, Take
from genesis.replay.shading import shaded
from genesis.replay.viewpoint import Viewpoint, poses

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer, vtkRenderWindow

UNSEEN = 0.002  # opacity of what fills the depth buffer alone; nothing at all would be thrown away


def window(size: tuple[int, int], where: str) -> "vtkRenderWindow":
    """A window of size (width, height) that is on no screen, drawn by the processor where there is no graphics card.

    Raises: InputError where VTK or OpenGL is missing.
    """
    try:
        from vtkmodules import vtkRenderingOpenGL2
        from vtkmodules.vtkCommonCore import vtkObject
        from vtkmodules.vtkRenderingCore import vtkRenderWindow
    except ImportError as error:
        raise InputError(f'{where}: pictures need VTK; install it with pip install "genesis-optimize[video]".') from error
    loud = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()  # a kind of window that is not there is no news while there are others
    try:
        for kind in _kinds(vars(vtkRenderingOpenGL2)):
            made: vtkRenderWindow = kind()
            made.SetOffScreenRendering(1)
            made.SetMultiSamples(0)
            made.SetSize(*size)
            if made.SupportsOpenGL():
                return made
    finally:
        vtkObject.SetGlobalWarningDisplay(loud)
    raise InputError(
        f"{where}: there is no OpenGL to draw pictures with; install Mesa's (on Debian: apt install libegl1 libgl1-mesa-dri)."
    )


def _kinds(known: Mapping[str, Any]) -> Iterator[Any]:
    """Kinds of windows, those first that need no display."""
    from vtkmodules.vtkRenderingCore import vtkRenderWindow

    if "vtkEGLRenderWindow" in known:
        yield known["vtkEGLRenderWindow"]
    if "vtkOSOpenGLRenderWindow" in known and find_library("OSMesa"):
        yield known["vtkOSOpenGLRenderWindow"]
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        yield vtkRenderWindow


def stage(drawn: "vtkRenderWindow") -> "vtkRenderer":
    """A renderer that fills a window, black and clear, draws in the order of adding and leaves nothing out."""
    from vtkmodules.vtkRenderingCore import vtkRenderer

    made = vtkRenderer()
    made.GetCullers().RemoveAllItems()
    made.AutomaticLightCreationOff()
    made.SetBackground(0.0, 0.0, 0.0)
    made.SetBackgroundAlpha(0.0)
    drawn.AddRenderer(made)
    return made


def look_through(camera: Viewpoint, renderer: "vtkRenderer") -> None:
    """A renderer sees what a camera does."""
    made = renderer.GetActiveCamera()
    axes = camera.rotation()
    made.SetPosition(*camera.pos)
    made.SetFocalPoint(*(np.asarray(camera.pos) - axes[:, 2]))
    made.SetViewUp(*axes[:, 1])
    made.SetViewAngle(camera.fov)
    made.SetClippingRange(camera.near, camera.far)


def pixels(drawn: "vtkRenderWindow", channels: int = 3) -> np.ndarray:
    """(h, w, channels) uint8 of a window, upper row first; the fourth is the opacity, by which the others are multiplied."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

    width, height = drawn.GetSize()
    found = vtkUnsignedCharArray()
    read = drawn.GetPixelData if channels == 3 else drawn.GetRGBACharPixelData
    read(0, 0, width - 1, height - 1, 0, found, 0)
    return vtk_to_numpy(found).reshape(height, width, channels)[::-1]


# ---- shapes, made once and shared by the actors of all windows


@dataclass
class DrawnMesh:
    """What is drawn of a body in one go. opaque: of all of it; picture: (h, w, 3 or 4) uint8 on it."""

    body: int
    mesh: "vtkPolyData"
    opaque: bool = True
    picture: np.ndarray | None = None


def polydata(vertices: np.ndarray, faces: np.ndarray) -> "vtkPolyData":
    """Triangles (m, 3) of vertices (n, 3) as VTK has them."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    points, cells, made = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices, np.float32), deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(np.ascontiguousarray(faces, np.int64).ravel(), deep=True))
    made.SetPoints(points)
    made.SetPolys(cells)
    return made


def solid(vertices: np.ndarray, faces: np.ndarray, merge: bool = True) -> tuple["vtkPolyData", np.ndarray]:
    """Triangles that are smooth but for their creases, and of which given vertex each of theirs is a copy.

    merge: vertices at the same place are one. Normals are means over the faces by their areas: slivers count little.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk

    vertices, faces, kept = np.asarray(vertices, np.float32), np.asarray(faces, np.int64), np.arange(len(vertices))
    if merge and len(vertices):
        _, kept, same = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
        vertices, faces = vertices[kept], same.reshape(-1)[faces]
    points, corners, source = shaded(vertices, faces)
    a, b, c = points[corners].astype(float).transpose(1, 0, 2)
    normals, across = np.zeros((len(points), 3)), np.cross(b - a, c - a)
    for column in corners.T:
        np.add.at(normals, column, across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    mesh = polydata(points, corners)
    mesh.GetPointData().SetNormals(numpy_to_vtk(normals.astype(np.float32), deep=True))
    return mesh, kept[source]


def painted(mesh: "vtkPolyData", colours: np.ndarray) -> "vtkPolyData":
    """The same with colours (n, 4) uint8 of its points."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    scalars = numpy_to_vtk(np.ascontiguousarray(colours, np.uint8), deep=True)
    scalars.SetName("colours")
    mesh.GetPointData().SetScalars(scalars)
    return mesh


def _mesh(skin: Skin) -> "vtkPolyData":
    from vtkmodules.util.numpy_support import numpy_to_vtk

    if skin.texture is not None and skin.uv is not None:
        mesh, source = solid(skin.vertices, skin.faces, False)
        mesh.GetPointData().SetTCoords(numpy_to_vtk(np.ascontiguousarray(skin.uv[source], np.float32), deep=True))
        return mesh
    if skin.colours is not None:
        mesh, source = solid(skin.vertices, skin.faces, False)
        return painted(mesh, skin.colours[source])
    mesh, source = solid(skin.vertices, skin.faces)
    return painted(mesh, np.tile(np.round(255.0 * np.array(skin.rgba)), (len(source), 1)))


def shapes_of(bodies: Sequence[DrawnBody]) -> list[DrawnMesh]:
    """All skins but grounds; those of a body that can be drawn in one go are one shape."""
    from vtkmodules.vtkFiltersCore import vtkAppendPolyData

    made: list[DrawnMesh] = []
    for index, body in enumerate(bodies):
        together: dict[bool, list[Any]] = {True: [], False: []}
        for skin in body.skins:
            if skin.ground or not len(skin.faces):
                continue
            opaque = skin.rgba[3] >= 0.995 if skin.colours is None else bool((skin.colours[:, 3] == 255).all())
            if skin.texture is not None and skin.uv is not None:
                made.append(DrawnMesh(index, _mesh(skin), opaque, skin.texture))
            else:
                together[opaque].append(_mesh(skin))
        for opaque, meshes in together.items():
            if meshes:
                append = vtkAppendPolyData()
                for mesh in meshes:
                    append.AddInputData(mesh)
                append.Update()
                made.append(DrawnMesh(index, append.GetOutput(), opaque))
    return made


# ---- actors


def actor(mesh: "vtkPolyData") -> "vtkActor":
    """Drawn in the order of adding, translucent or not; with a soft shine."""
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    mapper, made = vtkPolyDataMapper(), vtkActor()
    mapper.SetInputData(mesh)
    made.SetMapper(mapper)
    made.ForceOpaqueOn()
    look = made.GetProperty()
    look.SetInterpolationToPhong()
    look.SetAmbient(0.30)
    look.SetDiffuse(0.78)
    look.SetSpecular(0.16)
    look.SetSpecularPower(24.0)
    return made


def plain(made: "vtkActor", rgb: Sequence[float]) -> "vtkActor":
    """The same in exactly this colour, whatever the light."""
    made.GetMapper().ScalarVisibilityOff()
    look = made.GetProperty()
    look.SetLighting(False)
    look.SetAmbient(1.0)
    look.SetDiffuse(0.0)
    look.SetColor(*rgb)
    return made


def texture(picture: np.ndarray) -> Any:
    """(h, w, 3 or 4) uint8 as a texture, its last row at v = 0."""
    from vtkmodules.vtkRenderingCore import vtkTexture

    made = vtkTexture()
    made.SetInputData(_image_data(picture))
    made.InterpolateOn()
    made.MipmapOn()
    made.SetColorModeToDirectScalars()
    return made


def _image_data(picture: np.ndarray) -> Any:
    """(h, w, channels) uint8 as an image of VTK, whose first row is the lowest."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    height, width, channels = picture.shape
    made = vtkImageData()
    made.SetDimensions(width, height, 1)
    made.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(picture[::-1]).reshape(-1, channels), deep=True))
    return made


def move(made: "vtkActor", pose: np.ndarray) -> None:
    """To a pose (4, 4); hidden where that is not a number."""
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    known = bool(np.isfinite(pose).all())
    made.SetVisibility(known)
    if known:
        matrix = vtkMatrix4x4()
        matrix.DeepCopy(pose.ravel().tolist())
        made.SetUserMatrix(matrix)


class Figure:
    """All bodies of a take in a renderer. look: called with each actor and its shape before it is added.

    through: translucent as a whole, without its own inside: its depth is drawn first.
    """

    def __init__(
        self,
        renderer: "vtkRenderer",
        shapes: Sequence[DrawnMesh],
        take: Take,
        look: Callable[["vtkActor", DrawnMesh], object],
        through: bool = False,
    ) -> None:
        self.take = take
        self._actors: list[tuple[int, vtkActor]] = []
        for unseen in (True, False) if through else (False,):
            for shape in shapes:
                made = actor(shape.mesh)
                if unseen:
                    plain(made, (0.5, 0.5, 0.5)).GetProperty().SetOpacity(UNSEEN)
                else:
                    look(made, shape)
                renderer.AddActor(made)
                self._actors.append((shape.body, made))

    def place(self, frame: int, onto: np.ndarray | None = None) -> None:
        """Where its bodies are in a frame; onto: (4, 4) that all of it is sent through."""
        where = poses(self.take, frame)
        where = where if onto is None else onto @ where
        for body, made in self._actors:
            move(made, where[body])


def lit(take: Take) -> Callable[["vtkActor", DrawnMesh], None]:
    """The look of a take in its own colours or its tint, opaque or as a ghost."""

    def look(made: "vtkActor", shape: DrawnMesh) -> None:
        if shape.picture is not None and take.tint is None:
            made.SetTexture(texture(shape.picture))
        if take.tint is not None:
            made.GetMapper().ScalarVisibilityOff()
            made.GetProperty().SetColor(*take.tint)
        if take.ghost:
            made.GetProperty().SetOpacity(GHOST)
            made.GetProperty().SetSpecular(0.0)

    return look
