"""Closed loops in one launch: against a loop of single steps, against rollouts of the controls that acted, and what must not leak."""

import re

import pytest
import torch

from genesis.errors import InputError
from genesis.grad.closed_loop import closed_loop
from genesis.grad.physics import Physics
from genesis.grad.tangent import plus
from tests.dynamics.constraints.scenes import scene
from tests.dynamics.systems import DT, SYSTEMS, system
from tests.grad import slow

pytestmark = pytest.mark.usefixtures("engine")
LENGTHS = (1.0, 0.5, 0.25, 0.1, 0.0, 1.0)
HORIZON = 20
VARIANTS = {
    "Euler": {},
    "substeps": {"substeps": 3},
    "implicit": {"integrator": "implicit"},
    "RK4": {"integrator": "RK4", "substeps": 2},
}


def loop_of(
    physics: Physics, seed: int = 0, gaps: bool = True, lengths: tuple[float, ...] = LENGTHS, spread: float = 0.5
) -> dict:
    """Arguments of a closed loop: a path that is no motion, gains of order one, bounds that some controls reach."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5

    nv, dofs = physics.nv, list(range(physics.nv))[::-2]
    start = torch.as_tensor(physics.model.qpos0).expand(HORIZON + 1, -1)
    return dict(
        theta=physics.pack(), qpos=plus(physics.model, start, spread * random(HORIZON + 1, nv)), qvel=random(HORIZON + 1, nv),
        dof_ctrl=random(HORIZON, nv), dofs=dofs, low=0.4 * random(len(dofs)) - 0.4, high=0.4 * random(len(dofs)) + 0.4,
        feedforward=random(HORIZON, len(dofs)), gains=0.5 * random(HORIZON, len(dofs), 2 * nv),
        gaps=0.1 * random(HORIZON, 2 * nv) if gaps else None, lengths=torch.tensor(lengths, dtype=torch.float64),
    )  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_it_is_the_loop_of_steps(name: str, variant: str) -> None:
    """Balls, free joints, screws, mimic joints; some controls at their bounds, some not; the gaps left open as the step length says."""
    physics = Physics(system(name).model, dt=DT, **VARIANTS[variant])
    for gaps in (True, False):
        given = loop_of(physics, gaps=gaps)
        made, expected = closed_loop(physics, **given), slow.closed_loop(physics, **given)
        for x, y in zip(made, expected, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)
        acted = made[3][..., given["dofs"]]
        at_bound = (acted == given["low"]) | (acted == given["high"])
        assert 0.05 < at_bound.double().mean() < 0.95
        others = [i for i in range(physics.nv) if i not in given["dofs"]]
        assert torch.equal(made[3][..., others], given["dof_ctrl"][:, None, others].expand(-1, len(LENGTHS), -1))


@pytest.mark.parametrize("count", [1, 6, 9])
@pytest.mark.parametrize("variant", ["Euler", "RK4"])
def test_the_controls_that_acted_make_the_same_motion_to_the_last_bit(variant: str, count: int) -> None:
    """Without gaps for every step length, with gaps where it is one."""
    physics = Physics(system("pair").model, dt=DT, **VARIANTS[variant])
    for gaps in (True, False):
        given = loop_of(physics, gaps=gaps, lengths=(LENGTHS * 2)[:count])
        *states, acted = closed_loop(physics, **given)
        again = physics.rollout(given["theta"], *(given[k][:1].repeat(count, 1) for k in ("qpos", "qvel")), acted)
        same = given["lengths"] == 1.0 if gaps else torch.ones(count, dtype=torch.bool)
        for x, y in zip(again, states, strict=True):
            assert torch.equal(x[:, same], y[:, same])
        assert bool((again[0] != states[0]).any()) == (gaps and not bool(same.all()))


def test_contacts_as_in_a_rollout() -> None:
    """Also while the room for contacts grows: the controls are then found anew from those that were given."""
    made = []
    for room in (None, 1):
        physics = Physics(scene("contact3 cones").model, dt=DT)
        given = loop_of(physics, gaps=False, spread=0.02)
        if room is not None:
            assert physics.constraints is not None
            physics.constraints = type(physics.constraints)(physics.model, physics.dtype, room)
        made.append(closed_loop(physics, **given))
        *states, acted = made[-1]
        again = physics.rollout(given["theta"], *(given[k][:1].repeat(len(LENGTHS), 1) for k in ("qpos", "qvel")), acted)
        assert all(torch.equal(x, y) for x, y in zip(again, states, strict=True))
        assert physics.constraints is not None and physics.constraints.contacts > 1
    assert all(torch.equal(x, y) for x, y in zip(*made, strict=True))
    for x, y in zip(made[0], slow.closed_loop(physics, **given), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-7, atol=1e-7)


def test_a_motion_that_diverges_leaves_the_others_alone() -> None:
    """In the same register of lanes, with and without contact."""
    for physics, spread in (
        (Physics(system("floater").model, dt=DT), 0.5),
        (Physics(scene("contact3 cones").model, dt=DT), 0.02),
    ):
        given = loop_of(physics, gaps=False, spread=spread)
        given |= {"low": torch.full_like(given["low"], -torch.inf), "high": torch.full_like(given["high"], torch.inf)}
        wild = given | {"lengths": given["lengths"].clone()}
        wild["lengths"][2] = 1e200
        kept = [0, 1, 3, 4, 5]
        for x, y in zip(closed_loop(physics, **given), closed_loop(physics, **wild), strict=True):
            assert torch.equal(x[:, kept], y[:, kept])
            assert bool(x.isfinite().all()) and not bool(y[:, 2].isfinite().all())


def test_nothing_given_is_changed() -> None:
    physics = Physics(system("floater").model, dt=DT)
    given = loop_of(physics)
    before = {name: x.clone() for name, x in given.items() if isinstance(x, torch.Tensor)}
    closed_loop(physics, **given)
    assert all(torch.equal(x, given[name]) for name, x in before.items())


@pytest.mark.parametrize("change, message", [
    ({"dofs": [0, 0]}, "closed_loop: dofs are [0, 0]; allowed: at least one, each once"),
    ({"dofs": []}, "closed_loop: dofs are []"),
    ({"dofs": [99, 1]}, "closed_loop: dofs are [99, 1]"),
    ({"gains": torch.zeros(1, dtype=torch.float64)}, "gains is (1,)"),
    ({"gaps": torch.zeros(1, dtype=torch.float64)}, "gaps is (1,)"),
    ({"lengths": torch.ones(2)}, "lengths is (2,) torch.float32"),
])  # fmt: skip
def test_wrong_input_is_named(change: dict, message: str) -> None:
    physics = Physics(system("floater").model, dt=DT)
    with pytest.raises(InputError, match=re.escape(message)):
        closed_loop(physics, **(loop_of(physics) | change))
