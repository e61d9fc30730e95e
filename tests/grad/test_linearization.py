"""Linearised steps against the adjoint launched row by row, differences in tangents, and MuJoCo's."""

import pytest
import torch

from genesis.grad.linearization import LinearStep, Where, by_adjoints, linear_step
from genesis.grad.physics import Physics
from tests.dynamics.constraints import test_implicit
from tests.dynamics.constraints.scenes import SCENES, SCREW_SCENES, Scene, scene, smooth, states

pytestmark = pytest.mark.usefixtures("engine")
COUNT = 5  # more than one block of lanes, the last one not full
ROUNDING = 1e-9  # the same sums in another order, of stiff rows
SMOOTH = ("limits", "branches pyramids damped", "contact3 pyramids", "contact6 cones-5", "explicit cones", "screws")
IMPLICIT = tuple((kind, law) for kind in test_implicit.KINDS for law in ("mujoco", "smooth"))


def places(s: Scene) -> Where:
    """States near the described pose in which most constraints act, with controls that differ."""
    x = s.system
    if s.name in test_implicit.KINDS:
        generator = torch.Generator().manual_seed(2)
        spread = 1.0 + 0.02 * torch.rand(COUNT, 1, generator=generator, dtype=torch.float64)
        q, v = x.qpos * spread, x.qvel * spread
    else:
        q, v = (torch.tensor(rows) for rows in states(s.name, s.model, COUNT))
    act_ctrl = x.act_ctrl[:COUNT] if s.model.nu else None
    return Where(s.physics.pack(), q, v, x.dof_ctrl[:COUNT].contiguous(), act_ctrl, None)


def linearized(physics: Physics, x: Where, columns: torch.Tensor | None) -> LinearStep:
    return linear_step(physics, x.theta, x.qpos, x.qvel, x.dof_ctrl, x.act_ctrl, columns)


def worst(found: LinearStep, expected: LinearStep) -> float:
    """Largest difference of a table, by its largest entry."""
    most = 0.0
    for a, b in ((found.next, expected.next), (found.acceleration, expected.acceleration)):
        for x, y in zip(a.tables(), b.tables(), strict=True):
            if y.numel():
                most = max(most, float((x - y).abs().max() / y.abs().max().clamp(min=1e-3)))
    return most


def rows_agree(s: Scene) -> None:
    x, none = places(s), torch.zeros(0, dtype=torch.int64)
    everything = torch.arange(s.model.parameter_size)
    expected = by_adjoints(s.physics, x, slice(0, COUNT), 16, everything)
    found = linearized(s.physics, x, everything)
    assert float(expected.next.parameters.abs().max()) > 1e-3
    assert worst(found, expected) <= ROUNDING
    assert worst(linearized(s.physics, x, None), by_adjoints(s.physics, x, slice(0, COUNT), 16, none)) <= ROUNDING


@pytest.mark.parametrize("name", (*SCENES, *SCREW_SCENES))
def test_rows_are_those_of_the_adjoint(name: str) -> None:
    rows_agree(scene(name))


@pytest.mark.parametrize("name", SMOOTH)
def test_rows_with_the_smooth_law(name: str) -> None:
    rows_agree(smooth(scene(name)))


@pytest.mark.parametrize(
    ("kind", "law"), [pytest.param(*case, marks=() if case in test_implicit.USUAL else pytest.mark.slow) for case in IMPLICIT]
)
def test_rows_of_implicit_integrators(kind: str, law: str) -> None:
    rows_agree(test_implicit.with_controllers(test_implicit.scene(kind, law)))
