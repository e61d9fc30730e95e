"""Linearised steps against the adjoint launched row by row, differences in tangents, and MuJoCo's."""

import mujoco
import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError
from genesis.grad import linearization as module
from genesis.grad.linearization import LinearStep, Where, by_adjoints, linear_step, linearization
from genesis.grad.physics import Physics
from genesis.grad.tangent import minus, plus
from tests.dynamics.constraints import test_implicit
from tests.dynamics.constraints.scenes import SCENES, SCREW_SCENES, Scene, scene, smooth, states
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.dynamics.systems import SYSTEMS, system

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


STEPS = {
    "Euler": {},
    "Euler explicit": {"implicit_damping": False},
    "Euler substeps": {"substeps": 3},
    "implicitfast": {"integrator": "implicitfast"},
    "implicit": {"integrator": "implicit", "substeps": 2},
    "RK4": {"integrator": "RK4", "substeps": 2},
}
DIFFERENCES = 1e-7
MATTER = ("link_mass", "dof_damping", "gravity", "link_pos", "act_gain")


def of_system(name: str, physics: Physics) -> Where:
    """States of a small robot, and a parameter vector for each."""
    s, generator = system(name), torch.Generator().manual_seed(6)

    def near(x: torch.Tensor, scale: float) -> torch.Tensor:
        return x + scale * (torch.rand(COUNT, x.shape[-1], generator=generator, dtype=torch.float64) - 0.5)

    q = plus(s.model, s.qpos, near(torch.zeros(s.model.nv, dtype=torch.float64), 0.4))
    act_ctrl = near(s.act_ctrl[0], 0.1) if s.model.nu else None
    theta = physics.pack().expand(COUNT, -1).contiguous()
    return Where(theta, q, near(s.qvel, 1.0), near(s.dof_ctrl[0], 1.0), act_ctrl, None)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_differences_in_tangents(name: str, step: str) -> None:
    """Three directions of everything that goes in: x ⊕ h d, controls, parameters."""
    physics = Physics(system(name).model, dt=0.01, **STEPS[step])
    x, model = of_system(name, physics), physics.model
    columns = physics.columns([k for k in MATTER if model.parameter_offsets[k][1]])
    found = linear_step(physics, x.theta, x.qpos, x.qvel, x.dof_ctrl, x.act_ctrl, columns)
    centre = physics.step(x.theta, x.qpos, x.qvel, x.dof_ctrl, x.act_ctrl)[0]
    generator = torch.Generator().manual_seed(1)

    def direction(count: int) -> torch.Tensor:
        return torch.rand(COUNT, count, generator=generator, dtype=torch.float64) - 0.5

    for _ in range(3):
        dx, du, dc, dp = (direction(n) for n in (2 * model.nv, model.nv, model.nu, len(columns)))
        dp *= 0.1 * (x.theta[:, columns].abs() + 0.1)
        turned = torch.zeros_like(x.theta).index_copy_(1, columns, dp)

        def moved(h: float, dx=dx, du=du, dc=dc, turned=turned) -> torch.Tensor:
            c = None if x.act_ctrl is None else x.act_ctrl + h * dc
            q, v, a = physics.step(
                x.theta + h * turned,
                plus(model, x.qpos, h * dx[:, : model.nv]),
                x.qvel + h * dx[:, model.nv :],
                x.dof_ctrl + h * du,
                c,
            )
            return torch.cat([minus(model, q, centre), v, a], -1)

        expected, _ = extrapolated(torch.stack([moved(h) for h in OFFSETS], -1).numpy())
        parts = []
        for part in (found.next, found.acceleration):
            change = part.state @ dx[..., None] + part.dof_ctrl @ du[..., None] + part.parameters @ dp[..., None]
            parts.append((change if part.act_ctrl is None else change + part.act_ctrl @ dc[..., None])[..., 0])
        scale = np.abs(expected).max(0).clip(min=1e-3)
        assert np.abs((torch.cat(parts, -1).numpy() - expected) / scale).max() <= DIFFERENCES


