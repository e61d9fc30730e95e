"""Distances of pairs of geoms against MuJoCo's, near, far and overlapping, and their slopes against differences."""

import mujoco
import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError, InputError
from genesis.grad.distances import Distances
from genesis.grad.rotation import from_rotation_vector, multiply
from genesis.grad.rotation import matrix as rotation_matrix
from genesis.model.layout import GEOM_CODE, PAIR_TYPES

pytestmark = pytest.mark.usefixtures("engine")

NAMES = list(GEOM_CODE)
SIZES = {
    "sphere": [0.1, 0, 0], "capsule": [0.05, 0.2, 0], "ellipsoid": [0.1, 0.2, 0.05], "cylinder": [0.1, 0.2, 0], "box": [0.1, 0.2, 0.05],
    "plane": [5, 5, 0.1], "mesh": [0, 0, 0],
}  # fmt: skip
CORNERS = np.random.default_rng(1).standard_normal((20, 3)) * 0.1
PAIRS = [(NAMES[a], NAMES[b]) for a, b in PAIR_TYPES if "hfield" not in (NAMES[a], NAMES[b])]
SAMPLES = 60


def geom(name: str) -> str:
    size = " ".join(map(str, SIZES[name]))
    return 'type="mesh" mesh="m"' if name == "mesh" else f'type="{name}" size="{size}"'


def cases(a: str, b: str) -> tuple[Distances, np.ndarray, np.ndarray, np.ndarray]:
    """The pair, poses (N, 2, 3), (N, 2, 4), MuJoCo's distances (N,)."""
    corners = " ".join(map(str, CORNERS.ravel()))
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><asset><mesh name="m" vertex="{corners}" inertia="convex"/></asset><worldbody>'
        f'<body mocap="true"><geom {geom(a)}/></body><body mocap="true"><geom {geom(b)}/></body></worldbody></mujoco>'
    )
    model.opt.ccd_tolerance, model.opt.ccd_iterations = 1e-12, 200
    data, random = mujoco.MjData(model), np.random.default_rng(0)
    hulls = {k: model.mesh_vert.astype(float) for k, name in enumerate((a, b)) if name == "mesh"}
    pair = Distances([GEOM_CODE[a], GEOM_CODE[b]], np.array([SIZES[a], SIZES[b]]), hulls, [(0, 1)])
    pos, quat, wanted = np.zeros((SAMPLES, 2, 3)), np.zeros((SAMPLES, 2, 4)), np.zeros(SAMPLES)
    for k in range(SAMPLES):
        data.mocap_pos[:] = random.standard_normal((2, 3)) * (0.05, 0.5, 5.0)[k % 3]
        turns = random.standard_normal((2, 4))
        data.mocap_quat[:] = turns / np.linalg.norm(turns, axis=1, keepdims=True)
        mujoco.mj_kinematics(model, data)
        wanted[k] = mujoco.mj_geomDistance(model, data, 0, 1, 100.0, np.zeros(6))
        for g in range(2):
            pos[k, g] = data.geom_xpos[g]
            mujoco.mju_mat2Quat(quat[k, g], data.geom_xmat[g])
    return pair, pos, quat, wanted


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_distances_are_mujocos_and_slopes_those_of_differences(a: str, b: str) -> None:
    pair, pos, quat, wanted = cases(a, b)
    p, q = (torch.from_numpy(x).requires_grad_() for x in (pos, quat))
    found = pair(p, q)
    found.sum().backward()
    assert p.grad is not None and q.grad is not None
    d = found.detach().numpy()[:, 0]
    apart = wanted > 1e-6
    assert d[apart] == pytest.approx(wanted[apart], abs=1e-9) and apart.sum() > 10
    if (a, b) == (
        "capsule",
        "box",
    ):  # MuJoCo's depth of a capsule in a box is not what it takes to part them; that in its hull is
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * SIZES["box"]
        hull = Distances(
            [GEOM_CODE["capsule"], GEOM_CODE["mesh"]], np.array([SIZES["capsule"], SIZES["box"]]), {1: signs}, [(0, 1)]
        )
        wanted = hull(p, q).detach().numpy()[:, 0]
    assert d[~apart] == pytest.approx(wanted[~apart], abs=1e-9)
    random = np.random.default_rng(2)
    moved, turned, step = random.standard_normal(pos.shape), torch.from_numpy(random.standard_normal(pos.shape)), 1e-6

    def at(size: float) -> np.ndarray:
        return pair(
            torch.from_numpy(pos + size * moved), multiply(from_rotation_vector(size * turned), torch.from_numpy(quat))
        ).numpy()[:, 0]

    differences = (at(step) - at(-step)) / (2.0 * step)
    still = torch.zeros_like(turned[..., :1])
    turning = 0.5 * multiply(torch.cat([still, turned], -1), torch.from_numpy(quat))
    slopes = (p.grad.numpy() * moved).sum((1, 2)) + (q.grad * turning).numpy().sum((1, 2))
    smooth = np.abs(at(step) + at(-step) - 2.0 * d) < 1e-8  # at a kink there are two slopes
    assert smooth.sum() >= SAMPLES - 2
    assert slopes[smooth] == pytest.approx(differences[smooth], abs=1e-6)


