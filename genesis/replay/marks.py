"""What is drawn beside bodies: lines as tubes, landmarks, arrows. VTK is imported inside the functions: the extra `video`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from genesis.replay.actors import actor, move, painted, polydata, solid
from genesis.replay.replay import Arrows, Landmark, Polyline
from genesis.replay.viewpoint import placed

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer


def tube(line: Polyline, radius: float) -> "vtkActor | None":
    """A polyline as a tube; None where it has no length."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkTubeFilter

    points = np.asarray(line.points, np.float32)
    points = points[np.isfinite(points).all(1)]
    apart = np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-3 * radius
    points = points[np.concatenate([[True], apart])] if len(points) else points
    if len(points) < 2:
        return None
    at, cells, mesh, made = vtkPoints(), vtkCellArray(), vtkPolyData(), vtkTubeFilter()
    at.SetData(numpy_to_vtk(points, deep=True))
    cells.InsertNextCell(len(points))
    for k in range(len(points)):
        cells.InsertCellPoint(k)
    mesh.SetPoints(at)
    mesh.SetLines(cells)
    made.SetInputData(mesh)
    made.SetRadius(radius)
    made.SetNumberOfSides(12)
    made.CappingOn()
    made.Update()
    drawn = actor(made.GetOutput())
    drawn.GetProperty().SetColor(*line.rgba[:3])
    drawn.GetProperty().SetOpacity(line.rgba[3])
    return drawn


class Mark:
    """A landmark in a renderer."""

    def __init__(self, renderer: "vtkRenderer", landmark: Landmark) -> None:
        self.landmark = landmark
        self._actors = [actor(mesh) for mesh in _landmark_meshes(landmark)]
        for made in self._actors:
            look = made.GetProperty()
            if landmark.kind != "frame":
                made.GetMapper().ScalarVisibilityOff()
                look.SetColor(*landmark.rgba[:3])
                look.SetOpacity(landmark.rgba[3])
                look.BackfaceCullingOn()
            renderer.AddActor(made)

    def at(self, frame: int) -> np.ndarray:
        """(3,) where it is."""
        pos = self.landmark.pos
        return np.asarray(pos[frame] if pos.ndim > 1 else pos, float)

    def place(self, frame: int) -> None:
        """Where it is in a frame."""
        quat = self.landmark.quat[frame] if self.landmark.quat.ndim > 1 else self.landmark.quat
        pose = placed(self.at(frame)[None], np.asarray(quat, float)[None])[0]
        for made in self._actors:
            move(made, pose)


def _landmark_meshes(landmark: Landmark) -> "list[vtkPolyData]":
    import trimesh

    size = landmark.size
    if landmark.kind == "frame":
        meshes = []
        for axis, colour in enumerate(((214, 64, 69, 255), (70, 160, 80, 255), (58, 110, 210, 255))):
            vertices, faces = arrow_template(0.035, 0.09, 0.25)
            turned = np.roll(vertices, axis - 2, 1) * size[0]
            mesh, source = solid(turned, faces)
            meshes.append(painted(mesh, np.tile(colour, (len(source), 1))))
        return meshes
    if landmark.kind == "sphere":
        mesh = trimesh.creation.icosphere(3, radius=size[0])
    elif landmark.kind == "box":
        mesh = trimesh.creation.box(2.0 * np.array(size))
    else:
        mesh = trimesh.creation.cylinder(size[0], 2.0 * size[1], sections=48)
    return [solid(np.asarray(mesh.vertices), np.asarray(mesh.faces))[0]]


def arrow_template(shaft: float, head: float, length: float, sides: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of an arrow from the origin to (0, 0, 1): radii of shaft and head, length of the head."""
    angle = 2.0 * np.pi * np.arange(sides) / sides
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], 1)
    up = np.array([0.0, 0.0, 1.0])
    rings = [shaft * ring, shaft * ring + (1.0 - length) * up, head * ring + (1.0 - length) * up]
    vertices = np.concatenate([*rings, [np.zeros(3), up]])
    k, after = np.arange(sides), (np.arange(sides) + 1) % sides
    faces = [np.stack([after, k, np.full(sides, 3 * sides)], 1)]
    for low in (0, sides):
        faces += [
            np.stack([low + k, low + after, low + sides + k], 1),
            np.stack([low + after, low + sides + after, low + sides + k], 1),
        ]
    faces.append(np.stack([2 * sides + k, 2 * sides + after, np.full(sides, 3 * sides + 1)], 1))
    return vertices, np.concatenate(faces)


class Quiver:
    """Arrows over time in a renderer. radius: of a shaft [m]."""

    def __init__(self, renderer: "vtkRenderer", arrows: Arrows, radius: float) -> None:
        self.arrows, self._radius = arrows, radius
        vertices, self._faces = arrow_template(1.0, 2.4, 0.0)
        self._head = vertices[:, 2] == 1.0
        self._actor = actor(polydata(np.zeros((0, 3)), np.zeros((0, 3))))
        self._template = vertices
        self._actor.GetProperty().SetColor(*arrows.rgba[:3])
        self._actor.GetProperty().SetOpacity(arrows.rgba[3])
        renderer.AddActor(self._actor)

    def place(self, frame: int) -> None:
        """The arrows of a frame."""
        origins, vectors = self.arrows.origins[frame].astype(float), self.arrows.vectors[frame] * float(self.arrows.scale)
        length = np.linalg.norm(vectors, axis=1)
        drawn = np.isfinite(origins).all(1) & (length > self._radius)
        self._actor.SetVisibility(bool(drawn.any()))
        if drawn.any():
            meshes = [self._one(o, v, float(l)) for o, v, l in zip(origins[drawn], vectors[drawn], length[drawn], strict=True)]
            faces = np.concatenate([self._faces + k * len(self._template) for k in range(len(meshes))])
            mapper: Any = self._actor.GetMapper()
            mapper.SetInputData(solid(np.concatenate(meshes), faces)[0])

    def _one(self, origin: np.ndarray, vector: np.ndarray, length: float) -> np.ndarray:
        """Vertices of one arrow: its thickness is the same for all, less where it is short."""
        radius = min(self._radius, length / 8.0)
        along = vector / length
        side = np.cross(along, (0.0, 0.0, 1.0) if abs(along[2]) < 0.9 else (1.0, 0.0, 0.0))
        side /= np.linalg.norm(side)
        neck = length - min(6.0 * radius, 0.6 * length)
        height = np.where(self._head, neck, self._template[:, 2])
        height[-1] = length
        flat = radius * self._template[:, :2] @ np.stack([side, np.cross(along, side)])
        return origin + flat + height[:, None] * along