OF_MUJOCO = (
    "limits", "equality", "contact3 pyramids", "contact6 cones-5 damped", "implicitfast mujoco", "implicitfast free mujoco",
    "implicit free mujoco",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_MUJOCO)
def test_matrices_are_those_of_mujoco(name: str) -> None:
    """Central differences of MuJoCo, whose solver is run until rounding stops it."""
    implicit = name.endswith(" mujoco")
    s = test_implicit.scene(name.removesuffix(" mujoco"), "mujoco") if implicit else scene(name)
    x, nv, nu, data = places(s), s.model.nv, s.model.nu, mujoco.MjData(s.twin)
    found = linearization(s.physics, x.theta, x.qpos, x.qvel, x.dof_ctrl, x.act_ctrl)
    a, b = np.zeros((2 * nv, 2 * nv)), np.zeros((2 * nv, nu))
    for k in range(COUNT):
        data.qpos[:], data.qvel[:], data.qfrc_applied[:] = (part[k].numpy() for part in (x.qpos, x.qvel, x.dof_ctrl))
        if x.act_ctrl is not None:
            data.ctrl[:] = x.act_ctrl[k].numpy()
        mujoco.mjd_transitionFD(s.twin, data, 1e-6, True, a, b if nu else None, None, None)
        scale = max(1.0, np.abs(a - np.eye(2 * nv)).max())
        assert np.abs(found.state[k].numpy() - a).max() <= 1e-5 * scale
        if found.act_ctrl is not None:
            assert np.abs(b).max() > 1e-6
            assert np.abs(found.act_ctrl[k].numpy() - b).max() <= 1e-5 * max(1.0, np.abs(b).max())


def test_known_accelerations_spare_the_simulation(monkeypatch) -> None:
    """The same numbers, with the accelerations of a rollout, and without a forward launch."""
    s = scene("limits")
    x, physics = places(s), s.physics
    expected = linearized(physics, x, None).next
    qacc = physics.step(x.theta, x.qpos, x.qvel, x.dof_ctrl)[2]
    monkeypatch.setattr(module, "_forward", None)
    found = linearization(physics, x.theta, x.qpos, x.qvel, x.dof_ctrl, None, None, qacc)
    assert torch.equal(found.state, expected.state) and torch.equal(found.dof_ctrl, expected.dof_ctrl)


@pytest.mark.parametrize("chunk", [2, 3])
def test_parts_of_many_states_are_the_same(monkeypatch, chunk: int) -> None:
    """Launches of two and three states, each with parameters of its own."""
    physics = Physics(system("floater").model, dt=0.01, substeps=2)
    x, columns = of_system("floater", physics), torch.arange(60)
    x.theta[:, :60] *= torch.linspace(1.0, 1.2, COUNT, dtype=torch.float64)[:, None]
    expected = linearized(physics, x, columns)
    monkeypatch.setattr(module, "CHUNK", chunk)
    assert worst(linearized(physics, x, columns), expected) <= 1e-13


def test_contacts_that_do_not_fit_get_room() -> None:
    """The first launch finds more contacts than there is room for."""
    s = scene("contact6 cones")
    x, physics = places(s), s.physics
    expected = linearization(physics, x.theta, x.qpos, x.qvel, x.dof_ctrl, None)
    qacc = physics.step(x.theta, x.qpos, x.qvel, x.dof_ctrl)[2]
    small = test_implicit.physics_of(s.model, physics.dt, implicit_damping=False)
    assert small.constraints is not None
    small.constraints.capacity -= small.constraints.contacts - 1
    small.constraints.contacts, small.constraints.growing = 1, True
    small.constraints.numbers["capacity"] = small.constraints.capacity
    found = linearization(small, x.theta, x.qpos, x.qvel, x.dof_ctrl, None, None, qacc)
    assert small.constraints.contacts > 1
    assert torch.allclose(found.state, expected.state, rtol=1e-9, atol=1e-9)


def test_what_is_not_finite_is_named() -> None:
    physics = Physics(system("arm").model, dt=0.01)
    x = of_system("arm", physics)
    x.qvel[3, 0] = float("nan")
    with pytest.raises(DivergenceError, match="linearization: .* at state 3"):
        linearized(physics, x, None)
