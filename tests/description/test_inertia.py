import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.description import inertia as I
from genesis.description.poses import quat_to_matrix


@pytest.fixture
def trimesh():
    return pytest.importorskip("trimesh", reason="trimesh is not installed")


def closed_form(kind: str) -> tuple[float, np.ndarray]:
    """Mass and inertia of a solid at density 7."""
    rho = 7.0
    if kind == "box":
        size = np.array([0.3, 0.5, 0.7])
        mass = rho * np.prod(size)
        return mass, I.box_inertia(mass, size)
    if kind == "sphere":
        mass = rho * 4 / 3 * np.pi * 0.4**3
        return mass, I.sphere_inertia(mass, 0.4)
    if kind == "cylinder":
        mass = rho * np.pi * 0.2**2 * 0.9
        return mass, I.cylinder_inertia(mass, 0.2, 0.9)
    mass = rho * I.capsule_volume(0.2, 0.6)
    return mass, I.capsule_inertia(mass, 0.2, 0.6)


@pytest.mark.parametrize(("kind", "tolerance"), [("box", 1e-12), ("sphere", 3e-3), ("cylinder", 1e-3), ("capsule", 3e-3)])
def test_closed_forms_equal_fine_meshes(kind, tolerance, trimesh):
    mass, inertia = closed_form(kind)
    create = trimesh.creation
    mesh = {
        "box": lambda: create.box([0.3, 0.5, 0.7]),
        "sphere": lambda: create.icosphere(subdivisions=5, radius=0.4),
        "cylinder": lambda: create.cylinder(radius=0.2, height=0.9, sections=512),
        "capsule": lambda: create.capsule(radius=0.2, height=0.6, count=[256, 256]),
    }[kind]()
    mesh.density = 7.0
    assert mesh.mass == pytest.approx(mass, rel=tolerance)
    np.testing.assert_allclose(mesh.moment_inertia, inertia, rtol=0, atol=tolerance * np.abs(inertia).max())


@pytest.mark.parametrize("kind", ["sphere", "cylinder", "capsule", "box"])
def test_closed_forms_equal_mujoco(kind):
    import mujoco

    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body()
    size = {"sphere": [0.4, 0, 0], "cylinder": [0.2, 0.45, 0], "capsule": [0.2, 0.3, 0], "box": [0.15, 0.25, 0.35]}[kind]
    body.add_geom(type=getattr(mujoco.mjtGeom, f"mjGEOM_{kind.upper()}"), size=size, density=7.0)
    model = spec.compile()
    mass, inertia = closed_form(kind)
    rotation = quat_to_matrix(model.body_iquat[1])
    assert model.body_mass[1] == pytest.approx(mass, rel=1e-12)
    np.testing.assert_allclose(rotation @ np.diag(model.body_inertia[1]) @ rotation.T, inertia, atol=1e-12)


