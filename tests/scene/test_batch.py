"""Motions of any number of environments against those of scenes that are built for them."""

import pytest
import torch

from genesis.grad.tensor import plain
from genesis.scene.batch import allowed_rows, roll_out_batch
from genesis.scene.variants import some_envs
from tests.settings import built, numbers

pytestmark = pytest.mark.usefixtures("engine")

COUNT, HORIZON = 6, 5


def inputs(scene) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw, model = torch.Generator().manual_seed(0), scene.rigid_solver.model
    q, v, u = (
        torch.rand(*n, generator=draw, dtype=torch.float64)
        for n in ((COUNT, model.nq), (COUNT, model.nv), (HORIZON, COUNT, model.nv))
    )
    return q, v, 3.0 * u


@pytest.mark.parametrize("kind", ["force", "position", "velocity"])
@pytest.mark.parametrize("envs", [0, 2])
def test_each_motion_is_that_of_a_scene_of_its_own(kind: str, envs: int) -> None:
    scene, _ = built("panda", envs)
    alone, arm = built("panda", 0)
    qpos, qvel, controls = inputs(scene)
    mass = scene.rigid_solver.parameters.value("link_mass")[:1] * (1.0 + torch.arange(COUNT, dtype=torch.float64)[:, None] / 10.0)
    gains = scene.rigid_solver.parameters.value("dof_kp")[:1] * 0.0 + 40.0 + torch.arange(COUNT, dtype=torch.float64)[:, None]
    made = roll_out_batch(scene.rigid_solver, kind, qpos, qvel, controls, {"link_mass": mass, "dof_kp": gains})
    assert made.qpos.shape == (HORIZON + 1, COUNT, 7)
    for k in range(COUNT):
        params = {"link_mass": mass[k], "dof_kp": gains[k]}
        one = alone.rollout(controls[:, k], kind=kind, qpos=qpos[k], qvel=qvel[k], params=params)
        cut = some_envs(made, torch.tensor([k]), flat=True)
        for name in ("qpos", "qvel", "controls", "controller_force", "links_pos", "links_quat"):
            mine, expected = getattr(cut, name), getattr(one, name)
            assert mine.shape == expected.shape
            assert torch.allclose(plain(mine), plain(expected), rtol=1e-11, atol=1e-11), name
        assert torch.allclose(plain(made.point(arm.name, "panda_hand_tcp"))[:, k], plain(one.point(arm, "panda_hand_tcp")))


def test_policies_act_on_the_states_of_their_environments() -> None:
    scene, _ = built("cartpole", 0)
    qpos, qvel, controls = inputs(scene)
    gain = torch.arange(COUNT, dtype=torch.float64)[:, None]
    made = roll_out_batch(scene.rigid_solver, "force", qpos, qvel, controls, {}, lambda q, v: -gain * q)
    again = roll_out_batch(scene.rigid_solver, "force", qpos, qvel, plain(made.controls), {})
    assert torch.allclose(plain(made.controls), controls - gain * plain(made.qpos)[:-1])
    assert torch.allclose(plain(made.qpos), plain(again.qpos), rtol=1e-12, atol=1e-12)
    assert torch.allclose(plain(made.qacc), plain(again.qacc), rtol=1e-12, atol=1e-12)


def test_one_that_diverges_leaves_the_others_as_they_are() -> None:
    scene, _ = built("cartpole", 0)
    qpos, qvel, controls = inputs(scene)
    expected = roll_out_batch(scene.rigid_solver, "force", qpos, qvel, controls, {})
    qvel[2] = 1e200
    found = roll_out_batch(scene.rigid_solver, "force", qpos, qvel, controls, {})
    assert not torch.isfinite(found.qpos[-1, 2]).all()
    others = [0, 1, 3, 4, 5]
    assert torch.equal(plain(found.qpos)[:, others], plain(expected.qpos)[:, others])


def test_values_that_cannot_be_simulated_are_told_row_by_row() -> None:
    scene, _ = built("cartpole", 0)
    solver = scene.rigid_solver
    mass = solver.parameters.value("link_mass").expand(3, -1).clone()
    assert allowed_rows(solver, "link_mass", mass) == [True, True, True]
    mass[1, 0] = -1.0
    assert allowed_rows(solver, "link_mass", mass) == [True, False, True]
    force = numbers([-torch.inf] * 2, [torch.nan] * 2)
    assert allowed_rows(solver, "dof_force_lo", force) == [True, False]