def support(name: str, n: np.ndarray) -> np.ndarray:
    """How far (N,) a geom reaches along directions (N, 3) of its frame; a plane along its normal."""
    x, y, z = SIZES[name]
    return {
        "plane": lambda: 0.0 * n[:, 0],
        "sphere": lambda: x + 0.0 * n[:, 0],
        "capsule": lambda: x + y * np.abs(n[:, 2]),
        "cylinder": lambda: x * np.hypot(n[:, 0], n[:, 1]) + y * np.abs(n[:, 2]),
        "box": lambda: np.abs(n) @ np.array([x, y, z]),
        "ellipsoid": lambda: np.linalg.norm(n * np.array([x, y, z]), axis=1),
        "mesh": lambda: (n @ CORNERS.T).max(1),
    }[name]()


def one_pair(a: str, b: str) -> Distances:
    corners = {k: CORNERS for k, name in enumerate((a, b)) if name == "mesh"}
    return Distances([GEOM_CODE[a], GEOM_CODE[b]], np.array([SIZES[a], SIZES[b]]), corners, [(0, 1)])


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_no_distance_is_larger_than_the_gap_of_planes_across_its_normal(a: str, b: str) -> None:
    random = np.random.default_rng(6)
    pos = torch.from_numpy(random.standard_normal((6000, 2, 3)) * np.array([0.05, 0.12, 0.2])[np.arange(6000) % 3, None, None])
    quat = torch.nn.functional.normalize(torch.from_numpy(random.standard_normal((6000, 2, 4))), dim=-1)
    found = one_pair(a, b).measure(pos, quat)
    normal, turn = found.normal[:, 0], rotation_matrix(quat)
    own = [np.einsum("nij,ni->nj", turn[:, k].numpy(), sign * normal.numpy()) for k, sign in ((0, 1.0), (1, -1.0))]
    gap = (normal * (pos[:, 1] - pos[:, 0])).sum(-1).numpy() - support(a, own[0]) - support(b, own[1])
    assert found.distance.numpy()[:, 0] == pytest.approx(gap, abs=1e-8)


@pytest.mark.parametrize(
    ("a", "b"), [("sphere", "ellipsoid"), ("capsule", "cylinder"), ("box", "mesh"), ("plane", "box"), ("cylinder", "box")]
)
def test_slopes_in_sizes_are_those_of_differences(a: str, b: str) -> None:
    pair, pos, quat, _ = cases(a, b)
    random = np.random.default_rng(3)
    sizes = torch.from_numpy(np.array([SIZES[a], SIZES[b]]) * random.uniform(0.9, 1.1, (len(pos), 2, 3)))
    p, q = torch.from_numpy(pos), torch.from_numpy(quat)
    direction = torch.from_numpy(random.standard_normal((len(pos), 2, 3)) * (np.array([SIZES[a], SIZES[b]]) > 0.0))
    given = sizes.clone().requires_grad_()
    d = pair(p, q, given)
    d.sum().backward()
    assert given.grad is not None
    slopes = (given.grad * direction).sum((1, 2)).numpy()
    up, down = (pair(p, q, sizes + step * direction)[:, 0].numpy() for step in (1e-6, -1e-6))
    smooth = np.abs(up + down - 2.0 * d.detach().numpy()[:, 0]) < 1e-8
    assert smooth.sum() >= SAMPLES - 4
    assert slopes[smooth] == pytest.approx((up - down)[smooth] / 2e-6, abs=1e-6)
    shared = torch.from_numpy(np.array([SIZES[a], SIZES[b]])).requires_grad_()
    pair(p, q, shared).sum().backward()
    each = shared.detach().expand(len(pos), 2, 3).clone().requires_grad_()
    pair(p, q, each).sum().backward()
    assert shared.grad is not None and each.grad is not None
    assert shared.grad.numpy() == pytest.approx(each.grad.sum(0).numpy(), abs=1e-12), "one size for all samples"


