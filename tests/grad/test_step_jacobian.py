"""Jacobians of single steps against extrapolated differences along three random directions of everything that goes in."""

import pytest
import torch

from genesis.grad import linearization as module
from genesis.grad.physics import Physics
from genesis.grad.step_jacobian import step_jacobian
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.dynamics.systems import SYSTEMS, system
from tests.settings import built

pytestmark = pytest.mark.usefixtures("engine")
TOLERANCE = 1e-6
VARIANTS = {
    "euler": {},
    "implicitfast": {"integrator": "implicitfast"},
    "implicit": {"integrator": "implicit"},
    "rk4-substeps": {"integrator": "RK4", "substeps": 2},
}
COUNT = 5


def states(physics: Physics, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random states of unit quaternions, commands and controls."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5

    qpos = torch.as_tensor(physics.model.qpos0).expand(COUNT, -1) + 0.4 * random(COUNT, physics.nq)
    for joint in physics.model.joints:
        if joint.nq in (4, 7) and joint.mimic is None:
            part = slice(joint.qpos_adr + joint.nq - 4, joint.qpos_adr + joint.nq)
            qpos[:, part] = torch.nn.functional.normalize(qpos[:, part] + 0.5, dim=-1)
    made = {"qpos": qpos, "qvel": 2.0 * random(COUNT, physics.nv), "dof_ctrl": 3.0 * random(COUNT, physics.nv)}
    return made | ({"act_ctrl": random(COUNT, physics.nu)} if physics.nu else {})


def compared(physics: Physics, rows: bool = False) -> float:
    """Largest relative difference, next states and accelerations, to state, parameters and controls together."""
    at = states(physics)
    theta = physics.pack({})
    theta = theta.expand(COUNT, -1).contiguous() if rows else theta
    names = ("link_mass", "dof_damping", "gravity", "act_gain", "link_pos")
    columns = torch.cat([torch.arange(first, first + n) for first, n in (physics.model.parameter_offsets[k] for k in names)])
    found = step_jacobian(physics, theta, at["qpos"], at["qvel"], at["dof_ctrl"], at.get("act_ctrl"), columns, True)
    assert found.acceleration is not None
    generator, worst = torch.Generator().manual_seed(1), 0.0
    for _ in range(3):
        d = {key: torch.rand(x.shape, generator=generator, dtype=torch.float64) - 0.5 for key, x in at.items()}
        d_theta = torch.zeros_like(theta)
        turn = torch.rand(*theta.shape[:-1], len(columns), generator=generator, dtype=torch.float64)
        d_theta[..., columns] = 0.1 * turn * (theta[..., columns].abs() + 0.1)

        def moved(h: float, d=d, d_theta=d_theta) -> torch.Tensor:
            x = {key: value + h * d[key] for key, value in at.items()}
            made = physics.step(theta + h * d_theta, x["qpos"], x["qvel"], x["dof_ctrl"], x.get("act_ctrl"))
            return torch.cat(made, -1)

        expected, _ = extrapolated(torch.stack([moved(h) for h in OFFSETS], -1).numpy())
        actual = torch.cat([along(part, d, d_theta, columns) for part in (found.next, found.acceleration)], -1)
        scale = abs(expected).max(0)
        worst = max(worst, float((abs(actual.numpy() - expected) / scale.clip(min=1e-3)).max()))
    return worst


def along(part, d: dict[str, torch.Tensor], d_theta: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """(N, m) derivative in a direction."""
    change = torch.einsum("nmx,nx->nm", part.state, torch.cat([d["qpos"], d["qvel"]], -1))
    change = change + torch.einsum("nmf,nf->nm", part.parameters, d_theta[..., columns].expand(COUNT, -1))
    change = change + torch.einsum("nmv,nv->nm", part.dof_ctrl, d["dof_ctrl"])
    return change if part.act_ctrl is None else change + torch.einsum("nmu,nu->nm", part.act_ctrl, d["act_ctrl"])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["panda", "ball", "arm", "pair"])
def test_every_input(name: str, variant: str) -> None:
    model = system(name).model if name in SYSTEMS else built(name)[0].rigid_solver.model
    assert compared(Physics(model, dt=0.01, **VARIANTS[variant])) <= TOLERANCE


def test_parameters_of_each_state() -> None:
    assert compared(Physics(built("panda")[0].rigid_solver.model, dt=0.01), rows=True) <= TOLERANCE


def test_launches_of_parts_give_the_same(monkeypatch) -> None:
    """Five states in launches of three and of two."""
    physics = built("panda")[0].rigid_solver.physics
    at, theta, columns = states(physics), physics.pack({}), torch.arange(40)
    whole = step_jacobian(physics, theta, at["qpos"], at["qvel"], at["dof_ctrl"], None, columns)
    assert whole.acceleration is None and whole.next.act_ctrl is None
    monkeypatch.setattr(module, "CHUNK", 3)
    parts = step_jacobian(physics, theta, at["qpos"], at["qvel"], at["dof_ctrl"], None, columns)
    for name in ("state", "parameters", "dof_ctrl"):
        assert torch.allclose(getattr(whole.next, name), getattr(parts.next, name), rtol=1e-13, atol=1e-13)
