"""The flat arrays of the kernels: every parameter and integer in its place."""

import numpy as np
import pytest

from genesis.model.layout import PARAMETER, PARAMETERS, SIZES, parameter_offsets
from tests.dynamics.systems import SYSTEMS, model_of


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


@pytest.mark.parametrize("name", SYSTEMS)
def test_integers_are_in_range(name):
    """Indices point where they say: what a kernel reads without asking."""
    m = model_of(name)
    i, sizes = m.integers, m.sizes
    assert all(0 <= p <= l for l, p in enumerate(i["link_parent"]))
    assert i["link_jntnum"].sum() == sizes["njnt"] and i["axis_pairnum"].sum() == sizes["npair"]
    assert i["act_trnnum"].sum() == sizes["ntrn"]
    below = {
        "jnt_qadr": "nq", "jnt_dof": "nv", "jnt_axisadr": "naxis", "axis_dof": "nv", "pair_axis": "naxis", "pair_adr": "nM",
        "dof_madr": "nM", "m_column": "nv", "trn_dof": "nv", "dof_qadr": "nq",
    }  # fmt: skip
    for key, size in below.items():
        assert i[key].max(initial=0) < max(sizes[size], 1) and i[key].min(initial=0) >= (-1 if key == "dof_qadr" else 0), key
    assert m.pack_integers().dtype == np.int32