def test_mesh_properties_equal_trimesh(trimesh):
    """A moved, turned, uneven body far from the origin."""
    mesh = trimesh.creation.annulus(r_min=0.1, r_max=0.3, height=0.5)
    mesh.apply_transform(trimesh.transformations.euler_matrix(0.3, -0.8, 1.9))
    mesh.apply_translation([10.0, -20.0, 30.0])
    volume, com, inertia = I.mesh_properties(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    assert volume == pytest.approx(mesh.volume, rel=1e-10)
    np.testing.assert_allclose(com, mesh.center_mass, rtol=1e-8)
    np.testing.assert_allclose(inertia, mesh.moment_inertia, atol=1e-8 * np.abs(mesh.moment_inertia).max())


def test_mesh_turned_inside_out_has_negative_volume(trimesh):
    mesh = trimesh.creation.box([1.0, 2.0, 3.0])
    volume, com, inertia = I.mesh_properties(np.asarray(mesh.vertices), np.asarray(mesh.faces)[:, ::-1])
    assert volume == pytest.approx(-6.0)
    np.testing.assert_allclose(-inertia, I.box_inertia(6.0, np.array([1.0, 2.0, 3.0])), atol=1e-12)
    np.testing.assert_allclose(com, 0.0, atol=1e-12)


def test_open_mesh_is_not_closed(trimesh):
    faces = np.asarray(trimesh.creation.box([1.0, 1.0, 1.0]).faces)
    assert I.is_closed(faces)
    assert not I.is_closed(faces[1:])


@given(st.integers(0, 10_000))
def test_two_halves_make_the_whole(seed):
    """A box cut in two, moved and turned as one: combine, shift and rotate undo the cut."""
    rng = np.random.default_rng(seed)
    size, cut = rng.uniform(0.1, 2.0, 3), rng.uniform(0.1, 0.9)
    mass = np.prod(size)
    left, right = size * [cut, 1, 1], size * [1 - cut, 1, 1]
    R, p = quat_to_matrix(rng.normal(size=4)), rng.normal(size=3)
    parts = []
    for edges, x in ((left, -(1 - cut) / 2), (right, cut / 2)):
        m = np.prod(edges)
        parts.append((m, p + R @ [x * size[0], 0, 0], I.rotate_inertia(I.box_inertia(m, edges), R)))
    total, com, inertia = I.combine(parts)
    assert total == pytest.approx(mass)
    np.testing.assert_allclose(com, p, atol=1e-12 * (1 + np.abs(p).max()))
    np.testing.assert_allclose(R.T @ inertia @ R, I.box_inertia(mass, size), atol=1e-12 * mass * size.max() ** 2)


def test_massless_parts_add_only_inertia():
    assert I.combine([(0.0, np.ones(3), np.eye(3))])[0] == 0.0
    mass, com, inertia = I.combine([(0.0, np.ones(3), np.eye(3)), (2.0, np.zeros(3), np.eye(3))])
    assert mass == 2.0
    np.testing.assert_array_equal(com, np.zeros(3))
    np.testing.assert_array_equal(inertia, 2 * np.eye(3))


@pytest.mark.parametrize(
    ("diagonal", "reason"),
    [((1, 1, 2), None), ((1, 2, 2.5), None), ((1, 1, 2.1), "triangle"), ((0, 1, 1), "positive"), ((-1, 1, 1), "positive")],
)
def test_unphysical_names_the_reason(diagonal, reason):
    R = quat_to_matrix(np.array([0.3, -0.2, 0.5, 0.7]))
    found = I.unphysical(R @ np.diag(diagonal).astype(float) @ R.T if reason != "positive" else np.diag(diagonal).astype(float))
    assert (found is None) if reason is None else reason in found


def test_the_nearest_body_keeps_what_is_known():
    """One moment of a rod far too small: the others give way, a turned tensor alike; a body stays as it is."""
    known = np.zeros((3, 3), bool)
    known[1, 1] = True
    made = I.nearest_physical(np.diag([0.01, 0.002, 0.0005]), known)
    assert I.unphysical(made) is None and abs(made[1, 1] - 0.002) <= 1e-12
    free = I.nearest_physical(np.diag([0.01, 0.002, 0.0005]))
    np.testing.assert_allclose(
        free, np.diag([0.01, 0.00575, 0.00425]), rtol=1e-5
    )  # second moments (-3.75, 4.25, 5.75) 1e-3, cut at 0
    R = quat_to_matrix(np.array([0.5, 0.5, -0.1, 0.7]) / np.linalg.norm([0.5, 0.5, -0.1, 0.7]))
    np.testing.assert_allclose(
        I.nearest_physical(R @ np.diag([0.01, 0.002, 0.0005]) @ R.T), R @ free @ R.T, rtol=1e-9, atol=1e-12
    )
    body = I.box_inertia(2.0, np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(I.nearest_physical(body), body, rtol=1e-14, atol=0)


def test_the_nearest_body_of_any_tensor():
    rng = np.random.default_rng(0)
    for _ in range(30):
        half = rng.normal(size=(3, 3))
        wanted, known = 0.01 * (half + half.T), rng.random((3, 3)) < 0.3
        assert I.unphysical(I.nearest_physical(wanted, known | known.T)) is None
    assert I.unphysical(I.nearest_physical(np.zeros((3, 3)))) is None
