"""Chains: the motion axes between two bodies give MuJoCo's relative Jacobian; patterns hold what constraints couple."""

import mujoco
import numpy as np
import pytest

from genesis.description.description import Description, Joint, Link
from genesis.description.read import read_mjcf
from genesis.model.builder import Builder
from genesis.model.chains import Chains
from genesis.model.compile import Placed, compile_model
from genesis.model.invweight import placed_axes
from genesis.model.sparsity import motion_axes, sparsity
from tests.dynamics.systems import SYSTEMS, model_of
from tests.model.random_worlds import random_world


def relative_jacobian(model: mujoco.MjModel, data: mujoco.MjData, bodies: tuple[int, int], point: np.ndarray) -> np.ndarray:
    """(6, nv) velocity of ``point`` and angular velocity, body 2 minus body 1."""
    out = []
    for body in bodies:
        J = np.zeros((6, model.nv))
        mujoco.mj_jac(model, data, J[:3], J[3:], point, body)
        out.append(J)
    return out[1] - out[0]


@pytest.mark.parametrize("seed", range(5))
def test_axes_of_a_chain_are_the_relative_jacobian(seed):
    text, point = random_world(seed), np.array([0.3, -0.2, 0.7])
    mj = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(mj)
    mujoco.mj_fwdPosition(mj, data)
    b = Builder()
    b.add(Placed(read_mjcf(text), "world"))
    columns, _ = placed_axes(b, b.qpos0)
    i = compile_model([Placed(read_mjcf(text), "world")]).integers
    for chain in set(i["cand_chain"].tolist()):
        row = i["cand_chain"].tolist().index(chain)
        bodies = tuple(int(i["geom_slot"][i[f"cand_geom{k}"][row]]) for k in (1, 2))
        J = np.zeros((6, mj.nv))
        dofs = i["cdof_dof"][i["chain_dofadr"][chain] :][: i["chain_dofnum"][chain]]
        for x in range(i["chain_axisadr"][chain], i["chain_axisadr"][chain] + i["chain_axisnum"][chain]):
            angular, linear = columns[i["cax_axis"][x]]
            J[:, dofs[i["cax_local"][x]]] += i["cax_side"][x] * np.concatenate([linear + np.cross(angular, point), angular])
        np.testing.assert_allclose(J, relative_jacobian(mj, data, bodies, point), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_axes_that_turn_both_bodies_move_points_that_lie_apart(seed):
    """Every pair of bodies, each with a point of its own: MuJoCo's Jacobian of the one against the other."""
    text, points = random_world(seed), (np.array([0.3, -0.2, 0.7]), np.array([-0.1, 0.4, 0.5]))
    mj = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(mj)
    mujoco.mj_fwdPosition(mj, data)
    b = Builder()
    b.add(Placed(read_mjcf(text), "world"))
    axes, (columns, _) = motion_axes(b), placed_axes(b, b.qpos0)
    chains, both = Chains(axes, mj.nv), 0
    for slots in ((i, k) for i in range(mj.nbody) for k in range(mj.nbody)):
        chain = chains.between(*slots, apart=True)
        J = np.zeros((6, mj.nv))
        for axis, side in chains.axes[chain]:
            angular, linear = columns[axis]
            ends = [np.concatenate([linear + np.cross(angular, point), angular]) for point in points]
            J[:, axes.dof[axis]] += {1: ends[1], -1: -ends[0], 0: ends[1] - ends[0]}[side]
            both += side == 0
        expected = np.zeros((6, mj.nv))
        for body, point, sign in zip(slots, points, (-1.0, 1.0), strict=True):
            end = np.zeros((6, mj.nv))
            mujoco.mj_jac(mj, data, end[:3], end[3:], point, body)
            expected += sign * end
        np.testing.assert_allclose(J, expected, atol=1e-12)
        assert set(np.flatnonzero(expected.any(0))) <= set(chains.dofs[chain])
    assert both > 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_dofs_descend_and_lie_in_the_pattern(name):
    m = model_of(name)
    i = m.integers
    for adr, number, tree in zip(i["chain_dofadr"], i["chain_dofnum"], i["chain_tree"], strict=True):
        dofs = i["cdof_dof"][adr : adr + number].tolist()
        assert dofs == sorted(set(dofs), reverse=True)
        rows = {d: i["hess_column"][i["hess_adr"][d] :][: i["hess_depth"][d] + 1].tolist() for d in dofs}
        mass = {d: i["m_column"][i["dof_madr"][d] :][: i["dof_depth"][d] + 1].tolist() for d in dofs}
        pairs = [(d, k) for n, d in enumerate(dofs) for k in dofs[n:]]
        assert all(k in rows[d] for d, k in pairs)
        assert tree == all(k in mass[d] for d, k in pairs)
    assert [i["cdof_dof"][i["chain_dofadr"][c]] for c in i["dof_chain"]] == list(range(m.nv))
    assert all(i["chain_dofnum"][c] == 1 and i["chain_axisnum"][c] == 0 for c in i["dof_chain"])


def test_two_branches_fill_the_hessian_in():
    """Legs on one base: the mass matrix keeps them apart, contact between them does not."""
    legs = [Link(f"leg{k}", 0, mass=1.0, inertia=np.eye(3), joints=[Joint(f"j{k}", "hinge")]) for k in range(2)]
    base = Link("base", -1, mass=1.0, inertia=np.eye(3), joints=[Joint("rail", "slide")])
    b = Builder()
    b.add(Placed(Description("walker", links=[base, *legs]), "walker"))
    axes = motion_axes(b)
    mass = sparsity(3, [(axes.dof[x], axes.dof[y]) for x, path in enumerate(axes.paths) for y in path])
    chains = Chains(axes, 3)
    between = chains.between(2, 3)
    assert chains.dofs[between] == (2, 1) and chains.axes[between] == ((2, 1), (1, -1))
    assert chains.between(2, 3) == between and chains.between(0, 2) != chains.between(2, 0)
    apart = chains.between(2, 3, apart=True)  # the rail moves both legs together, it turns neither
    assert chains.axes[apart] == chains.axes[between] and chains.between(2, 2, apart=True) != between
    arrays = chains.integers(mass)
    assert arrays["chain_tree"][between] == 0 and arrays["chain_tree"][chains.between(0, 2)] == 1
    assert mass.depth.tolist() == [0, 1, 1]
    assert sparsity(3, chains.pairs() | set(mass.address)).depth.tolist() == [0, 1, 2]
