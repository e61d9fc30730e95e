"""The flat arrays of the kernels: every parameter and integer in its place."""

import numpy as np
import pytest

from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model
from genesis.model.layout import INTEGERS, PAIR_TYPES, PARAMETER, PARAMETERS, SIZES, parameter_offsets
from tests.dynamics.systems import SYSTEMS, model_of
from tests.model.random_worlds import random_world
from tests.model.test_constraints import TIED


@pytest.mark.parametrize("name", SYSTEMS)
def test_parameters_follow_each_other(name):
    m = model_of(name)
    flat, end = m.pack_parameters(), 0
    for kind in PARAMETERS:
        offset, length = m.parameter_offsets[kind.name]
        assert offset == end and m.parameters[kind.name].shape == kind.shape(m.sizes)
        np.testing.assert_array_equal(flat[offset : offset + length], m.parameters[kind.name].ravel())
        end += length
    assert end == m.parameter_size == flat.size


def test_names_are_unique_and_documented():
    assert len(PARAMETER) == len(PARAMETERS)
    assert all(kind.unit and kind.meaning and kind.width >= 1 for kind in PARAMETERS)


def test_an_empty_model_has_gravity_only():
    sizes = dict.fromkeys(SIZES, 0)
    assert {k: length for k, (_, length) in parameter_offsets(sizes).items() if length} == {"gravity": 3}


@pytest.mark.parametrize("name", [*SYSTEMS, "tied", "world"])
def test_integers_are_in_range(name):
    """Indices point where they say: what a kernel reads without asking."""
    texts = {"tied": TIED, "world": random_world(0)}
    m = compile_model([Placed(read_mjcf(texts[name]), name)]) if name in texts else model_of(name)
    i, sizes = m.integers, m.sizes
    assert all(0 <= p <= l for l, p in enumerate(i["link_parent"]))
    assert i["link_jntnum"].sum() == sizes["njnt"] and i["axis_pairnum"].sum() == sizes["npair"]
    assert i["act_trnnum"].sum() == sizes["ntrn"]
    assert i["chain_axisnum"].sum() == sizes["nchainaxis"] and i["chain_dofnum"].sum() == sizes["nchaindof"]
    assert all(len(i[key]) == sizes[count] for key, count in INTEGERS)
    below = {
        "jnt_qadr": "nq", "jnt_dof": "nv", "jnt_axisadr": "naxis", "axis_dof": "nv", "pair_axis": "naxis", "pair_adr": "nM",
        "dof_madr": "nM", "m_column": "nv", "trn_dof": "nv", "dof_qadr": "nq", "dof_chain": "nchain", "hess_adr": "nH",
        "hess_column": "nv", "limit_jnt": "njnt", "limit_chain": "nchain", "eq_chain": "nchain", "eq_jnt1": "njnt",
        "eq_jnt2": "njnt", "cand_geom1": "ngeom", "cand_geom2": "ngeom", "cand_chain": "nchain", "cand_explicit": "nxpair",
        "cax_axis": "naxis", "cdof_dof": "nv", "chain_axisadr": "nchainaxis", "chain_dofadr": "nchaindof",
    }  # fmt: skip
    none = ("dof_qadr", "eq_jnt1", "eq_jnt2", "cand_explicit")  # -1 where there is none
    for key, size in below.items():
        top = sizes[size] + (key == "chain_axisadr")  # a chain of no axes may stand at the end
        assert i[key].max(initial=0) < max(top, 1) and i[key].min(initial=0) >= (-1 if key in none else 0), key
    assert all(0 <= i[key].min(initial=0) and i[key].max(initial=0) <= m.nlink for key in ("eq_slot1", "eq_slot2", "geom_slot"))
    assert i["cand_code"].max(initial=0) < len(PAIR_TYPES) and set(i["cax_side"]) <= {-1, 0, 1}
    chain = np.repeat(np.arange(sizes["nchain"]), i["chain_axisnum"])
    assert (i["cax_local"] < i["chain_dofnum"][chain]).all()
    assert m.pack_integers().dtype == np.int32


def test_free_bodies_are_trees_with_a_free_joint_and_no_other():
    mass = '<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
    bodies = f"""<body>{mass}<joint/></body>
      <body><freejoint/>{mass}<body>{mass}<body>{mass}</body></body></body>
      <body><freejoint/>{mass}<body>{mass}<joint type="ball"/></body><body>{mass}</body></body>
      <body>{mass}<joint type="slide"/><joint type="ball"/></body>
      <body>{mass}</body>"""
    m = compile_model([Placed(read_mjcf(f"<mujoco><worldbody>{bodies}</worldbody></mujoco>"), "world")])
    assert m.integers["link_free"].tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 0]
