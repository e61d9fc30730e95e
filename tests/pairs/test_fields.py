"""Height fields: layout, refusals, contacts against MuJoCo, resting flat."""

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.pairs import PAIRS
from genesis.pairs.field import pack_field
from tests.pairs import harness, meshes, oracle
from tests.pairs.harness import Samples
from tests.pairs.samples import over_field, random_samples

REACH = 0.05
FIELDS = [pytest.param(code, id=pair.NAME) for code, pair in PAIRS.items() if code[0] == 1]


@pytest.mark.parametrize("code", FIELDS)
def test_contacts_are_mujocos(engine, code):
    """Contact or none, and the deepest one; MuJoCo gives one contact of two polytopes, here their sides may give more."""
    low, high = meshes.HEIGHTS.min(), meshes.HEIGHTS.max()
    rows, columns = meshes.HEIGHTS.shape
    elevation = " ".join(f"{x:.9g}" for x in ((meshes.HEIGHTS - low) / (high - low)).ravel())
    field = f'<hfield name="f" nrow="{rows}" ncol="{columns}" size="1 0.8 {high - low:.12g} 0.5" elevation="{elevation}"/>'
    points = meshes.pebble(3)
    extra = ('hfield="f"', 'mesh="m"' if code[1] == 7 else "")
    model = oracle.build(code, REACH, field + meshes.asset("m", points), extra)
    model.opt.ccd_tolerance, model.opt.ccd_iterations = 1e-12, 500
    samples = over_field(random_samples(150))
    heights = model.hfield_data.reshape(rows, columns) * model.hfield_size[0, 2]  # single precision
    samples = meshes.with_meshes(samples, code, [points], heights)
    found, count = harness.find(code, samples, REACH)
    wanted = oracle.contacts(model, samples)
    assert sum(count > 0) > 80
    for i, contacts in enumerate(wanted):
        assert (len(contacts) > 0) == (count[i] > 0)
        if len(contacts):
            assert found[i, : count[i], 6].min() == pytest.approx(contacts[:, 6].min(), abs=2e-5 if code[1] in (2, 3) else 1e-4)


@pytest.mark.parametrize("code", FIELDS)
def test_resting_on_flat_ground(engine, code):
    """The ground pushes upwards with the true depth; a box and a prism do not rock, also within one triangle."""
    ground = np.zeros((5, 5))
    for place in ((0.0, 0.0), (0.27, 0.13)):
        size = np.array([[[0, 0, 0], [0.1, 0.1, 0.1]]])
        depth = {2: 0.1, 3: 0.2, 4: 0.1, 5: 0.1, 6: 0.1, 7: 0.3}[code[1]] - 0.01
        p = np.array([[[0, 0, 0], [*place, depth]]], float)
        samples = Samples(p, np.array([[np.eye(3)] * 2]), size)
        found, count = harness.find(code, meshes.with_meshes(samples, code, [meshes.prism(6)], ground), 0.0)
        down = found[0, : count[0]]
        down = down[np.abs(down[:, 5] - 1) < 1e-9]
        np.testing.assert_allclose(down[:, 6], -0.01, atol=1e-6)
        if code[1] in (5, 6, 7):
            assert len(down) >= 3
            offset = down[:, :2] - place
            assert np.linalg.norm(offset.mean(axis=0)) < np.linalg.norm(offset, axis=1).max()


@pytest.mark.parametrize("shape", [(1, 5), (1000, 1000)])
def test_fields_that_cannot_be_numbered_are_refused(shape):
    with pytest.raises(InputError, match="height field"):
        pack_field(np.zeros(shape), 1.0, 1.0, 0.1)
