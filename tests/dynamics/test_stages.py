"""Single stages against dense linear algebra and the numpy twin: kinematics, mass matrix, factorization, solution."""

import re

import numpy as np
import pytest

from genesis.description.read import read_urdf
from genesis.dynamics.factorization import factorize, solve
from genesis.dynamics.kinematics import kinematics
from genesis.dynamics.mass_matrix import clear_mass_matrix, composite
from genesis.model.compile import Placed, compile_model
from genesis.model.model import Model
from tests.dynamics.conversions import advance
from tests.dynamics.stages import Workbench
from tests.dynamics.systems import GRAVITY, MJCF, ROBOTS, descriptions, model_of
from tests.oracles import LOCAL
from tests.reference_dynamics import ReferenceDynamics

LANES = (1, 4)
SINGLE = (*MJCF, "gripper")  # systems of one tree


def positions(model: Model, lanes: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([advance(model, model.qpos0, 0.6 * rng.normal(size=model.nv)) for _ in range(lanes)])


def dense(model: Model, entries: np.ndarray) -> np.ndarray:
    """Lower triangle of the sparse rows, (nv, nv)."""
    matrix, i = np.zeros((model.nv, model.nv)), model.integers
    for k in range(model.nv):
        for at in range(i["dof_madr"][k], i["dof_madr"][k] + i["dof_depth"][k] + 1):
            matrix[k, i["m_column"][at]] = entries[at]
    return matrix


def mass(m, s) -> None:
    kinematics(m, s, False, 0)
    clear_mass_matrix(m, s, 0.0)
    composite(m, s, True)


def solved(m, s) -> None:
    mass(m, s)
    factorize(m, s)
    solve(m, s, "a")


def masses(model: Model, lanes: int, q: np.ndarray, v: np.ndarray | None = None) -> list[np.ndarray]:
    """(lower triangles of M, forces - c)."""
    entries, tau = Workbench(model, lanes).run(mass, "mass", "tau", q=q, v=np.zeros(model.nv) if v is None else v)
    return [np.stack([dense(model, e) for e in entries]), tau]


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", SINGLE)
def test_mass_matrix_and_bias_equal_the_numpy_twin(engine, name, lanes):
    model, (description,) = model_of(name), descriptions(name)
    q, v = positions(model, lanes), np.random.default_rng(1).normal(size=(lanes, model.nv))
    lower, tau = masses(model, lanes, q, v)
    twin = ReferenceDynamics(description, GRAVITY)
    for e in range(lanes):
        expected = twin.mass_matrix(q[e])
        np.testing.assert_allclose(lower[e] + np.tril(lower[e], -1).T, expected, atol=1e-13 * np.abs(expected).max())
        bias = twin.bias(q[e], v[e])
        np.testing.assert_allclose(-tau[e], bias, atol=1e-13 * np.abs(bias).max())


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", [*SINGLE, "pair"])
def test_factors_and_solution(engine, name, lanes):
    """M = L^T D L and M a = b; mimic joints across branches fill in what the tree alone would not."""
    model, rng = model_of(name), np.random.default_rng(2)
    q, right = positions(model, lanes), rng.normal(size=(lanes, model.nv))
    lower, _ = masses(model, lanes, q)
    factors, inverse_pivot, solution = Workbench(model, lanes).run(solved, "mass", "inverse_pivot", "a", q=q, a=right)
    for e in range(lanes):
        M, found = lower[e] + np.tril(lower[e], -1).T, dense(model, factors[e])
        L, D = np.tril(found, -1) + np.eye(model.nv), np.diag(found.diagonal())
        np.testing.assert_allclose(L.T @ D @ L, M, atol=1e-14 * np.abs(M).max())
        np.testing.assert_allclose(inverse_pivot[e], 1.0 / found.diagonal(), rtol=1e-15)
        expected = np.linalg.solve(M, right[e])
        np.testing.assert_allclose(solution[e], expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


def test_a_follower_may_come_before_its_leader(engine):
    """Order of the links in the file does not matter: mass matrix and bias equal the numpy twin's."""
    text = (ROBOTS / "gripper.urdf").read_text()
    for kind, one, other in (("link", "left", "right"), ("joint", "finger", "other")):
        a, b = (re.search(rf'<{kind} name="{name}".*?</{kind}>', text, re.DOTALL).group() for name in (one, other))
        text = text.replace(a, "@").replace(b, a).replace("@", b)
    description = read_urdf(text, fixed=True)
    names = [joint.name for link in description.links for joint in link.joints]
    assert names.index("other") < names.index("finger")
    model, twin = compile_model([Placed(description, "gripper")], GRAVITY), ReferenceDynamics(description, GRAVITY)
    q, v = positions(model, 4), np.random.default_rng(1).normal(size=(4, model.nv))
    lower, tau = masses(model, 4, q, v)
    for e in range(4):
        expected, bias = twin.mass_matrix(q[e]), twin.bias(q[e], v[e])
        np.testing.assert_allclose(lower[e] + np.tril(lower[e], -1).T, expected, atol=1e-13 * np.abs(expected).max())
        np.testing.assert_allclose(-tau[e], bias, atol=1e-13 * np.abs(bias).max())


def test_a_mimic_robot_equals_the_numpy_twin(engine):
    """The panda's gripper: one finger follows the other."""
    description = read_urdf(LOCAL / "urdf" / "panda.urdf", fixed=True)
    model = compile_model([Placed(description, "panda")])
    assert (model.nv, model.sizes["njnt"]) == (8, 9)
    q = positions(model, 1, seed=3)
    (lower,), _ = masses(model, 1, q)
    expected = ReferenceDynamics(description).mass_matrix(q[0])
    np.testing.assert_allclose(lower + np.tril(lower, -1).T, expected, atol=1e-13 * np.abs(expected).max())
