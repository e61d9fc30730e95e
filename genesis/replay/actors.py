"""What VTK draws of bodies: windows, meshes, actors. VTK is imported inside the functions: the extra `video`."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.errors import InputError
from genesis.replay.replay import DrawnBody, Skin, Take
from genesis.replay.viewpoint import poses

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer, vtkRenderWindow

CREASE = 35.0  # angle from which on an edge is seen as one [degrees]
GHOST = 0.3  # opacity of a ghost
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


def with_normals(mesh: "vtkPolyData", merge: bool) -> "vtkPolyData":
    """The same with normals, smooth but for its creases. merge: vertices at the same place are one."""
    from vtkmodules.vtkFiltersCore import vtkCleanPolyData, vtkPolyDataNormals

    source: Any = mesh
    if merge:
        clean = vtkCleanPolyData()
        clean.SetInputData(mesh)
        clean.ConvertPolysToLinesOff()
        clean.ConvertLinesToPointsOff()
        clean.SetTolerance(0.0)
        clean.Update()
        source = clean.GetOutput()
    normals = vtkPolyDataNormals()
    normals.SetInputData(source)
    normals.SetFeatureAngle(CREASE)
    normals.SplittingOn()
    normals.ConsistencyOff()
    normals.Update()
    return normals.GetOutput()


def painted(mesh: "vtkPolyData", colours: np.ndarray) -> "vtkPolyData":
    """The same with colours (n, 4) uint8 of its points."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    scalars = numpy_to_vtk(np.ascontiguousarray(colours, np.uint8), deep=True)
    scalars.SetName("colours")
    mesh.GetPointData().SetScalars(scalars)
    return mesh


def _mesh(skin: Skin) -> "vtkPolyData":
    from vtkmodules.util.numpy_support import numpy_to_vtk

    mesh = polydata(skin.vertices, skin.faces)
    if skin.texture is not None and skin.uv is not None:
        mesh.GetPointData().SetTCoords(numpy_to_vtk(np.ascontiguousarray(skin.uv, np.float32), deep=True))
        return with_normals(mesh, False)
    if skin.colours is not None:
        return with_normals(painted(mesh, skin.colours), False)
    mesh = with_normals(mesh, True)
    return painted(mesh, np.tile(np.round(255.0 * np.array(skin.rgba)), (mesh.GetNumberOfPoints(), 1)))


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
