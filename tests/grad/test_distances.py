"""Distances of pairs of geoms against MuJoCo's, near, far and overlapping, and their slopes against differences."""

import mujoco
import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError
from genesis.grad.distances import Distances
from genesis.grad.rotation import from_rotation_vector, multiply
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
