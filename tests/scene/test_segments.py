"""A motion in segments: which step is whose, one launch, and the same numbers as a rollout where there are no gaps."""

import numpy as np
import pytest
import torch

from genesis.errors import DivergenceError
from genesis.grad.tensor import plain
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.scene.segments import Segments, roll_out_segments
from tests.settings import built, numbers

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.parametrize(("horizon", "count"), [(10, 3), (7, 7), (9, 2), (12, 4)])
def test_every_step_belongs_to_one_segment(horizon: int, count: int) -> None:
    segments = Segments(horizon, count)
    lengths = np.diff(np.append(segments.starts, horizon))
    assert segments.starts[0] == 0 and lengths.sum() == horizon
    assert lengths.max() == segments.length and lengths.max() - lengths.min() <= 1
    after, which = segments.seen()
    steps = segments.steps()
    for t in range(horizon):
        assert steps[after[t], which[t]] == t
    assert int(after[-1]) == int(lengths[-1]) and int(which[-1]) == count - 1
    ends = segments.ends()
    assert ends[0].tolist() == lengths[:-1].tolist() and ends[1].tolist() == list(range(count - 1))


def test_segments_that_begin_on_a_rollout_are_that_rollout() -> None:
    scene, _ = built("double_pendulum")
    generator = torch.Generator().manual_seed(1)
    controls = torch.randn(13, 2, generator=generator, dtype=torch.float64)
    start = numbers(0.4, -0.2), numbers(0.1, 0.3)
    run = scene.rollout(controls, qpos=start[0], qvel=start[1])
    segments = Segments(13, 4)
    q, v = plain(run.qpos)[segments.starts], plain(run.qvel)[segments.starts]
    made = roll_out_segments(scene.rigid_solver, segments, "force", q, v, controls, {})
    for name in ("qpos", "qvel", "qacc"):
        assert torch.allclose(plain(getattr(made.trajectory, name)), plain(getattr(run, name)), rtol=0.0, atol=1e-12)
    assert float(made.gaps.abs().max()) < 1e-12
    moved = v.clone()
    moved[2, 1] += 0.25
    gaps = roll_out_segments(scene.rigid_solver, segments, "force", q, moved, controls, {}).gaps
    assert float(gaps[1, 3]) == pytest.approx(-0.25, abs=1e-12)  # before node 2 the end is still on the rollout
    assert float(gaps[2].abs().max()) > 1e-3 and float(gaps[0].abs().max()) < 1e-12


def test_gaps_of_a_free_body_are_turns_about_its_own_axes() -> None:
    scene = Scene(sim_options=SimOptions(dt=0.01, requires_grad=False), rigid_options=RigidOptions(enable_collision=False))
    scene.add_entity(morphs.Box(size=(0.1, 0.2, 0.3)), name="box")
    scene.build(n_envs=0)
    controls = torch.zeros(6, 6, dtype=torch.float64)
    q0, v0 = numbers(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0), numbers(1.0, 0.0, 0.0, 0.0, 0.0, 2.0)
    run = scene.rollout(controls, qpos=q0, qvel=v0)
    node = plain(run.qpos)[3].clone()
    turn = np.pi / 3
    node[3:] = numbers(np.cos(turn / 2), np.sin(turn / 2), 0.0, 0.0)  # a turn about x instead of the one about z
    states = torch.stack([q0, node]), torch.stack([v0, plain(run.qvel)[3]])
    gaps = roll_out_segments(scene.rigid_solver, Segments(6, 2), "force", *states, controls, {}).gaps[0]
    assert float(gaps[:3].abs().max()) < 1e-12 and float(gaps[6:].abs().max()) < 1e-12
    assert float(gaps[3]) == pytest.approx(-turn, abs=0.05) and float(gaps[5]) == pytest.approx(0.06, abs=0.01)


def test_physical_parameters_and_their_gradient_reach_every_segment() -> None:
    scene, _ = built("double_pendulum")
    segments, controls = Segments(8, 2), torch.zeros(8, 2, dtype=torch.float64)
    damping = torch.tensor([0.5, 0.1], dtype=torch.float64, requires_grad=True)
    q = torch.stack([numbers(1.0, 0.2), numbers(0.3, 0.4)])
    v = torch.stack([numbers(1.0, 0.0), numbers(0.0, 2.0)])

    def end(values: torch.Tensor) -> torch.Tensor:
        made = roll_out_segments(scene.rigid_solver, segments, "force", q, v, controls, {"dof_damping": values})
        return made.gaps.sum() + plain(made.trajectory.qpos)[-1].sum()

    (slope,) = torch.autograd.grad(end(damping), damping)
    for k in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[k] = 1e-5
        with torch.no_grad():
            difference = (end(damping + step) - end(damping - step)) / 2e-5
        assert float(slope[k]) == pytest.approx(float(difference), rel=1e-6)


def test_a_segment_that_diverges_is_named_with_its_step() -> None:
    scene, _ = built("double_pendulum")
    q = torch.stack([numbers(0.1, 0.2)] * 3)
    v = torch.stack([numbers(0.0, 0.0), numbers(1e200, 0.0), numbers(0.0, 0.0)])
    controls = torch.zeros(9, 2, dtype=torch.float64)
    with pytest.raises(DivergenceError, match="in segment 2 of 3") as caught:
        roll_out_segments(scene.rigid_solver, Segments(9, 3), "force", q, v, controls, {})
    assert caught.value.step in (4, 5, 6)