def some() -> tuple[tuple, torch.Tensor, torch.Tensor]:
    """Kinds and sizes of five geoms, poses of 200 samples."""
    random, names = np.random.default_rng(4), ["box", "sphere", "capsule", "mesh", "plane"]
    pos = torch.from_numpy(random.standard_normal((200, 5, 3)) * 0.5)
    quat = torch.nn.functional.normalize(torch.from_numpy(random.standard_normal((200, 5, 4))), dim=-1)
    sizes = np.array([SIZES[name] for name in names])
    return ([GEOM_CODE[name] for name in names], sizes, {3: CORNERS + 0.3}), pos, quat


def test_a_row_of_pairs_has_the_smallest_distance_and_its_slope() -> None:
    geoms, pos, quat = some()
    pairs, rows = [(0, 1), (2, 0), (3, 0), (3, 2), (4, 1), (3, 4)], [0, 0, 0, 1, 2, 2]
    single = Distances(*geoms, pairs)
    p, q = pos.clone().requires_grad_(), pos.clone().requires_grad_()
    each = single(p, quat)
    least = torch.stack([each[:, :3].amin(-1), each[:, 3], each[:, 4:].amin(-1)], -1)
    together = Distances(*geoms, pairs, rows)
    found = together(q, quat)
    assert torch.equal(found, least)
    which = [each[:, :3].argmin(-1), torch.full((200,), 3), 4 + each[:, 4:].argmin(-1)]
    assert torch.equal(together.measure(pos, quat).pair, torch.stack(which, -1))
    least.square().sum().backward()
    found.square().sum().backward()
    assert p.grad is not None and q.grad is not None and q.grad == pytest.approx(p.grad, abs=1e-12)


def test_one_distance_stands_for_all_beyond_it() -> None:
    geoms, pos, quat = some()
    pairs = [(0, 1), (2, 0), (3, 0), (3, 2), (4, 1), (3, 4)]
    whole, near = Distances(*geoms, pairs)(pos, quat), Distances(*geoms, pairs, beyond=0.3)
    p = pos.clone().requires_grad_()
    found = near(p, quat)
    assert torch.equal(found, whole.clamp(max=0.3))
    for k in range(len(pairs)):
        (slope,) = torch.autograd.grad(found[:, k].sum(), p, retain_graph=True)
        far = whole[:, k] >= 0.3
        assert far.any() and not far.all()
        assert not slope[far].any() and (slope[~far].norm(dim=-1).amax(-1) > 0.99).all()


def test_two_planes_and_height_fields_have_no_distance() -> None:
    for name in ("plane", "hfield"):
        with pytest.raises(InputError, match=f"types {name} and {name}"):
            Distances([GEOM_CODE[name]] * 2, np.ones((2, 3)), {}, [(0, 1)])


def test_many_pairs_of_many_samples_are_measured_as_one_by_one() -> None:
    kinds, random = [GEOM_CODE[name] for name in ("box", "sphere", "capsule")], np.random.default_rng(4)
    sizes = np.array([SIZES["box"], SIZES["sphere"], SIZES["capsule"]])
    pairs = [(0, 1), (2, 0), (1, 2)]
    pos = torch.from_numpy(random.standard_normal((3000, 3, 3)))
    quat = torch.nn.functional.normalize(torch.from_numpy(random.standard_normal((3000, 3, 4))), dim=-1)
    whole = Distances(kinds, sizes, {}, pairs)(pos, quat)
    for k, pair in enumerate(pairs):
        assert torch.equal(whole[::500, k : k + 1], Distances(kinds, sizes, {}, [pair])(pos[::500], quat[::500]))


def test_a_pose_that_is_not_finite_has_no_distance() -> None:
    pair = Distances([GEOM_CODE["sphere"]] * 2, np.array([SIZES["sphere"]] * 2), {}, [(0, 1)])
    pos = torch.zeros(1, 2, 3, dtype=torch.float64)
    pos[0, 0, 0] = float("nan")
    with pytest.raises(DivergenceError, match="a pose is not finite"):
        pair(pos, torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).expand(1, 2, 4))
