import numpy as np
import pytest

from genesis.description import primitives
from genesis.errors import InputError, ModelError

CUBE_OBJ = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 0 0 1
v 1 0 1
v 1 1 1
v 0 1 1
f 1 3 2
f 1 4 3
f 5 6 7
f 5 7 8
f 1 2 6
f 1 6 5
f 2 3 7
f 2 7 6
f 3 4 8
f 3 8 7
f 4 1 5
f 4 5 8
"""


@pytest.fixture
def cube(tmp_path):
    file = tmp_path / "cube.obj"
    file.write_text(CUBE_OBJ)
    return file


@pytest.mark.parametrize(
    ("make", "kind", "size", "volume"),
    [
        (lambda **k: primitives.box((0.2, 0.4, 0.6), **k), "box", (0.1, 0.2, 0.3), 0.048),
        (lambda **k: primitives.sphere(0.5, **k), "sphere", (0.5, 0, 0), np.pi / 6),
        (lambda **k: primitives.cylinder(0.5, 2.0, **k), "cylinder", (0.5, 1.0, 0), np.pi / 2),
        (lambda **k: primitives.capsule(0.5, 2.0, **k), "capsule", (0.5, 1.0, 0), np.pi / 2 + np.pi / 6),
    ],
    ids=["box", "sphere", "cylinder", "capsule"],
)
def test_shapes_have_the_mass_of_their_volume(make, kind, size, volume):
    free, fixed = make(), make(fixed=True, rho=1000.0, name="thing")
    assert free.links[0].mass == pytest.approx(200.0 * volume)
    assert fixed.links[0].mass == pytest.approx(1000.0 * volume)
    assert [joint.type for joint in free.links[0].joints] == ["free"]
    assert fixed.links[0].joints == []
    assert (fixed.name, fixed.links[0].name, free.links[0].parent) == ("thing", "thing", -1)
    assert free.geoms[0].type == kind
    np.testing.assert_allclose(free.geoms[0].size, size)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0, -2), (1, 1, 0)])
def test_plane_is_welded_and_looks_along_its_normal(normal):
    from genesis.description.poses import rotate

    description = primitives.plane(normal, size=(2.0, 4.0))
    assert (description.links[0].name, description.links[0].mass, description.links[0].joints) == ("plane", 0.0, [])
    along = rotate(description.geoms[0].quat, np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(along, np.array(normal) / np.linalg.norm(normal), atol=1e-12)
    np.testing.assert_array_equal(description.geoms[0].size[:2], [1.0, 2.0])


@pytest.mark.parametrize("scale", [2.0, (2.0, 2.0, 2.0), (-2.0, 2.0, 2.0)])
def test_mesh_of_a_cube_is_a_cube(cube, scale):
    """Its frame is that of the file, its centre of mass in the middle; a mirroring scale keeps the mass positive."""
    description = primitives.mesh(cube, scale, rho=10.0)
    link, geom = description.links[0], description.geoms[0]
    assert link.mass == pytest.approx(80.0)
    np.testing.assert_allclose(link.com, np.sign(np.ones(3) * scale), atol=1e-12)
    np.testing.assert_allclose(link.inertia, 80.0 * 4.0 / 6.0 * np.eye(3), atol=1e-10)
    assert (geom.vertices.shape, geom.faces.shape, geom.file) == ((8, 3), (12, 3), str(cube))


def test_open_mesh_needs_fixed(tmp_path):
    file = tmp_path / "open.obj"
    file.write_text(CUBE_OBJ.rsplit("f", 1)[0])
    with pytest.raises(ModelError, match=r"open\.obj: the mesh is not closed, so it has no mass; repair it or use fixed=True"):
        primitives.mesh(file)
    assert primitives.mesh(file, fixed=True).links[0].mass == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: primitives.box((1.0, 2.0)), "box size is .*, expected 3 numbers"),
        (lambda: primitives.box((1.0, 2.0, -1.0)), "box size is -1.0, expected a positive number"),
        (lambda: primitives.sphere(0.0), "sphere radius is 0.0, expected a positive number"),
        (lambda: primitives.capsule(0.1, float("nan")), "capsule height is nan"),
        (lambda: primitives.cylinder(0.1, 1.0, rho=-1), "rho is -1"),
        (lambda: primitives.plane((0, 0, 0)), "plane normal is zero"),
    ],
)
def test_wrong_values_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
