"""The same controls in other worlds: against rollouts with those parameters and starts."""

import pytest
import torch

from genesis.errors import InputError
from tests.settings import built, numbers

pytestmark = pytest.mark.usefixtures("engine")

QPOS, QVEL = numbers(2.5, 0.4), numbers(0.3, -0.2)


def targets(horizon: int) -> torch.Tensor:
    return torch.randn(horizon, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("kind", ["force", "position", "velocity"])
def test_variants_are_rollouts_with_those_parameters(kind: str) -> None:
    scene, _ = built("double_pendulum")
    offsets, controls = scene.rigid_solver.model.parameter_offsets, targets(12)
    mass, gain = offsets["link_mass"][0] + 1, offsets["dof_kp"][0]
    shift = 40.0 if kind == "position" else 0.0
    first, second = scene.physical_parameters()["dof_kp"].tolist()
    made = scene.rollout(controls, kind=kind, qpos=QPOS, qvel=QVEL)
    starts = torch.stack([QPOS, QPOS + 0.1]), torch.stack([QVEL, QVEL - 0.2])
    variants = made.variants([mass, gain], numbers([0.25, 0.0], [0.0, shift]), *starts)
    assert variants.qpos.shape == (13, 2, 2) and variants.force.shape == (12, 2, 2)
    heavy = scene.rollout(controls, kind=kind, qpos=QPOS, qvel=QVEL, params={"link_mass": numbers(1.0, 1.25)})
    stiff = scene.rollout(
        controls, kind=kind, qpos=QPOS + 0.1, qvel=QVEL - 0.2, params={"dof_kp": numbers(first + shift, second)}
    )
    for column, other in enumerate((heavy, stiff)):
        for name in ("qpos", "qvel"):
            assert torch.allclose(
                getattr(variants, name)[:, column], torch.as_tensor(getattr(other, name)), rtol=1e-12, atol=1e-12
            )
        assert torch.allclose(variants.force[:, column], torch.as_tensor(other.controller_force), rtol=1e-12, atol=1e-12)


def test_controller_force_is_what_the_gains_make_of_the_error() -> None:
    scene, _ = built("double_pendulum")
    controls = targets(5)
    made = scene.rollout(controls, kind="position", qpos=QPOS, qvel=QVEL)
    q, v = torch.as_tensor(made.qpos), torch.as_tensor(made.qvel)
    gains = scene.physical_parameters()
    asked = gains["dof_kp"] * (controls - q[:-1]) - gains["dof_kv"] * v[:-1]
    torch.testing.assert_close(made.controller_force.sceneless(), asked.sceneless(), rtol=1e-12, atol=1e-9)
    given = scene.rollout(controls, qpos=QPOS, qvel=QVEL)
    assert torch.equal(torch.as_tensor(given.controller_force), controls)


def test_without_bounds_forces_are_what_was_asked_for() -> None:
    """The arm's motors give at most 87 and 12 N m; a lighter push by the bound moves it less."""
    scene, arm = built("panda")
    push = torch.zeros(3, 7, dtype=torch.float64)
    push[:, 6] = 20.0
    start = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone(), torch.zeros(7, dtype=torch.float64)
    made = scene.rollout(push, qpos=start[0], qvel=start[1])
    rows = start[0][None], start[1][None]
    none = torch.zeros(1, 0, dtype=torch.float64)
    bounded, free = (made.variants([], none, *rows, bounded=b) for b in (True, False))
    assert torch.allclose(bounded.qpos[:, 0], torch.as_tensor(made.qpos), atol=1e-13)
    ratio = float(free.qvel[1, 0, 6] / bounded.qvel[1, 0, 6])
    assert ratio == pytest.approx(20.0 / 12.0, rel=0.05)
    assert arm.n_dofs == 7


def test_variants_need_one_environment_and_controls() -> None:
    scene, _ = built("double_pendulum", envs=2)
    made = scene.rollout(torch.zeros(2, 2, 2, dtype=torch.float64))
    with pytest.raises(InputError, match="needs controls, and a scene built with n_envs=0"):
        made.variants([], torch.zeros(1, 0, dtype=torch.float64), QPOS[None], QVEL[None])
